"""Figures of a run for its page, worked out from its results. Pure: numbers in, numbers out; nothing here draws."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine.core.measures import Percentiles
from engine.core.outcome import OrderResult, rounded
from engine.core.plan import Expected
from engine.core.report import RunReport
from engine.core.summary import CancelSummary

MOST_BARS = 60
"""Bars of a chart over time. A guess: what can be told apart on a telephone."""

STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400)
"""Lengths of time that one bar may stand for. None is below a second, because the limits are by the second."""

EDGES_S = tuple(float(f"{digit}e{power}") for power in range(-3, 6) for digit in (1, 2, 5))
"""Where the bars of a distribution begin: 1 ms, 2 ms, 5 ms, 10 ms and so on."""

NEVER = -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast cancels left, at one venue.

    Attributes:
        venue: Its name.
        step_s: Seconds that a bar stands for.
        by_id: Orders a second for each bar, in the order of time: those whose first cancel left then, by id.
        by_mass: The same for those that left at one moment with more others than a full purse has tokens for.
        allowed: Cancels a second that the limits allowed the accounts at work then, by a count of their tokens; empty where that
            is not known.
        has_tokens: Whether cancels cost tokens there.
    """

    venue: str
    step_s: int
    by_id: tuple[float, ...]
    by_mass: tuple[float, ...]
    allowed: tuple[float, ...]
    has_tokens: bool

    @property
    def most(self) -> float:
        """The highest bar."""
        return max((a + b for a, b in zip(self.by_id, self.by_mass, strict=True)), default=0.0)


def paces_of(report: RunReport) -> list[Pace]:
    """The pace at each venue that anything was sent to, in the order of the accounts; all with bars of the same length."""
    by_venue: dict[str, list[CancelSummary]] = {}
    for summary in report.accounts.values():
        by_venue.setdefault(summary.venue, []).append(summary)
    last_s = max(map(_sent_s, report.results), default=NEVER)
    if last_s == NEVER:
        return []
    step_s = next((step for step in STEPS_S if last_s < step * MOST_BARS), math.ceil((last_s + 1) / MOST_BARS))
    paces = [_pace(venue, summaries, step_s, math.floor(last_s / step_s) + 1) for venue, summaries in by_venue.items()]
    return [pace for pace in paces if pace.most]


def _pace(venue: str, summaries: Sequence[CancelSummary], step_s: int, bars: int) -> Pace:
    by_id, by_mass, allowed = [0] * bars, [0] * bars, [0.0] * bars
    is_known = all(each.expected is None or each.expected.per_s is not None for each in summaries)
    shared = math.inf
    for summary in summaries:
        expected = summary.expected
        most = math.inf if expected is None or not expected.burst else expected.burst
        spent = [0] * bars
        for sent_s, count in Counter(map(_sent_s, summary.results)).items():
            if sent_s == NEVER:
                continue
            bar = _bar_of(sent_s, step_s, bars)
            (by_mass if count > most else by_id)[bar] += count
            spent[bar] += count
        if expected is not None:
            shared = shared if expected.shared_per_s is None else round(expected.shared_per_s, 3)
            for bar, amount in enumerate(
                _allowed(expected, spent[: _bar_of(round(summary.elapsed_s, 3), step_s, bars) + 1], step_s)
            ):
                allowed[bar] += amount
    return Pace(
        venue=venue,
        step_s=step_s,
        by_id=tuple(count / step_s for count in by_id),
        by_mass=tuple(count / step_s for count in by_mass),
        allowed=tuple(min(amount, shared) for amount in allowed) if is_known and any(allowed) else (),
        has_tokens=any(each.expected is not None and each.expected.burst for each in summaries),
    )


def _sent_s(result: OrderResult) -> float:
    """When its first request left, as it is written down: a report that was kept gives the same figures."""
    return NEVER if result.sent_s is None else max(0.0, round(result.sent_s, 3))


def _bar_of(at_s: float, step_s: int, bars: int) -> int:
    return min(bars - 1, max(0, math.floor(at_s / step_s)))


def _allowed(expected: Expected, spent: Iterable[int], step_s: int) -> Iterator[float]:
    """What the limits let one account send, a second, in each bar while it is at work: its rate, and the tokens it has left."""
    gained, held = round(expected.per_s or 0.0, 3) * step_s, float(expected.burst)
    for count in spent:
        yield max(0.0, held + gained) / step_s
        held = min(float(expected.burst), held + gained - count) if expected.burst else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How seconds are spread over orders.

    Attributes:
        counts: How many fell between each edge and the next; as many as there are edges, the last one open.
        seconds: Their percentiles.
        total: How many there are.
    """

    counts: tuple[int, ...]
    seconds: Percentiles
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long cancelled orders took, in two parts.

    Attributes:
        edges_s: Where the bars begin, of both parts.
        before: From the call until the first request for the order left: its listing, and its wait for a turn within the limits.
        wire: From then until it was known to be cancelled: the wire, the venue, and further tries.
    """

    edges_s: tuple[float, ...]
    before: Spread
    wire: Spread


def latency_of(results: Iterable[OrderResult]) -> Latency | None:
    """The times of the orders that a request of ours cancelled, or None where there is none."""
    before, wire = list[float](), list[float]()
    for result in results:
        if result.success and result.sent_s is not None and result.settled_s is not None:
            sent_s, settled_s = rounded(result.sent_s) or 0.0, rounded(result.settled_s) or 0.0
            before.append(max(sent_s, 0.0))
            wire.append(round(max(settled_s - sent_s, 0.0), 3))
    if not before:
        return None
    places = [_place(seconds) for part in (before, wire) for seconds in (min(part), max(part))]
    first, last = min(places), max(places)
    return Latency(edges_s=EDGES_S[first : last + 1], before=_spread(before, first, last), wire=_spread(wire, first, last))


def _place(seconds: float) -> int:
    return max(0, bisect_right(EDGES_S, seconds) - 1)


def _spread(seconds: Sequence[float], first: int, last: int) -> Spread:
    counted = Counter(map(_place, seconds))
    counts = tuple(counted[place] for place in range(first, last + 1))
    return Spread(counts=counts, seconds=Percentiles.of(seconds), total=len(seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the limits alone ask for, and what it took.

    Attributes:
        venue: Of which accounts.
        accounts: How many of them.
        orders: Their orders.
        requests: Requests when nothing goes wrong; None where it is not known for all.
        sent: Requests that were sent.
        least_s: Seconds that the limits leave no way around for the longest of them, were it alone; None likewise.
        took_s: Seconds until the last of them was done.
    """

    venue: str
    accounts: int
    orders: int
    requests: int | None
    sent: int
    least_s: float | None
    took_s: float


def comparisons_of(report: RunReport) -> list[Comparison]:
    """Plan against actual, a line for each venue."""
    by_venue: dict[str, list[CancelSummary]] = {}
    for summary in report.accounts.values():
        by_venue.setdefault(summary.venue, []).append(summary)
    return [_compared(venue, summaries) for venue, summaries in by_venue.items()]


def _compared(venue: str, summaries: Sequence[CancelSummary]) -> Comparison:
    told = [summary.expected for summary in summaries if summary.expected is not None]
    is_told = len(told) == len(summaries)
    return Comparison(
        venue=venue,
        accounts=len(summaries),
        orders=sum(summary.total for summary in summaries),
        requests=sum(each.requests for each in told) if is_told else None,
        sent=sum(summary.requests for summary in summaries),
        least_s=max((each.least_s for each in told), default=None) if is_told else None,
        took_s=max(summary.elapsed_s for summary in summaries),
    )
