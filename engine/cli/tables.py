"""Final tables, readable at 80 columns. Every word of a venue's is cleaned before it gets near a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from engine.cli.output import clean, counted, in_seconds, short_id
from engine.core.order import OpenOrder
from engine.core.outcome import Outcome
from engine.core.plan import AccountPlan, Plan
from engine.core.reasons import Reason
from engine.core.report import RunReport
from engine.core.request import Belongs
from engine.core.summary import CancelSummary
from engine.core.verdicts import LEAST_LOCK_OUT_S, NOTHING_SAID, VERIFIED, WORDS, state_of

MOST_ROWS = 40
"""Accounts shown one by one; of more, only those that need a person are, and the rest is counted."""

MOST_REASONS = 20
MOST_NAMES = 5
MOST_IDS = 2
LONGEST_ORDER_ID = 40
"""Longest order id that shares a line with anything: Opinion's have 36 characters, Polymarket's 66."""

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


def print_report(console: Console, report: RunReport, *, title: str = "Accounts") -> None:
    """Print a row for each account, the reasons of what failed, and what went wrong, each thing once."""
    print_titled(console, title, account_table(report, is_wide=console.width >= 100))
    reasons = report.by_reason
    if reasons:
        print_titled(console, "Not cancelled by this run, and why", reason_table(reasons))
    for note in notes_of(report):
        console.print(note)


def account_table(report: RunReport, *, is_wide: bool) -> Table:
    """One row for each account, those that need a person first, and a row of sums; of many accounts, the others are counted."""
    summaries = list(report.accounts.values())
    has_venues = len({summary.venue for summary in summaries}) > 1
    has_effort = is_wide or not has_venues
    table = new_table(
        "account", *(["venue"] if has_venues else []), "found", "cancelled", "already\ncancelled", "failed", "at\nrisk", "state",
        *(["requests", "time"] if has_effort else []),
        wide=("account",), words=("venue", "failed", "state"), gap=2 if is_wide else 1,
    )  # fmt: skip

    def add(label: str, group: Sequence[CancelSummary], state: Text, venue: str = "") -> None:
        effort = [f"{sum(each.requests for each in group):,}", f"{max(each.elapsed_s for each in group):.1f} s"]
        table.add_row(
            Text(clean(label)),
            *([Text(clean(venue))] if has_venues else []),
            *_counts(group),
            state,
            *(effort if has_effort else []),
        )

    troubled, fine = [each for each in summaries if not each.is_fine], [each for each in summaries if each.is_fine]
    is_short = len(summaries) <= MOST_ROWS
    for each in (*troubled[:MOST_ROWS], *(fine if is_short else [])):
        add(each.account, [each], _state_word(each), each.venue)
    for hidden, state in ((troubled[MOST_ROWS:], Text("look", style=BAD)), ([] if is_short else fine, Text("clean", style=GOOD))):
        if hidden:
            add(f"and {len(hidden):,} more", hidden, state)
    if len(summaries) > 1:
        table.add_section()
        add(f"all {len(summaries):,}", summaries, _state_of_all(summaries, len(troubled)))
    return table


def _counts(group: Sequence[CancelSummary]) -> list[RenderableType]:
    whole = RunReport(run_id="", accounts={summary.account: summary for summary in group})
    by_outcome = whole.by_outcome
    failed = [f"{count:,} {WORDS[outcome]}" for outcome, count in by_outcome.items() if not outcome.is_success]
    return [
        f"{whole.total:,}",
        f"{by_outcome.get(Outcome.CANCELLED, 0):,}",
        f"{by_outcome.get(Outcome.ALREADY_CANCELLED, 0):,}",
        Text("\n".join(failed) or "0"),
        # Where nobody could look, that nothing is known to be at risk is no good news.
        Text(f"{whole.at_risk:,}", style=BAD if whole.at_risk else GOOD if whole.listing_complete else ""),
    ]


def _state_word(summary: CancelSummary) -> Text:
    state = state_of(summary)
    return Text(state, style={VERIFIED: GOOD, NOTHING_SAID: DIM}.get(state, BAD))


def _state_of_all(summaries: Sequence[CancelSummary], troubled: int) -> Text:
    """How many a person has to look at; else what holds for all."""
    if troubled:
        return Text(f"look at {troubled:,}", style=BAD)
    return Text("verified", style=GOOD) if all(summary.verified for summary in summaries) else Text("-", style=DIM)


# --- reasons


def reason_table(reasons: Sequence[Reason]) -> Table:
    """One row for each reason, with the first few orders."""
    happened = "what happened, and the first orders"
    table = new_table("outcome", "code", "orders", happened, wide=("code", happened), words=("outcome",))
    for reason in reasons[:MOST_REASONS]:
        table.add_row(
            Text(WORDS[reason.outcome], style=BAD if reason.outcome.may_be_live else ""),
            Text(clean(reason.code, longest=40)),
            f"{reason.count:,}",
            _what_happened(reason),
        )
    if len(reasons) > MOST_REASONS:
        table.add_row(Text(f"and {len(reasons) - MOST_REASONS} more", style=DIM))
    return table


def _what_happened(reason: Reason) -> Text:
    more = reason.count - MOST_IDS
    ids = [clean(order_id, longest=80) for order_id in reason.order_ids[:MOST_IDS]] + ([f"and {more:,} more"] if more > 0 else [])
    return Text("\n").join([Text(clean(reason.error, longest=LONGEST_REASON)), *(Text(line, style=DIM) for line in ids)])


def notes_of(report: RunReport) -> list[Text]:
    """What went wrong, each thing once; then who is locked out, and what was left alone for want of clarity."""
    notes = [Text(clean(trouble.text, longest=400)) for trouble in report.troubles]
    locked = [summary for summary in report.accounts.values() if summary.locked_out_s >= LEAST_LOCK_OUT_S]
    if locked:
        longest_s = max(summary.locked_out_s for summary in locked)
        why = f"no cancel is admitted for another {in_seconds(longest_s)}{' at most' if len(locked) > 1 else ''}"
        notes.append(_note(_few([summary.account for summary in locked]), "locked out", f"{why}, until tokens are back"))
    notes += [
        _note(summary.account, "left alone", f"order {order_id}: {why.value}")
        for summary in report.accounts.values()
        for order_id, why in list(unclear_of(summary.left).items())[:MOST_IDS]
    ]
    more = [Text(f"and {len(notes) - MOST_REASONS:,} more", style=DIM)] if len(notes) > MOST_REASONS else []
    return [Text(""), *notes[:MOST_REASONS], *more] if notes else []


def unclear_of(left: Mapping[str, Belongs]) -> dict[str, Belongs]:
    """The orders of which it is not known whether they belong to the scope."""
    return {order_id: why for order_id, why in left.items() if not why.is_clear}


def _note(account: str, what: str, why: str) -> Text:
    return Text.assemble((clean(account), "bold"), f": {what}: {clean(why, longest=300)}")


# --- plans and orders


def print_plan(console: Console, plan: Plan, *, title: str = "Dry run") -> None:
    """Print what would be done for each account, and how; of many accounts, those that could not be listed, and sums."""
    plans = list(plan.accounts.values())
    has_tokens = any(each.tier is not None for each in plans)
    costs = ("tokens", "locked out\nafter") if has_tokens else ()
    table = new_table(
        "account", "would\ncancel", "left\nalone", "value", "requests", *costs, "least\ntime", "listing",
        wide=("account",), words=("listing",), gap=2 if console.width >= 100 else 1,
    )  # fmt: skip
    blind, listed = [each for each in plans if not each.listing_complete], [each for each in plans if each.listing_complete]
    is_short = len(plans) <= MOST_ROWS
    for each in plans if is_short else blind[:MOST_ROWS]:
        _add_plan(table, each.account, [each], each.least_time_s, has_tokens=has_tokens)
    for hidden in () if is_short else (blind[MOST_ROWS:], listed):
        if hidden:
            least_s = max(each.least_time_s for each in hidden)
            _add_plan(table, f"and {len(hidden):,} more", hidden, least_s, has_tokens=has_tokens)
    if len(plans) > 1:
        table.add_section()
        _add_plan(table, f"all {len(plans):,}", plans, plan.least_time_s, has_tokens=has_tokens)
    print_titled(console, title, table)
    for line in _tactics_of(plan):
        console.print(line)


def _add_plan(table: Table, label: str, group: Sequence[AccountPlan], least_time_s: float, *, has_tokens: bool) -> None:
    tactics = [each.tactic for each in group if each.tactic is not None]
    spent = sum(tactic.tokens + tactic.charged for tactic in tactics)
    locked_out_s = max((tactic.locked_out_s for tactic in tactics), default=0.0)
    table.add_row(
        Text(clean(label)),
        f"{sum(len(each.orders) for each in group):,}",
        f"{sum(len(each.left) for each in group):,}",
        _amount(sum((each.notional for each in group), Decimal(0))),
        f"{sum(each.requests for each in group):,}",
        *([f"{spent:,}", "-" if locked_out_s < LEAST_LOCK_OUT_S else in_seconds(locked_out_s)] if has_tokens else []),
        in_seconds(least_time_s),
        Text("complete", style=GOOD) if all(each.listing_complete for each in group) else Text("incomplete", style=BAD),
    )


def _tactics_of(plan: Plan) -> list[Text]:
    """How the cancels would be sent, one line for all accounts for which that is the same."""
    names: dict[str, list[str]] = {}
    for each in plan.accounts.values():
        if each.tactic is not None:
            tier = f" (counted with the tier {each.tier})" if each.tier is not None else ""
            names.setdefault(f"{each.tactic.why}{tier}", []).append(clean(each.account))
    lines = [Text.assemble((_few(whose), "bold"), f": {clean(how)}") for how, whose in list(names.items())[:MOST_REASONS]]
    return [Text(""), *lines] if lines else []


def _few(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def print_orders(console: Console, account: str, orders: Sequence[OpenOrder]) -> None:
    """Print every open order of one account, its id in one piece, so that it can be copied."""
    title = f"{clean(account)}: {counted(len(orders), 'open order')}"
    if any(len(order.order_id) > LONGEST_ORDER_ID for order in orders):
        console.print(Text(f"\n{title}", style="bold"))
        for order in orders:
            console.print(_in_two_lines(order), soft_wrap=True)
        return
    table = new_table("order", "market", "asset", "side", "price", "size", "filled", wide=("order",), words=("asset", "side"))
    for order in orders:
        table.add_row(
            Text(clean(order.order_id)),
            Text(short_id(clean(order.market or "-"))),
            Text(short_id(clean(order.asset or "-"))),
            Text(order.side or "?"),
            _amount(order.price),
            _amount(order.size),
            _amount(order.filled),
        )
    print_titled(console, title, table)


def _in_two_lines(order: OpenOrder) -> Text:
    """An order whose id fills a line by itself."""
    what = f"{order.side or 'side unknown'} {_amount(order.size)} at {_amount(order.price)}, filled {_amount(order.filled)}"
    where = f"market {short_id(clean(order.market or '-'))}, asset {short_id(clean(order.asset or '-'))}"
    return Text.assemble(clean(order.order_id), (f"\n  {what}; {where}", DIM))


def _amount(amount: Decimal | None) -> str:
    """The amount without needless zeros and without an exponent."""
    if amount is None:
        return "-"
    # A venue may write 1e999999, which would fill the memory when written out.
    text = f"{amount:f}" if abs(amount.adjusted()) < 20 else str(amount)
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return clean(text, longest=14)
