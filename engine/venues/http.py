"""Bytes over aiohttp: the only file that imports its client. One pooled session, no redirects, no cookies, bounded answers.

Headers are in the clear in aiohttp's own frames and in none of ours, so no error leaves here with its frames, nor with the error
that it was mapped from: a traceback that prints variables would show the key.

What aiohttp raises is mapped here, once, to a `TransportError` that says whether the request may have reached the venue: it
has not before it began to leave, on a connection that stood, and may have at any time after.

A request leaves once:

1. aiohttp sends a GET or DELETE a second time by itself when a kept connection breaks under it. That would be a request outside
   of every limit, so a request that has left gets no second connection. What a cancel on a stale connection did is then unknown,
   and the engine reads the order: it sends the cancel again only where that shows the order open, in its turn and signed anew.
2. An answer counts only if nothing lay on its connection before the request: HTTP/1.1 tells answers apart by their order alone,
   and aiohttp keeps what comes on an idle connection and takes it for the next answer. A connection on which anything came
   unasked is closed before a request leaves on it. What crosses the request on its way no client can tell from its answer; that
   is left to answers that name their orders, and to the listing afterwards of `cancel_all` and `verify=True`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, cast
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from engine.errors import ConfigError, TransportError
from engine.venues.base import HttpAnswer, HttpRequest

MOST_BYTES = 8 * 1024 * 1024
"""Largest answer that is read; a page of 20 rows is about 12 KiB. A guess, with room for a venue of larger pages."""

CONNECT_S = 5.0
"""Longest wait for a connection to stand, TLS included. Shorter than a request's own bound, so that it is told apart."""

KEEP_WARM_S = 60.0
"""How long an idle connection is kept. A guess: longer than the pauses between two windows, shorter than most servers' bound."""


class HttpTransport:
    """The transport that the engine opens for itself.

    Args:
        connections: Most connections at a time, to each venue.
        tls: Certificates to trust, or None for the system's. TLS is always verified.
    """

    def __init__(self, *, connections: int = 256, tls: ssl.SSLContext | None = None) -> None:
        if tls is not None and (tls.verify_mode is not ssl.CERT_REQUIRED or not tls.check_hostname):
            raise ConfigError("tls must verify certificates and host names: the key travels over it")
        self._connections = connections
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: HttpRequest, *, on_sent: Callable[[], None]) -> HttpAnswer:
        """Send the request and read the whole answer. See `Transport.send`."""
        way = _OneWay(on_sent)
        token = _WAY.set(way)
        broken: TransportError
        try:
            async with self._open().request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.revealed_headers(),
                data=request.body,
                allow_redirects=False,
            ) as response:
                return HttpAnswer(
                    status=response.status,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=await _bounded_body(response),
                )
        except TransportError as error:
            broken = TransportError(str(error), sent=error.sent, code=error.code)
        except Exception as error:  # noqa: BLE001  # whatever a broken answer makes the client raise
            broken = _mapped(error, request, sent=way.has_left)
        except BaseException as error:  # noqa: BLE001  # goes on as it is, but for its frames
            raise error.with_traceback(None)  # noqa: B904  # the same error
        finally:
            _WAY.reset(token)
        raise broken

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_headers_sent)
            self._session = aiohttp.ClientSession(
                connector=_CleanConnector(
                    limit=0,
                    limit_per_host=self._connections,
                    keepalive_timeout=KEEP_WARM_S,
                    ssl=True if self._tls is None else self._tls,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
                headers={"Accept-Encoding": "identity", "User-Agent": "cancel-engine"},
                trace_configs=[trace],
            )
        return self._session


class _OneWay:
    """The way of one request: the call to make when it leaves, and whether it has."""

    __slots__ = ("has_left", "on_sent")

    def __init__(self, on_sent: Callable[[], None]) -> None:
        self.on_sent = on_sent
        self.has_left = False


_WAY: ContextVar[_OneWay] = ContextVar("way")
"""Of the request that the running task sends: aiohttp hands nothing of ours on to its connector."""


async def _headers_sent(_session: aiohttp.ClientSession, _context: object, _params: object) -> None:
    way = _WAY.get()
    way.has_left = True
    way.on_sent()


class _CleanConnector(aiohttp.TCPConnector):
    """Hands out one connection for each request, and none on which something came unasked or which the other side has closed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._used: WeakSet[ResponseHandler] = WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # the signature is aiohttp's
    ) -> Connection:
        """See `aiohttp.BaseConnector.connect`.

        Raises:
            TransportError: the request has left already, or not even a new connection is clean.
        """
        host = req.url.authority
        if _WAY.get().has_left:
            raise TransportError(f"the connection to {host} broke before the answer was complete", sent=True, code="broken")
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = cast(ResponseHandler, connection.protocol)  # a connection has one for as long as it is held
            if await _is_clean(connection, protocol):
                self._used.add(protocol)
                return connection
            is_new = protocol not in self._used
            connection.close()
            if is_new:
                raise TransportError(f"{host} spoke, or hung up, before anything was asked", sent=False, code="unasked")


async def _is_clean(connection: Connection, protocol: ResponseHandler) -> bool:
    try:
        for _ in range(2):  # the loop looks at its sockets, and then reads what they bring
            await asyncio.sleep(0)
    except BaseException:
        connection.close()
        raise
    return protocol.is_connected() and not protocol.should_close


async def _bounded_body(response: aiohttp.ClientResponse) -> bytes:
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > MOST_BYTES:
            response.close()
            raise TransportError(f"an answer larger than {MOST_BYTES} bytes was cut off", sent=True, code="too_large")
    return b"".join(chunks)


def _mapped(error: Exception, request: HttpRequest, *, sent: bool) -> TransportError:
    host = URL(request.url, encoded=True).authority
    if sent:
        words = f"the connection to {host} broke before the answer was complete: {_words(error)}"
        return TransportError(words, sent=True, code="broken")
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return TransportError(f"TLS with {host} failed: {_words(error)}", sent=False, code="tls")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return TransportError(f"the name of {host} cannot be resolved: {_words(error)}", sent=False, code="dns")
    return TransportError(f"no connection to {host}: {_words(error)}", sent=False, code="no_connection")


def _words(error: Exception) -> str:
    """The error's own words on one line; some have none but their name."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return " ".join(str(cause).split())[:200] or type(error).__name__
