"""Three ways to cancel known orders at Opinion: the engine, an aiohttp loop as one writes it by hand, and a bare socket.

Each is warm before it is timed: the orders of the first round only open its connections.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from benchmarks.books import CANCELLED
from engine import Account, CancelEngine
from engine.venues.opinion import Opinion, OpinionKey

KEY = "k0"


@dataclass(frozen=True, slots=True)
class Taken:
    """What so many cancels took."""

    cancels: int
    wall_s: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        """Cancels a second."""
        return self.cancels / self.wall_s

    @property
    def cpu_us(self) -> float:
        """Microseconds of this process's CPU for each."""
        return 1e6 * self.cpu_s / self.cancels


class Watch:
    """Wall clock and this process's CPU from its making."""

    def __init__(self) -> None:
        self._wall_s = time.perf_counter()
        self._cpu_s = time.process_time()

    def taken(self, cancels: int) -> Taken:
        """Since then, for so many cancels."""
        return Taken(cancels, time.perf_counter() - self._wall_s, time.process_time() - self._cpu_s)


def _require(is_good: bool, who: str) -> None:  # noqa: FBT001
    if not is_good:
        raise SystemExit(f"{who} did not cancel every order; the figures mean nothing")


async def by_engine(base_url: str, ids: Sequence[str], in_flight: int, warm: int) -> Taken:
    """The engine with everything on: outcomes, retries armed, the log at its default; only the venue's limits are lifted."""
    account = Account("a0", OpinionKey(KEY))
    async with CancelEngine(Opinion(base_url, limits=None), in_flight=in_flight, in_flight_in_all=max(256, in_flight)) as engine:
        if warm:
            await engine.cancel_orders(account, ids[:warm])
        watch = Watch()
        summary = await engine.cancel_orders(account, ids[warm:])
        taken = watch.taken(len(ids) - warm)
    _require(summary.cancelled == taken.cancels, "the engine")
    return taken


async def by_hand(base_url: str, ids: Sequence[str], in_flight: int, warm: int) -> Taken:
    """What one writes by hand: a session, a semaphore, gather, `json=`."""
    semaphore = asyncio.Semaphore(in_flight)
    connector = aiohttp.TCPConnector(limit=in_flight)
    async with aiohttp.ClientSession(connector=connector, headers={"apikey": KEY}) as session:

        async def cancel(order_id: str) -> bool:
            async with semaphore, session.post(f"{base_url}/openapi/order/cancel", json={"orderId": order_id}) as response:
                answer = await response.json()
                return answer["errno"] == 0 and answer["result"]["result"] is True

        await asyncio.gather(*map(cancel, ids[:warm]))
        watch = Watch()
        done = await asyncio.gather(*map(cancel, ids[warm:]))
        taken = watch.taken(len(done))
    _require(all(done), "the hand-written loop")
    return taken


def prepared(port: int, order_id: str) -> bytes:
    """The bytes of one cancel, no byte more than the venue needs."""
    body = b'{"orderId": "%b"}' % order_id.encode()
    head = b"POST /openapi/order/cancel HTTP/1.1\r\nHost: 127.0.0.1:%d\r\napikey: k0\r\n" % port
    return head + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def by_socket(port: int, ids: Sequence[str], in_flight: int, warm: int) -> Taken:
    """Bare sockets: prepared bytes, one request on its way on each connection, answers compared and not read."""
    waiting = [prepared(port, order_id) for order_id in reversed(ids)]
    selector = selectors.DefaultSelector()
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(min(in_flight, len(ids)))]
    try:
        for each in sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(each, selectors.EVENT_READ, each)
        _exchange(selector, sockets, [waiting.pop() for _ in range(warm)])
        watch = Watch()
        cancels = len(waiting)
        _exchange(selector, sockets, waiting)
        return watch.taken(cancels)
    finally:
        selector.close()
        for each in sockets:
            each.close()


def _exchange(selector: selectors.BaseSelector, sockets: Sequence[socket.socket], waiting: list[bytes]) -> None:
    """Send all of it, last first, one on each connection at a time."""
    left = len(waiting)
    for each in sockets:
        if waiting:
            each.sendall(waiting.pop())
    while left:
        for key, _ in selector.select(10.0):
            _require(key.data.recv(4_096) == CANCELLED, "the bare socket")
            left -= 1
            if waiting:
                key.data.sendall(waiting.pop())


def by_pipeline(port: int, ids: Sequence[str], together: int) -> Taken:
    """One bare socket, so many requests written at once before their answers are read: what the venue itself can do."""
    requests = [prepared(port, order_id) for order_id in ids]
    rounds = [requests[begin : begin + together] for begin in range(0, len(requests), together)]
    with socket.create_connection(("127.0.0.1", port)) as way:
        watch = Watch()
        for each in rounds:
            way.sendall(b"".join(each))
            missing = len(CANCELLED) * len(each)
            while missing:
                missing -= len(way.recv(min(missing, 1 << 20)))
        return watch.taken(len(ids))
