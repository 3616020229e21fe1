"""The promises of the README, each with a test that fails when it is broken; whole runs under the virtual clock."""

import json
from contextlib import aclosing

import anyio
import pytest
from support import BASE_URL, account_of, engine_for, lies, simulated

from engine import (
    Account,
    Allowance,
    Belongs,
    Bucket,
    CancelEngine,
    ConfigError,
    CredentialError,
    Kind,
    Limits,
    Outcome,
    Progress,
    Retry,
    Scope,
    Side,
    TransportError,
    VenueError,
    Window,
    WireError,
)
from engine.simulator import Drift, FaultPlan, FaultRule, MemoryTransport, OpinionRules, OpinionSimulator
from engine.simulator.opinion import FAULTS
from engine.venues.base import HttpAnswer
from engine.venues.opinion import Opinion, OpinionKey, wire

pytestmark = pytest.mark.anyio


def fault(name, **when):
    """A rule for one fault."""
    return FaultRule(FAULTS[name], **when)


# --- 1 place, 2 one fate each


async def test_results_stand_in_input_order_whatever_the_order_of_answers():
    """`results[i]` is the fate of the i-th id, even when the first answer comes last."""
    simulator = simulated(orders=8)
    order_ids = sorted(simulator.ledger.open_ids())
    simulator_slow = simulated(
        orders=8, faults=[fault("slow_2s", order_ids=order_ids[:1]), fault("result_false", order_ids=order_ids[1:2])]
    )
    async with engine_for(simulator_slow) as engine:
        summary = await engine.cancel_orders(account_of(simulator_slow), order_ids)

    assert order_ids == [result.order_id for result in summary.results]
    assert list(range(8)) == [result.index for result in summary.results]


async def test_a_duplicate_is_sent_once_and_answered_at_each_place():
    """The same id given twice costs one cancel and gives two equal results."""
    simulator = simulated(orders=2)
    one, two = sorted(simulator.ledger.open_ids())
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), [one, two, one])

    assert 2 == len(simulator.ledger.requests_of("alice", routes={"cancel"}))
    assert [one, two, one] == [result.order_id for result in summary.results]
    assert (3, 3, 0) == (summary.total, summary.cancelled, summary.failed)


async def test_an_empty_list_gives_an_empty_summary():
    """No ids, no requests, a summary of nothing."""
    simulator = simulated(orders=2)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), [])

    assert (0, 0, 0, True) == (summary.total, summary.failed, len(simulator.ledger.requests), summary.is_clean)


async def test_the_summary_is_a_superset_of_the_documented_result():
    """`to_dict()` has the documented keys with the documented meaning, for success and failure."""
    simulator = simulated(orders=1)
    (order_id,) = simulator.ledger.open_ids()
    async with engine_for(simulator) as engine:
        told = (await engine.cancel_orders(account_of(simulator), [order_id, "no-such-order"])).to_dict()

    assert (2, 1, 1) == (told["total_orders"], told["cancelled"], told["failed"])
    first, second = told["results"]
    assert {"index": 0, "success": True, "order_id": order_id, "result": {"result": True}}.items() <= first.items()
    assert {"index": 1, "success": False, "order_id": "no-such-order", "outcome": "not_found"}.items() <= second.items()
    assert second["error"]
    assert "error" not in first


@pytest.mark.parametrize("bad", ["one-id", [1], [""], [" "], [None], 7])
async def test_bad_ids_are_refused_before_anything_is_sent(bad):
    """A wrong type or a blank id is a ConfigError, and the venue hears nothing."""
    simulator = simulated(orders=2)
    async with engine_for(simulator) as engine:
        with pytest.raises(ConfigError):
            await engine.cancel_orders(account_of(simulator), bad)

    assert [] == simulator.ledger.requests


# --- 3 worst truth first, 7 a stop is a result


@pytest.mark.parametrize("deadline_s", [0.01, 0.06, 0.5, 1.5, 2.0, 3.01])
async def test_at_the_deadline_the_summary_is_true_and_complete(deadline_s):
    """At any deadline the call returns within the grace, and no statement of it is false; what was done stays done."""
    simulator = simulated(orders=60, latency_s=0.05)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator), deadline_s=deadline_s)

    assert summary.elapsed_s <= deadline_s + 0.6
    assert [] == lies(summary, simulator.ledger)
    assert (False, False) == (summary.listing_complete, summary.verified)
    assert summary.cancelled == 60 - len(simulator.ledger.open_ids())
    assert max((request.time_s for request in simulator.ledger.requests), default=0.0) <= deadline_s + 0.6


async def test_a_lost_answer_at_the_deadline_is_unknown():
    """An order whose cancel is on its way when the time is up is unknown, and those behind it are not sent."""
    simulator = simulated(orders=30, faults=[fault("hang_after", routes={"cancel"})], latency_s=0.05)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), sorted(simulator.ledger.orders), deadline_s=0.5)

    assert {Outcome.UNKNOWN: 15, Outcome.NOT_SENT: 15} == summary.by_outcome
    assert 30 == summary.at_risk
    assert 0.5 <= summary.elapsed_s <= 1.1  # the grace, and not the timeout of the request


async def test_nothing_is_sent_after_the_deadline():
    """Answers that come within the grace lead to no further request."""
    simulator = simulated(orders=500, latency_s=0.05, quota=None)
    async with engine_for(simulator, limits=None, in_flight=10) as engine:
        summary = await engine.cancel_orders(account_of(simulator), sorted(simulator.ledger.open_ids()), deadline_s=0.13)

    assert 30 == summary.cancelled
    assert max(request.time_s for request in simulator.ledger.requests) <= 0.13 + 0.025


async def test_answers_on_their_way_at_the_deadline_are_waited_for_a_little():
    """An answer that comes within the grace after the deadline still counts."""
    simulator = simulated(orders=1, latency_s=0.3)
    async with engine_for(simulator) as engine:
        result = await engine.cancel_order(account_of(simulator), *simulator.ledger.open_ids(), deadline_s=0.1)

    assert Outcome.CANCELLED is result.outcome


async def test_a_cancelled_caller_leaves_a_true_report_behind():
    """Cancelling the calling task raises its cancellation, soon, and the progress object holds what is known."""
    simulator = simulated(orders=60, latency_s=0.05)
    progress = Progress()
    async with engine_for(simulator) as engine:
        with anyio.move_on_after(1.5) as scope:
            await engine.cancel_all(account_of(simulator), progress=progress)

    summary = progress.report().accounts["alice"]
    assert scope.cancelled_caught
    assert [] == lies(summary, simulator.ledger)
    assert summary.cancelled == 60 - len(simulator.ledger.open_ids()) > 0


async def test_a_stop_returns_the_summary():
    """`Progress.stop()` makes the call return what is known, and nothing is sent after it."""
    simulator = simulated(orders=60, latency_s=0.05)
    progress = Progress()
    async with engine_for(simulator) as engine, anyio.create_task_group() as tasks:

        async def stop():
            await anyio.sleep(1.2)
            progress.stop()

        tasks.start_soon(stop)
        summary = await engine.cancel_all(account_of(simulator), progress=progress)

    assert [] == lies(summary, simulator.ledger)
    assert summary.elapsed_s < 2.0
    assert summary.at_risk
    assert 1.2 >= max(request.time_s for request in simulator.ledger.requests) - 0.03


async def test_a_progress_serves_one_call():
    """A second call with the same progress object is refused, since its report would mix the two."""
    simulator = simulated(orders=1)
    progress = Progress()
    async with engine_for(simulator) as engine:
        await engine.cancel_all(account_of(simulator), progress=progress)
        with pytest.raises(ConfigError, match="fresh one"):
            await engine.cancel_all(account_of(simulator), progress=progress)


async def test_open_orders_may_be_left_early():
    """Whoever breaks out of the listing leaves nothing behind, and asks for no further page."""
    simulator = simulated(orders=100)
    async with engine_for(simulator) as engine, aclosing(engine.open_orders(account_of(simulator))) as orders:
        async for _ in orders:
            break

    assert 1 == len(simulator.ledger.requests)


async def test_a_stop_before_the_start_sends_nothing():
    """A progress object that was stopped already stops the call at once."""
    simulator = simulated(orders=3)
    progress = Progress()
    progress.stop()
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator), progress=progress)

    assert (0, 0, False) == (summary.total, len(simulator.ledger.requests), summary.listing_complete)


async def test_a_stop_before_the_start_accounts_for_what_was_asked_for():
    """Ids of a call that was stopped before it began stand in their places as not sent, with the reason."""
    simulator = simulated(orders=3)
    order_ids, progress = sorted(simulator.ledger.open_ids()), Progress()
    progress.stop()
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), order_ids, progress=progress)

    assert order_ids == [result.order_id for result in summary.results]
    assert ({Outcome.NOT_SENT: 3}, 3, []) == (summary.by_outcome, summary.at_risk, simulator.ledger.requests)
    assert {"no cancel was sent: stopped by the caller"} == {result.error for result in summary.results}


@pytest.mark.parametrize("name", ["key_dead_401", "key_dead_11002", "refused_10403"])
async def test_a_refused_key_stops_the_account_after_the_first_proof(name):
    """One proof is enough: the rest is not sent, and the fault says why in words."""
    simulator = simulated(orders=200, faults=[fault(name, from_request=20)], latency_s=0.05)
    order_ids = sorted(simulator.ledger.open_ids())
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), order_ids)

    assert [] == lies(summary, simulator.ledger)
    assert 19 == summary.cancelled
    assert len(simulator.ledger.requests) <= 34
    assert 200 - len(simulator.ledger.requests) == summary.by_outcome[Outcome.NOT_SENT]
    assert any(word in summary.fault for word in ("key", "location"))
    assert summary.elapsed_s < 1.5  # nobody waits for a turn that will not be used


async def test_one_account_in_trouble_does_not_touch_the_others():
    """A revoked key and an unreachable listing stay with their accounts."""
    simulator = simulated(orders=30, faults=[fault("http_500", accounts={"carol"})], latency_s=0.05)
    for name in ("bob", "carol"):
        simulator.add_account(name, orders=30)
    simulator.revoke_key("bob")
    async with engine_for(simulator) as engine:
        report = await engine.mass_cancel([account_of(simulator, name) for name in ("alice", "bob", "carol")])

    assert ["alice", "bob", "carol"] == list(report.accounts)
    assert report.accounts["alice"].verified
    assert "key" in report.accounts["bob"].fault
    assert "could not be listed" in report.accounts["carol"].fault
    assert (30, 30, False) == (report.total, report.cancelled, report.is_clean)
    assert report.accounts["alice"].elapsed_s < 3.5


# --- 4 only evidence is success


async def test_an_order_that_filled_first_is_too_late_and_no_lie():
    """An order that trades before the cancel arrives is filled, found out by a read."""
    simulator = simulated(orders=1, faults=[fault("filled_meanwhile", routes={"cancel"})])
    async with engine_for(simulator) as engine:
        result = await engine.cancel_order(account_of(simulator), *simulator.ledger.open_ids())

    assert (Outcome.FILLED, False) == (result.outcome, result.success)


async def test_a_lost_answer_is_resolved_by_reading():
    """A cancel that acted and whose answer was lost is found by the read: already cancelled, a success."""
    simulator = simulated(orders=1, faults=[fault("drop_after", routes={"cancel"})])
    async with engine_for(simulator) as engine:
        result = await engine.cancel_order(account_of(simulator), *simulator.ledger.open_ids())

    assert (Outcome.ALREADY_CANCELLED, True, 1) == (result.outcome, result.success, result.attempts)
    assert 3 == result.result["status"]


class WrongAddress:
    """A transport to a server that is there, and is not the venue."""

    async def send(self, request, *, on_sent):
        """Answer in the venue's form that there is no such thing."""
        on_sent()
        await anyio.sleep(0.01)
        return HttpAnswer(status=404, body=b'{"errno":404,"errmsg":"no such route","result":null}')


async def test_not_found_is_believed_only_from_a_venue_that_is_there():
    """Where nothing but 404 comes back, as from a wrong address, no order is reported as not found."""
    async with CancelEngine(Opinion(BASE_URL), transport=WrongAddress()) as engine:
        summary = await engine.cancel_orders(Account("alice", OpinionKey("some-user-key")), ["a", "b"])

    assert {Outcome.REJECTED: 2} == summary.by_outcome
    assert 2 == summary.at_risk


async def test_not_found_is_confirmed_by_a_complete_listing():
    """An order that the venue does not know by id, and does not list either, is not found: two pages, the last one empty."""
    simulator = simulated(orders=2)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), ["no-such-order"])

    assert {Outcome.NOT_FOUND: 1} == summary.by_outcome
    assert 2 == len(simulator.ledger.requests_of("alice", routes={"list"}))
    assert (True, True) == (summary.listing_complete, summary.verified)


@pytest.mark.parametrize("name", ["http_404", "refused_10607", "code_refused_10607"])
async def test_a_false_not_found_is_found_out(name):
    """A read that says "not found" of an order that is open is contradicted by the listing, and the order comes off."""
    rules = [fault(name, routes={"read"}), fault("result_false", routes={"cancel"}, times_per_order=1)]
    simulator = simulated(orders=5, faults=rules, latency_s=0.05)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), sorted(simulator.ledger.open_ids()))

    assert {Outcome.CANCELLED: 5} == summary.by_outcome
    assert summary.verified


async def test_a_not_found_that_no_listing_confirms_is_at_risk():
    """Where the listing fails, "not found" is not believed."""
    simulator = simulated(
        orders=5, faults=[fault("http_404", routes={"read"}), fault("result_false"), fault("list_http_500_page_1")]
    )
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), sorted(simulator.ledger.open_ids()))

    assert {Outcome.REJECTED: 5} == summary.by_outcome
    assert not summary.listing_complete
    assert "no complete listing has confirmed it" in summary.results[0].error


async def test_a_key_that_the_venue_repeats_is_masked():
    """An answer that echoes our key does not carry it into the report."""

    class Echo:
        async def send(self, request, *, on_sent):
            on_sent()
            await anyio.sleep(0.01)
            return HttpAnswer(status=200, body=b'{"errno":7,"errmsg":"bad key SECRET-USER-KEY","result":null}')

    async with CancelEngine(Opinion(BASE_URL), transport=Echo(), retry=Retry(cancels=1, reads=1)) as engine:
        result = await engine.cancel_order(Account("alice", OpinionKey("SECRET-USER-KEY")), "a")

    assert "bad key ***" == result.error
    assert "SECRET" not in repr(result)


# --- 5 pace


async def test_three_hundred_known_orders_at_the_venues_pace():
    """300 cancels at 15 a second and 50 ms take 19 s plus round trips, within 2 % and a second, with no window exceeded."""
    simulator = simulated(orders=300, latency_s=0.05)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), sorted(simulator.ledger.open_ids()))

    assert 300 == summary.cancelled
    assert 19.0 <= summary.elapsed_s <= 19.0 * 1.02 + 0.2
    assert 15 == simulator.ledger.most_in_window("alice", 1.0)
    assert 0 == simulator.ledger.refused_for_pace("alice")


async def test_cancel_all_of_three_hundred_at_the_venues_pace():
    """A cancel-all of 300 needs 316 requests, so at least 21 s, and takes no more than 2 % and a second longer."""
    simulator = simulated(orders=300, latency_s=0.05)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert summary.verified
    assert 21.0 <= summary.elapsed_s <= 21.0 * 1.02 + 0.5


async def test_an_unlimited_venue_is_not_held_up():
    """200 cancels at 50 ms without limits take less than a second, listing included."""
    simulator = simulated(orders=200, latency_s=0.05, quota=None)
    async with engine_for(simulator, limits=None) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert summary.verified
    assert summary.elapsed_s < 1.0


async def test_the_first_cancel_leaves_after_one_round_trip():
    """Nothing stands between the first page and the first cancel."""
    simulator = simulated(orders=90, latency_s=0.05)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert 0.05 == pytest.approx(min(result.sent_s for result in summary.results), abs=0.005)


async def test_a_429_holds_its_account_and_no_other():
    """`Retry-After: 2` holds alice for two seconds; bob is done as if nothing had happened."""
    simulator = simulated(orders=5, faults=[fault("rate_429_retry_2", accounts={"alice"}, times=1)], latency_s=0.05)
    simulator.add_account("bob", orders=5)
    async with engine_for(simulator) as engine:
        report = await engine.mass_cancel([account_of(simulator), account_of(simulator, "bob")])

    assert 2.0 <= report.accounts["alice"].elapsed_s < 3.0
    assert report.accounts["bob"].elapsed_s < 0.5
    assert (True, True) == (report.accounts["alice"].verified, report.accounts["bob"].verified)


@pytest.mark.parametrize(
    "name", ["rate_429", "rate_429_retry_1", "rate_429_retry_date", "rate_429_retry_absurd", "rate_429_retry_text"]
)
async def test_every_form_of_429_is_survived(name):
    """Seconds, dates, absurd values or nothing at all: the account is held and then goes on."""
    simulator = simulated(orders=20, faults=[fault(name, times=3)], latency_s=0.05)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert summary.verified
    assert summary.elapsed_s < 200


@pytest.mark.parametrize("route", ["cancel", "list", "read"])
async def test_a_venue_that_answers_429_for_ever_is_given_up(route):
    """Held too often in a row, the account stops, and says that it is the venue's 429 that it gave up on."""
    rules = [fault("rate_429", routes={route}), fault("result_false", routes={"cancel"}, times_per_order=1)]
    simulator = simulated(orders=3, faults=rules, latency_s=0.05)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert "429" in summary.fault
    assert [] == lies(summary, simulator.ledger)
    assert not summary.is_clean
    assert len(simulator.ledger.requests) < 60


async def test_the_allowance_holds_for_repeats_too():
    """A cancel that has to be sent again counts again, and is not sent where the allowance is used up."""
    simulator = simulated(orders=1, faults=[fault("html_503", routes={"cancel"})], quota=None)
    async with engine_for(simulator, limits=Limits(allowance=Allowance(2))) as engine:
        result = await engine.cancel_order(account_of(simulator), *simulator.ledger.open_ids())

    assert (Outcome.UNKNOWN, 2) == (result.outcome, len(simulator.ledger.requests_of("alice", routes={"cancel"})))


async def test_a_tighter_quota_than_published_still_ends_well():
    """A venue that really allows 5 a second refuses many, and still every order comes off."""
    simulator = simulated(orders=40, quota=5, latency_s=0.05)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert summary.verified
    assert [] == lies(summary, simulator.ledger)


async def test_requests_that_travel_unevenly_still_fit_the_window():
    """Where one request takes longer on its way than another, the venue's own count is not exceeded either."""
    simulator = simulated(orders=150, latency_s=0.05, latency_jitter_s=0.06)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), sorted(simulator.ledger.open_ids()))

    assert 150 == summary.cancelled
    assert 15 >= simulator.ledger.most_in_window("alice", 1.0)
    assert 0 == simulator.ledger.refused_for_pace("alice")


async def test_a_hold_reaches_a_request_that_waits_for_the_venue():
    """A 429 that comes while the account's next request stands in the venue's queue holds that one too."""
    simulator = simulated(orders=12, latency_s=0.3, quota=None, faults=[fault("rate_429_retry_2", routes={"cancel"}, times=1)])
    async with engine_for(simulator, limits=Limits(per_venue=(Window(1, 0.25),))) as engine:
        await engine.cancel_orders(account_of(simulator), sorted(simulator.ledger.open_ids()))

    times_s = [request.time_s for request in simulator.ledger.requests]
    refused_s = next(request.time_s for request in simulator.ledger.requests if request.status == 429) + 0.15
    assert not [time_s for time_s in times_s if refused_s + 0.15 < time_s < refused_s + 2.0]


async def test_the_same_key_under_two_names_shares_its_limits():
    """Limits belong to the key: two accounts with one key keep within one window together."""
    simulator = simulated(orders=60, latency_s=0.05)
    twin = Account("twin", account_of(simulator).credentials)
    async with engine_for(simulator) as engine:
        await engine.mass_cancel([account_of(simulator), twin], deadline_s=3)

    assert 15 >= simulator.ledger.most_in_window("alice", 1.0)


async def test_limits_are_shared_between_calls():
    """Two calls at once for one account keep within one window."""
    simulator = simulated(orders=60, latency_s=0.05)
    order_ids = sorted(simulator.ledger.open_ids())
    async with engine_for(simulator) as engine, anyio.create_task_group() as tasks:
        tasks.start_soon(engine.cancel_orders, account_of(simulator), order_ids[:30])
        tasks.start_soon(engine.cancel_orders, account_of(simulator), order_ids[30:])

    assert set() == simulator.ledger.open_ids()
    assert 15 >= simulator.ledger.most_in_window("alice", 1.0)


async def test_the_venue_wide_window_is_shared_in_turn():
    """Accounts share a venue-wide window round robin: a whale and a small account, and the small one is done early."""
    simulator = simulated(orders=100, latency_s=0.01, quota=None)
    simulator.add_account("bob", orders=10)
    limits = Limits(per_venue=(Window(10, 1.0),))
    async with engine_for(simulator, limits=limits) as engine:
        report = await engine.mass_cancel([account_of(simulator), account_of(simulator, "bob")])

    assert 10 >= simulator.ledger.most_in_window(None, 1.0)
    assert report.accounts["bob"].elapsed_s < 4.0
    assert report.accounts["alice"].elapsed_s > 10.0


async def test_a_token_bucket_can_take_the_windows_place():
    """Where the venue turns out to keep a token bucket, the engine can: a burst, then the rate."""
    simulator = simulated(orders=50, latency_s=0.01, quota=None)
    async with engine_for(simulator, limits=Limits(per_account=(Bucket(10.0, 20),))) as engine:
        summary = await engine.cancel_orders(account_of(simulator), sorted(simulator.ledger.open_ids()))

    assert 50 == summary.cancelled
    assert 3.0 == pytest.approx(summary.elapsed_s, abs=0.3)


@pytest.mark.parametrize(("is_shared", "expected"), [(True, 25), (False, 40)])
async def test_the_daily_allowance_stops_before_sending(is_shared, expected):
    """Cancels over the allowance never leave, and the fault says so; it is counted for all accounts together, or for each."""
    simulator = simulated(orders=20, quota=None)
    simulator.add_account("bob", orders=20)
    limits = Limits(allowance=Allowance(25, is_shared=is_shared))
    async with engine_for(simulator, limits=limits) as engine:
        report = await engine.mass_cancel([account_of(simulator), account_of(simulator, "bob")])

    assert expected == len(simulator.ledger.requests_of(None, routes={"cancel"})) == report.cancelled
    faults = [summary.fault for summary in report.accounts.values() if summary.fault]
    assert is_shared == any("allowance" in fault for fault in faults)


# --- 6 listings


async def test_a_side_filter_cancels_that_side_alone():
    """BUY takes the buys and leaves the sells, counted and untouched."""
    simulator = simulated(orders=50, latency_s=0.01)
    sells = {order_id for order_id, order in simulator.ledger.orders.items() if order.side is Side.SELL}
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator), Scope(side=Side.BUY))

    assert sells == simulator.ledger.open_ids()
    assert not any(simulator.ledger.was_touched(order_id) for order_id in sells)
    assert (25, True, True) == (summary.cancelled, summary.listing_complete, summary.verified)
    assert dict.fromkeys(sells, Belongs.OUT) == summary.left


@pytest.mark.parametrize("name", ["list_missing_side_enum", "list_side_contradicts", "list_side_unknown"])
async def test_an_order_whose_side_is_unclear_is_left_and_reported(name):
    """No side word, an unknown one, or one that contradicts the number: left alone under a side filter, and said."""
    simulator = simulated(orders=10, faults=[fault(name)], latency_s=0.01)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator), Scope(side=Side.SELL))

    unclear = [order_id for order_id, why in summary.left.items() if why is Belongs.SIDE_UNKNOWN]
    assert unclear
    assert not any(simulator.ledger.was_touched(order_id) for order_id in unclear)
    assert not summary.verified


async def test_an_order_whose_side_is_unclear_is_not_listed_under_a_side():
    """`open_orders` of one side yields no order of which it is not known that it is on it."""
    simulator = simulated(orders=10, faults=[fault("list_missing_side_enum")])
    async with engine_for(simulator) as engine:
        of_one_side = [order async for order in engine.open_orders(account_of(simulator), Scope(side=Side.SELL))]
        of_both = [order async for order in engine.open_orders(account_of(simulator))]

    assert any(order.side is None for order in of_both)
    assert {Side.SELL} >= {order.side for order in of_one_side}


async def test_the_other_encoding_of_sides_can_be_chosen():
    """Where listings turn out to say 0 for Buy and 1 for Sell, the venue can be told so; until then such rows are unclear."""
    for numbers, expected in (({0: Side.BUY, 1: Side.SELL}, 5), ({1: Side.BUY, 2: Side.SELL}, 0)):
        simulator = simulated(orders=10, side_encoding="0/1")
        async with engine_for(simulator, side_numbers=numbers) as engine:
            summary = await engine.cancel_all(account_of(simulator), Scope(side=Side.BUY))
        assert expected == summary.cancelled


async def test_a_market_is_its_own_id_unless_groups_are_included():
    """A group's id cancels nothing by default, and its markets where that was chosen."""
    for include_group, expected in ((False, 0), (True, 2)):
        simulator = simulated()
        for market in (101, 102):
            simulator.add_order("alice", market=market, root_market=100)
        simulator.add_order("alice", market=200)
        async with engine_for(simulator, include_group=include_group) as engine:
            summary = await engine.cancel_all(account_of(simulator), Scope(market=100))
        assert (expected, True) == (summary.cancelled, summary.verified)


async def test_where_and_ids_narrow_the_scope():
    """A predicate and a set of ids hold together, and what they leave is untouched."""
    simulator = simulated(orders=10)
    order_ids = sorted(simulator.ledger.open_ids())
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(
            account_of(simulator), Scope(order_ids=order_ids[:4], where=lambda order: order.order_id != order_ids[0])
        )

    assert set(order_ids[1:4]) == {result.order_id for result in summary.results}
    assert 7 == len(simulator.ledger.open_ids())


async def test_a_predicate_that_fails_leaves_its_orders_and_the_report():
    """An error in `where` costs neither the report nor an order that it did not decide about."""
    simulator = simulated(orders=3)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator), Scope(where=lambda order: order.no_such_thing))

    assert (0, False, 3) == (summary.total, summary.verified, len(simulator.ledger.open_ids()))
    assert {Belongs.UNDECIDED} == set(summary.left.values())


async def test_nothing_found_and_could_not_look_are_different():
    """An empty book is complete and verified; a failed listing is neither, with the reason."""
    empty, broken = simulated(), simulated(orders=50, faults=[fault("list_errno_page_1")])
    async with engine_for(empty) as engine:
        found_nothing = await engine.cancel_all(account_of(empty))
    async with engine_for(broken) as engine:
        could_not_look = await engine.cancel_all(account_of(broken))

    assert (0, True, True, True) == (
        found_nothing.total,
        found_nothing.listing_complete,
        found_nothing.verified,
        found_nothing.is_clean,
    )
    assert (0, False, False, False) == (
        could_not_look.total,
        could_not_look.listing_complete,
        could_not_look.verified,
        could_not_look.is_clean,
    )
    assert "10999" in could_not_look.fault


async def test_more_than_two_thousand_orders_are_no_limit():
    """2,050 open orders all come off."""
    simulator = simulated(orders=2_050, latency_s=0.01, quota=None)
    async with engine_for(simulator, limits=None) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert (2_050, True) == (summary.cancelled, summary.verified)


async def test_fills_and_newcomers_during_the_run_are_no_harm():
    """While orders fill and appear, no order is missed and each ends as the ledger says."""
    simulator = OpinionSimulator(
        seed=3, rules=OpinionRules(latency_s=0.05), faults=FaultPlan(), drift=Drift(fills_per_s=4, newcomers_per_s=2, until_s=8)
    )
    simulator.add_account("alice", orders=120)
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert [] == lies(summary, simulator.ledger)
    assert (True, set()) == (summary.verified, simulator.ledger.open_ids())


async def test_open_orders_yields_each_order_once():
    """Every open order in scope, each once, over all pages."""
    simulator = simulated(orders=45)
    async with engine_for(simulator) as engine:
        orders = [order async for order in engine.open_orders(account_of(simulator), Scope(side=Side.SELL))]

    sells = {order_id for order_id, order in simulator.ledger.orders.items() if order.side is Side.SELL}
    assert sells == {order.order_id for order in orders}
    assert len(orders) == len(sells)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("list_errno_page_2", WireError),
        ("http_500", TransportError),
        ("http_401", CredentialError),
        ("list_total_large", WireError),
    ],
)
async def test_open_orders_never_ends_as_if_complete(name, error):
    """A page that fails, or a listing that contradicts itself, raises instead of ending."""
    simulator = simulated(orders=45, faults=[fault(name, routes={"list"})])
    async with engine_for(simulator) as engine:
        with pytest.raises(error):
            [order async for order in engine.open_orders(account_of(simulator))]


async def test_open_orders_keeps_its_deadline():
    """A listing that takes longer than its deadline raises, naming the bound."""
    simulator = simulated(orders=45, latency_s=1.0)
    async with engine_for(simulator) as engine:
        with pytest.raises(TransportError, match=r"within 1\.5 s"):
            [order async for order in engine.open_orders(account_of(simulator), deadline_s=1.5)]


@pytest.mark.parametrize("ask", ["plan", "open_orders", "get_order"])
async def test_calls_that_only_read_come_back_at_their_deadline(ask):
    """A venue that hangs does not hold a reading call beyond its deadline: there is nothing to lose in waiting no longer."""
    simulator = simulated(orders=3, faults=[fault("hang")])
    began_s = anyio.current_time()
    async with engine_for(simulator) as engine:
        if ask == "plan":
            assert not (await engine.plan([account_of(simulator)], deadline_s=1)).listing_complete
        elif ask == "open_orders":
            with pytest.raises(TransportError):
                [order async for order in engine.open_orders(account_of(simulator), deadline_s=1)]
        else:
            with pytest.raises(TransportError):
                await engine.get_order(account_of(simulator), "some-order", deadline_s=1)

    assert 1.0 == pytest.approx(anyio.current_time() - began_s, abs=0.05)


async def test_get_order_shows_an_order_or_none():
    """The order as the venue shows it; None for one it does not know; an error where it cannot be read."""
    simulator = simulated(orders=1)
    (order_id,) = simulator.ledger.open_ids()
    async with engine_for(simulator) as engine:
        order = await engine.get_order(account_of(simulator), order_id)
        nothing = await engine.get_order(account_of(simulator), "no-such-order")

    assert (order_id, Side.BUY) == (order.order_id, order.side)
    assert nothing is None


@pytest.mark.parametrize("name", ["http_500", "html_200", "refused_10999", "drop"])
async def test_get_order_raises_where_it_cannot_be_read(name):
    """No usable answer is a VenueError, never None."""
    simulator = simulated(orders=1, faults=[fault(name, routes={"read"})])
    async with engine_for(simulator) as engine:
        with pytest.raises(VenueError):
            await engine.get_order(account_of(simulator), *simulator.ledger.open_ids())


async def test_get_order_does_not_believe_a_wrong_address():
    """Where nothing but 404 comes back, an order is not unknown to the venue: it could not be read."""
    async with CancelEngine(Opinion(BASE_URL), transport=WrongAddress()) as engine:
        with pytest.raises(VenueError):
            await engine.get_order(Account("alice", OpinionKey("some-user-key")), "a")


async def test_get_order_keeps_its_deadline():
    """A read that hangs past its deadline raises."""
    simulator = simulated(orders=1, faults=[fault("hang", routes={"read"})])
    async with engine_for(simulator) as engine:
        with pytest.raises(TransportError, match="was not read within 1 s"):
            await engine.get_order(account_of(simulator), *simulator.ledger.open_ids(), deadline_s=1)


def page_of(account):
    """A request of the caller's own: the first page of a listing, three rows long."""
    key = account.credentials.api_key
    return lambda _wall_s: wire.page_request(BASE_URL, key, page="1", market=None, statuses="", rows=3)


def body_of(answer, _wall_s):
    """What the answer says, if it is a good one."""
    if answer.status != 200:
        raise TransportError("no good answer", sent=True, code=f"http_{answer.status}", status=answer.status)
    return json.loads(answer.body)


async def test_read_gives_what_the_venue_wrote_within_the_limits():
    """A request of the caller's own takes its turn like any other, and its answer comes as the caller reads it."""
    simulator = simulated(orders=5, quota=2)
    alice = account_of(simulator)
    async with engine_for(simulator, limits=Limits(per_account=(Window(2, 1.0),))) as engine:
        for _ in range(5):
            body = await engine.read(alice, Kind.LIST, page_of(alice), body_of)

    assert (5, 3) == (body["result"]["total"], len(body["result"]["list"]))
    assert 0 == simulator.ledger.refused_for_pace()
    assert 2 == simulator.ledger.most_in_window("alice", 1.0)


async def test_read_tries_again_and_raises_what_is_final():
    """A server that fails for a moment is asked again; one that fails for good, and a refused key, are raised."""
    for rule, expected in (
        (fault("http_500", times=2), None),
        (fault("http_500"), TransportError),
        (fault("hang"), TransportError),
        (fault("key_dead_401"), CredentialError),
    ):
        simulator = simulated(orders=1, faults=[rule])
        alice = account_of(simulator)
        decode = (
            body_of if expected is not CredentialError else lambda answer, wall_s: Opinion().read_page(answer, "1", wall_s=wall_s)
        )
        async with engine_for(simulator) as engine:
            if expected is None:
                assert 1 == (await engine.read(alice, Kind.LIST, page_of(alice), decode))["result"]["total"]
                continue
            with pytest.raises(expected):
                await engine.read(alice, Kind.LIST, page_of(alice), decode, deadline_s=60)


async def test_read_keeps_its_deadline():
    """A read that hangs past its deadline raises, naming the bound."""
    simulator = simulated(orders=1, faults=[fault("hang")])
    alice, began_s = account_of(simulator), anyio.current_time()
    async with engine_for(simulator) as engine:
        with pytest.raises(TransportError, match="no answer within 1 s"):
            await engine.read(alice, Kind.LIST, page_of(alice), body_of, deadline_s=1)

    assert 1.0 == pytest.approx(anyio.current_time() - began_s, abs=0.05)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind.is_cancel])
async def test_read_cancels_nothing(kind):
    """What counts as a cancel is no reading: it would leave unrecorded, and might be sent again."""
    simulator = simulated(orders=1)
    alice = account_of(simulator)
    async with engine_for(simulator) as engine:
        with pytest.raises(ConfigError):
            await engine.read(alice, kind, page_of(alice), body_of)

    assert [] == simulator.ledger.requests


# --- plan


async def test_a_plan_says_what_would_be_done_and_sends_no_cancel():
    """Orders, requests and the least time, from a listing alone."""
    simulator = simulated(orders=300, latency_s=0.05)
    async with engine_for(simulator) as engine:
        plan = await engine.plan([account_of(simulator)])

    assert (300, 316, 21.0, True) == (plan.total, plan.requests, plan.least_time_s, plan.listing_complete)
    assert [] == simulator.ledger.requests_of("alice", routes={"cancel"})
    assert simulator.ledger.open_ids() == set(plan.to_dict()["accounts"]["alice"]["order_ids"])


async def test_a_plan_counts_what_it_would_leave():
    """Under a side filter the other side is left, and the requests include reading it twice for the proof."""
    simulator = simulated(orders=90)
    async with engine_for(simulator) as engine:
        plan = (await engine.plan([account_of(simulator)], Scope(side=Side.BUY))).accounts["alice"]

    assert (45, 45) == (len(plan.orders), len(plan.left))
    assert 5 + 45 + 2 * (3 + 1) == plan.requests
    assert {Belongs.OUT.value: 45} == plan.to_dict()["left"]


async def test_a_plan_says_when_it_could_not_look():
    """A failed listing, or a deadline, makes the plan incomplete, with the reason."""
    simulator = simulated(orders=45, faults=[fault("list_errno_page_2")], latency_s=0.05)
    async with engine_for(simulator) as engine:
        failed = (await engine.plan([account_of(simulator)])).accounts["alice"]
        late = (await engine.plan([account_of(simulator)], deadline_s=0.01)).accounts["alice"]

    assert (False, 20) == (failed.listing_complete, len(failed.orders))
    assert "10999" in failed.listing_error
    assert (False, "the deadline came first") == (late.listing_complete, late.listing_error)


# --- the request itself


@pytest.mark.parametrize(
    "ask",
    [
        lambda engine, alice: engine.cancel_all(alice, "everything"),
        lambda engine, alice: engine.cancel_all(alice, Scope(market="abc")),
        lambda engine, alice: engine.cancel_all(alice, Scope(market=-3)),
        lambda engine, alice: engine.cancel_all(alice, Scope(asset="maybe")),
        lambda engine, alice: engine.cancel_all(alice, deadline_s=0),
        lambda engine, alice: engine.cancel_all("alice"),
        lambda engine, alice: engine.cancel_all(Account("alice", "a-plain-text-key")),
        lambda engine, alice: engine.cancel_all(Account("alice", alice.credentials, venue="elsewhere")),
        lambda engine, alice: engine.mass_cancel([alice, alice]),
        lambda engine, alice: engine.get_order(alice, " "),
    ],
)
async def test_a_request_that_cannot_be_used_is_refused_before_anything_is_sent(ask):
    """Bad scope, bad account, bad deadline: a ConfigError, and the venue hears nothing."""
    simulator = simulated(orders=2)
    async with engine_for(simulator) as engine:
        with pytest.raises(ConfigError):
            await ask(engine, account_of(simulator))

    assert [] == simulator.ledger.requests


@pytest.mark.parametrize(
    "ask",
    [
        lambda engine, account: engine.cancel_order(account, "a"),
        lambda engine, account: engine.cancel_all(account),
        lambda engine, account: engine.mass_cancel([account]),
        lambda engine, account: engine.plan([account]),
        lambda engine, account: engine.get_order(account, "a"),
        lambda engine, account: anext(engine.open_orders(account)),
        lambda engine, account: engine.stream([account]).__aenter__(),
    ],
    ids=["cancel_order", "cancel_all", "mass_cancel", "plan", "get_order", "open_orders", "stream"],
)
async def test_an_engine_that_is_not_open_says_so(ask):
    """Every call outside `async with` is a ConfigError, alone and not in a group."""
    with pytest.raises(ConfigError, match="async with"):
        await ask(CancelEngine(Opinion(BASE_URL)), Account("alice", OpinionKey("k")))


@pytest.mark.parametrize("options", [{"in_flight": 0}, {"active_accounts": 0}, {"grace_s": -1}, {"in_flight": True}])
def test_impossible_options_are_refused(options):
    """Bounds must be bounds."""
    with pytest.raises(ConfigError):
        CancelEngine(Opinion(BASE_URL), **options)


async def test_the_number_in_flight_is_bounded():
    """No more than `in_flight` requests of an account are on their way at a time."""
    simulator = simulated(orders=50, quota=None, latency_s=0.05)
    flying, most = 0, 0

    class Counting(MemoryTransport):
        async def send(self, request, *, on_sent):
            nonlocal flying, most
            flying += 1
            most = max(most, flying)
            try:
                return await super().send(request, on_sent=on_sent)
            finally:
                flying -= 1

    async with CancelEngine(Opinion(BASE_URL, limits=None), transport=Counting(simulator), in_flight=7) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert (50, 7) == (summary.cancelled, most)
