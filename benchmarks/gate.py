"""The gate against a slower engine, for `make check`: counts, which do not depend on how busy the machine is, and one wide ratio.

    python -m benchmarks.gate             compare with what was kept; exit code 1 if something has become dearer
    python -m benchmarks.gate --write     keep what is counted now, in benchmarks/budget.json

What one more order costs is the difference between a large run and a small one. Without a socket and under a virtual clock, the
calls of functions and the turns of the loop come out the same each time; over loopback, where aiohttp works too, nearly so. What
calls do not show, such as one that has become dear in itself, the ratio of CPU does: the engine's against a fixed piece of work,
each the fastest of some rounds that took turns.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.books import OpinionBook, PolymarketBook, opinion_id, polymarket_id
from benchmarks.clients import KEY
from benchmarks.memory import HOST, BookTransport
from benchmarks.venue import running_venue
from engine import Account, CancelEngine, Scope
from engine.simulator import new_virtual_clock_loop
from engine.venues.base import Transport, Venue
from engine.venues.opinion import Opinion, OpinionKey
from engine.venues.polymarket import Polymarket, PolymarketKey

PYTHON = ".".join(platform.python_version_tuple()[:2])
BUDGET = Path(__file__).with_name("budget.json")
OURS = str(Path(__file__).parent)

LATENCY_S = 0.03
FEW, MANY = 100, 300
ROUNDS = 7

EXACT, NEAR, WIDE = 1.03, 1.1, 1.75
"""What a figure may be of its budget: counted without a socket, counted over loopback, and a ratio of CPU."""

ELSEWHERE = 1.25
"""What a count may be under another Python than the budget's: the same code is other calls there."""

TIGHT = 0.85
"""Below this share of its budget a figure has left room for a regression that nobody would see."""

OPINION = Account("a0", OpinionKey(KEY))
POLYMARKET = Account("a0", PolymarketKey(f"0x{'1' * 40}", "k0", "c2VjcmV0", "passphrase"))


COUNTED = ("calls", "tasks", "turns of the loop")


@dataclass(frozen=True, slots=True)
class Counted:
    """What a piece of work took: calls of functions (those of the benchmarks left out), tasks, and turns of the loop."""

    calls: int
    tasks: int
    turns: int


Work = Callable[[int], Any]
"""Cancels so many orders: a coroutine function."""


def counted(work: Work, orders: int) -> Counted:
    """What cancelling so many orders takes under a virtual clock."""
    tasks = [0]
    loop = new_virtual_clock_loop()

    def new_task(in_loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        tasks[0] += 1
        return asyncio.Task(coro, loop=in_loop, **options)

    selector = loop._selector  # type: ignore[attr-defined]  # noqa: SLF001  # the virtual clock counts its turns for itself
    loop.set_task_factory(new_task)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        calls = _calls(lambda: runner.run(work(orders)))
    return Counted(calls, tasks[0], selector.turns)


def _calls(act: Callable[[], object]) -> int:
    gc.collect()
    profile = cProfile.Profile()
    profile.enable()
    try:
        act()
    finally:
        profile.disable()
    return sum(each.callcount for each in profile.getstats() if not _is_ours(each.code))


def _is_ours(code: Any) -> bool:
    return not isinstance(code, str) and str(code.co_filename).startswith(OURS)


def for_one_more(work: Work) -> dict[str, float]:
    """What one more order takes, by the difference of two runs."""
    counted(work, FEW)  # what the first engine of a process imports is no part of either
    few, many = counted(work, FEW), counted(work, MANY)
    more = MANY - FEW
    differences = (many.calls - few.calls, many.tasks - few.tasks, many.turns - few.turns)
    return {what: difference / more for what, difference in zip(COUNTED, differences, strict=True)}


# --- the work


def by_id(venue: Venue | None = None, *, in_flight: int = 64) -> Work:
    """Cancel known orders at Opinion, one request for each."""

    async def work(orders: int) -> None:
        transport = BookTransport(OpinionBook(1, orders), latency_s=LATENCY_S)
        async with CancelEngine(venue or Opinion(HOST, limits=None), transport=transport, in_flight=in_flight) as engine:
            summary = await engine.cancel_orders(OPINION, [opinion_id(0, number) for number in range(orders)])
        _require(summary.cancelled, orders)

    return work


async def by_page(orders: int) -> None:
    """Cancel what listings show at Opinion, and prove it gone."""
    transport = BookTransport(OpinionBook(1, orders), latency_s=LATENCY_S)
    async with CancelEngine(Opinion(HOST, limits=None), transport=transport) as engine:
        summary = await engine.cancel_all(OPINION)
    _require(summary.cancelled, orders)


async def together(orders: int) -> None:
    """Cancel known orders at Polymarket, all in one request."""
    transport = BookTransport(PolymarketBook(1, orders), latency_s=LATENCY_S)
    async with CancelEngine(Polymarket(HOST, limits=None), transport=transport) as engine:
        summary = await engine.cancel_orders(POLYMARKET, [polymarket_id(0, number) for number in range(orders)])
    _require(summary.cancelled, orders)


async def everything(orders: int) -> None:
    """Cancel what listings show at Polymarket, in large requests."""
    transport = BookTransport(PolymarketBook(1, orders), latency_s=LATENCY_S)
    async with CancelEngine(Polymarket(HOST, limits=None), transport=transport) as engine:
        summary = await engine.cancel_all(POLYMARKET, Scope(where=lambda _order: True))
    _require(summary.cancelled, orders)


async def accounts(orders: int) -> None:
    """Cancel one order of each of so many accounts at Opinion."""
    crowd = [Account(f"a{number}", OpinionKey(f"k{number}")) for number in range(orders)]
    transport = BookTransport(OpinionBook(orders, 1), latency_s=LATENCY_S)
    async with CancelEngine(Opinion(HOST, limits=None), transport=transport) as engine:
        report = await engine.mass_cancel(crowd)
    _require(report.cancelled, orders)


def _require(cancelled: int, orders: int) -> None:
    if cancelled != orders:
        raise SystemExit(f"{cancelled} of {orders} orders were cancelled; the counts mean nothing")


def single_calls() -> float:
    """Calls of one `cancel_order` on an engine that is warm."""

    async def work(calls: int) -> None:
        transport = BookTransport(OpinionBook(1, calls), latency_s=LATENCY_S)
        async with CancelEngine(Opinion(HOST, limits=None), transport=transport) as engine:
            for number in range(calls):
                result = await engine.cancel_order(OPINION, opinion_id(0, number))
                _require(result.success, 1)

    return (counted(work, 30).calls - counted(work, 10).calls) / 20


def loopback_calls() -> float:
    """Calls for one more cancel over HTTP, aiohttp's included."""

    async def work(base_url: str, orders: int, transport: Transport | None = None) -> None:
        async with CancelEngine(Opinion(base_url, limits=None), transport=transport, in_flight=8) as engine:
            summary = await engine.cancel_orders(OPINION, [opinion_id(0, number) for number in range(orders)])
        _require(summary.cancelled, orders)

    with running_venue("opinion", orders=MANY) as venue:
        taken: list[int] = []
        for orders in (FEW, MANY):
            venue.refill()
            taken.append(_calls(lambda orders=orders: asyncio.run(work(venue.base_url, orders))))  # type: ignore[misc]
    return (taken[1] - taken[0]) / (MANY - FEW)


# --- the ratio


def yardstick() -> None:
    """A fixed piece of work, of the kind that the engine does: JSON, dictionaries, small objects, awaiting nothing."""
    for number in range(6_000):
        value = json.loads(json.dumps({"orderId": opinion_id(0, number), "result": {"result": True}}))
        _ = {name: (name, number) for name in value}, sorted(value), str(number).encode().decode()


def cpu_ratio(work: Work) -> float:
    """CPU of cancelling so many orders, over that of the yardstick: each the least of rounds that took turns."""
    best: dict[str, float] = {}
    acts: dict[str, Callable[[], None]] = {"work": lambda: _run_virtually(work), "yardstick": yardstick}
    for _ in range(ROUNDS):
        for name, act in acts.items():
            gc.collect()
            began_s = time.process_time()
            act()
            best[name] = min(best.get(name, 1e9), time.process_time() - began_s)
    return best["work"] / best["yardstick"]


def _run_virtually(work: Work) -> None:
    with asyncio.Runner(loop_factory=new_virtual_clock_loop) as runner:
        runner.run(work(MANY))


# --- judging


def margins(names: Sequence[str], *, is_elsewhere: bool = False) -> dict[str, float]:
    """What each figure may be of its budget, by its name."""
    counts = {name: NEAR if "loopback" in name else EXACT for name in names}
    return {name: WIDE if "CPU" in name else ELSEWHERE if is_elsewhere else margin for name, margin in counts.items()}


def judged(found: Mapping[str, float], budget: Mapping[str, float], *, is_elsewhere: bool = False) -> tuple[bool, list[str]]:
    """Whether nothing is dearer than its budget allows, and a line for each figure; one without a budget is dearer than that.

    Args:
        found: What was counted.
        budget: What was kept.
        is_elsewhere: Whether it was kept under another Python.
    """
    allowed = margins(list(found), is_elsewhere=is_elsewhere)
    lines: list[str] = []
    is_good = True
    for name, figure in found.items():
        known = budget.get(name, 0.0)
        is_dearer = figure > known * allowed[name] + 0.02
        is_good &= not is_dearer
        word = "DEARER" if is_dearer else "loose " if figure < known * TIGHT else "ok    "
        lines.append(f"{word} {name}: {figure:.2f}, budget {known:.2f}, at most {allowed[name]:g} x")
    if any(line.startswith("loose") for line in lines):
        lines.append("something has become cheaper: keep it with `make budget`, or a regression has room to hide")
    return is_good, lines


WORKS: dict[str, Work] = {
    "a cancel by id": by_id(),
    "a cancel by id, one after another": by_id(in_flight=1),
    "a cancel of a listed order": by_page,
    "one id of a large request": together,
    "one listed order of a large request": everything,
    "an account with one order": accounts,
}

FIGURES: dict[str, Callable[[], float]] = {
    "a call of cancel_order: calls": single_calls,
    "a cancel by id over loopback: calls": loopback_calls,
    "a cancel by id: CPU of the yardstick's": lambda: cpu_ratio(by_id()),
    "one id of a large request: CPU of the yardstick's": lambda: cpu_ratio(together),
}


def measured() -> dict[str, float]:
    """Everything that has a budget."""
    found = {f"{name}: {what}": figure for name, work in WORKS.items() for what, figure in for_one_more(work).items()}
    return found | {name: measure() for name, measure in FIGURES.items()}


def main() -> None:
    """Judge, or keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help="keep what is counted now")
    chosen = parser.parse_args()
    found = measured()
    if chosen.write:
        figures = {name: round(figure, 3) for name, figure in found.items()}
        BUDGET.write_text(json.dumps({"python": PYTHON, "figures": figures}, indent=1) + "\n", "utf-8")
    budget = json.loads(BUDGET.read_text("utf-8"))
    is_good, lines = judged(found, budget["figures"], is_elsewhere=budget["python"] != PYTHON)
    print("\n".join(lines))
    if not is_good:
        print("the engine does more for an order than it did: mend that, or say with `make budget` that it is worth it")
        sys.exit(1)


if __name__ == "__main__":
    main()
