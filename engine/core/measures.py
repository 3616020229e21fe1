"""How long it took, and how much was exposed meanwhile: figures of a run, from its results alone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.core.outcome import OrderResult, rounded

MOST_POINTS = 100
"""Points of a curve that is written down. A guess: more than a plot of a terminal's width can show."""

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Of so many seconds, those that half, 95 % and 99 % do not exceed (nearest rank); None where there are none."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Percentiles:
        """The percentiles of these, in any order."""
        sorted_s = sorted(seconds)
        if not sorted_s:
            return cls()
        p50, p95, p99 = (sorted_s[math.ceil(share * len(sorted_s) / 100) - 1] for share in (50, 95, 99))
        return cls(p50=p50, p95=p95, p99=p99)

    def to_dict(self) -> dict[str, float | None]:
        """The percentiles as plain values."""
        return {"p50": rounded(self.p50), "p95": rounded(self.p95), "p99": rounded(self.p99)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """What was exposed from this moment on.

    Attributes:
        at_s: Seconds from the call.
        orders: Orders found in scope that may still be live.
        notional: What they rest for, in the quote currency, as far as the venue said.
    """

    at_s: float
    orders: int
    notional: Decimal

    def to_dict(self) -> dict[str, Any]:
        """The point as plain values, money as text."""
        return {"at_s": rounded(self.at_s), "orders": self.orders, "notional": str(self.notional)}


def exposure(results: Iterable[OrderResult], *, most: int = MOST_POINTS) -> tuple[CurvePoint, ...]:
    """The open exposure over time: it begins with every order of the run, and falls as each turns out not to be live.

    An order counts as live until its fate was last written. Of more than `most` points, evenly many orders lie between two that
    are kept; the first and the last always are.
    """
    orders, notional, ends = 0, ZERO, list[tuple[float, Decimal]]()
    for result in results:
        money = notional_of(result)
        orders, notional = orders + 1, notional + money
        if not result.outcome.may_be_live:
            ends.append((max(0.0, result.settled_s or 0.0), money))
    ends.sort(key=lambda end: end[0])
    every = max(1, math.ceil(len(ends) / max(1, most - 2)))
    points = [CurvePoint(at_s=0.0, orders=orders, notional=notional)]
    for number, (at_s, money) in enumerate(ends, start=1):
        orders, notional = orders - 1, notional - money
        if number % every == 0 or number == len(ends):
            points.append(CurvePoint(at_s=at_s, orders=orders, notional=notional))
    return tuple(points)


def notional_of(result: OrderResult) -> Decimal:
    """What the order rested for, as far as the venue said."""
    return ZERO if result.order is None else result.order.notional or ZERO
