"""Polymarket's other side: what it checks, counts and answers, held against the documentation, not against our codec."""

import base64
import hashlib
import hmac
import json

import pytest

from engine import Secret
from engine.core.order import Side
from engine.errors import ConfigError
from engine.simulator import BookState, FaultPlan, FaultRule, PolymarketRules, PolymarketSimulator
from engine.simulator.polymarket import FAULTS
from engine.simulator.polymarket.catalogue import CANCELS
from engine.simulator.wire import NEVER_STANDS
from engine.venues.base import HttpRequest

MARKETS = ("0x" + "ab" * 32, "0x" + "cd" * 32)


def simulator_of(*, orders=0, faults=(), seed=1, **rules):
    """A venue with one account, alice."""
    simulator = PolymarketSimulator(seed=seed, rules=PolymarketRules(**rules), faults=FaultPlan(tuple(faults), seed=seed))
    simulator.add_account("alice", orders=orders, markets=MARKETS)
    return simulator


def ask(simulator, method, path, body=None, *, query="", name="alice", now_s=0.0, off_s=0, **changes):
    """Send one signed request; give its reply."""
    known = simulator.account(name)
    payload = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    timestamp = str(int(simulator.rules.epoch_s + now_s + off_s))
    digest = hmac.new(
        base64.urlsafe_b64decode(known.secret), f"{timestamp}{method}{path}".encode() + payload, hashlib.sha256
    ).digest()
    headers = {
        "POLY_ADDRESS": known.address,
        "POLY_SIGNATURE": base64.urlsafe_b64encode(digest).decode(),
        "POLY_TIMESTAMP": timestamp,
        "POLY_API_KEY": known.api_key,
        "POLY_PASSPHRASE": known.passphrase,
        **changes,
    }
    url = f"http://venue.test{path}" + (f"?{query}" if query else "")
    return simulator.receive(HttpRequest(method=method, url=url, headers=headers, body=payload or None), now_s=now_s)


def result_of(reply):
    """The JSON of a reply."""
    return json.loads(reply.body)


def ids_of(simulator, name="alice"):
    """Open ids, in a fixed order."""
    return sorted(simulator.ledger.open_ids(name))


# --- signatures


@pytest.mark.parametrize(
    "changes",
    [
        {"POLY_SIGNATURE": "AAAA"},
        {"POLY_PASSPHRASE": "other"},
        {"POLY_API_KEY": "other"},
        {"POLY_ADDRESS": "0x" + "0" * 40},
        {"POLY_TIMESTAMP": "soon"},
    ],
)
def test_a_request_that_is_not_signed_right_is_refused(changes):
    """Any part of the credentials that is wrong brings 401, and nothing is done."""
    simulator = simulator_of(orders=1)
    reply = ask(simulator, "DELETE", "/cancel-all", **changes)

    assert (401, {"error": "Unauthorized/Invalid api key"}) == (reply.status, result_of(reply))
    assert 1 == len(ids_of(simulator))


def test_the_signature_covers_the_bytes_and_not_the_query():
    """A body that differs from the signed one is refused; the query is not signed, and the address may be in any case."""
    simulator = simulator_of(orders=1)
    body = {"orderID": ids_of(simulator)[0]}
    key, timestamp = simulator.account("alice"), str(int(simulator.rules.epoch_s))
    message = f"{timestamp}DELETE/order{json.dumps(body, separators=(',', ':'))}".encode()
    digest = hmac.new(base64.urlsafe_b64decode(key.secret), message, hashlib.sha256).digest()
    compact = base64.urlsafe_b64encode(digest).decode()
    assert 401 == ask(simulator, "DELETE", "/order", body, POLY_SIGNATURE=compact).status
    assert 200 == ask(simulator, "DELETE", "/order", body).status
    address = simulator.account("alice").address.upper().replace("0X", "0x")
    assert 200 == ask(simulator, "GET", "/data/orders", query="next_cursor=MA==", POLY_ADDRESS=address).status


@pytest.mark.parametrize(("off_s", "expected"), [(0, 200), (59, 200), (-59, 200), (61, 401), (-62, 401)])
def test_an_old_signature_is_refused(off_s, expected):
    """A signed time further from the venue's than its window is refused."""
    assert expected == ask(simulator_of(), "GET", "/auth/api-keys", off_s=off_s).status


def test_a_wallet_is_handed_its_key_once_for_each_nonce():
    """A key is created by the wallet's signature, derived again by the same nonce, and not created twice."""
    from engine.venues.polymarket.signing import l1_headers  # noqa: PLC0415  # the vectors vouch for it; eth-account is slow

    simulator = PolymarketSimulator()

    def hand_out(method, path, **changes):
        headers = l1_headers(Secret("0x" + "11" * 32), timestamp=int(simulator.rules.epoch_s), nonce=3) | changes
        return simulator.receive(HttpRequest(method=method, url=f"http://venue.test{path}", headers=headers), now_s=0.0)

    assert 400 == hand_out("GET", "/auth/derive-api-key").status
    created = hand_out("POST", "/auth/api-key")
    assert {"apiKey", "secret", "passphrase"} == set(result_of(created))
    assert created.body == hand_out("GET", "/auth/derive-api-key").body
    assert (400, "Could not create api key") == (
        (again := hand_out("POST", "/auth/api-key")).status,
        result_of(again)["error"],
    )
    assert 401 == hand_out("GET", "/auth/derive-api-key", POLY_NONCE="4").status


# --- cancels


def test_every_id_of_a_batch_has_its_result():
    """Open, finished, unknown and foreign ids stand where they belong; an id given twice has one result."""
    simulator = simulator_of(orders=5)
    simulator.add_account("bob", orders=1)
    first, second, third, *_ = ids_of(simulator)
    simulator.fill(second, now_s=0.0)
    simulator.cancel_elsewhere(third, now_s=0.0)
    foreign, unknown = ids_of(simulator, "bob")[0], "0x" + "9" * 64
    told = result_of(ask(simulator, "DELETE", "/orders", [first, second, third, foreign, unknown, first]))

    assert [first] == told["canceled"]
    assert {
        second: "order already matched",
        third: "order already canceled",
        foreign: "Order not found",
        unknown: "Order not found",
    } == told["not_canceled"]
    assert 1 == len(ids_of(simulator, "bob"))


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/order", {"orderId": "0x" + "1" * 64}, "Invalid order payload"),
        ("/order", {"orderID": "0x123"}, "Invalid orderID"),
        ("/orders", [], "Invalid order payload"),
        ("/orders", {"orderID": "0x1"}, "Invalid order payload"),
        ("/orders", ["0x" + "1" * 64, "0x12"], "Invalid orderID"),
        ("/orders", ["0x" + "1" * 64] * 1001, "Too many orders in payload, max allowed: 1000"),
        ("/cancel-market-orders", {}, "Invalid order payload"),
        ("/cancel-market-orders", {"market": "", "asset_id": ""}, "Invalid order payload"),
    ],
)
def test_a_payload_that_is_not_the_documented_one_is_refused(path, body, says):
    """One malformed id, too many, or none: the whole request is refused with 400, and costs no tokens."""
    simulator = simulator_of(orders=2)
    reply = ask(simulator, "DELETE", path, body)

    assert (400, says) == (reply.status, result_of(reply)["error"])
    assert 2 == len(ids_of(simulator))
    assert 120 == simulator.tokens("alice")


def test_a_mass_cancel_hits_its_key_and_no_other_of_the_wallet():
    """Cancel-all and cancel by market or asset take off what they name, of this key alone; the ledger knows what they hit."""
    simulator = simulator_of(orders=16)
    simulator.add_account("second-key", orders=4, markets=MARKETS, wallet_of="alice")
    asset = simulator.assets_of(MARKETS[0])[1]
    of_asset = {key for key in ids_of(simulator) if simulator.ledger.orders[key].asset == asset}
    assert of_asset == set(result_of(ask(simulator, "DELETE", "/cancel-market-orders", {"asset_id": asset}))["canceled"])
    of_market = {key for key in ids_of(simulator) if simulator.ledger.orders[key].market == MARKETS[1]}
    assert of_market == set(result_of(ask(simulator, "DELETE", "/cancel-market-orders", {"market": MARKETS[1]}))["canceled"])
    rest = set(ids_of(simulator))
    assert rest == set(result_of(ask(simulator, "DELETE", "/cancel-all"))["canceled"])
    assert 4 == len(ids_of(simulator, "second-key"))
    assert rest == set(simulator.ledger.requests[-1].hits)
    assert not any(simulator.ledger.was_touched(key) for key in ids_of(simulator, "second-key"))


def test_a_delayed_order_cannot_be_cancelled_until_the_delay_ends():
    """A pending order is refused as such, shown as DELAYED, and rests or has traded once the delay is over."""
    simulator = simulator_of()
    rests = simulator.add_order("alice", delayed_s=2.0)
    trades = simulator.add_order("alice", delayed_s=2.0, becomes="filled")
    told = result_of(ask(simulator, "DELETE", "/orders", [rests, trades], now_s=1.0))
    assert {"can't be canceled because it is pending/delayed"} == set(told["not_canceled"].values())
    assert "DELAYED" == result_of(ask(simulator, "GET", f"/data/order/{rests}", now_s=1.0))["status"]
    told = result_of(ask(simulator, "DELETE", "/orders", [rests, trades], now_s=2.5))
    assert ([rests], {trades: "order already matched"}) == (told["canceled"], told["not_canceled"])


def test_a_late_order_is_not_visible_yet():
    """An order that the venue does not see yet is not found by any route, and there a moment later."""
    simulator = simulator_of()
    late = simulator.add_order("alice", visible_after_s=1.0)
    assert {late: "Order not found"} == result_of(ask(simulator, "DELETE", "/order", {"orderID": late}))["not_canceled"]
    assert 404 == ask(simulator, "GET", f"/data/order/{late}").status
    assert [late] == result_of(ask(simulator, "DELETE", "/order", {"orderID": late}, now_s=1.5))["canceled"]


def test_a_partly_filled_order_keeps_what_it_has_traded():
    """A cancel takes the rest off; the size matched stays in the read."""
    simulator = simulator_of()
    order_id = simulator.add_order("alice", size="10", filled="4", side=Side.SELL)
    ask(simulator, "DELETE", "/order", {"orderID": order_id})
    row = result_of(ask(simulator, "GET", f"/data/order/{order_id}"))

    assert ("CANCELED", "4", "10", "SELL") == (row["status"], row["size_matched"], row["original_size"], row["side"])


# --- tokens


def test_debt_as_the_venue_publishes_it():
    """200 orders by cancel-all leave a full purse at -81; a single cancel is admitted 1.025 s later."""
    simulator = simulator_of(orders=200)
    reply = ask(simulator, "DELETE", "/cancel-all")
    assert ("-81", "standard") == (reply.headers["Poly-RateLimit-Remaining"], reply.headers["Poly-RateLimit-Tier"])
    one = {"orderID": "0x" + "9" * 64}
    refused = ask(simulator, "DELETE", "/order", one, now_s=1.0)
    assert (429, "1", True) == (refused.status, refused.headers["Retry-After"], refused.refused_for_pace)
    assert 200 == ask(simulator, "DELETE", "/order", one, now_s=1.03).status
    assert 429 == ask(simulator, "DELETE", "/orders", ["0x" + "9" * 64] * 120, now_s=2.5).status
    assert 2 == simulator.ledger.refused_for_pace()


def test_a_batch_above_the_burst_is_refused_for_ever():
    """All or nothing: what costs more than a full purse is refused however long one waits, and takes nothing."""
    simulator = simulator_of()
    for now_s in (0.0, 100.0):
        assert 429 == ask(simulator, "DELETE", "/orders", ["0x" + "9" * 64] * 121, now_s=now_s).status
    assert 120 == simulator.tokens("alice")


def test_a_floored_tier_has_no_debt():
    """From platinum on, a mass cancel leaves an empty purse at the worst."""
    simulator = simulator_of(orders=1500, tier="platinum")
    ask(simulator, "DELETE", "/cancel-all")

    assert 0.0 == simulator.tokens("alice")


def test_warning_mode_admits_and_warns():
    """Where tokens are only warned of, everything is admitted, with a header that says so."""
    simulator = simulator_of(buckets="warning")
    reply = ask(simulator, "DELETE", "/orders", ["0x" + "9" * 64] * 500)

    assert (200, "true") == (reply.status, reply.headers["Poly-RateLimit-Warning"])


def test_two_keys_of_a_signer_share_its_tokens():
    """The purse is the signer's."""
    simulator = simulator_of()
    simulator.add_account("second-key", wallet_of="alice")
    ask(simulator, "DELETE", "/orders", ["0x" + "9" * 64] * 100, name="second-key")

    assert 20 == simulator.tokens("alice")


def test_what_is_over_a_window_of_the_address_is_delayed():
    """The 251st cancel-all within ten seconds waits until the first one is ten seconds old; none is refused."""
    simulator = simulator_of(buckets="off")
    delays = [ask(simulator, "DELETE", "/cancel-all", now_s=1.0).delay_s for _ in range(251)]

    assert [0.0] * 250 == delays[:250]
    assert 10.0 == delays[250]


# --- reading


def walk(simulator, **query):
    """Every page, as a patient client reads it."""
    pages, cursor = [], None
    while len(pages) < 50:
        asked = dict(query) | ({} if cursor is None else {"next_cursor": cursor})
        text = "&".join(f"{name}={value}" for name, value in asked.items())
        pages.append(result_of(ask(simulator, "GET", "/data/orders", query=text)))
        cursor = pages[-1].get("next_cursor")
        if cursor in ("LTE=", "", None):
            break
    return pages


@pytest.mark.parametrize(("end", "expected"), [("LTE=", "LTE="), ("empty", ""), ("null", None), ("missing", None)])
def test_the_pages_of_a_listing(end, expected):
    """Pages are cut by offset, and the last says so in each of the ways that the documents name."""
    simulator = simulator_of(orders=25, page_size=10, cursor_end=end)
    pages = walk(simulator)

    assert [10, 10, 5] == [len(page["data"]) for page in pages]
    assert ["MTA=", "MjA="] == [page["next_cursor"] for page in pages[:2]]
    assert expected == pages[-1].get("next_cursor")
    assert (end == "missing") == ("next_cursor" not in pages[-1])
    assert ids_of(simulator) == sorted(row["id"] for page in pages for row in page["data"])


def test_a_full_last_page_may_name_an_empty_one():
    """With that rule, a further page is named and empty."""
    pages = walk(simulator_of(orders=20, page_size=10, extra_empty_page=True))

    assert [10, 10, 0] == [len(page["data"]) for page in pages]


def test_a_listing_is_narrowed_by_market_and_asset():
    """Both filters narrow, and other keys' orders are never shown."""
    simulator = simulator_of(orders=16)
    simulator.add_account("bob", orders=4, markets=MARKETS)
    asset = simulator.assets_of(MARKETS[0])[0]
    rows = [row for page in walk(simulator, market=MARKETS[0], asset_id=asset) for row in page["data"]]

    assert {(MARKETS[0], asset, "LIVE")} == {(row["market"], row["asset_id"], row["status"]) for row in rows}
    assert {row["id"] for row in rows} == {
        key
        for key in ids_of(simulator)
        if simulator.ledger.orders[key].market == MARKETS[0] and simulator.ledger.orders[key].asset == asset
    }


@pytest.mark.parametrize("prefix", [False, True])
@pytest.mark.parametrize(
    ("how", "status"),
    [("fill", "MATCHED"), ("cancel_elsewhere", "CANCELED"), ("expire", "CANCELED_MARKET_RESOLVED"), ("fail", "INVALID")],
)
def test_a_closed_order_can_still_be_read(how, status, prefix):
    """A read shows every status, in both spellings; so does a listing by id."""
    simulator = simulator_of(orders=1, status_prefix=prefix)
    (order_id,) = ids_of(simulator)
    getattr(simulator, how)(order_id, now_s=0.0)
    expected = f"ORDER_STATUS_{status}" if prefix else status

    assert expected == result_of(ask(simulator, "GET", f"/data/order/{order_id}"))["status"]
    assert expected == result_of(ask(simulator, "GET", "/data/orders", query=f"id={order_id}"))["data"][0]["status"]


def test_routes_that_do_not_exist():
    """What looks like a route and is none cancels nothing: a path with the id, and the wallet-wide pair that is not routed."""
    simulator = simulator_of(orders=1)
    for path in (f"/order/{ids_of(simulator)[0]}", "/cancel-wallet-orders", "/nothing"):
        assert 404 == ask(simulator, "DELETE", path).status
    assert b"<html>" in ask(simulator, "DELETE", "/cancel-wallet-orders").body
    assert 1 == len(ids_of(simulator))


def test_the_clock_and_the_tier():
    """The clock is a bare number of seconds; the tier is told to its signer."""
    simulator = simulator_of(clock_skew_s=90, tier="gold")

    assert int(simulator.rules.epoch_s) + 100 == result_of(ask(simulator, "GET", "/time", now_s=10.0))
    assert {"tier": "gold"} == result_of(ask(simulator, "GET", "/v1/user/rate-limit-tier", now_s=10.0, off_s=90))


# --- modes and faults


@pytest.mark.parametrize(
    ("mode", "status"), [("normal", 200), ("restarting", 425), ("post_only", 200), ("cancel_only", 200), ("disabled", 503)]
)
def test_the_modes_of_the_venue(mode, status):
    """Cancels work in all modes but two; reading works in all."""
    simulator = simulator_of(orders=1)
    simulator.set_mode(mode)

    assert status == ask(simulator, "DELETE", "/cancel-all").status
    assert 200 == ask(simulator, "GET", "/data/orders").status


def test_a_silent_heart_cancels_everything():
    """Ten seconds after the last beat, every order of the key is gone; a beat in time prevents it."""
    simulator = simulator_of(orders=3)
    beat = result_of(ask(simulator, "POST", "/v1/heartbeats", {"heartbeat_id": ""}))["heartbeat_id"]
    stale = ask(simulator, "POST", "/v1/heartbeats", {"heartbeat_id": "x"}, now_s=4.0)
    assert (400, "Invalid Heartbeat ID", beat) == (stale.status, *result_of(stale).values())
    ask(simulator, "POST", "/v1/heartbeats", {"heartbeat_id": beat}, now_s=6.0)
    simulator.advance(11.0)
    assert 3 == len(ids_of(simulator))
    simulator.advance(16.5)
    assert [] == ids_of(simulator)


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.routes & CANCELS and "meanwhile" not in name])
def test_a_fault_acts_or_does_not_as_it_says(name):
    """Whatever is answered, the book changes only where the fault says that it does."""
    fault = FAULTS[name]
    route = min(fault.routes & CANCELS)
    simulator = simulator_of(orders=4, faults=[FaultRule(fault)])
    first = ids_of(simulator)[0]
    path, body = {
        "cancel": ("/order", {"orderID": first}),
        "cancel_many": ("/orders", ids_of(simulator)),
        "cancel_all": ("/cancel-all", None),
        "cancel_market": ("/cancel-market-orders", {"market": MARKETS[0]}),
    }[route]
    if fault.manner in NEVER_STANDS:
        request = HttpRequest(method="DELETE", url=f"http://venue.test{path}")
        assert fault.manner == simulator.refuses(request, now_s=0.0)
        return
    ask(simulator, "DELETE", path, body)

    is_gone = BookState.CANCELLED is simulator.ledger.state_of(first)
    assert (fault.acts or name == "heartbeat_expiry") == is_gone
    assert name == simulator.ledger.requests[-1].fault


def test_every_fault_says_what_it_is():
    """The catalogue is named, explained, and has the forms that the documentation and its users report."""
    assert all(fault.says and fault.routes and fault.name == name for name, fault in FAULTS.items())
    assert {"restart_425", "rate_429", "in_neither", "in_both", "foreign_id", "cursor_repeated", "list_short_page"} <= set(FAULTS)
    assert len(FAULTS) > 150


def test_impossible_rules_are_refused():
    """Rules and accounts that no venue could have are a ConfigError."""
    for make in (
        lambda: PolymarketRules(page_size=0),
        lambda: PolymarketRules(tier="none"),
        lambda: simulator_of().add_account("alice"),
    ):
        with pytest.raises(ConfigError):
            make()


def test_the_same_seed_gives_the_same_bytes():
    """Two simulators of one seed answer alike, byte for byte."""
    one, other = (simulator_of(orders=30, seed=7) for _ in range(2))
    for path in ("/cancel-all", "/orders"):
        body = None if path == "/cancel-all" else ["0x" + "9" * 64]
        assert ask(one, "DELETE", path, body).body == ask(other, "DELETE", path, body).body
