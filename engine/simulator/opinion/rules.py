"""The switches of a simulated Opinion: everything that the venue leaves open, and the limits that it publishes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.errors import ConfigError
from engine.simulator.quota import QuotaKind

NOT_FOUND_CODE = 10607
"""Errno of "order not found". Source: an unverified fixture of a third party; the venue documents none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionRules:
    """How this Opinion behaves when nothing is wrong.

    Attributes:
        latency_s: The venue's think time, half of it before a request is handled and half after.
        latency_jitter_s: Up to so much is added to it, evenly, by the seed.
        quota: Requests per key and window. Source: the venue's "rate limiting" page, 15 per second; None lifts it.
        quota_kind: The kind of window. UNKNOWN of the real venue, as is whether refused requests count (here: no).
        retry_after: The `Retry-After` header of the venue's own 429, sent as it is; None sends none. UNKNOWN.
        daily_allowance: Cancels per account and 86,400 s; None lifts it. The venue publishes 2,000 for builders.
        allowance_refusal: What a cancel beyond the allowance gets: HTTP 200 with an errno, or HTTP 429. UNKNOWN.
        allowance_code: The errno of that refusal. Invented.
        dialect: Envelope keys `errno/errmsg/result` or `code/msg/result`; both are documented.
        side_encoding: Numbers for buy and sell in rows. 1/2 most likely.
        list_order: What stands on page 1. UNKNOWN.
        finished_answer: What a cancel of a finished or unknown order gets: `result: false`, or an errno. UNKNOWN.
        finished_code: That errno.
        over_limit: What more than `page_cap` rows on a page gets: clamped, or HTTP 400. UNKNOWN.
        page_cap: The most rows of a page. Source: the venue's "pagination" page, 20.
        default_limit: Rows of a page when none are asked for.
        root_market_matches: Whether `marketId` of a root market also lists the orders of its children. UNKNOWN.
        unknown_key: What an unknown or dead key gets: HTTP 401, or HTTP 200 with errno 11002.
        unknown_read: What reading an unknown order gets: HTTP 404, or HTTP 200 with `finished_code`. UNKNOWN.
        fresh_key_delay_s: Seconds until a regenerated key works. A third party reports about 15 for self-service keys.
        list_lag_s: How old the listing is: it shows states as they were so long ago.
        read_lag_s: The same for reading one order.
        created_at_s: Unix time of simulated second 0, for `createdAt`.
        signature_window_s: How old a wallet's signature may be, measured from that; None for no check. The venue says 5 minutes.
    """

    latency_s: float = 0.0
    latency_jitter_s: float = 0.0
    quota: int | None = 15
    quota_window_s: float = 1.0
    quota_kind: QuotaKind = "sliding"
    retry_after: str | None = None
    daily_allowance: int | None = None
    allowance_refusal: Literal["errno", "429"] = "errno"
    allowance_code: int = 10999
    dialect: Literal["errno", "code"] = "errno"
    side_encoding: Literal["1/2", "0/1"] = "1/2"
    list_order: Literal["newest", "oldest"] = "newest"
    finished_answer: Literal["false", "errno"] = "false"
    finished_code: int = NOT_FOUND_CODE
    over_limit: Literal["clamp", "error"] = "clamp"
    page_cap: int = 20
    default_limit: int = 10
    root_market_matches: bool = False
    unknown_key: Literal["401", "errno"] = "401"
    unknown_read: Literal["404", "errno"] = "404"
    fresh_key_delay_s: float = 0.0
    list_lag_s: float = 0.0
    read_lag_s: float = 0.0
    created_at_s: int = 1_766_735_464
    signature_window_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that no venue could have."""
        if (self.quota is not None and self.quota < 1) or self.quota_window_s <= 0 or self.page_cap < 1:
            raise ConfigError("quota, quota_window_s and page_cap must be positive")
