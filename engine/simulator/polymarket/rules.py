"""How a simulated Polymarket behaves when nothing is wrong. Where its sources disagree, or say nothing, a rule decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from engine.errors import ConfigError


class TierRule(NamedTuple):
    """What one tier may spend on cancels; `is_floored` where charges afterwards stop at nothing."""

    per_s: float
    burst: int
    is_floored: bool


TIERS: Mapping[str, TierRule] = {
    "standard": TierRule(80, 120, False),
    "copper": TierRule(120, 180, False),
    "bronze": TierRule(160, 240, False),
    "silver": TierRule(400, 600, False),
    "gold": TierRule(800, 1200, False),
    "platinum": TierRule(900, 1350, True),
    "diamond": TierRule(1050, 1575, True),
    "elite": TierRule(1200, 1800, True),
}
"""Source: the venue's page "trading rate limits", read 2026-08-22."""

WINDOWS_10S: Mapping[str, int] = {
    "cancel": 5000,
    "cancel_many": 2000,
    "cancel_all": 250,
    "cancel_market": 1500,
    "list": 500,
    "read": 900,
}
"""Requests of one address in ten seconds; what is over them is delayed. Source: the venue's page "rate limits"."""

REASONS: Mapping[str, str] = {
    "filled": "order already matched",
    "cancelled": "order already canceled",
    "expired": "order can't be found - already canceled or matched",
    "failed": "order can't be found - already canceled or matched",
    "unknown": "Order not found",
    "delayed": "can't be canceled because it is pending/delayed",
}
"""Why an order was not cancelled, by what it is. Free text at the venue; spellings vary. What it says of orders of a resolved
market is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolymarketRules:
    """How this Polymarket behaves when nothing is wrong.

    Attributes:
        latency_s: The venue's think time, half of it before a request is handled and half after.
        latency_jitter_s: Up to so much is added to it, evenly, by the seed.
        epoch_s: Unix time of simulated second 0.
        clock_skew_s: How much the venue's clock is ahead of that.
        timestamp_window_s: How old, or early, a signed time may be; None for no check. 60 s is what users report.
        buckets: Whether tokens are enforced, warned of, or not counted. Warning mode began 2026-07-24; enforcement is UNKNOWN.
        tier: Of accounts that are given none.
        tier_spelling: How the header spells it. UNKNOWN.
        rate_headers: Whether answers of the limiter carry `Poly-RateLimit-*`.
        retry_after: How a 429 says when to come back: whole seconds, a date, or not at all.
        duplicate_cost: Whether an id named twice costs twice. UNKNOWN; "number of submitted order IDs" suggests it.
        max_batch: Most ids of a request.
        page_size: Rows of a page; 100 in an example, 500 as users report.
        cursor_end: How the last page says so.
        extra_empty_page: Whether a full last page names a further one, which is empty.
        status_prefix: Whether statuses are spelt with `ORDER_STATUS_`.
        list_envelope: False for the bare list that one page of the guide shows; it holds every order.
        empty_filter: What a cancel by market without a filter does: it is refused, or cancels everything. Sources disagree.
        reasons: Texts for what could not be cancelled.
        ambiguous_reason: Whether one text stands for cancelled, filled and unknown alike.
        delays: Whether requests over the windows by address are delayed.
        list_lag_s: How old the listing is.
        read_lag_s: The same for reading one order.
    """

    latency_s: float = 0.0
    latency_jitter_s: float = 0.0
    epoch_s: float = 1_795_000_000.0
    clock_skew_s: float = 0.0
    timestamp_window_s: float | None = 60.0
    buckets: Literal["enforced", "warning", "off"] = "enforced"
    tier: str = "standard"
    tier_spelling: Literal["lower", "title", "upper"] = "lower"
    rate_headers: bool = True
    retry_after: Literal["seconds", "date", "none"] = "seconds"
    duplicate_cost: bool = True
    max_batch: int = 1000
    page_size: int = 100
    cursor_end: Literal["LTE=", "empty", "missing", "null"] = "LTE="
    extra_empty_page: bool = False
    status_prefix: bool = False
    list_envelope: bool = True
    empty_filter: Literal["refuse", "everything"] = "refuse"
    reasons: Mapping[str, str] = field(default_factory=lambda: dict(REASONS))
    ambiguous_reason: bool = False
    delays: bool = True
    list_lag_s: float = 0.0
    read_lag_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse numbers that no venue could have."""
        if self.page_size < 1 or self.max_batch < 1:
            raise ConfigError("page_size and max_batch must be positive")
        if self.tier not in TIERS:
            raise ConfigError(f"there is no tier {self.tier!r}; known: {', '.join(TIERS)}")
