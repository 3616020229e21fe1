"""The options about the journal, what they come to, and what is said of a record. No password of an address is ever shown."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from platformdirs import user_state_path

from engine.cli.output import AT_RISK, CLEAN, clean, remark, the_one
from engine.cli.settings import settings_now
from engine.cli.tables import BAD
from engine.config import is_variable
from engine.config.schema import variable_of
from engine.config.settings import DEFAULT, IN_FILE
from engine.core.cause import Cause
from engine.core.report import RunReport
from engine.errors import ConfigError, JournalError
from engine.journal.journal import SERVERS, IfLost, Journal
from engine.secret import Secret

Verb = Callable[..., int]

BY_NAME = "env:"
"""What stands before the name of an environment variable that holds the address, so that no password is on the command line."""

WAYS_OUT = "nothing was cancelled. Name another one with --journal PATH, or do without a record: --no-journal"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""Of more than one letter, since a single one is a disk's."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where records are kept.

    Attributes:
        where: A file, or the address of a database, with its password.
        option: How a command line names it again; blank where it would without being told.
    """

    where: Path | Secret
    option: str

    @property
    def is_missing(self) -> bool:
        """Whether nothing was ever recorded there."""
        return isinstance(self.where, Path) and not self.where.exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """How a run is to be recorded.

    Attributes:
        place: Where, or None for not at all.
        is_required: Whether the run stops if it cannot be recorded any more.
        cause: Who asks for it, and why.
    """

    place: Place | None
    is_required: bool = False
    cause: Cause = field(default_factory=Cause)

    @property
    def advice(self) -> str:
        """How to go on with the run, should it be left at once."""
        return "" if self.place is None else f"; to go on with it, with the same accounts: {resume_line('', self.place)}"

    @contextmanager
    def opened(self) -> Iterator[Journal | None]:
        """The journal while the run is under way, or None.

        Raises:
            ConfigError: it cannot be used, and nothing was sent; the words name the ways out.
        """
        if self.place is None:
            yield None
            return
        try:
            with opened(self.place, if_lost="stop" if self.is_required else "go on") as journal:
                yield journal
        except Exception as error:
            reason = the_one(error)
            if not isinstance(reason, JournalError):
                raise
            raise ConfigError(f"{_unstopped(str(reason))}; {WAYS_OUT}") from None

    def tell(self, report: RunReport, journal: Journal | None) -> int:
        """Say on stderr where the run was recorded, and loudly if that is not all of it.

        Returns:
            The exit code that this alone would bring: a record counts like an order only where it was required.
        """
        if journal is None or self.place is None:
            return CLEAN
        run = f"run {report.run_id} in {journal.where}"
        if report.unrecorded is not None:
            words = (
                f"The record of {run} is INCOMPLETE: {_unstopped(report.unrecorded)}. "
                "It ends before the run did; keep the report of the run itself."
            )
            remark(words, style=BAD)
            return AT_RISK if self.is_required else CLEAN
        remark(f"Recorded: {run}, last seal {_seal_of(journal, report.run_id)}")
        if report.stop is not None:
            remark(f"To go on with it, with the same accounts: {resume_line(report.run_id, self.place)}")
        return CLEAN


def _seal_of(journal: Journal, run_id: str) -> str:
    try:
        return journal.run(run_id).seal
    except JournalError as error:
        return f"could not be read ({error})"


def _unstopped(words: str) -> str:
    return words.rstrip(".")


def resume_line(run_id: str, place: Place) -> str:
    """The command that goes on with a run."""
    return " ".join(["cancel-engine resume", *([run_id] if run_id else []), *([place.option] if place.option else [])])


@contextmanager
def opened(place: Place, *, if_lost: IfLost = "go on") -> Iterator[Journal]:
    """The journal, closed in the end.

    Raises:
        JournalError: it cannot be used.
    """
    journal = Journal.open(place.where, if_lost=if_lost)
    try:
        yield journal
    finally:
        journal.close()


@contextmanager
def looking_back(place: Place) -> Iterator[Journal]:
    """A journal that is there already: whoever looks back makes none.

    Raises:
        ConfigError: there is none, or it cannot be used.
    """
    if place.is_missing:
        where = clean(str(place.where), longest=200)
        raise ConfigError(f"there is no journal {where}: nothing was recorded there; name another one with --journal PATH")
    with opened(place) as journal:
        yield journal


# --- options

JOURNAL = click.option(
    "--journal",
    "journal",
    metavar="PATH|URL",
    help=f"Where runs are recorded: a file, or postgresql://user@host/name; env:NAME takes it from an environment variable. "
    f"{variable_of('journal.place')}, or a file in your state folder, if left out.",
)
_CAUSE = (
    click.option("--reason", metavar="TEXT", help="Why, for the record and the report: your words, or a reason of FIX 2675."),
    click.option("--requested-by", metavar="TEXT", help="Who or what asks for it, for the same."),
)
_RECORDING = (
    JOURNAL,
    click.option("--no-journal", is_flag=True, help="Do not record the run; it cannot be resumed then."),
    click.option("--journal-required", is_flag=True, help="Stop the run if it cannot be recorded any more."),
    *_CAUSE,
)


def recording_options(verb: Verb) -> Verb:
    """Give the verb the options about the record of a run; it gets them as one `Recording`."""

    @wraps(verb)
    def wrapped(
        *arguments: Any,
        journal: str | None,
        no_journal: bool,
        journal_required: bool,
        reason: str | None,
        requested_by: str | None,
        **others: Any,
    ) -> int:
        context = click.get_current_context()
        given = [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
        other = "--journal" if "journal" in given else "--journal-required" if "journal_required" in given else None
        if no_journal and other is not None:
            if "no_journal" in given:
                raise click.UsageError(f"{other} and --no-journal contradict each other", context)
            no_journal = False  # the command line goes before the settings
        place = None if no_journal else place_of(journal)
        recording = Recording(place=place, is_required=journal_required, cause=_cause(reason, requested_by))
        return verb(*arguments, recording=recording, **others)

    return _with(_RECORDING, wrapped)


def cause_options(verb: Verb) -> Verb:
    """Give the verb `--reason` and `--requested-by`; it gets them as one `Cause`."""

    @wraps(verb)
    def wrapped(*arguments: Any, reason: str | None, requested_by: str | None, **others: Any) -> int:
        return verb(*arguments, cause=_cause(reason, requested_by), **others)

    return _with(_CAUSE, wrapped)


def journal_option(verb: Verb) -> Verb:
    """Give the verb `--journal`; it gets it as a `Place`. A verb below another one takes over what that was given."""

    @wraps(verb)
    def wrapped(*arguments: Any, journal: str | None, **others: Any) -> int:
        above = click.get_current_context().obj
        return verb(*arguments, place=place_of(journal if journal is not None else above), **others)

    return JOURNAL(wrapped)


def _with(options: tuple[Callable[[Verb], Verb], ...], verb: Verb) -> Verb:
    for option in reversed(options):
        verb = option(verb)
    return verb


def _cause(reason: str | None, requested_by: str | None) -> Cause:
    try:
        return Cause(reason, requested_by)
    except ConfigError as error:
        words = re.sub(r"^(\w+)", lambda name: f"--{name[1].replace('_', '-')}", str(error))
        raise ConfigError(words) from error


def place_of(given: str | None) -> Place:
    """Where records are kept: what was given, else what the settings say, else a file in this user's state folder.

    Raises:
        ConfigError: that is no place.
    """
    if given is not None:
        # A password may stand in an address.
        named = shlex.quote(clean(given)) if not given.startswith(SERVERS) else f"{SERVERS[0]}…"
        return _place("--journal", given, again=f"--journal {named}")
    set_to = settings_now().values["journal.place"]
    if set_to.source != DEFAULT:
        text = set_to.value.reveal() if isinstance(set_to.value, Secret) else set_to.value
        return _place(set_to.where, text, again=_again(set_to.source))
    return Place(user_state_path("cancel-engine", appauthor=False) / "journal.db", "")


def _again(source: str) -> str:
    """How a command line says again what a setting says: by the file, if that was named on it."""
    context: click.Context | None = click.get_current_context()
    while context is not None and source == IN_FILE:
        if context.get_parameter_source("config") is ParameterSource.COMMANDLINE:
            return f"--config {shlex.quote(clean(str(settings_now().file)))}"
        context = context.parent
    return ""


def _place(what: str, text: str, *, again: str) -> Place:
    """The place that a text names; its words never show the text of an address."""
    if text.startswith(BY_NAME):
        name = text.removeprefix(BY_NAME)
        if not is_variable(name):
            raise ConfigError(f"{what}: what follows env: is no name of an environment variable (capitals, digits, underscores)")
        if name not in os.environ:
            raise ConfigError(f"{what}: the environment variable {name} is not set")
        text = os.environ[name]
        what = name
    if not text.strip():
        raise ConfigError(f"{what} is blank: name a file, or a database by postgresql://user@host/name")
    if text.startswith(SERVERS):
        return Place(Secret(text), again)
    scheme = _SCHEME.match(text)
    if scheme is not None:
        raise ConfigError(
            f"{what}: {clean(scheme[0])} begins no address that is known here: name a file, "
            "or a database by postgresql://user@host/name"
        )
    path = Path(text)
    with suppress(RuntimeError):  # nobody's home: then it is a name like any other
        path = path.expanduser()  # a variable, or --journal=~/…, comes here as it was written
    return Place(path, again)
