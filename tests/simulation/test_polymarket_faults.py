"""Under every fault that Polymarket can have, 1,000 orders each: no outcome contradicts the ledger."""

import pytest
from support import account_of, engine_for, lies, simulated_polymarket

from engine import Outcome, Scope
from engine.simulator import FaultRule
from engine.simulator.polymarket import FAULTS

pytestmark = pytest.mark.anyio

CANCELS = frozenset({"cancel", "cancel_many", "cancel_all", "cancel_market"})
MODES = {"passing": {"times": 2}, "share": {"share": 0.34}, "lasting": {}}
ORDERS = {"passing": 1000, "share": 150, "lasting": 150}
"""A thousand where everything has to come off in the end; fewer where it may not, which costs many more requests."""

BY_ID = Scope(where=lambda _order: True)


def faults_on(*routes):
    """The names of the faults that these routes can have."""
    return [name for name, fault in FAULTS.items() if fault.routes & set(routes)]


def stops_the_account(name):
    """Whether one such answer is proof enough to stop."""
    return any(word in name for word in ("401", "403_json", "key_dead", "revoked"))


async def pull(name, routes, mode, *, scope=BY_ID, orders=None, **options):
    """A cancel-all under the fault: the summary and the simulator."""
    routes = FAULTS[name].routes & set(routes)
    rule = FaultRule(FAULTS[name], routes=routes, **MODES[mode])
    tier = "standard" if options else "gold"  # with fewer tokens, a mass cancel is the better way
    simulator = simulated_polymarket(orders=orders or ORDERS[mode], faults=[rule], latency_s=0.05, tier=tier)
    async with engine_for(simulator, tier=tier) as engine:
        return await engine.cancel_all(account_of(simulator), scope, deadline_s=50_000, **options), simulator


def check(summary, simulator):
    """The laws that hold under any fault."""
    ledger = simulator.ledger
    still_open = ledger.open_ids("alice")
    at_risk = {result.order_id for result in summary.results if result.outcome.may_be_live}
    assert [] == lies(summary, ledger)
    assert not (summary.verified and still_open)
    assert not (summary.is_clean and still_open)
    assert not summary.listing_complete or still_open <= at_risk
    assert summary.elapsed_s < 50_000


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", faults_on("cancel", "cancel_many"))
async def test_cancels_by_id(name, mode):
    """Whatever happens to cancels by id, passing, now and then or for good: true to the ledger; a passing one costs nothing."""
    summary, simulator = await pull(name, {"cancel", "cancel_many"}, mode)

    check(summary, simulator)
    if mode == "passing" and not stops_the_account(name):
        assert set() == simulator.ledger.open_ids("alice")
        assert (0, True, True, None) == (summary.at_risk, summary.listing_complete, summary.verified, summary.fault)


@pytest.mark.parametrize("mode", ["passing", "lasting"])
@pytest.mark.parametrize(
    ("route", "name"), [(route, name) for route in ("cancel_all", "cancel_market") for name in faults_on(route)]
)
async def test_mass_cancels(route, name, mode):
    """Whatever happens to a mass cancel, everything comes off by it, or by id after it, and every order is accounted for."""
    market = next(iter(simulated_polymarket(orders=1).ledger.orders.values())).market
    scope = Scope() if route == "cancel_all" else Scope(market=market)
    # Blind, a name that the venue gives is believed; where all were listed before, a stranger is looked at.
    lists_first = mode == "passing" or "foreign" in name
    orders = 150 if route == "cancel_market" else None
    summary, simulator = await pull(name, {route}, mode, scope=scope, orders=orders, lists_first=lists_first)

    check(summary, simulator)
    takes_none = mode == "lasting" and ("425" in name or "disabled" in name)
    if takes_none:
        assert summary.fault
    elif not stops_the_account(name):
        assert set() == simulator.ledger.open_ids("alice")
        assert (0, True, True, None) == (summary.at_risk, summary.listing_complete, summary.verified, summary.fault)
        assert mode == "lasting" or set(simulator.ledger.orders) <= {result.order_id for result in summary.results}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", faults_on("list"))
async def test_listings(name, mode):
    """Whatever happens to listings, an incomplete one is never called done, and a passing fault is got over."""
    summary, simulator = await pull(name, {"list"}, mode)

    check(summary, simulator)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [name for name in faults_on("read") if "giant" not in name])
async def test_reads(name, mode):
    """Whatever happens to reads, which settle what a cancel leaves open: no fate is guessed."""
    unclear = FaultRule(FAULTS["reason_ambiguous_after"], routes={"cancel_many"}, times=2)
    rule = FaultRule(FAULTS[name], routes={"read"}, **MODES[mode])
    simulator = simulated_polymarket(orders=ORDERS[mode], faults=[unclear, rule], latency_s=0.05, tier="gold")
    order_ids = sorted(simulator.ledger.open_ids("alice"))
    async with engine_for(simulator, tier="gold") as engine:
        summary = await engine.cancel_orders(account_of(simulator), order_ids, deadline_s=50_000)

    assert order_ids == [result.order_id for result in summary.results]
    check(summary, simulator)
    if mode == "passing" and "404" not in name and not summary.fault:
        assert {Outcome.CANCELLED, Outcome.ALREADY_CANCELLED} >= set(summary.by_outcome)
