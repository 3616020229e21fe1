"""`cancel-engine simulate`: a simulated venue on this machine, until it is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from engine.cli.accounts import json_option, venues_begun
from engine.config import VENUES


@click.command("simulate", short_help="Serve a simulated venue on this machine.")
@click.option(
    "--venue", metavar="|".join(VENUES), default="opinion", show_default=True, shell_complete=venues_begun, help="Which venue."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="Port on 127.0.0.1; 0 takes a free one."
)
@click.option("--accounts", metavar="N", type=click.IntRange(1, 10_000), default=1, show_default=True, help="How many accounts.")
@click.option(
    "--orders", metavar="M", type=click.IntRange(0, 100_000), default=20, show_default=True, help="Open orders of each account."
)
@click.option(
    "--fault", "faults", metavar="NAME[:SHARE]", multiple=True, help="Let this go wrong, always or in a share of requests."
)
@click.option(
    "--latency", "latency_ms", metavar="MS", type=click.FloatRange(0, 60_000), default=0.0, help="Think time of each request."
)
@click.option("--no-limits", is_flag=True, help="Lift what the venue allows: Opinion's rate, Polymarket's tokens.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides keys, orders and faults.")
@click.option(
    "--accounts-file",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Write an accounts file, readable by its owner alone.",
)
@json_option
def simulate(*, accounts_file: Path | None, as_json: bool, **scene: Any) -> int:
    """Serve a simulated venue on 127.0.0.1 until Ctrl-C or SIGTERM, then exit with 0.

    With the venue's real limits and no faults unless asked for. With --json, one line says where it answers and the keys of
    its accounts, once it does.

    \b
    Examples:
      cancel-engine simulate --accounts 3 --orders 50 --accounts-file simulated.toml
      cancel-engine simulate --venue polymarket --accounts 2 --orders 300
      cancel-engine simulate --port 0 --json --fault hang_after:0.05 --fault html_502:0.1 --latency 50
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    from engine.cli.simulation import serve_until_stopped  # noqa: PLC0415  # the simulator is loaded by those alone who ask for it

    return serve_until_stopped(accounts_file=accounts_file, as_json=as_json, **scene)
