"""What every venue must do behind the front door. A venue that passes this suite is right; what is its own has its own tests."""

import random

import anyio
import pytest
from contract.cases import CASES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import account_of, engine_for, lies

from engine import Account, Belongs, ConfigError, Outcome, Progress, Scope, Side, VenueError
from engine.config import VENUES
from engine.core.outcome import Word
from engine.simulator import FaultRule
from engine.venues.base import HttpAnswer

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("case", CASES, ids=repr)]


def cancels_of(simulator, case):
    """The requests that would cancel something."""
    return [record for record in simulator.ledger.requests if record.route in case.cancel_routes]


# --- the calls


async def test_one_order(case):
    """A cancel of one order takes that one off the book, and no other."""
    simulator = case.simulated(orders=5)
    order_id = min(simulator.ledger.open_ids("alice"))
    async with engine_for(simulator) as engine:
        result = await engine.cancel_order(account_of(simulator), order_id)

    assert (Outcome.CANCELLED, 0, order_id) == (result.outcome, result.index, result.order_id)
    assert 4 == len(simulator.ledger.open_ids("alice"))


async def test_known_ids_in_their_places(case):
    """Every id has its one fate at its index: open, finished, unknown, and given twice."""
    simulator = case.simulated(orders=6)
    ids = sorted(simulator.ledger.open_ids("alice"))
    random.Random(4).shuffle(ids)
    simulator.fill(ids[1])
    simulator.cancel_elsewhere(ids[2])
    asked = [ids[0], ids[1], case.unknown_id, ids[2], ids[0], ids[3]]
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), asked)

    assert asked == [result.order_id for result in summary.results]
    assert [
        Outcome.CANCELLED,
        Outcome.FILLED,
        Outcome.NOT_FOUND,
        Outcome.ALREADY_CANCELLED,
        Outcome.CANCELLED,
        Outcome.CANCELLED,
    ] == [result.outcome for result in summary.results]
    assert (6, 4, 2, 0) == (summary.total, summary.cancelled, summary.failed, summary.at_risk)
    assert [] == lies(summary, simulator.ledger)


async def test_everything_and_the_proof(case):
    """A cancel-all leaves nothing open, and a complete listing read afterwards says so."""
    simulator = case.simulated(orders=250, latency_s=0.02)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert set() == simulator.ledger.open_ids("alice")
    assert (250, True, True, None) == (summary.cancelled, summary.listing_complete, summary.verified, summary.fault)
    last = max(record.number for record in cancels_of(simulator, case))
    assert any(record.route == "list" and record.number > last for record in simulator.ledger.requests)
    assert 0 == simulator.ledger.refused_for_pace()
    assert [] == lies(summary, simulator.ledger)


@pytest.mark.parametrize("by_id", [False, True])
async def test_a_report_in_the_middle_is_true(case, by_id):
    """Whenever it is asked for, the report of a call under way says nothing that the ledger contradicts."""
    simulator = case.simulated(orders=60, latency_s=0.05, latency_jitter_s=0.02)
    progress, looks, false = Progress(), 0, []
    scope = Scope(order_ids=simulator.ledger.open_ids("alice")) if by_id else Scope()
    async with engine_for(simulator) as engine, anyio.create_task_group() as tasks:

        async def look():
            nonlocal looks
            while True:
                await anyio.sleep(0.007)
                looks += 1
                false.extend(lies(progress.report().accounts["alice"], simulator.ledger))

        tasks.start_soon(look)
        summary = await engine.cancel_all(account_of(simulator), scope, progress=progress)
        tasks.cancel_scope.cancel()

    assert (60, True) == (summary.cancelled, looks > 15)
    assert [] == false


async def test_an_empty_book_is_told_from_a_listing_that_failed(case):
    """Nothing found is complete and verified; could not look is neither."""
    empty = case.simulated(orders=0)
    blind = case.simulated(orders=3, faults=[FaultRule(case.faults["drop"], routes={"list"})])
    blind_scope = Scope(side=Side.BUY)
    async with engine_for(empty) as engine:
        nothing = await engine.cancel_all(account_of(empty))
    async with engine_for(blind) as engine:
        unseen = await engine.cancel_all(account_of(blind), blind_scope)

    assert (0, True, True, True) == (nothing.total, nothing.listing_complete, nothing.verified, nothing.is_clean)
    assert (False, False, False) == (unseen.listing_complete, unseen.verified, unseen.is_clean)
    assert unseen.listing_error


@pytest.mark.parametrize("by", ["side", "market", "asset", "where", "order_ids"])
async def test_a_scope_is_kept(case, by):
    """Whatever the condition, what is in scope comes off, and no cancel names anything else."""
    simulator = case.simulated(orders=40)
    orders = simulator.ledger.orders
    first = next(iter(orders.values()))
    price = sorted(order.price for order in orders.values())[20]
    scope, meant = {
        "side": (Scope(side=Side.SELL), {key for key, order in orders.items() if order.side is Side.SELL}),
        "market": (Scope(market=first.market), {key for key, order in orders.items() if order.market == first.market}),
        "asset": (Scope(asset=first.asset), {key for key, order in orders.items() if order.asset == first.asset}),
        "where": (Scope(where=lambda order: order.price > price), {key for key, order in orders.items() if order.price > price}),
        "order_ids": (Scope(order_ids=list(orders)[:7]), set(list(orders)[:7])),
    }[by]
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator), scope)

    assert meant == {result.order_id for result in summary.results if result.outcome is Outcome.CANCELLED}
    assert set(orders) - meant == simulator.ledger.open_ids("alice")
    assert not any(simulator.ledger.was_touched(order_id) for order_id in set(orders) - meant)
    assert summary.verified


async def test_reading_changes_nothing(case):
    """`open_orders`, `get_order` and `plan` show the book as it is, and send no cancel."""
    simulator = case.simulated(orders=120)
    alice = account_of(simulator)
    order_id = min(simulator.ledger.open_ids("alice"))
    async with engine_for(simulator) as engine:
        listed = {order.order_id: order async for order in engine.open_orders(alice)}
        shown = await engine.get_order(alice, order_id)
        unknown = await engine.get_order(alice, case.unknown_id)
        plan = await engine.plan([alice])

    known = simulator.ledger.orders[order_id]
    assert simulator.ledger.open_ids("alice") == set(listed)
    assert (known.side, known.price, known.size) == (shown.side, shown.price, shown.size)
    assert (known.side, known.price, known.size) == (listed[order_id].side, listed[order_id].price, listed[order_id].size)
    assert unknown is None
    assert (120, True) == (plan.total, plan.listing_complete)
    assert [] == cancels_of(simulator, case)


# --- trouble


@pytest.mark.parametrize("name", ["hang", "hang_after", "drop", "drop_after", "drop_body", "drop_body_after"])
@pytest.mark.parametrize("known", [True, False], ids=["known", "all"])
async def test_a_lost_answer_is_resolved_by_looking(case, name, known):
    """Answers to cancels are lost, before or after they were done: nothing is guessed, and everything comes off."""
    simulator = case.simulated(
        orders=60, latency_s=0.02, faults=[FaultRule(case.faults[name], routes=case.cancel_routes, share=0.4, times=9)]
    )
    ids = sorted(simulator.ledger.open_ids("alice"))
    async with engine_for(simulator) as engine:
        alice = account_of(simulator)
        summary = await (engine.cancel_orders(alice, ids) if known else engine.cancel_all(alice, Scope(where=lambda _: True)))

    assert set() == simulator.ledger.open_ids("alice")
    assert (60, 0) == (summary.cancelled, summary.at_risk)
    assert [] == lies(summary, simulator.ledger)


async def test_a_false_acknowledgement_is_found(case):
    """A venue that acknowledges and does nothing does not get away with it where the listing is read afterwards."""
    fault = case.faults["acknowledged_not_done"]
    simulator = case.simulated(orders=30, faults=[FaultRule(fault, share=0.5, times_per_order=1)])
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert set() == simulator.ledger.open_ids("alice")
    assert (30, True) == (summary.cancelled, summary.verified)


async def test_a_dead_key_stops_the_account_and_is_told(case):
    """A refused key ends the account's part at once; nothing is called done."""
    simulator = case.simulated(orders=30)
    ids = sorted(simulator.ledger.open_ids("alice"))
    simulator.revoke_key("alice")
    async with engine_for(simulator) as engine:
        known = await engine.cancel_orders(account_of(simulator), ids)
        every = await engine.cancel_all(account_of(simulator))

    assert 30 == known.at_risk
    assert known.fault
    assert every.fault
    assert (False, False) == (every.listing_complete, every.verified)
    assert 20 > len(simulator.ledger.requests)
    assert [] == lies(known, simulator.ledger)


@pytest.mark.parametrize("deadline_s", [0.05, 0.3, 1.1])
async def test_a_deadline_is_kept_and_true(case, deadline_s):
    """At the deadline, and a short grace, the report is there, complete and true."""
    simulator = case.simulated(orders=300, latency_s=0.2, latency_jitter_s=0.2)
    ids = sorted(simulator.ledger.open_ids("alice"))
    start_s = anyio.current_time()
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), ids, deadline_s=deadline_s)

    assert anyio.current_time() - start_s <= deadline_s + 1.0
    assert 300 == summary.total
    assert [] == lies(summary, simulator.ledger)


# --- the port


def test_the_registry_knows_it(case):
    """The venue has its line in the registry, so that the command line and files can name it."""
    assert case.name in VENUES
    assert case.name == case.venue.name


def test_it_refuses_what_it_cannot_use(case):
    """Foreign credentials are a ConfigError before anything is sent."""
    with pytest.raises(ConfigError, match="alice"):
        case.venue.check(Account("alice", object()))


def test_a_mass_cancel_never_means_more_than_the_scope(case):
    """A scope that names a side, ids or a condition has no mass cancel: the venue could not express it."""
    for scope in (Scope(side=Side.BUY), Scope(order_ids=[case.unknown_id]), Scope(where=lambda _: True)):
        assert () == case.venue.mass_cancels(scope)


def test_no_secret_is_shown(case):
    """No secret is in a repr of the account, the venue or a request, nor in a URL."""
    simulator = case.simulated(orders=1)
    alice = account_of(simulator)
    venue = case.venue
    requests = [
        venue.cancel_request(alice, [case.unknown_id], wall_s=1e9),
        venue.page_request(alice, Scope(), venue.first_cursor, wall_s=1e9),
        venue.order_request(alice, case.unknown_id, wall_s=1e9),
    ]

    assert venue.secrets(alice)
    for secret in (each.reveal() for each in venue.secrets(alice)):
        assert secret not in repr(alice) + repr(alice.credentials) + repr(venue)
        assert not any(secret in request.url + repr(request) for request in requests)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.integers(100, 599), st.dictionaries(st.sampled_from(["retry-after", "location"]), st.text()))
def test_any_bytes_at_all_are_survived(case, body, status, headers):
    """Whatever comes back, a decoder gives a value or a VenueError, and never an acknowledgement of what it does not name."""
    venue, answer = case.venue, HttpAnswer(status=status, headers=headers, body=body)
    decoders = [
        lambda: venue.read_cancel(answer, [case.unknown_id], wall_s=1e9),
        lambda: venue.read_page(answer, venue.first_cursor, wall_s=1e9),
        lambda: venue.read_order(answer, case.unknown_id, wall_s=1e9),
    ]
    said = []
    for decode in decoders:
        try:
            said.append(decode())
        except VenueError:
            said.append(None)
    venue.feedback(answer)

    if said[0] is not None:
        assert [case.unknown_id] == list(said[0])
        assert Word.CANCELLED is not said[0][case.unknown_id].word or 200 <= status < 300
    if said[2] is not None:
        assert Word.CANCELLED is not said[2].word


@pytest.mark.parametrize("position", [0, 1, 19, 20, 99, 100, 12_345])
def test_a_cursor_by_position_is_one_of_the_venue(case, position):
    """A page asked for by position has a cursor that the venue's own first page has at position 0."""
    cursor = case.venue.cursor_at(position, case.venue.page_rows)

    assert cursor
    assert (position < case.venue.page_rows and cursor == case.venue.first_cursor) or position > 0


async def test_ids_are_found_and_spared_in_any_spelling(case):
    """An id in a scope is the same order however the venue's own spelling may be written; a spared order stays, and is told."""
    simulator = case.simulated(orders=6, **case.no_limits)
    ids = sorted(simulator.ledger.open_ids("alice"))
    has_spellings = case.venue.plain_id("0xAB") == "0xab"
    odd = ["0x" + order_id[2:].upper() if has_spellings else order_id for order_id in ids]
    async with engine_for(simulator) as engine:
        chosen = await engine.cancel_all(account_of(simulator), Scope(order_ids=odd[:1]))
        spared = await engine.cancel_all(account_of(simulator), Scope(except_ids=odd[1:2]))

    assert ([ids[0]], True) == ([result.order_id for result in chosen.results], chosen.verified)
    assert (4, True, {ids[1]: Belongs.EXCLUDED}) == (spared.cancelled, spared.verified, spared.left)
    assert {ids[1]} == simulator.ledger.open_ids("alice")
