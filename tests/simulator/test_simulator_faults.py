"""When faults strike: on script and by dice."""

import pytest

from engine.errors import ConfigError
from engine.simulator import FaultPlan, FaultRule, OpinionRules, OpinionSimulator
from engine.simulator.opinion import FAULTS

BROKEN = FAULTS["http_500"]


def struck(pen, rule, requests, *, seed=0):
    """Which of the requests (a method's name, its argument, a time) the rule strikes."""
    plan = FaultPlan([rule], seed=seed)
    simulator = OpinionSimulator(rules=OpinionRules(quota=None), faults=plan)
    pens = {name: pen(simulator.add_account(name)) for name in ("alice", "bob")}
    return [
        simulator.receive(getattr(pens[name], method)(argument), now_s=now_s).status == 500
        for name, method, argument, now_s in requests
    ]


CANCELS = [("alice", "cancel", f"ok-{number}", float(number)) for number in range(6)]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, [1, 1, 1, 1, 1, 1]),
        ({"routes": {"list"}}, [0, 0, 0, 0, 0, 0]),
        ({"times": 2}, [1, 1, 0, 0, 0, 0]),
        ({"from_request": 3}, [0, 0, 1, 1, 1, 1]),
        ({"from_request": 3, "until_request": 5}, [0, 0, 1, 1, 0, 0]),
        ({"from_s": 2.0, "until_s": 4.0}, [0, 0, 1, 1, 0, 0]),
        ({"order_ids": {"ok-1", "ok-4"}}, [0, 1, 0, 0, 1, 0]),
        ({"accounts": {"bob"}}, [0, 0, 0, 0, 0, 0]),
        ({"pages": {1}}, [0, 0, 0, 0, 0, 0]),
        ({"share": 0.0}, [0, 0, 0, 0, 0, 0]),
    ],
)
def test_conditions(pen, conditions, expected):
    """Each condition lets exactly the requests through that it does not name."""
    assert expected == struck(pen, FaultRule(BROKEN, **conditions), CANCELS)


def test_times_per_order(pen):
    """So many strikes for each order, counted apart."""
    twice = [("alice", "cancel", order_id, 0.0) for order_id in ("a", "b", "a", "b", "a")]
    assert struck(pen, FaultRule(BROKEN, times_per_order=1), twice) == [1, 1, 0, 0, 0]
    assert struck(pen, FaultRule(BROKEN, times_per_order=2), twice) == [1, 1, 1, 1, 0]


def test_pages_and_accounts(pen):
    """A rule for a page of one account leaves other pages and accounts alone."""
    requests = [("alice", "list", 1, 0.0), ("alice", "list", 2, 0.0), ("bob", "list", 2, 0.0)]
    assert struck(pen, FaultRule(BROKEN, pages={2}, accounts={"alice"}), requests) == [0, 1, 0]


def test_requests_are_counted_where_they_fit(pen):
    """The n-th request of a rule is the n-th that fits it, not the n-th of all."""
    requests = [
        ("alice", "list", 1, 0.0),
        ("alice", "cancel", "a", 0.0),
        ("alice", "list", 1, 0.0),
        ("alice", "cancel", "b", 0.0),
    ]
    assert struck(pen, FaultRule(BROKEN, routes={"cancel"}, from_request=2), requests) == [0, 0, 0, 1]


def test_dice_are_seeded_and_fair(pen):
    """A share of 0.3 strikes about so many of 1,000, the same ones for the same seed, others for another."""
    requests = [("alice", "cancel", f"ok-{number}", 0.0) for number in range(1000)]
    rule = FaultRule(BROKEN, share=0.3)
    first = struck(pen, rule, requests, seed=1)
    assert 240 < sum(first) < 360
    assert first == struck(pen, rule, requests, seed=1)
    assert first != struck(pen, rule, requests, seed=2)


def test_dice_do_not_care_about_arrival_order(pen):
    """The same orders are struck whichever comes first."""
    rule = FaultRule(BROKEN, share=0.5)
    requests = [("alice", "cancel", f"ok-{number}", 0.0) for number in range(100)]
    assert struck(pen, rule, requests) == struck(pen, rule, requests[::-1])[::-1]


def test_dice_roll_again_for_a_repeat(pen):
    """An order that is struck once is not struck for ever."""
    repeats = struck(pen, FaultRule(BROKEN, share=0.5), [("alice", "cancel", "a", 0.0)] * 50)
    assert {True, False} == set(repeats)


def test_first_rule_decides(pen):
    """Of two rules that fit, the first strikes; the second takes over once the first is used up."""
    plan = FaultPlan([FaultRule(FAULTS["http_503"], times=1), FaultRule(BROKEN, times=1)])
    simulator = OpinionSimulator(faults=plan)
    alice = simulator.add_account("alice")
    assert [simulator.receive(pen(alice).list(), now_s=0).status for _ in range(3)] == [503, 500, 200]


def test_refusal_for_pace_uses_no_fault_up(pen):
    """The quota comes first: what it refuses is not struck and costs no strike."""
    simulator = OpinionSimulator(rules=OpinionRules(quota=1), faults=FaultPlan([FaultRule(BROKEN, from_request=2, times=1)]))
    alice = simulator.add_account("alice")
    assert [simulator.receive(pen(alice).list(), now_s=now_s).status for now_s in (0, 0, 1, 2)] == [200, 429, 500, 200]


def test_rule_for_the_wrong_route_is_refused():
    """A listing fault cannot be used for cancels."""
    with pytest.raises(ConfigError, match="list_null_list"):
        FaultRule(FAULTS["list_null_list"], routes={"cancel"})


def test_slower_each_time(pen):
    """Every answer of the rule is twice as late as the one before."""
    simulator = OpinionSimulator(faults=FaultPlan([FaultRule(FAULTS["slower_each_time"])]))
    alice = simulator.add_account("alice")
    assert [0.05, 0.1, 0.2, 0.4] == [simulator.receive(pen(alice).list(), now_s=now_s).delay_s for now_s in range(4)]


@pytest.mark.parametrize(
    ("name", "said"), [("acknowledged_not_done", 1), ("result_false", 0), ("http_500", 0), ("drop", 0), ("nested_json", 0)]
)
def test_the_ledger_knows_a_false_word(pen, name, said):
    """What an answer calls cancelled while the order is open stands in the ledger, and nothing else does."""
    simulator = OpinionSimulator(faults=FaultPlan([FaultRule(FAULTS[name], times=1)]))
    alice = simulator.add_account("alice", orders=1)
    (order_id,) = simulator.ledger.open_ids()
    for now_s in range(2):
        simulator.receive(pen(alice).cancel(order_id), now_s=now_s)

    struck, honest = simulator.ledger.requests
    assert (order_id,) * said == struck.false_words
    assert () == honest.false_words
