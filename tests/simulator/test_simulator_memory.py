"""The transport without a socket fails the way a real one does."""

from contextlib import suppress
from itertools import pairwise

import anyio
import pytest

from engine.errors import TransportError
from engine.simulator import FaultPlan, FaultRule, MemoryTransport, OpinionRules, OpinionSimulator
from engine.simulator.opinion import FAULTS

pytestmark = pytest.mark.anyio


def build(fault=None, **rules):
    plan = FaultPlan([FaultRule(FAULTS[fault])]) if fault else FaultPlan()
    simulator = OpinionSimulator(rules=OpinionRules(**rules), faults=plan)
    return simulator, simulator.add_account("alice", orders=3), MemoryTransport(simulator)


async def test_latency_is_half_before_and_half_after(pen):
    """A request arrives after half of the latency, and its answer after all of it."""
    simulator, alice, transport = build(latency_s=0.2)
    began_s = anyio.current_time()
    await transport.send(pen(alice).list(), on_sent=lambda: None)
    assert anyio.current_time() - began_s == pytest.approx(0.2, abs=1e-4)
    assert simulator.ledger.requests[0].time_s - began_s == pytest.approx(0.1, abs=1e-4)


async def test_jitter_is_seeded(pen):
    """Jitter makes latencies differ, and the same seed makes them the same again."""

    async def arrivals():
        simulator, alice, transport = build(latency_s=0.1, latency_jitter_s=0.1, quota=None)
        began_s = anyio.current_time()
        for _ in range(5):
            await transport.send(pen(alice).list(), on_sent=lambda: None)
        return [round(request.time_s - began_s, 3) for request in simulator.ledger.requests]

    first = await arrivals()
    assert len({round(b - a, 3) for a, b in pairwise(first)}) > 1
    assert first == await arrivals()


async def test_on_sent_comes_before_arrival(pen):
    """`on_sent` is called once, before the venue has seen anything."""
    simulator, alice, transport = build(latency_s=0.1)
    seen = []
    await transport.send(pen(alice).list(), on_sent=lambda: seen.append(len(simulator.ledger.requests)))
    assert seen == [0]


async def test_refused_connection_is_not_sent(pen):
    """A refused connection is an error before `on_sent`, and no request is on record."""
    simulator, alice, transport = build("refused_connection")
    sent = []
    with pytest.raises(TransportError) as raised:
        await transport.send(pen(alice).list(), on_sent=lambda: sent.append(1))
    assert (raised.value.sent, sent, simulator.ledger.requests) == (False, [], [])
    assert simulator.ledger.connections_refused == 1


@pytest.mark.parametrize(("fault", "status"), [("drop", None), ("drop_headers", 200), ("drop_body", 200)])
async def test_broken_connection_was_sent(pen, fault, status):
    """A connection that breaks is an error after `on_sent`, with the status if one was seen."""
    _, alice, transport = build(fault)
    sent = []
    with pytest.raises(TransportError) as raised:
        await transport.send(pen(alice).list(), on_sent=lambda: sent.append(1))
    assert (raised.value.sent, raised.value.status, sent) == (True, status, [1])


@pytest.mark.parametrize("give_up_s", [0.01, 0.05, 0.15])
async def test_what_is_sent_arrives(pen, give_up_s):
    """Giving up on the answer, even before the request is there, does not call the request back."""
    simulator, alice, transport = build(latency_s=0.2)
    order_id = next(iter(simulator.ledger.orders))
    with anyio.move_on_after(give_up_s):
        await transport.send(pen(alice).cancel(order_id), on_sent=lambda: None)
    await anyio.sleep(1)
    assert simulator.ledger.state_of(order_id) == "cancelled"


async def test_cancelled_before_sending_is_not_sent(pen):
    """A caller who is cancelled already sends nothing."""
    simulator, alice, transport = build()
    sent = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        await transport.send(pen(alice).list(), on_sent=lambda: sent.append(1))
    assert (sent, simulator.ledger.requests) == ([], [])


async def test_connections_are_reused_and_broken_ones_are_not(pen):
    """One after the other share a connection, at the same time they do not, and a broken one is gone."""
    plan = FaultPlan([FaultRule(FAULTS["drop"], from_request=2, until_request=3)])
    simulator = OpinionSimulator(rules=OpinionRules(latency_s=0.1), faults=plan)
    alice = simulator.add_account("alice")
    transport = MemoryTransport(simulator)

    async def ask():
        with suppress(TransportError):
            await transport.send(pen(alice).list(), on_sent=lambda: None)

    for _ in range(3):
        await ask()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(ask)
    assert [request.connection for request in simulator.ledger.requests] == [1, 1, 2, 2, 3]


async def test_body_limit(pen):
    """A body beyond the client's limit is an error that was sent."""
    simulator = OpinionSimulator(faults=FaultPlan([FaultRule(FAULTS["giant_body"])]))
    alice = simulator.add_account("alice")
    transport = MemoryTransport(simulator, body_limit_bytes=1_000_000)
    with pytest.raises(TransportError) as raised:
        await transport.send(pen(alice).list(), on_sent=lambda: None)
    assert raised.value.sent


async def test_closed_transport_sends_nothing(pen):
    """Sending after closing is the caller's mistake, and shows as one."""
    _, alice, transport = build()
    await transport.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        await transport.send(pen(alice).list(), on_sent=lambda: None)


async def test_slow_fault_comes_on_top(pen):
    """A slow fault adds its delay to the latency."""
    _, alice, transport = build("slow_150ms", latency_s=0.1)
    began_s = anyio.current_time()
    await transport.send(pen(alice).list(), on_sent=lambda: None)
    assert anyio.current_time() - began_s == pytest.approx(0.25, abs=1e-4)


async def test_hundred_accounts_under_the_quota(pen):
    """A hundred accounts at their full pace take simulated seconds, and none is refused."""
    simulator = OpinionSimulator()
    accounts = [simulator.add_account(f"user-{number}", orders=30) for number in range(100)]
    transport = MemoryTransport(simulator)

    async def pull(account):
        for order_id in list(simulator.ledger.open_orders(account.name)):
            await transport.send(pen(account).cancel(order_id), on_sent=lambda: None)
            await anyio.sleep(1 / 15)

    async with anyio.create_task_group() as tasks:
        for account in accounts:
            tasks.start_soon(pull, account)
    assert simulator.ledger.open_ids() == set()
    assert simulator.ledger.refused_for_pace() == 0
    assert {simulator.ledger.most_in_window(account.name, 1.0) for account in accounts} <= {15, 16}
