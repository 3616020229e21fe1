"""Pages of a simulated Opinion, standing still and moving."""

import json

import pytest

from engine.simulator import Drift, OpinionRules, OpinionSimulator


def simulate(**rules):
    return OpinionSimulator(rules=OpinionRules(quota=None, **rules))


def result(simulator, request, now_s=0.0):
    return json.loads(simulator.receive(request, now_s=now_s).body)["result"]


def test_pages_hold_every_order_once(pen, first_page):
    """The pages of 45 orders hold 20, 20 and 5 of them, newest first, and the fourth none."""
    simulator = simulate()
    alice = simulator.add_account("alice", orders=45)
    pages = [first_page(simulator, alice, page) for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [20, 20, 5, 0]
    assert [order_id for page in pages for order_id in page] == list(simulator.ledger.orders)[::-1]
    assert result(simulator, pen(alice).list(3))["total"] == 45


def test_oldest_first(first_page):
    """With the other order of the list, page 1 starts with the oldest."""
    simulator = simulate(list_order="oldest")
    alice = simulator.add_account("alice", orders=21)
    assert first_page(simulator, alice) == list(simulator.ledger.orders)[:20]


def test_missing_limit_is_ten(pen):
    """Without a limit a page has ten rows."""
    simulator = simulate()
    alice = simulator.add_account("alice", orders=45)
    assert len(result(simulator, pen(alice).list(limit=None))["list"]) == 10


def test_limit_above_the_cap(pen):
    """More than twenty rows are clamped, or refused with 400, as the rules say."""
    simulator = simulate()
    alice = simulator.add_account("alice", orders=45)
    assert len(result(simulator, pen(alice).list(limit=50))["list"]) == 20
    strict = simulate(over_limit="error")
    assert strict.receive(pen(strict.add_account("alice")).list(limit=50), now_s=0).status == 400


@pytest.mark.parametrize(
    "query",
    [
        {"page": 0},
        {"page": "x"},
        {"page": -1},
        {"limit": 0},
        {"chainId": 1},
        {"status": "open"},
        {"status": "1,9"},
        {"marketId": "m"},
    ],
)
def test_bad_parameters_are_400(pen, query):
    """What is no number, or no chain of the venue, is a 400 in the envelope."""
    simulator = simulate()
    reply = simulator.receive(pen(simulator.add_account("alice")).list(**query), now_s=0)
    assert (reply.status, json.loads(reply.body)["errno"]) == (400, 400)


def test_status_filter(pen):
    """A comma list of statuses gives those; none at all gives every order."""
    simulator = simulate()
    alice = simulator.add_account("alice", orders=4)
    one, two, three, four = simulator.ledger.orders
    simulator.fill(one)
    simulator.cancel_elsewhere(two)
    simulator.expire(three)

    def ids(status):
        return {row["orderId"] for row in result(simulator, pen(alice).list(status=status))["list"]}

    assert ids("1") == {four}
    assert ids("2,3") == {one, two}
    assert ids("1,2,3,4,5,6,7") == ids("") == ids(None) == {one, two, three, four}


@pytest.mark.parametrize("matches", [True, False])
def test_market_filter(pen, matches):
    """A market lists its own orders; a root market lists its children's only if the rules say so."""
    simulator = simulate(root_market_matches=matches)
    alice = simulator.add_account("alice", orders=8, markets=(1, 2), root_market=50)
    assert result(simulator, pen(alice).list(marketId=1))["total"] == 4
    assert result(simulator, pen(alice).list(marketId=50))["total"] == (8 if matches else 0)
    assert result(simulator, pen(alice).list(marketId=0))["total"] == 8


def test_fill_between_pages_hides_an_order(first_page):
    """When an order of page 1 fills before page 2 is asked, one order is on neither page."""
    simulator = simulate()
    alice = simulator.add_account("alice", orders=45)
    on_page_1 = first_page(simulator, alice)
    simulator.on_request(lambda ask: ask.page == 2, lambda: simulator.fill(on_page_1[0]))
    seen = {*on_page_1, *first_page(simulator, alice, 2), *first_page(simulator, alice, 3)}
    assert len(simulator.ledger.open_ids() - seen) == 1


def test_newcomer_between_pages_shows_an_order_twice(first_page):
    """When an order arrives on top before page 2 is asked, one is on both pages and the newcomer on none."""
    simulator = simulate()
    alice = simulator.add_account("alice", orders=45)
    on_page_1 = first_page(simulator, alice)
    simulator.on_request(2, lambda: simulator.place("alice"))
    rest = [*first_page(simulator, alice, 2), *first_page(simulator, alice, 3)]
    assert len(set(on_page_1) & set(rest)) == 1
    assert len(simulator.ledger.open_ids() - {*on_page_1, *rest}) == 1


def test_revived_order_returns_to_its_place(first_page):
    """An order that comes back to life stands where it stood."""
    simulator = simulate()
    alice = simulator.add_account("alice", orders=5)
    before = first_page(simulator, alice)
    assert simulator.cancel_elsewhere(before[2])
    assert simulator.revive(before[2])
    assert before == first_page(simulator, alice)


def test_lagging_listing(pen):
    """With a lag the listing and the read show an order as it was so long ago."""
    simulator = simulate(list_lag_s=2, read_lag_s=1)
    alice = simulator.add_account("alice", orders=1)
    (order_id,) = simulator.ledger.orders
    simulator.receive(pen(alice).cancel(order_id), now_s=10)
    assert [result(simulator, pen(alice).list(), now_s)["total"] for now_s in (11, 11.9, 12)] == [1, 1, 0]
    later = simulate(read_lag_s=1)
    alice = later.add_account("alice", orders=1)
    (order_id,) = later.ledger.orders
    later.receive(pen(alice).cancel(order_id), now_s=10)
    assert [result(later, pen(alice).read(order_id), now_s)["orderData"]["status"] for now_s in (10.5, 11)] == [1, 3]


def test_timed_actions_happen_in_between(pen):
    """What is set for a moment has happened when a later request arrives, at its own time."""
    simulator = simulate()
    alice = simulator.add_account("alice", orders=2)
    one, two = simulator.ledger.orders
    simulator.at(5, lambda: simulator.fill(one))
    simulator.at(6, lambda: simulator.fill(two, now_s=5.5))
    assert result(simulator, pen(alice).list(), 4.9)["total"] == 2
    assert result(simulator, pen(alice).list(), 9.0)["total"] == 0
    assert [simulator.ledger.orders[order_id].history[-1].time_s for order_id in (one, two)] == [5, 5.5]


def test_drift_is_seeded():
    """A drifting market fills and places about as often as it says, and the same way for the same seed."""

    def run(seed):
        simulator = OpinionSimulator(seed=seed, drift=Drift(fills_per_s=2, newcomers_per_s=3, until_s=100))
        simulator.add_account("alice", orders=1000)
        simulator.advance(1_000)
        return simulator.ledger.to_dict()["orders"]

    orders = run(1)
    assert 250 < len(orders) - 1000 < 350
    assert 150 < sum(order["state"] == "filled" for order in orders.values()) < 250
    assert orders == run(1)
    assert orders != run(2)


def test_partial_fill_leaves_the_rest_open(pen):
    """An order that trades in part stays open, shows what has traded, and is filled once all of it has."""
    simulator = simulate()
    alice = simulator.add_account("alice")
    order_id = simulator.add_order("alice", size=10)
    assert simulator.fill(order_id, size=4)
    assert result(simulator, pen(alice).list())["list"][0]["filledShares"] == "4"
    assert simulator.fill(order_id, size=6)
    assert simulator.ledger.state_of(order_id) == "filled"
    assert not simulator.fill(order_id)
