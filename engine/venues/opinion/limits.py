"""What Opinion publishes about its limits, and where.

| limit | value | source |
| --- | --- | --- |
| REST | 15 requests a second for each API key | opinion-open-api/overview, opinion-open-api/rate-limiting |
| builder mode | 2,000 free transactions a day, cancels included | opinion-clob-python-sdk/builder-mode |

The sources are pages of https://docs.opinion.trade/developer-guide/ (read 2026-11-20).

Not published: the kind of window, any burst, limits by address, whose the daily count is, when its day begins. The safe
readings: a window that slides, no burst above it, and one daily count for all accounts of the engine.
"""

from __future__ import annotations

from engine.core.quota import Allowance, Limits, Window

PUBLISHED = Limits(per_account=(Window(15, 1.0),))
"""Every account on its own: 15 requests in any second, of cancels, listings and reads together."""

BUILDER = Limits(per_account=(Window(15, 1.0),), allowance=Allowance(2_000))
"""The same, and the free allowance of builder mode: cancels over it are not sent."""

UNLIMITED = Limits()
"""For simulators and benchmarks."""
