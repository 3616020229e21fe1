"""What an engine tells its embedder while it works: small values, handed to the function that `CancelEngine(on_event=…)` names.

The function is called in the event loop, between two steps of the engine, so it must come back soon: a millisecond spent in it
is a millisecond in which no answer is read. What it raises never harms a run. It is called in the order in which things happen:
`RunBegan` first, then what becomes of its accounts, `RunEnded` last. No event carries a key, a header or a body; words of a
venue's have our own secrets masked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from engine.core.outcome import Outcome
from engine.core.quota import Kind
from engine.core.summary import Fault


class RequestResult(StrEnum):
    """What came of one request, as one of a few."""

    ANSWERED = "answered"
    """A usable answer; what it says of each order is another matter."""
    THROTTLED = "throttled"
    """Refused for its pace: HTTP 429, or the venue's own way to say that."""
    UNAVAILABLE = "unavailable"
    """The venue says that it takes no such request for now, from anybody."""
    BAD_KEY = "bad_key"
    """The venue refuses the key, the place that the request comes from, or the time in it."""
    REFUSED = "refused"
    """Refused otherwise."""
    UNREADABLE = "unreadable"
    """An answer without the documented shape."""
    NO_ANSWER = "no_answer"
    """It may have reached the venue, and no usable answer came back."""
    NOT_SENT = "not_sent"
    """It never left."""


class RunResult(StrEnum):
    """What a run came to, as one of three."""

    CLEAN = "clean"
    """Nothing is at risk, and every listing is complete: exit code 0 of the command line."""
    AT_RISK = "at_risk"
    """An order may still be live."""
    INCOMPLETE = "incomplete"
    """No order is known that may be live, but not every account could be listed to the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBegan:
    """A run begins: its record, if there is one, is on disk, and nothing has been sent.

    Attributes:
        run_id: Names the run in logs and reports.
        venues: Names of the venues of its accounts.
        accounts: How many accounts it has.
        is_resumed: Whether it goes on with an earlier run.
    """

    run_id: str
    venues: tuple[str, ...]
    accounts: int
    is_resumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """A run is over, and its record is on disk or lost. The counts are those of its report.

    Attributes:
        run_id: Names the run.
        result: What it came to.
        total: Orders that the report accounts for.
        cancelled: Of them, off the book because they were cancelled.
        at_risk: Of them, those that may still be live.
        accounts: How many accounts it had.
        incomplete: Of them, those whose open orders were not listed to the end; their turn may not even have come.
        stop: What ended it early, in words, or None.
        elapsed_s: Seconds that it took; of one that was resumed, since its first life began.
        unrecorded: Why the journal does not hold all of it, or None.
    """

    run_id: str
    result: RunResult
    total: int
    cancelled: int
    at_risk: int
    accounts: int
    incomplete: int
    stop: str | None
    elapsed_s: float
    unrecorded: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBegan:
    """The work on one account of a run begins.

    Attributes:
        run_id: Names the run.
        account: Name of the account.
        venue: Name of its venue.
        address: The venue's base URL, without anything that stands for a user in it.
    """

    run_id: str
    account: str
    venue: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEnded:
    """The work on one account of a run is over. Only accounts whose turn came have one; its counts are those of its summary.

    Attributes:
        run_id: Names the run.
        account: Name of the account.
        venue: Name of its venue.
        outcomes: How many of its orders ended in each outcome; outcomes that none ended in are left out.
        at_risk: How many may still be live.
        listing_complete: False if its open orders could not be listed to the end.
        verified: Whether a complete listing, read after the last cancel was answered, showed nothing left in scope; None where no
            listing was asked for.
        is_everything: Whether the run was for every open order of the account, so that `verified` speaks of all of them.
        fault: Why it stopped early, as one of a few, or None.
        error: The same in words, or what ended the run early, or None.
        requests: Requests sent, of all kinds.
        elapsed_s: Seconds since the run began.
    """

    run_id: str
    account: str
    venue: str
    outcomes: Mapping[Outcome, int]
    at_risk: int
    listing_complete: bool
    verified: bool | None
    is_everything: bool
    fault: Fault | None
    error: str | None
    requests: int
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderOpen:
    """An order is taken to be live from now on, until its fate says otherwise.

    It comes when the order is found or named, once more if a listing shows what was known by its id alone, and again whenever an
    order is taken up whose fate had been written.

    Attributes:
        run_id: Names the run.
        account: Name of the account.
        venue: Name of its venue.
        order_id: The venue's.
        notional: Price times the shares that rest, in the quote currency; None where that is not known.
        is_again: Whether its fate had been written before.
    """

    run_id: str
    account: str
    venue: str
    order_id: str
    notional: Decimal | None
    is_again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FateSettled:
    """The fate of an order is written, or will not be any more because the run is over.

    An order whose fate a later listing contradicts comes again; the last one is that of the report. An order that was asked for
    twice comes once.

    Attributes:
        run_id: Names the run.
        account: Name of the account.
        venue: Name of its venue.
        order_id: The venue's.
        outcome: Its fate.
        code: The venue's code, or a word of ours; None where the order was cancelled.
        attempts: Cancels of it that may have left.
    """

    run_id: str
    account: str
    venue: str
    order_id: str
    outcome: Outcome
    code: int | str | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOver:
    """A request is over: answered, lost, or never sent. Every request of an account has one, those of `plan()` included.

    Attributes:
        run_id: Names the run; None outside of one.
        account: Name of the account.
        venue: Name of its venue.
        kind: What it asked for.
        result: What came of it.
        waited_s: Seconds for which the limits kept it waiting while it was the next of its account.
        wire_s: Seconds from when it left to its answer, or until none was waited for any more; 0 if it never left.
        code: The venue's code for a refusal, or a word of ours; None with a usable answer.
        status: The HTTP status of a failure, where there was one and it says more than `code`; else None.
        retry_after_s: Seconds for which a venue that refused it asks to be left alone, or None.
    """

    run_id: str | None
    account: str
    venue: str
    kind: Kind
    result: RequestResult
    waited_s: float
    wire_s: float
    code: int | str | None
    status: int | None
    retry_after_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingFailed:
    """The open orders of an account could not be listed to the end, and will not be in this run: some may have gone unseen.

    Attributes:
        run_id: Names the run.
        account: Name of the account.
        venue: Name of its venue.
        error: Why, in words.
    """

    run_id: str
    account: str
    venue: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageBegan:
    """A venue is taken to give no usable answer to anybody; all accounts wait for it.

    Attributes:
        venue: Name of the venue.
        error: The last failure, in words.
    """

    venue: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageEnded:
    """The venue gives usable answers again.

    Attributes:
        venue: Name of the venue.
        lasted_s: Seconds since its first failure.
    """

    venue: str
    lasted_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLost:
    """A run cannot be recorded any more; once for each run.

    Attributes:
        run_id: Names the run.
        error: Why, in words.
    """

    run_id: str
    error: str


Event: TypeAlias = (
    RunBegan
    | RunEnded
    | AccountBegan
    | AccountEnded
    | OrderOpen
    | FateSettled
    | RequestOver
    | ListingFailed
    | OutageBegan
    | OutageEnded
    | JournalLost
)
"""Everything that is told. More may be added, so a `match` over them needs a `case _`."""

Hook: TypeAlias = Callable[[Event], object]
"""What is told; what it gives back is not looked at."""


def several(*hooks: Hook) -> Hook:
    """One hook that tells all of these, in this order; what one raises keeps the event from none of the others.

    Raises, when it is called:
        ExceptionGroup: some have raised; the engine logs that as it does for any hook.
    """

    def tell(event: Event) -> None:
        failures = []
        for hook in hooks:
            try:
                hook(event)
            except Exception as error:  # noqa: BLE001  # the others are told first
                failures.append(error)
        if failures:
            raise ExceptionGroup("hooks have failed", failures)

    return tell
