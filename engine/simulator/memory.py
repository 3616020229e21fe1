"""Carries requests to a simulated venue without a socket, under whatever clock the running loop has."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import anyio
import anyio.lowlevel

from engine.errors import TransportError
from engine.simulator.exchange import exchange
from engine.simulator.venue import SimulatedVenue
from engine.simulator.wire import BREAKS_OFF, NEVER_ANSWERS, Manner, Reply
from engine.venues.base import HttpAnswer, HttpRequest


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
        if self._simulator.refuses(request, now_s=anyio.current_time()):
            raise TransportError("connection refused", sent=False, code="refused")
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
