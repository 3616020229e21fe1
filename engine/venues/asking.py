"""Ask a venue something outside of a run: one request, its answer, in time. For the calls that hand out keys.

Knows no venue. Nothing is repeated here, and no redirect is followed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from engine.errors import TransportError
from engine.secret import Mask, hide_in_error
from engine.venues.base import HttpAnswer, HttpRequest, Transport


@asynccontextmanager
async def opened(transport: Transport | None) -> AsyncIterator[Transport]:
    """The transport that was given, left open afterwards; or one of our own, closed afterwards."""
    if transport is not None:
        yield transport
        return
    from engine.venues.http import HttpTransport  # noqa: PLC0415  # aiohttp is for those who use it

    own = HttpTransport(connections=1)
    try:
        yield own
    finally:
        with anyio.CancelScope(shield=True):
            await own.aclose()


async def ask(transport: Transport, request: HttpRequest, *, timeout_s: float) -> HttpAnswer:
    """Send the request and wait for its answer, which is without the request's own secrets should it repeat them.

    Raises:
        TransportError: no complete answer came in time; `.sent` says whether the request may have arrived.
    """
    has_left = False

    def on_sent() -> None:
        nonlocal has_left
        has_left = True

    secrets = Mask(request.secrets)
    with anyio.move_on_after(timeout_s):
        try:
            return (await transport.send(request, on_sent=on_sent)).masked(secrets)
        except TransportError as error:
            hide_in_error(error, secrets)
            raise
    raise TransportError(f"no answer within {timeout_s:g} s", sent=has_left, code="timeout")
