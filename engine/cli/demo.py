"""`cancel-engine demo`: the whole thing without a key, against simulated venues that misbehave."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli.accounts import json_option, log_option


@click.command("demo", short_help="See it work against simulated venues; needs no key.")
@click.option("--seed", type=int, help="Another seed gives other orders and other faults; the same one gives the same.")
@click.option(
    "--config", metavar="FILE", type=click.Path(path_type=Path), help="TOML file of accounts and faults; see configs/demo.toml."
)
@json_option
@log_option
def demo(*, seed: int | None, config: Path | None, as_json: bool) -> int:
    """Cancel at a simulated Opinion and a simulated Polymarket, then hold the reports against the truth.

    Starts both simulators on free ports of this machine with a few accounts each, the venues' real limits and a number of
    faults, such as a key that dies on the way and a venue that restarts. Exit code 0 says that the reports agree with the
    simulators' ledgers in every order, also where orders are left at risk; 1 says that they do not.

    \b
    Examples:
      cancel-engine demo
      cancel-engine demo --seed 7 --json
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    from engine.cli.demonstration import demonstrate  # noqa: PLC0415  # the simulator is loaded by those alone who ask for it

    return demonstrate(config, seed=seed, as_json=as_json)
