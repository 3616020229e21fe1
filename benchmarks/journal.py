"""Journal: what writing a run down costs: throughput and the first cancel with it and without, recording alone, bytes on disk.

Runs with and without a journal take turns, and what counts is the median ratio of such pairs. Over HTTP the simulator has a
process of its own; there is no limit and no latency, so that nothing hides the work.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.rows import Row
from benchmarks.simulated import simulated
from engine import Account, CancelEngine, OpenOrder, RunReport, Scope
from engine.core.outcome import Outcome, Verdict, Word
from engine.core.quota import Kind
from engine.core.slots import Slots
from engine.journal import Journal
from engine.log import new_log
from engine.recording import RunRecorder
from engine.secret import Secret
from engine.simulator import MemoryTransport, OpinionRules, OpinionSimulator, SimulatedVenue
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
        simulator.add_account(f"a{number}", orders=orders // ACCOUNTS)
    return simulator


def keys_of(simulator: SimulatedVenue) -> list[list[str]]:
    """What opens the accounts."""
    if isinstance(simulator, PolymarketSimulator):
        known = [simulator.account(name) for name in simulator.account_names]
        return [[each.address, each.api_key, each.secret, each.passphrase] for each in known]
    return [[simulator.account(name).api_key] for name in simulator.account_names]  # type: ignore[attr-defined]


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
    with simulated(venue, [orders // ACCOUNTS] * ACCOUNTS) as scene:
        return asyncio.run(cancel(venue, scene.base_url, scene.keys, journal=journal))


def cancel_in_memory(venue: str, orders: int, journal: Path | None, *, in_flight: int = 64) -> RunReport:
    """The same without a socket: what is left is the engine's own work, and the simulator's."""
    simulator = new_simulator(venue, orders)
    transport = MemoryTransport(simulator)
    return asyncio.run(cancel(venue, NOWHERE, keys_of(simulator), journal=journal, transport=transport, in_flight=in_flight))


def measure_pairs(what: str, run: Callable[[Path | None], RunReport], pairs: int, folder: Path) -> Iterator[Row]:
    """Throughput and the first cancel, with a journal against without."""
    ratios, firsts, lates = [], [], []
    for number in range(pairs):
        turns = {"off": None, "on": folder / f"{number}.db"}
        reports = {name: run(turns[name]) for name in (["off", "on"] if number % 2 else ["on", "off"])}
        ratios.append(reports["off"].elapsed_s / reports["on"].elapsed_s)
        firsts.append(first := reports["off"].first_cancel_s or 0.0)
        lates.append((reports["on"].first_cancel_s or 0.0) - first)
    off = reports["off"]
    yield Row(
        group="journal",
        name=f"throughput with a journal, {what}",
        value=statistics.median(ratios),
        unit="x the throughput without",
        spread=(min(ratios), max(ratios)),
        repeats=pairs,
        figures={
            "orders": off.total,
            "without/s": round(off.total / off.elapsed_s),
            "first cancel without ms": round(1000 * statistics.median(firsts), 1),
            "first cancel later by ms": round(1000 * statistics.median(lates), 1),
        },
        is_head=what == "over HTTP",
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


def measure_recording(outcomes: int, folder: Path) -> Iterator[Row]:
    """Outcomes written down, in a file and, where `BENCH_POSTGRES` names one, in a database."""
    wheres: dict[str, Any] = {"in a file": folder / "recording.db"}
    if url := os.environ.get("BENCH_POSTGRES"):
        wheres["in PostgreSQL"] = Secret(url)
    for what, where in wheres.items():
        took_s = asyncio.run(record(where, outcomes))
        yield Row(
            group="journal",
            name=f"recording alone, {what}",
            value=took_s / 10 * 200_000 / outcomes,
            unit="of 10 s for 200,000 outcomes",
            most=1.0,
            figures={"outcomes": outcomes, "s": round(took_s, 2)},
        )


def measure_bytes(orders: int, folder: Path) -> Iterator[Row]:
    """How large the file is, for each order."""
    for what, venue, in_flight in (
        ("Opinion, one after another", "opinion", 1),
        ("Opinion, 64 at a time", "opinion", 64),
        ("Polymarket, many in a request", "polymarket", 64),
    ):
        path = folder / f"{venue}-{in_flight}.db"
        report = cancel_in_memory(venue, orders, path, in_flight=in_flight)
        size = sum(each.stat().st_size for each in folder.glob(f"{path.name}*"))
        yield Row(
            group="journal",
            name=f"size of the file, {what}",
            value=size / report.total,
            unit="bytes for each order",
            most=400,
            figures={"orders": report.total},
        )


def measure(*, is_full: bool) -> Iterator[Row]:
    """Rows of `journal`."""
    pairs, orders = (7, 4_000) if is_full else (3, 2_000)
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
            yield from measure_pairs(what, run, pairs, folder)
        yield from measure_recording(200_000 if is_full else 20_000, Path(name))
        yield from measure_bytes(orders, Path(name))
