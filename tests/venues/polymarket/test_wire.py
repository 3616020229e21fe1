"""Polymarket's wire: every answer of the documentation means what it can mean and no more, and any bytes at all are survived."""

import contextlib
import json
import math
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import revealed

from engine import (
    Account,
    ConfigError,
    CredentialError,
    OpenOrder,
    OrderState,
    Scope,
    Side,
    ThrottledError,
    TransportError,
    VenueError,
    WireError,
)
from engine.core.listing import Page
from engine.core.outcome import Verdict, Word
from engine.core.quota import Feedback, Kind
from engine.errors import BatchTooLargeError, UnavailableError
from engine.venues.base import HttpAnswer, HttpRequest, MassWord
from engine.venues.polymarket import TIERS, Polymarket, PolymarketKey, wire

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text("utf-8"))
KEY = PolymarketKey(
    VECTORS["key"]["address"], VECTORS["key"]["api_key"], VECTORS["secrets"]["urlsafe"], VECTORS["key"]["passphrase"]
)
ALICE = Account("alice", KEY)
WALL_S = 1700000000.9
BASE = "https://clob.polymarket.com"

A = "0x38a73eed1e6d177545e9ab027abddfb7e08dbe975fa777123b1752d203d6ac88"
B = "0x7ce769d075f4f1263603fde09862f5998f5e6ae4a39a16f3780f0bd708d3fc1c"
C = "0x" + "c" * 64
MARKET = "0xbd31dc8a20211944f6b70f31557f1001557b59905b7738480ca09bd4532f84af"
ASSET = "52114319501245915516055106046884209969926127482827954674443846427813813222426"

ROW = {
    "id": A,
    "status": "ORDER_STATUS_LIVE",
    "owner": VECTORS["key"]["api_key"],
    "maker_address": KEY.address,
    "market": MARKET,
    "asset_id": ASSET,
    "side": "BUY",
    "original_size": "10",
    "size_matched": "2.5",
    "price": "0.57",
    "outcome": "YES",
    "expiration": "0",
    "order_type": "GTC",
    "associate_trades": None,
    "created_at": 1700000000,
}


def answer(body, status=200, **headers):
    """An answer with this body, as JSON unless it is bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpAnswer(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=data)


def read_cancel(body, status=200):
    """The words on A and B, or the class of the error."""
    try:
        verdicts = wire.read_cancel(answer(body, status), [A, B], wall_s=WALL_S)
    except VenueError as error:
        return type(error)
    assert [A, B] == list(verdicts)
    return verdicts[A].word, verdicts[B].word


def read_page(body, cursor=wire.FIRST_PAGE, status=200):
    """The page."""
    return wire.read_page(answer(body, status), cursor=cursor, wall_s=WALL_S)


def read_order(body, status=200, order_id=A):
    """The verdict of a read."""
    return wire.read_order(answer(body, status), order_id, wall_s=WALL_S)


# --- requests


def vector(name):
    """The signature vector of this name."""
    return next(each for each in VECTORS["hmac"] if each["name"] == name)


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (Polymarket().cancel_request(ALICE, [A], wall_s=WALL_S), "cancel_order"),
        (Polymarket().cancel_request(ALICE, [A, B], wall_s=WALL_S), "cancel_orders_2"),
        (Polymarket().mass_request(ALICE, Scope(), Kind.CANCEL_ALL, wall_s=WALL_S), "cancel_all_no_body"),
        (
            Polymarket().mass_request(ALICE, Scope(market=MARKET), Kind.CANCEL_MARKET, wall_s=WALL_S),
            "cancel_market_v2_market_only",
        ),
        (
            Polymarket(both_filters_intersect=True).mass_request(
                ALICE, Scope(market=MARKET, asset=ASSET), Kind.CANCEL_MARKET, wall_s=WALL_S
            ),
            "cancel_market_both",
        ),
        (Polymarket().page_request(ALICE, Scope(), wire.FIRST_PAGE, wall_s=WALL_S), "get_open_orders"),
        (Polymarket().page_request(ALICE, Scope(market=MARKET, asset=ASSET), "MTAw", wall_s=WALL_S), "get_open_orders"),
        (Polymarket().order_request(ALICE, A, wall_s=WALL_S), "get_order"),
    ],
    ids=["one", "many", "all", "market", "market and asset", "first page", "second page", "order"],
)
def test_a_request_is_the_one_that_the_official_clients_sign(request_, name):
    """Method, path, exact bytes of the body, and all headers, for the requests that the engine makes."""
    expected = vector(name)
    body = None if expected["body"] is None else expected["body"].encode()
    headers = VECTORS["headers"]["l2_cancel_all"] | {"POLY_SIGNATURE": expected["signature"]}

    assert (expected["method"], BASE + expected["path"]) == (request_.method, request_.url.partition("?")[0])
    assert body == request_.body
    assert headers | ({} if body is None else {"Content-Type": "application/json"}) == request_.revealed_headers()


def test_a_request_for_one_asset_names_nothing_else():
    """What is not given is left out of the body, not sent empty."""
    request = Polymarket().mass_request(ALICE, Scope(asset=ASSET), Kind.CANCEL_MARKET, wall_s=WALL_S)

    assert f'{{"asset_id":"{ASSET}"}}'.encode() == request.body


@pytest.mark.parametrize(
    ("scope", "cursor", "query"),
    [
        (Scope(), "MA==", ""),
        (Scope(), "MTAw", "?next_cursor=MTAw"),
        (Scope(), "Mg==", "?next_cursor=Mg%3D%3D"),
        (Scope(market=MARKET), "MA==", f"?market={MARKET}"),
        (Scope(market=MARKET.upper().replace("X", "x")), "MA==", f"?market={MARKET}"),
        (Scope(asset=ASSET), "MTAw", f"?asset_id={ASSET}&next_cursor=MTAw"),
        (Scope(market="0x01" + "Ab" * 30), "MA==", f"?market=0x01{'ab' * 30}00"),
    ],
)
def test_a_listing_is_narrowed_and_the_query_is_not_signed(scope, cursor, query):
    """Filters and cursor are in the address alone; the first page needs no cursor."""
    request = Polymarket().page_request(ALICE, scope, cursor, wall_s=WALL_S)

    assert f"{BASE}/data/orders{query}" == request.url
    assert vector("get_open_orders")["signature"] == request.revealed_headers()["POLY_SIGNATURE"]


def test_a_listing_can_be_of_one_order():
    """An id in the query asks for that order, whatever its status; it is not signed either."""
    url = wire.page_request(BASE, ALICE.credentials, market=None, asset=None, order_id=A, cursor="MA==", wall_s=WALL_S).url

    assert f"{BASE}/data/orders?id={A}" == url


def test_each_request_is_signed_for_its_own_second():
    """The time of a request is the one that it was made at, in whole seconds, and its signature covers it."""
    venue = Polymarket()
    early, late = (venue.cancel_request(ALICE, [A], wall_s=wall_s) for wall_s in (WALL_S, WALL_S + 1))

    assert ["1700000000", "1700000001"] == [each.headers["POLY_TIMESTAMP"] for each in (early, late)]
    assert early.headers["POLY_SIGNATURE"] != late.headers["POLY_SIGNATURE"]


def test_ids_leave_as_the_venue_writes_them():
    """Capitals in hex digits are the same id, and are not sent."""
    venue, capitals = Polymarket(), A.upper().replace("X", "x")

    assert venue.cancel_request(ALICE, [A], wall_s=WALL_S) == venue.cancel_request(ALICE, [capitals], wall_s=WALL_S)
    assert venue.order_request(ALICE, A, wall_s=WALL_S) == venue.order_request(ALICE, capitals, wall_s=WALL_S)


@pytest.mark.parametrize("order_id", [".", "..", "a/../b", "?x=1", "#", "a b", "é"])
def test_an_order_id_cannot_leave_its_place_in_the_path(order_id):
    """Whatever an id holds, the read asks for one segment below /data/order/, and signs it as it is sent."""
    request = wire.order_request(BASE, KEY, order_id, wall_s=WALL_S)
    segment = request.url.removeprefix(f"{BASE}/data/order/")
    expected = wire.l2_headers(KEY, timestamp=1700000000, method="GET", path=f"/data/order/{segment}")

    assert not set("/?# ") & set(segment)
    assert segment.strip(".")
    assert expected == request.headers


def test_the_unsigned_and_the_small_requests():
    """The clock is read without a key; the tier with one."""
    venue = Polymarket("https://gateway.example/clob/")
    tier = venue.tier_request(ALICE, wall_s=WALL_S)

    assert HttpRequest(method="GET", url="https://gateway.example/clob/time") == venue.time_request()
    assert ("GET", "https://gateway.example/clob/v1/user/rate-limit-tier", None) == (tier.method, tier.url, tier.body)
    assert KEY.api_key == tier.headers["POLY_API_KEY"]


@pytest.mark.parametrize(
    ("market", "asset"), [(None, None), ("", ""), ("", None), (None, ""), (MARKET, ""), ("", ASSET), (" ", None), (None, "\n")]
)
def test_a_market_wide_cancel_without_a_filter_cannot_be_made(market, asset):
    """The body that may cancel everything never comes to be."""
    with pytest.raises(AssertionError, match="cancel everything"):
        wire.cancel_market_request(BASE, KEY, market=market, asset=asset, wall_s=WALL_S)


FILTERS = st.none() | st.sampled_from(["", " ", "\t", MARKET, ASSET])


@given(FILTERS, FILTERS)
def test_no_filter_of_a_market_wide_cancel_is_ever_empty(market, asset):
    """Whatever is given: a body with a filter in it and none that is blank, or no request."""
    with contextlib.suppress(AssertionError):
        body = json.loads(wire.cancel_market_request(BASE, KEY, market=market, asset=asset, wall_s=WALL_S).body)
        assert body
        assert all(value.strip() for value in body.values())


def test_a_cancel_of_nothing_cannot_be_made():
    """An empty list of ids is a mistake, not a request."""
    with pytest.raises(AssertionError):
        wire.cancel_request(BASE, KEY, [], wall_s=WALL_S)


# --- answers to cancels

GONE, BAD = Word.CANCELLED, Word.UNSETTLED


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"canceled": [A, B], "not_canceled": {}}, 200, (GONE, GONE)),
        ({"canceled": [B, A], "not_canceled": {}}, 200, (GONE, GONE)),
        ({"canceled": [A, B], "not_canceled": {}}, 201, (GONE, GONE)),
        ({"canceled": [A, B]}, 200, (GONE, GONE)),
        ({"canceled": [A, B], "not_canceled": None}, 200, (GONE, GONE)),
        ({"canceled": [A, B], "not_canceled": []}, 200, (GONE, GONE)),
        ({"canceled": [A, B], "error": ""}, 200, (GONE, GONE)),
        ({"canceled": [A, B], "new": 1}, 200, (GONE, GONE)),
        ({"canceled": [A.upper().replace("X", "x"), B]}, 200, (GONE, GONE)),
        ({"canceled": [A], "not_canceled": {B: "order already matched"}}, 200, (GONE, Word.FILLED)),
        ({"canceled": [A], "notCanceled": {B: "order already matched"}}, 200, (GONE, Word.FILLED)),
        ({"canceled": [A], "not_canceled": {B.upper(): "order already matched"}}, 200, (GONE, Word.FILLED)),
        ({"canceled": None, "not_canceled": {B: "order already matched"}}, 200, (BAD, Word.FILLED)),
        ({"not_canceled": {B: "order already matched"}}, 200, (BAD, Word.FILLED)),
        ({"canceled": {A: True}, "not_canceled": {B: "order already matched"}}, 200, (BAD, Word.FILLED)),
        ({"canceled": [A], "not_canceled": {}}, 200, (GONE, BAD)),
        ({"canceled": [C], "not_canceled": {}}, 200, (BAD, BAD)),
        ({"canceled": [], "not_canceled": {}}, 200, (BAD, BAD)),
        ({"canceled": [A, B], "not_canceled": {A: "order not found"}}, 200, (BAD, GONE)),
        ({"canceled": [A, B], "not_canceled": {A: None}}, 200, (BAD, GONE)),
        ({"canceled": [A, B], "not_canceled": [A]}, 200, (BAD, GONE)),
        ({"canceled": [A, B], "not_canceled": [A, 5, None]}, 200, (BAD, GONE)),
        ({"canceled": [A, B], "notCanceled": {A: "x"}}, 200, (BAD, GONE)),
        ({"canceled": [], "not_canceled": {A: "order not found", A.upper(): "order already matched"}}, 200, (BAD, BAD)),
        ({"canceled": [], "not_canceled": {A: {"reason": "order already matched"}}}, 200, (BAD, BAD)),
        ({"canceled": [A, 5, None, {}, [B], ""]}, 200, (GONE, BAD)),
        ({"canceled": [A + " "]}, 200, (BAD, BAD)),
        ({"canceled": A}, 200, WireError),
        ({"canceled": True}, 200, WireError),
        ({"canceled": None}, 200, WireError),
        ({"not_canceled": [A]}, 200, WireError),
        ({"canceled": [A, B], "not_canceled": A}, 200, (BAD, GONE)),
        ({"canceled": [A, B], "not_canceled": [{"id": A, "reason": "x"}]}, 200, (BAD, GONE)),
        ({"canceled": [A, B], "not_canceled": {"orders": [A.upper().replace("X", "x")]}}, 200, (BAD, GONE)),
        ({"canceled": [A, B], "notCanceled": {"x": {A: "x"}}}, 200, (BAD, GONE)),
        (b'{"canceled":[],"canceled":["' + A.encode() + b'"]}', 200, WireError),
        (b'{"canceled":["' + A.encode() + b'"],"not_canceled":{"' + A.encode() + b'":"x"},"not_canceled":{}}', 200, WireError),
        ({"canceled": [A, B], "error": "x"}, 200, WireError),
        ({"canceled": [A, B], "error_msg": "x"}, 200, WireError),
        ({"error": "x"}, 200, WireError),
        ({}, 200, WireError),
        ([A, B], 200, WireError),
        (None, 200, WireError),
        ("OK", 200, WireError),
        (b"", 200, WireError),
        (b"", 204, WireError),
        (b"<html>OK</html>", 200, WireError),
        (b'{"canceled":["' + A.encode() + b'"],"not_canceled":NaN}', 200, WireError),
        (b"[" * 200_000, 200, WireError),
        ({"canceled": [A, B]}, 199, WireError),
        ({"canceled": [A, B]}, 307, WireError),
        ({"canceled": [A, B]}, 404, WireError),
        ({"error": "Order not found"}, 404, WireError),
        ({"canceled": [A, B]}, 500, TransportError),
    ],
)
def test_a_cancel_is_acknowledged_by_its_list_alone(body, status, expected):
    """2xx, an object without an error, and the id in `canceled` and nowhere else; everything else is something else."""
    assert expected == read_cancel(body, status)


@pytest.mark.parametrize(
    ("reason", "word", "code"),
    [
        ("order already matched", Word.FILLED, "filled"),
        ("Order already matched", Word.FILLED, "filled"),
        ("matched orders can't be canceled", Word.FILLED, "filled"),
        ("Matched orders can\N{RIGHT SINGLE QUOTATION MARK}t be cancelled.", Word.FILLED, "filled"),
        ("Order already canceled", Word.ALREADY_CANCELLED, None),
        ("order already cancelled", Word.ALREADY_CANCELLED, None),
        ("the order is already canceled", Word.ALREADY_CANCELLED, None),
        ("  ORDER  already-canceled! ", Word.ALREADY_CANCELLED, None),
        ("Order not found", Word.NOT_FOUND, "not_found"),
        ("can't be canceled because it is pending/delayed", Word.PENDING, "pending"),
        ("Order not found or already canceled", Word.UNSETTLED, "refused"),
        ("order can't be found - already canceled or matched", Word.UNSETTLED, "refused"),
        ("order already canceled or matched", Word.UNSETTLED, "refused"),
        ("the order is already canceled, maybe", Word.UNSETTLED, "refused"),
        ("order is not already matched", Word.UNSETTLED, "refused"),
        ("order not found, try again", Word.UNSETTLED, "refused"),
        ("order not found: заявка жива", Word.UNSETTLED, "refused"),
        ("canceled", Word.UNSETTLED, "refused"),
        ("matched", Word.UNSETTLED, "refused"),
        ("something new", Word.UNSETTLED, "refused"),
        ("", Word.UNSETTLED, "refused"),
        (None, Word.UNSETTLED, "refused"),
        (5, Word.UNSETTLED, "refused"),
    ],
)
def test_a_reason_means_something_as_a_whole_sentence_alone(reason, word, code):
    """Known sentences settle, in any capitals and punctuation; parts of them, more than them, and the ambiguous ones do not."""
    verdict = wire.read_cancel(answer({"canceled": [], "not_canceled": {A: reason}}), [A], wall_s=WALL_S)[A]

    assert (word, code) == (verdict.word, verdict.code)
    assert (reason if isinstance(reason, str) and reason else "the venue did not cancel it, and gave no reason") == verdict.text


def test_the_verdict_keeps_what_the_venue_said_of_that_order():
    """The evidence is the part of the answer that names the order, under the id that was asked for."""
    verdicts = wire.read_cancel(answer({"canceled": [A], "not_canceled": {B: "nope"}}), [A, B, C], wall_s=WALL_S)

    assert {"canceled": [A]} == verdicts[A].result
    assert {"not_canceled": {B: "nope"}} == verdicts[B].result
    assert ("not_mentioned", None) == (verdicts[C].code, verdicts[C].result)


def test_the_venues_words_cannot_steer_a_terminal():
    """Control characters in a reason are replaced, and a long one is cut."""
    reason = "\x1b[31mred\ud800\n" + "x" * 500
    verdict = wire.read_cancel(answer({"not_canceled": {A: reason}}), [A], wall_s=WALL_S)[A]

    assert ("?[31mred??" + "x" * 500)[:200] == verdict.text


def test_a_mass_cancel_is_read_by_what_it_names():
    """Every order that the answer mentions gets its word; one that it mentions twice gets none."""
    body = {"canceled": [A, C], "not_canceled": {B: "Order already matched", C: "order not found", "a b": "x"}}
    verdicts = wire.read_mass(answer(body), wall_s=WALL_S)

    assert {A: Word.CANCELLED, B: Word.FILLED, C: Word.UNSETTLED} == {name: each.word for name, each in verdicts.orders.items()}
    assert ({}, True) == wire.read_mass(answer({"canceled": [], "not_canceled": {}}), wall_s=WALL_S)


@pytest.mark.parametrize("canceled", [None, [A, None], [1], [{}], "", {}])
def test_a_mass_cancel_that_cannot_be_read_whole_says_so(canceled):
    """What stands among the cancelled and is no id may be an order that nobody has named: that is not passed over."""
    assert not wire.read_mass(answer({"canceled": canceled, "not_canceled": {}}), wall_s=WALL_S).is_whole


def test_a_mass_cancel_and_a_listing_name_an_order_alike():
    """Whatever capitals the venue uses, one order comes out under one id, and two reasons for it are none."""
    capitals = A.upper().replace("X", "x")
    verdicts = wire.read_mass(answer({"canceled": [capitals], "not_canceled": {A: "order not found"}}), wall_s=WALL_S)

    assert {A: Word.UNSETTLED} == {name: each.word for name, each in verdicts.orders.items()}
    assert A == wire.read_row(ROW | {"id": capitals}).order_id == Polymarket().plain_id(capitals)


@given(st.lists(st.sampled_from([A, B, C]), min_size=1), st.permutations([A, B, C]), st.data())
def test_an_honest_answer_is_read_as_it_is_meant(asked, order, data):
    """In any order, with foreign ids in it, for duplicates: each order asked for gets its own word."""
    fates = {order_id: data.draw(st.sampled_from(["canceled", "order already matched", "in neither"])) for order_id in order}
    body = {
        "canceled": [order_id for order_id in order if fates[order_id] == "canceled"],
        "not_canceled": {order_id: fate for order_id, fate in fates.items() if fate.startswith("order")},
    }
    words = {"canceled": Word.CANCELLED, "order already matched": Word.FILLED, "in neither": Word.UNSETTLED}

    assert {order_id: words[fates[order_id]] for order_id in asked} == {
        order_id: verdict.word for order_id, verdict in wire.read_cancel(answer(body), asked, wall_s=WALL_S).items()
    }


# --- refusals


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"error": "Unauthorized/Invalid api key"}, 401, CredentialError),
        ({"error": "Invalid API key"}, 401, CredentialError),
        (b"<html>", 401, CredentialError),
        (b"<html>Trading restricted in your region</html>", 403, TransportError),
        (b"", 403, TransportError),
        (b"geoblock", 403, TransportError),
        ({"error": "blocked"}, 403, TransportError),
        ({"error": "Trading restricted in your region, please refer to available regions"}, 403, CredentialError),
        ({"error": "Geoblock"}, 403, CredentialError),
        ({"error": "this key has no permission to cancel"}, 403, CredentialError),
        (b"service not ready", 425, UnavailableError),
        ({"error": "Trading is currently disabled. Check polymarket.com for updates"}, 503, UnavailableError),
        ({"error": "trading is disabled"}, 503, UnavailableError),
        (b"trading is disabled", 503, TransportError),
        (
            {"error": "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."},
            503,
            TransportError,
        ),
        (
            {"error": "post-only mode: only post-only orders and cancels are allowed", "code": "post_only_mode"},
            503,
            TransportError,
        ),
        ({"error": "Too Many Requests"}, 429, ThrottledError),
        (b"Too Many Requests", 429, ThrottledError),
        (b"<html>", 429, ThrottledError),
        ({"error": "Internal server error"}, 500, TransportError),
        ({"error": "could not run the execution"}, 500, TransportError),
        (b"<html>", 502, TransportError),
        (b"<html>", 503, TransportError),
        (b"<html>", 504, TransportError),
        (b"<html>", 520, TransportError),
        (b"", 408, TransportError),
        ({"error": "Too many orders in payload, max allowed: 1000"}, 400, BatchTooLargeError),
        ({"error": "too many orders in payload; max allowed:15."}, 400, BatchTooLargeError),
        ({"error": "Too many orders in payload, max allowed: 0"}, 400, VenueError),
        ({"error": "Too many orders in payload, max allowed: many"}, 400, VenueError),
        ({"error": "Invalid orderID"}, 400, VenueError),
        ({"error": "Invalid order payload"}, 400, VenueError),
        ({"error_msg": "Invalid"}, 400, VenueError),
        (b"<html>", 413, VenueError),
        (b"Too many orders in payload, max allowed: 1000", 400, WireError),
        (b"<html>", 400, WireError),
        ({"error": {"a": 1}}, 400, WireError),
        ({}, 400, WireError),
        ({"error": "Order not found"}, 404, WireError),
        (b"<html>nginx</html>", 404, WireError),
        ({"error": "x"}, 405, WireError),
        ({"error": "x"}, 422, WireError),
        (b"", 100, WireError),
        (b"", 301, WireError),
    ],
)
@pytest.mark.parametrize(
    "decode",
    [
        lambda each: wire.read_cancel(each, [A, B], wall_s=WALL_S),
        lambda each: wire.read_mass(each, wall_s=WALL_S),
        lambda each: wire.read_page(each, cursor=wire.FIRST_PAGE, wall_s=WALL_S),
        wire.read_time,
        lambda each: wire.read_tier(each, known=TIERS),
        lambda each: wire.read_key(each, KEY.address, wall_s=WALL_S),
    ],
    ids=["cancel", "mass", "page", "time", "tier", "key"],
)
def test_a_refusal_is_told_by_its_status(body, status, expected, decode):
    """Each documented refusal has its own class, whatever was asked for; what is not documented is a WireError."""
    with pytest.raises(VenueError) as error:
        decode(answer(body, status))

    assert expected is type(error.value)


def refusal(body, status, **headers):
    """The error for this answer."""
    with pytest.raises(VenueError) as error:
        wire.read_cancel(answer(body, status, **headers), [A], wall_s=1000.0)
    return error.value


def test_what_a_refusal_says_is_kept():
    """Codes, statuses, the number of orders that are taken, and whether a clock may be to blame."""
    unauthorized = refusal({"error": "Unauthorized/Invalid api key"}, 401)
    forbidden = refusal({"error": "geoblock"}, 403)
    too_many = refusal({"error": "Too many orders in payload, max allowed: 15"}, 400)
    invalid = refusal({"error": "Invalid orderID"}, 400)
    broken = refusal({"error": "order timed out"}, 500)
    restarting = refusal(b"service not ready", 425)

    assert (401, True, False) == (unauthorized.code, unauthorized.may_be_clock, forbidden.may_be_clock)
    assert "the venue refuses the key (HTTP 401): Unauthorized/Invalid api key" == str(unauthorized)
    assert (15, 400) == (too_many.most, too_many.code)
    assert (400, "the venue refuses the request (HTTP 400): Invalid orderID") == (invalid.code, str(invalid))
    assert (True, 500, "http_500", "HTTP 500: order timed out") == (broken.sent, broken.status, broken.code, str(broken))
    assert (425, "the venue takes no requests for now (HTTP 425): service not ready") == (restarting.code, str(restarting))


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"", {}, None),
        (b"", {"retry_after": "3"}, 3.0),
        (b"", {"retry_after": "2.5"}, 2.5),
        (b"", {"retry_after": "Thu, 01 Jan 1970 00:16:50 GMT"}, 10.0),
        (b"", {"retry_after": "soon"}, None),
        ({"retry_after_seconds": 2}, {}, 2.0),
        ({"retry_after_seconds": 79}, {"retry_after": "3"}, 3.0),
        ({"retry_after_seconds": 2}, {"retry_after": "soon"}, 2.0),
        ({"retry_after_seconds": -2}, {}, None),
        ({"retry_after_seconds": True}, {}, None),
        ({"retry_after_seconds": [1]}, {}, None),
        (b"", {"poly_ratelimit_reset": "1004"}, 4.0),
        (b"", {"poly_ratelimit_reset": "1004.5"}, 4.5),
        (b"", {"poly_ratelimit_reset": "1000"}, None),
        (b"", {"poly_ratelimit_reset": "990"}, None),
        (b"", {"poly_ratelimit_reset": "1700000000000"}, None),
        (b"", {"poly_ratelimit_reset": "soon"}, None),
        ({"retry_after_seconds": 2}, {"poly_ratelimit_reset": "1004"}, 2.0),
        (b"", {"retry_after": "0", "poly_ratelimit_reset": "1004"}, 0.0),
    ],
)
def test_a_throttled_request_waits_as_long_as_it_is_told(body, headers, expected):
    """By the header, else by the body, else until the reset, if that is still to come."""
    assert expected == refusal(body, 429, **headers).retry_after_s


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"service not ready", {}, None),
        (b"service not ready", {"retry_after": "1"}, 1.0),
        ({"error": "trading is disabled", "retry_after_seconds": 30}, {}, 30.0),
        ({"error": "trading is disabled"}, {"poly_ratelimit_reset": "1004"}, None),
    ],
)
def test_an_outage_lasts_as_long_as_it_is_told(body, headers, expected):
    """By the header, else by the body; the state of a purse says nothing of an outage."""
    assert expected == refusal(body, 503 if isinstance(body, dict) else 425, **headers).retry_after_s


def test_a_redirect_names_the_host_and_nothing_else():
    """The error says where the venue wanted to send us, without a user or a query."""
    with pytest.raises(WireError, match=r"redirects to evil\.example:99 \(HTTP 307\)"):
        wire.read_page(answer(b"", 307, location="https://user:pw@evil.example:99/x?k=1"), cursor="MA==", wall_s=0.0)


# --- listings


def test_a_row_is_read_whole():
    """Every field that the engine uses comes out in its own words."""
    expected = OpenOrder(
        order_id=A,
        state=OrderState.OPEN,
        side=Side.BUY,
        market=MARKET,
        asset=ASSET,
        price=Decimal("0.57"),
        size=Decimal(10),
        filled=Decimal("2.5"),
        created_at_ms=1700000000000,
    )

    assert expected == wire.read_row(ROW)


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"status": "LIVE"}, "state", OrderState.OPEN),
        ({"status": "live"}, "state", OrderState.OPEN),
        ({"status": "order_status_live "}, "state", OrderState.OPEN),
        ({"status": "DELAYED"}, "state", OrderState.PENDING),
        ({"status": "ORDER_STATUS_MATCHED"}, "state", OrderState.FILLED),
        ({"status": "CANCELED"}, "state", OrderState.CANCELLED),
        ({"status": "ORDER_STATUS_CANCELED_MARKET_RESOLVED"}, "state", OrderState.EXPIRED),
        ({"status": "INVALID"}, "state", OrderState.EXPIRED),
        ({"status": "UNMATCHED"}, "state", OrderState.UNKNOWN),
        ({"status": "NOT_LIVE"}, "state", OrderState.UNKNOWN),
        ({"status": ""}, "state", OrderState.UNKNOWN),
        ({"status": None}, "state", OrderState.UNKNOWN),
        ({"status": 1}, "state", OrderState.UNKNOWN),
        ({"side": "SELL"}, "side", Side.SELL),
        ({"side": " sell"}, "side", Side.SELL),
        ({"side": "BUYER"}, "side", None),
        ({"side": 0}, "side", None),
        ({"side": None}, "side", None),
        ({"price": 0.25}, "price", Decimal("0.25")),
        ({"price": "NaN"}, "price", None),
        ({"price": "-1"}, "price", None),
        ({"price": ""}, "price", None),
        ({"original_size": "-0.1"}, "size", None),
        ({"size_matched": None}, "filled", None),
        ({"created_at": "1700000000"}, "created_at_ms", 1700000000000),
        ({"created_at": 1700000000123}, "created_at_ms", 1700000000123),
        ({"created_at": "1700000000123"}, "created_at_ms", 1700000000123),
        ({"created_at": 1700000000123456}, "created_at_ms", None),
        ({"created_at": "2026-11-20T00:00:00Z"}, "created_at_ms", None),
        ({"created_at": 0}, "created_at_ms", None),
        ({"asset_id": None, "token_id": ASSET}, "asset", ASSET),
        ({"asset_id": int(ASSET)}, "asset", ASSET),
        ({"asset_id": None}, "asset", None),
        ({"asset_id": 1e70}, "asset", None),
        ({"market": None}, "market", None),
        ({"market": "\ud800"}, "market", None),
    ],
)
def test_rows_of_other_types_are_read_or_left_open(change, field, expected):
    """Both vocabularies and both kinds of time are read alike; what is not established is None, never a guess."""
    assert expected == getattr(wire.read_row(ROW | change), field)


@pytest.mark.parametrize("row", [None, [], "x", {}, {"id": ""}, {"id": True}, {"id": "a b"}, {"id": "a\n"}, {"id": "\ud800"}])
def test_a_row_without_an_id_is_no_order(row):
    """A row that cannot be cancelled by id is counted as unreadable."""
    assert wire.read_row(row) is None
    assert (1, 1) == (read_page({"data": [row, ROW], "next_cursor": "LTE="}).unreadable, len(read_page([ROW, row]).orders))


@pytest.mark.parametrize(
    ("body", "cursor", "rows", "next_"),
    [
        ({"limit": 100, "next_cursor": "MTAw", "count": 2, "data": [ROW, ROW]}, "MA==", 2, "MTAw"),
        ({"next_cursor": "LTE=", "data": [ROW]}, "MA==", 1, None),
        ({"next_cursor": "LTE=", "data": []}, "MA==", 0, None),
        ({"next_cursor": "LTE=", "data": None, "count": 0}, "MA==", 0, None),
        ({"next_cursor": "", "data": []}, "MA==", 0, None),
        ({"next_cursor": None, "data": []}, "MA==", 0, None),
        ({"data": []}, "MA==", 0, None),
        ({"next_cursor": "MTAw", "data": []}, "MA==", 0, "MTAw"),
        ({"next_cursor": "MA==", "data": [ROW]}, "MA==", 1, "MA=="),
        ({"next_cursor": "MTAw", "data": [ROW]}, "MTAw", 1, "MTAw"),
        ({"next_cursor": "not base64!", "data": [ROW]}, "MA==", 1, "not base64!"),
        ({"next_cursor": "", "data": [ROW, ROW]}, "MA==", 2, "Mg=="),
        ({"next_cursor": None, "data": [ROW]}, "MTAw", 1, "MTAx"),
        ({"data": [ROW]}, "MA==", 1, "MQ=="),
        ([ROW], "MA==", 1, "MQ=="),
        ([ROW, ROW, ROW], "MTAw", 3, "MTAz"),
    ],
)
def test_a_page_says_honestly_what_is_behind_it(body, cursor, rows, next_):
    """Only `LTE=` or an empty envelope is the end; where rows come without a word of what follows, the next are asked for."""
    page = read_page(body, cursor)

    assert (rows, next_, None) == (page.rows, page.next, page.total)


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        [],
        {"data": None},
        {"data": None, "next_cursor": "LTE="},
        {"data": None, "next_cursor": "LTE=", "count": 5},
        {"data": None, "next_cursor": "", "count": 0},
        {"data": None, "next_cursor": "MTAw"},
        {"data": {}, "next_cursor": "LTE="},
        {"next_cursor": "LTE="},
        {"error": "x"},
        {"error": "x", "data": [], "next_cursor": "LTE="},
        {"data": [ROW], "next_cursor": 100},
        {"data": [ROW], "next_cursor": True},
        {"data": [ROW], "next_cursor": ["MTAw"]},
        {"data": [], "next_cursor": 0},
        {"data": [ROW], "next_cursor": "\ud800"},
        {"data": [ROW], "next_cursor": "a\n"},
        {"data": [ROW], "next_cursor": "x" * 513},
        b"<html>",
        b"",
        "MA==",
    ],
    ids=repr,
)
def test_a_failed_listing_is_never_an_empty_one(body):
    """An error, another shape, or a cursor that is none, raises."""
    with pytest.raises(WireError):
        read_page(body)


@pytest.mark.parametrize("cursor", ["opaque", "LTE=", "€", "YQ==", "4pyT", ""])
def test_behind_a_cursor_that_is_no_offset_the_venue_must_say_how_to_go_on(cursor):
    """Where the place of a page is not known, neither is what follows it."""
    with pytest.raises(WireError):
        read_page([ROW], cursor)


@given(st.integers(0, 10**9), st.integers(1, 500))
def test_the_page_at_a_position_begins_there(position, rows):
    """`cursor_at` is the offset of the row in the cursor's own writing, and the first one is that of position 0."""
    venue = Polymarket()

    assert str(position) == wire.base64.b64decode(venue.cursor_at(position, rows)).decode()
    assert venue.first_cursor == venue.cursor_at(0, rows)


# --- reads


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (ROW, 200, Word.OPEN),
        (ROW | {"status": "DELAYED"}, 200, Word.PENDING),
        (ROW | {"status": "CANCELED"}, 200, Word.ALREADY_CANCELLED),
        (ROW | {"status": "MATCHED"}, 200, Word.FILLED),
        (ROW | {"status": "CANCELED_MARKET_RESOLVED"}, 200, Word.EXPIRED),
        (ROW | {"status": "UNMATCHED"}, 200, Word.UNSETTLED),
        (ROW | {"status": None}, 200, Word.UNSETTLED),
        (ROW | {"id": A.upper()}, 200, Word.OPEN),
        (None, 200, Word.UNSETTLED),
        ({"error": "Order not found"}, 404, Word.NOT_FOUND),
        ({"error": "order not found."}, 404, Word.NOT_FOUND),
    ],
)
def test_a_read_says_what_it_shows(body, status, expected):
    """The state of the order that was asked for, or nothing."""
    assert expected is read_order(body, status).word


def test_a_read_by_another_spelling_of_an_id_is_about_that_order():
    """Capitals in the id that was asked for make no difference."""
    assert Word.OPEN is read_order(ROW, order_id=A.upper()).word


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (b"<html>nginx</html>", 404, WireError),
        (b"Order not found", 404, WireError),
        ({"error": "not found"}, 404, WireError),
        ({"error": "Order not found"}, 200, WireError),
        (ROW | {"id": B}, 200, WireError),
        ({}, 200, WireError),
        ([ROW], 200, WireError),
        (b"", 200, WireError),
        ({"error": "Invalid orderID"}, 400, VenueError),
        ({"error": "Internal server error"}, 500, TransportError),
        ({"error": "Unauthorized/Invalid api key"}, 401, CredentialError),
    ],
)
def test_a_read_about_anything_else_is_no_evidence(body, status, expected):
    """Another order, a wrong address, or an error says nothing of the order."""
    with pytest.raises(VenueError) as error:
        read_order(body, status)

    assert expected is type(error.value)


def test_a_read_keeps_its_evidence():
    """Status and sizes stay with the verdict; a status that says nothing is named."""
    cancelled, odd = read_order(ROW | {"status": "CANCELED"}), read_order(ROW | {"status": "ODD\n"})

    assert {"id": A, "status": "CANCELED", "original_size": "10", "size_matched": "2.5"} == cancelled.result
    assert (None, Decimal("2.5")) == (cancelled.code, cancelled.order.filled)
    assert ("status_unknown", "the venue shows a status that says nothing: 'ODD?'") == (odd.code, odd.text)


# --- answers beside orders


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, {}, None),
        (200, {"poly_ratelimit_remaining": "119"}, Feedback(remaining=119.0)),
        (200, {"poly_ratelimit_remaining": "-81"}, Feedback(remaining=-81.0)),
        (200, {"poly_ratelimit_remaining": " 12.5 "}, Feedback(remaining=12.5)),
        (200, {"poly_ratelimit_remaining": "abc"}, None),
        (200, {"poly_ratelimit_remaining": "nan"}, None),
        (200, {"poly_ratelimit_remaining": "inf"}, None),
        (200, {"poly_ratelimit_remaining": "1e400"}, None),
        (200, {"poly_ratelimit_remaining": "9" * 400}, None),
        (200, {"poly_ratelimit_remaining": "\N{ARABIC-INDIC DIGIT ONE}"}, None),
        (200, {"poly_ratelimit_remaining": ""}, None),
        (200, {"poly_ratelimit_tier": "Gold"}, Feedback(tier="gold")),
        (200, {"poly_ratelimit_tier": " "}, None),
        (200, {"poly_ratelimit_remaining": "x", "poly_ratelimit_tier": "gold"}, Feedback(tier="gold")),
        (429, {"poly_ratelimit_remaining": "-2", "poly_ratelimit_tier": "standard"}, Feedback(remaining=-2.0, tier="standard")),
        (500, {"poly_ratelimit_remaining": "3"}, None),
        (307, {"poly_ratelimit_remaining": "3", "poly_ratelimit_tier": "elite"}, None),
    ],
)
def test_the_state_of_the_purse_is_read_or_left_alone(status, headers, expected):
    """Finite decimals and a tier's name, from answers that the limiter let through or refused; junk is no word at all."""
    assert expected == Polymarket().feedback(answer(b"", status, **headers))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"1700000000", 1700000000.0),
        (b" 1700000000\n", 1700000000.0),
        (b'"1700000000"', 1700000000.0),
        ({"time": 1700000000}, 1700000000.0),
        ({"timestamp": "1700000000"}, 1700000000.0),
        (b"1700000000000", None),
        (b"0", None),
        (b"-1700000000", None),
        (b"NaN", None),
        (b"true", None),
        ({"time": None}, None),
        ({}, None),
        ([1700000000], None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_the_venues_clock_is_read_or_refused(body, expected):
    """Ten digits, bare or in an object; milliseconds and everything else are a WireError."""
    with pytest.raises(WireError) if expected is None else contextlib.nullcontext():
        assert expected == Polymarket().read_time(answer(body))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"tier": "gold"}, "gold"),
        ({"tier": " Gold "}, "gold"),
        ("Platinum", "platinum"),
        ({"data": {"tier": "silver"}}, "silver"),
        ({"tier": {"name": "Bronze", "rate": 160}}, "bronze"),
        ({"tier": "unheard-of"}, None),
        ({"tier": None, "data": {"tier": "gold"}}, None),
        ({"now": {"tier": "gold"}, "next": {"tier": "elite"}}, None),
        ({"now": {"tier": "gold"}, "then": {"tier": "gold"}}, "gold"),
        ({"name": "gold"}, None),
        ({}, None),
        ([], None),
        (5, None),
    ],
)
def test_the_tier_is_found_where_it_may_stand(body, expected):
    """As the answer, under `tier`, or under `tier` one level down; an unknown one, or two of them, are none."""
    assert expected == Polymarket().read_tier(answer(body))


@pytest.mark.parametrize("body", [b"", b"gold", b"<html>"])
def test_a_tier_that_is_no_json_is_refused(body):
    """A page or plain text is a WireError."""
    with pytest.raises(WireError):
        Polymarket(limits=None).read_tier(answer(body))


# --- keys

HANDED_OUT = revealed({"apiKey": KEY.api_key, "secret": KEY.secret, "passphrase": KEY.passphrase})


def test_a_key_is_read_whole():
    """The three parts make the key of the wallet that asked."""
    assert KEY == wire.read_key(answer(HANDED_OUT | {"new": 1}), KEY.address, wall_s=WALL_S)


@pytest.mark.parametrize("text", ["Could not create api key", "Could not derive api key!"])
def test_the_documented_refusals_of_a_key_are_no_errors(text):
    """That there is one already, or none yet, is no fault: it leads to the other question."""
    assert wire.read_key(answer({"error": text}, 400), KEY.address, wall_s=WALL_S) is None


@pytest.mark.parametrize(
    "body",
    [
        *({**HANDED_OUT, name: value} for name in HANDED_OUT for value in (None, "", "a b", 5)),
        json.dumps(HANDED_OUT).encode()[:-1],
        [HANDED_OUT],
        b"",
    ],
)
def test_an_answer_that_may_hold_a_key_is_never_shown(body):
    """Whatever is wrong with it, the error repeats no part of the body."""
    with pytest.raises(WireError) as error:
        wire.read_key(answer(body), KEY.address, wall_s=WALL_S)

    shown = repr(error.value) + repr(error.value.__context__)
    assert [] == [part for part in HANDED_OUT.values() if part in shown]


# --- the venue hands over


def test_the_venue_reads_what_its_wire_reads():
    """Every decoder of the port is the wire's, with the arguments in their places."""
    venue, result, page = Polymarket(), answer({"canceled": [A], "not_canceled": {}}), answer({"data": [ROW]})

    assert wire.read_cancel(result, [A, B], wall_s=WALL_S) == venue.read_cancel(result, [A, B], wall_s=WALL_S)
    assert wire.read_mass(result, wall_s=WALL_S) == venue.read_mass(result, wall_s=WALL_S)
    assert "MTAx" == venue.read_page(page, "MTAw", wall_s=WALL_S).next
    assert Word.OPEN is venue.read_order(answer(ROW), A, wall_s=WALL_S).word


# --- anything at all

STATUSES = st.sampled_from([0, 200, 201, 204, 301, 307, 400, 401, 403, 404, 413, 425, 429, 500, 503, 520]) | st.integers(0, 999)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["retry-after", "poly-ratelimit-remaining", "poly-ratelimit-reset", "poly-ratelimit-tier", "location", "server"]
    ),
    st.text(max_size=20) | st.sampled_from(["3", "nan", "1e400", "-1", "//[::1", "Thu, 01 Jan 1970 00:16:50 GMT"]),
    max_size=3,
)
DECODERS = (
    (lambda each: wire.read_cancel(each, [A, B], wall_s=WALL_S), dict),
    (lambda each: wire.read_mass(each, wall_s=WALL_S), MassWord),
    (lambda each: wire.read_page(each, cursor=wire.FIRST_PAGE, wall_s=WALL_S), Page),
    (lambda each: wire.read_order(each, A, wall_s=WALL_S), Verdict),
    (wire.read_time, float),
    (lambda each: wire.read_tier(each, known=TIERS), str | None),
    (lambda each: wire.read_key(each, KEY.address, wall_s=WALL_S), PolymarketKey | None),
    (wire.feedback, Feedback | None),
)


def survive(each):
    """Give the answer to every decoder; a cancel must be in the answer's own words."""
    for decode, kind in DECODERS:
        with contextlib.suppress(VenueError):
            came = decode(each)
            assert isinstance(came, kind)
            if isinstance(came, Verdict):
                assert came.word is not Word.CANCELLED
            if isinstance(came, float):
                assert math.isfinite(came)
            if isinstance(came, dict):
                cancelled = {order_id.lower() for order_id, verdict in came.items() if verdict.word is Word.CANCELLED}
                named = json.loads(each.body).get("canceled") if cancelled else []
                assert not cancelled or 200 <= each.status < 300
                assert cancelled <= {entry.lower() for entry in named if isinstance(entry, str)}


@given(st.binary(max_size=200), STATUSES, HEADERS)
def test_any_bytes_into_a_decoder_give_a_value_or_an_error_of_ours(body, status, headers):
    """No bytes, at any status, with any headers, get anything else out of the decoders."""
    survive(HttpAnswer(status=status, headers=headers, body=body))


WORDS = st.sampled_from([A, B, A.upper(), "LIVE", "MA==", "LTE=", "", "order already matched", "Order not found"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["canceled", "not_canceled", "notCanceled", "error", "data", "next_cursor", "tier", "time", A, *ROW]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)
CANCEL_RESULTS = st.fixed_dictionaries(
    {},
    optional={
        name: st.lists(WORDS) | st.dictionaries(WORDS, WORDS) | JSON for name in ("canceled", "not_canceled", "notCanceled")
    },
)


@given(JSON | CANCEL_RESULTS, STATUSES)
def test_any_json_into_a_decoder_gives_a_value_or_an_error_of_ours(body, status):
    """Right words in wrong places are survived too, and never acknowledge anything by accident."""
    survive(HttpAnswer(status=status, body=json.dumps(body).encode()))


@pytest.mark.parametrize("base_url", ["http://clob.polymarket.com", "https://user:pw@clob.polymarket.com", "", "clob", None])
def test_a_bad_base_url_is_refused(base_url):
    """What is no address, carries a secret, or would send the key in the clear is a ConfigError."""
    with pytest.raises(ConfigError):
        Polymarket(base_url)
