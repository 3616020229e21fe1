"""Promise 2: the sums hold, in a summary and over accounts, and what is written down can be read by other programs."""

import json
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import (
    Belongs,
    CancelSummary,
    Fault,
    OpenOrder,
    OrderResult,
    Outage,
    Outcome,
    Percentiles,
    RunReport,
    Side,
)

RISKY = {Outcome.REJECTED, Outcome.UNKNOWN, Outcome.NOT_SENT}


def summary_of(outcomes, *, name="alice", **more):
    """A summary with these outcomes, in this order."""
    results = [
        OrderResult(
            index=index, account=name, order_id=f"order-{index}", outcome=outcome, sent_s=float(index), settled_s=index + 0.5
        )
        for index, outcome in enumerate(outcomes)
    ]
    return CancelSummary(account=name, results=results, **more)


@given(st.lists(st.sampled_from(Outcome), max_size=30))
def test_every_order_is_counted_once(outcomes):
    """Cancelled and failed make the total, the outcomes make it too, and at risk are exactly those that may be live."""
    summary = summary_of(outcomes)

    assert len(outcomes) == summary.total == summary.cancelled + summary.failed == sum(summary.by_outcome.values())
    assert sum(outcome in RISKY for outcome in outcomes) == summary.at_risk
    assert summary.is_clean == (summary.at_risk == 0)


@given(st.lists(st.lists(st.sampled_from(Outcome), max_size=8), max_size=5))
def test_a_report_is_the_sum_of_its_accounts(accounts):
    """Every count of a report is the sum over its summaries, and no result is lost."""
    summaries = {str(number): summary_of(outcomes, name=str(number)) for number, outcomes in enumerate(accounts)}
    report = RunReport(run_id="run", accounts=summaries)
    everything = [outcome for outcomes in accounts for outcome in outcomes]

    assert len(everything) == report.total == report.cancelled + report.failed == sum(report.by_outcome.values())
    assert everything == [result.outcome for result in report.results]
    assert sum(outcome in RISKY for outcome in everything) == report.at_risk
    assert report.is_clean == all(summary.is_clean for summary in summaries.values())


def test_a_report_says_when_it_began_and_ended():
    """The first cancel that left and the last fate that was written, over all accounts; nothing where there was none."""
    report = RunReport(run_id="run", accounts={"alice": summary_of([Outcome.CANCELLED, Outcome.FILLED]), "bob": summary_of([])})
    nothing = RunReport(run_id="run", accounts={})

    assert (0.0, 1.5) == (report.first_cancel_s, report.last_settled_s)
    assert (None, None, True) == (nothing.first_cancel_s, nothing.last_settled_s, nothing.is_clean)


def test_an_incomplete_listing_is_not_clean():
    """Nothing at risk is not enough: what could not be listed may be live."""
    summary = summary_of([], listing_complete=False, listing_error="HTTP 500", verified=False)
    report = RunReport(run_id="run", accounts={"alice": summary})

    assert (False, False, False) == (summary.is_clean, report.is_clean, report.listing_complete)


def test_one_account_that_was_not_listed_is_enough():
    """A report is complete, and clean, only where every account is; those that were to be proved empty and were not are named."""
    summaries = [
        summary_of([Outcome.CANCELLED], name="proved", verified=True),
        summary_of([], name="blind", listing_complete=False, listing_error="HTTP 500", verified=False),
        summary_of([Outcome.CANCELLED], name="not asked"),
    ]
    report = RunReport(run_id="run", accounts={summary.account: summary for summary in summaries})

    assert (False, False, ["blind"]) == (report.listing_complete, report.is_clean, report.unverified)


def test_a_report_is_plain_values():
    """Both can be written as JSON, with the documented keys, and say what was left and why."""
    left = {"x": Belongs.OUT, "y": Belongs.SIDE_UNKNOWN}
    summary = summary_of([Outcome.CANCELLED, Outcome.UNKNOWN], left=left, verified=False)
    told = json.loads(json.dumps(RunReport(run_id="run", accounts={"alice": summary}).to_dict()))

    assert {"run_id": "run", "total_orders": 2, "cancelled": 1, "failed": 1, "at_risk": 1}.items() <= told.items()
    alice = told["accounts"]["alice"]
    assert {"cancelled": 1, "unknown": 1} == alice["by_outcome"]
    assert {"out of scope": 1, "side not established": 1} == alice["left"] == told["left"]
    assert {"x": "out of scope", "y": "side not established"} == alice["left_orders"]
    assert [0, 1] == [row["index"] for row in alice["results"]]


# --- figures


def priced(index, outcome, *, price="0.50", size="10", filled="2", **more):
    """A result for an order that rests for a price."""
    order = OpenOrder(
        order_id=f"order-{index}",
        side=Side.BUY,
        market="7",
        asset="yes",
        price=None if price is None else Decimal(price),
        size=Decimal(size),
        filled=Decimal(filled),
    )
    return OrderResult(index=index, account="alice", order_id=f"order-{index}", outcome=outcome, order=order, **more)


def report_of(results, **more):
    """A report of one account with these results."""
    summary = CancelSummary(account="alice", venue="opinion", results=list(results), verified=True)
    return RunReport(run_id="run", accounts={"alice": summary}, **more)


def test_the_curve_falls_from_everything_to_what_is_at_risk():
    """Each order leaves the curve when its fate was written, with its money; what may be live stays."""
    report = report_of(
        [
            priced(0, Outcome.CANCELLED, sent_s=0.5, settled_s=2.0),
            priced(1, Outcome.FILLED, settled_s=1.0),
            priced(2, Outcome.UNKNOWN, sent_s=0.5, settled_s=3.0),
            priced(3, Outcome.CANCELLED, price=None, settled_s=2.5),
        ]
    )

    assert [(0.0, 4, "12.00"), (1.0, 3, "8.00"), (2.0, 2, "4.00"), (2.5, 1, "4.00")] == [
        (point.at_s, point.orders, str(point.notional)) for point in report.curve
    ]
    assert 1 == report.unpriced


amounts = st.decimals(0, 10**9, places=6).map(str)


@given(st.lists(st.tuples(st.sampled_from(Outcome), st.floats(0, 9), amounts, amounts, amounts), max_size=60))
def test_the_curve_says_at_any_time_what_may_still_be_live(rows):
    """Each point is what a count of the results at its moment gives; it never rises, and ends with what is at risk."""
    results = [
        priced(index, outcome, settled_s=at_s, price=price, size=size, filled=filled)
        for index, (outcome, at_s, price, size, filled) in enumerate(rows)
    ]
    report = report_of(results)

    for point in report.curve[1:]:
        live = [each for each in results if each.outcome in RISKY or round(each.settled_s, 3) > point.at_s]
        assert len(live) == point.orders
        assert sum(money_of(each) for each in live) == pytest.approx(point.notional)
    assert (0.0, len(rows), report.at_risk) == (report.curve[0].at_s, report.curve[0].orders, report.curve[-1].orders)
    assert all(a.orders >= b.orders and a.notional >= b.notional and a.at_s <= b.at_s for a, b in pairwise(report.curve))
    assert sum(each.order.notional < 0 for each in results) == report.unpriced


def money_of(result):
    """What an order rests for; nothing where the venue says that more was filled than was ordered."""
    return max(Decimal(0), result.order.notional)


@pytest.mark.parametrize(("orders", "points"), [(0, 1), (1, 2), (99, 100), (100, 100), (1_000, 100)])
def test_a_long_curve_is_thinned_and_keeps_its_ends(orders, points):
    """At most a hundred points, evenly many moments between two; the first holds every order, the last those at risk."""
    curve = report_of(priced(index, Outcome.CANCELLED, settled_s=1.0 + index) for index in range(orders)).curve

    assert points == len(curve)
    assert (orders, 0, 0.0, orders) == (curve[0].orders, curve[-1].orders, curve[0].at_s, curve[-1].at_s)
    assert all(abs(a.orders - b.orders - orders / 99) <= 1 for a, b in pairwise(curve) if orders > 99)


def test_orders_that_one_answer_settled_fall_together():
    """A mass cancel of a thousand orders is one step, not a hundred at the same moment."""
    report = report_of(priced(index, Outcome.CANCELLED, settled_s=1.2) for index in range(1_000))

    assert [(0.0, 1_000), (1.2, 0)] == [(point.at_s, point.orders) for point in report.curve]


def test_what_nobody_timed_leaves_the_curve_at_once():
    """A fate without a time, which no run writes, does not hold the curve up."""
    assert [(0.0, 1), (0.0, 0)] == [(point.at_s, point.orders) for point in report_of([priced(0, Outcome.FILLED)]).curve]


def test_results_are_walked_over_a_few_times_however_much_is_asked():
    """Figures are worked out once: asking for all of them, again and again, does not read a million results again."""

    class Results(list):
        walks = 0

        def __iter__(self):
            Results.walks += 1
            return super().__iter__()

    summary = CancelSummary(account="alice", results=Results([priced(0, Outcome.CANCELLED, settled_s=1.0)]))
    report = RunReport(run_id="run", accounts={"alice": summary})
    for _ in range(3):
        assert (1, 0, 1.0) == (report.total, report.at_risk, report.last_cancel_s)
        assert (2, 0, ()) == (len(report.curve), report.unpriced, report.by_reason)
        assert Percentiles() == report.request_s

    assert 4 == Results.walks


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200), st.sampled_from([50, 95, 99]))
def test_a_percentile_is_the_smallest_time_that_so_many_do_not_exceed(seconds, share):
    """By the definition of the nearest rank, counted out."""
    told = getattr(Percentiles.of(seconds), f"p{share}")

    assert told in seconds
    assert 100 * sum(each <= told for each in seconds) >= share * len(seconds)
    assert 100 * sum(each < told for each in seconds) < share * len(seconds)


def test_times_are_told_from_the_call_and_from_the_request():
    """Only cancelled orders count; one that nobody of us asked for has no request to count from."""
    report = report_of(
        [
            priced(0, Outcome.CANCELLED, sent_s=1.0, settled_s=2.0),
            priced(1, Outcome.ALREADY_CANCELLED, settled_s=8.0),
            priced(2, Outcome.FILLED, sent_s=0.0, settled_s=9.0),
        ]
    )

    assert (0.0, 8.0, 9.0) == (report.first_cancel_s, report.last_cancel_s, report.last_settled_s)
    assert Percentiles(p50=2.0, p95=8.0, p99=8.0) == report.settle_s
    assert Percentiles(p50=1.0, p95=1.0, p99=1.0) == report.request_s
    assert Percentiles() == report_of([]).settle_s


def test_a_reason_is_told_once_however_many_orders_share_it():
    """Orders of the same outcome, code and words are one reason with a count and a few names; what may be live comes first."""
    results = [priced(index, Outcome.FILLED, code="filled", error="too late") for index in range(9)]
    results += [priced(9, Outcome.REJECTED, code=429, error="slow down"), priced(10, Outcome.CANCELLED)]
    rejected, filled = report_of(results).by_reason

    assert (Outcome.REJECTED, "429", 1, ["order-9"]) == (rejected.outcome, rejected.code, rejected.count, rejected.order_ids)
    assert (Outcome.FILLED, "filled", 9) == (filled.outcome, filled.code, filled.count)
    assert [f"order-{index}" for index in range(5)] == filled.order_ids
    assert ["alice"] * 5 == filled.accounts


# --- troubles


def stopped(name, code, *, venue="opinion", **more):
    """A summary of an account that was stopped."""
    more = {"listing_complete": False, "listing_error": "stopped", "verified": False} | more
    return CancelSummary(account=name, venue=venue, fault=f"the words of {code}", fault_code=code, **more)


def troubles(*summaries, **more):
    """Kind, venue and accounts of what went wrong."""
    report = RunReport(run_id="run", accounts={each.account: each for each in summaries}, **more)
    return [(each.kind, each.venue, each.accounts) for each in report.troubles], [each.text for each in report.troubles]


def test_a_run_without_trouble_names_none():
    """Nothing went wrong, nothing is said."""
    assert ([], []) == troubles(summary_of([Outcome.CANCELLED], verified=True), summary_of([], name="bob"))


def test_accounts_with_the_same_fault_are_one_trouble():
    """Two refused keys are one entry with both names; a used-up allowance is another."""
    good = [summary_of([], name=f"good-{number}", venue="opinion", verified=True) for number in range(20)]
    told, words = troubles(*good, stopped("a", Fault.CREDENTIALS), stopped("b", Fault.ALLOWANCE), stopped("c", Fault.CREDENTIALS))

    assert [("credentials", "opinion", ("a", "c")), ("allowance", "opinion", ("b",))] == told
    assert "2 accounts of 23 at opinion stopped early (a, c): the words of credentials." == words[0]


def test_a_storm_of_refused_keys_is_named_as_one():
    """Three hundred of a thousand keys refused at one venue are one trouble, which says what that points to."""
    good = [summary_of([], name=f"good-{number}", venue="opinion", verified=True) for number in range(700)]
    bad = [stopped(f"bad-{number}", Fault.CREDENTIALS) for number in range(300)]
    told, words = troubles(*good, *bad)

    assert [("storm", "opinion", tuple(f"bad-{number}" for number in range(300)))] == told
    assert "300 of 1,000 accounts" in words[0]
    assert "revoked builder" in words[0]
    assert "and 295 more" in words[0]


def test_few_refused_keys_are_no_storm():
    """Two of two, or three of a hundred, are single bad keys."""
    few, _ = troubles(stopped("a", Fault.CREDENTIALS), stopped("b", Fault.CREDENTIALS))
    good = [summary_of([], name=f"good-{number}", venue="opinion", verified=True) for number in range(97)]
    rare, _ = troubles(*good, *(stopped(name, Fault.CREDENTIALS) for name in "abc"))

    assert (["credentials"], ["credentials"]) == ([kind for kind, _, _ in few], [kind for kind, _, _ in rare])


def test_an_outage_explains_the_accounts_that_it_stopped():
    """A venue that did not come back is told once, with all accounts given up for it."""
    outage = Outage(venue="opinion", began_s=2.0, ended_s=None, text="HTTP 502", probes=9)
    away = {"elapsed_s": 30.0}
    told, words = troubles(stopped("a", Fault.UNREACHABLE, **away), stopped("b", Fault.UNREACHABLE, **away), outages=(outage,))

    assert [("outage", "opinion", ("a", "b"))] == told
    assert "opinion gave no usable answer to anybody from 2.0 s on: HTTP 502." == words[0]


FIRST = Outage(venue="opinion", began_s=2.0, ended_s=22.5, text="HTTP 502")
SECOND = Outage(venue="opinion", began_s=50.0, ended_s=None, text="no answer")
ELSEWHERE = Outage(venue="polymarket", began_s=0.0, ended_s=None, text="no answer")


@pytest.mark.parametrize(
    ("gave_up_s", "named_with"),
    [(1.9, None), (2.0, 22.5), (10.0, 22.5), (22.5, 22.5), (22.5004, 22.5), (30.0, None), (49.9, None), (50.0, "open")],
)
def test_an_account_is_told_with_the_outage_in_which_it_was_given_up(gave_up_s, named_with):
    """Named once: with the outage of its own venue that lasted at that moment, or else by itself."""
    account = stopped("a", Fault.UNREACHABLE, elapsed_s=gave_up_s)
    report = RunReport(run_id="run", accounts={"a": account}, outages=(FIRST, ELSEWHERE, SECOND))
    (named,) = [trouble for trouble in report.troubles if "a" in trouble.accounts]

    assert ("unreachable" if named_with is None else "outage") == named.kind
    assert named_with is None or ("until 22.5 s" in named.text) == (named_with == 22.5)


def test_an_outage_has_the_same_words_before_and_after_loading():
    """Its times are told from the milliseconds that are written down: 0.4499 s are 0.45 s there, and so 0.5 s."""
    outage = Outage(venue="opinion", began_s=0.4499, ended_s=0.6499, text="HTTP 502")
    report = RunReport(run_id="run", accounts={}, outages=(outage,))
    loaded = RunReport.from_dict(report.to_dict())

    assert report.troubles == loaded.troubles


def test_what_was_waited_out_is_told_last_and_blames_nobody():
    """An outage that ended is told with its times; an account that only later stopped answering is told by itself."""
    told, words = troubles(stopped("a", Fault.UNREACHABLE, elapsed_s=60.0), outages=(FIRST,))

    assert [("unreachable", "opinion", ("a",)), ("outage", "opinion", ())] == told
    assert "from 2.0 s on until 22.5 s" in words[1]


def test_what_needs_a_person_most_is_told_first():
    """Refused keys of many before an open outage, before single faults, before what is unproved, before what is over."""
    away = Outage(venue="polymarket", began_s=0.0, ended_s=None, text="HTTP 502")
    summaries = [
        summary_of([], name="lost", venue="polymarket", verified=True, is_uncounted=True),
        stopped("used-up", Fault.ALLOWANCE),
        stopped("key", Fault.CREDENTIALS, venue="polymarket"),
        *(stopped(f"slow-{number}", Fault.PACE) for number in range(2)),
        stopped("broken", Fault.INTERNAL),
        stopped("dumb", Fault.LISTING),
        *(stopped(f"key-{number}", Fault.CREDENTIALS) for number in range(3)),
        stopped("slow", Fault.PACE, venue="polymarket"),
    ]
    told, _ = troubles(*summaries, outages=(FIRST, away), stop="the deadline came first")

    assert [
        ("storm", "opinion"), ("outage", "polymarket"), ("credentials", "polymarket"), ("internal", "opinion"),
        ("pace", "opinion"), ("pace", "polymarket"), ("allowance", "opinion"), ("listing", "opinion"),
        ("uncounted", "polymarket"), ("stop", None), ("outage", "opinion"),
    ] == [(kind, venue) for kind, venue, _ in told]  # fmt: skip


@pytest.mark.parametrize("code", [*Fault, None])
def test_whatever_stopped_an_account_is_told(code):
    """Every fault is a trouble, also one that came without a code."""
    told, words = troubles(stopped("a", code))

    assert [("fault" if code is None else code.value, "opinion", ("a",))] == told
    assert f"the words of {code}" in words[0]


def test_an_account_that_was_not_proved_empty_is_told():
    """Incomplete, complete and not verified, and uncounted are three things, each with its accounts, venue by venue."""
    blind = summary_of([], name="a", venue="opinion", listing_complete=False, listing_error="the listing moved", verified=False)
    doubtful = summary_of([], name="b", venue="opinion", verified=False)
    lost = summary_of([], name="c", venue="polymarket", verified=True, is_uncounted=True)
    told, words = troubles(blind, doubtful, lost)

    assert [("listing", "opinion", ("a",)), ("unverified", "opinion", ("b",)), ("uncounted", "polymarket", ("c",))] == told
    assert "the listing moved" in words[0]


def test_a_stop_explains_what_it_cut_short():
    """After a deadline, the accounts that it left without a listing, or without a proof, are named with it and nowhere else."""
    blind = summary_of([], name="a", venue="opinion", listing_complete=False, listing_error="x", verified=False)
    doubtful = summary_of([], name="b", venue="opinion", verified=False)
    done = summary_of([], name="c", venue="opinion", verified=True)
    told, words = troubles(blind, doubtful, done, stopped("d", Fault.ALLOWANCE), stop="the deadline came first")

    assert [("allowance", "opinion", ("d",)), ("stop", None, ("a", "b"))] == told
    assert "The run ended early: the deadline came first. Not proved empty: 2 accounts (a, b)." == words[1]
    assert "The run ended early: x." == troubles(done, stop="x")[1][0]
