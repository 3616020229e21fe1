"""What every verb prints with: consoles, one JSON document, and words that cannot steer a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from engine.core.plain import plain
from engine.core.words import clean, counted, in_seconds, short_id

__all__ = [
    "AT_RISK",
    "CLEAN",
    "UNUSABLE",
    "can_ask",
    "clean",
    "counted",
    "in_seconds",
    "is_screen",
    "print_json",
    "print_sentence",
    "remark",
    "short_id",
    "stderr_console",
    "stdout_console",
    "the_one",
]

CLEAN = 0
AT_RISK = 1
UNUSABLE = 2


class _Console(Console):
    """A console that says so when nobody reads it, instead of ending the process in the middle of a run."""

    def on_broken_pipe(self) -> None:
        """Let the error of the write that failed out; there is one, since this is called for it alone."""
        raise  # noqa: PLE0704  # see above


def stdout_console() -> Console:
    """Where results go."""
    return _Console(highlight=False, markup=False, emoji=False)


@cache
def stderr_console() -> Console:
    """Where progress, questions and events go: one console, so that lines do not run into a live display."""
    return _Console(stderr=True, highlight=False, markup=False, emoji=False)


def can_ask() -> bool:
    """Whether somebody sits at a terminal who can be asked, on stderr, so that stdout stays clean."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def is_screen(console: Console) -> bool:
    """Whether somebody looks at a terminal that can redraw itself; forced colours in a file do not make it one."""
    return console.file.isatty() and not console.is_dumb_terminal


def the_one(error: BaseException) -> BaseException:
    """The error itself; a group with one member stands for that member."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def print_sentence(console: Console, sentence: str, *, style: str = "") -> None:
    """Print one sentence: wrapped at words on a terminal, on one line elsewhere."""
    console.print(Text(clean(sentence), style=style), soft_wrap=not console.is_terminal)


def remark(sentence: str, *, style: str = "") -> None:
    """Say something on stderr that must cost nothing where nobody listens."""
    with suppress(OSError):
        print_sentence(stderr_console(), sentence, style=style)


def print_json(document: Mapping[str, Any], *, indent: int | None = 2) -> None:
    """Print the document, in ASCII, as the one thing on stdout."""
    click.echo(json.dumps(plain(document), indent=indent, allow_nan=False))
    sys.stdout.flush()
