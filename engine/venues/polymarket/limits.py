"""What Polymarket publishes about its limits, and where. There are two layers, and both hold at once.

The first counts requests by address, in sliding windows. What exceeds one is delayed, not refused; we keep within them all the
same, because a delay turns into a timeout, and a timeout into an order of which nobody knows.

| requests | in 10 s | in 10 min | counted here as |
| --- | --- | --- | --- |
| `DELETE /order` | 5,000 | 120,000 | `CANCEL_ONE` |
| `DELETE /orders` | 2,000 | 15,000 | `CANCEL_MANY` |
| `DELETE /cancel-market-orders` | 1,500 | 21,000 | `CANCEL_MARKET` |
| `DELETE /cancel-all` | 250 | 6,000 | `CANCEL_ALL` |
| `GET /data/orders` | 500 | | `LIST` |
| ledger reads together | 900 | | `LIST`, `READ` |
| the order book's server, all together | 9,000 | | every kind |

Source: docs.polymarket.com api-reference/rate-limits (read 2026-11-20). `GET /data/order/{id}` is not listed there; the safe
reading is that it counts as a ledger read, and that listings count as such too. 15,000 requests in 10 s for all servers of the
venue together cannot be reached within 9,000 to this one. Reading the clock or the tier counts as a request of no special kind.

The second counts tokens for each signer, and refuses with HTTP 429 what they do not suffice for. A cancel costs one token for
each id in it. A mass cancel is admitted for one token, and charged one more for each order that it cancelled, into debt up to
the tier Gold, down to nothing above it. A request that costs more than a full purse can never be admitted.

Source: docs.polymarket.com api-reference/trading-rate-limits (read 2026-11-20). Since 2026-07-24 the venue warns of what it would
refuse; whether it refuses by now is not known, so we count.
"""

from __future__ import annotations

from engine.core.quota import Kind, Limits, Tier, Tokens, Window

TIERS = {
    "standard": Tier(80, 120),
    "copper": Tier(120, 180),
    "bronze": Tier(160, 240),
    "silver": Tier(400, 600),
    "gold": Tier(800, 1_200),
    "platinum": Tier(900, 1_350, is_floored=True),
    "diamond": Tier(1_050, 1_575, is_floored=True),
    "elite": Tier(1_200, 1_800, is_floored=True),
}
"""Cancels a second, and at once. The tier follows from the volume of the maker's wallet in 30 days, and is the signer's."""


def _windows(kind: Kind, burst: int, sustained: int) -> tuple[Window, Window]:
    return Window(burst, 10.0, kinds=frozenset({kind})), Window(sustained, 600.0, kinds=frozenset({kind}))


WINDOWS = (
    *_windows(Kind.CANCEL_ONE, 5_000, 120_000),
    *_windows(Kind.CANCEL_MANY, 2_000, 15_000),
    *_windows(Kind.CANCEL_MARKET, 1_500, 21_000),
    *_windows(Kind.CANCEL_ALL, 250, 6_000),
    Window(500, 10.0, kinds=frozenset({Kind.LIST})),
    Window(900, 10.0, kinds=frozenset({Kind.LIST, Kind.READ})),
    Window(9_000, 10.0),
)
"""By address, and so for all accounts of the engine together."""

PUBLISHED = Limits(per_venue=WINDOWS, tokens=Tokens(tiers=TIERS, tier="standard"))
"""Both layers. Every signer begins with the lowest tier, until the venue names another."""

UNLIMITED = Limits()
"""For simulators and benchmarks."""
