"""Final tables, readable at 80 columns. Every word of a venue's is cleaned before it gets near a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.cli.output import clean, counted
from engine.cli.verdicts import WORDS
from engine.core.order import OpenOrder
from engine.core.outcome import OrderResult, Outcome
from engine.core.plan import AccountPlan, Plan
from engine.core.report import RunReport
from engine.core.request import Belongs
from engine.core.summary import CancelSummary

MOST_ROWS = 40
"""Accounts shown one by one; of more, those at risk come first and the rest is counted."""

MOST_REASONS = 20
MOST_IDS = 2
LONGEST_REASON = 160

GOOD, BAD, DIM = "green", "bold red", "dim"


def new_table(*headers: str, wide: Sequence[str] = (), words: Sequence[str] = (), gap: int = 2) -> Table:
    """A table with the house's look; `wide` columns wrap, `words` stand left and do not, all others are numbers."""
    # The box itself leaves one column between two cells.
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, gap - 1, 0, 0), show_edge=False, header_style="bold")
    for header in headers:
        is_left = header in wide or header in words
        table.add_column(Text(header), justify="left" if is_left else "right", no_wrap=header not in wide, overflow="fold")
    return table


def print_titled(console: Console, title: str, table: Table) -> None:
    """Print the table under its title, with an empty line around."""
    console.print(Text(f"\n{title}", style="bold"))
    console.print(table)


# --- accounts


def print_report(console: Console, report: RunReport) -> None:
    """Print a row for each account, the reasons of what failed, and what stopped or blinded an account."""
    gap = 2 if console.width >= 100 else 1
    print_titled(console, "Accounts", account_table(list(report.accounts.values()), gap=gap))
    reasons = group_reasons(report.results)
    if reasons:
        print_titled(console, "Not cancelled by this run, and why", reason_table(reasons))
    for note in notes_of(report.accounts.values()):
        console.print(note)


def account_table(summaries: Sequence[CancelSummary], *, gap: int) -> Table:
    """One row for each account, the ones at risk first where not all have room, and a row of sums."""
    table = new_table(
        "account", "found", "cancelled", "already\ncancelled", "failed", "at\nrisk", "listing", "requests", "time",
        wide=("account",), words=("failed", "listing"), gap=gap,
    )  # fmt: skip
    shown = summaries if len(summaries) <= MOST_ROWS else sorted(summaries, key=lambda summary: summary.is_clean)[:MOST_ROWS]
    for summary in shown:
        _add_account(table, summary)
    if len(summaries) > len(shown):
        table.add_row(Text(f"and {counted(len(summaries) - len(shown), 'account')} more", style=DIM))
    return table


def _add_account(table: Table, summary: CancelSummary) -> None:
    by_outcome = summary.by_outcome
    failed = [f"{count:,} {WORDS[outcome]}" for outcome, count in by_outcome.items() if not outcome.is_success]
    table.add_row(
        Text(clean(summary.account)),
        f"{summary.total:,}",
        f"{by_outcome.get(Outcome.CANCELLED, 0):,}",
        f"{by_outcome.get(Outcome.ALREADY_CANCELLED, 0):,}",
        Text("\n".join(failed) or "0"),
        Text(f"{summary.at_risk:,}", style=BAD if summary.at_risk else GOOD),
        _listing_word(summary),
        f"{summary.requests:,}",
        f"{summary.elapsed_s:.1f} s",
    )


def _listing_word(summary: CancelSummary) -> Text:
    """`verified` includes complete; without a listing there is nothing to say."""
    if summary.verified is None:
        return Text("-", style=DIM)
    if not summary.listing_complete:
        return Text("incomplete", style=BAD)
    return Text("verified", style=GOOD) if summary.verified else Text("complete")


# --- reasons


@dataclass(slots=True)
class Reason:
    """Orders that ended in the same way for the same reason."""

    outcome: Outcome
    code: str
    error: str
    order_ids: list[str] = field(default_factory=list)


def group_reasons(results: Iterable[OrderResult]) -> list[Reason]:
    """Why orders were not cancelled: what may be live first, then by how many."""
    found: dict[tuple[Outcome, str, str], Reason] = {}
    for result in results:
        if not result.success:
            code, error = str(result.code if result.code is not None else "-"), result.error or ""
            reason = found.setdefault((result.outcome, code, error), Reason(result.outcome, code, error))
            reason.order_ids.append(result.order_id)
    return sorted(found.values(), key=lambda reason: (not reason.outcome.may_be_live, -len(reason.order_ids)))


def reason_table(reasons: Sequence[Reason]) -> Table:
    """One row for each reason, with the first few orders."""
    happened = "what happened, and the first orders"
    table = new_table("outcome", "code", "orders", happened, wide=("code", happened), words=("outcome",))
    for reason in reasons[:MOST_REASONS]:
        table.add_row(
            Text(WORDS[reason.outcome], style=BAD if reason.outcome.may_be_live else ""),
            Text(clean(reason.code, longest=40)),
            f"{len(reason.order_ids):,}",
            _what_happened(reason),
        )
    if len(reasons) > MOST_REASONS:
        table.add_row(Text(f"and {len(reasons) - MOST_REASONS} more", style=DIM))
    return table


def _what_happened(reason: Reason) -> Text:
    more = len(reason.order_ids) - MOST_IDS
    ids = [clean(order_id, longest=80) for order_id in reason.order_ids[:MOST_IDS]] + ([f"and {more:,} more"] if more > 0 else [])
    return Text("\n").join([Text(clean(reason.error, longest=LONGEST_REASON)), *(Text(line, style=DIM) for line in ids)])


def notes_of(summaries: Iterable[CancelSummary]) -> list[Text]:
    """What stopped or blinded an account, and what was left alone for want of clarity."""
    notes = []
    for summary in summaries:
        if summary.fault:
            notes.append(_note(summary.account, "stopped early", summary.fault))
        elif not summary.listing_complete:
            notes.append(_note(summary.account, "listing incomplete", summary.listing_error or "not finished"))
        notes += [
            _note(summary.account, "left alone", f"order {order_id}: {why.value}")
            for order_id, why in list(unclear_of(summary.left).items())[:MOST_IDS]
        ]
    notes = notes[:MOST_REASONS]
    return [Text(""), *notes] if notes else []


def unclear_of(left: Mapping[str, Belongs]) -> dict[str, Belongs]:
    """The orders of which it is not known whether they belong to the scope."""
    return {order_id: why for order_id, why in left.items() if why is not Belongs.OUT}


def _note(account: str, what: str, why: str) -> Text:
    return Text.assemble((clean(account), "bold"), f": {what}: {clean(why, longest=300)}")


# --- plans and orders


def print_plan(console: Console, plan: Plan) -> None:
    """Print what would be done for each account."""
    table = new_table(
        "account",
        "would cancel",
        "left alone",
        "value",
        "requests",
        "least time",
        "listing",
        wide=("account",),
        words=("listing",),
    )
    for each in list(plan.accounts.values())[:MOST_ROWS]:
        _add_plan(table, each)
    if len(plan.accounts) > MOST_ROWS:
        table.add_row(Text(f"and {counted(len(plan.accounts) - MOST_ROWS, 'account')} more", style=DIM))
    print_titled(console, "Dry run", table)


def _add_plan(table: Table, plan: AccountPlan) -> None:
    table.add_row(
        Text(clean(plan.account)),
        f"{len(plan.orders):,}",
        f"{len(plan.left):,}",
        _amount(plan.notional),
        f"{plan.requests:,}",
        f"{plan.least_time_s:.0f} s",
        Text("complete", style=GOOD) if plan.listing_complete else Text("incomplete", style=BAD),
    )


def print_orders(console: Console, account: str, orders: Sequence[OpenOrder]) -> None:
    """Print every open order of one account."""
    table = new_table("order", "market", "asset", "side", "price", "size", "filled", wide=("order",), words=("asset", "side"))
    for order in orders:
        table.add_row(
            Text(clean(order.order_id)),
            Text(clean(order.market or "-")),
            Text(clean(order.asset or "-", longest=12)),
            Text(order.side or "?"),
            _amount(order.price),
            _amount(order.size),
            _amount(order.filled),
        )
    print_titled(console, f"{clean(account)}: {counted(len(orders), 'open order')}", table)


def _amount(amount: Decimal | None) -> str:
    """The amount without needless zeros and without an exponent."""
    if amount is None:
        return "-"
    # A venue may write 1e999999, which would fill the memory when written out.
    text = f"{amount:f}" if abs(amount.adjusted()) < 20 else str(amount)
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return clean(text, longest=14)
