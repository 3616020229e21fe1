"""The way of one request through a simulated venue, in time: travel, the venue's work, the silence before the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio

from engine.simulator.venue import SimulatedVenue
from engine.simulator.wire import Reply
from engine.venues.base import HttpRequest


async def exchange(simulator: SimulatedVenue, request: HttpRequest, *, connection: int, clock: Callable[[], float]) -> Reply:
    """Let the request arrive, and wait until its reply would begin.

    What has been sent arrives: giving up on the answer, even before the request is there, does not call it back. So
    the arrival hangs on a timer of the loop, not on the caller's patience.

    Args:
        simulator: The venue.
        request: As it was sent.
        connection: The number of the connection that carries it.
        clock: Simulated seconds, as the venue's ledger has them.
    """
    think_s = simulator.draw_latency_s()
    arrived = anyio.Event()
    replies: list[Reply] = []

    def arrive() -> None:
        replies.append(simulator.receive(request, now_s=clock(), connection=connection))
        arrived.set()

    if think_s > 0:
        asyncio.get_running_loop().call_later(think_s / 2, arrive)
        await arrived.wait()
    else:
        arrive()
    rest_s = think_s / 2 + replies[0].delay_s
    await anyio.sleep(rest_s)
    return replies[0]
