"""Serves a simulated venue over real HTTP/1.1, on loopback only. Misbehaves on the socket where the reply says so."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import anyio
from aiohttp import web

from engine.errors import ConfigError
from engine.simulator.exchange import exchange
from engine.simulator.redirects import RedirectTarget
from engine.simulator.venue import SimulatedVenue
from engine.simulator.wire import NEVER_ANSWERS, Manner, Reply
from engine.venues.base import HttpRequest

STOP_PATIENCE_S = 0.2
"""How long a stopping server waits for answers under way. A guess; hanging ones never come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorServer:
    """A running server.

    Attributes:
        base_url: Scheme, host and port, without a path and without a slash at the end.
        redirect_target: The second listener, to which the redirect fault points.
    """

    base_url: str
    host: str
    port: int
    redirect_target: RedirectTarget


@asynccontextmanager
async def serve(
    simulator: SimulatedVenue,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[SimulatorServer]:
    """Serve the venue while the block runs; its simulated time is the seconds since the server began.

    Args:
        simulator: The venue.
        host: A loopback address, or `localhost`.
        port: 0 takes a free one.
        ssl_context: Given, the venue speaks TLS; the redirect target never does.

    Raises:
        ConfigError: the host is not a loopback address.
        OSError: the port cannot be had.
    """
    _check_loopback(host)
    start_s = asyncio.get_running_loop().time()
    front = _Front(simulator, clock=lambda: asyncio.get_running_loop().time() - start_s)
    target = RedirectTarget()
    async with (
        _listening(_NumberedServer(front.handle), host, port, ssl_context) as bound,
        _listening(web.Server(target.handle), host, 0, None) as target_bound,
    ):
        target.base_url = f"http://{_in_url(host)}:{target_bound}"
        simulator.redirect_url = target.base_url
        base_url = f"{'http' if ssl_context is None else 'https'}://{_in_url(host)}:{bound}"
        yield SimulatorServer(base_url=base_url, host=host, port=bound, redirect_target=target)


class _Front:
    """Takes requests off the wire, and puts replies on it in their manner."""

    def __init__(self, simulator: SimulatedVenue, *, clock: Callable[[], float]) -> None:
        self._simulator = simulator
        self._clock = clock

    async def handle(self, request: web.BaseRequest, connection: int) -> web.StreamResponse:
        """Answer one request; what must not be answered ends with the connection."""
        seen = HttpRequest(
            method=request.method,
            url=f"{request.scheme}://{request.host}{request.raw_path}",
            headers=dict(request.headers),
            body=await request.read(),
        )
        if self._simulator.refuses(seen, now_s=self._clock()):
            return _hang_up(request)
        reply = await exchange(self._simulator, seen, connection=connection, clock=self._clock)
        if reply.manner is Manner.DRIP:
            return await _drip(request, reply)
        if reply.manner is Manner.ANSWER:
            return web.Response(status=reply.status, headers=reply.headers, body=reply.body or None)
        return await _break(request, reply)


async def _break(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """Write what the manner lets through, byte by byte our own, then hang up or say nothing more."""
    if request.transport is not None:
        request.transport.write(_raw(reply))
    if reply.manner in NEVER_ANSWERS:
        await anyio.sleep_forever()
    return _hang_up(request)


def _hang_up(request: web.BaseRequest) -> web.Response:
    """Close the connection; the response returned finds it closed and goes nowhere."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


async def _drip(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_length = len(reply.body)
    await response.prepare(request)
    for byte in reply.body:
        await anyio.sleep(reply.byte_delay_s)
        await response.write(bytes([byte]))
    await response.write_eof()
    return response


def _raw(reply: Reply) -> bytes:
    """The bytes of a reply that is not allowed to be a proper one."""
    if reply.visible_status is None:
        return b""
    half = len(reply.body) // 2
    length = {Manner.LENGTH_SMALL: half, Manner.LENGTH_LARGE: len(reply.body) + 64}.get(reply.manner, len(reply.body))
    sent = {Manner.DROP_HEADERS: b"", Manner.DROP_BODY: reply.body[:half]}.get(reply.manner, reply.body)
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    lines += [f"Content-Length: {length}", "", ""]
    return "\r\n".join(lines).encode() + sent


class _NumberedServer(web.Server):
    """Numbers its connections from 1, and ends the work on a request whose client has gone."""

    def __init__(self, handle: Callable[[web.BaseRequest, int], Awaitable[web.StreamResponse]]) -> None:
        self._numbers = itertools.count(1)
        self._number_of: dict[object, int] = {}

        async def numbered(request: web.BaseRequest) -> web.StreamResponse:
            return await handle(request, self._number_of.get(request.protocol, 0))

        super().__init__(numbered, handler_cancellation=True, access_log=None)

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        """Number the new connection."""
        self._number_of[handler] = next(self._numbers)
        super().connection_made(handler, transport)

    def connection_lost(self, handler: Any, exc: BaseException | None = None) -> None:
        """Forget the connection."""
        self._number_of.pop(handler, None)
        super().connection_lost(handler, exc)


@asynccontextmanager
async def _listening(server: web.Server, host: str, port: int, ssl_context: ssl.SSLContext | None) -> AsyncIterator[int]:
    """Listen while the block runs; gives the port."""
    runner = web.ServerRunner(server, shutdown_timeout=STOP_PATIENCE_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=ssl_context).start()
        yield int(runner.addresses[0][1])
    finally:
        with anyio.CancelScope(shield=True):
            await runner.cleanup()


def _check_loopback(host: str) -> None:
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ConfigError(f"a simulator listens on loopback only, not on {host!r}")


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
