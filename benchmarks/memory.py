"""The benchmarks' own venue without a socket: bytes in, bytes out, under whatever clock the running loop has."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from benchmarks.books import Book
from benchmarks.parsing import Asked
from engine.venues.base import HttpAnswer, HttpRequest

HOST = "http://127.0.0.1:9"
"""An address that is never connected to."""


class BookTransport:
    """Carries requests to a book.

    Args:
        book: Answers.
        latency_s: How long that takes, by the loop's clock.
    """

    def __init__(self, book: Book, *, latency_s: float) -> None:
        self._book = book
        self._latency_s = latency_s

    async def send(self, request: HttpRequest, *, on_sent: Callable[[], None]) -> HttpAnswer:
        """See `engine.venues.base.Transport`."""
        on_sent()
        head = "".join([f"\r\n{name}:{value}" for name, value in request.revealed_headers().items()]).lower().encode()
        path = request.url.removeprefix(HOST).encode()
        await anyio.sleep(self._latency_s)
        came = self._book.answer(Asked(request.method.encode(), path, head, request.body or b""))
        head, _, body = came.partition(b"\r\n\r\n")
        return HttpAnswer(status=int(head[9:12]), headers={"content-type": "application/json"}, body=body)

    async def aclose(self) -> None:
        """Nothing to close."""
