"""Carries requests to a simulated venue without a socket, under whatever clock the running loop has."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import anyio
import anyio.lowlevel

from engine.errors import TransportError
from engine.simulator.exchange import exchange
from engine.simulator.venue import SimulatedVenue
from engine.simulator.wire import BREAKS_OFF, NEVER_ANSWERS, Manner, Reply
from engine.venues.base import HttpAnswer, HttpRequest

CODES = {Manner.REFUSE: "refused", Manner.UNRESOLVED: "dns", Manner.NO_TLS: "tls"}
"""What a client calls a connection that did not come about."""


class MemoryTransport:
    """A pool of connections to one simulated venue, each good for one request at a time.

    Fails the way a real pool fails: a refused connection before `on_sent`, a broken one after it, a hang never.

    Args:
        simulator: The venue; its time is the running loop's.
        body_limit_bytes: A longer body is a `TransportError`, as a careful client would have it; None for no limit.
    """

    def __init__(self, simulator: SimulatedVenue, *, body_limit_bytes: int | None = None) -> None:
        self._simulator = simulator
        self._body_limit_bytes = body_limit_bytes
        self._idle: list[int] = []
        self._numbers = itertools.count(1)
        self._closed = False

    async def send(self, request: HttpRequest, *, on_sent: Callable[[], None]) -> HttpAnswer:
        """See `engine.venues.base.Transport`."""
        if self._closed:
            raise RuntimeError("the transport is closed")
        await anyio.lowlevel.checkpoint()
        kept_out = self._simulator.refuses(request, now_s=anyio.current_time())
        if kept_out is not None:
            raise TransportError(f"no connection: {kept_out}", sent=False, code=CODES[kept_out])
        connection = self._idle.pop() if self._idle else next(self._numbers)
        on_sent()
        reply = await exchange(self._simulator, request, connection=connection, clock=anyio.current_time)
        await anyio.sleep(reply.byte_delay_s * len(reply.body))
        answer = await self._wait_for_answer(reply)
        if reply.manner in (Manner.ANSWER, Manner.DRIP):
            self._idle.append(connection)
        return answer

    async def aclose(self) -> None:
        """Close the pool."""
        self._closed = True
        self._idle.clear()

    async def _wait_for_answer(self, reply: Reply) -> HttpAnswer:
        if reply.manner in NEVER_ANSWERS:
            await anyio.sleep_forever()
        if reply.manner in BREAKS_OFF:
            raise TransportError(
                "the connection broke before the answer was complete",
                sent=True,
                code="disconnected",
                status=reply.visible_status,
            )
        if self._body_limit_bytes is not None and len(reply.body) > self._body_limit_bytes:
            raise TransportError("the answer is too long", sent=True, code="too_long", status=reply.status)
        return reply.as_answer()


class Switchboard:
    """One transport to several simulated venues, each at an address of its own.

    Args:
        simulators: Base URL, without a slash at its end, to the venue that answers there.
    """

    def __init__(self, simulators: Mapping[str, SimulatedVenue]) -> None:
        self._transports = {base_url: MemoryTransport(simulator) for base_url, simulator in simulators.items()}

    async def send(self, request: HttpRequest, *, on_sent: Callable[[], None]) -> HttpAnswer:
        """See `engine.venues.base.Transport`."""
        (transport,) = (each for base_url, each in self._transports.items() if request.url.startswith(f"{base_url}/"))
        return await transport.send(request, on_sent=on_sent)

    async def aclose(self) -> None:
        """Close every pool."""
        for transport in self._transports.values():
            await transport.aclose()
