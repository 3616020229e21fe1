"""One call of the engine from the command line: with progress, with a way to stop it, with its report."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import click

from engine.cli.accounts import Wanted
from engine.cli.guard import Guard, confirm
from engine.cli.live import Watch, telling
from engine.cli.metering import UNMETERED, Metering
from engine.cli.output import AT_RISK, CLEAN, print_json, print_sentence, stderr_console, stdout_console
from engine.cli.signals import asking, stopping
from engine.cli.tables import BAD, GOOD, print_plan, print_report
from engine.core.report import RunReport
from engine.core.request import Scope
from engine.core.verdicts import say_report
from engine.events import Hook
from engine.journal.journal import Journal
from engine.progress import Progress
from engine.run import CancelEngine

Call = Callable[[CancelEngine, Progress], Awaitable[object]]

LEAST_S = 0.01
"""What is left of a deadline that a look has used up: the call then comes back at once with what is known."""


Look = Callable[[CancelEngine], Awaitable[object]]


def run(
    wanted: Wanted,
    call: Call,
    *,
    look: Look | None = None,
    journal: Journal | None = None,
    metering: Metering = UNMETERED,
    advice: str = "",
) -> RunReport:
    """Make the call and give back its report, also when Ctrl-C or SIGTERM stops it.

    Args:
        wanted: Venues and accounts.
        call: What to do.
        look: What comes first, with the same engine, so that its requests count against the same limits.
        journal: Where the run is recorded, or None.
        metering: How it is measured.
        advice: What the second signal says beside that it leaves at once.

    Raises:
        ConfigError: the request cannot be used; no cancel was sent.
        click.Abort: a signal came before the call began.
    """

    async def follow(on_event: Hook | None) -> RunReport:
        progress = Progress()
        watch = Watch(progress)
        async with CancelEngine(*wanted.venues.values(), journal=journal, on_event=on_event, **wanted.bounds) as engine:
            if look is not None:
                await look(engine)
            with stopping(watch.stop, advice=advice):
                async with telling(watch, as_json=wanted.as_json):
                    came = await call(engine, progress)
                # Of a run that was finished already there is nothing to follow.
                return came if isinstance(came, RunReport) else progress.report()

    with metering.opened() as on_event:
        return anyio.run(follow, on_event, backend_options=fastest_loop())


def fastest_loop() -> dict[str, Any]:
    """What makes `anyio.run` take uvloop where it is installed (`cancel-engine[speed]`), and Python's own loop elsewhere."""
    try:
        import uvloop  # noqa: PLC0415  # an extra, and imported where a run is made alone
    except ImportError:
        return {}
    return {"loop_factory": uvloop.new_event_loop}


async def check_plan(engine: CancelEngine, wanted: Wanted, guard: Guard, scope: Scope, *, lists_first: bool) -> float | None:
    """Hold the guard's limits against a plan; give back what is left of the deadline, all of it after a question.

    Raises:
        ConfigError: a limit is exceeded and that was not confirmed.
        click.Abort: a signal came first.
    """
    began_s = anyio.current_time()
    with anyio.CancelScope() as looking, stopping(looking.cancel):
        plan = await engine.plan(wanted.accounts, scope, lists_first=lists_first, deadline_s=wanted.deadline_s)
    if looking.cancelled_caught:
        raise click.Abort
    excesses = guard.exceeded_by_plan(plan)
    if not excesses:
        took_s = anyio.current_time() - began_s
        return None if wanted.deadline_s is None else max(wanted.deadline_s - took_s, LEAST_S)
    with asking():
        confirm(excesses, touched=wanted.touched, show=lambda: print_plan(stderr_console(), plan, title="What would be done"))
    return wanted.deadline_s


def print_verdict(sentence: str, *, is_clean: bool) -> None:
    """The last line, and the one to read first."""
    console = stdout_console()
    console.print()
    print_sentence(console, sentence, style=GOOD if is_clean else BAD)


def tell_run(report: RunReport, scope: Scope | None, *, as_json: bool) -> int:
    """Print what a run came to, for people or as the one document for programs; give back the exit code.

    Args:
        report: Of the run.
        scope: What it was for, or None for known orders of one account: their document is the account's summary.
        as_json: Whether to print the document.
    """
    sentence = say_report(report, scope)
    if as_json:
        document = next(iter(report.accounts.values())) if scope is None else report
        return print_document(document.to_dict(), sentence, is_clean=report.is_clean)
    print_report(stdout_console(), report)
    print_verdict(sentence, is_clean=report.is_clean and report.unrecorded is None)
    return CLEAN if report.is_clean else AT_RISK


def print_document(document: dict[str, object], sentence: str, *, is_clean: bool) -> int:
    """Print the one document for programs, and what is wrong, if anything is, on stderr; give back the exit code."""
    print_json(document)
    if not is_clean:
        print_sentence(stderr_console(), sentence)
    return CLEAN if is_clean else AT_RISK
