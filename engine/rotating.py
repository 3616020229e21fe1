"""Give a bounded number of places to accounts that have something to do now, to the one served least first.

An account that waits for a place costs its own record and nothing else. One that has to wait long for itself (held by the venue,
out of tokens, resting) leaves its place until then; one that has worked long leaves it to those who have not. So neither a crowd
of large accounts nor one that the venue holds keeps the small ones out.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable
from typing import Protocol

import anyio

from engine import clock

STINT = 256.0
"""Requests (by weight) that an account may be ahead of one that waits for a place, before it leaves it. A guess: most accounts
are done by then, and every account that has begun takes memory."""


class Part(Protocol):
    """One account's part in a call."""

    @property
    def served(self) -> float:
        """How much it has been served, in requests by weight; 0.0 before it begins."""
        ...

    async def work(self) -> float | None:
        """Work on it for a while; give back when to come back, or None once it is over."""
        ...


class Rota:
    """The places of one call at one venue.

    Args:
        parts: The accounts, in the order in which equals begin.
        places: How many are worked on at the same time.
    """

    def __init__(self, parts: Iterable[Part], places: int) -> None:
        self._places = places
        self._numbers = itertools.count()
        self._ready = [(0.0, next(self._numbers), part) for part in parts]
        self._away: list[tuple[float, int, Part]] = []
        self._left = len(self._ready)

    @property
    def is_crowded(self) -> bool:
        """Whether there are more accounts than places."""
        return self._left > self._places

    def is_wanted(self, served: float) -> bool:
        """Whether an account that has been served so much should leave its place to one that waits."""
        return bool(self._ready) and self._ready[0][0] + STINT <= served

    async def run(self) -> None:
        """Work until every account is done."""
        async with anyio.create_task_group() as tasks:
            for _ in range(min(self._places, self._left)):
                tasks.start_soon(self._serve)

    async def _serve(self) -> None:
        """Take one account after the other, as long as there are any without a place."""
        while (part := await self._next()) is not None:
            due_s = await part.work()
            if due_s is None:
                self._left -= 1
            else:
                heapq.heappush(self._away, (due_s, next(self._numbers), part))

    async def _next(self) -> Part | None:
        """The account to work on next; None where all that are left have their places."""
        now_s = clock.now_s()
        while self._away and self._away[0][0] <= now_s:
            part = heapq.heappop(self._away)[2]
            heapq.heappush(self._ready, (part.served, next(self._numbers), part))
        if self._ready:
            return heapq.heappop(self._ready)[2]
        if not self._away:
            return None
        due_s, _, part = heapq.heappop(self._away)
        await anyio.sleep_until(due_s)
        return part
