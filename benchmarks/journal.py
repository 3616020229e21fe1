"""What writing a run down costs: throughput and the first cancel with a journal and without, recording alone, bytes on disk.

    python benchmarks/journal.py            a small run of everything, about a minute
    python benchmarks/journal.py --full     the sizes that the figures in the documentation are of

Runs with and without a journal take turns, and what counts is the median ratio of such pairs. Over HTTP the simulator has a
process of its own; there is no limit and no latency, so that nothing hides the work. Every load is bounded.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine import Account, CancelEngine, OpenOrder, RunReport, Scope
from engine.core.outcome import Outcome, Verdict, Word
from engine.core.quota import Kind
from engine.core.slots import Slots
from engine.journal import Journal
from engine.log import new_log
from engine.recording import RunRecorder
from engine.secret import Secret
from engine.simulator import MemoryTransport, OpinionRules, OpinionSimulator, SimulatedVenue, serve
from engine.simulator.polymarket import PolymarketRules, PolymarketSimulator
from engine.venues.base import Transport
from engine.venues.opinion import Opinion, OpinionKey
from engine.venues.polymarket import Polymarket, PolymarketKey

ACCOUNTS = 8
NOWHERE = "http://127.0.0.1:9"


def new_simulator(venue: str, orders: int) -> SimulatedVenue:
    """A venue without limits, and accounts that have so many orders together."""
    simulator: SimulatedVenue
    if venue == "polymarket":
        rules = PolymarketRules(epoch_s=time.time(), buckets="off", delays=False, timestamp_window_s=None)
        simulator = PolymarketSimulator(seed=1, rules=rules)
    else:
        simulator = OpinionSimulator(seed=1, rules=OpinionRules(quota=None))
    for number in range(ACCOUNTS):
        simulator.add_account(f"a{number}", orders=orders // ACCOUNTS)  # type: ignore[attr-defined]
    return simulator


def keys_of(simulator: SimulatedVenue) -> list[list[str]]:
    """What opens the accounts."""
    if isinstance(simulator, PolymarketSimulator):
        known = [simulator.account(name) for name in simulator.account_names]
        return [[each.address, each.api_key, each.secret, each.passphrase] for each in known]
    return [[simulator.account(name).api_key] for name in simulator.account_names]  # type: ignore[attr-defined]


async def serve_venue(venue: str, orders: int) -> None:
    """Serve it until stdin closes."""
    simulator = new_simulator(venue, orders)
    async with serve(simulator) as server:
        print(json.dumps({"base_url": server.base_url, "keys": keys_of(simulator)}), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def cancel(
    venue: str,
    base_url: str,
    keys: Sequence[Sequence[str]],
    *,
    journal: Path | None,
    transport: Transport | None = None,
    in_flight: int = 64,
) -> RunReport:
    """Cancel everything, by id, written down in this file or nowhere."""
    kind, ours = (PolymarketKey, Polymarket) if venue == "polymarket" else (OpinionKey, Opinion)
    accounts = [Account(f"a{number}", kind(*key)) for number, key in enumerate(keys)]
    opened = None if journal is None else Journal.open(journal)
    async with CancelEngine(
        ours(base_url, limits=None), transport=transport, journal=opened, in_flight=in_flight, in_flight_in_all=4 * in_flight
    ) as engine:
        report = await engine.mass_cancel(accounts, Scope(where=lambda _order: True))
    if not report.is_clean or report.cancelled != report.total or report.unrecorded:
        raise SystemExit("the run did not end clean; the figures mean nothing")
    return report


def cancel_over_http(venue: str, orders: int, journal: Path | None) -> RunReport:
    """The same against a simulator in a process of its own."""
    command = [sys.executable, __file__, "--serve", venue, str(orders)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603  # this very file
        if server.stdin is None or server.stdout is None:
            raise SystemExit("no pipes")
        scene = json.loads(server.stdout.readline())
        report = asyncio.run(cancel(venue, scene["base_url"], scene["keys"], journal=journal))
        server.stdin.close()
    return report


def cancel_in_memory(venue: str, orders: int, journal: Path | None, *, in_flight: int = 64) -> RunReport:
    """The same without a socket: what is left is the engine's own work, and the simulator's."""
    simulator = new_simulator(venue, orders)
    transport = MemoryTransport(simulator)
    return asyncio.run(cancel(venue, NOWHERE, keys_of(simulator), journal=journal, transport=transport, in_flight=in_flight))


def measure_pairs(what: str, run: Callable[[Path | None], RunReport], pairs: int, folder: Path) -> None:
    """Throughput and the first cancel, with a journal against without."""
    ratios, firsts, lates = [], [], []
    for number in range(pairs):
        turns = {"off": None, "on": folder / f"{number}.db"}
        reports = {name: run(turns[name]) for name in (["off", "on"] if number % 2 else ["on", "off"])}
        ratios.append(reports["off"].elapsed_s / reports["on"].elapsed_s)
        firsts.append(first := reports["off"].first_cancel_s or 0.0)
        lates.append((reports["on"].first_cancel_s or 0.0) - first)
    off = reports["off"]
    print(
        f"{what}: {statistics.median(ratios):.2f} of the throughput without a journal ({pairs} pairs of {off.total:,} orders, "
        f"{min(ratios):.2f} to {max(ratios):.2f}; without, {off.total / off.elapsed_s:,.0f} orders a second); the first cancel "
        f"{1000 * statistics.median(lates):.1f} ms later than after {1000 * statistics.median(firsts):.1f} ms"
    )


# --- recording alone


async def record(where: Any, outcomes: int) -> float:
    """Seconds that it takes to write so many outcomes down, in requests of 1,000 orders, and to have all of it on disk."""
    with Journal.open(where) as journal:
        recorder = RunRecorder(journal, f"bench-{time.time_ns()}", start_s=asyncio.get_running_loop().time(), log=new_log())
        began_s = time.perf_counter()
        recorder.begins({"run_id": recorder.run_id})
        recorder.adds("a0", "polymarket", "")
        await recorder.open(round(time.time() * 1000))
        record = recorder.of("a0", None)
        slots = Slots(witness=record)
        for first in range(0, outcomes, 1_000):
            mine = []
            for number in range(first, first + 1_000):
                order_id = f"0x{number:064x}"
                slots.place(
                    order_id, OpenOrder(order_id=order_id, market="0x" + 64 * "1", price=Decimal("0.5"), size=Decimal(10))
                )
                mine.append(slots.at(number))
            _, kept = record.intends(Kind.CANCEL_MANY, mine)
            if kept is not None:
                await kept
            now_s = asyncio.get_running_loop().time()
            for slot in mine:
                slot.start(now_s)
                slot.hear(Verdict(word=Word.CANCELLED, result={"canceled": [slot.order_id]}))
                slot.settle(Outcome.CANCELLED, now_s)
        if not await recorder.kept():
            raise SystemExit(f"the record was lost: {recorder.lost}")
        return time.perf_counter() - began_s


def measure_recording(outcomes: int, folder: Path) -> None:
    """A file, and a server's database where the environment names one."""
    took_s = asyncio.run(record(folder / "recording.db", outcomes))
    print(
        f"recording: {took_s / 10 * 200_000 / outcomes:.2f} of the 10 s for 200,000 outcomes "
        f"({outcomes:,} in a file: {took_s:.2f} s)"
    )
    url = os.environ.get("BENCH_POSTGRES")
    if url:
        took_s = asyncio.run(record(Secret(url), outcomes))
        print(f"recording: {took_s / 10 * 200_000 / outcomes:.2f} of the same ({outcomes:,} in PostgreSQL: {took_s:.2f} s)")


def measure_bytes(orders: int, folder: Path) -> None:
    """How large the file is, for each order."""
    for what, venue, in_flight in (
        ("Opinion, one after another", "opinion", 1),
        ("Opinion, 64 at a time", "opinion", 64),
        ("Polymarket, many in a request", "polymarket", 64),
    ):
        path = folder / f"{venue}-{in_flight}.db"
        report = cancel_in_memory(venue, orders, path, in_flight=in_flight)
        size = sum(each.stat().st_size for each in folder.glob(f"{path.name}*"))
        each = size / report.total
        print(f"bytes: {each / 400:.2f} of 400 for each order ({what}: {each:.0f}, of {report.total:,} orders)")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the large run: some minutes")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        asyncio.run(serve_venue(chosen.serve[0], int(chosen.serve[1])))
        return
    pairs, orders = (9, 8_000) if chosen.full else (3, 2_000)
    with tempfile.TemporaryDirectory() as name:
        for number, (what, run) in enumerate(
            (
                ("over HTTP", lambda path: cancel_over_http("opinion", orders, path)),
                ("in memory", lambda path: cancel_in_memory("opinion", orders, path)),
                ("many in a request, over HTTP", lambda path: cancel_over_http("polymarket", 5 * orders, path)),
            )
        ):
            folder = Path(name) / str(number)
            folder.mkdir()
            measure_pairs(what, run, pairs, folder)
        measure_recording(200_000 if chosen.full else 20_000, Path(name))
        measure_bytes(orders, Path(name))


if __name__ == "__main__":
    main()
