"""The promises at a venue with batches, mass cancels and tokens, against the simulator's ledger and under its limits."""

import json
import random
from collections import Counter

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import account_of, engine_for, lies, simulated_polymarket

from engine import Belongs, Outcome, Progress, Scope, Side, VenueError
from engine.simulator import FaultRule, MemoryTransport, new_virtual_clock_loop
from engine.simulator.polymarket import FAULTS
from engine.venues.base import HttpAnswer
from engine.venues.polymarket import TIERS

pytestmark = pytest.mark.anyio

CANCELS = ("cancel", "cancel_many", "cancel_all", "cancel_market")
MARKETS = ("0x" + "ab" * 32, "0x" + "cd" * 32)


def routes_of(simulator):
    """How many requests came by each route."""
    return Counter(record.route for record in simulator.ledger.requests)


def sizes_of(simulator):
    """How many orders each request by id named."""
    return [len(record.order_ids) for record in simulator.ledger.requests if record.route in ("cancel", "cancel_many")]


# --- known ids


async def test_known_ids_come_off_at_the_pace_of_their_tokens():
    """1,000 ids from a full purse of the lowest tier take 11 s, 2 % and a second more at most, and no request is refused."""
    simulator = simulated_polymarket(orders=1000, latency_s=0.05, latency_jitter_s=0.05)
    order_ids = sorted(simulator.ledger.open_ids("alice"))
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), order_ids)

    assert order_ids == [result.order_id for result in summary.results]
    assert {Outcome.CANCELLED: 1000} == summary.by_outcome
    assert 11.0 - 0.2 <= summary.elapsed_s <= 11.0 * 1.02 + 1.0
    assert 0 == simulator.ledger.refused_for_pace()
    assert 120 == sizes_of(simulator)[0]
    assert [] == lies(summary, simulator.ledger)


@pytest.mark.parametrize("latency_s", [0.0, 0.02, 0.4])
@pytest.mark.parametrize("tier", sorted(TIERS))
async def test_no_tier_and_no_latency_makes_us_ask_for_too_much(tier, latency_s):
    """At any tier, told or not told of it, far or near, no request is refused for tokens, and the time is the least one's."""
    simulator = simulated_polymarket(orders=2500, latency_s=latency_s, latency_jitter_s=latency_s, tier=tier)
    order_ids = sorted(simulator.ledger.open_ids("alice"))
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), order_ids)
    least_s = max(0.0, (2500 - TIERS[tier].burst) / TIERS[tier].per_s)

    assert 2500 == summary.cancelled
    assert 0 == simulator.ledger.refused_for_pace()
    assert summary.elapsed_s <= least_s * 1.02 + 1.0 + 4 * latency_s


@pytest.mark.parametrize("buckets", ["enforced", "warning", "off"])
async def test_without_rate_headers_the_pace_is_kept_too(buckets):
    """A venue that says nothing of its count is asked for no more than it publishes."""
    simulator = simulated_polymarket(orders=500, latency_s=0.1, latency_jitter_s=0.1, rate_headers=False, buckets=buckets)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), sorted(simulator.ledger.open_ids("alice")))

    assert 500 == summary.cancelled
    assert 0 == simulator.ledger.refused_for_pace()
    assert 4.7 <= summary.elapsed_s <= 4.75 * 1.02 + 1.0


async def test_an_id_in_neither_list_gets_its_one_outcome():
    """Ids that the venue does not know, knows as finished, or forgets to mention each get one true outcome, in place."""
    simulator = simulated_polymarket(orders=6, latency_s=0.02, faults=[FaultRule(FAULTS["in_neither"], times=1)])
    ids = sorted(simulator.ledger.open_ids("alice"))
    simulator.fill(ids[0])
    simulator.cancel_elsewhere(ids[1])
    simulator.expire(ids[2])
    unknown = "0x" + "9" * 64
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), [*ids, unknown, ids[5]])

    expected = [Outcome.FILLED, Outcome.ALREADY_CANCELLED, Outcome.EXPIRED, *[Outcome.CANCELLED] * 3, Outcome.NOT_FOUND]
    told = [result.outcome for result in summary.results]
    assert expected[:3] == told[:3]
    assert {Outcome.CANCELLED, Outcome.ALREADY_CANCELLED} >= set(told[3:6])
    assert (expected[6], told[5]) == (told[6], told[7])
    assert [] == lies(summary, simulator.ledger)


async def test_a_malformed_id_does_not_fail_the_others():
    """An id that is no order hash is not sent, says so at its index, and costs the others nothing."""
    simulator = simulated_polymarket(orders=20)
    ids = sorted(simulator.ledger.open_ids("alice"))
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), [*ids[:10], "0x123", *ids[10:]], verify=True)

    assert (20, 1) == (summary.cancelled, summary.failed)
    assert (Outcome.NOT_SENT, "malformed_id") == (summary.results[10].outcome, summary.results[10].code)
    assert "64 hex" in summary.results[10].error
    assert not any("0x123" in record.order_ids for record in simulator.ledger.requests)


async def test_an_id_that_the_venue_refuses_does_not_fail_the_others():
    """Where the venue refuses a whole request for one id in it, the request is cut until only that one is refused."""
    simulator = simulated_polymarket(orders=100)
    ids = sorted(simulator.ledger.open_ids("alice"))
    simulator_faults = [FaultRule(FAULTS["malformed_batch"], order_ids=[ids[37]])]
    simulator = simulated_polymarket(orders=100, faults=simulator_faults)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), ids)

    assert 99 == summary.cancelled
    assert Outcome.REJECTED is summary.results[37].outcome
    assert {ids[37]} == simulator.ledger.open_ids("alice")
    assert [] == lies(summary, simulator.ledger)


async def test_a_smaller_cap_than_the_published_one_is_learned():
    """A venue that takes fewer orders in a request than it publishes is believed at its word."""
    simulator = simulated_polymarket(orders=300, max_batch=50, tier="gold")
    async with engine_for(simulator, tier="gold") as engine:
        summary = await engine.cancel_orders(account_of(simulator), sorted(simulator.ledger.open_ids("alice")))

    assert 300 == summary.cancelled
    assert 50 == max(sizes_of(simulator)[1:])


# --- everything, a market, an asset


@pytest.mark.parametrize("rate_headers", [True, False])
async def test_everything_is_one_request_and_its_price_is_told(rate_headers):
    """1,000 orders are one cancel-all; every order that it names has its outcome, and the lock-out is in the summary."""
    simulator = simulated_polymarket(orders=1000, latency_s=0.05, rate_headers=rate_headers)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert {"cancel_all": 1, "list": 1} == routes_of(simulator)
    assert {Outcome.CANCELLED: 1000} == summary.by_outcome
    assert (True, True, None) == (summary.listing_complete, summary.verified, summary.fault)
    assert summary.locked_out_s == pytest.approx(11.0, abs=0.3)
    assert 1.0 - simulator.tokens("alice") == pytest.approx(80 * summary.locked_out_s, abs=20)
    assert summary.to_dict()["locked_out_s"] > 10
    assert [] == lies(summary, simulator.ledger)


@pytest.mark.parametrize("lists_first", [False, True])
@pytest.mark.parametrize("by", ["market", "asset"])
async def test_a_market_or_an_asset_is_one_request(by, lists_first):
    """A market or an asset goes with one cancel of the venue's own, and nothing else is touched."""
    simulator = simulated_polymarket()
    simulator.add_account("bob", orders=400, markets=MARKETS)
    chosen = {getattr(order, by) for order in simulator.ledger.orders.values()}.pop()
    meant = {order.order_id for order in simulator.ledger.orders.values() if getattr(order, by) == chosen}
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator, "bob"), Scope(**{by: chosen}), lists_first=lists_first)

    assert meant == {result.order_id for result in summary.results if result.success}
    assert set(simulator.ledger.orders) - meant == simulator.ledger.open_ids("bob")
    by_ids = lists_first and len(meant) <= 120
    assert {"cancel_many" if by_ids else "cancel_market"} == set(routes_of(simulator)) - {"list"}
    assert summary.verified


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_nothing_outside_the_scope_is_touched(data):
    """Random books and scopes: every order in scope is off the book, every other one is as it was, and no cancel named it."""
    seed = data.draw(st.integers(0, 2**16))
    simulator = simulated_polymarket(seed=seed, page_size=data.draw(st.sampled_from([1, 3, 100])))
    simulator.add_account("bob", orders=data.draw(st.integers(0, 12)), markets=MARKETS)
    simulator.add_account("bob-2", orders=3, markets=MARKETS, wallet_of="bob")
    book = {order_id: order for order_id, order in simulator.ledger.orders.items() if order.account == "bob"}
    assets = sorted({order.asset for order in book.values()})
    market = data.draw(st.none() | st.sampled_from(MARKETS))
    asset = data.draw(st.none() | st.sampled_from(assets)) if assets else None
    side = data.draw(st.none() | st.sampled_from(list(Side)))
    ids = data.draw(st.none() | st.lists(st.sampled_from(sorted(book)), max_size=5)) if book else None
    scope = Scope(market=market, asset=asset, side=side, order_ids=ids)
    meant = {
        order_id
        for order_id, order in book.items()
        if market in (None, order.market)
        and asset in (None, order.asset)
        and side in (None, order.side)
        and (ids is None or order_id in ids)
    }

    async def run():
        async with engine_for(simulator) as engine:
            return await engine.cancel_all(account_of(simulator, "bob"), scope, lists_first=data.draw(st.booleans()))

    summary = anyio.run(run, backend_options={"loop_factory": new_virtual_clock_loop})

    assert meant == {result.order_id for result in summary.results}
    assert set(book) - meant == simulator.ledger.open_ids("bob")
    assert 3 == len(simulator.ledger.open_ids("bob-2"))
    assert not any(simulator.ledger.was_touched(order_id) for order_id in set(simulator.ledger.orders) - meant)
    assert (True, True) == (summary.listing_complete, summary.verified)


async def test_a_side_goes_by_id_and_largest_first():
    """What no cancel of the venue's hits exactly is cancelled by id, in the order of the priority, and the rest stays."""
    simulator = simulated_polymarket(orders=300)
    meant = {order_id for order_id, order in simulator.ledger.orders.items() if order.side is Side.BUY}
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator), Scope(side=Side.BUY), priority=lambda order: order.notional)

    assert meant == {result.order_id for result in summary.results if result.outcome is Outcome.CANCELLED}
    assert {Belongs.OUT} == set(summary.left.values())
    sent = [order_id for record in simulator.ledger.requests if record.route == "cancel_many" for order_id in record.order_ids]
    worth = [simulator.ledger.orders[order_id].price * simulator.ledger.orders[order_id].size for order_id in sent]
    assert sorted(worth, reverse=True) == worth


# --- the plan


@pytest.mark.parametrize("tier", ["standard", "silver", "elite"])
@pytest.mark.parametrize("scope", [Scope(), Scope(side=Side.SELL), Scope(market=MARKETS[0])], ids=["all", "side", "market"])
async def test_the_plan_says_what_the_run_does(tier, scope):
    """The predicted requests and tokens are the run's, the predicted least time is within 5 % of it; the plan sends no cancel."""
    simulator = simulated_polymarket(tier=tier)
    simulator.add_account("bob", orders=4000, markets=MARKETS)
    bob = account_of(simulator, "bob")
    async with engine_for(simulator) as engine:
        plan = (await engine.plan([bob], scope)).accounts["bob"]
        assert not set(routes_of(simulator)) & set(CANCELS)
        before = len(simulator.ledger.requests)
        summary = await engine.cancel_all(bob, scope)
    cancels = [record for record in simulator.ledger.requests[before:] if record.route in CANCELS]

    assert tier == plan.tier
    assert len(plan.orders) == summary.cancelled
    assert 1 <= plan.tactic.requests <= len(cancels)
    assert plan.tactic.kind.is_mass == (len(cancels) == 1)
    assert plan.tactic.locked_out_s == pytest.approx(summary.locked_out_s, abs=0.1)
    last_s = max(record.time_s for record in cancels) - simulator.ledger.requests[before].time_s
    assert plan.least_time_s == pytest.approx(last_s, rel=0.05, abs=0.1)


# --- trouble


async def test_a_wrong_clock_is_corrected_once():
    """A clock that is ten minutes off is corrected by the venue's, and nothing is given up."""
    simulator = simulated_polymarket(orders=300, latency_s=0.05, clock_skew_s=600)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator), Scope(side=Side.BUY))

    assert (True, None) == (summary.verified, summary.fault)
    assert 1 == routes_of(simulator)["time"]


async def test_a_refused_key_stops_the_account_and_reads_the_clock_once():
    """A key that is refused although the clock is right stops the account; nobody asks for the time again and again."""
    simulator = simulated_polymarket(orders=30, latency_s=0.05)
    simulator.revoke_key("alice")
    async with engine_for(simulator) as engine:
        for _ in range(3):
            summary = await engine.cancel_orders(account_of(simulator), sorted(simulator.ledger.open_ids("alice")))

    assert "401" in summary.fault
    assert 30 == summary.at_risk
    assert 1 == routes_of(simulator)["time"]


async def test_an_order_in_a_delay_is_tried_until_it_can_be_cancelled():
    """Orders that cannot be cancelled yet are tried again until they can, or until they have traded."""
    simulator = simulated_polymarket(orders=5, latency_s=0.02)
    now_s = anyio.current_time()
    simulator.advance(now_s)
    later = [simulator.add_order("alice", delayed_s=3.0, now_s=now_s) for _ in range(3)]
    gone = simulator.add_order("alice", delayed_s=1.0, becomes="filled", now_s=now_s)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), sorted(simulator.ledger.open_ids("alice")))
    fates = {result.order_id: result.outcome for result in summary.results}

    assert {Outcome.CANCELLED} == {fates[order_id] for order_id in later}
    assert Outcome.FILLED is fates[gone]
    assert 3.0 <= summary.elapsed_s <= 5.0
    assert [] == lies(summary, simulator.ledger)


async def test_a_restart_is_waited_for():
    """While the venue's engine restarts, nothing is given up: the orders come off once it is back."""
    simulator = simulated_polymarket(orders=300, latency_s=0.02)
    simulator.restart(anyio.current_time() + 0.5, 90.0)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), sorted(simulator.ledger.open_ids("alice")))

    assert (300, None) == (summary.cancelled, summary.fault)
    assert 90.0 <= summary.elapsed_s <= 130.0
    assert 425 in {record.status for record in simulator.ledger.requests}
    assert len(simulator.ledger.requests) < 40


async def test_a_deadline_in_a_restart_is_kept():
    """A venue that stays away costs no more than the deadline, and what was not cancelled is at risk."""
    simulator = simulated_polymarket(orders=10, latency_s=0.02)
    simulator.restart(anyio.current_time(), 1e6)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator), deadline_s=20)

    assert (False, False) == (summary.listing_complete, bool(summary.verified))
    assert 20.0 <= summary.elapsed_s <= 21.0
    assert not summary.is_clean


async def test_a_better_tier_is_used_at_once():
    """An account of a better tier than assumed is told so by the first answer, and goes on at its own pace."""
    simulator = simulated_polymarket(orders=1000, latency_s=0.05, tier="gold")
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), sorted(simulator.ledger.open_ids("alice")))

    assert 1000 == summary.cancelled
    assert summary.elapsed_s < 1.0


async def test_somebody_else_at_the_same_purse_is_noticed():
    """Tokens that another client spends are seen in the venue's word, and few requests are refused for them."""
    simulator = simulated_polymarket(orders=400, latency_s=0.02)
    simulator.add_account("second-key", orders=300, wallet_of="alice")
    async with engine_for(simulator) as ours, engine_for(simulator) as theirs, anyio.create_task_group() as tasks:
        done = []

        async def run(engine, name):
            done.append(await engine.cancel_orders(account_of(simulator, name), sorted(simulator.ledger.open_ids(name))))

        tasks.start_soon(run, ours, "alice")
        tasks.start_soon(run, theirs, "second-key")

    assert [700, 0] == [sum(summary.cancelled for summary in done), sum(summary.at_risk for summary in done)]
    assert simulator.ledger.refused_for_pace() <= 30


async def test_two_keys_of_one_signer_share_one_purse():
    """Accounts of one signer count together: no request is refused, and both come off at the common pace."""
    simulator = simulated_polymarket(orders=200, latency_s=0.02)
    simulator.add_account("second-key", orders=200, wallet_of="alice")
    accounts = [account_of(simulator, name) for name in ("alice", "second-key")]
    async with engine_for(simulator) as engine:
        report = await engine.mass_cancel(accounts, Scope(where=lambda _order: True))

    assert (400, 0) == (report.cancelled, simulator.ledger.refused_for_pace())
    assert report.elapsed_s >= (400 - 120) / 80


@pytest.mark.parametrize("name", ["hang", "hang_after", "drop", "drop_after"])
async def test_a_lost_mass_cancel_is_looked_at_before_it_is_sent_again(name):
    """When the answer to a cancel-all is lost, a listing shows what it left; only then is it sent again."""
    simulator = simulated_polymarket(orders=300, latency_s=0.02, faults=[FaultRule(FAULTS[name], routes={"cancel_all"}, times=1)])
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    has_acted = name.endswith("after")
    assert set() == simulator.ledger.open_ids("alice")
    assert (True, True, 0) == (summary.verified, summary.is_uncounted, summary.at_risk)
    assert (0 if has_acted else 300) == summary.total
    assert (1 if has_acted else 2) == routes_of(simulator)["cancel_all"]


async def test_a_name_that_no_listing_had_shown_is_read_before_it_is_believed():
    """Where all orders were listed first, an order that the mass cancel's answer names besides is not cancelled by its word."""
    simulator = simulated_polymarket(orders=300, latency_s=0.02)
    simulator.add_account("bob", orders=1)
    (foreign_id,) = simulator.ledger.open_ids("bob")

    class Boasting(MemoryTransport):
        """A venue that names somebody else's order among those that it cancelled."""

        async def send(self, request, *, on_sent):
            answer = await super().send(request, on_sent=on_sent)
            if not request.url.endswith("/cancel-all"):
                return answer
            told = json.loads(answer.body)
            body = json.dumps({**told, "canceled": [*told["canceled"], foreign_id]}).encode()
            return HttpAnswer(status=answer.status, headers=answer.headers, body=body)

    async with engine_for(simulator) as engine:
        engine._desk.transport = Boasting(simulator)
        summary = await engine.cancel_all(account_of(simulator), lists_first=True)

    assert {Outcome.CANCELLED: 300, Outcome.NOT_FOUND: 1} == summary.by_outcome
    assert {"cancel_all": 1, "read": 1} == {route: count for route, count in routes_of(simulator).items() if route != "list"}
    assert [] == lies(summary, simulator.ledger)


async def test_an_order_that_a_mass_cancel_does_not_name_is_read():
    """An order that was listed, and traded before the mass cancel came, is filled: not being named says nothing."""
    simulator = simulated_polymarket(orders=300, latency_s=0.02)
    traded = min(simulator.ledger.open_ids("alice"))

    class Trading(MemoryTransport):
        """A venue where somebody takes an order just before the mass cancel."""

        async def send(self, request, *, on_sent):
            if request.url.endswith("/cancel-all"):
                simulator.fill(traded)
            return await super().send(request, on_sent=on_sent)

    async with engine_for(simulator) as engine:
        engine._desk.transport = Trading(simulator)
        summary = await engine.cancel_all(account_of(simulator), lists_first=True)

    assert {Outcome.CANCELLED: 299, Outcome.FILLED: 1} == summary.by_outcome
    assert {"cancel_all": 1, "read": 1} == {route: count for route, count in routes_of(simulator).items() if route != "list"}
    assert [] == lies(summary, simulator.ledger)


async def test_a_mass_cancel_that_is_never_answered_is_replaced():
    """Where the venue's own mass cancel never answers and never acts, the orders go by id."""
    simulator = simulated_polymarket(orders=100, latency_s=0.02, faults=[FaultRule(FAULTS["drop"], routes={"cancel_all"})])
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert (100, True) == (summary.cancelled, summary.verified)
    assert 2 == routes_of(simulator)["cancel_all"]
    assert [] == lies(summary, simulator.ledger)


async def test_a_stop_in_the_middle_is_true():
    """Stopped while tokens are waited for: what left is told, and what did not is told as not sent."""
    simulator = simulated_polymarket(orders=500, latency_s=0.05)
    progress = Progress()
    async with engine_for(simulator) as engine, anyio.create_task_group() as tasks:
        ids = sorted(simulator.ledger.open_ids("alice"))
        tasks.start_soon(lambda: engine.cancel_orders(account_of(simulator), ids, progress=progress))
        await anyio.sleep(random.Random(3).uniform(1.0, 2.0))
        progress.stop()
    summary = progress.report().accounts["alice"]

    assert {Outcome.CANCELLED, Outcome.NOT_SENT} == set(summary.by_outcome)
    assert 500 == summary.total
    assert [] == lies(summary, simulator.ledger)


# --- cursors


@pytest.mark.parametrize("extra_empty_page", [False, True])
@pytest.mark.parametrize("cursor_end", ["LTE=", "empty", "null", "missing"])
async def test_every_documented_end_of_a_listing_is_one(cursor_end, extra_empty_page):
    """However the last page says so, all orders are listed, the proof is complete, and nothing is asked for again and again."""
    simulator = simulated_polymarket(orders=250, cursor_end=cursor_end, extra_empty_page=extra_empty_page)
    alice = account_of(simulator)
    async with engine_for(simulator) as engine:
        listed = [order.order_id async for order in engine.open_orders(alice)]
        pages = routes_of(simulator)["list"]
        summary = await engine.cancel_all(alice, Scope(side=Side.BUY))

    assert simulator.ledger.orders.keys() == set(listed)
    assert 250 == len(listed)
    assert pages <= 4
    assert (True, True) == (summary.listing_complete, summary.verified)
    assert {Side.SELL} == {simulator.ledger.orders[order_id].side for order_id in simulator.ledger.open_ids("alice")}


@pytest.mark.parametrize("name", ["cursor_repeated", "cursor_first", "cursor_number", "list_data_null", "list_empty_page"])
async def test_a_listing_that_does_not_end_is_an_error_and_not_the_end(name):
    """Where the pages go round, or cannot be read, reading the open orders fails instead of ending as if that were all."""
    simulator = simulated_polymarket(orders=250, faults=[FaultRule(FAULTS[name])])
    async with engine_for(simulator) as engine:
        with pytest.raises(VenueError):
            async for _ in engine.open_orders(account_of(simulator)):
                pass

    assert len(simulator.ledger.requests) < 60


# --- many accounts


@pytest.mark.parametrize(("orders", "route", "last_s"), [(3, "cancel_many", 1.0), (2000, "cancel_all", 12.0)])
async def test_many_accounts_share_the_windows_of_their_address(orders, route, last_s):
    """300 accounts at once: no window is exceeded; few orders go by id, many by the mass cancel that has to queue."""
    simulator = simulated_polymarket(latency_s=0.02, page_size=500)
    names = [f"user-{number}" for number in range(300)]
    for name in names:
        simulator.add_account(name, orders=orders if name == "user-7" or orders < 10 else 2)
    async with engine_for(simulator, active_accounts=300) as engine:
        report = await engine.mass_cancel([account_of(simulator, name) for name in names])
    of_user_7 = {record.route for record in simulator.ledger.requests_of("user-7")}

    assert (report.total, 0, True) == (report.cancelled, report.at_risk, report.is_clean)
    assert {route, "list"} == of_user_7
    assert report.last_settled_s < last_s
    assert 250 >= simulator.ledger.most_in_window(None, 10.0, {"cancel_all"})
    assert 2000 >= simulator.ledger.most_in_window(None, 10.0, {"cancel_many"})
    assert 500 >= simulator.ledger.most_in_window(None, 10.0, {"list"})


async def test_reading_does_not_wait_for_tokens():
    """While an account is locked out by its own mass cancel, its orders can be listed, and the proof does not wait."""
    simulator = simulated_polymarket(orders=2000, latency_s=0.02)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator))
        listed = [order async for order in engine.open_orders(account_of(simulator))]

    assert (True, []) == (summary.verified, listed)
    assert summary.elapsed_s < 1.0
    assert summary.locked_out_s > 20.0
