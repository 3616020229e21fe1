"""Why orders were not cancelled, each reason once, however many orders share it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from engine.core.outcome import OrderResult, Outcome

MOST_EXAMPLES = 5
"""Orders that a reason names. A guess: enough to look one up, few enough for a million orders."""


@dataclass(slots=True)
class Reason:
    """Orders that ended in the same way for the same reason.

    Attributes:
        outcome: How they ended.
        code: The venue's code, or ours, as text; `-` for none.
        error: What happened, in words.
        count: How many.
        order_ids: The first few of them.
        accounts: The account of each of these few.
    """

    outcome: Outcome
    code: str
    error: str
    count: int = 0
    order_ids: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The reason as plain values."""
        return {
            "outcome": self.outcome.value,
            "code": self.code,
            "error": self.error,
            "count": self.count,
            "order_ids": list(self.order_ids),
            "accounts": list(self.accounts),
        }


def group_reasons(results: Iterable[OrderResult]) -> list[Reason]:
    """Why orders were not cancelled: what may be live first, then by how many."""
    found: dict[tuple[Outcome, str, str], Reason] = {}
    for result in results:
        if not result.success:
            code, error = str(result.code if result.code is not None else "-"), result.error or ""
            reason = found.get((result.outcome, code, error))
            if reason is None:
                reason = found[result.outcome, code, error] = Reason(result.outcome, code, error)
            reason.count += 1
            if len(reason.order_ids) < MOST_EXAMPLES:
                reason.order_ids.append(result.order_id)
                reason.accounts.append(result.account)
    return sorted(found.values(), key=lambda reason: (not reason.outcome.may_be_live, -reason.count))
