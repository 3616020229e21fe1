"""What happened to one account, counted. The sums hold by construction: every count comes from the same list of results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from engine.core.outcome import OrderResult, Outcome, rounded
from engine.core.plan import Expected
from engine.core.request import Belongs, counted_by


class Fault(StrEnum):
    """What stopped an account early, for programs; the words beside it are for people."""

    CREDENTIALS = "credentials"
    """The venue refuses the key, or the place that the requests come from."""
    ALLOWANCE = "allowance"
    """The day's allowance of cancels is used up."""
    LISTING = "listing"
    """Its open orders could not be listed, and nothing else was left to do."""
    PACE = "pace"
    """The venue refused its requests for their pace, too often in a row."""
    UNREACHABLE = "unreachable"
    """The venue gave no usable answer, for too long."""
    JOURNAL = "journal"
    """The run could not be recorded any more, and was not to go on without that."""
    INTERNAL = "internal"
    """A mistake in the engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time in which a venue gave no usable answer to anybody, as all accounts together saw it.

    Attributes:
        venue: Name of the venue.
        began_s: Seconds from the call to its first failure; 0 where it had begun before.
        ended_s: Seconds from the call to the first usable answer after it, or None if there was none.
        text: The failure, in words.
        probes: Requests that were sent to find out whether it was over.
    """

    venue: str
    began_s: float
    ended_s: float | None
    text: str
    probes: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The outage as plain values."""
        return {
            "venue": self.venue,
            "began_s": rounded(self.began_s),
            "ended_s": rounded(self.ended_s),
            "text": self.text,
            "probes": self.probes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSummary:
    """The fates of all orders of one account in one call.

    Attributes:
        account: Name of the account.
        venue: Name of its venue.
        results: One for every order: in input order, or in the order in which the run found them.
        listing_complete: False if the open orders could not be listed to the end, so that some may have gone unseen. True where
            no listing was asked for.
        listing_error: Why the listing is not complete, or None.
        verified: Whether a complete listing, read after the last cancel was answered, showed nothing left in scope. None where
            no listing was asked for.
        fault: Why the account stopped early, in words, or None.
        fault_code: The same as one of a few words, or None.
        is_finished: Whether the account's part of the call is over; False only in what a `Progress` shows of a call under way.
        left: Orders that were listed and not touched, each with the reason.
        is_uncounted: Whether the answer to a mass cancel was lost, so that orders which it cancelled, and which nobody had listed
            before, may be missing from `results`.
        locked_out_s: Seconds from this summary on in which the venue admits no cancel of this account, as far as is known: what
            a mass cancel cancelled is charged afterwards.
        requests: Requests sent, of all kinds.
        waited_s: Seconds in which its next request was ready and waited for the limits, its own and the shared ones.
        wire_s: Seconds that its requests were on their way, each counted on its own, so that they may add up to more than passed.
        elapsed_s: Seconds from the call to this summary.
        unrecorded: Why the journal does not hold all of this, or None: it does, or none was asked for.
        expected: What this takes by the limits alone; None while its part is not over, or where it never began.
    """

    account: str
    venue: str = ""
    results: Sequence[OrderResult] = ()
    listing_complete: bool = True
    listing_error: str | None = None
    verified: bool | None = None
    fault: str | None = None
    fault_code: Fault | None = None
    is_finished: bool = True
    left: Mapping[str, Belongs] = field(default_factory=dict)
    is_uncounted: bool = False
    locked_out_s: float = 0.0
    requests: int = 0
    waited_s: float = 0.0
    wire_s: float = 0.0
    elapsed_s: float = 0.0
    unrecorded: str | None = None
    expected: Expected | None = None
    _counted: Mapping[Outcome, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Count once: there may be a million results, and every sum is asked for again and again."""
        object.__setattr__(self, "_counted", Counter(result.outcome for result in self.results) if self.results else {})

    @property
    def by_outcome(self) -> dict[Outcome, int]:
        """How many orders ended in each outcome; outcomes that none ended in are left out."""
        return {outcome: self._counted[outcome] for outcome in Outcome if outcome in self._counted}

    @property
    def total(self) -> int:
        """How many orders the summary accounts for."""
        return len(self.results)

    @property
    def cancelled(self) -> int:
        """How many ended in one of the two cancelled outcomes."""
        return sum(count for outcome, count in self._counted.items() if outcome.is_success)

    @property
    def failed(self) -> int:
        """How many ended otherwise; not all of them are still live."""
        return self.total - self.cancelled

    @property
    def at_risk(self) -> int:
        """How many may still be live."""
        return sum(count for outcome, count in self._counted.items() if outcome.may_be_live)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is at risk and every listing is complete: exit code 0."""
        return self.at_risk == 0 and self.listing_complete

    @property
    def is_fine(self) -> bool:
        """Whether nobody has to look at the account."""
        return self.is_clean and self.fault is None and self.verified is not False and not self.is_uncounted

    def to_dict(self) -> dict[str, Any]:
        """The documented Opinion result (`total_orders`, `cancelled`, `failed`, `results`), with our own keys beside it."""
        return {
            "total_orders": self.total,
            "cancelled": self.cancelled,
            "failed": self.failed,
            "results": [result.to_dict() for result in self.results],
            "account": self.account,
            "venue": self.venue,
            "total": self.total,
            "at_risk": self.at_risk,
            "by_outcome": {outcome.value: count for outcome, count in self.by_outcome.items()},
            "listing_complete": self.listing_complete,
            "listing_error": self.listing_error,
            "verified": self.verified,
            "fault": self.fault,
            "fault_code": None if self.fault_code is None else self.fault_code.value,
            "is_finished": self.is_finished,
            "left": {reason.value: count for reason, count in counted_by(self.left.values()).items()},
            "left_orders": {order_id: why.value for order_id, why in self.left.items()},
            "is_uncounted": self.is_uncounted,
            "locked_out_s": rounded(self.locked_out_s),
            "requests": self.requests,
            "waited_s": rounded(self.waited_s),
            "wire_s": rounded(self.wire_s),
            "elapsed_s": rounded(self.elapsed_s),
            "unrecorded": self.unrecorded,
            "expected": None if self.expected is None else self.expected.to_dict(),
        }
