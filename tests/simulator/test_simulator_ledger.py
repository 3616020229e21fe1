"""The ground truth: what was asked, what became of it, and how fast it came."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.order import OrderState
from engine.simulator import FaultPlan, FaultRule, Ledger, OpinionRules, OpinionSimulator, RequestRecord
from engine.simulator.opinion import FAULTS


def ledger_of(times_s):
    ledger = Ledger()
    for number, time_s in enumerate(sorted(times_s), start=1):
        ledger.note(RequestRecord(number=number, time_s=time_s, connection=1, account="alice", route="cancel"))
    return ledger


@given(st.lists(st.floats(0, 20, allow_nan=False), max_size=40), st.sampled_from([0.1, 0.5, 1.0, 3.0]))
def test_most_in_window_equals_brute_force(times_s, window_s):
    """The fullest half-open window holds as many as counting from every request finds."""
    counts = (sum(first <= each and each - first < window_s for each in times_s) for first in times_s)
    assert max(counts, default=0) == ledger_of(times_s).most_in_window("alice", window_s)


def test_window_is_half_open():
    """Two requests exactly one window apart are not in one window."""
    assert ledger_of([1.0, 2.0]).most_in_window("alice", 1.0) == 1
    assert ledger_of([1.0, 1.75]).most_in_window("alice", 1.0) == 2


def test_requests_are_recorded(pen):
    """Each request is on record with time, connection, owner, route, order, page, fault and status."""
    plan = FaultPlan([FaultRule(FAULTS["http_500"], routes={"read"})])
    simulator = OpinionSimulator(rules=OpinionRules(quota=3), faults=plan)
    alice = simulator.add_account("alice")
    simulator.add_order("alice", order_id="ok-1")
    for now_s, request in ((1.0, pen(alice).list(2)), (1.25, pen(alice).cancel("ok-1")), (1.5, pen(alice).read("ok-1"))):
        simulator.receive(request, now_s=now_s, connection=4)
    simulator.receive(pen(alice).list(), now_s=1.5, connection=5)
    seen = [(r.time_s, r.connection, r.route, r.order_id, r.page, r.fault, r.status) for r in simulator.ledger.requests]
    assert seen == [
        (1.0, 4, "list", None, 2, None, 200),
        (1.25, 4, "cancel", "ok-1", None, None, 200),
        (1.5, 4, "read", "ok-1", None, "http_500", 500),
        (1.5, 5, "list", None, 1, None, 429),
    ]
    ledger = simulator.ledger
    assert ledger.refused_for_pace("alice") == ledger.refused_for_pace() == 1
    assert ledger.most_in_window("alice", 1.0) == 4
    assert ledger.most_in_window("alice", 1.0, routes={"cancel", "read"}) == 2
    assert ledger.connections() == {4, 5}
    assert len(ledger.requests_of("alice")) == 4
    assert ledger.requests_of("bob") == []


def test_orders_are_recorded(pen):
    """Every order has its whole life on record, and one that no cancel ever named was not touched."""
    simulator = OpinionSimulator()
    alice = simulator.add_account("alice", orders=2)
    one, two = simulator.ledger.orders
    simulator.receive(pen(alice).cancel(one), now_s=3)
    simulator.revive(one, now_s=4)
    simulator.fill(one, now_s=5)
    assert simulator.ledger.orders[one].history == [
        (0, "open", "placed"), (3, "cancelled", "cancel request"), (4, "open", "revived"), (5, "filled", "traded"),
    ]  # fmt: skip
    assert simulator.ledger.state_of(one) == OrderState.FILLED
    assert simulator.ledger.was_touched(one)
    assert not simulator.ledger.was_touched(two)
    assert simulator.ledger.open_ids() == simulator.ledger.open_ids("alice") == {two}
    assert simulator.ledger.open_ids("bob") == set()


@pytest.mark.parametrize("move", ["fill", "expire", "fail", "cancel_elsewhere", "revive"])
def test_moves_of_a_finished_order_change_nothing(move):
    """What is filled stays filled, whatever is scheduled for it."""
    simulator = OpinionSimulator()
    simulator.add_account("alice", orders=1)
    (order_id,) = simulator.ledger.orders
    simulator.fill(order_id)
    assert not getattr(simulator, move)(order_id)
    assert simulator.ledger.state_of(order_id) == "filled"


def test_ledger_is_plain_json(pen):
    """The whole ledger can be written as JSON and says what the orders are."""
    simulator = OpinionSimulator()
    alice = simulator.add_account("alice", orders=3)
    simulator.receive(pen(alice).list(), now_s=1)
    copy = json.loads(json.dumps(simulator.ledger.to_dict()))
    assert {order["state"] for order in copy["orders"].values()} == {"open"}
    assert copy["requests"][0]["route"] == "list"
