"""A report held against the truth: what was said of every order, and what the simulator's ledger knows of it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.cli.output import clean, counted
from engine.cli.tables import BAD, DIM, GOOD, new_table, print_titled
from engine.core.report import RunReport
from engine.core.verdicts import WORDS
from engine.simulator import BookState, Ledger, RequestRecord, is_lie

UNSEEN = "not listed"
"""Stands for orders that no report mentions."""


MASS_CANCELS = ("cancel_all", "cancel_market")
"""Routes whose cost is not known before: one token admits them, and the rest is charged afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What a venue counts of one account, and the most of it in any second, or None.

    `by_weight` says that a cancel counts as often as it names orders, and nothing else counts at all: a token for each order. A
    mass cancel counts once: what it cancels is charged afterwards.
    """

    venue: str
    unit: str
    per_s: int | None
    by_weight: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast one account was, as its venue counted it.

    Attributes:
        requests: How many arrived.
        most: The most units of the rate in any second.
        refused: Requests that the venue refused for their pace.
    """

    rate: Rate
    requests: int
    most: int
    refused: int

    @property
    def is_kept(self) -> bool:
        """Whether the account stayed within what is allowed."""
        return not self.refused and (self.rate.per_s is None or self.most <= self.rate.per_s)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "venue": self.rate.venue,
            "requests": self.requests,
            "most_in_a_second": self.most,
            "counted_in": f"{self.rate.unit}s",
            "allowed_in_a_second": self.rate.per_s,
            "refused_for_pace": self.refused,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Said and true, order by order.

    Attributes:
        counts: How many orders the report says this of, that are really that.
        lies: One line for every statement that the ledger contradicts.
        live: Orders that the report calls at risk, or could not list, and that are really open.
        pace: Name of an account to how fast it was.
    """

    counts: dict[tuple[str, str], int]
    lies: list[str]
    live: int
    pace: dict[str, Pace]

    @property
    def orders(self) -> int:
        """How many orders were compared."""
        return sum(self.counts.values())

    def in_words(self) -> str:
        """The pace as the end of a sentence: the most that any account of each venue had in a second."""
        most: dict[tuple[str, str], int] = {}
        for pace in self.pace.values():
            key = pace.rate.venue, pace.rate.unit
            most[key] = max(most.get(key, 0), pace.most)
        parts = [f"{counted(top, unit)} in any second at {venue.capitalize()}" for (venue, unit), top in most.items()]
        return f"no account sent more than {' or '.join(parts)}" if parts else "nobody asked for anything"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "orders": self.orders,
            "lies": self.lies,
            "really_live": self.live,
            "said_and_true": [{"said": said, "true": true, "orders": count} for (said, true), count in self.counts.items()],
            "pace": {name: pace.to_dict() for name, pace in self.pace.items()},
        }


def compare(report: RunReport, ledger: Ledger, *, rate: Rate) -> Comparison:
    """Hold every order of the report, and every order that it should have found, against the ledger."""
    counts: Counter[tuple[str, str]] = Counter()
    lies: list[str] = []
    live = 0
    for said, true, lie, is_live in (*_told(report, ledger), *_untold(report, ledger)):
        counts[said, true] += 1
        live += is_live
        lies += [lie] if lie else []
    pace = {name: _pace(ledger, name, rate) for name in report.accounts}
    return Comparison(counts=dict(counts), lies=lies, live=live, pace=pace)


def joined(comparisons: Iterable[Comparison]) -> Comparison:
    """Several comparisons as one; no two of them know the same account."""
    counts: Counter[tuple[str, str]] = Counter()
    lies: list[str] = []
    live = 0
    pace: dict[str, Pace] = {}
    for each in comparisons:
        counts.update(each.counts)
        lies += each.lies
        live += each.live
        pace |= each.pace
    return Comparison(counts=dict(counts), lies=lies, live=live, pace=pace)


def _pace(ledger: Ledger, account: str, rate: Rate) -> Pace:
    records = ledger.requests_of(account)
    most, inside, held = 0, deque[tuple[float, int]](), 0
    for record in records:
        weight = _weight(record) if rate.by_weight else 1
        inside.append((record.time_s, weight))
        held += weight
        while record.time_s - inside[0][0] >= 1.0:
            held -= inside.popleft()[1]
        most = max(most, held)
    return Pace(rate=rate, requests=len(records), most=most, refused=sum(record.refused_for_pace for record in records))


def _weight(record: RequestRecord) -> int:
    """Tokens that were taken before the request was admitted."""
    if not record.route.startswith("cancel") or record.refused_for_pace:
        return 0
    return 1 if record.route in MASS_CANCELS else len(record.order_ids)


Line = tuple[str, str, str | None, bool]
"""What was said, what is true, the lie if it is one, and whether the order is live."""


def _told(report: RunReport, ledger: Ledger) -> Iterator[Line]:
    """The orders that the report tells of."""
    for result in report.results:
        book = ledger.orders.get(result.order_id)
        true = "no such order" if book is None else str(book.state)
        lie = f"{result.account}: order {result.order_id} is said to be {result.outcome} and is {true}"
        yield (
            str(result.outcome),
            true,
            lie if is_lie(result, ledger) else None,
            book is not None and book.state is BookState.OPEN,
        )


def _untold(report: RunReport, ledger: Ledger) -> Iterator[Line]:
    """The orders that it does not mention; a complete listing that misses an open one is a lie."""
    for name, summary in report.accounts.items():
        told = {result.order_id for result in summary.results} | set(summary.left)
        for order_id in ledger.open_ids(name) - told:
            lie = f"{name}: order {order_id} is open, and a listing without it is said to be complete"
            yield UNSEEN, str(BookState.OPEN), lie if summary.listing_complete else None, True


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Print said against true, the lies if there are any, and the pace."""
    print_titled(console, "What the reports say, and what the simulators' ledgers know", _truth_table(comparison))
    for lie in comparison.lies[:10]:
        console.print(Text(f"LIE  {clean(lie)}", style=BAD))
    print_titled(console, "Pace, as the venues counted it", _pace_table(comparison))


def _truth_table(comparison: Comparison) -> Table:
    truths = list(dict.fromkeys(true for _, true in comparison.counts))
    table = new_table("the report says", "orders", *(f"really\n{true}" for true in truths), words=("the report says",))
    words = {str(outcome): word for outcome, word in WORDS.items()} | {UNSEEN: UNSEEN}
    for said, word in words.items():
        row = [comparison.counts.get((said, true), 0) for true in truths]
        if any(row):
            table.add_row(word, f"{sum(row):,}", *(Text(f"{number:,}", style="" if number else DIM) for number in row))
    return table


def _pace_table(comparison: Comparison) -> Table:
    table = new_table(
        "account", "at", "requests", "most in\nany second", "allowed", "refused for\ntheir pace", wide=("account",), words=("at",)
    )  # fmt: skip
    for name, pace in comparison.pace.items():
        table.add_row(
            Text(clean(name)),
            pace.rate.venue.capitalize(),
            f"{pace.requests:,}",
            Text(counted(pace.most, pace.rate.unit), style=GOOD if pace.is_kept else BAD),
            "-" if pace.rate.per_s is None else f"{pace.rate.per_s:,}",
            f"{pace.refused:,}",
        )
    return table
