"""What is said of an error that ended a command: one line on stderr, and a true exit code."""

from __future__ import annotations

import logging
from contextlib import suppress

import click

from engine.cli.output import UNUSABLE, clean, the_one
from engine.cli.signals import INTERRUPTED
from engine.errors import ConfigError

NAME = "cancel-engine"
BROKEN = 1
"""Exit code where the run itself broke: what was cancelled by then is not known, so something is at risk."""


def explain(error: BaseException) -> int:
    """Say what went wrong; give back the exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return UNUSABLE
    if isinstance(error, click.ClickException):
        return _fail(f"{error.format_message()}{_where_to_read(error)}", UNUSABLE)
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return _fail("interrupted", INTERRUPTED)
    return explain_run(error)


def explain_run(error: BaseException) -> int:
    """The same for an error that came out of the run."""
    error = the_one(error)
    if isinstance(error, ConfigError):
        return _fail(str(error), UNUSABLE)
    logging.getLogger("engine").debug("internal error", exc_info=error)
    words = f"internal error: {type(error).__name__}: {str(error)[:200]}"
    return _fail(f"{words}; orders may still be live, so look with `{NAME} orders`", BROKEN)


def _where_to_read(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return "" if context is None else f" (see {context.command_path} --help)"


def _fail(words: str, code: int) -> int:
    with suppress(OSError):  # where nobody listens, the exit code still says it
        click.echo(f"{NAME}: {clean(words)}", err=True)
    return code
