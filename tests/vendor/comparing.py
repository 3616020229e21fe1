"""Plays one script on an official client, in a process of its own, and on ours; for the comparison of what comes back.

A script is a list of calls, the same for both. `#0` in an argument is the id of the first order on the book, `#*` the list of
all. What comes back is made plain: the value, or the error with its status. Two things are left out: the words of errors, and the
order of the results of a cancel-all.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine import Retry
from engine.compat.opinion_shapes import plain

PATIENCE_S = 120
"""Longest time for one call of an official client."""

QUICK = Retry(
    cancels=2,
    reads=2,
    listings=2,
    sweeps=1,
    sweep_cancels=1,
    first_wait_s=0.01,
    longest_wait_s=0.01,
    longest_hold_s=0.1,
    holds=1,
    longest_outage_s=0.5,
)
"""Tries again as the engine always does, without the pauses that a real venue deserves."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A scene, a script for it, and what is to come back.

    Attributes:
        name: Of the test.
        call: A method and its arguments: one call, or the last of several.
        before: Calls that come first; what they bring is not compared.
        orders: On the book.
        faults: Names of the simulator's faults, or rules.
        rules: The simulator's.
        prepare: What happens to the book first.
        differs: Name of the row of the table that tells the difference; None where there is none.
        theirs: What the official client says, where it differs.
        ours: What ours says, where it differs.
        left: How many orders are open after ours.
        is_false: Whether the official client leaves orders open that it calls cancelled, or does not tell of.
        view: What of the outcome is looked at, where it differs.
    """

    name: str
    call: tuple[Any, ...]
    before: tuple[tuple[Any, ...], ...] = ()
    orders: int = 5
    faults: tuple[Any, ...] = ()
    rules: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[Any], object] | None = None
    differs: str | None = None
    theirs: Any = None
    ours: Any = None
    left: int | None = None
    is_false: bool = False
    view: Callable[[Any], Any] | None = None


@contextmanager
def driver(python: Path, script: Path) -> Iterator[subprocess.Popen[str]]:
    """The official clients' process, started once: their imports take seconds."""
    process = subprocess.Popen(
        [python, "-I", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={"NO_PROXY": "*"},
    )
    with process:
        yield process
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


async def asked(process: subprocess.Popen[str], call: Mapping[str, Any]) -> dict[str, Any]:
    """What an official client makes of the call."""
    too_long = asyncio.get_running_loop().call_later(PATIENCE_S, process.kill)

    def exchange() -> str:
        print(json.dumps(call), file=process.stdin, flush=True)
        return process.stdout.readline()

    try:
        came: dict[str, Any] = json.loads(await asyncio.to_thread(exchange))
    finally:
        too_long.cancel()
    return came


async def outcome_of(call: Callable[[], Any]) -> dict[str, Any]:
    """What ours makes of a call, in the form of a driver's answer; `kinds` names the error's class and all above it."""

    def run() -> dict[str, Any]:
        try:
            return {"result": json.loads(json.dumps(call(), default=plain))}
        except Exception as error:  # noqa: BLE001  # whatever it raises is the result
            status = getattr(error, "status", None) or getattr(error, "status_code", None)
            return {"error": type(error).__name__, "kinds": [kind.__name__ for kind in type(error).__mro__], "status": status}

    return await asyncio.to_thread(run)


def filled_in(value: Any, order_ids: list[str]) -> Any:
    """The argument with ids in the places of `#0` and the like."""
    if isinstance(value, list):
        return [filled_in(each, order_ids) for each in value]
    if value == "#*":
        return list(order_ids)
    if isinstance(value, str) and value.startswith("#"):
        return order_ids[int(value[1:])]
    return value


def without_words(outcome: Mapping[str, Any]) -> Any:
    """The outcome without the words of its errors."""
    if "error" in outcome:
        return {"error": outcome["error"], "status": outcome["status"]}
    return _without_error_words(outcome["result"])


def _without_error_words(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_error_words(each) for each in value]
    if isinstance(value, dict):
        plain_one = {name: "..." if name == "error" else _without_error_words(each) for name, each in value.items()}
        if "total_orders" in plain_one:  # a cancel-all, whose results come in the order in which orders were found
            found = sorted(plain_one["results"], key=lambda item: str(item["order_id"]))
            plain_one["results"] = [{**item, "index": place} for place, item in enumerate(found)]
        return plain_one
    return value


def same(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    """Whether the same came back: equal values, or an error that a handler for theirs catches, with the same status if any."""
    if "error" in theirs and "error" in ours:
        return theirs["error"] in ours["kinds"] and theirs["status"] in (None, ours["status"])
    return without_words(theirs) == without_words(ours)
