"""`cancel-engine cancel ID…`: known orders of one account."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from engine.cli.accounts import Wanted, account_options
from engine.cli.journals import Recording, recording_options
from engine.cli.metering import Metering, metrics_options
from engine.cli.output import AT_RISK, CLEAN, clean, counted, stdout_console
from engine.cli.report_files import ReportFiles, report_option
from engine.cli.running import print_document, print_verdict, run, tell_run
from engine.cli.settings import Configured
from engine.cli.tables import print_plan
from engine.core.order import OpenOrder
from engine.core.plan import AccountPlan, Means, Plan, cancel_by_ids
from engine.core.request import Account, checked_ids
from engine.core.verdicts import say_report
from engine.errors import ConfigError
from engine.venues.base import Venue


@click.command("cancel", cls=Configured, short_help="Cancel known orders of one account.")
@click.argument("order_ids", metavar="ID...", nargs=-1, required=True)
@account_options
@click.option("--verify", is_flag=True, help="List the open orders afterwards, and take up again what is still there.")
@report_option
@metrics_options
@recording_options
@click.option("--dry-run", is_flag=True, help="Say what would be sent; sends nothing at all.")
@click.option("-y", "--yes", is_flag=True, help="Accepted and not needed: ids are chosen already.")
def cancel(
    wanted: Wanted,
    *,
    order_ids: tuple[str, ...],
    verify: bool,
    directory: Path | None,
    metering: Metering,
    recording: Recording,
    dry_run: bool,
    yes: bool,  # noqa: ARG001  # see its help
) -> int:
    """Cancel these orders of one account, and say what became of each.

    \b
    Examples:
      cancel-engine cancel a11ee07e-e22f-11f0-9714-0a58a9feac02 --venue opinion
      cancel-engine cancel ID1 ID2 --venue polymarket --accounts accounts.toml --only alice --deadline 5 --json
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    account = _one_account(wanted)
    ids = checked_ids(order_ids)
    if dry_run:
        return _show_plan(wanted, account, ids)
    files = None if directory is None else ReportFiles.prepare(directory)
    with recording.opened() as journal:
        report = run(
            wanted,
            lambda engine, progress: engine.cancel_orders(
                account,
                ids,
                verify=verify,
                deadline_s=wanted.deadline_s,
                reason=recording.cause.reason,
                requested_by=recording.cause.requested_by,
                progress=progress,
            ),
            journal=journal,
            metering=metering,
            advice=recording.advice,
        )
        kept = CLEAN if files is None else files.tell(report, say_report(report, None))  # before anything else can go wrong
        kept = max(kept, recording.tell(report, journal))
    return max(kept, tell_run(report, None, as_json=wanted.as_json))


def _one_account(wanted: Wanted) -> Account:
    if len(wanted.accounts) != 1:
        raise ConfigError(f"orders belong to one account, and here are {wanted.named}; choose it with --only NAME")
    return wanted.accounts[0]


def _show_plan(wanted: Wanted, account: Account, ids: tuple[str, ...]) -> int:
    """The same document as the dry run of a cancel-all, from the ids alone, and beside it the ids that would not be sent."""
    problems = {order_id: problem for order_id in ids if (problem := wanted.venue_of(account).problem_of(order_id)) is not None}
    plan = Plan(accounts={account.name: _plan(wanted.venue_of(account), account, [each for each in ids if each not in problems])})
    sentence = (
        f"Dry run: would send {counted(plan.requests, 'cancel request')} for {account.name} to {wanted.host}; nothing was sent."
    )
    if problems:
        first, problem = next(iter(problems.items()))
        sentence += f" {counted(len(problems), 'id')} would not be sent, such as {clean(first, longest=80)}: {problem}."
    if wanted.as_json:
        return print_document(plan.to_dict() | {"would_not_be_sent": problems}, sentence, is_clean=not problems)
    print_plan(stdout_console(), plan)
    print_verdict(sentence, is_clean=not problems)
    return AT_RISK if problems else CLEAN


def _plan(venue: Venue, account: Account, order_ids: Iterable[str]) -> AccountPlan:
    """What the cancels take, from a full purse where there is one: nobody is asked what is in it."""
    orders = tuple(OpenOrder(order_id=order_id) for order_id in dict.fromkeys(order_ids))
    tokens = venue.limits.tokens
    tier, balance = (None, 0.0) if tokens is None else (tokens.default, float(tokens.default.burst))
    tactic = cancel_by_ids(len(orders), Means(limits=venue.limits, most_ids=venue.most_ids, tier=tier, balance=balance))
    return AccountPlan(
        account=account.name,
        orders=orders,
        by_kind={tactic.kind: tactic.requests},
        least_time_s=tactic.least_time_s,
        tactic=tactic if orders else None,
        tier=None if tokens is None else tokens.tier,
    )
