"""`cancel-engine runs`: which runs are recorded, whether their records are whole, and which to delete."""

from __future__ import annotations

import re
import sys
import time

import click
from rich.text import Text

from engine.cli.accounts import json_option
from engine.cli.journals import Place, journal_option, looking_back
from engine.cli.output import AT_RISK, CLEAN, can_ask, clean, counted, print_json, print_sentence, stderr_console, stdout_console
from engine.cli.past import found, what_of, why_of
from engine.cli.running import print_verdict
from engine.cli.settings import Configured, ConfiguredGroup, settings_options
from engine.cli.tables import BAD, DIM, GOOD, new_table, print_titled
from engine.core.words import in_moment
from engine.errors import ConfigError
from engine.journal.journal import CUT, FINISHED, RUNNING, RunLine

MOST_RUNS = 20
WIDE = 120
"""Columns from which on a run fits on a line."""

DAY_S = 86_400
_UNITS = {"h": 3_600, "d": DAY_S, "w": 7 * DAY_S}
_AGE = re.compile(r"([0-9]{1,4})([hdw])")

_STYLES = {RUNNING: GOOD, FINISHED: "", CUT: BAD}


@click.group(
    "runs", cls=ConfiguredGroup, short_help="List recorded runs; verify or delete their records.", invoke_without_command=True
)
@journal_option
@settings_options
@click.option(
    "--limit", metavar="N", type=click.IntRange(1), default=MOST_RUNS, show_default=True, help="How many of the newest."
)
@json_option
@click.pass_context
def runs(context: click.Context, place: Place, *, limit: int, as_json: bool) -> int:
    """List recorded runs, the newest first: which were finished, stopped or cut off, and how much of each may be live.

    \b
    Examples:
      cancel-engine runs
      cancel-engine runs --limit 100 --json
      cancel-engine runs verify 0123456789ab
      cancel-engine runs prune --older-than 90d
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    context.obj = context.params.get("journal")
    if context.invoked_subcommand is not None:
        return CLEAN
    with looking_back(place) as journal:
        lines, count = journal.runs(most=limit), len(journal.heads())
        where = journal.where
    more = max(0, count - len(lines))
    if as_json:
        print_json({"journal": where, "runs": [line.to_dict() for line in lines], "more": more})
        return CLEAN
    if lines:
        _print_table(lines)
    left = sum(line.state != FINISHED for line in lines)
    older = f" {counted(more, 'older run')} not shown; --limit shows more." if more else ""
    print_verdict(f"{counted(count, 'run')} in {where}{_say_left(left)}.{older}", is_clean=not left)
    return CLEAN


def _say_left(count: int) -> str:
    if not count:
        return ""
    return f", of which {count:,} {'is' if count == 1 else 'are'} not finished"


def _print_table(lines: list[RunLine]) -> None:
    console = stdout_console()
    if console.width >= WIDE:
        what = "what, by whom and why"
        table = new_table(
            "run",
            "began",
            "state",
            "accounts",
            "orders",
            "cancelled",
            "at risk",
            what,
            wide=(what,),
            words=("run", "began", "state"),
        )
    else:
        what = "what, by whom, why"
        table = new_table(
            "run and when", "state", "acc.\ndone", "orders", "can-\ncelled", "at\nrisk", what,
            wide=(what,), words=("run and when", "state"), gap=1,
        )  # fmt: skip
    for line in lines:
        run, began = clean(line.run_id, longest=20), in_moment(line.began_at)
        cancelled = sum(count for outcome, count in line.by_outcome.items() if outcome.is_success)
        why = why_of(line)
        table.add_row(
            *([Text(run), Text(began)] if console.width >= WIDE else [Text.assemble(run, (f"\n{began}", DIM))]),
            Text(line.state, style=_STYLES.get(line.state, BAD)),
            f"{line.done:,}/{line.accounts:,}",
            f"{line.total:,}",
            f"{cancelled:,}",
            Text(f"{line.at_risk:,}", style=BAD if line.at_risk else ""),
            Text(clean("; ".join(each for each in (what_of(line), why) if each), longest=300)),
        )
    print_titled(console, "Runs", table)


@runs.command("verify", cls=Configured, short_help="Find out whether records are whole, as they were written.")
@click.argument("run", required=False)
@journal_option
@settings_options
@click.option("--seal", metavar="SEAL", help="The run's last seal, as it was shown after the run and kept elsewhere.")
@json_option
def verify(place: Place, *, run: str | None, seal: str | None, as_json: bool) -> int:
    """Find out whether the record of a run, or of all, is whole: nothing changed, removed or put in. Changes nothing.

    Exit code 0 says that nothing was found, 1 that something was.

    \b
    Examples:
      cancel-engine runs verify
      cancel-engine runs verify 0123456789ab --seal SEAL
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    if seal is not None and run is None:
        raise click.UsageError("--seal is one run's: say which", click.get_current_context())
    with looking_back(place) as journal:
        chosen = [head.run_id for head in journal.heads()] if run is None else [found(journal, run)]
        wrong = {run_id: journal.verify(run_id, seal=seal) for run_id in chosen}
        where = journal.where
    bad = {run_id: sentences for run_id, sentences in wrong.items() if sentences}
    if as_json:
        print_json({"journal": where, "runs": wrong, "is_whole": not bad})
        return AT_RISK if bad else CLEAN
    console = stdout_console()
    for run_id, sentences in bad.items():
        console.print(Text(f"\nRun {clean(run_id)}", style=BAD))
        for sentence in dict.fromkeys(sentences):
            print_sentence(console, f"- {sentence}")
    checked = f"{counted(len(wrong), 'record')} in {where}"
    if bad:
        words = f"{len(bad):,} of {checked} {'is' if len(bad) == 1 else 'are'} not as written."
    else:
        words = f"Nothing is wrong with {checked}{'' if seal is None else ', which ends with that seal'}."
    print_verdict(words, is_clean=not bad)
    if seal is None:
        print_sentence(console, _CANNOT_TELL, style=DIM)
    return AT_RISK if bad else CLEAN


_CANNOT_TELL = (
    "This cannot tell whether somebody who may write the journal has written a whole record anew, or deleted a run: "
    "only a seal that was kept elsewhere can (--seal)."
)


@runs.command("prune", cls=Configured, short_help="Delete the records of old runs.")
@journal_option
@settings_options
@click.option(
    "--older-than", "age", metavar="AGE", required=True, help="Such as 90d: a number and h, d or w (hours, days, weeks)."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask first; needed without a terminal.")
@json_option
def prune(place: Place, *, age: str, yes: bool, as_json: bool) -> int:
    """Delete the records of runs that began longer ago than this; those under way stay. What is deleted is gone for good.

    \b
    Examples:
      cancel-engine runs prune --older-than 90d
      cancel-engine runs prune --older-than 52w --yes
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    age_s = _seconds(age)
    with looking_back(place) as journal:
        began_before = time.time() - age_s
        old = [head for head in journal.heads() if head.began_at < began_before and head.state != RUNNING]
        if old and not yes:
            _confirm(len(old), sum(head.state != FINISHED for head in old), in_moment(began_before), journal.where)
        gone = journal.prune(age_s) if old or yes else []
        where, left = journal.where, len(journal.heads())
    if as_json:
        print_json({"journal": where, "deleted": gone, "left": left})
        return CLEAN
    console = stdout_console()
    for run_id in gone:
        console.print(Text(clean(run_id)))
    deleted = f"Deleted {counted(len(gone), 'run')}" if gone else "Deleted nothing: no run"
    print_sentence(console, f"{deleted} that began before {in_moment(began_before)}; {counted(left, 'run')} left in {where}.")
    return CLEAN


def _seconds(age: str) -> int:
    match = _AGE.fullmatch(age.strip().lower())
    if match is None or not int(match[1]):
        raise ConfigError(f"--older-than {clean(age, longest=40)!r} is no age: give a number and h, d or w, such as 90d")
    return int(match[1]) * _UNITS[match[2]]


def _confirm(count: int, unfinished: int, before: str, where: str) -> None:
    """Ask, on stderr, so that stdout stays clean.

    Raises:
        ConfigError: the answer is not yes, or nobody is there to give one.
    """
    if not can_ask():
        raise ConfigError("there is no terminal to ask for confirmation; add --yes to delete without being asked")
    never = f" ({unfinished:,} of them never finished)" if unfinished else ""
    print_sentence(stderr_console(), f"{counted(count, 'run')}{never} in {where} began before {before}.")
    click.echo(f"Delete {'its record' if count == 1 else 'their records'} for good? [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ConfigError("not confirmed; nothing was deleted")
