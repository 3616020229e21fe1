"""Questions before a job: whether it is meant, and whether so much is meant. They go to stderr, so that stdout stays clean."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import anyio
import click

from engine.cli.accounts import Wanted, in_words
from engine.cli.bounds import Bounds, Excess, say_excesses
from engine.cli.output import clean, stderr_console
from engine.cli.signals import leaving, stopping
from engine.cli.tables import print_plan
from engine.core.plan import Plan
from engine.core.request import Scope
from engine.errors import ConfigError
from engine.run import CancelEngine

LEAST_S = 0.01
"""What is left of a deadline that the look has used up: the run then comes back at once with what is known."""


def confirm(wanted: Wanted, scope: Scope) -> None:
    """Ask whether the scope is meant.

    Raises:
        ConfigError: the answer is not yes, or nobody is there to give one.
    """
    if not _has_terminal():
        raise ConfigError("there is no terminal to ask for confirmation; add --yes to cancel without being asked")
    question = f"Cancel every {in_words(scope, in_full=True)} of {wanted.named} at {wanted.hosts}? [y/N] "
    if _ask(question).lower() not in ("y", "yes"):
        raise ConfigError("not confirmed; nothing was sent")


def confirm_accounts(wanted: Wanted, bounds: Bounds) -> None:
    """Ask whether so many accounts are meant, where they are more than the bound.

    Raises:
        ConfigError: the number was not typed, or nobody is there to type it.
    """
    excesses = bounds.exceeded_by_accounts(len(wanted.accounts))
    if excesses:
        _confirm_numbers(excesses, f"{wanted.named} at {wanted.hosts}", sent="nothing")


async def confirm_plan(engine: CancelEngine, wanted: Wanted, scope: Scope, bounds: Bounds, *, lists_first: bool) -> float | None:
    """Look at what would be cancelled, and ask whether so much is meant, where it is more than the bounds.

    The engine is the one that cancels afterwards, so that its limits count both.

    Returns:
        Seconds that are left of the deadline; a question that was answered begins it anew.

    Raises:
        ConfigError: a number was not typed, or nobody is there to type it; no cancel was sent.
        click.Abort: a signal came first.
    """
    plan: Plan | None = None
    began_s = anyio.current_time()
    with anyio.CancelScope() as look, stopping(look.cancel):
        plan = await engine.plan(wanted.accounts, scope, lists_first=lists_first, deadline_s=wanted.deadline_s)
    if plan is None:
        raise click.Abort
    excesses = bounds.exceeded_by_plan(plan)
    if not excesses:
        return None if wanted.deadline_s is None else max(wanted.deadline_s - (anyio.current_time() - began_s), LEAST_S)
    with leaving():
        if _has_terminal():
            print_plan(stderr_console(), plan, title="What would be cancelled")
        _confirm_numbers(excesses, f"{wanted.named} at {wanted.hosts}", sent="no cancel")
    return wanted.deadline_s


def _confirm_numbers(excesses: Sequence[Excess], touched: str, *, sent: str) -> None:
    """Have every number typed once."""
    if not _has_terminal():
        raise ConfigError(
            f"{say_excesses(excesses)} ({touched}); {sent} was sent: raise the limit, or confirm it on a terminal, "
            "which --yes does not do"
        )
    for excess in excesses:
        click.echo(clean(f"Refused so far, for {touched}: {excess.says}."), err=True)
    for noun, number in dict.fromkeys((excess.noun, excess.number) for excess in excesses):
        if _ask(f"To cancel all the same, type {noun}: ").replace(",", "") != str(number):
            raise ConfigError(f"not confirmed; {sent} was sent")


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(question: str) -> str:
    click.echo(clean(question) + " ", nl=False, err=True)
    return sys.stdin.readline().strip()
