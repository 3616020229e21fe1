"""A call while it is under way: what each account's part has come to, at any moment, and the way to stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from engine import clock
from engine.core.cause import Cause
from engine.core.outcome import OrderResult
from engine.core.plan import Expected, cancel_by_ids
from engine.core.quota import Kind
from engine.core.report import RunReport
from engine.core.request import Scope
from engine.core.slots import Slots, Tally
from engine.core.summary import CancelSummary, Fault, Outage
from engine.core.work import Drain
from engine.errors import ConfigError
from engine.observing import RunTelling
from engine.planning import expected_of, means_of
from engine.recording import RunRecorder
from engine.rotating import Rota
from engine.scheduling import Pull
from engine.sending import Sender
from engine.venues.base import Venue


@dataclass(frozen=True, slots=True)
class Begun:
    """What an account needs while it is worked on; given up once its summary is written."""

    sender: Sender
    slots: Slots
    work: Drain
    pull: Pull
    scope: Scope
    beside: int

    def expected(self) -> Expected:
        """What its part takes by the limits alone, for the orders that were found beside so many accounts."""
        return expected_of(
            self.sender.venue,
            self.sender.lane,
            self.scope,
            orders=len(self.slots),
            left=len(self.work.left),
            accounts=self.beside,
            has_mass=self.work.has_mass,
            lists=self.work.is_listing,
            lists_first=self.work.has_listed,
        )


class AccountCall:
    """One account's part in one call: how to begin it, and how to sum it up at any moment.

    An account whose turn has not come, and one that is done, take no more memory than this record and its results.

    Args:
        name: Name of the account.
        venue: Name of its venue.
        begin: Makes what it needs to be worked on; not called where it is done.
        start_s: When the run began.
        summary: Its summary, where an earlier life of the run was done with it.
    """

    __slots__ = ("_begin", "_begun", "_end_s", "_start_s", "_summary", "name", "venue")

    def __init__(
        self,
        name: str,
        venue: str,
        begin: Callable[[AccountCall], Begun],
        *,
        start_s: float,
        summary: CancelSummary | None = None,
    ) -> None:
        self.name = name
        self.venue = venue
        self._begin = begin
        self._begun: Begun | None = None
        self._summary = summary
        self._start_s = start_s
        self._end_s = None if summary is None else start_s + summary.elapsed_s

    @property
    def served(self) -> float:
        """See `Part`."""
        return 0.0 if self._begun is None else self._begun.sender.served

    async def work(self) -> float | None:
        """See `Part`."""
        due_s = await self.begin().pull.run()
        if due_s is None:
            self.end(None, clock.now_s())
        return due_s

    def begin(self) -> Begun:
        """What it needs to be worked on."""
        if self._begun is None:
            self._begun = self._begin(self)
        return self._begun

    def end(self, stop: str | None, now_s: float) -> None:
        """The account's part is over; `stop` says what ended it, if it did not end by itself."""
        if self._summary is None:
            self._end_s = now_s
            if self._begun is not None:
                self._begun.slots.tell_open()
            self._summary = self._summed_up(stop)
            if self._begun is not None:
                self._begun.sender.record.ends(self._summary, stop)
            self._begun = None

    @property
    def begun(self) -> Begun | None:
        """What it needs while it is worked on, or None before and after."""
        return self._begun

    @property
    def elapsed_s(self) -> float:
        """Seconds since the call, or for as long as its part took."""
        return (clock.now_s() if self._end_s is None else self._end_s) - self._start_s

    @property
    def is_finished(self) -> bool:
        """Whether its part is over."""
        return self._summary is not None

    def summarise(self) -> CancelSummary:
        """The summary as it stands."""
        return self._summary or self._summed_up(None)

    def result(self, place: int) -> OrderResult:
        """The result at this place, as it stands."""
        if self._begun is not None:
            return self._begun.slots.result(place, self.name, start_s=self._start_s)
        return self.summarise().results[place]

    def tally(self) -> Tally:
        """The counts as they stand: cheap, for who looks often."""
        if self._summary is not None:
            summary = self._summary
            return Tally(found=summary.total, settled=summary.total, cancelled=summary.cancelled, at_risk=summary.at_risk)
        return Tally() if self._begun is None else self._begun.slots.tally

    @property
    def fault(self) -> str | None:
        """Why the account stopped early, or None."""
        if self._summary is not None:
            return self._summary.fault
        return None if self._begun is None else self._begun.pull.fault

    @property
    def concern(self) -> Concern | None:
        """Why a person has to look at the account, as far as is known now, or None."""
        summary = self._summary
        if summary is None:
            pull = None if self._begun is None else self._begun.pull
            return None if pull is None or pull.fault is None else Concern(pull.fault_code, pull.fault)
        if summary.fault is not None:
            return Concern(summary.fault_code, summary.fault)
        if not summary.listing_complete:
            return Concern(None, f"not listed to the end: {summary.listing_error}")
        if summary.is_uncounted:
            return Concern(None, "uncounted: the answer to a mass cancel was lost")
        if summary.verified is False:
            return Concern(None, "unverified: the last listing still showed orders")
        return None if summary.is_clean else Concern(None, "some may still be live")

    def _summed_up(self, stop: str | None) -> CancelSummary:
        begun, name = self._begun, self.name
        if begun is None:
            return CancelSummary(
                account=name,
                venue=self.venue,
                listing_complete=False,
                listing_error=stop or "its turn has not come",
                verified=False,
                is_finished=self._end_s is not None,
                elapsed_s=self.elapsed_s,
            )
        work, fault = begun.work, begun.pull.fault
        is_complete = work.listing_complete or not work.is_listing
        return CancelSummary(
            account=name,
            venue=self.venue,
            results=begun.slots.results(name, start_s=self._start_s, stop=fault or stop),
            listing_complete=is_complete,
            listing_error=None if is_complete else work.listing_error or fault or stop or "not finished",
            verified=work.verified if work.is_listing else None,
            fault=fault,
            fault_code=begun.pull.fault_code,
            is_finished=self._end_s is not None,
            left=dict(work.left),
            is_uncounted=work.is_uncounted,
            locked_out_s=begun.sender.lane.locked_out_s(),
            requests=begun.sender.requests,
            waited_s=begun.sender.waited_s,
            wire_s=begun.sender.wire_s,
            elapsed_s=self.elapsed_s,
            unrecorded=begun.sender.record.lost,
            expected=None if self._end_s is None else begun.expected(),  # worked out once
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, checked and ready to run.

    Attributes:
        run_id: Names it in logs and reports.
        parts: Its accounts, in input order.
        rotas: Each venue's accounts, to be worked on side by side.
        bound_s: Seconds that it may take, or None.
        started_at: When it was made, in Unix seconds; where it goes on with a run, when that was.
        outages: Gives the outages of its venues between two moments of the loop's clock, told in seconds since the first.
        log: Where its events go.
        cause: Who asked, and why.
        record: Where it is written down, or None.
        telling: Tells an embedder of it, or None.
        outages_before: Outages in earlier lives of the run.
        start_s: When it began, by the loop's clock.
    """

    run_id: str
    parts: Sequence[AccountCall]
    rotas: Sequence[Rota]
    bound_s: float | None
    started_at: float
    outages: Callable[[float, float], Iterable[Outage]]
    log: Any
    start_s: float
    cause: Cause = field(default_factory=Cause)
    record: RunRecorder | None = None
    telling: RunTelling | None = None
    outages_before: tuple[Outage, ...] = ()


@dataclass(frozen=True, slots=True)
class Concern:
    """Why a person has to look at an account.

    Attributes:
        code: What stopped it, as one of a few; None where it was not stopped.
        text: The reason in words.
    """

    code: Fault | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Where a call stands at one moment.

    Attributes:
        tallies: Name of the account to its orders, counted, in input order.
        done: Accounts whose part is over.
        stopped: Accounts that were stopped early.
        elapsed_s: Seconds since the call, or for as long as it took.
        least_left_s: Seconds that the limits leave no way around, for the orders that are known and not settled.
        away: Outages that are not over.
        venues: Name of the account to that of its venue.
        concerns: Name of the account to why a person has to look at it, for those where that is so.
        least_left_s_at: The same seconds at each venue that has such orders, by its name.
    """

    tallies: Mapping[str, Tally]
    done: frozenset[str]
    stopped: frozenset[str]
    elapsed_s: float
    least_left_s: float
    away: tuple[Outage, ...] = ()
    venues: Mapping[str, str] = field(default_factory=dict)
    concerns: Mapping[str, Concern] = field(default_factory=dict)
    least_left_s_at: Mapping[str, float] = field(default_factory=dict)


def least_left_s(parts: Iterable[tuple[AccountCall, int]]) -> dict[str, float]:
    """Seconds that the limits leave no way around, by venue, for accounts with so many orders left each."""
    longest_s, by_venue = dict[str, float](), dict[str, tuple[Venue, list[int]]]()
    for part, left in parts:
        begun = part.begun
        if begun is not None and left:
            venue, counts = by_venue.setdefault(part.venue, (begun.sender.venue, []))
            if left > max(counts, default=0):  # the largest of a venue takes longest, as far as its own limits go
                alone_s = cancel_by_ids(left, means_of(venue, begun.sender.lane)).least_time_s
                longest_s[part.venue] = max(longest_s.get(part.venue, 0.0), alone_s)
            counts.append(left)
    for name, (venue, counts) in by_venue.items():
        kind = Kind.CANCEL_MANY if venue.most_ids > 1 else Kind.CANCEL_ONE
        together_s = venue.limits.shared_time_s({kind: sum(-(-left // venue.most_ids) for left in counts)})
        longest_s[name] = max(longest_s[name], together_s)
    return longest_s


class Progress:
    """A window on a call that is under way, and the way to stop it with its result.

    Hand a fresh one to a call. `report()` is true at any moment, also after the calling task was cancelled; `stop()` makes the
    call return what is known by then.

    Attributes:
        is_stopped: Whether `stop()` was called.
    """

    def __init__(self) -> None:
        self.is_stopped = False
        self._call: Call | None = None
        self._scope: anyio.CancelScope | None = None
        self._end_s: float | None = None
        self._stop: str | None = None
        self._final_outages: tuple[Outage, ...] | None = None

    def report(self) -> RunReport:
        """The report as it stands now."""
        call = self._call
        if call is None:
            return RunReport(run_id="", accounts={})
        end_s = clock.now_s() if self._end_s is None else self._end_s
        return RunReport(
            run_id=call.run_id,
            accounts={part.name: part.summarise() for part in call.parts},
            started_at=call.started_at,
            stop=self._stop,
            outages=tuple(self._outages(end_s)),
            elapsed_s=end_s - call.start_s,
            reason=call.cause.reason,
            requested_by=call.cause.requested_by,
            unrecorded=None if call.record is None else call.record.lost,
        )

    def counts(self) -> Counts:
        """Where the call stands, in numbers: much cheaper than a report, for who looks often."""
        tallies = {part.name: part.tally() for part in self._parts}
        busy = [part for part in self._parts if not part.is_finished]
        left_s_at = least_left_s([(part, tallies[part.name].left) for part in busy])
        return Counts(
            tallies=tallies,
            done=frozenset(part.name for part in self._parts if part.is_finished),
            stopped=frozenset(part.name for part in self._parts if part.fault),
            elapsed_s=self.elapsed_s,
            least_left_s=max(left_s_at.values(), default=0.0),
            away=tuple(outage for outage in self._outages(clock.now_s()) if outage.ended_s is None),
            venues={part.name: part.venue for part in self._parts},
            concerns={part.name: concern for part in self._parts if (concern := part.concern) is not None},
            least_left_s_at=left_s_at,
        )

    def _outages(self, end_s: float) -> Iterable[Outage]:
        if self._final_outages is not None:
            return self._final_outages  # other calls may see more of them
        if self._call is None:
            return ()
        return (*self._call.outages_before, *self._call.outages(self._call.start_s, end_s))

    @property
    def _parts(self) -> Sequence[AccountCall]:
        return () if self._call is None else self._call.parts

    @property
    def elapsed_s(self) -> float:
        """Seconds since the call began, or for as long as it took."""
        if self._call is None:
            return 0.0
        return (clock.now_s() if self._end_s is None else self._end_s) - self._call.start_s

    def stop(self) -> None:
        """Let the call return soon: nothing more is sent, and answers on their way get a short grace."""
        self.is_stopped = True
        if self._scope is not None:
            self._scope.cancel()

    def join(self, call: Call, scope: anyio.CancelScope) -> None:
        """Show this call, which begins in this scope, and stop it when asked to. The engine does this, not the caller."""
        if self._call is not None:
            raise ConfigError("a Progress serves one call; make a fresh one for each")
        self._call, self._scope = call, scope
        if self.is_stopped:
            scope.cancel()

    def end(self, stop: str | None) -> None:
        """The call is over; `stop` says what ended it, if it did not end by itself. The engine does this."""
        self._end_s, self._stop = clock.now_s(), stop
        self._final_outages = tuple(self._outages(self._end_s))
        for part in self._parts:
            part.end(stop, self._end_s)
