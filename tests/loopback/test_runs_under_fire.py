"""Whole runs over a wire that does to requests and answers whatever a wire can do, judged by the simulator's ledger."""

import asyncio
import gzip
import itertools
import random
import re
import time
from contextlib import asynccontextmanager
from functools import partial

import anyio
import pytest
from loopback.rough_server import CLOSE, RESET, answer, read_message, rough_server, says
from support import account_of, lies, simulated, simulated_polymarket

from engine import CancelEngine, Limits, Outcome, Retry, Window
from engine.simulator import serve
from engine.simulator.polymarket import PolymarketSimulator
from engine.venues.opinion import Opinion
from engine.venues.polymarket import Polymarket

pytestmark = pytest.mark.anyio

QUICK = Retry(first_wait_s=0.01, longest_wait_s=0.02)
ACKNOWLEDGED = b'{"errno":0,"errmsg":"","result":{"result":true}}'
OK = b"HTTP/1.1 200 OK\r\n"
TIMEOUT_S = 0.2
"""The engine's patience with one request."""

ENDS_S = 20.0
"""A run with a deadline ends long before this, whatever the wire does, and however busy the machine is."""


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
    await asyncio.sleep(1.5 * TIMEOUT_S)
    await peer.say(late)


async def drips(peer, ask):
    """The answer comes in time, its headers byte by byte."""
    whole = await ask()
    await peer.drip(whole[:40], every_s=0.001)
    await peer.say(whole[40:])


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
    return kind(base_url, limits=limits, timeout_s=TIMEOUT_S)


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


@pytest.mark.parametrize("by_id", [False, True], ids=["all", "by_id"])
@pytest.mark.parametrize(("share", "deadline_s"), [(0.4, 1.0), (1.0, 0.4)], ids=["often", "always"])
async def test_no_wire_makes_a_run_lie(share, deadline_s, by_id):
    """Under each fault, often or always and until the deadline, all runs at the same time: nothing is said that is not so."""
    before = asyncio.all_tasks()
    async with anyio.create_task_group() as group:
        for fault in FIRE.values():
            simulator = simulated(orders=5, quota=None)
            group.start_soon(partial(pull, simulator, fault, by_dice(share), deadline_s=deadline_s, by_id=by_id))
    assert before == asyncio.all_tasks()


REFUSED = {"redirected", "acknowledged_on_500", "acknowledged_in_the_reason"}
"""What HTTP itself says no with: it is waited for, or stops the account."""


@pytest.mark.parametrize("share", range(4))
async def test_a_wire_that_breaks_each_request_once_is_overcome(share):
    """Every request goes wrong the first time, and still every order comes off, and a listing proves it."""
    ends = {}

    async def run(name):
        summary = await pull(simulated(orders=5, quota=None), FIRE[name], first_of_each(), deadline_s=ENDS_S / 2)
        ends[name] = summary.total, summary.at_risk, summary.verified

    names = [name for name in FIRE if name not in REFUSED][share::4]
    async with anyio.create_task_group() as group:
        for name in names:
            group.start_soon(run, name)

    assert dict.fromkeys(names, (5, 0, True)) == ends


POLYMARKET_FIRE = [
    "reset_before",
    "reset_after",
    "closed_after",
    "closed_in_the_body",
    "stalls_before",
    "arrives_late",
    "two_at_once",
]


@pytest.mark.parametrize("name", POLYMARKET_FIRE)
async def test_no_wire_makes_a_run_at_polymarket_lie(name):
    """Its mass cancel and its cancels of many ids, too, say nothing that is not so; a listing proves the first."""
    simulator = simulated_polymarket(orders=40, epoch_s=time.time())
    every = await pull(simulator, FIRE[name], first_of_each(), deadline_s=ENDS_S / 2)
    simulator = simulated_polymarket(orders=40, epoch_s=time.time())
    some = await pull(simulator, FIRE[name], by_dice(0.3), deadline_s=1.0, by_id=True)

    assert (0, True) == (every.at_risk, every.verified)
    assert every.total == 40 or every.is_uncounted
    assert 40 == some.total


async def test_everything_at_once_over_many_accounts():
    """Every fault by dice, under a run over several accounts with many requests: no lie, in time, and nothing left behind."""
    dice = random.Random(3)
    faults = sorted(FIRE.keys() - REFUSED)
    simulator = simulated(orders=20, quota=None)
    for name in ("bob", "carol", "dave"):
        simulator.add_account(name, orders=20)
    accounts = [account_of(simulator, name) for name in ("alice", "bob", "carol", "dave")]

    async def any_fault(peer, ask):
        await FIRE[dice.choice(faults)](peer, ask)

    before = asyncio.all_tasks()
    async with fired_at(simulator, any_fault, by_dice(0.25)) as (engine, wire):
        report = await engine.mass_cancel(accounts, deadline_s=ENDS_S / 2)
    assert before == asyncio.all_tasks()

    assert report.elapsed_s < ENDS_S
    assert len(wire.passed) > 50
    assert [] == [lie for summary in report.accounts.values() for lie in lies(summary, simulator.ledger)]
    for name, summary in report.accounts.items():
        assert not (summary.verified and simulator.ledger.open_ids(name))


async def test_an_acknowledgement_that_nobody_asked_for_cancels_nothing():
    """A second acknowledgement on a resting connection is not the answer to the next cancel, which never got there."""
    simulator = simulated(orders=2, quota=None)
    first, second = sorted(simulator.ledger.open_ids())

    async def forge(peer, ask):
        await peer.say(await ask())
        await asyncio.sleep(0.02)
        await peer.say(answer(ACKNOWLEDGED))
        await peer.stall()

    async def lose(peer, _ask):
        await peer.stall()

    async def fault(peer, ask):
        await (forge if simulator.ledger.open_ids() == {first, second} else lose)(peer, ask)

    is_cancel = re.compile(rb"POST /openapi/order/cancel ").match
    pace = Limits(per_account=(Window(1, 0.05, margin_s=0.0, jitter_s=0.0),))
    async with fired_at(simulator, fault, is_cancel, limits=pace) as (engine, wire):
        summary = await engine.cancel_orders(account_of(simulator), [first, second], deadline_s=0.5)

    assert [] == lies(summary, simulator.ledger)
    assert (Outcome.CANCELLED, 1) == (summary.results[0].outcome, summary.at_risk)
    assert 1 == sum(bool(is_cancel(seen)) for seen in wire.passed)


@pytest.mark.parametrize("venue", ["opinion", "polymarket"])
@pytest.mark.parametrize("arrives", [True, False], ids=["acted_on", "not_acted_on"])
async def test_a_cancel_on_a_stale_connection_is_sent_again_only_where_the_order_is_still_open(venue, arrives):
    """A POST or DELETE whose kept connection ends under it is followed by a read, and only then by a cancel, signed anew."""
    simulator = simulated(quota=None) if venue == "opinion" else simulated_polymarket(epoch_s=time.time())
    simulator.add_order("alice", market=123)
    (order_id,) = simulator.ledger.open_ids()
    seen_by_wire = []

    async def ends(peer, ask):
        if arrives:
            await ask()
        peer.close()

    def hits(seen):
        seen_by_wire.append(seen)
        return len(seen_by_wire) == 2

    clock = itertools.count(int(time.time()))
    async with fired_at(simulator, ends, hits, wall_clock=lambda: float(next(clock))) as (engine, _):
        alice = account_of(simulator)
        await engine.get_order(alice, order_id)  # its connection is kept
        result = await engine.cancel_order(alice, order_id)

    routes = [request.route for request in simulator.ledger.requests]
    assert Outcome.ALREADY_CANCELLED if arrives else Outcome.CANCELLED is result.outcome
    assert (["read", "cancel", "read"] if arrives else ["read", "read", "cancel"]) == routes
    assert len(set(seen_by_wire)) == len(seen_by_wire) if venue == "polymarket" else seen_by_wire
