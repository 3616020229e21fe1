"""Opinion's wire: bytes to meaning and back. Pure; knows nothing of time, limits or networks.

Where the venue's own sources disagree, the reading here is the one that cannot call a live order cancelled. The rules:

1. A cancel is acknowledged only by HTTP 2xx, a JSON object, code exactly 0 and `result.result` exactly true.
2. `errno`/`errmsg` and `code`/`msg` are read alike; where both are present and disagree, nothing is acknowledged.
3. A listing or a read with any other code than 0, or with another shape, is an error, never an empty result.
4. Ids and totals may be text or numbers; fields that are not known are ignored.

Source: packages opinion-clob-sdk 0.7.0 and opinion-api 0.4.0, https://docs.opinion.trade/developer-guide/opinion-open-api
(overview, models, pagination, rate-limiting) and ccxt 4.5.90 `prediction/opinion.py` (all read 2026-11-20).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii
from typing import Any
from urllib.parse import urlencode, urlsplit

from engine.core.listing import Page
from engine.core.order import OpenOrder, OrderState, Side
from engine.core.outcome import WORDS_OF_STATES, Verdict, Word
from engine.errors import ConfigError, CredentialError, ThrottledError, TransportError, VenueError, WireError, shown
from engine.secret import Secret
from engine.venues import decoding
from engine.venues.base import HttpAnswer, HttpRequest
from engine.venues.decoding import (
    decimal,
    is_printable_ascii,
    json_object,
    path_segment,
    refuse_redirect,
    seconds_to_wait,
    shared,
    text_id,
    whole,
    wire_error,
    words,
)

CHAIN_ID = "56"
"""BNB Chain, the only one the venue accepts. Source: opinion-clob-sdk 0.7.0, `sdk.py` line 32."""

PAGE_SIZE = 20
"""Most rows of a page. Source: developer guide, opinion-open-api/pagination."""

FIRST_PAGE = "1"

STATES = {
    1: OrderState.OPEN,
    2: OrderState.FILLED,
    3: OrderState.CANCELLED,
    4: OrderState.EXPIRED,
    5: OrderState.EXPIRED,
}
"""Status numbers; 5 is "failed", which closes the order as expiry does. 6 and 7 are declared and not explained, so they prove
nothing. Source: opinion-api 0.4.0, `api/prediction_market_api.py` line 1284."""

SIDES = {1: Side.BUY, 2: Side.SELL}
"""Numbers of `side` in listings. Source: opinion-api 0.4.0, `models/v2_order_data.py` line 42. One sample elsewhere hints at
0 for Buy, so the number alone never establishes a side."""

SIDE_WORDS = {"buy": Side.BUY, "sell": Side.SELL}

KEY_CODES = {401, 11001, 11002}
"""The key is bad. Source: error table of the older Open API documentation; ccxt 4.5.90, lines 135-136."""

PLACE_CODES = {10403}
"""The place the request comes from is blocked. Source: ccxt 4.5.90, line 134."""

THROTTLE_CODES = {429}
NOT_FOUND_CODES = {404, 10607}
"""10607 stands only in a third-party fixture (opinion-trade-sdk, `src/models.rs`), so it is used for reads alone, and only
together with a proof that the venue is there at all."""

KEY_METHODS = {"get": "GET", "create": "POST"}
"""The method of each action on a user's own key. Source: developer guide, opinion-open-api/auth."""

NO_KEY_CODES = {11009, 11010}
"""There is a key already, there is none for this wallet. Source: ccxt 4.5.90, lines 139-145; opinion-open-api/auth."""

SIGNATURE_CODES = {11011, 11012}
"""The signature is invalid, or older than 5 minutes. Source: as above."""

LARGEST_CODE = 10**18
"""A number from here on is no code: no documented one has more than five digits. A guess."""

BUSY_STATUSES = {403, 408, 425}
"""HTTP statuses, beside all from 500 on, after which asking again may help. A 403 without the geo-block's code is somebody's
firewall."""


def checked_base_url(base_url: str, *, allow_http: bool = False) -> str:
    """The address in front of `/openapi`, from either spelling of it: with `/openapi` at its end or without.

    Raises:
        ConfigError: as `decoding.checked_base_url`; also when `/openapi` comes twice.
    """
    address = decoding.checked_base_url(base_url, example="https://openapi.opinion.trade", allow_http=allow_http)
    if urlsplit(address).path.endswith("/openapi"):  # and not a host of that name
        address = address.removesuffix("/openapi").rstrip("/")
    if "/openapi" in urlsplit(address).path:
        raise ConfigError(f"base_url names /openapi twice: {shown(base_url)}")
    return address


# --- requests


def cancel_request(base_url: str, api_key: Secret, order_id: str) -> HttpRequest:
    """`POST /openapi/order/cancel`. Source: opinion-api 0.4.0, `api/prediction_market_api.py` line 1259."""
    return HttpRequest(
        method="POST",
        url=f"{base_url}/openapi/order/cancel",
        headers={"apikey": api_key, "Accept": "application/json", "Content-Type": "application/json"},
        body=f'{{"orderId": {encode_basestring_ascii(order_id)}}}'.encode(),
    )


def page_request(
    base_url: str, api_key: Secret, *, page: str, market: str | None, statuses: str, rows: int = PAGE_SIZE
) -> HttpRequest:
    """`GET /openapi/order`, parameters in the order of the official client; `statuses` is a comma list, blank for every one.

    Source: the same file, lines 1277-1608.
    """
    query = {"page": page, "limit": str(rows)}
    if market is not None:
        query["marketId"] = market
    query["chainId"] = CHAIN_ID
    if statuses:
        query["status"] = statuses
    return HttpRequest(
        method="GET",
        url=f"{base_url}/openapi/order?{urlencode(query)}",
        headers={"apikey": api_key, "Accept": "application/json"},
    )


def order_request(base_url: str, api_key: Secret, order_id: str) -> HttpRequest:
    """`GET /openapi/order/{orderId}`, the id escaped into one path segment. Source: the same file, line 1885."""
    return HttpRequest(
        method="GET",
        url=f"{base_url}/openapi/order/{path_segment(order_id)}",
        headers={"apikey": api_key, "Accept": "application/json"},
    )


def key_request(base_url: str, headers: Mapping[str, str | Secret], *, action: str) -> HttpRequest:
    """`GET` or `POST /openapi/auth/api-key`, with the headers of a wallet's signature. Source: ccxt 4.5.90, lines 1418-1500."""
    method = KEY_METHODS[action]
    json_headers = {"Accept": "application/json", "Content-Type": "application/json"}
    return HttpRequest(
        method=method,
        url=f"{base_url}/openapi/auth/api-key",
        headers={**headers, **json_headers},
        body=b"{}" if method == "POST" else None,
    )


# --- answers


def read_cancel(answer: HttpAnswer, *, wall_s: float) -> Verdict:
    """The venue's word on the one order of a cancel.

    Raises:
        CredentialError, ThrottledError, TransportError, WireError: as `_envelope`.
    """
    code, text, result, is_agreed = _envelope(answer, wall_s=wall_s)
    if code != 0 or not is_agreed:
        return Verdict(word=Word.UNSETTLED, code=code, text=text or f"the venue answered code {code}")
    if not 200 <= answer.status < 300:
        return Verdict(word=Word.UNSETTLED, code=answer.status, text=f"HTTP {answer.status} with code 0")
    if not isinstance(result, dict) or not isinstance(result.get("result"), bool):
        raise wire_error(answer, "a cancel was answered without the documented result")
    if result["result"]:
        return Verdict(word=Word.CANCELLED, result={"result": True})
    return Verdict(word=Word.UNSETTLED, code="result_false", text="the venue did not cancel it by this request")


def read_page(answer: HttpAnswer, *, page: str, wall_s: float, side_numbers: Mapping[int, Side]) -> Page:
    """One page of a listing. A null list is an empty one only if the total does not contradict it, which the walk checks.

    Raises:
        CredentialError, ThrottledError, TransportError, WireError: as `_envelope`; any code but 0 is a `WireError`.
    """
    result = _good_result(answer, "the listing", wall_s=wall_s)
    rows = result.get("list")
    if rows is None and "list" in result:
        rows = []
    if not isinstance(rows, list):
        raise wire_error(answer, "the listing came without its list")
    orders = [order for row in rows if (order := read_row(row, side_numbers)) is not None]
    total = whole(result.get("total"))
    return Page(
        orders=tuple(orders),
        unreadable=len(rows) - len(orders),
        total=total,
        next=str(int(page) + 1) if rows else None,
    )


def read_order(answer: HttpAnswer, order_id: str, *, wall_s: float, side_numbers: Mapping[int, Side]) -> Verdict:
    """The venue's word on one order, from a read by id; `order` holds what it shows.

    Raises:
        CredentialError, ThrottledError, TransportError, WireError: as `_envelope`; also when the answer is about another order.
    """
    code, text, result, is_agreed = _envelope(answer, wall_s=wall_s)
    if code in NOT_FOUND_CODES and is_agreed:
        return Verdict(word=Word.NOT_FOUND, code=code, text=text or "order not found")
    if code != 0 or not is_agreed or not 200 <= answer.status < 300:
        return Verdict(word=Word.UNSETTLED, code=code or answer.status, text=text or f"HTTP {answer.status}")
    row = (result.get("orderData") or result.get("data")) if isinstance(result, dict) else None
    order = read_row(row, side_numbers)
    if order is None or order.order_id != order_id:
        raise wire_error(answer, "a read was answered without the order that was asked for")
    word = WORDS_OF_STATES[order.state]
    evidence = {key: _evidence(value) for key, value in (row or {}).items() if key in _EVIDENCE and isinstance(value, str | int)}
    if word is Word.UNSETTLED:
        text = f"the venue shows a status that says nothing: {str(evidence.get('status'))[:40]!r}"
        return Verdict(word=word, code="status_unknown", text=text, result=evidence, order=order)
    return Verdict(word=word, code=None if word is Word.ALREADY_CANCELLED else word.value, result=evidence, order=order)


_EVIDENCE = {"orderId", "status", "statusEnum", "filledShares", "filledAmount"}


def read_key(answer: HttpAnswer, address: str, *, wall_s: float) -> Secret | None:
    """The wallet's key, or None for the documented refusals: there is none yet, or there is one already.

    No error shows the body of an answer that may hold a key.

    Raises:
        CredentialError, ThrottledError, TransportError, WireError: as `_envelope`. Also a `CredentialError` for a signature that
            is refused, a `WireError` for an answer without a key of this wallet.
        VenueError: any other code.
    """
    key, is_this_wallets = _handed_out(answer, address)
    code, text, _, is_agreed = _envelope(_without_result(answer), wall_s=wall_s, hides_body=True)
    if code in NO_KEY_CODES and is_agreed:
        return None
    if code in SIGNATURE_CODES:
        raise CredentialError(f"the venue refuses the signature (code {code}): {text}; check this machine's clock", code=code)
    if code != 0 or not is_agreed or not 200 <= answer.status < 300:
        raise VenueError(f"no key was handed out: HTTP {answer.status}, code {code}: {text}", code=code or answer.status)
    if text_id(key.reveal()) is None or not is_printable_ascii(key) or not is_this_wallets:
        raise WireError(f"no key of this wallet was handed out: HTTP {answer.status}", status=answer.status, code="bad_answer")
    return key


def _handed_out(answer: HttpAnswer, address: str) -> tuple[Secret, bool]:
    """The key, blank where there is none, and whether it is this wallet's. Raises nothing: it sees the key in the clear."""
    result = (json_object(answer) or {}).get("result")
    handed = result if isinstance(result, dict) else {}
    wallet = handed.get("walletAddress", address)
    return Secret.of(handed.get("apiKey")), isinstance(wallet, str) and wallet.lower() == address.lower()


def _without_result(answer: HttpAnswer) -> HttpAnswer:
    """The answer's envelope alone, in which no key stands."""
    body = json_object(answer)
    envelope = None if body is None else {name: value for name, value in body.items() if name in _ENVELOPE}
    return HttpAnswer(status=answer.status, headers=answer.headers, body=json.dumps(envelope).encode())


_ENVELOPE = {"errno", "errmsg", "code", "msg"}


def read_row(row: object, side_numbers: Mapping[int, Side]) -> OpenOrder | None:
    """An order row, or None if it names no order."""
    if not isinstance(row, dict):
        return None
    order_id = text_id(row.get("orderId")) or text_id(row.get("transNo"))
    if order_id is None:
        return None
    created_s = whole(row.get("createdAt"))
    return OpenOrder(
        order_id=order_id,
        state=_state(row),
        side=_side(row, side_numbers),
        market=_market(row.get("marketId")),
        group=_market(row.get("rootMarketId")),
        asset=_asset(row.get("outcomeSideEnum")),
        price=decimal(row.get("price")),
        size=decimal(row.get("orderShares")),
        filled=decimal(row.get("filledShares")),
        created_at_ms=created_s * 1000 if created_s else None,
    )


def _state(row: Mapping[str, Any]) -> OrderState:
    return STATES.get(whole(row.get("status")) or 0, OrderState.UNKNOWN)


def _side(row: Mapping[str, Any], side_numbers: Mapping[int, Side]) -> Side | None:
    """The side, if the word gives one and the number does not contradict it. BUY may well be the number 0."""
    word = row.get("sideEnum")
    side = SIDE_WORDS.get(word.strip().lower()) if isinstance(word, str) else None
    if side is None:
        return None
    number = row.get("side")
    if number is None:
        return side
    known = whole(number)
    return side if known is not None and side_numbers.get(known) is side else None


def _envelope(answer: HttpAnswer, *, wall_s: float, hides_body: bool = False) -> tuple[int, str, Any, bool]:
    """Code, text and result of an answer, and whether the two dialects agree in it; `hides_body` keeps it out of errors.

    Raises:
        CredentialError: the key is refused, or the place is blocked.
        ThrottledError: HTTP 429, or code 429.
        TransportError: an HTTP status after which asking again may help.
        WireError: a redirect, or a body without the documented envelope.
    """
    if 300 <= answer.status < 400:
        refuse_redirect(answer)
    body = json_object(answer)
    codes = [body[key] for key in ("errno", "code") if body is not None and body.get(key) is not None]
    code = codes[0] if codes and type(codes[0]) is int and abs(codes[0]) < LARGEST_CODE else None
    text = _text(body)
    if answer.status == 401 or code in KEY_CODES:
        raise CredentialError(f"the venue refuses the key (code {code or 401}): {text or 'bad or missing key'}", code=code or 401)
    if code in PLACE_CODES:
        raise CredentialError(f"the venue is blocked for this location (code {code}): {text}", code=code)
    if answer.status == 429 or code in THROTTLE_CODES:
        retry_after_s = seconds_to_wait(answer.headers.get("retry-after"), wall_s=wall_s)
        raise ThrottledError("the venue asks to slow down (429)", retry_after_s=retry_after_s, code=429)
    if answer.status >= 500 or answer.status in BUSY_STATUSES:
        said = f"HTTP {answer.status}" + (f": {text}" if text else "")
        raise TransportError(said, sent=True, code=f"http_{answer.status}", status=answer.status)
    if body is None or code is None:
        shown = HttpAnswer(status=answer.status) if hides_body else answer
        raise wire_error(shown, "an answer without the documented envelope")
    return code, text, body.get("result"), all(type(other) is int and other == code for other in codes)


def _good_result(answer: HttpAnswer, what: str, *, wall_s: float) -> dict[str, Any]:
    code, text, result, is_agreed = _envelope(answer, wall_s=wall_s)
    if code != 0 or not is_agreed or not 200 <= answer.status < 300:
        raise WireError(f"{what} was refused with HTTP {answer.status}, code {code}: {text}", status=answer.status, code=code)
    if not isinstance(result, dict):
        raise wire_error(answer, f"{what} came without a result")
    return result


def _text(body: Mapping[str, Any] | None) -> str:
    return "" if body is None else words(body.get("errmsg") or body.get("msg"))


def _market(value: object) -> str | None:
    number = whole(value)
    return shared(str(number)) if number else None


def _asset(value: object) -> str | None:
    return shared(words(words(value).strip().lower()) or None)


def _evidence(value: str | int) -> str | int | None:
    """What a report keeps of it: words that fit, or a number that any program can read."""
    return words(value) if isinstance(value, str) else whole(value)
