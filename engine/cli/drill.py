"""`cancel-engine drill`: whole runs drawn from a seed, against venues that lie, judged by the venues' own ledgers."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli.accounts import json_option


@click.command("drill", short_help="Try to make the engine lie, in runs drawn from a seed; needs no key.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The first seed.")
@click.option("--runs", metavar="M", type=click.IntRange(1), default=1, show_default=True, help="How many seeds from there on.")
@click.option("--jobs", metavar="N", type=click.IntRange(1, 64), default=2, show_default=True, help="In how many processes.")
@click.option(
    "--resume",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep the count in FILE, and go on where it stopped.",
)
@click.option("--select", metavar="PARTS", default="", help="Play only these parts of a drill, as a line that it printed says.")
@click.option(
    "--trace",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write everything that happened in one drill to FILE, as lines of JSON.",
)
@json_option
def drill(*, seed: int, runs: int, jobs: int, resume: Path | None, select: str, trace: Path | None, as_json: bool) -> int:
    """Try to make the engine lie, and hold its reports against the venues' ledgers.

    A seed draws venues, accounts, orders, scopes, faults, and what happens meanwhile. The run goes through the real codecs,
    signatures, limits and retries under a clock that jumps, so that an hour takes a moment. The same seed plays the same run.
    Exit code 0 says that no law was broken, 1 that one was; then a line is printed that plays it again, and the smallest part
    of it that still breaks it.

    \b
    Examples:
      cancel-engine drill --seed 7
      cancel-engine drill --runs 2000
      cancel-engine drill --runs 100000 --resume soak.json
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    from engine.cli.drilling import drill_many, drill_one  # noqa: PLC0415  # the simulator is loaded by those alone who ask for it

    if runs == 1 and resume is None:
        return drill_one(seed, select, trace=trace, as_json=as_json)
    if select or trace is not None:
        raise click.UsageError("--select and --trace are for one drill: leave out --runs and --resume")
    return drill_many(seed, runs, jobs=jobs, resume=resume, as_json=as_json)
