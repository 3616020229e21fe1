"""Many accounts: how close to the shared limit, how fair, how little a large account disturbs, how it grows. Ratios of one run.

    python benchmarks/mass.py                    a small run of everything, under a minute
    python benchmarks/mass.py --full             1,000 accounts of 50 orders over HTTP, and up to 100,000 of 10 in memory

Over HTTP the simulator has a process of its own, as a venue has a machine of its own; in memory the clock is virtual, so that
what is measured is the engine's and the simulator's own work. Every load is bounded.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from engine import Account, CancelEngine, Limits, RunReport, Window
from engine.simulator import MemoryTransport, OpinionRules, OpinionSimulator, new_virtual_clock_loop, serve
from engine.simulator.ledger import RequestRecord
from engine.venues.opinion import Opinion, OpinionKey

LATENCY_S = 0.03
OWN = Window(15, 1.0)


def fairness(counts: Sequence[int]) -> float:
    """Jain's index: 1.0 where all have the same."""
    return sum(counts) ** 2 / (len(counts) * sum(count * count for count in counts))


# --- over HTTP


async def serve_crowd(sizes: Sequence[int]) -> None:
    """Serve accounts of these sizes; once stdin closes, print what the venue itself has counted."""
    simulator = OpinionSimulator(seed=1, rules=OpinionRules(latency_s=LATENCY_S))
    keys = [simulator.add_account(f"a{number}", orders=orders).api_key for number, orders in enumerate(sizes)]
    async with serve(simulator) as server:
        print(json.dumps({"base_url": server.base_url, "keys": keys}), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    ledger = simulator.ledger
    counted = {"requests": len(ledger.requests), "most": ledger.most_in_window(None, 1.0), "refused": ledger.refused_for_pace()}
    print(json.dumps(counted | {"open": len(ledger.open_ids())}))


async def cancel_crowd(sizes: Sequence[int], per_s: int) -> tuple[RunReport, dict[str, int]]:
    """Cancel everything of such a crowd over HTTP, so many requests a second at the most; the report and the venue's count."""
    command = [sys.executable, __file__, "--serve", json.dumps(list(sizes))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as venue:  # noqa: ASYNC220, S603
        if venue.stdin is None or venue.stdout is None:
            raise SystemExit("no pipes")
        scene = json.loads(venue.stdout.readline())
        accounts = [Account(f"a{number}", OpinionKey(key)) for number, key in enumerate(scene["keys"])]
        limits = Limits(per_account=(OWN,), per_venue=(Window(per_s, 1.0),))
        async with CancelEngine(Opinion(scene["base_url"], limits=limits)) as engine:
            report = await engine.mass_cancel(accounts)
        venue.stdin.close()
        counted = json.loads(venue.stdout.read())
    if not report.is_clean or counted["open"]:
        raise SystemExit("the run did not end clean; the figures mean nothing")
    return report, counted


def at_half_time(report: RunReport) -> list[int]:
    """Cancels that each account had when half of the time was over."""
    half_s = (report.last_settled_s or 0.0) / 2
    counts = Counter(result.account for result in report.results if (result.settled_s or 0.0) <= half_s)
    return [counts[name] for name in report.accounts]


async def measure_http(accounts: int, orders: int, per_s: int) -> None:
    """Equal accounts under a limit that they share, then the same beside a large one."""
    report, counted = await cancel_crowd([orders] * accounts, per_s)
    least_s = counted["requests"] / per_s
    print(
        f"shared limit: {least_s / report.elapsed_s:.3f} of it ({accounts:,} accounts of {orders} orders over HTTP, {per_s} "
        f"requests a second: {counted['requests']:,} requests, least {least_s:.1f} s, taken {report.elapsed_s:.1f} s; "
        f"the venue counted {counted['most']} in its fullest second and refused {counted['refused']})"
    )
    print(f"fairness: {fairness(at_half_time(report)):.4f} (Jain's index of cancels done at half time)")
    few = max(10, accounts // 2)
    alone, _ = await cancel_crowd([10] * (few + 1), per_s)
    beside, _ = await cancel_crowd([10 * few, *[10] * few], per_s)
    small_s = max(summary.elapsed_s for name, summary in beside.accounts.items() if name != "a0")
    print(
        f"beside a large one: {small_s / alone.elapsed_s:.3f} times as long ({few} accounts of 10 orders beside one of "
        f"{10 * few}: {small_s:.1f} s; with one more of their own size instead: {alone.elapsed_s:.1f} s)"
    )


# --- in memory, under a virtual clock


def forget_peak() -> int:
    """Let the kernel count the peak anew from here; what the process holds now, in bytes. Linux."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak()


def peak() -> int:
    """The most that the process has held since, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


class Forgotten(list[RequestRecord]):
    """A list that keeps nothing."""

    def append(self, _record: RequestRecord) -> None:
        """Forget it."""


async def cancel_in_memory(accounts: int, orders: int) -> dict[str, float]:
    """Cancel so many orders of so many accounts; seconds of real time, and memory in bytes beyond what the venue itself takes."""
    simulator = OpinionSimulator(seed=1, rules=OpinionRules(latency_s=LATENCY_S))
    simulator.ledger.requests = Forgotten()  # a record of every request would be counted as ours
    keys = [simulator.add_account(f"a{number}", orders=orders).api_key for number in range(accounts)]
    crowd = [Account(f"a{number}", OpinionKey(key)) for number, key in enumerate(keys)]
    before = forget_peak()
    began_s = time.perf_counter()
    async with CancelEngine(Opinion("http://127.0.0.1:9"), transport=MemoryTransport(simulator)) as engine:
        report = await engine.mass_cancel(crowd)
    took_s = time.perf_counter() - began_s
    grown = peak() - before
    if report.cancelled != accounts * orders or not report.is_clean or simulator.ledger.open_ids():
        raise SystemExit("not every fate is right; the figures mean nothing")
    return {"took_s": took_s, "grown": grown}


async def cancel_plainly(accounts: int, orders: int) -> dict[str, float]:
    """What the simulated venue itself takes: every order cancelled at its book, no engine involved."""
    simulator = OpinionSimulator(seed=1, rules=OpinionRules(latency_s=LATENCY_S))
    for number in range(accounts):
        simulator.add_account(f"a{number}", orders=orders)
    before = forget_peak()
    for order_id in simulator.ledger.open_ids():
        simulator.cancel_elsewhere(order_id)
    return {"took_s": 0.0, "grown": peak() - before}


def in_a_process(what: str, accounts: int, orders: int) -> dict[str, float]:
    """The figures of one size, from a process of its own, so that memory is counted from nothing."""
    command = [sys.executable, __file__, what, str(accounts), str(orders)]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603  # this very file
    figures: dict[str, float] = json.loads(ran.stdout)
    return figures


def measure_growth(sizes: Sequence[int], orders: int) -> None:
    """The same work for ever more accounts: time and memory for each order."""
    first: float | None = None
    for accounts in sizes:
        ran, venue = in_a_process("--memory", accounts, orders), in_a_process("--plain", accounts, orders)
        each_s = ran["took_s"] / (accounts * orders)
        first = first or each_s
        memory = (ran["grown"] - venue["grown"]) / (accounts * orders)
        print(
            f"growth: {each_s / first:.2f} times the time for each order, {memory:,.0f} bytes at the most for each "
            f"({accounts:,} accounts of {orders} orders in memory: {ran['took_s']:.1f} s)"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the large run: about a quarter of an hour")
    parser.add_argument("--serve", metavar="SIZES", help=argparse.SUPPRESS)
    parser.add_argument("--memory", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--plain", nargs=2, type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        asyncio.run(serve_crowd(json.loads(chosen.serve)))
    elif chosen.memory or chosen.plain:
        work = cancel_in_memory(*chosen.memory) if chosen.memory else cancel_plainly(*chosen.plain)
        with asyncio.Runner(loop_factory=new_virtual_clock_loop) as runner:
            print(json.dumps(runner.run(work)))
    else:
        asyncio.run(measure_http(1_000, 50, 300) if chosen.full else measure_http(60, 20, 100))
        measure_growth((1_000, 10_000, 100_000) if chosen.full else (300, 3_000), 10)


if __name__ == "__main__":
    main()
