"""`cancel-engine cancel-all`: everything in a scope, for every account."""

from __future__ import annotations

from pathlib import Path

import anyio
import click

from engine.cli.accounts import Wanted, account_options, scope_options
from engine.cli.bounds import Bounds, checked_amount, say_excesses
from engine.cli.confirming import confirm, confirm_accounts, confirm_plan
from engine.cli.output import AT_RISK, CLEAN, stdout_console
from engine.cli.running import conclude, files_in, print_document, print_result, print_verdict, report_option, run
from engine.cli.tables import print_plan
from engine.cli.verdicts import say_plan, say_run
from engine.core.plan import Plan
from engine.core.priority import largest, oldest
from engine.core.request import Scope, checked_seconds
from engine.run import CancelEngine

PRIORITIES = {"largest": largest, "oldest": oldest}


@click.command("cancel-all", short_help="Cancel every open order in scope, and prove it.")
@account_options
@scope_options
@click.option("--list-first", "lists_first", is_flag=True, help="List all of them before the first cancel, to know the total.")
@click.option(
    "--priority",
    type=click.Choice(list(PRIORITIES), case_sensitive=False),
    help="Which go first, where they are cancelled by id: the largest by value, or the oldest. They are listed first then.",
)
@click.option(
    "--settle",
    "settle_s",
    metavar="SECONDS",
    type=float,
    help="List a second time after this pause, for orders that were in flight when the job began.",
)
@click.option("--max-accounts", metavar="N", type=click.IntRange(1), help="Refuse a job of more accounts.")
@click.option(
    "--max-orders", metavar="N", type=click.IntRange(1), help="Look first, and refuse to cancel where more orders are seen."
)
@click.option(
    "--max-notional",
    metavar="X",
    help="Look first, and refuse where the orders seen are worth more; a share without a price counts as 1.",
)
@report_option
@click.option("--dry-run", is_flag=True, help="Say what would be done; sends listings, and no cancel.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask first; needed without a terminal. Lifts no --max option.")
def cancel_all(
    wanted: Wanted,
    scope: Scope,
    *,
    lists_first: bool,
    priority: str | None,
    settle_s: float | None,
    max_accounts: int | None,
    max_orders: int | None,
    max_notional: str | None,
    report_directory: Path | None,
    dry_run: bool,
    yes: bool,
) -> int:
    """Cancel every open order in scope, then list again to prove that none is left.

    Without --market, --asset and --side, that is every open order of every account. Where the venue has a cancel of its own
    that hits exactly the scope, and it is the quickest way, that one is sent; --dry-run says so.

    What exceeds a --max option is cancelled only if its number is typed on a terminal. They guard what was seen: orders that
    appear between the look and the cancel are cancelled, too.

    \b
    Examples:
      cancel-engine cancel-all --venue polymarket --accounts accounts.toml --dry-run
      cancel-engine cancel-all --venue opinion --accounts accounts.toml --market 123 --side buy --yes --json
      cancel-engine cancel-all --accounts accounts.csv --exclude hedge --max-orders 500 --yes --report reports
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    rank = None if priority is None else PRIORITIES[priority]
    settle_s = checked_seconds("--settle", settle_s)
    bounds = Bounds(accounts=max_accounts, orders=max_orders, notional=checked_amount("--max-notional", max_notional))
    if dry_run:
        return _show_plan(wanted, scope, bounds, lists_first=lists_first or rank is not None)
    files = files_in(report_directory)
    confirm_accounts(wanted, bounds)
    if not yes:
        confirm(wanted, scope)
    deadline_s = wanted.deadline_s

    async def look(engine: CancelEngine) -> None:
        nonlocal deadline_s
        deadline_s = await confirm_plan(engine, wanted, scope, bounds, lists_first=lists_first or rank is not None)

    report = run(
        wanted,
        lambda engine, progress: engine.mass_cancel(
            wanted.accounts,
            scope,
            lists_first=lists_first,
            priority=rank,
            settle_s=settle_s,
            deadline_s=deadline_s,
            progress=progress,
        ),
        look=look if bounds.needs_plan else None,
    )
    sentence = say_run(report, scope)

    def show() -> int:
        if wanted.as_json:
            return print_document(report.to_dict(), sentence, is_clean=report.is_clean)
        return print_result(report, sentence)

    return conclude(report, files, show)


def _show_plan(wanted: Wanted, scope: Scope, bounds: Bounds, *, lists_first: bool) -> int:
    async def make() -> Plan:
        async with CancelEngine(*wanted.venues.values()) as engine:
            return await engine.plan(wanted.accounts, scope, lists_first=lists_first, deadline_s=wanted.deadline_s)

    plan = anyio.run(make)
    excesses = [*bounds.exceeded_by_accounts(len(wanted.accounts)), *bounds.exceeded_by_plan(plan)]
    sentence = say_plan(plan, scope) + (f" It would be refused: {say_excesses(excesses)}." if excesses else "")
    if wanted.as_json:
        return print_document(plan.to_dict(), sentence, is_clean=plan.listing_complete)
    print_plan(stdout_console(), plan)
    print_verdict(sentence, is_clean=plan.listing_complete)
    return CLEAN if plan.listing_complete else AT_RISK
