"""Every fault of the catalogue, over whole runs under the virtual clock, judged by the ledger."""

import pytest
from support import account_of, engine_for, lies, simulated

from engine import Outcome
from engine.simulator import FaultRule
from engine.simulator.opinion import FAULTS

pytestmark = pytest.mark.anyio

MODES = {"first": {"times_per_order": 1}, "share": {"share": 0.3}, "always": {}}
"""Once for each order (or page), by dice, or every time."""

ENDS_THE_ACCOUNT = {"401", "403", "10403", "11002"}
"""A fault whose name ends in one of these is the venue's word that the key, or the place, is refused."""

INVENTS_ROWS = {"list_int_order_id"}
"""The listing names an order that does not exist, and hides the one that does: no reader could know."""


def stops_the_account(name):
    """Whether one such answer is proof enough to stop."""
    return bool(ENDS_THE_ACCOUNT & set(name.removesuffix("_after").split("_")))


ACKNOWLEDGES_FALSELY = ["acknowledged_not_done", "cancels_ignored", "status_201", "status_202"]
"""The venue gives its documented acknowledgement and does nothing."""


async def pull(name, route, mode, *, orders):
    """A cancel-all under the fault: the summary and the simulator."""
    simulator = simulated(orders=orders, faults=[FaultRule(FAULTS[name], routes={route}, **MODES[mode])], latency_s=0.05)
    async with engine_for(simulator) as engine:
        return await engine.cancel_all(account_of(simulator), deadline_s=100_000), simulator


def check(summary, simulator, name):
    """The laws that hold under any fault."""
    ledger = simulator.ledger
    still_open = ledger.open_ids("alice")
    accounted = {result.order_id for result in summary.results}
    assert [] == lies(summary, ledger)
    assert not (summary.verified and still_open)
    assert not (summary.is_clean and still_open)
    assert name in INVENTS_ROWS or not summary.listing_complete or still_open <= accounted
    assert 15 >= ledger.most_in_window("alice", 1.0)
    assert 0 == ledger.refused_for_pace("alice")
    assert summary.elapsed_s < 100_000


@pytest.mark.parametrize("name", FAULTS)
async def test_no_fault_makes_the_report_lie(name):
    """Alone, by dice or all the time, on any route: no statement of the report is false, and no window is exceeded."""
    for route in sorted(FAULTS[name].routes & {"cancel", "list", "read"}):
        for mode in MODES:
            check(*await pull(name, route, mode, orders=21 if "giant" in name else 45), name)


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if "cancel" in fault.routes])
async def test_a_thousand_orders_come_off_the_book(name):
    """1,000 orders with the fault on a third of all cancels: everything is off the book, unless the key was refused."""
    summary, simulator = await pull(name, "cancel", "share", orders=21 if "giant" in name else 1000)

    check(summary, simulator, name)
    if stops_the_account(name):
        assert summary.fault
        assert summary.at_risk
    else:
        assert (0, True, True, None) == (summary.at_risk, summary.listing_complete, summary.verified, summary.fault)
        assert set() == simulator.ledger.open_ids("alice")


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if "list" in fault.routes and name not in INVENTS_ROWS])
async def test_a_page_that_fails_once_is_no_harm(name):
    """A listing whose every page goes wrong once still ends complete and verified, unless the key was refused."""
    summary, simulator = await pull(name, "list", "first", orders=21 if "giant" in name else 45)

    if stops_the_account(name):
        assert (0, False, False) == (summary.total, summary.listing_complete, summary.verified)
        assert summary.fault
    else:
        assert (True, True) == (summary.listing_complete, summary.verified)
        assert set() == simulator.ledger.open_ids("alice")


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if "list" in fault.routes and not fault.pages])
async def test_a_listing_that_never_works_is_never_nothing_to_do(name):
    """Where no page can be read or believed, the summary is not complete, not verified, not clean; or all is off the book."""
    summary, simulator = await pull(name, "list", "always", orders=21 if "giant" in name else 45)

    if simulator.ledger.open_ids("alice"):
        assert name in INVENTS_ROWS or not summary.listing_complete
        assert not summary.verified
        assert not summary.is_clean
    if summary.total == 0:
        assert summary.fault or summary.listing_error


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if "cancel" in fault.routes and "giant" not in name])
async def test_known_ids_are_told_the_truth_too(name):
    """`cancel_orders` of known ids under the fault on every first cancel: one fate each, in place, and none of them false."""
    simulator = simulated(orders=40, faults=[FaultRule(FAULTS[name], routes={"cancel"}, times_per_order=1)], latency_s=0.05)
    order_ids = sorted(simulator.ledger.open_ids("alice"))
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), order_ids, deadline_s=100_000)

    if name in ACKNOWLEDGES_FALSELY:
        assert {Outcome.CANCELLED: 40} == summary.by_outcome  # nothing that was asked for contradicts the venue's word
    else:
        assert [] == lies(summary, simulator.ledger)
    assert order_ids == [result.order_id for result in summary.results]
    assert 15 >= simulator.ledger.most_in_window("alice", 1.0)


@pytest.mark.parametrize("name", ACKNOWLEDGES_FALSELY)
@pytest.mark.parametrize("mode", MODES)
async def test_a_false_acknowledgement_is_caught_where_proof_is_asked_for(name, mode):
    """`cancel_orders(verify=True)` lists afterwards: what is still there is cancelled again, or is at risk."""
    simulator = simulated(orders=40, faults=[FaultRule(FAULTS[name], routes={"cancel"}, **MODES[mode])], latency_s=0.05)
    order_ids = [*sorted(simulator.ledger.open_ids("alice"))[:30], "no-such-order"]
    async with engine_for(simulator) as engine:
        summary = await engine.cancel_orders(account_of(simulator), order_ids, verify=True)

    assert [] == lies(summary, simulator.ledger)
    assert order_ids == [result.order_id for result in summary.results]
    assert (True, mode != "always") == (summary.listing_complete, summary.verified)
    assert (30 if mode == "always" else 0) == summary.at_risk
    assert 10 == len(simulator.ledger.open_ids("alice") - set(order_ids))
