"""Results as they settle, for who wants to act on each at once. The run never waits for the one who reads.

What settles while nobody reads is kept as a reference to its order, once, so the store is never larger than the number of orders.
"""

from __future__ import annotations

from collections import deque
from typing import Self

import anyio
import anyio.lowlevel

from engine.core.outcome import OrderResult
from engine.core.report import RunReport
from engine.progress import AccountCall, Progress


class ResultStream:
    """An iterator over the results of a run, in the order in which they settle.

    An order whose fate changes afterwards, because a later listing contradicts it, comes again: the last result that names an
    account and an index is the one of the report. What is not settled when the run ends comes then.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._due: deque[tuple[AccountCall, int]] = deque()
        self._known: set[tuple[AccountCall, int]] = set()
        self._is_over = False
        self._moved = anyio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OrderResult:
        await anyio.lowlevel.checkpoint()
        while not self._due:
            if self._is_over:
                raise StopAsyncIteration
            await self._moved.wait()
        part, place = self._due.popleft()
        self._known.discard((part, place))
        return part.result(place)

    @property
    def report(self) -> RunReport:
        """The report of the run as it stands: true at any time, complete once the iteration has ended."""
        return self._progress.report()

    def note(self, part: AccountCall, place: int) -> None:
        """The fate of this order has been written. The engine calls this."""
        if (part, place) not in self._known:
            self._known.add((part, place))
            self._due.append((part, place))
            self._move()

    def end(self) -> None:
        """Nothing more will settle. The engine calls this."""
        self._is_over = True
        self._move()

    def _move(self) -> None:
        self._moved.set()
        self._moved = anyio.Event()
