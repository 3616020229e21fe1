"""Notice once, for all accounts, that a venue gives no usable answer; wait for it with few requests, and go on when it is back.

There are two ways to be away. A venue is *silent* when request after request of whatever kind and account brings no answer, or
only "server error": then nothing is sent but one small read at a time. It is *closed* when it says itself that it takes no such
requests for now, from anybody: then one of the requests that wait is sent at a time, and finds out.

One request that fails again and again is no outage, nor is one kind of request that does: small reads of two kinds, which have
nothing to do with the work, tell that apart before anything is called one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import anyio

from engine import clock
from engine.core.quota import Kind
from engine.core.retry import Retry
from engine.core.summary import Outage
from engine.errors import TransportError, UnavailableError, VenueError

ENOUGH_FAILURES = 4
"""Failures in a row, of all accounts together, after which a venue may be silent. A guess."""

ENOUGH_REFUSALS = 3
"""Refusals in a row to take any request, after which a venue is taken for closed. A guess: one may be a single server's."""

LONGEST_PAUSE_S = 1.0
"""Longest wait from one look at a silent venue to the next, unless the first one still waits for its answer. A guess: a request a
second burdens nobody, and a second is soon enough."""

LONGEST_CLOSED_PAUSE_S = 30.0
"""Longest wait between two tries at a venue that takes no requests for now. Source: docs.polymarket.com trading/matching-engine,
which advises to begin at 1 to 2 seconds, to double, and to stop at 30."""

FIRST_CONTACT_S = 3.0
"""How long a venue is tried that cannot even be connected to and has never answered: its address may be wrong. A guess."""

LOOK_S = 1.0
"""Longest wait for the answer to the first looks: one that hangs must not hide that the venue is back. It doubles with every
tenth look, for a venue that is there and slow. A guess."""

LOOKS = (Kind.READ, Kind.LIST)
"""What is asked, in turns: a venue where one of them fails for good, and another does not, is there."""

Look = Callable[[Kind, float], Awaitable[object]]

MOST_PAST = 1_000
"""Outages that are remembered for the reports of calls under way. A guess, so that a long life does not fill the memory."""


class Watcher(Protocol):
    """Who is told of outages, at once."""

    def began(self, venue: str, error: str) -> None:
        """The venue is away, as far as can be known."""
        ...

    def ended(self, venue: str, lasted_s: float) -> None:
        """It is back."""
        ...


@dataclass(slots=True)
class _Absence:
    """A time in which a venue is away, or may be."""

    is_closed: bool
    cancels_only: bool
    began_s: float
    next_look_s: float
    failure: VenueError
    looks: int = 0
    is_certain: bool = False
    is_looking: bool = False
    ended_s: float | None = None


class Health:
    """Whether a venue gives usable answers, as all accounts of an engine see it together.

    Args:
        venue: Its name, for reports.
        retry: How long an outage is waited for, where no deadline comes first.

    Attributes:
        watcher: Told of outages, or None.
    """

    def __init__(self, venue: str, *, retry: Retry) -> None:
        self.watcher: Watcher | None = None
        self._venue = venue
        self._retry = retry
        self._failures = 0
        self._refusals = 0
        self._first_failure_s = 0.0
        self._answered_s = -math.inf
        self._absence: _Absence | None = None
        self._past: deque[_Absence] = deque(maxlen=MOST_PAST)
        self._moved = anyio.Event()

    # --- what comes in

    def hear(self, came: object, kind: Kind, *, sent_s: float) -> None:
        """Take in what a request of any account, which left then, brought back."""
        if isinstance(came, UnavailableError):
            self._refused(came, kind, sent_s)
        elif isinstance(came, TransportError):
            self._failed(came, sent_s)
        else:
            self._answered(kind)

    @property
    def is_closed(self) -> bool:
        """Whether the venue takes no requests for now, so that no account needs a hold of its own."""
        return self._absence is not None and self._absence.is_closed

    def _failed(self, came: TransportError, sent_s: float) -> None:
        self._first_failure_s = self._first_failure_s if self._failures else max(self._answered_s, sent_s)
        self._failures += 1
        if self._absence is None and self._failures >= ENOUGH_FAILURES:
            self._begin(came, is_closed=False, cancels_only=False)
        elif self._absence is not None:
            self._absence.failure = came

    def _refused(self, came: UnavailableError, kind: Kind, sent_s: float) -> None:
        self._failures = 0
        self._first_failure_s = self._first_failure_s if self._refusals else sent_s
        self._refusals += 1
        if self._absence is not None and not self._absence.is_closed:
            self._end()  # it speaks again
        if self._absence is None and self._refusals >= ENOUGH_REFUSALS:
            self._begin(came, is_closed=True, cancels_only=kind.is_cancel)
        if self._absence is not None:
            self._absence.failure = came
            self._absence.cancels_only &= kind.is_cancel  # it takes less than was thought
            self._absence.next_look_s = max(self._absence.next_look_s, clock.now_s() + (came.retry_after_s or 0.0))

    def _answered(self, kind: Kind) -> None:
        self._answered_s = clock.now_s()
        self._failures = 0
        if self.blocks(kind):
            self._end()  # what it was said not to do, it does
        elif self._absence is None:
            self._refusals = 0

    def _begin(self, came: VenueError, *, is_closed: bool, cancels_only: bool) -> None:
        now_s = clock.now_s()
        wait_s = 1.0 if is_closed else 0.0
        self._absence = _Absence(is_closed, cancels_only, self._first_failure_s, now_s + wait_s, came)
        if is_closed:
            self._is_certain(self._absence)

    def _is_certain(self, absence: _Absence) -> None:
        """The venue is away: it says so itself, or the looks have found nothing else."""
        if not absence.is_certain:
            absence.is_certain = True
            if self.watcher is not None:
                self.watcher.began(self._venue, str(absence.failure))

    def _end(self) -> None:
        absence = self._absence
        if absence is not None and absence.is_certain:
            absence.ended_s = clock.now_s()
            self._past.append(absence)
            if self.watcher is not None:
                self.watcher.ended(self._venue, absence.ended_s - absence.began_s)
        self._absence = None
        self._failures = self._refusals = 0
        self._move()

    # --- who wants to send

    def blocks(self, kind: Kind) -> bool:
        """Whether a request of this kind has to wait, because the venue is away."""
        return self._absence is not None and (kind.is_cancel or not self._absence.cancels_only)

    async def wait(self, kind: Kind, *, since_s: float, is_bounded: bool, look: Look) -> bool:
        """Wait, at the head of a queue, until a request of this kind may be sent.

        Args:
            kind: What kind of request.
            since_s: When the call began that it belongs to.
            is_bounded: Whether a deadline ends the waiting, so that nothing else has to.
            look: Sends one small request of this kind with this timeout in seconds; what it brought back has been heard by then.

        Returns:
            False if the venue has been away for too long to go on waiting.
        """
        while (absence := self._absence) is not None and self.blocks(kind):
            now_s = clock.now_s()
            if not is_bounded and now_s - max(absence.began_s, since_s) >= self._patience_s(absence):
                return False
            if now_s < absence.next_look_s or absence.is_looking:
                await self._pause(math.inf if absence.is_looking else absence.next_look_s)
            elif absence.is_closed:
                absence.next_look_s = now_s + min(LONGEST_CLOSED_PAUSE_S, 2.0**absence.looks)
                absence.looks += 1
                return True  # this one finds out
            else:
                await self._look(absence, look)
        return True

    @property
    def words(self) -> str:
        """Why the venue was given up."""
        return "" if self._absence is None else f"the venue gives no usable answer: {self._absence.failure}"

    def _patience_s(self, absence: _Absence) -> float:
        never_there = self._answered_s == -math.inf and isinstance(absence.failure, TransportError) and not absence.failure.sent
        return min(FIRST_CONTACT_S, self._retry.longest_outage_s) if never_there else self._retry.longest_outage_s

    async def _look(self, absence: _Absence, look: Look) -> None:
        absence.is_looking, began_s = True, clock.now_s()
        timeout_s = LOOK_S * 2.0 ** min(absence.looks // 10, 10)
        absence.looks += 1
        try:
            await look(LOOKS[(absence.looks - 1) % len(LOOKS)], timeout_s)
            if self._absence is absence and absence.looks >= len(LOOKS):
                self._is_certain(absence)
        finally:
            absence.is_looking = False
            absence.next_look_s = began_s + min(LONGEST_PAUSE_S, 0.25 * 2.0 ** min(absence.looks - 1, 10))
            self._move()

    async def _pause(self, until_s: float) -> None:
        moved = self._moved
        with anyio.move_on_at(until_s):
            await moved.wait()

    def _move(self) -> None:
        self._moved.set()
        self._moved = anyio.Event()

    # --- what is told

    def outages(self, start_s: float, end_s: float) -> list[Outage]:
        """The outages that touch a call which began and ended then, told in seconds since it began."""
        known = [*self._past, *([self._absence] if self._absence is not None and self._absence.is_certain else [])]
        return [
            Outage(
                venue=self._venue,
                began_s=max(0.0, absence.began_s - start_s),
                ended_s=None if absence.ended_s is None or absence.ended_s > end_s else absence.ended_s - start_s,
                text=str(absence.failure),
                probes=absence.looks,
            )
            for absence in known
            if absence.began_s <= end_s and (absence.ended_s is None or absence.ended_s >= start_s)
        ]
