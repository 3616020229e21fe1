"""Where the lines and bars of the page's charts lie. Pure geometry, in a box of `WIDTH` by `HEIGHT` that the page stretches.

Words and numbers on the axes are the page's own text, so that they keep their size on a telephone; they stand evenly spaced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.measures import CurvePoint
from engine.page.figures import Latency, Pace, Spread

WIDTH, HEIGHT = 1_000.0, 300.0

GAP = 0.12
"""The part of a bar's place that stays empty."""

LEAST = 3.0
"""The height of the lowest bar: few is not none."""

HEADROOM = 4.0
"""How many times as high as its highest bar a chart may be, to show a limit above it. A guess: lower bars are hard to read."""

_NEAT_TIMES = (1, 1.2, 1.6, 2, 2.4, 2.8, 3.2, 4, 4.8, 6, 8, 10)
_NEAT_HEIGHTS = (1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10)

Rect = tuple[float, float, float, float]
"""x, y, width, height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis: where it ends, and the words at even distances from its beginning to its end."""

    end: float
    labels: tuple[str, ...]


def time_axis(last_s: float) -> Axis:
    """An axis of time from 0 to at least this."""
    unit_s, unit = (1.0, "s") if last_s < 180 else (60.0, "min") if last_s < 10_800 else (3_600.0, "h")
    end = _neat(last_s / unit_s, _NEAT_TIMES)
    return Axis(end=end * unit_s, labels=tuple(f"{end * part / 4:g} {unit}" for part in range(5)))


def height_axis(most: float) -> Axis:
    """An axis of amounts from 0 to at least this."""
    end = _neat(most, _NEAT_HEIGHTS)
    return Axis(end=end, labels=tuple(_short(end * part / 2) for part in range(3)))


def _neat(most: float, steps: Sequence[float]) -> float:
    if not 0 < most < math.inf:
        return float(steps[0])
    power = 10.0 ** math.floor(math.log10(most))
    return float(next(step * power for step in (*steps, 10 * steps[-1]) if most <= step * power * (1 + 1e-9)))


def _short(amount: float) -> str:
    """The amount in few signs: `1,500`, `15k`, `2.5M`."""
    for size, sign in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if amount >= size:
            return f"{amount / (1e3 if sign == 'k' else size):g}{sign}" if amount < 1e15 else f"{amount:.1e}"
    return f"{amount:,.0f}" if amount >= 100 or amount == int(amount) else f"{amount:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """The open exposure over time: its outline, the area under it, and what stays.

    Attributes:
        stays: Height of what may be live in the end, or None for nothing.
        is_money: Whether it counts money, or orders.
    """

    x: Axis
    y: Axis
    line: str
    area: str
    stays: float | None
    is_money: bool


def fall_of(curve: Sequence[CurvePoint], x: Axis) -> Fall:
    """The curve as a line of steps, in money, or in orders where no order has a price."""
    is_money = curve[0].notional > 0
    heights = [float(point.notional if is_money else point.orders) for point in curve]
    y = height_axis(max(heights))
    line = f"M0 {_up(heights[0], y)}"
    for point, height in zip(curve[1:], heights[1:], strict=True):
        line += f"H{_num(max(0.0, point.at_s) / x.end * WIDTH)}V{_up(height, y)}"
    line += f"H{_num(WIDTH)}"
    stays = _num(heights[-1] / y.end * HEIGHT) if curve[-1].orders else None
    return Fall(x=x, y=y, line=line, area=f"{line}V{_num(HEIGHT)}H0Z", stays=stays, is_money=is_money)


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """Cancels a second as bars, against what is allowed as a line of steps; None where that is not known, or is far above."""

    x: Axis
    y: Axis
    by_id: tuple[Rect, ...]
    by_mass: tuple[Rect, ...]
    allowed: str | None


def race_of(pace: Pace, x: Axis) -> Race:
    """The pace as bars."""
    allowed = max(pace.allowed, default=0.0)
    y = height_axis(max(pace.most, allowed if allowed <= HEADROOM * pace.most else 0.0))
    place = pace.step_s / x.end * WIDTH
    by_id, by_mass = list[Rect](), list[Rect]()
    for number, (low, high) in enumerate(zip(pace.by_id, pace.by_mass, strict=True)):
        for bars, bottom, amount in ((by_id, 0.0, low), (by_mass, low, high)):
            if amount:
                bars.append(_bar(number * place, place, bottom, amount, y))
    line = None
    if pace.allowed and allowed <= y.end:
        line = f"M0 {_up(pace.allowed[0], y)}"
        for number, amount in enumerate(pace.allowed[1:], start=1):
            line += f"H{_num(number * place)}V{_up(amount, y)}"
        line += f"H{_num(len(pace.allowed) * place)}"
    return Race(x=x, y=y, by_id=tuple(by_id), by_mass=tuple(by_mass), allowed=line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """A distribution: a bar for each stretch of time, and the words below them."""

    y: Axis
    bars: tuple[Rect, ...]
    labels: tuple[str, ...]


def bars_of(latency: Latency, spread: Spread) -> Bars:
    """One part of the latency; both parts have the same axes."""
    y = height_axis(max(*latency.before.counts, *latency.wire.counts))
    place = WIDTH / len(spread.counts)
    bars = [_bar(number * place, place, 0.0, count, y) for number, count in enumerate(spread.counts) if count]
    return Bars(y=y, bars=tuple(bars), labels=tuple(_edge(seconds) for seconds in latency.edges_s))


def _edge(seconds: float) -> str:
    return f"{seconds * 1_000:g} ms" if seconds < 1 else f"{seconds:,g} s" if seconds < 1e4 else f"{seconds:,.0f} s"


def parts_of(counts: Sequence[int]) -> list[Rect]:
    """A bar of the whole width, in parts as long as their counts."""
    whole, x, parts = sum(counts), 0.0, list[Rect]()
    for count in counts:
        width = count / whole * WIDTH if whole else 0.0
        parts.append((_num(x), 0.0, _num(width), HEIGHT))
        x += width
    return parts


def _bar(x: float, place: float, bottom: float, amount: float, y: Axis) -> Rect:
    height = max(LEAST, amount / y.end * HEIGHT)
    return _num(x + place * GAP / 2), _num(HEIGHT - bottom / y.end * HEIGHT - height), _num(place * (1 - GAP)), _num(height)


def _up(height: float, y: Axis) -> float:
    return _num(HEIGHT - height / y.end * HEIGHT)


def _num(number: float) -> float:
    return round(number, 2)
