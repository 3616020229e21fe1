"""Runs of the past: found by their id, and told in words. All of it is foreign text, and is cleaned where it is printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from engine.cli.journals import Place, resume_line
from engine.cli.output import clean, counted
from engine.core.request import Scope
from engine.core.verdicts import say_counts
from engine.core.words import in_moment, in_words
from engine.errors import ConfigError
from engine.journal.bodies import scope_of
from engine.journal.entries import STOPPED
from engine.journal.journal import CUT, FINISHED, RUNNING, Journal, RunHead, RunLine

LEAST_OF_AN_ID = 4
"""Fewest signs of a run's id that stand for it. A guess: fewer are a typing error."""

MOST_LISTED = 10
"""Runs that an error lists."""


def found(journal: Journal, given: str) -> str:
    """The id of the run that an id, or its beginning, stands for.

    Raises:
        ConfigError: none does, or several do.
    """
    heads = journal.heads()
    if any(head.run_id == given for head in heads):
        return given
    shown = clean(given, longest=40)
    if len(given) < LEAST_OF_AN_ID:
        raise ConfigError(f"{shown!r} is too short for a run: its id, or at least the first {LEAST_OF_AN_ID} signs of it")
    like = [head for head in heads if head.run_id.startswith(given)]
    if not like:
        recorded = f"{counted(len(heads), 'run')} in {journal.where}"
        raise ConfigError(f"no run is called {shown}: see `cancel-engine runs` for the {recorded}")
    if len(like) > 1:
        raise ConfigError(f"{shown} may be any of {_listed(journal, like)}; give more of the id")
    return like[0].run_id


def the_unfinished(journal: Journal) -> str:
    """The id of the one run that can be resumed.

    Raises:
        ConfigError: there is none, or more than one.
    """
    left = [head for head in journal.heads() if head.state != FINISHED]
    idle = [head for head in left if head.state != RUNNING and journal.run(head.run_id).header["call"] is not None]
    if len(idle) == 1:
        return idle[0].run_id
    if idle:
        raise ConfigError(f"{len(idle):,} runs can be resumed; say which: {_listed(journal, idle)}")
    if left:
        busy = [head for head in left if head.state == RUNNING]
        if busy:
            raise ConfigError(f"no run is to be resumed; under way in another process: {_listed(journal, busy)}")
    raise ConfigError(f"no run in {journal.where} is to be resumed: all came to their end")


def _listed(journal: Journal, heads: list[RunHead]) -> str:
    lines = [in_short(journal.run(head.run_id)) for head in heads[:MOST_LISTED]]
    more = f"; and {len(heads) - MOST_LISTED:,} more" if len(heads) > MOST_LISTED else ""
    return "; ".join(lines) + more


def in_short(line: RunLine) -> str:
    """A run for a list of several: id, when, what, how much may be live."""
    return f"{line.run_id} of {in_moment(line.began_at)}, {what_of(line)}, {line.state}, {line.at_risk:,} may be live"


def scope_in(header: Mapping[str, Any]) -> Scope | None:
    """The scope that the run was for, or None where it was for known orders."""
    return None if header["scope"] is None else scope_of(header["scope"])


def what_of(line: RunLine) -> str:
    """What a run was asked to do."""
    if line.header["call"] is None:
        return "its record cannot be read" if line.seal else "nothing of it was recorded"
    scope = scope_in(line.header)
    if scope is None:
        return f"cancel of {counted(line.total, 'order')}"
    chosen = f" of {counted(len(list(scope.order_ids)), 'id')}" if scope.order_ids is not None else ""
    by_function = " that a function chose" if line.header["scope"]["where"] else ""
    return f"cancel-all: every {in_words(scope)}{chosen}{by_function}"


def why_of(line: RunLine) -> str:
    """Who asked for it and why, as far as that was said."""
    reason, by = line.header["reason"], line.header["requested_by"]
    return "; ".join(clean(str(each), longest=200) for each in (reason, by and f"by {by}") if each)


@contextmanager
def readable(journal: Journal, run_id: str) -> Iterator[None]:
    """Say in plain words where nothing was recorded of a run, and where a record cannot be read.

    Raises:
        ConfigError: it is so.
    """
    line = journal.run(run_id)
    if line.header["call"] is None and not line.seal:
        raise ConfigError(f"run {run_id}: {_NOTHING}")
    try:
        yield
    except ValueError as error:
        raise ConfigError(
            f"the record of run {run_id} in {journal.where} cannot be read: {error}; see `cancel-engine runs verify {run_id}`"
        ) from error


_NOTHING = "it was cut off before anything of it was recorded, and so before anything was sent"


def is_over(line: RunLine) -> bool:
    """Whether the run ended, in whatever way."""
    return line.state in (FINISHED, STOPPED)


def say_unfinished(line: RunLine, place: Place) -> str:
    """That a run has not ended, before its report is shown."""
    if line.state == RUNNING:
        return f"Run {line.run_id} is under way: this is how it stands."
    how = resume_line(line.run_id, place)
    return f"Run {line.run_id} was cut off: this is as far as it is recorded. To go on with it, with its accounts: {how}"


def check_resumable(line: RunLine) -> None:
    """Refuse what the command line cannot go on with, before anybody is told that it does.

    Raises:
        ConfigError: it is so.
    """
    if line.header["call"] is None:
        why = f"its record cannot be read; see `cancel-engine runs verify {line.run_id}`" if line.seal else _NOTHING
        raise ConfigError(f"run {line.run_id}: {why}; there is nothing to go on with")
    if line.state == RUNNING:
        raise ConfigError(f"run {line.run_id} is under way in another process; wait for its end, or end it")
    scope = line.header["scope"]
    if line.state != FINISHED and scope is not None and scope["where"]:
        raise ConfigError(
            f"run {line.run_id} is for orders that a function of a program chose (where=), which no record can hold: "
            "that program alone can go on with it"
        )


def say_resumed(line: RunLine) -> str:
    """What is gone on with."""
    begun = f"Run {line.run_id} of {in_moment(line.began_at)}, {what_of(line)}"
    if line.state == FINISHED:
        return f"{begun}: finished already; this is its report."
    counts = say_counts(dict(line.by_outcome)) or "no order known yet"
    state = "cut off" if line.state == CUT else "stopped"
    return f"{begun}, {state}: {line.done:,} of {counted(line.accounts, 'account')} done; {counts}. Going on."
