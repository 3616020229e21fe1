"""How a scope is best taken off the book, and what that costs. Values in, values out; nothing here is sent.

Every tactic that is considered cancels exactly the scope. The one that is chosen lets the last cancel be admitted first; among
equals, the one that cancels before it has listed; then the one with fewer tokens; then the one with fewer requests.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.core.order import OpenOrder
from engine.core.outcome import rounded
from engine.core.quota import Bucket, Kind, Limits, Tier, Window
from engine.core.request import Belongs, counted_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What one account has at its disposal.

    Attributes:
        limits: Of its venue.
        most_ids: Most orders of one cancel.
        tier: What it may spend, or None where cancels cost no tokens.
        balance: Tokens it has now, negative in debt.
        accounts: How many accounts do the same at the same time, and share the venue's own limits.
    """

    limits: Limits
    most_ids: int = 1
    tier: Tier | None = None
    balance: float = 0.0
    accounts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tactic:
    """One way to cancel so many orders, and its price.

    Attributes:
        kind: The kind of cancel that does the work; `CANCEL_MANY` stands for requests by id, as large as tokens allow.
        requests: Cancel requests, at the least; by id there are more where orders come page by page.
        tokens: Tokens that are taken before the requests are admitted.
        charged: Tokens that are charged afterwards.
        least_time_s: Seconds from the first cancel to the last that the limits leave no way around.
        expected_s: The same, were all accounts of the run to do likewise.
        balance: Tokens after the last one, negative in debt; None where cancels cost none.
        locked_out_s: Seconds from then on in which no cancel is admitted.
        is_blind: Whether it begins before anything is listed.
        why: The reason, in words.
    """

    kind: Kind
    requests: int
    tokens: int = 0
    charged: int = 0
    least_time_s: float = 0.0
    expected_s: float = 0.0
    balance: float | None = None
    locked_out_s: float = 0.0
    is_blind: bool = False
    why: str = ""

    @property
    def price(self) -> tuple[float, bool, int, int]:
        """What is compared, the most important first."""
        return (round(self.expected_s, 6), not self.is_blind, self.tokens + self.charged, self.requests)

    def to_dict(self) -> dict[str, Any]:
        """The tactic as plain values."""
        return {
            "kind": self.kind.value,
            "requests": self.requests,
            "tokens": self.tokens,
            "charged_afterwards": self.charged,
            "least_time_s": rounded(self.least_time_s),
            "balance_afterwards": rounded(self.balance),
            "locked_out_s": rounded(self.locked_out_s),
            "why": self.why,
        }


def choose(mass_cancels: Sequence[Kind], orders: int, means: Means, *, lists_first: bool = False) -> Tactic:
    """The best way to cancel so many orders.

    Args:
        mass_cancels: The venue's own mass cancels that hit exactly the scope.
        orders: How many orders are in scope.
        means: What the account has.
        lists_first: Whether all orders are listed before the first cancel, whatever the tactic.
    """
    by_ids = cancel_by_ids(orders, means)
    return min((*(_mass(kind, orders, means, lists_first=lists_first) for kind in mass_cancels), by_ids), key=_price)


def pays_to_list_first(mass_cancels: Sequence[Kind], means: Means) -> bool:
    """Whether so many accounts would wait longer for each other's mass cancels than for each other's first pages.

    Then the orders are listed first, and each account takes the way that suits their number.
    """
    listing_s = means.limits.least_time_s({Kind.LIST: 1}, accounts=means.accounts)
    return any(means.limits.least_time_s({kind: 1}, accounts=means.accounts) > listing_s for kind in mass_cancels)


def _price(tactic: Tactic) -> tuple[float, bool, int, int]:
    return tactic.price


def cancel_by_ids(orders: int, means: Means) -> Tactic:
    """Cancel each order by its id, in requests as large as the tokens allow."""
    kind = Kind.CANCEL_MANY if means.most_ids > 1 else Kind.CANCEL_ONE
    requests, tokens_s, balance = _spend_by_ids(orders, means)
    windows_s = means.limits.least_time_s({kind: requests})
    shared_s = means.limits.least_time_s({kind: requests}, accounts=means.accounts)
    most = means.most_ids if means.tier is None else min(means.most_ids, means.tier.burst)
    why = f"{orders} cancels by id, " + (f"in requests of up to {most}" if most > 1 else "one by one")
    if means.tier is not None:
        why += f"; {max(0, math.floor(means.balance))} tokens now and {means.tier.per_s:g} a second"
    return Tactic(
        kind=kind,
        requests=requests,
        tokens=orders if means.tier else 0,
        least_time_s=max(tokens_s, windows_s),
        expected_s=max(tokens_s, shared_s),
        balance=balance,
        locked_out_s=_locked_out_s(balance, means.tier),
        why=why,
    )


def _spend_by_ids(orders: int, means: Means) -> tuple[int, float, float | None]:
    """Requests, seconds until the last is admitted, and the tokens left; each as the engine's pace would have it."""
    tier, most = means.tier, means.most_ids
    if tier is None:
        return -(-orders // most), 0.0, None
    tokens = means.limits.tokens
    gathered = max(1, math.floor(tier.per_s * (0.0 if tokens is None else tokens.gather_s)))
    left, requests, now_s, balance = orders, 0, 0.0, means.balance
    while left:
        wanted = min(left, most, tier.burst, gathered)
        if balance < wanted:
            now_s += (wanted - balance) / tier.per_s
            balance = float(wanted)
        taken = min(left, most, math.floor(balance))
        left, requests, balance = left - taken, requests + 1, balance - taken
    return requests, now_s, balance


def _mass(kind: Kind, orders: int, means: Means, *, lists_first: bool) -> Tactic:
    tier, tokens_s, balance = means.tier, 0.0, None
    why = f"one {kind.value.replace('_', '-')} cancels exactly the scope"
    if tier is not None:
        tokens_s = max(0.0, 1.0 - means.balance) / tier.per_s
        balance = max(means.balance, 1.0) - 1 - orders
        balance = max(0.0, balance) if tier.is_floored else balance
        why += f"; it is admitted for 1 token, and {orders} more are charged afterwards"
    return Tactic(
        kind=kind,
        requests=1,
        tokens=1 if tier else 0,
        charged=orders if tier else 0,
        least_time_s=tokens_s,
        expected_s=max(tokens_s, means.limits.least_time_s({kind: 1}, accounts=means.accounts)),
        balance=balance,
        locked_out_s=_locked_out_s(balance, tier),
        is_blind=not lists_first,
        why=why,
    )


def _locked_out_s(balance: float | None, tier: Tier | None) -> float:
    return 0.0 if balance is None or tier is None else max(0.0, 1.0 - balance) / tier.per_s


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPlan:
    """What would be done for one account.

    Attributes:
        account: Name of the account.
        venue: Name of its venue.
        orders: The orders in scope, in the venue's order.
        left: Orders that would be left alone, each with the reason.
        listing_complete: Whether these are all.
        listing_error: Why not, or None.
        by_kind: Requests of each kind that the cancel-all needs when nothing goes wrong: listings, cancels and the final proof.
        least_time_s: Seconds that the limits leave no way around, from its first request to its last.
        tactic: How its cancels are sent, or None where it has none to send.
        tier: Name of the tier that was counted with, or None where there are no tiers.
    """

    account: str
    venue: str = ""
    orders: tuple[OpenOrder, ...] = ()
    left: Mapping[str, Belongs] = field(default_factory=dict)
    listing_complete: bool = True
    listing_error: str | None = None
    by_kind: Mapping[Kind, int] = field(default_factory=dict)
    least_time_s: float = 0.0
    tactic: Tactic | None = None
    tier: str | None = None

    @property
    def requests(self) -> int:
        """All of these requests."""
        return sum(self.by_kind.values())

    @property
    def notional(self) -> Decimal:
        """What the orders in scope rest for, in the quote currency, as far as the venue said."""
        return sum((order.notional or Decimal(0) for order in self.orders), Decimal(0))

    def to_dict(self) -> dict[str, Any]:
        """The plan of this account as plain values."""
        return {
            "account": self.account,
            "venue": self.venue,
            "total": len(self.orders),
            "order_ids": [order.order_id for order in self.orders],
            "notional": str(self.notional),
            "left": {reason.value: count for reason, count in counted_by(self.left.values()).items()},
            "listing_complete": self.listing_complete,
            "listing_error": self.listing_error,
            "requests": self.requests,
            "requests_by_kind": {kind.value: count for kind, count in self.by_kind.items()},
            "least_time_s": rounded(self.least_time_s),
            "tactic": None if self.tactic is None else self.tactic.to_dict(),
            "tier": self.tier,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be done for all accounts.

    Attributes:
        accounts: Name to plan, in input order.
        shared_time_s: Seconds that the limits which accounts share leave no way around, whatever each could do alone.
    """

    accounts: Mapping[str, AccountPlan]
    shared_time_s: float = 0.0

    @property
    def total(self) -> int:
        """How many orders would be cancelled."""
        return sum(len(plan.orders) for plan in self.accounts.values())

    @property
    def requests(self) -> int:
        """How many requests that takes when nothing goes wrong."""
        return sum(plan.requests for plan in self.accounts.values())

    @property
    def notional(self) -> Decimal:
        """What the orders rest for, in the quote currency, as far as the venues said."""
        return sum((plan.notional for plan in self.accounts.values()), Decimal(0))

    @property
    def tokens(self) -> int:
        """How many tokens that takes, at once and afterwards."""
        return sum(plan.tactic.tokens + plan.tactic.charged for plan in self.accounts.values() if plan.tactic is not None)

    @property
    def least_time_s(self) -> float:
        """Seconds that the limits leave no way around; accounts go side by side, and share some of the limits."""
        return max((self.shared_time_s, *(plan.least_time_s for plan in self.accounts.values())))

    @property
    def listing_complete(self) -> bool:
        """Whether every account could be listed to the end."""
        return all(plan.listing_complete for plan in self.accounts.values())

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain values."""
        return {
            "dry_run": True,
            "total": self.total,
            "notional": str(self.notional),
            "requests": self.requests,
            "tokens": self.tokens,
            "least_time_s": rounded(self.least_time_s),
            "listing_complete": self.listing_complete,
            "accounts": {name: plan.to_dict() for name, plan in self.accounts.items()},
        }


def requests_for(tactic: Tactic | None, orders: int, left: int, page_rows: int, *, lists_first: bool = False) -> dict[Kind, int]:
    """Requests of a cancel-all that reads each page once, cancels by this tactic, and reads to the end for the proof.

    The proof is read twice where what stays fills more than one page.
    """
    reads_first = orders > 0 and (tactic is None or not tactic.is_blind or lists_first)
    reading = -(-(orders + left) // page_rows) if reads_first else 0
    proof = (-(-left // page_rows) + 1) * (2 if left > page_rows else 1)
    cancels = Counter({tactic.kind: tactic.requests} if tactic is not None else {})
    return dict(cancels + Counter({Kind.LIST: reading + proof}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an account's part takes by the limits alone, for the orders that were found: what to hold the run against.

    Attributes:
        requests: Requests when nothing goes wrong: listings, cancels and the final proof.
        least_s: Seconds that the limits leave no way around, were it alone, and had it all its tokens.
        per_s: Cancels a second that its own limits let it go on with, or None where they bound nothing.
        burst: Cancels that a full purse of tokens allows at once beside that; 0 where cancels cost none.
        shared_per_s: Cancels a second of all accounts of its venue together, or None where no limit is shared.
    """

    requests: int
    least_s: float
    per_s: float | None = None
    burst: int = 0
    shared_per_s: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "requests": self.requests,
            "least_s": rounded(self.least_s),
            "per_s": rounded(self.per_s),
            "burst": self.burst,
            "shared_per_s": rounded(self.shared_per_s),
        }


def expect(
    mass_cancels: Sequence[Kind],
    orders: int,
    left: int,
    means: Means,
    *,
    page_rows: int,
    lists: bool = True,
    lists_first: bool = False,
) -> Expected:
    """What so many orders in scope take, beside so many that are listed and left alone.

    Args:
        mass_cancels: The venue's own mass cancels that hit exactly the scope.
        orders: How many orders are in scope.
        left: How many others a listing shows.
        means: What the account has when nothing is spent yet.
        page_rows: Rows of a page of the listing.
        lists: Whether a listing is part of it at all.
        lists_first: Whether all orders are listed before the first cancel.
    """
    tactic = choose(mass_cancels, orders, means, lists_first=lists_first) if orders else None
    cancels = {} if tactic is None else {tactic.kind: tactic.requests}
    requests = requests_for(tactic, orders, left, page_rows, lists_first=lists_first) if lists else cancels
    kind = Kind.CANCEL_MANY if means.most_ids > 1 else Kind.CANCEL_ONE
    at_once = means.most_ids if means.tier is None else min(means.most_ids, means.tier.burst)
    own = [rate * at_once for rate in _rates(means.limits.per_account, kind)] + ([] if means.tier is None else [means.tier.per_s])
    return Expected(
        requests=sum(requests.values()),
        least_s=max(means.limits.least_time_s(requests), 0.0 if tactic is None else tactic.least_time_s),
        per_s=min(own, default=None),
        burst=0 if means.tier is None else means.tier.burst,
        shared_per_s=min((rate * at_once for rate in _rates(means.limits.per_venue, kind)), default=None),
    )


def _rates(quotas: Sequence[Window | Bucket], kind: Kind) -> list[float]:
    """Requests of this kind in a second, by each quota that counts them."""
    counted = [quota for quota in quotas if not quota.kinds or kind in quota.kinds]
    return [quota.requests / quota.per_s if isinstance(quota, Window) else quota.per_s for quota in counted]
