"""What happened to all accounts of one run, counted from their summaries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from engine.core.measures import CurvePoint, Exposure, Percentiles, Times, exposure, times_of
from engine.core.outcome import OrderResult, Outcome, rounded
from engine.core.reasons import Reason, group_reasons
from engine.core.request import Belongs, counted_by
from engine.core.summary import CancelSummary, Outage
from engine.core.troubles import Trouble, troubles_of

SCHEMA = "cancel-engine/run-report/1"
"""Names the form of the document. Fields may be added under it; a change of what one means is a new number."""


@dataclass(frozen=True, kw_only=True)  # without slots, because what walks over all results is kept: there may be a million
class RunReport:
    """The fates of all orders of all accounts of one run.

    Attributes:
        run_id: Names the run in logs and reports.
        accounts: Name to summary, in input order.
        started_at: When the call was made, in Unix seconds, or None.
        stop: What ended the run early, in words, or None.
        outages: Times in which a venue was down for all, in the order in which they began.
        elapsed_s: Seconds from the call to this report.
        reason: Why it was asked for, in the caller's words or the trade's, or None.
        requested_by: Who or what asked, or None.
        unrecorded: Why the journal does not hold the whole run, or None: it does, or none was asked for.
    """

    run_id: str
    accounts: Mapping[str, CancelSummary]
    started_at: float | None = None
    stop: str | None = None
    outages: tuple[Outage, ...] = ()
    elapsed_s: float = 0.0
    reason: str | None = None
    requested_by: str | None = None
    unrecorded: str | None = None

    @classmethod
    def from_dict(cls, document: object) -> RunReport:
        """The report that `to_dict` wrote, also after a way through JSON.

        Raises:
            ConfigError: it is none, or its sums do not hold.
        """
        from engine.core.loading import report_from_dict  # noqa: PLC0415  # it knows this class

        return report_from_dict(document)

    @property
    def results(self) -> Iterator[OrderResult]:
        """Every result, account after account, in input order; `index` counts within the account."""
        for summary in self.accounts.values():
            yield from summary.results

    @property
    def by_outcome(self) -> dict[Outcome, int]:
        """How many orders ended in each outcome, over all accounts."""
        return {outcome: self._counted[outcome] for outcome in Outcome if outcome in self._counted}

    @property
    def total(self) -> int:
        """How many orders the report accounts for."""
        return sum(self._counted.values())

    @property
    def cancelled(self) -> int:
        """How many ended in one of the two cancelled outcomes."""
        return sum(count for outcome, count in self._counted.items() if outcome.is_success)

    @property
    def failed(self) -> int:
        """How many ended otherwise."""
        return self.total - self.cancelled

    @property
    def at_risk(self) -> int:
        """How many may still be live."""
        return sum(count for outcome, count in self._counted.items() if outcome.may_be_live)

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
        return self._times.first_cancel_s

    @property
    def last_cancel_s(self) -> float | None:
        """Seconds from the call until the last order that was cancelled was known to be, or None if none was."""
        return self._times.last_cancel_s

    @property
    def last_settled_s(self) -> float | None:
        """Seconds from the call to the last fate written, or None if there was none."""
        return self._times.last_settled_s

    @property
    def settle_s(self) -> Percentiles:
        """Seconds from the call until a cancelled order was known to be."""
        return self._times.settle_s

    @property
    def request_s(self) -> Percentiles:
        """Seconds from the first request for a cancelled order until it was known to be."""
        return self._times.request_s

    @property
    def curve(self) -> tuple[CurvePoint, ...]:
        """The open exposure over time, as `exposure` gives it."""
        return self._exposure.curve

    @property
    def unpriced(self) -> int:
        """Orders of which it is not known what they rest for: the curve's money leaves them out."""
        return self._exposure.unpriced

    @cached_property
    def by_reason(self) -> tuple[Reason, ...]:
        """Why orders were not cancelled, each reason once: what may be live first, then by how many."""
        return tuple(group_reasons(self.results))

    @cached_property
    def _counted(self) -> Mapping[Outcome, int]:
        counted: Counter[Outcome] = Counter()
        for summary in self.accounts.values():
            if summary.total:
                counted.update(summary.by_outcome)
        return counted

    @cached_property
    def _times(self) -> Times:
        return times_of(self.results)

    @cached_property
    def _exposure(self) -> Exposure:
        return exposure(self.results)

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What went wrong, each thing once."""
        return troubles_of(list(self.accounts.values()), self.outages, self.stop, self.unrecorded)

    @property
    def left(self) -> dict[Belongs, int]:
        """How many listed orders were not touched, by the reason."""
        return counted_by(reason for summary in self.accounts.values() for reason in summary.left.values())

    @property
    def unverified(self) -> list[str]:
        """Accounts that were to be proved empty and were not."""
        return [name for name, summary in self.accounts.items() if summary.verified is False]

    @property
    def waited_s(self) -> float:
        """Seconds in which accounts waited for limits, over all of them, each to the millisecond as it is written down."""
        return sum(round(summary.waited_s, 3) for summary in self.accounts.values())

    @property
    def wire_s(self) -> float:
        """Seconds that requests were on their way, over all accounts, each to the millisecond as it is written down."""
        return sum(round(summary.wire_s, 3) for summary in self.accounts.values())

    def to_dict(self) -> dict[str, Any]:
        """The whole report as plain values: see docs/report.md, which also says what may change."""
        return {
            "schema": SCHEMA,
            "run_id": self.run_id,
            "started_at": self.started_at,
            "reason": self.reason,
            "requested_by": self.requested_by,
            "stop": self.stop,
            "unrecorded": self.unrecorded,
            "total_orders": self.total,
            "cancelled": self.cancelled,
            "failed": self.failed,
            "total": self.total,
            "at_risk": self.at_risk,
            "by_outcome": {outcome.value: count for outcome, count in self.by_outcome.items()},
            "by_reason": [reason.to_dict() for reason in self.by_reason],
            "troubles": [trouble.to_dict() for trouble in self.troubles],
            "outages": [outage.to_dict() for outage in self.outages],
            "listing_complete": self.listing_complete,
            "unverified": self.unverified,
            "left": {reason.value: count for reason, count in self.left.items()},
            "first_cancel_s": rounded(self.first_cancel_s),
            "last_cancel_s": rounded(self.last_cancel_s),
            "last_settled_s": rounded(self.last_settled_s),
            "settle_s": self.settle_s.to_dict(),
            "request_s": self.request_s.to_dict(),
            "waited_s": rounded(self.waited_s),
            "wire_s": rounded(self.wire_s),
            "elapsed_s": rounded(self.elapsed_s),
            "curve": [point.to_dict() for point in self.curve],
            "unpriced": self.unpriced,
            "accounts": {name: summary.to_dict() for name, summary in self.accounts.items()},
        }
