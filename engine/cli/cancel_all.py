"""`cancel-engine cancel-all`: everything in a scope, for every account."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import click

from engine.cli.accounts import Wanted, account_options, scope_options
from engine.cli.guard import Guard, confirm, guard_options, say_excesses
from engine.cli.journals import Recording, recording_options
from engine.cli.metering import Metering, metrics_options
from engine.cli.output import AT_RISK, CLEAN, can_ask, clean, stdout_console
from engine.cli.report_files import ReportFiles, report_option
from engine.cli.running import check_plan, print_document, print_verdict, run, tell_run
from engine.cli.settings import Configured
from engine.cli.tables import print_plan
from engine.core.plan import Plan
from engine.core.priority import PRIORITIES
from engine.core.request import Scope, checked_seconds
from engine.core.verdicts import say_plan, say_report
from engine.core.words import in_words
from engine.errors import ConfigError
from engine.run import CancelEngine


@click.command("cancel-all", cls=Configured, short_help="Cancel every open order in scope, and prove it.")
@account_options
@scope_options
@click.option("--list-first", "lists_first", is_flag=True, help="List all of them before the first cancel, to know the total.")
@click.option(
    "--priority",
    type=click.Choice(list(PRIORITIES), case_sensitive=False),
    help="Which go first, where they are cancelled by id: the largest by value, or the oldest. They are listed first then.",
)
@click.option(
    "--settle", metavar="SECONDS", type=float, help="List again after so long, for orders that were still on their way."
)
@guard_options
@report_option
@metrics_options
@recording_options
@click.option("--dry-run", is_flag=True, help="Say what would be done; sends listings, and no cancel.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask first; needed without a terminal. Lifts no --max option.")
def cancel_all(  # one for each option
    wanted: Wanted,
    scope: Scope,
    *,
    guard: Guard,
    lists_first: bool,
    priority: str | None,
    settle: float | None,
    directory: Path | None,
    metering: Metering,
    recording: Recording,
    dry_run: bool,
    yes: bool,
) -> int:
    """Cancel every open order in scope, then list again to prove that none is left.

    Without --market, --asset and --side, that is every open order of every account. Where the venue has a cancel of its own
    that hits exactly the scope, and it is the quickest way, that one is sent; --dry-run says so.

    What exceeds a --max option goes on only if the number is typed at a terminal. They guard what was seen: orders that appear
    between the look and the cancel are cancelled, too.

    \b
    Examples:
      cancel-engine cancel-all --accounts accounts.toml --dry-run
      cancel-engine cancel-all --venue opinion --accounts accounts.csv --market 123 --side buy --yes --json
      cancel-engine cancel-all --accounts accounts.toml --exclude bob --max-orders 500 --report reports
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    rank = None if priority is None else PRIORITIES[priority]
    settle_s = checked_seconds("--settle", settle)
    if dry_run:
        return _show_plan(wanted, scope, guard, lists_first=lists_first or rank is not None)
    files = None if directory is None else ReportFiles.prepare(directory)
    deadline_s = wanted.deadline_s

    async def look(engine: CancelEngine) -> None:
        nonlocal deadline_s
        deadline_s = await check_plan(engine, wanted, guard, scope, lists_first=lists_first or rank is not None)

    with recording.opened() as journal:
        confirm(guard.exceeded_by_accounts(len(wanted.accounts)), touched=wanted.touched)
        if not yes:
            _confirm(wanted, scope)
        report = run(
            wanted,
            lambda engine, progress: engine.mass_cancel(
                wanted.accounts,
                scope,
                lists_first=lists_first,
                priority=rank,
                settle_s=settle_s,
                deadline_s=deadline_s,
                reason=recording.cause.reason,
                requested_by=recording.cause.requested_by,
                progress=progress,
            ),
            look=look if guard.needs_plan else None,
            journal=journal,
            metering=metering,
            advice=recording.advice,
        )
        kept = CLEAN if files is None else files.tell(report, say_report(report, scope))  # before anything else can go wrong
        kept = max(kept, recording.tell(report, journal))
    return max(kept, tell_run(report, scope, as_json=wanted.as_json))


def _show_plan(wanted: Wanted, scope: Scope, guard: Guard, *, lists_first: bool) -> int:
    async def make() -> Plan:
        async with CancelEngine(*wanted.venues.values(), **wanted.bounds) as engine:
            return await engine.plan(wanted.accounts, scope, lists_first=lists_first, deadline_s=wanted.deadline_s)

    plan = anyio.run(make)
    excesses = [*guard.exceeded_by_accounts(len(wanted.accounts)), *guard.exceeded_by_plan(plan)]
    sentence = say_plan(plan, scope) + (f" It would be refused: {say_excesses(excesses)}." if excesses else "")
    if wanted.as_json:
        return print_document(plan.to_dict(), sentence, is_clean=plan.listing_complete)
    print_plan(stdout_console(), plan)
    print_verdict(sentence, is_clean=plan.listing_complete)
    return CLEAN if plan.listing_complete else AT_RISK


def _confirm(wanted: Wanted, scope: Scope) -> None:
    """Ask, on stderr, so that stdout stays clean.

    Raises:
        ConfigError: the answer is not yes, or nobody is there to give one.
    """
    if not can_ask():
        raise ConfigError("there is no terminal to ask for confirmation; add --yes to cancel without being asked")
    question = f"Cancel every {in_words(scope, in_full=True)} of {wanted.touched}? [y/N] "
    click.echo(clean(question) + " ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ConfigError("not confirmed; nothing was sent")
