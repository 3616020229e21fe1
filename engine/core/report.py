"""What happened to all accounts of one run, counted from their summaries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.core.outcome import OrderResult, Outcome, rounded
from engine.core.summary import CancelSummary


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """The fates of all orders of all accounts of one run.

    Attributes:
        run_id: Names the run in logs and reports.
        accounts: Name to summary, in input order.
        started_at: When the call was made, in Unix seconds, or None.
        stop: What ended the run early, in words, or None.
        outages: Times in which a venue was down for all, in the order in which they began.
        elapsed_s: Seconds from the call to this report.
    """

    run_id: str
    accounts: Mapping[str, CancelSummary]
    started_at: float | None = None
    stop: str | None = None
    outages: tuple[Outage, ...] = ()
    elapsed_s: float = 0.0

    @property
    def results(self) -> Iterator[OrderResult]:
        """Every result, account after account, in input order; `index` counts within the account."""
        for summary in self.accounts.values():
            yield from summary.results

    @property
    def by_outcome(self) -> dict[Outcome, int]:
        """How many orders ended in each outcome, over all accounts."""
        counted: Counter[Outcome] = Counter()
        for summary in self.accounts.values():
            counted.update(summary.by_outcome)
        return {outcome: counted[outcome] for outcome in Outcome if counted[outcome]}

    @property
    def total(self) -> int:
        """How many orders the report accounts for."""
        return sum(summary.total for summary in self.accounts.values())

    @property
    def cancelled(self) -> int:
        """How many ended in one of the two cancelled outcomes."""
        return sum(summary.cancelled for summary in self.accounts.values())

    @property
    def failed(self) -> int:
        """How many ended otherwise."""
        return self.total - self.cancelled

    @property
    def at_risk(self) -> int:
        """How many may still be live."""
        return sum(summary.at_risk for summary in self.accounts.values())

    @property
    def listing_complete(self) -> bool:
        """Whether every account's listing is complete."""
        return all(summary.listing_complete for summary in self.accounts.values())

    @property
    def is_clean(self) -> bool:
        """Whether nothing is at risk and every listing is complete: exit code 0."""
        return all(summary.is_clean for summary in self.accounts.values())

    @property
    def first_cancel_s(self) -> float | None:
        """Seconds from the call to the first cancel that left, or None if none did."""
        return min((result.sent_s for result in self.results if result.sent_s is not None), default=None)

    @property
    def last_settled_s(self) -> float | None:
        """Seconds from the call to the last fate written, or None if there was none."""
        return max((result.settled_s for result in self.results if result.settled_s is not None), default=None)

    def to_dict(self) -> dict[str, Any]:
        """Totals as in a summary, and each account's summary under its name."""
        return {
            "run_id": self.run_id,
            "total_orders": self.total,
            "cancelled": self.cancelled,
            "failed": self.failed,
            "total": self.total,
            "at_risk": self.at_risk,
            "by_outcome": {outcome.value: count for outcome, count in self.by_outcome.items()},
            "listing_complete": self.listing_complete,
            "first_cancel_s": rounded(self.first_cancel_s),
            "last_settled_s": rounded(self.last_settled_s),
            "elapsed_s": rounded(self.elapsed_s),
            "accounts": {name: summary.to_dict() for name, summary in self.accounts.items()},
        }
