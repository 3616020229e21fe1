"""The metrics say what the reports say, and their labels are few: whatever happens, whoever trades."""

import anyio
import pytest
from prometheus_client import CollectorRegistry
from support import account_of, engine_for, simulated, simulated_polymarket

from engine import Outcome, Scope, Side
from engine.core.quota import Kind
from engine.core.summary import Fault
from engine.events import JournalLost, OutageBegan, OutageEnded, RequestResult, RunBegan, RunEnded, RunResult
from engine.metrics import Metrics
from engine.simulator import FaultRule
from engine.simulator.opinion import FAULTS

pytestmark = pytest.mark.anyio


def fresh():
    """Metrics in a registry of their own."""
    return Metrics(CollectorRegistry(), wall_clock=lambda: 1_000.0)


def value(metrics, name, **labels):
    """One number; None where there is no such series."""
    return metrics.registry.get_sample_value(f"cancel_engine_{name}", labels)


def at_opinion(metrics, name, **labels):
    """The same, of Opinion."""
    return value(metrics, name, venue="opinion", **labels)


def struck(name, **conditions):
    """A rule with this fault of Opinion's."""
    return FaultRule(FAULTS[name], **conditions)


@pytest.mark.parametrize(
    "name", ["drop_after", "rate_429", "http_401", "acknowledged_not_done", "http_500", "hang", "broken_json"]
)
async def test_the_numbers_are_those_of_the_report(name):
    """Orders by outcome, what is at risk, requests and waits: the metrics agree with the report under any fault."""
    simulator = simulated(orders=40, latency_s=0.05, faults=[struck(name, share=0.4)])
    metrics = fresh()
    async with engine_for(simulator, on_event=metrics) as engine:
        report = await engine.mass_cancel([account_of(simulator)], deadline_s=60)
    summary = report.accounts["alice"]

    assert {each: summary.by_outcome.get(each, 0) for each in Outcome} == {
        each: at_opinion(metrics, "orders_total", outcome=each) for each in Outcome
    }
    assert report.at_risk == at_opinion(metrics, "orders_at_risk")
    assert (0, 1) == (value(metrics, "runs_in_progress"), value(metrics, "run_seconds_count"))
    assert report.elapsed_s == pytest.approx(value(metrics, "run_seconds_sum"))
    assert report.is_clean == (value(metrics, "last_run_clean") == 1)
    sent = {each: at_opinion(metrics, "requests_total", kind=k, result=each) for k in Kind for each in RequestResult}
    assert set(RequestResult) == sent.keys()
    requests = sum(
        at_opinion(metrics, "requests_total", kind=kind, result=each)
        for kind in Kind
        for each in RequestResult
        if each != "not_sent"
    )
    assert summary.requests == requests
    waited_s = sum(at_opinion(metrics, "quota_wait_seconds_sum", kind=kind) or 0.0 for kind in Kind)
    wire_s = sum(at_opinion(metrics, "request_seconds_sum", kind=kind) or 0.0 for kind in Kind)
    assert (pytest.approx(summary.waited_s), pytest.approx(summary.wire_s)) == (waited_s, wire_s)
    assert int(not report.listing_complete) == at_opinion(metrics, "listing_failures_total")
    faults = {each: at_opinion(metrics, "account_faults_total", fault=each) for each in Fault}
    assert {each: float(each is summary.fault_code) for each in Fault} == faults


async def test_a_refusal_for_pace_is_counted():
    """Every 429 is one more, by venue and kind of request."""
    simulator, metrics = simulated(orders=5, faults=[struck("rate_429_retry_1", routes={"cancel"}, times=3)]), fresh()
    async with engine_for(simulator, on_event=metrics) as engine:
        await engine.cancel_all(account_of(simulator))

    assert 3 == at_opinion(metrics, "throttled_total", kind="cancel_one")
    assert 0 == at_opinion(metrics, "throttled_total", kind="list")


async def test_what_is_at_risk_falls_as_the_run_goes_on():
    """While a run works, the gauges hold its orders that are not off the book yet, and what they rest for."""
    simulator, metrics, seen = simulated(orders=30, latency_s=0.05), fresh(), []

    def look(event):
        metrics(event)
        seen.append((at_opinion(metrics, "orders_at_risk"), at_opinion(metrics, "notional_at_risk")))

    async with engine_for(simulator, on_event=look) as engine:
        worth = sum([order.notional async for order in engine.open_orders(account_of(simulator))])
        await engine.cancel_all(account_of(simulator), lists_first=True)

    orders, worths = zip(*[each for each in seen if each[0] is not None], strict=True)
    assert (30, 0) == (max(orders), orders[-1])
    assert (pytest.approx(float(worth)), 0) == (max(worths), worths[-1])
    assert sorted(set(orders[orders.index(30) :]), reverse=True) == list(dict.fromkeys(orders[orders.index(30) :]))


async def test_what_a_run_has_left_stays_at_risk_until_it_is_known_to_be_gone():
    """An order that a run left counts until somebody knows better: a run over one side does not, a verified one over all does."""
    simulator, metrics = simulated(orders=10, faults=[struck("drop", until_s=8)]), fresh()
    at_risk, ids = [], sorted(simulator.ledger.open_ids("alice"))
    async with engine_for(simulator, on_event=metrics) as engine:
        await engine.cancel_orders(account_of(simulator), ids, deadline_s=5)
        at_risk.append(at_opinion(metrics, "orders_at_risk"))
        await anyio.sleep(10)
        for order_id in ids[:6]:
            assert simulator.cancel_elsewhere(order_id)
        await engine.cancel_orders(account_of(simulator), ids[6:])
        at_risk.append(at_opinion(metrics, "orders_at_risk"))
        for scope in (Scope(side=Side.BUY), Scope()):
            assert (await engine.cancel_all(account_of(simulator), scope)).verified
            at_risk.append(at_opinion(metrics, "orders_at_risk"))

    assert [10, 6, 6, 0] == at_risk
    assert 0 == at_opinion(metrics, "notional_at_risk")


async def test_no_label_grows_with_what_is_traded():
    """Thirty accounts make as many series as one: no name, id or word of a venue's becomes a label."""
    counts = []
    for many in (1, 30):
        simulator, metrics = simulated_polymarket(), fresh()
        for number in range(many):
            simulator.add_account(f"account-{number}", orders=8)
        async with engine_for(simulator, on_event=metrics) as engine:
            await engine.mass_cancel([account_of(simulator, f"account-{number}") for number in range(many)])
            await engine.cancel_orders(account_of(simulator, "account-0"), ["0x" + "ab" * 32], verify=True)
        series = [sample for family in metrics.registry.collect() for sample in family.samples]
        counts.append({(each.name, tuple(each.labels.items())) for each in series})

    few = {"polymarket", *Kind, *Outcome, *RequestResult, *RunResult, *Fault}
    assert {"kind"} >= {key for _, labels in counts[1] - counts[0] for key, _ in labels} - {"venue", "le"}
    assert set() == {v for _, labels in counts[1] for k, v in labels if k != "le"} - few


def test_outages_and_lost_records_are_shown_while_they_last():
    """A venue that is away is 1 until it is back; a lost record is 1 until another run ends with a whole one."""
    metrics, shown = fresh(), []
    metrics(RunBegan(run_id="1", venues=("opinion",), accounts=1, is_resumed=False))
    good = {"total": 0, "cancelled": 0, "at_risk": 0, "accounts": 1, "incomplete": 0, "stop": None, "elapsed_s": 1.0}
    for event in (
        OutageBegan(venue="opinion", error="HTTP 500"),
        JournalLost(run_id="1", error="the disk is full"),
        OutageEnded(venue="opinion", lasted_s=3.0),
        RunEnded(run_id="1", result=RunResult.CLEAN, unrecorded="the disk is full", **good),
        RunEnded(run_id="2", result=RunResult.INCOMPLETE, unrecorded=None, **good | {"incomplete": 2}),
    ):
        metrics(event)
        shown.append((at_opinion(metrics, "venue_away"), value(metrics, "last_run_unrecorded")))

    assert [(1, 0), (1, 1), (0, 1), (0, 1), (0, 0)] == shown
    assert (1, 1) == (at_opinion(metrics, "outages_total"), value(metrics, "journal_lost_total"))
    assert (2, 0) == (value(metrics, "last_run_incomplete_accounts"), value(metrics, "last_run_clean"))
    assert (1, 1, 0) == tuple(value(metrics, "runs_total", result=each) for each in ("clean", "incomplete", "at_risk"))
    assert 1_000.0 == value(metrics, "last_run_end_timestamp_seconds")


def test_every_series_is_there_before_anything_happens():
    """What an alert waits for begins at zero as soon as a run begins, so that its first increase counts."""
    metrics = fresh()
    assert (1, 0) == (value(metrics, "last_run_clean"), value(metrics, "runs_total", result="at_risk"))
    metrics(RunBegan(run_id="1", venues=("opinion", "polymarket"), accounts=2, is_resumed=False))

    for venue in ("opinion", "polymarket"):
        assert 0 == value(metrics, "throttled_total", venue=venue, kind="cancel_one")
        assert 0 == value(metrics, "listing_failures_total", venue=venue)
        assert 0 == value(metrics, "orders_at_risk", venue=venue)
    assert 1 == value(metrics, "runs_in_progress")
