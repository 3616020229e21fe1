"""Write down what a run does, as it does it: what was found, what is intended before it may leave, what came back, each fate.

Rules of a record:

1. The intent of a request is on disk before the request may leave. Nothing else is waited for: what is lost with a process
   that dies is read from the venue again.
2. What one turn of the event loop writes down is kept together or not at all, so that an answer never stands there without the
   fates that follow from it.
3. A run that cannot be recorded any more goes on without a record, and says so, unless it was asked to stop then. One that
   another process has taken over always stops.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import anyio

from engine import clock
from engine.core.listing import Page
from engine.core.outcome import Verdict
from engine.core.plain import plain
from engine.core.quota import Kind
from engine.core.report import RunReport
from engine.core.slots import Slot, Witness
from engine.core.summary import CancelSummary, Fault
from engine.errors import JournalError, ThrottledError, VenueError, shown
from engine.journal.bodies import Texts, fate_body, ms, order_body, summary_body, trimmed
from engine.journal.entries import (
    ACCOUNT,
    AGAIN,
    ANSWER,
    END,
    FATE,
    FAULT,
    FOUND,
    INTENT,
    NO_ACCOUNT,
    PLAN,
    REQUEST,
    RESUMED,
    RUN,
    SHOWN,
    SUMMARY,
    TEXT,
    TOGETHER,
    WALK,
    Sheet,
)
from engine.journal.journal import Journal
from engine.journal.replay import Asked
from engine.journal.writing import RunWriter
from engine.pacing import Turn
from engine.venues.base import MassWord

LINGER_S = 0.02
"""How long what nobody waits for is kept back for company: to hand it over would wake the writer's thread each time. A guess."""

AHEAD_S = 0.25
"""What leaves within this time is written down together. A guess: some times as long as a disk takes."""

LONGEST_LINE = 64
"""Most cancels that are written down together. A guess: what an account has on its way at most, unless asked otherwise."""

MOST_WORDS = 500
"""Most characters of a failure in a record. A guess: the whole of it stands with the orders that it hit."""


class UnrecordedError(Exception):
    """A cancel must not be sent, because it could not be written down."""


Ahead = tuple[Asked | None, asyncio.Future[bool] | None]
"""What an answer will be to, and what tells, once it comes, whether that is on disk; nothing of both where there is no record."""

NOTHING_AHEAD: Ahead = (None, None)


class AccountRecord(Witness, Protocol):
    """What is written down of one account."""

    @property
    def lost(self) -> str | None:
        """Why it is not all on record, or None."""
        ...

    def plans(self, plan: Mapping[str, Any]) -> None:
        """How its orders are to be cancelled."""
        ...

    def intends(self, kind: Kind, slots: Sequence[Slot]) -> Ahead:
        """A cancel of these orders is to leave, once that is on disk.

        Raises:
            UnrecordedError: it will not be, and the run must not go on without.
        """
        ...

    def intends_one(self, slot: Slot, coming: Callable[[int], Iterable[Slot]]) -> Ahead:
        """The same for a cancel that names this order alone, and for some of those behind it.

        An entry of its own for every order would be a group on the disk for every request. So what is going to leave in a moment
        is written down together: a run that is killed has so many more orders to read, and one that has to send slowly writes
        down one at a time.

        Args:
            slot: The order.
            coming: Gives the next ones in line, so many at most.
        """
        ...

    def asks(self, kind: Kind, about: str | int | None) -> Ahead:
        """The same for a request that cancels nothing, about this cursor or place."""
        ...

    def misses(self) -> None:
        """Something that was to be on disk is not.

        Raises:
            UnrecordedError: the run must not go on without.
        """
        ...

    def heard(self, turn: Turn, came: object, *, asked: Asked | None) -> None:
        """This request is over, and this came of it."""
        ...

    def walks(self, number: int, taken_up: int) -> None:
        """A walk over the listing begins."""
        ...

    def stops(self, words: str, code: Fault) -> None:
        """Nothing more is sent for the account."""
        ...

    def ends(self, summary: CancelSummary, stop: str | None) -> None:
        """Its part is over."""
        ...


class Unrecorded:
    """Nothing is written down; what settles is told on where anybody wants to know.

    Args:
        note: Told the place of an order whenever its fate is written, or None.
    """

    lost: str | None = None

    def __init__(self, note: Callable[[int], None] | None = None) -> None:
        self._note = note

    def placed(self, place: int, slot: Slot) -> None:
        """See `Witness`."""

    def shown(self, slot: Slot) -> None:
        """See `Witness`."""

    def settled(self, slot: Slot) -> None:
        """See `Witness`."""
        if self._note is not None:
            self._note(slot.place)

    def moved(self, slot: Slot) -> None:
        """See `Witness`."""

    def plans(self, plan: Mapping[str, Any]) -> None:
        """See `AccountRecord`."""

    def intends(self, kind: Kind, slots: Sequence[Slot]) -> Ahead:  # noqa: ARG002  # there is nothing to do with them
        """See `AccountRecord`."""
        return NOTHING_AHEAD

    def intends_one(self, slot: Slot, coming: Callable[[int], Iterable[Slot]]) -> Ahead:  # noqa: ARG002  # the same
        """See `AccountRecord`."""
        return NOTHING_AHEAD

    def asks(self, kind: Kind, about: str | int | None) -> Ahead:  # noqa: ARG002  # the same
        """See `AccountRecord`."""
        return NOTHING_AHEAD

    def misses(self) -> None:
        """See `AccountRecord`."""

    def heard(self, turn: Turn, came: object, *, asked: Asked | None) -> None:
        """See `AccountRecord`."""

    def walks(self, number: int, taken_up: int) -> None:
        """See `AccountRecord`."""

    def stops(self, words: str, code: Fault) -> None:
        """See `AccountRecord`."""

    def ends(self, summary: CancelSummary, stop: str | None) -> None:
        """See `AccountRecord`."""


class RunRecorder:
    """The record of one run while it is under way.

    Args:
        journal: Where it is kept.
        run_id: Names the run.
        start_s: When the run began, by the loop's clock; that may have been in an earlier life of it.
        log: Where events go.
        writer: The way to its record, where it goes on with one; else it is made by `open`.
        texts: Texts that the record has already.

    Attributes:
        run_id: Names the run.
    """

    def __init__(
        self,
        journal: Journal,
        run_id: str,
        *,
        start_s: float,
        log: Any,
        writer: RunWriter | None = None,
        texts: Iterable[str] = (),
    ) -> None:
        self.run_id = run_id
        self.start_s = start_s
        self.texts = Texts(lambda text: self.note(TEXT, NO_ACCOUNT, text))
        for text in texts:
            self.texts.add(text)
        self._journal = journal
        self._log = log
        self._writer = writer
        self._seq = 0 if writer is None else writer.seq
        self._sheet = Sheet()
        self._waiting: list[asyncio.Future[bool]] = []
        self._is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._is_lost = False
        self._numbers: dict[str, int] = {}
        self._together: dict[int, dict[str, list[Any]]] = {}
        """What was joined, by account and kind, and is not on the sheet yet."""

    @property
    def lost(self) -> str | None:
        """Why the record does not hold the whole run, or None."""
        return None if self._writer is None else self._writer.lost

    @property
    def must_stop(self) -> bool:
        """Whether nothing more may be sent, because it could not be written down."""
        return self._writer is not None and self._writer.lost is not None and self._stops_without

    @property
    def _stops_without(self) -> bool:
        return self._journal.if_lost == "stop" or (self._writer is not None and self._writer.is_fenced)

    def knows(self, numbers: Mapping[str, int]) -> None:
        """Accounts, by name, that the record has already."""
        self._numbers.update(numbers)

    def of(self, name: str, note: Callable[[int], None] | None) -> AccountRecord:
        """The record of one account."""
        return _Recorded(self, self._numbers[name], note)

    def begins(self, header: Mapping[str, Any]) -> None:
        """The run begins."""
        self.note(RUN, NO_ACCOUNT, header)

    def resumes(self, life: Mapping[str, Any]) -> None:
        """Another life of the run begins."""
        self.note(RESUMED, NO_ACCOUNT, life)

    def adds(self, name: str, venue: str, fingerprint: str) -> None:
        """An account is part of the run."""
        self._numbers[name] = len(self._numbers) + 1
        self.note(ACCOUNT, self._numbers[name], [name, venue, fingerprint])

    async def open(self, began_ms: int) -> None:
        """Make the record, or go on with it: what was noted so far is on disk afterwards.

        Raises:
            JournalError: it cannot be made, or not written.
        """
        if self._writer is None:
            self._writer = await self._journal.begin(self.run_id, began_ms)
        if not await self.kept():
            raise JournalError(f"the run cannot be recorded, and was not begun: {self.lost}")

    def note(self, kind: str, account: int, body: Any) -> int:
        """Write something down; give back the number of its entry."""
        at_ms = self._at_ms()
        self._close(account, at_ms)
        self._put_later()
        return self._enter(kind, account, body, at_ms)

    def join(self, kind: str, account: int, body: Any) -> None:
        """The same for one of those of which several can share an entry, and whose number nobody asks for."""
        of_account = self._together.get(account)
        if of_account is None:
            of_account = self._together[account] = {each: [] for each in TOGETHER}
            self._put_later()
        of_account[kind].append(body)

    def _close(self, account: int, at_ms: int) -> None:
        """Write down what was joined for this account, before anything else that may refer to it."""
        for kind, bodies in self._together.pop(account, {}).items():
            try:
                self._seq = self._sheet.add_together(self._seq, at_ms, kind, account, bodies)
            except (TypeError, ValueError):  # a venue's code may be anything
                self._seq = self._sheet.add_together(self._seq, at_ms, kind, account, map(_as_json, bodies))

    def _close_all(self) -> None:
        at_ms = self._at_ms()
        for account in [*self._together]:
            self._close(account, at_ms)

    def _at_ms(self) -> int:
        return round(max(0.0, clock.now_s() - self.start_s) * 1000)

    def _enter(self, kind: str, account: int, body: Any, at_ms: int) -> int:
        seq, self._seq = self._seq, self._seq + 1
        try:
            self._sheet.add(seq, at_ms, kind, account, body)
        except (TypeError, ValueError):  # a venue's code may be anything
            self._sheet.add(seq, at_ms, kind, account, _as_json(body))
        return seq

    def _put(self) -> None:
        """Hand over what was written down until the end of this turn of the loop, for all who wait for that together."""
        self._is_due = False
        self._end_timer()
        self._close_all()
        sheet, self._sheet = self._sheet, Sheet()
        waiting, self._waiting = self._waiting, []
        if self._writer is not None:
            self._writer.put(sheet, waiting)

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _put_later(self) -> None:
        if self._timer is None and not self._is_due and self._writer is not None:
            self._timer = asyncio.get_running_loop().call_later(LINGER_S, self._put)

    def kept(self, *, is_urgent: bool = True) -> asyncio.Future[bool]:
        """What tells, once it comes, whether everything so far is on disk.

        `is_urgent`: whether anybody waits for it already; `hurry` says so afterwards.
        """
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(kept)
        if is_urgent:
            self.hurry()
        else:
            self._put_later()
        return kept

    def hurry(self) -> None:
        """Somebody waits for what was written down so far, if it has not been handed over."""
        if self._waiting and not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._put)

    def mourn(self) -> None:
        """The record is lost: say so, once, as loudly as a log can."""
        if not self._is_lost and self.lost is not None:
            self._is_lost = True
            self._log.error("the journal is lost", why=self.lost, goes_on=not self.must_stop, journal=self._journal.where)

    async def end(self, report: RunReport) -> None:
        """The run is over, for now; returns once its record is on disk, or is lost."""
        if self._writer is None:
            return
        body = {
            "stop": report.stop,
            "elapsed_ms": ms(report.elapsed_s),
            "outages": [outage.to_dict() for outage in report.outages],
            "unrecorded": self.lost,
        }
        self._close_all()
        self.note(END, NO_ACCOUNT, body)
        self._end_timer()
        sheet, self._sheet = self._sheet, Sheet()
        with anyio.CancelScope(shield=True):
            if not await self._writer.end(sheet):
                self.mourn()


class _Pace:
    """How fast an account's cancels leave, as far as the length of its lines goes.

    Attributes:
        length: Of the last line that was written down.
        sent: How many had their turn since.
    """

    __slots__ = ("_since_s", "length", "sent")

    def __init__(self) -> None:
        self.length = 1
        self.sent = 0
        self._since_s = -math.inf

    def line(self) -> int:
        """How long the next one is to be: what leaves in a moment, at most double the one before."""
        now_s = clock.now_s()
        leaves = AHEAD_S * self.sent / max(now_s - self._since_s, 1e-6)
        self.length = max(1, min(LONGEST_LINE, 2 * self.length, round(leaves)))
        self.sent, self._since_s = 0, now_s
        return self.length


class _Recorded:
    """One account's part of a record; see `AccountRecord`."""

    def __init__(self, run: RunRecorder, number: int, note: Callable[[int], None] | None) -> None:
        self._run = run
        self._number = number
        self._note = note
        self._times: dict[int, int] = {}
        self._pace = _Pace()
        self._lines: dict[Slot, Ahead] = {}
        """Orders whose cancels are written down, or are being, and have not had their turn."""

    @property
    def lost(self) -> str | None:
        return self._run.lost

    def placed(self, place: int, slot: Slot) -> None:
        if place != slot.place:
            times = self._times[slot.place] = self._times.get(slot.place, 1) + 1
            self._run.note(AGAIN, self._number, [place, slot.place, times])
            return
        order = [] if slot.order is None else order_body(slot.order, self._run.texts)
        self._run.join(FOUND, self._number, trimmed([place, slot.order_id, *order]))

    def shown(self, slot: Slot) -> None:
        if slot.order is not None:
            self._run.note(SHOWN, self._number, trimmed([slot.place, *order_body(slot.order, self._run.texts)]))

    def settled(self, slot: Slot) -> None:
        self.moved(slot)
        if self._note is not None:
            self._note(slot.place)

    def moved(self, slot: Slot) -> None:
        self._run.join(FATE, self._number, fate_body(slot, self._run.start_s, self._run.texts))

    def plans(self, plan: Mapping[str, Any]) -> None:
        self._run.note(PLAN, self._number, plan)

    def intends(self, kind: Kind, slots: Sequence[Slot]) -> Ahead:
        return self._ahead(INTENT, [kind.value, [slot.place for slot in slots]])

    def intends_one(self, slot: Slot, coming: Callable[[int], Iterable[Slot]]) -> Ahead:
        lines = self._lines
        if self._run.lost is not None:
            self.misses()
            return NOTHING_AHEAD
        mine = lines.pop(slot, None)
        if mine is None:
            self._line_up([slot, *coming(self._pace.line() - 1)], is_urgent=True)
            mine = lines.pop(slot)
        elif len(lines) <= self._pace.length // 2:
            self._line_up(coming(self._pace.line()), is_urgent=False)
        self._pace.sent += 1
        asked, kept = mine
        if kept is None or kept.done():
            return asked, kept
        self._run.hurry()
        return asked, asyncio.shield(kept)  # others wait for the same, and one of them that is stopped is no reason to stop them

    def _line_up(self, slots: Iterable[Slot], *, is_urgent: bool) -> None:
        """Write down that a cancel of each of these may leave from here on."""
        new = [slot for slot in slots if slot not in self._lines]
        if new:
            number, kept = self._ahead(INTENT, [Kind.CANCEL_ONE.value, [slot.place for slot in new]], is_urgent=is_urgent)
            for slot in new:
                self._lines[slot] = (number if number is None or len(new) == 1 else (number, slot.place), kept)

    def asks(self, kind: Kind, about: str | int | None) -> Ahead:
        return self._ahead(REQUEST, trimmed([kind.value, about]))

    def _ahead(self, kind: str, body: list[Any], *, is_urgent: bool = True) -> tuple[int | None, asyncio.Future[bool] | None]:
        """Write something down that is to be waited for."""
        if self._run.lost is not None:
            self.misses()
            return None, None
        return self._run.note(kind, self._number, body), self._run.kept(is_urgent=is_urgent)

    def misses(self) -> None:
        self._run.mourn()
        if self._run.must_stop:
            raise UnrecordedError(self._run.lost)

    def heard(self, turn: Turn, came: object, *, asked: Asked | None) -> None:
        if asked is not None:
            over = [int(turn.has_left), ms(turn.wire_s), ms(turn.waited_s), _failure_of(came), _facts_of(came)]
            self._run.join(ANSWER, self._number, trimmed([asked, *over]))

    def walks(self, number: int, taken_up: int) -> None:
        self._run.note(WALK, self._number, [number, taken_up])

    def stops(self, words: str, code: Fault) -> None:
        self._run.note(FAULT, self._number, [code.value, words])

    def ends(self, summary: CancelSummary, stop: str | None) -> None:
        for asked, _ in self._lines.values():
            self._run.join(ANSWER, self._number, [asked, 0, 0, 0])  # its turn did not come, so it never left
        self._lines.clear()
        self._run.note(SUMMARY, self._number, summary_body(summary, stop))


def _as_json(body: Any) -> Any:
    """The body with nothing in it that JSON cannot hold."""
    return json.loads(json.dumps(plain(body), default=shown))


def _failure_of(came: object) -> list[Any] | None:
    if not isinstance(came, VenueError):
        return None
    retry_after_s = came.retry_after_s if isinstance(came, ThrottledError) else None
    return trimmed([type(came).__name__, came.code, str(came)[:MOST_WORDS], ms(retry_after_s)])


def _facts_of(came: object) -> list[Any] | None:
    """What an answer comes to, in short: the fates that follow from it stand on their own."""
    if isinstance(came, Page):
        return [came.rows, came.total]
    if isinstance(came, MassWord):
        return [len(came.orders), came.is_whole]
    if isinstance(came, Verdict):
        return [came.word.value]
    return None
