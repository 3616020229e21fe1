"""What `drill` does once it is asked to. Loads the simulator."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from engine.cli.output import (
    AT_RISK,
    CLEAN,
    clean,
    counted,
    in_seconds,
    is_screen,
    print_json,
    print_sentence,
    stderr_console,
    stdout_console,
)
from engine.drill import Performance, Scene, Selection, draw, perform
from engine.drill.laws import LAWS
from engine.drill.soaking import Failure, Tally, explain, soak
from engine.errors import ConfigError

NOTE_EVERY_S = 1.0
"""Between two words on how far it is, on a terminal; elsewhere there are none."""


def drill_one(seed: int, select: str, *, trace: Path | None, as_json: bool, play: Callable[..., Performance] = perform) -> int:
    """Play one drill, or a part of it, and say what came of it.

    Raises:
        ConfigError: the selection is none, or the trace cannot be written.
    """
    selection = Selection.parse(select)
    performance = play(seed, selection, with_trace=True)
    if trace is not None:
        try:
            trace.write_bytes(performance.trace)
        except OSError as error:
            raise ConfigError(f"the trace cannot be written to {trace}: {error.strerror}") from error
    failure = explain(performance) if performance.broken else None
    if as_json:
        print_json(
            {
                "seed": seed,
                "select": select,
                "broken": performance.broken,
                "smallest": None if failure is None else failure.smallest,
                "requests": performance.requests,
                "orders": performance.orders,
                "simulated_s": round(performance.simulated_s, 3),
                "trace_digest": performance.digest,
            }
        )
    else:
        console = stdout_console()
        _describe(console, selection.of(draw(seed)))
        print_sentence(
            console,
            f"{counted(performance.requests, 'request')} in {in_seconds(performance.simulated_s)} of the simulated clock; "
            f"{counted(performance.orders, 'order')} reported; trace {performance.digest}.",
        )
        if failure is None:
            print_sentence(console, f"All {len(LAWS)} laws hold.")
        else:
            _print_failure(console, failure)
    return AT_RISK if failure else CLEAN


def drill_many(seed: int, runs: int, *, jobs: int, resume: Path | None, as_json: bool, plays: Callable[..., Tally] = soak) -> int:
    """Play many drills in several processes, and say what came of them.

    Raises:
        ConfigError: the count cannot be kept in the file, or belongs to something else.
    """
    began_s, noted_s = time.monotonic(), -NOTE_EVERY_S
    console = stderr_console()
    done_before: int | None = None

    def note(tally: Tally) -> None:
        nonlocal noted_s, done_before
        done_before = tally.runs if done_before is None else done_before
        if is_screen(console) and time.monotonic() - noted_s >= NOTE_EVERY_S:
            noted_s = time.monotonic()
            console.print(Text(f"{tally.runs:,} of {runs:,} drills, {len(tally.failures)} failed"), end="\r")

    tally = plays(seed, runs, jobs=jobs, state=resume, note=note)
    wall_s = time.monotonic() - began_s
    if is_screen(console):
        console.print(" " * 60, end="\r")
    if as_json:
        print_json({"seed": seed, "runs": runs, "wall_s": round(wall_s, 3), **tally.to_dict()})
    else:
        _print_tally(stdout_console(), tally, wall_s, played=tally.runs - (done_before or 0))
    return AT_RISK if tally.failures else CLEAN


def _describe(console: Console, scene: Scene) -> None:
    """One line for every part of the scene, with the place by which a selection names it."""
    for venue in scene.venues:
        print_sentence(console, f"venue {venue.name}: {_pairs(venue.rules)}")
    for title, parts in (("account", scene.accounts), ("fault", scene.faults), ("event", scene.events), ("call", scene.calls)):
        for place, part in enumerate(parts):
            print_sentence(console, f"{title} {place}: {_pairs(_fields(part))}")


def _fields(part: object) -> dict[str, object]:
    return {name: getattr(part, name) for name in getattr(part, "__slots__", ())}


def _pairs(values: Mapping[str, object]) -> str:
    """Names and values that say something."""
    said = {name: value for name, value in values.items() if value not in (None, (), {}, False)}
    return ", ".join(f"{name}={value}" for name, value in said.items()) or "as published"


def _print_failure(console: Console, failure: Failure) -> None:
    for line in failure.broken:
        console.print(Text(f"BROKEN  {clean(line)}", style="bold red"), soft_wrap=True)
    console.print(Text(f"  plays it again:  {failure.line}"), soft_wrap=True)
    if failure.smallest != failure.line:
        console.print(Text(f"  the smallest:    {failure.smallest}"), soft_wrap=True)
        for line in failure.still_broken:
            console.print(Text(f"                   {clean(line)}"), soft_wrap=True)


def _print_tally(console: Console, tally: Tally, wall_s: float, *, played: int) -> None:
    for failure in tally.failures:
        _print_failure(console, failure)
    pace = "" if not tally.work_s else f", {tally.requests / tally.work_s:,.0f} simulated requests a second in each process"
    resumed = "" if played == tally.runs else f" ({played:,} of them now)"
    print_sentence(
        console,
        f"{counted(tally.runs, 'drill')}{resumed}: {counted(tally.requests, 'request')} and {counted(tally.orders, 'order')}, "
        f"{tally.simulated_s / 3600:,.1f} hours of the simulated clock in {in_seconds(wall_s)}{pace}.",
    )
    if tally.failures:
        print_sentence(console, f"{counted(len(tally.failures), 'drill')} broke a law.")
    else:
        print_sentence(console, f"No law was broken; there are {len(LAWS)}: {', '.join(LAWS)}.")
