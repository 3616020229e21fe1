"""Overhead and limit: the engine against a hand-written aiohttp loop and against bare sockets, on one venue, in turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from statistics import median

from benchmarks import clients
from benchmarks.books import opinion_id
from benchmarks.clients import Taken
from benchmarks.loops import LOOPS
from benchmarks.rows import Row, compared
from benchmarks.taking_turns import in_turns
from benchmarks.venue import RunningVenue, running_venue

IN_FLIGHT = (16, 64, 256)
WARM = 256
PIPELINED = 256


def measure(*, is_full: bool) -> Iterator[Row]:
    """Rows of `overhead` and of `limit`."""
    cancels, rounds = (2_000, 9) if is_full else (600, 7)
    ids = [opinion_id(0, number) for number in range(cancels + WARM)]
    with running_venue("opinion", orders=len(ids)) as venue:
        best = max(_pipelined(venue, ids) for _ in range(rounds))
        fastest = 0.0
        for name, new_loop in LOOPS.items():
            for in_flight in IN_FLIGHT:
                came = in_turns(_runs(venue, ids, in_flight, new_loop), rounds)
                fastest = max(fastest, *(each.per_s for each in came["socket"]))
                yield from _rows(came, name, in_flight, cancels)
        yield Row(
            group="limit",
            name="the venue itself, one bare socket that pipelines",
            value=best / fastest,
            unit="x the fastest client of this run",
            least=1.5,
            figures={"requests/s": round(best), "the fastest client's": round(fastest), "together": PIPELINED},
            note="so the venue is not the limit",
        )


def _runs(
    venue: RunningVenue, ids: list[str], in_flight: int, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> dict[str, Callable[[], Taken]]:
    warm = in_flight

    def by_engine() -> Taken:
        venue.refill()
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(clients.by_engine(venue.base_url, ids[WARM - warm :], in_flight, warm))

    def by_hand() -> Taken:
        venue.refill()
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(clients.by_hand(venue.base_url, ids[WARM - warm :], in_flight, warm))

    def by_socket() -> Taken:
        venue.refill()
        return clients.by_socket(venue.port, ids[WARM - warm :], in_flight, warm)

    return {"engine": by_engine, "hand": by_hand, "socket": by_socket}


def _pipelined(venue: RunningVenue, ids: list[str]) -> float:
    venue.refill()
    return clients.by_pipeline(venue.port, ids, PIPELINED).per_s


def _rows(came: dict[str, list[Taken]], loop: str, in_flight: int, cancels: int) -> Iterator[Row]:
    per_s = {who: [each.per_s for each in taken] for who, taken in came.items()}
    cpu_us = {who: [each.cpu_us for each in taken] for who, taken in came.items()}
    what = f"{in_flight} in flight, {loop}"
    repeats = len(came["engine"])
    value, spread = compared(per_s["engine"], per_s["hand"])
    is_asked = in_flight == 64
    yield Row(
        group="overhead",
        name=f"cancels a second, {what}",
        value=value,
        unit="x the hand-written loop",
        spread=spread,
        repeats=repeats,
        least=1.0 if is_asked else None,
        figures={"engine/s": round(median(per_s["engine"])), "by hand/s": round(median(per_s["hand"])), "cancels": cancels},
        is_head=is_asked,
    )
    value, spread = compared(cpu_us["engine"], cpu_us["hand"])
    yield Row(
        group="overhead",
        name=f"CPU for a cancel, {what}",
        value=value,
        unit="x the hand-written loop's",
        spread=spread,
        repeats=repeats,
        most=1.0 if is_asked else None,
        figures={"engine µs": round(median(cpu_us["engine"])), "by hand µs": round(median(cpu_us["hand"]))},
        is_head=is_asked,
    )
    value, spread = compared(per_s["engine"], per_s["socket"])
    yield Row(
        group="limit",
        name=f"cancels a second, {what}",
        value=value,
        unit="x bare sockets",
        spread=spread,
        repeats=repeats,
        figures={
            "engine/s": round(median(per_s["engine"])),
            "bare/s": round(median(per_s["socket"])),
            "bare CPU µs": round(median(cpu_us["socket"]), 1),
            "by hand, of bare": round(compared(per_s["hand"], per_s["socket"])[0], 3),
        },
    )
