"""What whole runs write down: it keeps to the documented schema, loads back to the same figures, and names each trouble once."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest
from support import account_of, both_venues, engine_for, simulated, simulated_polymarket

from engine import Account, Retry, RunReport, Scope, Side
from engine.simulator import FaultRule
from engine.simulator.opinion import FAULTS
from engine.simulator.polymarket import FAULTS as POLYMARKET_FAULTS
from engine.venues.opinion import OpinionKey

pytestmark = pytest.mark.anyio

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text(encoding="utf-8"))


def crowd(**options):
    """A simulated Opinion with five accounts of thirty orders each."""
    simulator = simulated(latency_s=0.0337, **options)
    for number in range(5):
        simulator.add_account(f"account-{number}", orders=30)
    return simulator, [account_of(simulator, f"account-{number}") for number in range(5)]


async def quiet():
    """Nothing goes wrong."""
    simulator, accounts = crowd()
    async with engine_for(simulator) as engine:
        return await engine.mass_cancel(accounts)


async def one_side():
    """Half of the orders are left alone."""
    simulator, accounts = crowd()
    async with engine_for(simulator) as engine:
        return await engine.mass_cancel(accounts, Scope(side=Side.BUY))


async def stormy():
    """One venue refuses a third of the keys and is away for a while; a mass cancel's answer is lost at the other."""
    simulator, accounts = crowd(faults=[FaultRule(FAULTS["http_500"], from_s=1, until_s=12)])
    wrong = [Account(f"wrong-{number}", OpinionKey(f"no-such-key-{number}"), "opinion") for number in range(3)]
    lost = FaultRule(POLYMARKET_FAULTS["drop_after"], routes={"cancel_all"}, times=1)
    polymarket = simulated_polymarket(orders=40, faults=[lost])
    async with both_venues(simulator, polymarket) as engine:
        return await engine.mass_cancel([*accounts, *wrong, account_of(polymarket)])


async def cut_short():
    """The deadline comes first."""
    simulator, accounts = crowd()
    async with engine_for(simulator) as engine:
        return await engine.mass_cancel(accounts, deadline_s=1.3)


async def given_up():
    """The venue goes away and does not come back."""
    simulator, accounts = crowd(faults=[FaultRule(FAULTS["drop"], from_s=1.0)])
    async with engine_for(simulator, retry=Retry(longest_outage_s=20.0)) as engine:
        return await engine.mass_cancel(accounts)


RUNS = {
    quiet: [],
    one_side: [],
    stormy: ["storm", "uncounted", "outage"],
    cut_short: ["stop"],
    given_up: ["outage"],
}


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)
async def test_what_a_run_writes_down_is_documented_loads_back_and_names_each_trouble_once(run):
    """The document validates, a reader gets the same figures from it, and no account is named for two reasons of its own."""
    report = await run()
    document = json.loads(json.dumps(report.to_dict()))
    jsonschema.validate(document, SCHEMA)
    named = Counter(name for trouble in report.troubles for name in trouble.accounts)

    assert document == json.loads(json.dumps(RunReport.from_dict(document).to_dict()))
    assert RUNS[run] == [trouble.kind for trouble in report.troubles]
    assert {name for name, summary in report.accounts.items() if summary.fault or not summary.listing_complete} <= set(named)
    assert {1} >= set(named.values())


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)
async def test_the_figures_of_a_run_fit_together(run):
    """The curve falls from the total to what is at risk; the times stand in the order in which things happen."""
    report = await run()
    times = [report.first_cancel_s, report.settle_s.p50, report.settle_s.p95, report.settle_s.p99, report.last_cancel_s]

    assert (report.total, report.at_risk) == (report.curve[0].orders, report.curve[-1].orders)
    assert all(a.orders >= b.orders and a.notional >= b.notional for a, b in pairwise(report.curve))
    assert sorted([0.0, *times, report.last_settled_s, report.elapsed_s + 0.001]) == [
        0.0, *times, report.last_settled_s, report.elapsed_s + 0.001,
    ]  # fmt: skip
    assert report.total > 0
    assert sum(reason.count for reason in report.by_reason) == report.failed
    assert (run is one_side) == bool(report.left)
