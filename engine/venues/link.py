"""One connection: requests of HTTP/1.1 one after another, and the answer to each. Who connects, and when, is not decided here.

The bytes of an answer are made sense of by llhttp, as strictly as it goes. What it lets pass, and what we do not:

1. An answer counts only if it was asked for: what comes while no request is out, or behind an answer, spoils the connection. What
   crosses a request on its way no client can tell from its answer.
2. Neither the head of an answer, nor its body, nor what that unpacks to, nor what stands between its parts is taken in without
   a bound.
3. An answer without a length is whole only where the connection ends in order.
"""

from __future__ import annotations

import asyncio
import select
import zlib
from collections.abc import Callable
from typing import cast

import httptools

from engine.venues.base import HttpAnswer

MOST_BYTES = 8 * 1024 * 1024
"""Largest answer that is read; a page of 20 rows is about 12 KiB. A guess, with room for a venue of larger pages."""

MOST_HEAD_BYTES = 64 * 1024
"""Largest head of an answer. A guess: servers commonly take 8 KiB of a client."""

MOST_HEADERS = 128
"""Most lines of it, and of what may stand behind a body. A guess."""

_VERSIONS = frozenset({"1.0", "1.1"})
_SWITCHING = 101
_LEAST_FINAL = 200
_GZIP_OR_ZLIB = 47
"""How zlib is told to find out by itself which of both it is."""


class BrokenAnswerError(Exception):
    """An answer that is none; the text says why."""


class TooLargeError(Exception):
    """An answer beyond the bounds."""


class Link(asyncio.Protocol):
    """A connection that stands.

    Args:
        transport: Of the connection; its protocol so far is told when it ends, and nothing else any more.
        let_go: Called once it is closed, or has ended.

    Attributes:
        is_kept: Whether another request may be sent on it.
        rests_since_s: Since when it is not used, by the loop's clock.
    """

    def __init__(self, transport: asyncio.Transport, *, let_go: Callable[[], None]) -> None:
        self.is_kept = True
        self.rests_since_s = 0.0
        self._transport = transport
        self._let_go = let_go
        self._readable = select.poll() if hasattr(select, "poll") else None
        if self._readable is not None:
            self._readable.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._before = cast(asyncio.Protocol, transport.get_protocol())
        self._asked: asyncio.Future[HttpAnswer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._has_begun = self._is_in_head = self._is_interim = self._is_whole = False
        self._fault: Exception | None = None
        transport.set_protocol(self)

    @property
    def is_free(self) -> bool:
        """Whether a request may be sent on it now."""
        return self.is_kept and self._asked is None and not self._transport.is_closing()

    @property
    def has_unread(self) -> bool:
        """Whether it has ended, or anything lies in its socket that was not read yet; True where that cannot be known."""
        return self._readable is None or not self.is_free or bool(self._readable.poll(0))

    def ask(self, data: bytes) -> asyncio.Future[HttpAnswer]:
        """Send a request, whole; the connection must be kept, and no other request out on it.

        Returns:
            What brings the answer, or `BrokenAnswerError`, `TooLargeError` or an `OSError`.
        """
        asked = self._asked = asyncio.get_running_loop().create_future()
        self._has_begun = self._is_whole = False
        self._transport.write(data)
        return asked

    def close(self) -> None:
        """Let nothing more come or go."""
        self.is_kept = False
        self._transport.abort()
        self._let_go()

    # --- what the loop tells

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._asked is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.is_kept = False
        except httptools.HttpParserError as error:
            self._fail(BrokenAnswerError(str(error)))
            return
        if not self._is_whole and self._has_begun:
            self._raw += len(data)
            if self._is_in_head and self._raw > MOST_HEAD_BYTES:
                self._fault = BrokenAnswerError("its head does not end")
            elif self._raw - self._encoded > MOST_BYTES:
                self._fault = TooLargeError()
        if self._fault is not None:
            self._fail(self._fault)
        elif self._is_whole:
            self._finish()

    def eof_received(self) -> None:
        """See `asyncio.Protocol`; the connection ends."""

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self.is_kept = False
        self._before.connection_lost(exc)
        self._let_go()
        if self._asked is None:
            return
        ends_it = self._has_begun and not self._is_in_head and not self._is_interim and self._has_no_length
        if exc is None and ends_it and self._fault is None:
            self._finish()
        else:
            self._fail(exc or BrokenAnswerError("it was closed"))

    # --- what the parser tells

    def on_message_begin(self) -> None:
        """A head begins."""
        if self._is_whole:
            self.is_kept = False  # it spoke once more, unasked
            return
        self._has_begun = self._is_in_head = True
        self._is_interim = False
        self._headers: dict[str, str] = {}
        self._lines = self._raw = self._encoded = self._size = 0
        self._chunks: list[bytes] = []
        self._unpacks: zlib._Decompress | None = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """One line of the head, or behind a body."""
        if self._is_whole:
            return
        self._lines += 1
        if self._lines > MOST_HEADERS:
            self._fault = BrokenAnswerError(f"it has more than {MOST_HEADERS} headers")
        elif self._is_in_head:
            self._headers[name.decode("latin-1").lower()] = value.decode("utf-8", "surrogateescape")

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._is_whole:
            return
        self._is_in_head = False
        self._status = self._parser.get_status_code()
        self._is_interim = self._status < _LEAST_FINAL and self._status != _SWITCHING
        self._has_no_length = "content-length" not in self._headers and "transfer-encoding" not in self._headers
        version, packed = self._parser.get_http_version(), self._headers.get("content-encoding", "identity").strip().lower()
        if version not in _VERSIONS:
            self._fault = BrokenAnswerError(f"its version is {version}")
        elif packed in ("gzip", "x-gzip", "deflate"):
            self._unpacks = zlib.decompressobj(_GZIP_OR_ZLIB)
        elif packed not in ("identity", ""):
            self._fault = BrokenAnswerError("it is packed in a way that was not asked for")

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self._is_whole or self._fault is not None:
            return
        self._encoded += len(body)
        if self._unpacks is not None:
            try:
                body = self._unpacks.decompress(body, MOST_BYTES + 1 - self._size)
            except zlib.error as error:
                self._fault = BrokenAnswerError(str(error))
                return
        self._size += len(body)
        if self._size > MOST_BYTES:
            self._fault = TooLargeError()
            return
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        """The answer is whole, or was only an interim one."""
        if self._is_whole:
            return
        if self._is_interim:
            self._has_begun = False
            return
        self._is_whole = True
        self.is_kept &= self._parser.should_keep_alive()

    # --- how it ends

    def _finish(self) -> None:
        asked, self._asked = self._asked, None
        if asked is None or asked.done():
            return
        if self._unpacks is not None and self._size and not self._unpacks.eof:
            self._asked = asked
            self._fail(BrokenAnswerError("what it is packed in does not end"))
            return
        asked.set_result(HttpAnswer(status=self._status, headers=self._headers, body=b"".join(self._chunks)))
        if not self.is_kept:
            self.close()

    def _fail(self, error: Exception) -> None:
        asked, self._asked = self._asked, None
        self.close()
        if asked is not None and not asked.done():
            asked.set_exception(error)
