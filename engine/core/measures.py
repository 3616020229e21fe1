"""How long it took, and how much was exposed meanwhile: figures of a run, from its results alone.

All of them are worked out from times to the millisecond, as they are written down, so that a report that was loaded says the
same as the one that was written. Each function walks over the results once: there may be a million.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.core.order import OpenOrder
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """When things happened, in seconds from the call; None where they did not.

    Attributes:
        first_cancel_s: When the first cancel left.
        last_cancel_s: When the last order that ended cancelled was known to be.
        last_settled_s: When the last fate was written.
        settle_s: From the call until a cancelled order was known to be, over the cancelled orders.
        request_s: The same from the moment its first request left; those without a request do not count.
    """

    first_cancel_s: float | None
    last_cancel_s: float | None
    last_settled_s: float | None
    settle_s: Percentiles
    request_s: Percentiles


def times_of(results: Iterable[OrderResult]) -> Times:
    """The times of these results, in any order."""
    sent, settled = list[float](), list[float]()
    settle, request = list[float](), list[float]()
    for result in results:
        sent_s, settled_s = rounded(result.sent_s), rounded(result.settled_s)
        if sent_s is not None:
            sent.append(sent_s)
        if settled_s is not None:
            settled.append(settled_s)
            if result.success:
                settle.append(settled_s)
                if sent_s is not None:
                    request.append(settled_s - sent_s)
    return Times(
        first_cancel_s=min(sent, default=None),
        last_cancel_s=max(settle, default=None),
        last_settled_s=max(settled, default=None),
        settle_s=Percentiles.of(settle),
        request_s=Percentiles.of(request),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How much was open, and for how long.

    Attributes:
        curve: The open exposure over time; it never rises.
        unpriced: Orders that its money leaves out, because what they rest for is not known.
    """

    curve: tuple[CurvePoint, ...]
    unpriced: int


def exposure(results: Iterable[OrderResult], *, most: int = MOST_POINTS) -> Exposure:
    """The open exposure over time: it begins with every order of the run, and falls as each turns out not to be live.

    An order counts as live until its fate was last written; one whose fate was written without a time leaves at once. All that
    fell within one millisecond is one point. Of more than `most` points the first, the last and evenly many between are kept.
    """
    falls: dict[float, tuple[int, Decimal]] = {_NEVER: (0, ZERO)}
    unpriced = 0
    for result in results:
        money = _money_of(result.order)
        unpriced += money is None
        at_s = _NEVER if result.outcome.may_be_live else rounded(result.settled_s) or 0.0
        count, fallen = falls.get(at_s, (0, ZERO))
        falls[at_s] = (count + 1, fallen + (money or ZERO))
    # Added up from the end: sums of what is not negative cannot rise over time, however they are rounded.
    orders, notional = falls.pop(_NEVER)
    points = []
    for at_s in sorted(falls, reverse=True):
        points.append(CurvePoint(at_s=at_s, orders=orders, notional=notional))
        orders, notional = orders + falls[at_s][0], notional + falls[at_s][1]
    points.append(CurvePoint(at_s=0.0, orders=orders, notional=notional))
    return Exposure(curve=_thinned(points[::-1], most), unpriced=unpriced)


_NEVER = math.inf


def _thinned(points: Sequence[CurvePoint], most: int) -> tuple[CurvePoint, ...]:
    if len(points) <= most:
        return tuple(points)
    return tuple(points[number * (len(points) - 1) // (most - 1)] for number in range(most))


def _money_of(order: OpenOrder | None) -> Decimal | None:
    """What the order rested for; None where the venue did not say, or said that more was filled than was ordered."""
    notional = None if order is None else order.notional
    return None if notional is None or notional < 0 else notional
