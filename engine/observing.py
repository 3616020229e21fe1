"""Tell an embedder what happens, as events, beside the record. Nothing of it is made or called where nobody listens.

An account is watched through its record: whatever is to be written down passes here first, and is handed on to the record that
there is, or to none. So the stages know nothing of events.
"""

from __future__ import annotations

import inspect
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from engine.core.quota import Kind
from engine.core.report import RunReport
from engine.core.slots import Slot, Slots
from engine.core.summary import CancelSummary, Fault
from engine.errors import ConfigError, CredentialError, ThrottledError, TransportError, UnavailableError, VenueError, WireError
from engine.events import (
    AccountBegan,
    AccountEnded,
    Event,
    FateSettled,
    Hook,
    JournalLost,
    ListingFailed,
    OrderOpen,
    OutageBegan,
    OutageEnded,
    RequestOver,
    RequestResult,
    RunBegan,
    RunEnded,
    RunResult,
)
from engine.journal.replay import Asked
from engine.log import new_log
from engine.pacing import Turn
from engine.recording import AccountRecord, Ahead, Unrecorded


class Teller:
    """Calls an embedder's function, and survives it.

    Args:
        hook: The function.

    Attributes:
        failures: How often it has raised.

    Raises:
        ConfigError: it cannot be called, or would have to be awaited.
    """

    def __init__(self, hook: Hook) -> None:
        if not callable(hook):
            raise ConfigError(f"on_event must be a function of one event, not {type(hook).__name__}")
        if inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(getattr(hook, "__call__", None)):  # noqa: B004  # looked at, not asked for
            raise ConfigError("on_event must be a plain function: it is called in the event loop, and not awaited")
        self.failures = 0
        self._hook = hook

    def tell(self, event: Event) -> None:
        """Tell it; what it raises is logged the first time, and counted."""
        try:
            self._hook(event)
        # Nothing is cancelled in a call that does not wait: that it says so is a mistake of the function's own.
        except (Exception, CancelledError):  # noqa: BLE001  # see the promise in `engine.events`
            self.failures += 1
            if self.failures == 1:
                new_log().error(
                    "on_event has failed; later failures of it are counted and not told", told=type(event).__name__, exc_info=True
                )

    def began(self, venue: str, error: str) -> None:
        """See `Health`: an outage is certain."""
        self.tell(OutageBegan(venue=venue, error=error))

    def ended(self, venue: str, lasted_s: float) -> None:
        """See `Health`: it is over."""
        self.tell(OutageEnded(venue=venue, lasted_s=lasted_s))


class RunTelling:
    """Tells of one run. What happens before the run begins is told once it does, and not at all if it never does.

    Args:
        teller: Who is told.
        run_id: Names the run.
        is_everything: Whether the run is for every open order of its accounts.
        is_resumed: Whether it goes on with an earlier one.
    """

    def __init__(self, teller: Teller, run_id: str, *, is_everything: bool, is_resumed: bool) -> None:
        self.run_id = run_id
        self.is_everything = is_everything
        self._teller = teller
        self._is_resumed = is_resumed
        self._early: list[Event] | None = []
        self._is_lost = False

    def tell(self, event: Event) -> None:
        """Tell it, as soon as the run has begun."""
        if self._early is None:
            self._teller.tell(event)
        else:
            self._early.append(event)

    def begins(self, venues: Iterable[str]) -> None:
        """The run begins, with an account at each of these venues."""
        named = list(venues)
        self._teller.tell(
            RunBegan(run_id=self.run_id, venues=tuple(dict.fromkeys(named)), accounts=len(named), is_resumed=self._is_resumed)
        )
        early, self._early = self._early or (), None
        for event in early:
            self._teller.tell(event)

    def loses(self, error: str | None) -> None:
        """The run cannot be recorded any more, if there is a reason."""
        if error is not None and not self._is_lost:
            self._is_lost = True
            self.tell(JournalLost(run_id=self.run_id, error=error))

    def ends(self, report: RunReport) -> None:
        """The run is over."""
        self.loses(report.unrecorded)
        at_risk = report.at_risk
        self.tell(
            RunEnded(
                run_id=self.run_id,
                result=RunResult.CLEAN if report.is_clean else RunResult.AT_RISK if at_risk else RunResult.INCOMPLETE,
                total=report.total,
                cancelled=report.cancelled,
                at_risk=at_risk,
                accounts=len(report.accounts),
                incomplete=sum(not summary.listing_complete for summary in report.accounts.values()),
                stop=report.stop,
                elapsed_s=report.elapsed_s,
                unrecorded=report.unrecorded,
            )
        )

    def of(self, account: str, venue: str, base_url: str, record: AccountRecord) -> Told:
        """Tell of this account, whose record this is."""
        self.tell(AccountBegan(run_id=self.run_id, account=account, venue=venue, address=_without_user(base_url)))
        return Told(self, account, venue, record)


class Told:
    """One account, told of and recorded; see `AccountRecord`.

    Args:
        run: The run that it is part of.
        account: Name of the account.
        venue: Name of its venue.
        record: What is to be written down goes on to it.
    """

    def __init__(self, run: RunTelling, account: str, venue: str, record: AccountRecord) -> None:
        self._run = run
        self._account = account
        self._venue = venue
        self._record = record
        self._settled: set[int] = set()

    @property
    def lost(self) -> str | None:
        """See `AccountRecord`."""
        return self._record.lost

    def takes_over(self, slots: Slots) -> None:
        """Tell of the orders that an earlier life of the run has found, and has not seen off the book."""
        for slot in slots:
            if slot.outcome.may_be_live:
                self._open(slot, is_again=False)

    def placed(self, place: int, slot: Slot) -> None:
        """See `Witness`."""
        self._record.placed(place, slot)
        if place == slot.place:
            self._open(slot, is_again=False)

    def shown(self, slot: Slot) -> None:
        """See `Witness`."""
        self._record.shown(slot)
        if not slot.is_settled:
            self._open(slot, is_again=slot.place in self._settled)

    def settled(self, slot: Slot) -> None:
        """See `Witness`."""
        self._record.settled(slot)
        self._settled.add(slot.place)
        self._run.tell(
            FateSettled(
                run_id=self._run.run_id,
                account=self._account,
                venue=self._venue,
                order_id=slot.order_id,
                outcome=slot.outcome,
                code=slot.code,
                attempts=slot.attempts,
            )
        )

    def moved(self, slot: Slot) -> None:
        """See `Witness`."""
        self._record.moved(slot)
        if slot.place in self._settled:
            self._settled.discard(slot.place)
            self._open(slot, is_again=True)

    def plans(self, plan: Mapping[str, Any]) -> None:
        """See `AccountRecord`."""
        self._record.plans(plan)

    def intends(self, kind: Kind, slots: Sequence[Slot]) -> Ahead:
        """See `AccountRecord`."""
        return self._record.intends(kind, slots)

    def intends_one(self, slot: Slot, coming: Callable[[int], Iterable[Slot]]) -> Ahead:
        """See `AccountRecord`."""
        return self._record.intends_one(slot, coming)

    def asks(self, kind: Kind, about: str | int | None) -> Ahead:
        """See `AccountRecord`."""
        return self._record.asks(kind, about)

    def misses(self) -> None:
        """See `AccountRecord`."""
        self._run.loses(self._record.lost)
        self._record.misses()

    def heard(self, turn: Turn, came: object, *, asked: Asked | None) -> None:
        """See `AccountRecord`."""
        self._record.heard(turn, came, asked=asked)
        self._run.tell(_request_over(self._run.run_id, self._account, self._venue, turn, came))

    def walks(self, number: int, taken_up: int) -> None:
        """See `AccountRecord`."""
        self._record.walks(number, taken_up)

    def stops(self, words: str, code: Fault) -> None:
        """See `AccountRecord`."""
        self._record.stops(words, code)

    def ends(self, summary: CancelSummary, stop: str | None) -> None:
        """See `AccountRecord`."""
        self._record.ends(summary, stop)
        run, who = self._run, {"account": self._account, "venue": self._venue}
        run.loses(self._record.lost)
        if not summary.listing_complete:
            run.tell(ListingFailed(run_id=run.run_id, **who, error=summary.listing_error or ""))
        run.tell(
            AccountEnded(
                run_id=run.run_id,
                **who,
                outcomes=summary.by_outcome,
                at_risk=summary.at_risk,
                listing_complete=summary.listing_complete,
                verified=summary.verified,
                is_everything=run.is_everything,
                fault=summary.fault_code,
                error=summary.fault or stop,
                requests=summary.requests,
                elapsed_s=summary.elapsed_s,
            )
        )

    def _open(self, slot: Slot, *, is_again: bool) -> None:
        self._run.tell(
            OrderOpen(
                run_id=self._run.run_id,
                account=self._account,
                venue=self._venue,
                order_id=slot.order_id,
                notional=None if slot.order is None else slot.order.notional,
                is_again=is_again,
            )
        )


class Overheard(Unrecorded):
    """The requests of one account outside of a run, told of and not recorded.

    Args:
        teller: Who is told.
        account: Name of the account.
        venue: Name of its venue.
    """

    def __init__(self, teller: Teller, account: str, venue: str) -> None:
        super().__init__()
        self._teller = teller
        self._account = account
        self._venue = venue

    def heard(self, turn: Turn, came: object, *, asked: Asked | None) -> None:  # noqa: ARG002  # nothing is recorded
        """See `AccountRecord`."""
        self._teller.tell(_request_over(None, self._account, self._venue, turn, came))


def _request_over(run_id: str | None, account: str, venue: str, turn: Turn, came: object) -> RequestOver:
    """What is told of a request of which this came."""
    return RequestOver(
        run_id=run_id,
        account=account,
        venue=venue,
        kind=turn.kind,
        result=_result_of(came),
        waited_s=turn.waited_s,
        wire_s=turn.wire_s,
        code=came.code if isinstance(came, VenueError) else None,
        status=came.status if isinstance(came, TransportError | WireError) else None,
        retry_after_s=came.retry_after_s if isinstance(came, ThrottledError) else None,
    )


def _result_of(came: object) -> RequestResult:
    if not isinstance(came, VenueError):
        return RequestResult.ANSWERED
    if isinstance(came, TransportError):
        return RequestResult.NO_ANSWER if came.sent else RequestResult.NOT_SENT
    return next((result for kind, result in _RESULTS.items() if isinstance(came, kind)), RequestResult.REFUSED)


_RESULTS = {
    UnavailableError: RequestResult.UNAVAILABLE,  # before the class that it belongs to
    ThrottledError: RequestResult.THROTTLED,
    CredentialError: RequestResult.BAD_KEY,
    WireError: RequestResult.UNREADABLE,
}


def _without_user(base_url: str) -> str:
    """The address without a name and a password that may stand in it."""
    parts = urlsplit(base_url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
