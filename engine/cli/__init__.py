"""The command line `cancel-engine`. Knows the front door; decides nothing about orders.

Exit codes: 0 nothing at risk and every listing complete; 1 something at risk, or a listing incomplete; 2 the request could not
be used; 130 interrupted at once.

A verb is imported when it is called, and what it needs with it: `--help` and a completion wait for nothing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

VERBS = {
    "demo": "See it work against simulated venues; needs no key.",
    "orders": "List the open orders in scope, or what a recorded run did with its orders.",
    "cancel": "Cancel known orders of one account.",
    "cancel-all": "Cancel every open order in scope, and prove it.",
    "resume": "Go on with a run that was cut off or stopped.",
    "runs": "List recorded runs; verify or delete their records.",
    "report": "Print the report of a recorded run again.",
    "config": "Show the settings that hold, check them, or write a file of them.",
    "keys": "Be handed an API key for a wallet.",
    "completion": "Print the script by which a shell completes commands.",
    "simulate": "Serve a simulated venue on this machine.",
    "drill": "Try to make the engine lie, in runs drawn from a seed; needs no key.",
}
"""Each verb, in the order of the help, with what it does. It is the function of its name in the module of its name."""

NAME = "cancel-engine"


class _Verbs(click.Group):
    """The verbs, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's own
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's own
        if cmd_name not in VERBS:
            return None
        name = cmd_name.replace("-", "_")
        verb: click.Command = getattr(importlib.import_module(f"engine.cli.{name}"), name)
        return verb

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's own
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


def _print_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001  # click's own order
    if not wanted or context.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  # see the top of the file

    try:
        click.echo(f"{NAME}, version {version(NAME)}")
    except PackageNotFoundError:
        click.echo(f"{NAME}, version (not installed)")
    context.exit()


@click.group(NAME, cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Show the version and exit."
)
def cli() -> None:
    """Take resting orders off prediction-market order books, and report the fate of every one.

    Try it without any key: cancel-engine demo

    \b
    Examples:
      cancel-engine demo
      cancel-engine cancel-all --accounts accounts.toml --dry-run
      cancel-engine runs

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
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # whatever went wrong, an operator gets one line and a true exit code
        from engine.cli.failing import explain  # noqa: PLC0415  # see the top of the file

        return explain(error)


def _accept_any_text() -> None:
    """No character of a venue's may break a terminal or a file that cannot show it."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
