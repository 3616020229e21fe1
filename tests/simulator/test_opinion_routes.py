"""What a simulated Opinion answers when nothing is wrong: routes, keys, envelopes, JSON types."""

import json
from decimal import Decimal

import pytest

from engine import Secret
from engine.core.order import OrderState, Side
from engine.simulator import OpinionRules, OpinionSimulator
from engine.venues.base import HttpRequest

TRUE = {"errno": 0, "errmsg": "", "result": {"result": True}}
FALSE = {"errno": 0, "errmsg": "", "result": {"result": False}}
STRINGS = [
    "orderId", "transNo", "statusEnum", "marketTitle", "rootMarketTitle", "sideEnum", "tradingMethodEnum", "outcome",
    "outcomeSideEnum", "price", "orderShares", "orderAmount", "filledShares", "filledAmount", "profit", "quoteToken",
]  # fmt: skip
INTEGERS = ["status", "marketId", "rootMarketId", "side", "tradingMethod", "outcomeSide", "createdAt", "expiresAt"]


def told(simulator, request, *, now_s=0.0):
    reply = simulator.receive(request, now_s=now_s)
    return reply.status, json.loads(reply.body)


def simulate(**rules):
    return OpinionSimulator(rules=OpinionRules(quota=None, **rules))


def test_cancel_takes_the_order_off_the_book(pen):
    """A cancel of an open order is acknowledged, and the ledger has it cancelled."""
    simulator = simulate()
    alice = simulator.add_account("alice")
    order_id = simulator.add_order("alice")
    assert told(simulator, pen(alice).cancel(order_id), now_s=7.0) == (200, TRUE)
    assert simulator.ledger.state_of(order_id) == OrderState.CANCELLED
    assert simulator.ledger.orders[order_id].history[-1] == (7.0, "cancelled", "cancel request")


@pytest.mark.parametrize("finish", ["fill", "expire", "fail", "cancel_elsewhere"])
@pytest.mark.parametrize("rule", ["false", "errno"])
def test_cancel_of_a_finished_order(pen, finish, rule):
    """A finished order gets result false or an errno, as the rules say, and stays what it was."""
    simulator = simulate(finished_answer=rule)
    alice = simulator.add_account("alice")
    order_id = simulator.add_order("alice")
    getattr(simulator, finish)(order_id)
    state = simulator.ledger.state_of(order_id)
    status, body = told(simulator, pen(alice).cancel(order_id))
    assert status == 200
    assert (body == FALSE) if rule == "false" else (body["errno"] == 10607 and body["result"] is None)
    assert simulator.ledger.state_of(order_id) == state


def test_orders_of_others_do_not_exist(pen):
    """Another key's order can be neither cancelled nor read nor listed."""
    simulator = simulate()
    simulator.add_account("alice")
    bob = simulator.add_account("bob")
    order_id = simulator.add_order("alice")
    assert told(simulator, pen(bob).cancel(order_id)) == (200, FALSE)
    assert told(simulator, pen(bob).read(order_id))[0] == 404
    assert told(simulator, pen(bob).list())[1]["result"] == {"total": 0, "list": []}
    assert simulator.ledger.open_ids() == {order_id}


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"{", b'{"orderId":1}', b'{"orderId":""}', b'{"order_id":"x"}'])
def test_cancel_needs_a_text_order_id(pen, body):
    """A cancel without an orderId in text is a 400 in the envelope."""
    simulator = simulate()
    alice = simulator.add_account("alice")
    status, answer = told(simulator, pen(alice).post("/openapi/order/cancel", body))
    assert (status, answer["errno"], answer["result"]) == (400, 400, None)


def test_rows_have_exactly_the_types_that_the_vendor_reads(pen):
    """Every field of a row is the JSON type that the vendor's client insists on; money is text."""
    simulator = simulate()
    alice = simulator.add_account("alice", orders=3, root_market=9)
    for row in told(simulator, pen(alice).list())[1]["result"]["list"]:
        assert all(type(row[name]) is str for name in STRINGS)
        assert all(type(row[name]) is int for name in INTEGERS)
        assert type(row["postOnly"]) is bool
        assert set(row) == {*STRINGS, *INTEGERS, "postOnly"}


def test_row_says_what_the_book_has(pen):
    """A row carries the order's price, size, filled size, market and root market."""
    simulator = simulate()
    alice = simulator.add_account("alice")
    simulator.add_order(
        "alice", market=5, root_market=6, side=Side.SELL, price="0.25", size=8, filled=2, order_id="ok-1", outcome="NO"
    )
    row = told(simulator, pen(alice).list())[1]["result"]["list"][0]
    expected = {
        "orderId": "ok-1", "marketId": 5, "rootMarketId": 6, "price": "0.25", "orderShares": "8", "filledShares": "2",
        "side": 2, "sideEnum": "Sell", "status": 1, "statusEnum": "Pending", "outcomeSide": 2, "outcomeSideEnum": "No",
    }  # fmt: skip
    assert expected == {name: row[name] for name in expected}
    assert Decimal(row["orderAmount"]) == 2


@pytest.mark.parametrize(("encoding", "buy", "sell"), [("1/2", 1, 2), ("0/1", 0, 1)])
def test_side_encodings(pen, encoding, buy, sell):
    """The numbers of the sides follow the rules, their words do not change."""
    simulator = simulate(side_encoding=encoding, list_order="oldest")
    alice = simulator.add_account("alice", orders=2)
    rows = told(simulator, pen(alice).list())[1]["result"]["list"]
    assert [(row["side"], row["sideEnum"]) for row in rows] == [(buy, "Buy"), (sell, "Sell")]


@pytest.mark.parametrize(
    ("finish", "status", "word"),
    [
        (None, 1, "Pending"),
        ("fill", 2, "Finished"),
        ("cancel_elsewhere", 3, "Canceled"),
        ("expire", 4, "Expired"),
        ("fail", 5, "Failed"),
    ],
)
def test_read_shows_the_state(pen, finish, status, word):
    """Reading an order gives `orderData` with its status and an array of trades."""
    simulator = simulate()
    alice = simulator.add_account("alice")
    order_id = simulator.add_order("alice")
    if finish:
        getattr(simulator, finish)(order_id)
    code, body = told(simulator, pen(alice).read(order_id))
    data = body["result"]["orderData"]
    assert (code, data["orderId"], data["status"], data["statusEnum"]) == (200, order_id, status, word)
    assert len(data["trades"]) == (finish == "fill")


def test_ids_are_unescaped_from_the_path(pen):
    """An id with a slash, a blank and a question mark can be read."""
    simulator = simulate()
    alice = simulator.add_account("alice")
    simulator.add_order("alice", order_id="a/b c?d")
    assert told(simulator, pen(alice).read("a/b c?d"))[1]["result"]["orderData"]["orderId"] == "a/b c?d"


@pytest.mark.parametrize(("rule", "status", "errno"), [("404", 404, 404), ("errno", 200, 10607)])
def test_reading_an_unknown_order(pen, rule, status, errno):
    """An order that never was is a 404 or an errno, as the rules say."""
    simulator = simulate(unknown_read=rule)
    alice = simulator.add_account("alice")
    code, body = told(simulator, pen(alice).read("nothing"))
    assert (code, body["errno"], body["result"]) == (status, errno, None)


@pytest.mark.parametrize(("rule", "status", "errno"), [("401", 401, 401), ("errno", 200, 11002)])
@pytest.mark.parametrize("key", ["wrong", "", None, "revoked"])
def test_bad_keys(pen, rule, status, errno, key):
    """A wrong, empty, missing or revoked key is refused in the form that the rules say, and nothing happens."""
    simulator = simulate(unknown_key=rule)
    alice = simulator.add_account("alice", orders=1)
    if key == "revoked":
        simulator.revoke_key("alice")
    (order_id,) = simulator.ledger.open_ids()
    good = pen(alice).cancel(order_id)
    headers = good.headers if key == "revoked" else {} if key is None else {"apikey": key}
    request = HttpRequest(method="POST", url=good.url, headers=headers, body=good.body)
    code, body = told(simulator, request)
    assert (code, body["errno"]) == (status, errno)
    assert simulator.ledger.open_ids() == {order_id}
    assert simulator.ledger.requests[-1].account == ("alice" if key == "revoked" else None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/openapi/openapi/order/cancel"), ("POST", "//openapi/order/cancel"), ("POST", "/order/cancel"),
        ("POST", "/openapi/order/cancel/"), ("GET", "/openapi/order/"), ("DELETE", "/openapi/order/1"),
        ("POST", "/openapi/orders/cancel"), ("GET", "/"), ("GET", "/openapi/builder/user/0xa/regenerate-apikey"),
        ("POST", "/openapi/builder/user/0xa/other"), ("PUT", "/openapi/auth/api-key"),
    ],
)  # fmt: skip
def test_other_paths_are_404_in_the_envelope(pen, method, path):
    """What is not a route, a doubled prefix above all, is a 404 with errno 404."""
    simulator = simulate()
    alice = simulator.add_account("alice")
    url = pen(alice).base_url + path
    code, body = told(simulator, HttpRequest(method=method, url=url, headers={"apikey": alice.api_key}))
    assert (code, body["errno"]) == (404, 404)


def test_code_dialect(pen):
    """In the code/msg dialect every envelope has code, msg and result, and nothing of the other."""
    simulator = simulate(dialect="code")
    alice = simulator.add_account("alice", orders=1)
    (order_id,) = simulator.ledger.open_ids()
    assert told(simulator, pen(alice).cancel(order_id))[1] == {"code": 0, "msg": "success", "result": {"result": True}}
    assert told(simulator, pen(alice).list())[1] == {"code": 0, "msg": "success", "result": {"total": 0, "list": []}}
    assert set(told(simulator, pen(alice).read("x"))[1]) == {"code", "msg", "result"}


def test_builder_routes(pen):
    """A builder creates a user, reads it without its key, and a regenerated key kills the old one at once."""
    simulator = simulate()
    headers = {"builder-apikey": simulator.builder_key}
    base = "https://venue.test/openapi/builder/user/0xABC"

    def ask(method, url=base):
        return told(simulator, HttpRequest(method=method, url=url, headers=headers))[1]

    created = ask("POST")["result"]
    fields = {"apiKey", "walletAddress", "builderName", "multiSigWallet", "walletCreationTxHash", "enableTrading"}
    assert set(created) == fields
    assert created["walletAddress"] == "0xabc"
    assert ask("POST")["errno"] != 0
    assert set(ask("GET")["result"]) == fields - {"apiKey"}
    old = simulator.account("0xabc")
    new = ask("POST", base + "/regenerate-apikey")["result"]["apiKey"]
    assert old.api_key == created["apiKey"] != new
    assert told(simulator, pen(old).list())[0] == 401
    assert told(simulator, pen(simulator.account("0xabc")).list())[0] == 200
    assert ask("GET", base + "d")["errno"] == 404


def test_builder_key_is_not_a_user_key(pen):
    """The builder's routes refuse a user's key, the user's routes the builder's."""
    simulator = simulate()
    alice = simulator.add_account("alice", wallet="0xA")
    path = "https://venue.test/openapi/builder/user/0xa"
    assert told(simulator, HttpRequest(method="GET", url=path, headers={"builder-apikey": alice.api_key}))[0] == 401
    assert told(simulator, HttpRequest(method="GET", url=path, headers={"builder-apikey": simulator.builder_key}))[0] == 200
    listing = pen(alice).list()
    assert told(simulator, HttpRequest(method="GET", url=listing.url, headers={"apikey": simulator.builder_key}))[0] == 401


def test_fresh_key_needs_its_time(pen):
    """A regenerated key works only after the delay of the rules."""
    simulator = simulate(fresh_key_delay_s=15)
    simulator.add_account("alice", wallet="0xA")
    url = "https://venue.test/openapi/builder/user/0xa/regenerate-apikey"
    told(simulator, HttpRequest(method="POST", url=url, headers={"builder-apikey": simulator.builder_key}), now_s=100)
    request = pen(simulator.account("alice")).list()
    assert [told(simulator, request, now_s=now_s)[0] for now_s in (100, 114, 115)] == [401, 401, 200]


@pytest.mark.parametrize(("rule", "status"), [("errno", 200), ("429", 429)])
def test_daily_allowance(pen, rule, status):
    """Beyond the allowance cancels are refused in the form of the rules, until the day is over; reads are free."""
    simulator = simulate(daily_allowance=2, allowance_refusal=rule)
    alice = simulator.add_account("alice", orders=4)
    one, two, three, four = simulator.ledger.orders
    for order_id in (one, two):
        assert told(simulator, pen(alice).cancel(order_id))[1] == TRUE
    code, body = told(simulator, pen(alice).cancel(three))
    assert code == status
    assert body["errno"] != 0
    assert told(simulator, pen(alice).read(three))[0] == 200
    assert told(simulator, pen(alice).cancel(four), now_s=86_400)[1] == TRUE


def test_same_seed_same_world(pen):
    """Two simulators of one seed have the same keys, ids and answers; another seed has others."""

    def build(seed):
        simulator = OpinionSimulator(seed=seed)
        alice = simulator.add_account("alice", orders=5)
        return alice.api_key, simulator.receive(pen(alice).list(), now_s=0).body

    assert build(1) == build(1)
    assert build(1)[0] != build(2)[0]
    assert build(1)[1] != build(2)[1]


def test_keys_are_not_shown():
    """Neither an account nor the ledger shows a key."""
    simulator = simulate()
    alice = simulator.add_account("alice", orders=1)
    assert alice.api_key not in repr(alice) + repr(simulator.ledger.to_dict()) + repr(simulator.ledger.requests)


def test_a_wallet_and_its_own_key():
    """By its signature a wallet gets, creates and deletes its one key; a foreign, altered or old signature gets nothing."""
    from engine.venues.opinion.signing import key_headers  # noqa: PLC0415  # the vectors vouch for it; eth-account is slow

    simulator = OpinionSimulator(rules=OpinionRules(signature_window_s=300.0))
    epoch_s = simulator.rules.created_at_s

    def ask(action, *, off_s=0, **changes):
        method = {"get": "GET", "create": "POST", "delete": "DELETE"}[action]
        headers = key_headers(Secret("0x" + "11" * 32), action=action, timestamp=epoch_s + off_s) | changes
        request = HttpRequest(method=method, url="http://venue.test/openapi/auth/api-key", headers=headers)
        return json.loads(simulator.receive(request, now_s=0.0).body)

    assert 11010 == ask("get")["errno"]
    created = ask("create")["result"]
    assert created == ask("get")["result"]
    assert 11009 == ask("create")["errno"]
    assert 11012 == ask("get", off_s=-301)["errno"]
    assert 11011 == ask("get", OPINION_ADDRESS="0x" + "2" * 40)["errno"]
    assert {"deleted": True} == ask("delete")["result"]
    assert created["apiKey"] != ask("create")["result"]["apiKey"]
