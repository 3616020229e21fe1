"""What a cancel-all would do, from a listing alone. Values only; nothing here is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.core.order import OpenOrder
from engine.core.outcome import rounded
from engine.core.request import Belongs


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPlan:
    """What would be done for one account.

    Attributes:
        account: Name of the account.
        orders: The orders in scope, in the venue's order.
        left: Orders that would be left alone, each with the reason.
        listing_complete: Whether these are all.
        listing_error: Why not, or None.
        requests: Requests that the cancel-all needs when nothing goes wrong: listings, cancels and the final proof.
        least_time_s: Seconds from its first request to its last that the limits leave no way around.
    """

    account: str
    orders: tuple[OpenOrder, ...] = ()
    left: Mapping[str, Belongs] = field(default_factory=dict)
    listing_complete: bool = True
    listing_error: str | None = None
    requests: int = 0
    least_time_s: float = 0.0

    @property
    def notional(self) -> Decimal:
        """What the orders in scope rest for, in the quote currency, as far as the venue said."""
        return sum((order.notional or Decimal(0) for order in self.orders), Decimal(0))

    def to_dict(self) -> dict[str, Any]:
        """The plan of this account as plain values."""
        by_reason = Counter(self.left.values())
        return {
            "account": self.account,
            "total": len(self.orders),
            "order_ids": [order.order_id for order in self.orders],
            "notional": str(self.notional),
            "left": {reason.value: by_reason[reason] for reason in Belongs if by_reason[reason]},
            "listing_complete": self.listing_complete,
            "listing_error": self.listing_error,
            "requests": self.requests,
            "least_time_s": rounded(self.least_time_s),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be done for all accounts; name to plan, in input order."""

    accounts: Mapping[str, AccountPlan]

    @property
    def total(self) -> int:
        """How many orders would be cancelled."""
        return sum(len(plan.orders) for plan in self.accounts.values())

    @property
    def requests(self) -> int:
        """How many requests that takes when nothing goes wrong."""
        return sum(plan.requests for plan in self.accounts.values())

    @property
    def least_time_s(self) -> float:
        """Seconds that the limits leave no way around; accounts go side by side."""
        return max((plan.least_time_s for plan in self.accounts.values()), default=0.0)

    @property
    def listing_complete(self) -> bool:
        """Whether every account could be listed to the end."""
        return all(plan.listing_complete for plan in self.accounts.values())

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain values."""
        return {
            "dry_run": True,
            "total": self.total,
            "requests": self.requests,
            "least_time_s": rounded(self.least_time_s),
            "listing_complete": self.listing_complete,
            "accounts": {name: plan.to_dict() for name, plan in self.accounts.items()},
        }


def requests_for(orders: int, left: int, page_rows: int) -> int:
    """Requests of a cancel-all that reads each page once, cancels one by one, and reads to the end for the proof.

    The proof is read twice where what stays fills more than one page.
    """
    reading = -(-(orders + left) // page_rows)
    proof = (-(-left // page_rows) + 1) * (2 if left > page_rows else 1)
    return (reading if orders else 0) + orders + proof
