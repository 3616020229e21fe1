"""Whole runs over a wire that does to requests and answers whatever a wire can do, judged by the simulator's ledger."""

import asyncio
import gzip
import random
import time
from contextlib import asynccontextmanager

import anyio
import pytest
from loopback.rough_server import CLOSE, RESET, SHORT_S, answer, read_message, rough_server, says
from support import account_of, lies, simulated, simulated_polymarket

from engine import CancelEngine, Limits, Outcome, Retry, Window
from engine.simulator import FaultRule, serve
from engine.simulator.opinion import FAULTS
from engine.simulator.polymarket import PolymarketSimulator
from engine.venues.opinion import Opinion
from engine.venues.polymarket import Polymarket

pytestmark = pytest.mark.anyio

QUICK = Retry(first_wait_s=0.01, longest_wait_s=0.02)
ACKNOWLEDGED = b'{"errno":0,"errmsg":"","result":{"result":true}}'
OK = b"HTTP/1.1 200 OK\r\n"
ENDS_S = 8.0
"""A run with a deadline ends long before this, whatever the wire does."""


class Wire:
    """What lies between the engine and a venue: hands on requests and answers, or does something else to them.

    Args:
        base_url: The venue's address.
        fault: What is done to a request and its answer.
        hits: Whether it is done to this request.
    """

    def __init__(self, base_url, fault, hits):
        self._host, port = base_url.removeprefix("http://").split(":")
        self._port = int(port)
        self._fault = fault
        self._hits = hits
        self.passed = []

    async def script(self, peer):
        """Serve one connection of the engine's."""
        while True:
            seen = await peer.request()
            if self._hits(seen):
                await self._fault(peer, lambda seen=seen: self.ask(seen))
            else:
                await peer.say(await self.ask(seen))

    async def ask(self, seen):
        """Hand the request on, and bring the venue's whole answer."""
        self.passed.append(seen)
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(seen)
            return await read_message(reader)
        finally:
            writer.close()


def lost(*parts):
    """The request never gets there; the engine sees these parts."""

    async def fault(peer, _ask):
        await says(*parts, reads="nothing")(peer)
        await peer.stall()

    return fault


def done(change, *parts):
    """The request gets there; of the answer, the engine sees what `change` makes of it, and then these parts."""

    async def fault(peer, ask):
        await says(change(await ask()), *parts, reads="nothing")(peer)

    return fault


def goes_on(begin, again, *, arrives):
    """An answer without an end, whether or not the request gets there."""

    async def fault(peer, ask):
        if arrives:
            await ask()
        await peer.say(begin)
        await peer.repeat(again)

    return fault


async def arrives_late(peer, ask):
    """The engine has given up on the request long before it gets there."""
    peer.reset()
    await asyncio.sleep(0.05)
    await ask()


async def holds_answer_back(peer, ask):
    """The request gets there, and its answer comes when nobody waits for it any more."""
    late = await ask()
    await asyncio.sleep(3 * SHORT_S)
    await peer.say(late)


async def drips(peer, ask):
    """The answer comes in time, byte by byte."""
    await peer.drip(await ask(), every_s=0.0001)


def part(share):
    """So much of an answer."""
    return lambda whole: whole[: int(len(whole) * share)]


def headers(*lines):
    """The answer, with further headers."""
    return lambda whole: whole.replace(b"\r\n", b"\r\n" + b"".join(line + b"\r\n" for line in lines), 1)


def packed(whole):
    """The answer, compressed though it was not asked for."""
    body = gzip.compress(whole.partition(b"\r\n\r\n")[2])
    return answer(body, "Content-Encoding: gzip")


FIRE = {
    "reset_before": lost(RESET),
    "reset_after": done(lambda _: b"", RESET),
    "closed_before": lost(CLOSE),
    "closed_after": done(lambda _: b"", CLOSE),
    "reset_in_the_answer": done(part(0.3), RESET),
    "closed_in_the_headers": done(part(0.2), CLOSE),
    "closed_in_the_body": done(part(0.9), CLOSE),
    "stalls_before": lost(),
    "stalls_in_the_body": done(part(0.9)),
    "arrives_late": arrives_late,
    "holds_answer_back": holds_answer_back,
    "drips": drips,
    "garbage_before": lost(b"\x00\xff garbage\r\n\r\n"),
    "garbage_after": done(lambda _: b"\x00\xff garbage\r\n\r\n"),
    "acknowledged_in_http_0_9": lost(ACKNOWLEDGED, CLOSE),
    "acknowledged_with_a_length_too_large": lost(OK + b"Content-Length: 99\r\n\r\n" + ACKNOWLEDGED, CLOSE),
    "acknowledged_in_part": lost(answer(ACKNOWLEDGED)[:-1], CLOSE),
    "acknowledged_in_the_reason": lost(answer(b"", status="502 " + ACKNOWLEDGED.decode())),
    "acknowledged_on_204": lost(b"HTTP/1.1 204 No Content\r\n\r\n" + ACKNOWLEDGED),
    "acknowledged_on_500": lost(answer(ACKNOWLEDGED, status="500 Sorry")),
    "acknowledged_on_101": lost(b"HTTP/1.1 101 Well\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + answer(ACKNOWLEDGED)),
    "two_lengths": done(headers(b"Content-Length: 3")),
    "a_length_and_chunks": done(headers(b"Transfer-Encoding: chunked")),
    "thousands_of_headers": done(headers(*(b"X-%d: a" % i for i in range(3_000)))),
    "packed": done(packed),
    "not_packed_at_all": done(headers(b"Content-Encoding: gzip")),
    "endless_headers": goes_on(OK, b"X-Y: aaaaa\r\n" * 1_000, arrives=True),
    "endless_body": goes_on(OK + b"\r\n", bytes(2**16), arrives=True),
    "endless_100s": goes_on(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, arrives=False),
    "two_at_once": done(lambda whole: whole + whole),
    "an_acknowledgement_behind": done(lambda whole: whole + answer(ACKNOWLEDGED)),
    "redirected": lost(answer(b"", "Location: http://127.0.0.1:9/openapi/order/cancel", status="307 There")),
}


def venue_at(base_url, simulator, *, limits=None):
    """The engine's side of a simulator."""
    kind = Polymarket if isinstance(simulator, PolymarketSimulator) else Opinion
    return kind(base_url, limits=limits, timeout_s=SHORT_S)


def first_of_each():
    """Hits the first request of each kind that is to do one thing."""
    known = set()

    def hits(seen):
        head, _, body = seen.partition(b"\r\n\r\n")
        what = head.split(b"\r\n")[0], body
        is_new = what not in known
        known.add(what)
        return is_new

    return hits


def by_dice(share):
    """Hits a share of the requests."""
    dice = random.Random(7)
    return lambda _: dice.random() < share


def always(_seen):
    """Hits every request."""
    return True


@asynccontextmanager
async def fired_at(simulator, fault, hits, *, limits=None, **options):
    """An engine, and the wire between it and the simulator; nothing may be left of them."""
    async with serve(simulator) as venue:
        wire = Wire(venue.base_url, fault, hits)
        async with rough_server(wire.script) as server:
            async with CancelEngine(venue_at(server.base_url, simulator, limits=limits), retry=QUICK, **options) as engine:
                yield engine, wire
            assert await server.are_gone()  # what arrives late has arrived


async def pull(simulator, fault, hits, *, deadline_s, by_id=False):
    """A run under fire, judged: its summary."""
    began_s = anyio.current_time()
    alice, ids = account_of(simulator), sorted(simulator.ledger.open_ids())
    async with fired_at(simulator, fault, hits) as (engine, _):
        if by_id:
            summary = await engine.cancel_orders(alice, ids, deadline_s=deadline_s)
        else:
            summary = await engine.cancel_all(alice, deadline_s=deadline_s)
        open_ids = simulator.ledger.open_ids()
        assert anyio.current_time() - began_s < ENDS_S

    assert [] == lies(summary, simulator.ledger)
    assert not (summary.verified and open_ids)
    assert not (summary.is_clean and open_ids)
    assert not (summary.listing_complete and open_ids - {result.order_id for result in summary.results} and not by_id)
    return summary


@pytest.mark.parametrize("name", FIRE)
async def test_no_wire_makes_a_run_lie(name):
    """By dice, or at every request and until the deadline, a cancel-all and a cancel by id say nothing that is not so."""
    async with anyio.create_task_group() as group:
        for hits, deadline_s in ((by_dice(0.4), 2.0), (always, 0.4)):
            for by_id in (False, True):
                simulator = simulated(orders=5, quota=None)
                group.start_soon(
                    lambda *args, by_id=by_id: pull(*args[:3], deadline_s=args[3], by_id=by_id),
                    simulator,
                    FIRE[name],
                    hits,
                    deadline_s,
                )


@pytest.mark.parametrize("name", sorted(FIRE.keys() - {"redirected"}))
async def test_a_wire_that_breaks_each_request_once_is_overcome(name):
    """Every request goes wrong the first time, and still every order comes off, and a listing proves it."""
    simulator = simulated(orders=5, quota=None)
    summary = await pull(simulator, FIRE[name], first_of_each(), deadline_s=6.0)

    assert (5, 0, True) == (summary.total, summary.at_risk, summary.verified)
