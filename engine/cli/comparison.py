"""A report held against the truth: what was said of every order, and what the simulator's ledger knows of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.cli.output import clean
from engine.cli.tables import BAD, DIM, GOOD, new_table, print_titled
from engine.cli.verdicts import WORDS
from engine.core.report import RunReport
from engine.simulator import BookState, Ledger, is_lie

UNSEEN = "not listed"
"""Stands for orders that no report mentions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Said and true, order by order.

    Attributes:
        counts: How many orders the report says this of, that are really that.
        lies: One line for every statement that the ledger contradicts.
        live: Orders that the report calls at risk, or could not list, and that are really open.
        pace: For each account, requests, the most of them in any second, and how many the venue refused for their pace.
        quota: The most that the venue allows in a second, or None.
    """

    counts: dict[tuple[str, str], int]
    lies: list[str]
    live: int
    pace: dict[str, tuple[int, int, int]]
    quota: int | None

    @property
    def orders(self) -> int:
        """How many orders were compared."""
        return sum(self.counts.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "orders": self.orders,
            "lies": self.lies,
            "really_live": self.live,
            "said_and_true": [{"said": said, "true": true, "orders": count} for (said, true), count in self.counts.items()],
            "quota_per_s": self.quota,
            "pace": {
                name: {"requests": requests, "most_in_a_second": most, "refused_for_pace": refused}
                for name, (requests, most, refused) in self.pace.items()
            },
        }


def compare(report: RunReport, ledger: Ledger, *, quota: int | None) -> Comparison:
    """Hold every order of the report, and every order that it should have found, against the ledger."""
    counts: Counter[tuple[str, str]] = Counter()
    lies: list[str] = []
    live = 0
    for said, true, lie, is_live in (*_told(report, ledger), *_untold(report, ledger)):
        counts[said, true] += 1
        live += is_live
        lies += [lie] if lie else []
    pace = {
        name: (len(ledger.requests_of(name)), ledger.most_in_window(name, 1.0), ledger.refused_for_pace(name))
        for name in report.accounts
    }
    return Comparison(counts=dict(counts), lies=lies, live=live, pace=pace, quota=quota)


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
    print_titled(console, "What the report says, and what the simulator's ledger knows", _truth_table(comparison))
    for lie in comparison.lies[:10]:
        console.print(Text(f"LIE  {clean(lie)}", style=BAD))
    print_titled(console, "Pace, as the venue counted it", _pace_table(comparison))


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
    table = new_table("account", "requests", "most in any second", "allowed", "refused for their pace", wide=("account",))
    for name, (requests, most, refused) in comparison.pace.items():
        allowed = comparison.quota
        style = GOOD if allowed is None or most <= allowed else BAD
        table.add_row(
            Text(clean(name)),
            f"{requests:,}",
            Text(f"{most:,}", style=style),
            "-" if allowed is None else f"{allowed:,}",
            f"{refused:,}",
        )
    return table
