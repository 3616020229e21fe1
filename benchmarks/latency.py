"""Latency: from the call to the first byte at the venue, warm and cold, and what the engine adds to a request.

The venue notes when bytes reached it, on the same monotonic clock as ours: what the kernel and its own waking up take is counted
as ours, for every client alike.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import time
from collections.abc import Iterator, Sequence

from benchmarks.books import CANCELLED, opinion_id
from benchmarks.clients import KEY, prepared
from benchmarks.loops import LOOPS
from benchmarks.rows import Row, percentile
from benchmarks.taking_turns import in_turns
from benchmarks.venue import RunningVenue, running_venue
from engine import Account, CancelEngine
from engine.venues.opinion import Opinion, OpinionKey

LATENCY_S = 0.01
"""Of the venue that requests are timed at: at 1 and 16 in flight no client is near what it can do."""

IN_FLIGHT = (1, 16, 256)
SHARES = (("p50", 0.5), ("p99", 0.99))
ACCOUNT = Account("a0", OpinionKey(KEY))


def measure(*, is_full: bool) -> Iterator[Row]:
    """Rows of `latency`."""
    calls, cold = (1_000, 100) if is_full else (200, 30)
    with running_venue("opinion", orders=calls + 1) as venue:
        bare = _bare(venue, calls)
        for name, new_loop in LOOPS.items():
            with asyncio.Runner(loop_factory=new_loop) as runner:
                yield from _first_byte(f"warm engine, {name}", runner.run(_warm(venue, calls)), bare, most_ms=1.0)
                yield from _first_byte(f"engine that was just made, {name}", runner.run(_cold(venue, cold)), bare, most_ms=None)
    rounds = 5 if is_full else 3
    for in_flight in IN_FLIGHT:
        yield from _added(in_flight, rounds, per_connection=60 if in_flight == 1 else 20)


# --- the first byte


async def _warm(venue: RunningVenue, calls: int) -> list[float]:
    """Seconds to the first byte of each of so many cancels, one after another."""
    venue.refill()
    came: list[float] = []
    async with CancelEngine(Opinion(venue.base_url, limits=None)) as engine:
        await engine.cancel_order(ACCOUNT, opinion_id(0, calls))
        for number in range(calls):
            began_s = time.perf_counter()
            result = await engine.cancel_order(ACCOUNT, opinion_id(0, number))
            if not result.success:
                raise SystemExit("an order was not cancelled; the figures mean nothing")
            came.append(venue.last_arrival_s() - began_s)
    return came


async def _cold(venue: RunningVenue, calls: int) -> list[float]:
    """The same from an engine that has no connection yet."""
    venue.refill()
    came: list[float] = []
    for number in range(calls):
        async with CancelEngine(Opinion(venue.base_url, limits=None)) as engine:
            began_s = time.perf_counter()
            result = await engine.cancel_order(ACCOUNT, opinion_id(0, number))
            if not result.success:
                raise SystemExit("an order was not cancelled; the figures mean nothing")
            came.append(venue.last_arrival_s() - began_s)
    return came


def _bare(venue: RunningVenue, calls: int) -> list[float]:
    """The same from a bare socket that stands: what the kernel and the venue's waking up take."""
    venue.refill()
    came: list[float] = []
    with socket.create_connection(("127.0.0.1", venue.port)) as way:
        for number in range(calls):
            began_s = time.perf_counter()
            way.sendall(prepared(venue.port, opinion_id(0, number)))
            way.recv(4_096)
            came.append(venue.last_arrival_s() - began_s)
    return came


def _first_byte(what: str, came: Sequence[float], bare: Sequence[float], *, most_ms: float | None) -> Iterator[Row]:
    for name, share in SHARES:
        yield Row(
            group="latency",
            name=f"call to first byte at the venue, {what}, {name}",
            value=1000 * percentile(came, share),
            unit="ms",
            most=most_ms if name == "p99" else None,
            repeats=len(came),
            figures={"calls": len(came), "bare socket ms": round(1000 * percentile(bare, share), 3)},
            is_head=name == "p99" and most_ms is not None,
        )


# --- what is added to a request


def _added(in_flight: int, rounds: int, *, per_connection: int) -> Iterator[Row]:
    cancels = in_flight * per_connection
    ids = [opinion_id(0, number) for number in range(cancels + in_flight)]
    with running_venue("opinion", orders=len(ids), latency_s=LATENCY_S) as venue:

        def by_engine() -> list[float]:
            venue.refill()
            return asyncio.run(_engine_times(venue, ids, in_flight))

        def by_socket() -> list[float]:
            venue.refill()
            return _socket_times(venue.port, ids, in_flight)

        came = in_turns({"engine": by_engine, "bare": by_socket}, rounds)
    for name, share in SHARES:
        added = [
            1e6 * (percentile(mine, share) - percentile(bare, share))
            for mine, bare in zip(came["engine"], came["bare"], strict=True)
        ]
        middle = percentile(added, 0.5)
        yield Row(
            group="latency",
            name=f"added to a request, {in_flight} in flight at a {LATENCY_S * 1000:.0f} ms venue, {name}",
            value=middle,
            unit="µs more than a bare socket",
            spread=(min(added), max(added)),
            repeats=rounds,
            most=50.0 if (in_flight, name) == (1, "p50") else None,
            figures={
                "engine ms": round(1000 * percentile([percentile(each, share) for each in came["engine"]], 0.5), 3),
                "bare ms": round(1000 * percentile([percentile(each, share) for each in came["bare"]], 0.5), 3),
                "requests": cancels,
            },
            is_head=(in_flight, name) == (1, "p50"),
        )


async def _engine_times(venue: RunningVenue, ids: Sequence[str], in_flight: int) -> list[float]:
    """Seconds of each request, from when it left until its order's fate was written."""
    async with CancelEngine(Opinion(venue.base_url, limits=None), in_flight=in_flight, in_flight_in_all=256) as engine:
        await engine.cancel_orders(ACCOUNT, ids[:in_flight])
        summary = await engine.cancel_orders(ACCOUNT, ids[in_flight:])
    if summary.cancelled != len(ids) - in_flight:
        raise SystemExit("an order was not cancelled; the figures mean nothing")
    return [(each.settled_s or 0.0) - (each.sent_s or 0.0) for each in summary.results]


def _socket_times(port: int, ids: Sequence[str], in_flight: int) -> list[float]:
    """The same over bare sockets: from the write until the answer is there."""
    waiting = [prepared(port, order_id) for order_id in reversed(ids)]
    came: list[float] = []
    selector = selectors.DefaultSelector()
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(in_flight)]
    sent_s: dict[socket.socket, float] = {}
    try:
        for each in sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(each, selectors.EVENT_READ)
            sent_s[each] = time.perf_counter()
            each.sendall(waiting.pop())
        while len(came) < len(ids):
            for key, _ in selector.select(10.0):
                way = key.fileobj
                if not isinstance(way, socket.socket) or way.recv(4_096) != CANCELLED:
                    raise SystemExit("the bare socket did not cancel every order; the figures mean nothing")
                now_s = time.perf_counter()
                came.append(now_s - sent_s[way])
                if waiting:
                    sent_s[way] = time.perf_counter()
                    way.sendall(waiting.pop())
    finally:
        selector.close()
        for each in sockets:
            each.close()
    return came[in_flight:]
