"""The command line `cancel-engine`. Knows the front door; decides nothing about orders.

Exit codes: 0 nothing at risk and every listing complete; 1 something at risk, or a listing incomplete; 2 the request could not
be used; 130 interrupted at once.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

import click

from engine.cli.cancel import cancel
from engine.cli.cancel_all import cancel_all
from engine.cli.demo import demo
from engine.cli.drill import drill
from engine.cli.keys import keys
from engine.cli.orders import orders
from engine.cli.output import UNUSABLE, clean, the_one
from engine.cli.report import report
from engine.cli.resume import resume
from engine.cli.runs import runs
from engine.cli.signals import INTERRUPTED
from engine.cli.simulate import simulate
from engine.errors import ConfigError

VERBS = (demo, orders, cancel, cancel_all, resume, runs, report, keys, simulate, drill)
NAME = "cancel-engine"
BROKEN = 1
"""Exit code where the run itself broke: what was cancelled by then is not known, so something is at risk."""


def _version() -> str:
    try:
        return version(NAME)
    except PackageNotFoundError:
        return "(not installed)"


@click.group(NAME, commands={verb.name or "": verb for verb in VERBS}, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name=NAME)
def cli() -> None:
    """Take resting orders off prediction-market order books, and report the fate of every one.

    Try it without any key: cancel-engine demo

    \b
    Exit codes: 0    nothing at risk, and every listing complete
                1    something may still be live, or a listing is incomplete
                2    the request could not be used; nothing was sent
                130  interrupted twice, or before anything began
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give back its exit code. Every error is one line on stderr."""
    _accept_any_text()
    try:
        # A verb hands its exit code back; help and version hand back nothing.
        return cli.main(args=None if arguments is None else list(arguments), prog_name=NAME, standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return UNUSABLE
    except click.ClickException as error:
        return _fail(f"{error.format_message()}{_where_to_read(error)}", UNUSABLE)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", INTERRUPTED)
    except Exception as error:  # noqa: BLE001  # whatever went wrong, an operator gets one line and a true exit code
        return _explain(error)


def _where_to_read(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return "" if context is None else f" (see {context.command_path} --help)"


def _explain(error: BaseException) -> int:
    """One line for an error that came out of the run."""
    error = the_one(error)
    if isinstance(error, ConfigError):
        return _fail(str(error), UNUSABLE)
    logging.getLogger("engine").debug("internal error", exc_info=error)
    words = f"internal error: {type(error).__name__}: {str(error)[:200]}"
    return _fail(f"{words}; orders may still be live, so look with `{NAME} orders`", BROKEN)


def _fail(words: str, code: int) -> int:
    with suppress(OSError):  # where nobody listens, the exit code still says it
        click.echo(f"{NAME}: {clean(words)}", err=True)
    return code


def _accept_any_text() -> None:
    """No character of a venue's may break a terminal or a file that cannot show it."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
