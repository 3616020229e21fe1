"""Many accounts in one call: fair to each other, true in total, and what goes wrong with one stays with it."""

import random
from collections import Counter
from dataclasses import replace
from functools import partial

import anyio
import pytest
from support import BASE_URL, account_of, both_venues, engine_for, lies, simulated, simulated_polymarket

from engine import (
    Account,
    CancelEngine,
    ConfigError,
    Fault,
    Limits,
    Outcome,
    Progress,
    Retry,
    Scope,
    TransportError,
    Window,
)
from engine.simulator import Fault as Misbehaviour
from engine.simulator import FaultRule, MemoryTransport
from engine.simulator.opinion import FAULTS
from engine.simulator.polymarket import FAULTS as POLYMARKET_FAULTS
from engine.simulator.wire import Manner
from engine.venues.opinion import Opinion, OpinionKey

pytestmark = pytest.mark.anyio

NO_CONNECTION = Misbehaviour(
    name="no_connection", says="no connection comes about", routes=frozenset({"list", "cancel", "read"}), manner=Manner.REFUSE
)


def fault(name, **when):
    """A rule for one fault."""
    return FaultRule(FAULTS[name], **when)


def crowd(count, orders, *, prefix="small", **rules):
    """A venue with so many accounts of so many orders each, and its accounts."""
    simulator = simulated(**{"latency_s": 0.03, **rules})
    for number in range(count):
        simulator.add_account(f"{prefix}-{number}", orders=orders)
    return simulator, [account_of(simulator, f"{prefix}-{number}") for number in range(count)]


def shared(requests):
    """Opinion's published limit for each account, and so many requests a second for all together."""
    return Limits(per_account=(Window(15, 1.0),), per_venue=(Window(requests, 1.0),))


def most_in_a_second(simulator):
    """The most requests that arrived in any second."""
    times = [request.time_s for request in simulator.ledger.requests]
    return max(sum(1 for other in times[index : index + 500] if other < time_s + 1.0) for index, time_s in enumerate(times))


def served_by(report, time_s):
    """Cancels that each account had by then."""
    return [sum(result.settled_s <= time_s for result in summary.results) for summary in report.accounts.values()]


def jain(counts):
    """Jain's index of fairness: 1.0 where all have the same."""
    return sum(counts) ** 2 / (len(counts) * sum(count * count for count in counts))


def slowest(report, prefix="small"):
    """When the last of these accounts was done."""
    return max(summary.elapsed_s for name, summary in report.accounts.items() if name.startswith(prefix))


# --- turns


async def test_accounts_of_equal_size_are_served_alike_within_the_shared_limit():
    """Half way, no account of sixty is ahead of another; the limit they share is used to 95 %, and never exceeded."""
    simulator, accounts = crowd(60, 50)
    async with engine_for(simulator, limits=shared(60)) as engine:
        report = await engine.mass_cancel(accounts)

    assert (3_000, True) == (report.cancelled, report.is_clean)
    assert jain(served_by(report, report.last_settled_s / 2)) >= 0.99
    assert most_in_a_second(simulator) <= 60
    assert report.elapsed_s <= 1.05 * len(simulator.ledger.requests) / 60


async def test_a_large_account_does_not_hold_up_the_small_ones():
    """Beside one with 600 orders, thirty with ten are done as if it were one of them."""
    alone, small = crowd(31, 10)
    async with engine_for(alone, limits=shared(50)) as engine:
        without = await engine.mass_cancel(small)
    beside, small = crowd(30, 10)
    beside.add_account("whale", orders=600)
    async with engine_for(beside, limits=shared(50)) as engine:
        report = await engine.mass_cancel([account_of(beside, "whale"), *small])

    assert (900, True) == (report.cancelled, report.is_clean)
    assert slowest(report) <= 1.05 * slowest(without)


async def test_an_account_of_more_weight_gets_more_of_the_turns():
    """Of two accounts with as many orders, the one of weight 3 has three times the cancels as long as both have some left."""
    simulator, accounts = crowd(2, 100, quota=None)
    accounts[1] = replace(accounts[1], weight=3.0)
    async with engine_for(simulator, limits=Limits(per_venue=(Window(20, 1.0),))) as engine:
        report = await engine.mass_cancel(accounts)

    light, heavy = served_by(report, report.accounts["small-1"].elapsed_s * 0.8)
    assert 2.5 <= heavy / light <= 3.5


@pytest.mark.parametrize("weight", [0, -1.0, float("nan"), float("inf"), True, "2"])
def test_a_weight_that_is_no_positive_number_is_refused(weight):
    """A weight that could not be a share is a clear error."""
    with pytest.raises(ConfigError, match="weight must be a positive number"):
        Account("alice", OpinionKey("key"), weight=weight)


async def test_a_late_call_is_neither_starved_nor_does_it_starve():
    """A call made in the middle of a long one shares the venue's limit evenly with it from then on."""
    simulator, accounts = crowd(2, 200, quota=None)
    async with engine_for(simulator, limits=Limits(per_venue=(Window(20, 1.0),))) as engine:

        async def call(account, after_s):
            await anyio.sleep(after_s)
            await engine.cancel_all(account)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, accounts[0], 0.0)
            tasks.start_soon(call, accounts[1], 2.5)

    shares = Counter(request.account for request in simulator.ledger.requests if 4.0 < request.time_s < 10.0)
    assert 120 == shares.total()
    assert 0.8 <= shares["small-0"] / shares["small-1"] <= 1.25


async def test_newcomers_do_not_starve_an_account_that_was_served_much():
    """Ten calls that come late get their turns, and so does the account that has had thirty before."""
    simulator, accounts = crowd(11, 100, quota=None)
    async with engine_for(simulator, limits=Limits(per_venue=(Window(20, 1.0),))) as engine:

        async def call(account, after_s):
            await anyio.sleep(after_s)
            await engine.cancel_all(account, deadline_s=10.0)

        async with anyio.create_task_group() as tasks:
            for number, account in enumerate(accounts):
                tasks.start_soon(call, account, 1.5 if number else 0.0)

    shares = Counter(request.account for request in simulator.ledger.requests if 3.0 < request.time_s < 9.0)
    assert 120 == shares.total()
    assert all(9 <= shares[account.name] <= 13 for account in accounts)


async def test_a_call_that_ends_in_the_queue_leaves_its_place_to_others():
    """Where a deadline ends the waiting of one call, the other one goes on as if it had never been there."""
    simulator, accounts = crowd(2, 60, quota=None)
    reports = {}
    async with engine_for(simulator, limits=Limits(per_venue=(Window(10, 1.0),))) as engine:

        async def call(account, **options):
            reports[account.name] = await engine.cancel_all(account, **options)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, accounts[0])
            for after_s in (0.5, 1.5, 2.5):
                tasks.start_soon(partial(call, accounts[1], deadline_s=after_s))

    assert (60, True) == (reports["small-0"].cancelled, reports["small-0"].verified)
    assert reports["small-0"].elapsed_s < 12


async def test_no_more_requests_than_allowed_are_on_their_way_to_a_venue():
    """Twenty accounts together keep within `in_flight_in_all`, and use it."""
    simulator, accounts = crowd(20, 10, quota=None)
    flying = Counter()

    class Counting(MemoryTransport):
        async def send(self, request, *, on_sent):
            flying["now"] += 1
            flying["most"] = max(flying["most"], flying["now"])
            try:
                return await super().send(request, on_sent=on_sent)
            finally:
                flying["now"] -= 1

    venue = Opinion(BASE_URL, limits=None)
    async with CancelEngine(venue, transport=Counting(simulator), in_flight_in_all=7) as engine:
        report = await engine.mass_cancel(accounts)

    assert (200, True) == (report.cancelled, report.is_clean)
    assert 7 == flying["most"]


# --- places


async def test_an_account_that_is_held_leaves_its_place_to_others():
    """With a single place, bob is done while alice waits out the minute that an absurd answer comes down to."""
    simulator = simulated(orders=3, latency_s=0.03, faults=[fault("rate_429_retry_far_date", accounts={"alice"}, times=1)])
    simulator.add_account("bob", orders=3)
    async with engine_for(simulator, active_accounts=1) as engine:
        report = await engine.mass_cancel([account_of(simulator), account_of(simulator, "bob")])

    assert (6, True) == (report.cancelled, report.is_clean)
    assert report.accounts["bob"].elapsed_s < 2.0
    assert report.accounts["alice"].elapsed_s > 60.0


async def test_large_accounts_do_not_occupy_all_places_for_ever():
    """Two accounts that need 40 seconds each begin first and take both places; five small ones are done before either."""
    simulator, small = crowd(5, 10)
    for number in range(2):
        simulator.add_account(f"whale-{number}", orders=600)
    whales = [account_of(simulator, f"whale-{number}") for number in range(2)]
    async with engine_for(simulator, active_accounts=2) as engine:
        report = await engine.mass_cancel([*whales, *small])

    assert (1_250, True) == (report.cancelled, report.is_clean)
    assert slowest(report) < 30.0 < slowest(report, "whale")


async def test_a_place_changes_hands_in_the_middle_of_the_work_without_a_lie():
    """Accounts that leave and come back lose no order, whatever goes wrong meanwhile."""
    faults = [fault("drop", share=0.1), fault("slow_2s", share=0.05), fault("result_false", share=0.1)]
    simulator, accounts = crowd(6, 300, faults=faults)
    async with engine_for(simulator, active_accounts=2) as engine:
        report = await engine.mass_cancel(accounts)

    assert [] == [lie for summary in report.accounts.values() for lie in lies(summary, simulator.ledger)]
    assert (0, True) == (report.at_risk, report.is_clean)


async def test_an_account_that_is_done_keeps_nothing_but_its_results():
    """Of five hundred accounts, only the few that are worked on have lanes and work; the rest is a record and its results."""
    simulator, accounts = crowd(500, 2, quota=None)
    async with engine_for(simulator, active_accounts=8, limits=None) as engine:
        report = await engine.mass_cancel(accounts)
        lanes = len(engine._desk.routes["opinion"].lanes._lanes)

    assert (1_000, True) == (report.cancelled, report.is_clean)
    assert lanes <= 3 * 8


async def test_what_an_account_has_sent_is_remembered_between_calls():
    """However many other accounts come between two calls, the second one waits for the window that the first has filled."""
    simulator, accounts = crowd(40, 10)
    async with engine_for(simulator) as engine:
        first = sorted(simulator.ledger.open_ids("small-0"))
        await engine.cancel_orders(accounts[0], first)
        await engine.mass_cancel(accounts[1:], deadline_s=0.3)
        for _ in range(2):
            await engine.cancel_orders(accounts[0], first)

    assert 15 == simulator.ledger.most_in_window("small-0", 1.0)
    assert 0 == simulator.ledger.refused_for_pace()


# --- several venues


async def test_two_venues_are_one_job():
    """Accounts of both venues go side by side, and the report holds them in input order, each under its venue."""
    opinion, polymarket = simulated(orders=25), simulated_polymarket(orders=150)
    polymarket_alice = replace(account_of(polymarket), name="alice-p")
    async with both_venues(opinion, polymarket) as engine:
        report = await engine.mass_cancel([account_of(opinion), polymarket_alice])

    assert (175, True) == (report.cancelled, report.is_clean)
    assert [("alice", "opinion"), ("alice-p", "polymarket")] == [(s.account, s.venue) for s in report.accounts.values()]


# --- trouble


async def test_each_trouble_stays_where_it_is_and_is_told_once():
    """30 % bad keys, an outage of 20 s and an account that keeps quoting cost the others the outage, and at most 5 % more."""

    async def run(*, troubled):
        start_s = anyio.current_time()
        rules = [
            fault("http_500", from_s=start_s + 5, until_s=start_s + 25),
            fault("list_drift_newcomer", accounts={"small-1"}, pages={1}),
        ]
        simulator, accounts = crowd(100, 20, faults=rules if troubled else ())
        wrong = [Account(f"wrong-{number}", OpinionKey(f"no-such-key-{number}"), "opinion") for number in range(40)]
        polymarket = simulated_polymarket(orders=300)
        there = replace(account_of(polymarket), name="there")
        async with both_venues(simulator, polymarket, opinion_limits=shared(75)) as engine:
            report = await engine.mass_cancel([*accounts, *(wrong if troubled else ()), there])
        good = [summary for name, summary in report.accounts.items() if name.startswith("small") and name != "small-1"]
        told = [lie for s in report.accounts.values() if s.venue == "opinion" for lie in lies(s, simulator.ledger)]
        return report, good, told

    quiet, quiet_good, _ = await run(troubled=False)
    report, good, told = await run(troubled=True)

    assert [] == told
    assert (99 * 20, True) == (sum(summary.cancelled for summary in good), all(summary.is_clean for summary in good))
    at_best_s = max(summary.elapsed_s for summary in quiet_good) + 20.0
    assert max(summary.elapsed_s for summary in good) <= 1.05 * at_best_s
    assert report.accounts["there"].elapsed_s <= 1.05 * quiet.accounts["there"].elapsed_s
    assert [("opinion", True, True)] == [
        (each.venue, 4.9 < each.began_s < 5.2, 25.0 < each.ended_s < 27.0) for each in report.outages
    ]
    assert {Fault.CREDENTIALS: 40, None: 101} == Counter(summary.fault_code for summary in report.accounts.values())
    assert ["listing", "outage", "storm"] == sorted(trouble.kind for trouble in report.troubles)
    endless = report.accounts["small-1"]
    assert "keep appearing" in (endless.listing_error or "")
    assert not endless.is_clean


@pytest.mark.parametrize("name", ["http_500", "drop", "hang", "html_502"])
async def test_a_silent_venue_is_looked_at_by_all_accounts_together(name):
    """While fifty accounts wait for a venue that is away, it gets about one small request a second, and nothing is lost."""
    simulator, accounts = crowd(50, 20, faults=[fault(name, from_s=2, until_s=32)])
    async with engine_for(simulator, limits=shared(100), timeout_s=3.0) as engine:
        report = await engine.mass_cancel(accounts)

    meanwhile = [request for request in simulator.ledger.requests if 6.0 <= request.time_s < 32.0]
    assert (1_000, True) == (report.cancelled, report.is_clean)
    assert len(meanwhile) <= 40
    assert {"read", "list"} >= {request.route for request in meanwhile}
    assert [(True, True)] == [(2.0 <= each.began_s < 2.5, 32.0 <= each.ended_s < 36.0) for each in report.outages]


async def test_a_closed_venue_is_tried_by_one_cancel_at_a_time():
    """Where a venue says that it restarts, one account's cancel finds out when it is back; the others wait for it."""
    polymarket = simulated_polymarket(
        latency_s=0.05, faults=[FaultRule(POLYMARKET_FAULTS["restart_425"], routes={"cancel_many"}, from_s=0.2, until_s=40)]
    )
    for number in range(20):
        polymarket.add_account(f"small-{number}", orders=300)
    accounts = [account_of(polymarket, f"small-{number}") for number in range(20)]
    async with engine_for(polymarket) as engine:
        report = await engine.mass_cancel(accounts, Scope(where=lambda _order: True))

    tried = [each for each in polymarket.ledger.requests if each.route == "cancel_many" and 3.0 < each.time_s < 40]
    assert (6_000, True) == (report.cancelled, report.is_clean)
    assert 2 <= len(tried) <= 8
    assert [("polymarket", True)] == [(each.venue, each.ended_s < 75) for each in report.outages]
    assert report.elapsed_s < report.outages[0].ended_s + 8.0


async def test_a_closed_venue_is_waited_for_until_the_deadline():
    """With a deadline, a venue that says for a minute that it restarts is not given up after the time that holds without one."""
    polymarket = simulated_polymarket(
        orders=200, faults=[FaultRule(POLYMARKET_FAULTS["restart_425"], routes={"cancel_many"}, from_s=0.1, until_s=60)]
    )
    async with engine_for(polymarket, retry=Retry(longest_outage_s=10.0)) as engine:
        summary = await engine.cancel_all(account_of(polymarket), Scope(where=lambda _order: True), deadline_s=120)

    assert (200, True, None) == (summary.cancelled, summary.verified, summary.fault)


async def test_a_venue_that_cannot_be_reached_at_first_is_waited_for_until_the_deadline():
    """With a deadline, a venue that comes up after a minute is not given up before."""
    simulator, accounts = crowd(5, 4, faults=[FaultRule(NO_CONNECTION, until_s=60)])
    async with engine_for(simulator) as engine:
        report = await engine.mass_cancel(accounts, deadline_s=90)

    assert (20, True) == (report.cancelled, report.is_clean)
    assert report.elapsed_s < 65


async def test_a_wrong_address_is_given_up_soon_for_all_accounts_together():
    """Where nothing ever answered and no deadline was set, every account comes back within seconds, with the reason."""
    simulator, accounts = crowd(50, 4, faults=[FaultRule(NO_CONNECTION)])
    async with engine_for(simulator) as engine:
        report = await engine.mass_cancel(accounts)

    assert {Fault.UNREACHABLE: 50} == Counter(summary.fault_code for summary in report.accounts.values())
    assert (0, False, False) == (report.total, report.is_clean, report.listing_complete)
    assert report.elapsed_s < 10


async def test_an_outage_is_not_waited_for_longer_than_the_settings_say():
    """Without a deadline, `longest_outage_s` ends the waiting, and what was sent before is told as it is."""
    simulator, accounts = crowd(3, 30, faults=[fault("drop", from_s=1.0)])
    async with engine_for(simulator, retry=Retry(longest_outage_s=20.0)) as engine:
        report = await engine.mass_cancel(accounts)

    assert [] == [lie for summary in report.accounts.values() for lie in lies(summary, simulator.ledger)]
    assert {Fault.UNREACHABLE} == {summary.fault_code for summary in report.accounts.values()}
    assert 20 < report.elapsed_s < 30
    assert {Outcome.CANCELLED, Outcome.UNKNOWN} <= set(report.by_outcome)
    assert [None] == [outage.ended_s for outage in report.outages]


async def test_a_listing_that_always_fails_is_no_outage():
    """Where listings fail for good and reads do not, the account stops with its fault, and nobody waits for it."""
    simulator, accounts = crowd(1, 5, faults=[fault("http_500", routes={"list"})])
    async with engine_for(simulator) as engine:
        report = await engine.mass_cancel(accounts)

    assert Fault.LISTING == report.accounts["small-0"].fault_code
    assert report.elapsed_s < 10
    assert () == report.outages


async def test_reads_that_always_fail_are_no_outage():
    """Where reads fail for good and listings do not, orders that need a read are told as what they may be, and nobody waits."""
    faults = [fault("http_500", routes={"read"}), fault("result_false", routes={"cancel"}, times_per_order=1)]
    simulator, accounts = crowd(1, 5, faults=faults)
    async with engine_for(simulator) as engine:
        report = await engine.mass_cancel(accounts)

    assert [] == lies(report.accounts["small-0"], simulator.ledger)
    assert report.elapsed_s < 20
    assert () == report.outages


async def test_a_reading_call_does_not_wait_for_ever_either():
    """`open_orders` raises once the venue has been away for as long as the settings say."""
    simulator = simulated(orders=3, faults=[fault("hang")])
    async with engine_for(simulator, retry=Retry(longest_outage_s=30.0, listings=50)) as engine:
        with pytest.raises(TransportError, match="no usable answer"):
            [order async for order in engine.open_orders(account_of(simulator))]


# --- stops


@pytest.mark.parametrize("tenth", range(1, 10))
async def test_a_deadline_leaves_a_true_and_complete_report_at_once(tenth):
    """At whatever tenth of the run the deadline comes, every order is accounted for within a second, and nothing is a lie."""
    simulator, accounts = crowd(30, 20, faults=[fault("slow_2s", share=0.02), fault("result_false", share=0.05)])
    polymarket = simulated_polymarket(orders=400, latency_s=0.03)
    accounts.append(replace(account_of(polymarket), name="there"))
    async with both_venues(simulator, polymarket, opinion_limits=shared(100)) as engine:
        report = await engine.mass_cancel(accounts, Scope(where=lambda _order: True), deadline_s=0.7 * tenth)

    ledgers = {"opinion": simulator.ledger, "polymarket": polymarket.ledger}
    assert [] == [lie for summary in report.accounts.values() for lie in lies(summary, ledgers[summary.venue])]
    assert report.elapsed_s <= 0.7 * tenth + 1.0
    assert [account.name for account in accounts] == list(report.accounts)
    assert "the deadline came first" == report.stop
    assert not report.is_clean


@pytest.mark.parametrize("seed", range(20))
async def test_a_cancelled_caller_finds_a_true_report_in_its_progress(seed):
    """Whenever the calling task is cancelled, the cancellation is raised soon, and what is known is true."""
    after_s = random.Random(seed).uniform(0.0, 6.0)
    simulator, accounts = crowd(30, 20, faults=[fault("drop", share=0.05)], seed=seed)
    progress = Progress()
    async with engine_for(simulator, limits=shared(100), active_accounts=10) as engine:
        began_s = anyio.current_time()
        with anyio.move_on_after(after_s) as bound:
            await engine.mass_cancel(accounts, progress=progress)
        took_s = anyio.current_time() - began_s
    report = progress.report()

    assert bound.cancelled_caught
    assert took_s <= after_s + 1.0
    assert [] == [lie for summary in report.accounts.values() for lie in lies(summary, simulator.ledger)]
    assert 30 == len(report.accounts)
    assert "the calling task was cancelled" == report.stop


async def test_an_account_whose_turn_never_came_is_not_reported_as_empty():
    """With one place and a deadline, the accounts that waited have no listing, and say so."""
    simulator, accounts = crowd(3, 100)
    async with engine_for(simulator, active_accounts=1) as engine:
        report = await engine.mass_cancel(accounts, deadline_s=2)

    last = report.accounts["small-2"]
    assert (0, False, False, "the deadline came first") == (
        last.total, last.listing_complete, last.verified, last.listing_error,
    )  # fmt: skip
    assert not report.is_clean


# --- figures


async def test_waiting_for_quota_is_told_apart_from_the_wire():
    """45 cancels and 4 listings at 15 a second wait three windows for the limit, and are on the wire for their latency."""
    simulator = simulated(orders=45, latency_s=0.1)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert summary.wire_s == pytest.approx(summary.requests * 0.1, rel=0.02)
    assert 2.0 < summary.waited_s < summary.elapsed_s


async def test_a_plan_for_many_accounts_knows_the_limit_that_they_share():
    """Ten accounts of ten orders take at the least what all their requests take together, and the run comes close to it."""
    simulator, accounts = crowd(10, 10)
    async with engine_for(simulator, limits=shared(10)) as engine:
        plan = await engine.plan(accounts)
        await anyio.sleep(5)
        report = await engine.mass_cancel(accounts)

    assert (100, 120) == (plan.total, plan.requests)
    assert 11.0 == plan.least_time_s
    assert report.elapsed_s == pytest.approx(plan.least_time_s, abs=1.5)


# --- a second look


async def test_settling_finds_an_order_that_was_on_its_way():
    """An order that appears while the account rests is cancelled too; without the rest it would stay."""

    async def run(**options):
        simulator = simulated(orders=3, latency_s=0.02)
        async with engine_for(simulator) as engine, anyio.create_task_group() as tasks:
            tasks.start_soon(place, simulator)
            return await engine.cancel_all(account_of(simulator), **options), simulator.ledger

    async def place(simulator):
        await anyio.sleep(1.0)
        simulator.place("alice")

    without, _ = await run()
    summary, ledger = await run(settle_s=2.0)

    assert 3 == without.total
    assert (4, 4, True, True) == (summary.total, summary.cancelled, summary.verified, summary.listing_complete)
    assert set() == ledger.open_ids("alice")


async def test_a_rest_that_the_deadline_ends_is_not_verified():
    """Who asked for a second look and did not get it is told so."""
    simulator = simulated(orders=3)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator), settle_s=10.0, deadline_s=3.0)

    assert (3, True, False) == (summary.cancelled, summary.listing_complete, summary.verified)


async def test_a_second_look_that_fails_is_not_covered_by_the_first():
    """Where the listing fails after the rest, the account is not called listed to the end."""
    simulator = simulated(orders=3, faults=[fault("http_500", routes={"list"}, from_s=1.0)])
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator), settle_s=2.0)

    assert (3, False, False, Fault.LISTING) == (
        summary.cancelled, summary.listing_complete, summary.verified, summary.fault_code,
    )  # fmt: skip
    assert not summary.is_clean


async def test_answers_that_a_stop_cut_off_are_no_sign_of_an_outage():
    """After a call that was stopped with ten cancels on their way, the next one does not look whether the venue is there."""
    simulator, accounts = crowd(1, 10, latency_s=2.0)
    async with engine_for(simulator) as engine:
        await engine.cancel_all(accounts[0], deadline_s=2.5)
        summary = await engine.cancel_all(accounts[0])

    assert summary.verified
    assert {"list", "cancel"} == {request.route for request in simulator.ledger.requests}


async def test_an_id_that_would_spare_nothing_is_refused():
    """What is to be left alone must be able to be an order at one of the engine's venues: a misspelt id would spare nothing."""
    opinion, polymarket = simulated(orders=1), simulated_polymarket(orders=1)
    async with engine_for(polymarket) as engine:
        with pytest.raises(ConfigError, match="is to be left alone, and can be no order's"):
            await engine.cancel_all(account_of(polymarket), Scope(except_ids=["not-hex"]))
    async with both_venues(opinion, polymarket) as engine:
        summary = await engine.cancel_all(account_of(polymarket), Scope(except_ids=["an-id-of-opinion"]))

    assert (1, True) == (summary.cancelled, summary.verified)


@pytest.mark.parametrize("accounts", [Account("alice", OpinionKey("key")), None, 5, "alice", ["alice"]], ids=repr)
async def test_what_are_no_accounts_is_refused(accounts):
    """One account by itself, or what is none, is a clear error of every call over many, and nothing is sent."""
    simulator = simulated(orders=1)
    async with engine_for(simulator) as engine:
        with pytest.raises(ConfigError, match="account"):
            await engine.mass_cancel(accounts)
        with pytest.raises(ConfigError, match="account"):
            await engine.plan(accounts)
        with pytest.raises(ConfigError, match="account"):
            async with engine.stream(accounts):
                pass

    assert [] == simulator.ledger.requests
