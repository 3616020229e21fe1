"""Scale: how wall time, CPU and memory grow with accounts and orders, under a virtual clock and over loopback.

Each size has a process of its own, so that its memory is counted from nothing. The venue's orders take a byte each; over loopback
they are in another process.

    python -m benchmarks.scale WHERE ACCOUNTS ORDERS

`BENCH_LARGEST` leaves out sizes of more orders than it says: a million over loopback takes a quarter of an hour.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.books import OpinionBook
from benchmarks.clients import Taken, Watch
from benchmarks.loops import new_fastest_loop
from benchmarks.memory import HOST, BookTransport
from benchmarks.rows import Row, exponent
from benchmarks.venue import running_venue
from engine import Account, CancelEngine
from engine.simulator import new_virtual_clock_loop
from engine.venues.base import Transport
from engine.venues.opinion import Opinion, OpinionKey

LATENCY_S = 0.03
LONGEST_S = 1_800.0
"""How long one size may take."""

SMALL, TRIES = 20_000, 3
"""Up to so many orders a size is tried so often, and its fastest try counts: a machine that is shared only ever takes more."""

FEWEST = 1_000
"""Orders from which on a size counts for the exponent: below, what a run costs by itself hides what an order costs."""

MOST_BYTES = 1.5 * 2**30
"""What a million orders in one run may take."""


def measure(*, is_full: bool) -> Iterator[Row]:
    """Rows of `scale`: sizes are (accounts, orders of each)."""
    largest = int(os.environ.get("BENCH_LARGEST", "1000000" if is_full else "10000"))
    accounts = [(number, 10) for number in (1, 10, 100, 1_000, 10_000, 100_000) if number * 10 <= largest]
    orders = [(100, number) for number in (1, 10, 100, 1_000, 10_000) if number * 100 <= largest]
    for where in ("virtual clock", "loopback"):
        for what, sizes in (("accounts", accounts), ("orders", orders)):
            yield from _growth(where, what, sizes)


def _growth(where: str, what: str, sizes: Sequence[tuple[int, int]]) -> Iterator[Row]:
    came = {size: _best_of(where, *size) for size in sizes}
    counted = {size: took for size, took in came.items() if size[0] * size[1] >= FEWEST}
    if len(counted) < 2:
        counted = dict(list(came.items())[-2:])
    totals = [accounts * orders for accounts, orders in counted]
    first, last = next(iter(came)), list(came)[-1]
    for cost, name in (("cpu_s", "CPU"), ("wall_s", "time"), ("grown", "memory")):
        if cost == "wall_s" and where == "virtual clock":
            continue  # its wall time is its CPU
        yield Row(
            group="scale",
            name=f"{name} by {what}, {where}",
            value=exponent(totals, [max(each[cost], 1.0 if cost == "grown" else 1e-9) for each in counted.values()]),
            unit="is the exponent of growth",
            most=1.05,
            figures={
                "from": f"{first[0]:,} x {first[1]:,}",
                "to": f"{last[0]:,} x {last[1]:,}",
                "exponent from orders": totals[0],
            },
            is_head=where == "virtual clock" and what == "orders",
        )
    for (accounts, orders), took in came.items():
        total = accounts * orders
        is_million = total >= 1_000_000
        yield Row(
            group="scale",
            name=f"{accounts:,} accounts of {orders:,} orders, {where}",
            value=1e6 * took["cpu_s"] / total,
            unit="µs of CPU for each order",
            figures={
                "wall s": round(took["wall_s"], 3),
                "CPU s": round(took["cpu_s"], 3),
                "peak bytes for each order": round(took["grown"] / total),
                "peak MiB of the process": round(took["peak"] / 2**20, 1),
            },
            note=("within" if took["peak"] <= MOST_BYTES else "NOT within") + " 1.5 GiB" if is_million else "",
        )


def _best_of(where: str, accounts: int, orders: int) -> dict[str, float]:
    """The try that took least CPU."""
    tries = TRIES if accounts * orders <= SMALL else 1
    return min((_in_a_process(where, accounts, orders) for _ in range(tries)), key=lambda took: took["cpu_s"])


def _in_a_process(where: str, accounts: int, orders: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.scale", where, str(accounts), str(orders)]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=LONGEST_S)  # noqa: S603  # our own
    figures: dict[str, float] = json.loads(ran.stdout)
    return figures


# --- one size


def forget_peak() -> int:
    """Let the kernel count the peak anew from here; what the process holds now, in bytes. Linux."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak()


def peak() -> int:
    """The most that the process has held since, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


async def _cancel(base_url: str, accounts: int, orders: int, transport: Transport | None) -> tuple[Taken, int]:
    """What cancelling all of it took, and by how many bytes the process grew at its peak."""
    crowd = [Account(f"a{number}", OpinionKey(f"k{number}")) for number in range(accounts)]
    before = forget_peak()
    watch = Watch()
    async with CancelEngine(Opinion(base_url, limits=None), transport=transport) as engine:
        report = await engine.mass_cancel(crowd)
    taken = watch.taken(accounts * orders)
    grown = peak() - before
    if report.cancelled != accounts * orders or not report.is_clean or report.unverified:
        raise SystemExit("not every fate is right; the figures mean nothing")
    return taken, grown


def main() -> None:
    """Measure one size and print."""
    where, accounts, orders = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if where == "loopback":
        with (
            running_venue("opinion", accounts=accounts, orders=orders) as venue,
            asyncio.Runner(loop_factory=new_fastest_loop) as runner,
        ):
            taken, grown = runner.run(_cancel(venue.base_url, accounts, orders, None))
            left = int(venue.count()["open"])
    else:
        book = OpinionBook(accounts, orders)
        with asyncio.Runner(loop_factory=new_virtual_clock_loop) as runner:
            taken, grown = runner.run(_cancel(HOST, accounts, orders, BookTransport(book, latency_s=LATENCY_S)))
        left = book.open
    if left:
        raise SystemExit(f"{left} orders are left open; the figures mean nothing")
    print(json.dumps({"wall_s": taken.wall_s, "cpu_s": taken.cpu_s, "grown": grown, "peak": peak()}))


if __name__ == "__main__":
    main()
