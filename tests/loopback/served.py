"""A simulated venue for callers that block: served on a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from engine.simulator import SimulatedVenue, serve

PATIENCE_S = 30
"""Longest wait for the server to begin or to end."""


@contextmanager
def served(simulator: SimulatedVenue) -> Iterator[str]:
    """The venue's address, while the block runs."""
    begun: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def hold() -> None:
        ends = asyncio.Event()
        async with serve(simulator) as server:
            begun.set_result((server.base_url, asyncio.get_running_loop(), ends))
            await ends.wait()

    thread = threading.Thread(target=asyncio.run, args=(hold(),), name="venue")
    thread.start()
    base_url, loop, ends = begun.result(PATIENCE_S)
    try:
        yield base_url
    finally:
        loop.call_soon_threadsafe(ends.set)
        thread.join(PATIENCE_S)
