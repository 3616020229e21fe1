"""Opinion's wire: every answer of the dossier means what it can mean and no more, and any bytes at all are survived."""

import contextlib
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from engine.venues.base import HttpAnswer
from engine.venues.opinion import Opinion, OpinionKey, wire

ROW = {
    "orderId": "a11ee07e-e22f-11f0-9714-0a58a9feac02",
    "transNo": "a11ee07e-e22f-11f0-9714-0a58a9feac02",
    "marketId": 123,
    "marketTitle": "t",
    "rootMarketId": 61,
    "rootMarketTitle": "",
    "side": 1,
    "sideEnum": "Buy",
    "tradingMethod": 2,
    "tradingMethodEnum": "Limit",
    "outcome": "YES",
    "outcomeSide": 1,
    "outcomeSideEnum": "Yes",
    "price": "0.5",
    "orderShares": "10",
    "orderAmount": "5",
    "filledShares": "4",
    "filledAmount": "2",
    "profit": "",
    "quoteToken": "0x55d3",
    "createdAt": 1766735464,
    "expiresAt": 0,
    "status": 1,
    "statusEnum": "Pending",
    "postOnly": False,
}
ORDER_ID = ROW["orderId"]


def answer(body, status=200, **headers):
    """An answer with this body, as JSON unless it is bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpAnswer(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=data)


def read_cancel(body, status=200, **headers):
    """The verdict, or the class of the error."""
    try:
        return wire.read_cancel(answer(body, status, **headers), wall_s=1000.0).word
    except VenueError as error:
        return type(error)


def read_order(body, status=200):
    """The verdict of a read."""
    return wire.read_order(answer(body, status), ORDER_ID, wall_s=0.0, side_numbers=wire.SIDES)


def read_page(body, status=200):
    """The page."""
    return wire.read_page(answer(body, status), page="1", wall_s=0.0, side_numbers=wire.SIDES)


GOOD = {"errno": 0, "errmsg": "", "result": {"result": True}}


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (GOOD, 200, Word.CANCELLED),
        (GOOD, 201, Word.CANCELLED),
        ({"code": 0, "msg": "success", "result": {"result": True}}, 200, Word.CANCELLED),
        ({"errno": 0, "code": 0, "result": {"result": True, "new": 1}}, 200, Word.CANCELLED),
        ({"errno": None, "code": 0, "result": {"result": True}}, 200, Word.CANCELLED),
        ({"errno": 0, "result": {"result": False}}, 200, Word.UNSETTLED),
        ({"errno": 10999, "errmsg": "no", "result": None}, 200, Word.UNSETTLED),
        ({"code": 10999, "msg": "no", "result": {"result": True}}, 200, Word.UNSETTLED),
        ({"errno": 0, "code": 10999, "result": {"result": True}}, 200, Word.UNSETTLED),
        ({"errno": 0, "code": "0", "result": {"result": True}}, 200, Word.UNSETTLED),
        ({"errno": 10014, "errmsg": "Please enable trading first"}, 200, Word.UNSETTLED),
        ({"errno": 404, "errmsg": "not found"}, 404, Word.UNSETTLED),
        ({"errno": 400, "errmsg": "bad"}, 400, Word.UNSETTLED),
        (GOOD, 400, Word.UNSETTLED),
        ({"errno": 0, "result": None}, 200, WireError),
        ({"errno": 0, "result": {}}, 200, WireError),
        ({"errno": 0, "result": True}, 200, WireError),
        ({"errno": 0, "result": {"result": 1}}, 200, WireError),
        ({"errno": 0, "result": {"result": "true"}}, 200, WireError),
        ({"errno": "0", "result": {"result": True}}, 200, WireError),
        ({"errno": False, "result": {"result": True}}, 200, WireError),
        ({"errno": 0.0, "result": {"result": True}}, 200, WireError),
        ({"result": {"result": True}}, 200, WireError),
        ({}, 200, WireError),
        (None, 200, WireError),
        (True, 200, WireError),
        ([GOOD], 200, WireError),
        (b"", 200, WireError),
        (b"", 204, WireError),
        (b"<html>OK</html>", 200, WireError),
        (b"{not json", 200, WireError),
        (b"[" * 200_000, 200, WireError),
        (b'{"errno":' + b"9" * 5000 + b"}", 200, WireError),
        (b'{"errno":0,"errmsg":NaN,"result":{"result":true}}', 200, WireError),
        (b'{"errno":10999,"errno":0,"result":{"result":true}}', 200, WireError),
        (b'{"errno":0,"result":{"result":false},"result":{"result":true}}', 200, WireError),
        (b'{"errno":0,"result":{"result":false,"result":true}}', 200, WireError),
        ('{"errno":0,"result":{"result":true}}'.encode("utf-16"), 200, WireError),
        (b'{"errno":' + b"9" * 18 + b',"result":{"result":true}}', 200, Word.UNSETTLED),
        (b'{"errno":' + b"9" * 19 + b',"result":{"result":true}}', 200, WireError),
        (b"<html>", 404, WireError),
        (GOOD, 307, WireError),
        ({"errno": 401, "errmsg": "x"}, 401, CredentialError),
        (b"<html>", 401, CredentialError),
        ({"errno": 11001, "errmsg": "x"}, 200, CredentialError),
        ({"code": 11002, "msg": "x"}, 200, CredentialError),
        ({"errno": 10403, "errmsg": "x"}, 403, CredentialError),
        ({"errno": 10403, "errmsg": "x"}, 200, CredentialError),
        (b"<html>", 403, TransportError),
        (b"<html>", 408, TransportError),
        (b"service not ready", 425, TransportError),
        (b"<html>", 502, TransportError),
        ({"errno": 500, "errmsg": "x"}, 500, TransportError),
        (GOOD, 500, TransportError),
        (b"<html>", 520, TransportError),
        (b"<html>", 429, ThrottledError),
        ({"errno": 429, "errmsg": "x"}, 200, ThrottledError),
    ],
)
def test_a_cancel_is_acknowledged_by_the_documented_answer_alone(body, status, expected):
    """2xx, an object, code exactly 0 and `result.result` exactly true; everything else is something else."""
    assert expected is read_cancel(body, status)


@given(st.binary(max_size=200), st.sampled_from([200, 201, 204, 307, 400, 401, 404, 429, 500]))
def test_any_bytes_into_a_decoder_give_a_value_or_an_error_of_ours(body, status):
    """No bytes, at any status, get anything else out of the decoders."""
    for decode, kind in (
        (lambda each: wire.read_cancel(each, wall_s=0.0), Verdict),
        (lambda each: wire.read_page(each, page="1", wall_s=0.0, side_numbers=wire.SIDES), Page),
        (lambda each: wire.read_order(each, ORDER_ID, wall_s=0.0, side_numbers=wire.SIDES), Verdict),
    ):
        with contextlib.suppress(VenueError):
            assert isinstance(decode(answer(body, status)), kind)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["errno", "code", "result", "list", "total", *ROW]), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(JSON, st.sampled_from([200, 400, 404]))
def test_any_json_into_a_decoder_gives_a_value_or_an_error_of_ours(body, status):
    """Right words in wrong places are survived too, and never acknowledge anything by accident."""
    for decode in (
        lambda each: wire.read_cancel(each, wall_s=0.0),
        lambda each: wire.read_page(each, page="1", wall_s=0.0, side_numbers=wire.SIDES),
        lambda each: wire.read_order(each, ORDER_ID, wall_s=0.0, side_numbers=wire.SIDES),
    ):
        try:
            came = decode(answer(json.dumps(body).encode(), status))
        except VenueError:
            continue
        if isinstance(came, Verdict) and came.word is Word.CANCELLED:
            assert body["result"]["result"] is True


def test_what_a_row_says_stays_short_and_harmless():
    """A row of eight million signs, or of signs that steer a terminal, does not get into reports, nor stay in memory."""
    long = "\x1b[2J" + "y" * 5_000
    row = wire.read_row(ROW | {"outcomeSideEnum": long}, wire.SIDES)
    shown = read_order({"errno": 0, "result": {"orderData": ROW | {"statusEnum": long, "filledShares": 10**250}}})

    assert "?[2j" + "y" * 196 == row.asset
    assert {"orderId": ORDER_ID, "status": 1, "statusEnum": "?[2J" + "y" * 196, "filledShares": None, "filledAmount": "2"} == (
        shown.result
    )


def test_a_row_is_read_whole():
    """Every field that the engine uses comes out in its own words."""
    expected = OpenOrder(
        order_id=ORDER_ID,
        state=OrderState.OPEN,
        side=Side.BUY,
        market="123",
        group="61",
        asset="yes",
        price=Decimal("0.5"),
        size=Decimal(10),
        filled=Decimal(4),
        created_at_ms=1766735464000,
    )

    assert expected == wire.read_row(ROW, wire.SIDES)


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"orderId": 17}, "order_id", "17"),
        ({"orderId": None}, "order_id", ORDER_ID),
        ({"status": "1"}, "state", OrderState.OPEN),
        ({"status": 2}, "state", OrderState.FILLED),
        ({"status": 3}, "state", OrderState.CANCELLED),
        ({"status": 4}, "state", OrderState.EXPIRED),
        ({"status": 5}, "state", OrderState.EXPIRED),
        ({"status": 6}, "state", OrderState.UNKNOWN),
        ({"status": "open"}, "state", OrderState.UNKNOWN),
        ({"status": None}, "state", OrderState.UNKNOWN),
        ({"sideEnum": "SELL", "side": 2}, "side", Side.SELL),
        ({"sideEnum": "Sell", "side": 1}, "side", None),
        ({"sideEnum": "Buy", "side": 0}, "side", None),
        ({"sideEnum": "Buy", "side": None}, "side", Side.BUY),
        ({"sideEnum": None, "side": 1}, "side", None),
        ({"sideEnum": "Split"}, "side", None),
        ({"price": 0.25}, "price", Decimal("0.25")),
        ({"price": "NaN"}, "price", None),
        ({"price": ""}, "price", None),
        ({"price": True}, "price", None),
        ({"price": "1" * 99}, "price", None),
        ({"createdAt": 1766735464.0}, "created_at_ms", 1766735464000),
        ({"createdAt": 0}, "created_at_ms", None),
        ({"marketId": "123"}, "market", "123"),
        ({"marketId": 0}, "market", None),
        ({"outcomeSideEnum": 5}, "asset", None),
    ],
)
def test_rows_of_other_types_are_read_or_left_open(change, field, expected):
    """Text and numbers are read alike; what is not established is None, never a guess."""
    assert expected == getattr(wire.read_row(ROW | change, wire.SIDES), field)


@pytest.mark.parametrize("row", [None, [], "x", {}, {"orderId": ""}, {"orderId": True}, {"orderId": "a b"}, {"orderId": "a\n"}])
def test_a_row_without_an_id_is_no_order(row):
    """A row that cannot be cancelled by id is counted as unreadable."""
    assert wire.read_row(row, wire.SIDES) is None
    assert 1 == read_page({"errno": 0, "result": {"total": 1, "list": [row]}}).unreadable


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"total": 0, "list": []}, (0, 0, None)),
        ({"total": 0, "list": None}, (0, 0, None)),
        ({"total": "45", "list": [ROW]}, (1, 45, "2")),
        ({"list": [ROW]}, (1, None, "2")),
        ({"total": -1, "list": [ROW]}, (1, None, "2")),
    ],
)
def test_a_page(result, expected):
    """Totals may be text, lists may be null; an empty page is the end."""
    page = read_page({"errno": 0, "result": result})

    assert expected == (page.rows, page.total, page.next)


@pytest.mark.parametrize(
    "body",
    [
        {"errno": 10999, "errmsg": "no", "result": None},
        {"code": 10999, "msg": "no", "result": {"total": 0, "list": []}},
        {"errno": 0, "code": 5, "result": {"total": 0, "list": []}},
        {"errno": 0, "result": None},
        {"errno": 0, "result": {}},
        {"errno": 0, "result": {"list": {}}},
        {"errno": 0, "result": []},
        {},
    ],
)
def test_a_failed_listing_is_never_an_empty_one(body):
    """An error code, or another shape, raises."""
    with pytest.raises(WireError):
        read_page(body)


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"errno": 0, "result": {"orderData": ROW | {"status": 3}}}, 200, Word.ALREADY_CANCELLED),
        ({"errno": 0, "result": {"orderData": ROW | {"status": 2}}}, 200, Word.FILLED),
        ({"errno": 0, "result": {"orderData": ROW | {"status": 4}}}, 200, Word.EXPIRED),
        ({"errno": 0, "result": {"orderData": ROW}}, 200, Word.OPEN),
        ({"errno": 0, "result": {"orderData": ROW | {"status": 6}}}, 200, Word.UNSETTLED),
        ({"errno": 0, "result": {"data": ROW}}, 200, Word.OPEN),
        ({"errno": 404, "errmsg": "order not found"}, 404, Word.NOT_FOUND),
        ({"code": 10607, "msg": "order not found"}, 200, Word.NOT_FOUND),
        ({"errno": 404, "code": 0}, 404, Word.UNSETTLED),
        ({"errno": 10999}, 200, Word.UNSETTLED),
    ],
)
def test_a_read_says_what_it_shows(body, status, expected):
    """The state of the order that was asked for, or nothing."""
    assert expected is read_order(body, status).word


@pytest.mark.parametrize("row", [None, {}, ROW | {"orderId": "another"}, ROW | {"orderId": None, "transNo": None}])
def test_a_read_about_another_order_is_no_evidence(row):
    """An answer that does not name the order asked for is a WireError."""
    with pytest.raises(WireError):
        read_order({"errno": 0, "result": {"orderData": row}})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("2", 2.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("nan", None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:16:50 GMT", 10.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("1e400", None),
        ("infinity", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value, expected):
    """Seconds or a date; what says nothing is None, and nothing is negative."""
    assert expected == wire.seconds_to_wait(value, wall_s=1000.0)


def test_a_redirect_names_the_host_and_nothing_else():
    """The error says where the venue wanted to send us, without a user or a query."""
    with pytest.raises(WireError, match=r"redirects to evil\.example:99 \(HTTP 307\)"):
        wire.read_cancel(answer(GOOD, 307, location="https://user:pw@evil.example:99/x?apikey=1"), wall_s=0.0)


def test_the_venues_words_cannot_steer_a_terminal():
    """Control characters in the venue's text are replaced."""
    verdict = wire.read_cancel(answer({"errno": 7, "errmsg": "\x1b[31mred\ud800\n"}), wall_s=0.0)

    assert "?[31mred??" == verdict.text


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://openapi.opinion.trade", "https://openapi.opinion.trade"),
        ("https://openapi.opinion.trade/", "https://openapi.opinion.trade"),
        ("https://openapi.opinion.trade/openapi", "https://openapi.opinion.trade"),
        ("https://openapi", "https://openapi"),
        ("https://gateway.example//openapi", "https://gateway.example"),
        ("https://openapi/openapi", "https://openapi"),
        ("https://openapi.opinion.trade/openapi/", "https://openapi.opinion.trade"),
        ("https://proxy.opinion.trade:8443", "https://proxy.opinion.trade:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080/openapi", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://gateway.example/venues/opinion", "https://gateway.example/venues/opinion"),
    ],
)
def test_both_spellings_of_the_base_url_work(base_url, expected):
    """With `/openapi` or without, with a slash or without: one address."""
    assert (
        f"{expected}/openapi/order/cancel"
        == Opinion(base_url).cancel_request(Account("a", OpinionKey("k")), ["x"], wall_s=0.0).url
    )


@pytest.mark.parametrize(
    "base_url",
    [
        "", " ", None, 5, "openapi.opinion.trade", "ftp://openapi.opinion.trade", "https://", "https:///openapi", "https://host:99999",
        "https://host:port", "https://user:pw@host", "https://host?x=1", "https://host#x", "https://host/openapi/openapi", " https://host",
        "https://ho st", "https://host\n", "http://openapi.opinion.trade", "https://[::1",
    ],
)  # fmt: skip
def test_a_bad_base_url_is_refused(base_url):
    """What is no address, carries a secret, or would send the key in the clear is a ConfigError."""
    with pytest.raises(ConfigError):
        Opinion(base_url)


def test_plain_http_to_another_machine_must_be_asked_for():
    """Only a caller who says so sends keys over plain HTTP."""
    assert "Opinion('http://10.0.0.5')" == repr(Opinion("http://10.0.0.5", allow_http=True))


@pytest.mark.parametrize("key", ["", " ", None, 5, "a b", "a\n", "ключ", "a\x00b"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key):
    """A bad key is a ConfigError that does not repeat it."""
    with pytest.raises(ConfigError) as error:
        OpinionKey(key)

    assert repr(key) not in str(error.value)


def test_the_key_is_not_in_any_repr():
    """Neither the key's own repr nor that of a request shows it."""
    account = Account("alice", OpinionKey("SECRET-KEY"))

    assert "SECRET" not in repr(account) + repr(account.credentials) + repr(Opinion().cancel_request(account, ["x"], wall_s=0.0))


@pytest.mark.parametrize(
    "options",
    [
        {"timeout_s": 0},
        {"timeout_s": 10**5_000},
        {"open_statuses": ()},
        {"open_statuses": ("1",)},
        {"open_statuses": (10**5_000,)},
    ],
    ids=lambda options: next(iter(options)),
)
def test_impossible_venue_options_are_refused(options):
    """Bounds and status numbers must be such."""
    with pytest.raises(ConfigError):
        Opinion(**options)


def test_the_requests_are_the_documented_ones():
    """Method, address, parameters in the official order, headers and body of the three routes."""
    venue, alice = Opinion(), Account("alice", OpinionKey("USER_KEY"))
    cancel = venue.cancel_request(alice, ["ok-0001"], wall_s=0.0)
    page = Opinion(open_statuses=(1, 2, 3)).page_request(alice, Scope(market=123), "2", wall_s=0.0)
    read = venue.order_request(alice, "a/b c?d", wall_s=0.0)

    assert ("POST", "https://openapi.opinion.trade/openapi/order/cancel") == (cancel.method, cancel.url)
    assert {"apikey": "USER_KEY", "Accept": "application/json", "Content-Type": "application/json"} == cancel.revealed_headers()
    assert b'{"orderId": "ok-0001"}' == cancel.body
    assert "https://openapi.opinion.trade/openapi/order?page=2&limit=20&marketId=123&chainId=56&status=1%2C2%2C3" == page.url
    assert ("GET", None, "USER_KEY") == (page.method, page.body, page.revealed_headers()["apikey"])
    assert "https://openapi.opinion.trade/openapi/order/a%2Fb%20c%3Fd" == read.url


@pytest.mark.parametrize(
    ("market", "statuses", "rows", "query"),
    [
        (None, "", 10, "page=3&limit=10&chainId=56"),
        (None, "1", 50, "page=3&limit=50&chainId=56&status=1"),
        ("7", "2,3", 1, "page=3&limit=1&marketId=7&chainId=56&status=2%2C3"),
    ],
)
def test_a_page_can_be_of_any_statuses_and_rows(market, statuses, rows, query):
    """What is not asked for is left out, as the official client leaves it out."""
    url = wire.page_request("https://venue", OpinionKey("k").api_key, page="3", market=market, statuses=statuses, rows=rows).url

    assert f"https://venue/openapi/order?{query}" == url


@pytest.mark.parametrize("order_id", [".", "..", "...", "%2e%2e", "a/../b", "?x=1", "#"])
def test_an_order_id_cannot_leave_its_place_in_the_path(order_id):
    """Whatever an id holds, the read asks for one segment below /order/."""
    url = Opinion().order_request(Account("a", OpinionKey("k")), order_id, wall_s=0.0).url
    segment = url.removeprefix("https://openapi.opinion.trade/openapi/order/")

    assert not set("/?#") & set(segment)
    assert segment.strip(".")


@given(st.integers(0, 10_000), st.integers(1, 20))
def test_the_page_at_a_position_holds_it(position, rows):
    """`cursor_at` names the page whose rows include the position."""
    page = int(Opinion().cursor_at(position, rows))

    assert (page - 1) * rows <= position < page * rows
