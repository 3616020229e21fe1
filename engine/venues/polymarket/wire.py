"""Polymarket's wire: bytes to meaning and back. Pure; knows nothing of limits or networks, and the time is an argument.

Where the venue's own sources disagree, the reading here is the one that cannot call a live order cancelled. The rules:

1. A cancel is acknowledged only by HTTP 2xx, a JSON object without an error, and the order's id in its list `canceled` and
   nowhere else in it.
2. A reason in `not_canceled` means something only as a whole sentence that is known. Every other text, and the venue's ambiguous
   ones, prove nothing: the order is read.
3. What an answer does not mention is not settled by it, and what it mentions unasked is ignored.
4. A market-wide cancel without a filter may cancel everything, so no such request can be made here.
5. Only the end mark `LTE=`, or an empty page that names no further one, is the end of a listing.
6. The signature covers the exact bytes that are sent, and not the query.

Source, where nothing else is said: packages py-clob-client 0.34.6, py-clob-client-v2 1.2.1 and polymarket-client 0.14.0, and
https://docs.polymarket.com (trading/manage-orders, resources/error-codes, `api-spec/clob-openapi.yaml`; all read 2026-11-20).
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from engine.core.listing import Page
from engine.core.order import OpenOrder, OrderState, Side
from engine.core.outcome import WORDS_OF_STATES, Verdict, Word
from engine.core.quota import Feedback
from engine.errors import (
    BatchTooLargeError,
    ConfigError,
    CredentialError,
    ThrottledError,
    TransportError,
    UnavailableError,
    VenueError,
    WireError,
)
from engine.secret import Secret
from engine.venues import decoding
from engine.venues.base import HttpAnswer, HttpRequest, MassWord
from engine.venues.decoding import (
    json_object,
    json_value,
    path_segment,
    refuse_redirect,
    seconds_to_wait,
    shared,
    text_id,
    whole,
    wire_error,
    words,
)
from engine.venues.polymarket.signing import PRODUCTION, PolymarketKey, l2_headers

PAGE_SIZE = 100
"""Rows of a full page. Source: the example of `GET /data/orders` in the OpenAPI file; users have reported 500."""

FIRST_PAGE = "MA=="
"""Base64 of the offset 0. Source: py-clob-client 0.34.6, `client.py` line 750."""

LAST_PAGE = "LTE="
"""Base64 of the offset -1. Source: py-clob-client 0.34.6, `constants.py`."""

STATES = {
    "LIVE": OrderState.OPEN,
    "DELAYED": OrderState.PENDING,
    "MATCHED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "CANCELED_MARKET_RESOLVED": OrderState.EXPIRED,
    "INVALID": OrderState.EXPIRED,
}
"""Status words, which may stand behind `ORDER_STATUS_` and in any case. Any other, such as `UNMATCHED`, proves nothing.
Source: the OpenAPI file, older and newer, and the guide's example."""

SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}

REASONS = {
    "order already matched": Word.FILLED,
    "matched orders cant be canceled": Word.FILLED,
    "order already canceled": Word.ALREADY_CANCELLED,
    "the order is already canceled": Word.ALREADY_CANCELLED,
    "order not found": Word.NOT_FOUND,
    "cant be canceled because it is pending delayed": Word.PENDING,
    "order not found or already canceled": Word.UNSETTLED,
    "order cant be found already canceled or matched": Word.UNSETTLED,
}
"""Whole reasons for not cancelling, as `_sentence` writes them. The last two name several fates at once; live orders have been
reported behind the last one. Source: the guide's and the OpenAPI file's examples, and reports of live answers (2026-04-27)."""

DISABLED = ("trading is currently disabled", "trading is disabled")
"""How the venue begins to say, with HTTP 503, that it takes no cancels either. Source: resources/error-codes."""

FORBIDDEN = ("restricted in your region", "geoblock", "permission")
"""Words of a JSON error with HTTP 403 that is about the place or the key, so that waiting cannot help. A guess, from reports of
refused placements; every other 403 is taken for somebody's firewall, which lets pass what it stopped a moment ago."""

BUSY_STATUSES = {403, 408}
"""HTTP statuses, beside all from 500 on, after which asking again may help."""

LONGEST_RESET_S = 3600.0
"""A wait that `Poly-RateLimit-Reset` names is believed up to this long; a longer one is no time in seconds. A guess."""

MOST_CURSOR_LENGTH = 512
"""Longest cursor that is sent back. A guess: an offset has at most some 20 characters."""

_TOO_MANY = re.compile(r"too many orders in payload\W+max allowed\W+(\d{1,9})\W*", re.ASCII | re.IGNORECASE)
_CONDITION = re.compile(r"0[xX][0-9a-fA-F]{64}")
_SHORT_CONDITION = re.compile(r"0[xX]0[12][0-9a-fA-F]{60}")
_HEX = re.compile(r"0[xX][0-9a-fA-F]+")
_ORDER_ID = re.compile(r"0[xX][0-9a-fA-F]{64}")
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,15})?", re.ASCII)


# --- ids


def checked_base_url(base_url: str, *, allow_http: bool = False) -> str:
    """The address in front of the venue's paths, which are signed without it.

    Raises:
        ConfigError: as `decoding.checked_base_url`.
    """
    return decoding.checked_base_url(base_url, example=PRODUCTION, allow_http=allow_http)


@lru_cache(maxsize=8_192)
def plain_id(order_id: str) -> str:
    """The id as all spellings of it have in common: hex digits in lower case, as the venue writes them.

    It is asked four times for every order of a request.
    """
    return order_id.lower() if _HEX.fullmatch(order_id) else order_id


@lru_cache(maxsize=8)
def plain_ids(order_ids: frozenset[str]) -> frozenset[str]:
    """All of these ids so; remembered, because every listed order is looked up among them."""
    return frozenset(map(plain_id, order_ids))


def plain_market(market: str) -> str | None:
    """The condition id as 0x and 64 hex digits in lower case; None if it is none.

    The 31-byte form that begins with 01 or 02 gets the zero byte that it lacks at its end: the venue knows only the long form.
    Source: polymarket-client 0.14.0, `models/types.py`.
    """
    if _SHORT_CONDITION.fullmatch(market):
        market += "00"
    return market.lower() if _CONDITION.fullmatch(market) else None


def problem_of(order_id: str, *, strict: bool) -> str | None:
    """Why the id cannot be sent, or None. One malformed id makes the venue refuse every other one in the same request."""
    if strict and not _ORDER_ID.fullmatch(order_id):
        return "an order id of Polymarket is 0x and 64 hex digits; set strict_ids to false if the venue has begun to write others"
    if not order_id.isprintable() or not order_id.strip():
        return "an order id must be printable text"
    if "'" in order_id:
        return "an order id must hold no single quote: the venue's own clients disagree on how it is signed"
    return None


# --- requests


def cancel_request(base_url: str, key: PolymarketKey, order_ids: Sequence[str], *, wall_s: float) -> HttpRequest:
    """`DELETE /order` for one id, `DELETE /orders` for several; hex digits are sent in lower case.

    Raises:
        AssertionError: there is no id.
    """
    ids = [plain_id(order_id) for order_id in order_ids]
    if not ids:
        raise AssertionError("a cancel must name an order")
    if len(ids) == 1:
        return _signed(base_url, key, "DELETE", "/order", wall_s=wall_s, body=_compact({"orderID": ids[0]}))
    return _signed(base_url, key, "DELETE", "/orders", wall_s=wall_s, body=_compact(ids))


def cancel_all_request(base_url: str, key: PolymarketKey, *, wall_s: float) -> HttpRequest:
    """`DELETE /cancel-all`, without a body: every open order that was placed with this key."""
    return _signed(base_url, key, "DELETE", "/cancel-all", wall_s=wall_s)


def cancel_market_request(
    base_url: str, key: PolymarketKey, *, market: str | None, asset: str | None, wall_s: float
) -> HttpRequest:
    """`DELETE /cancel-market-orders`: one market, one outcome token, or both; what is not given is left out.

    Raises:
        AssertionError: a filter is empty, or there is none. The venue may then cancel everything.
    """
    given = {"market": market, "asset_id": asset}
    filters = {name: value for name, value in given.items() if value is not None}
    if not filters or not all(value.strip() for value in filters.values()):
        raise AssertionError(f"a market-wide cancel must name a market or an asset, not {given!r}: it would cancel everything")
    return _signed(base_url, key, "DELETE", "/cancel-market-orders", wall_s=wall_s, body=_compact(filters))


def page_request(
    base_url: str,
    key: PolymarketKey,
    *,
    market: str | None,
    asset: str | None,
    cursor: str,
    wall_s: float,
    order_id: str | None = None,
) -> HttpRequest:
    """`GET /data/orders`. The first page is asked for without a cursor, as the newest official client does.

    With an id, the one row is that order, whatever its status.
    """
    given = {"market": market, "asset_id": asset, "id": order_id, "next_cursor": None if cursor == FIRST_PAGE else cursor}
    query = urlencode({name: value for name, value in given.items() if value is not None})
    return _signed(base_url, key, "GET", "/data/orders", wall_s=wall_s, query=query)


def order_request(base_url: str, key: PolymarketKey, order_id: str, *, wall_s: float) -> HttpRequest:
    """`GET /data/order/{orderID}`, the id escaped into one path segment."""
    return _signed(base_url, key, "GET", f"/data/order/{path_segment(plain_id(order_id))}", wall_s=wall_s)


def time_request(base_url: str) -> HttpRequest:
    """`GET /time`, unsigned."""
    return HttpRequest(method="GET", url=f"{base_url}/time")


def tier_request(base_url: str, key: PolymarketKey, *, wall_s: float) -> HttpRequest:
    """`GET /v1/user/rate-limit-tier`. Source: api-reference/account/get-rate-limit-tier."""
    return _signed(base_url, key, "GET", "/v1/user/rate-limit-tier", wall_s=wall_s)


def key_request(base_url: str, headers: Mapping[str, str | Secret], *, create: bool) -> HttpRequest:
    """`GET /auth/derive-api-key`, or `POST /auth/api-key`, with the headers of an L1 signature and without a body."""
    method, path = ("POST", "/auth/api-key") if create else ("GET", "/auth/derive-api-key")
    return HttpRequest(method=method, url=base_url + path, headers=headers)


def _signed(
    base_url: str, key: PolymarketKey, method: str, path: str, *, wall_s: float, query: str = "", body: bytes | None = None
) -> HttpRequest:
    headers = l2_headers(key, timestamp=int(wall_s), method=method, path=path, body=body)
    if body is not None:
        headers["Content-Type"] = "application/json"
    return HttpRequest(method=method, url=base_url + path + (f"?{query}" if query else ""), headers=headers, body=body)


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


# --- answers to cancels


def read_cancel(answer: HttpAnswer, order_ids: Sequence[str], *, wall_s: float) -> dict[str, Verdict]:
    """The venue's word on each of these orders, under the spelling that it was asked for by.

    Raises:
        VenueError: as `_require_good`; a `WireError` also for an answer without the documented shape.
    """
    canceled, refused, _ = _cancel_result(answer, wall_s=wall_s)
    return {order_id: _verdict(order_id, canceled, refused) for order_id in order_ids}


def read_mass(answer: HttpAnswer, *, wall_s: float) -> MassWord:
    """The venue's word on every order that the answer mentions, by plain id.

    Raises:
        VenueError: as `read_cancel`.
    """
    canceled, refused, is_whole = _cancel_result(answer, wall_s=wall_s)
    return MassWord({plain: _verdict(plain, canceled, refused) for plain in canceled | refused}, is_whole)


def _cancel_result(answer: HttpAnswer, *, wall_s: float) -> tuple[dict[str, None], dict[str, str | None], bool]:
    """What was cancelled, in the venue's order; what was not, with the reason given; whether the former could all be read.

    Readable is an object that has at least one of the two documented collections. The other may be null, missing or an empty
    one of another type: that takes an acknowledgement away, and never adds one. `notCanceled` is read like `not_canceled`, as
    `Polymarket/rs-clob-client` @d84e8e15 does (`src/clob/types/response.rs`), and a list like names without reasons.
    """
    _require_good(answer, wall_s=wall_s)
    body = json_object(answer)
    if body is None or _says_error(body):
        raise wire_error(answer, "a cancel was answered without the documented result")
    canceled, kept = body.get("canceled"), [body[name] for name in ("not_canceled", "notCanceled") if name in body]
    if not isinstance(canceled, list) and not any(isinstance(each, dict) for each in kept):
        raise wire_error(answer, "a cancel was answered without the documented result")
    refused: dict[str, str | None] = {}
    for collection in kept:
        reasons = collection if isinstance(collection, dict) else dict.fromkeys(_ids(collection))
        for order_id in _ids(list(reasons)):
            plain, reason = plain_id(order_id), words(reasons[order_id]) or None
            refused[plain] = reason if refused.get(plain, reason) == reason else None  # two different reasons are none
    done = _ids(canceled)
    cancelled = dict.fromkeys(map(plain_id, done))
    for plain in map(plain_id, _texts(kept) if cancelled else ()):
        if plain in cancelled:  # in whatever form it is named there, it takes the acknowledgement away
            refused.setdefault(plain, None)
    return cancelled, refused, isinstance(canceled, list) and len(done) == len(canceled)


def _says_error(body: Mapping[str, Any]) -> bool:
    return bool(body.get("error") or body.get("error_msg"))


def _texts(value: object) -> Iterator[str]:
    """Every text in it, at any depth, and every name."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in (*value, *value.values()) if isinstance(value, dict) else value:
            yield from _texts(each)


def _ids(collection: object) -> list[str]:
    """The ids in a list; nothing where it is none."""
    listed = collection if isinstance(collection, list) else []
    return [each for each in listed if isinstance(each, str) and text_id(each) is not None]


def _verdict(order_id: str, canceled: Mapping[str, None], refused: Mapping[str, str | None]) -> Verdict:
    plain = plain_id(order_id)
    if plain in canceled and plain in refused:
        text = f"the venue says both that it cancelled the order and that it did not: {refused[plain]}"
        return Verdict(word=Word.UNSETTLED, code="contradiction", text=text)
    if plain in canceled:
        return Verdict(word=Word.CANCELLED, result={"canceled": [order_id]})
    if plain not in refused:
        return Verdict(word=Word.UNSETTLED, code="not_mentioned", text="the venue's answer does not mention the order")
    reason = refused[plain]
    if reason is None:
        return Verdict(word=Word.UNSETTLED, code="refused", text="the venue did not cancel it, and gave no reason")
    word = REASONS.get(_sentence(reason), Word.UNSETTLED)
    code = {Word.ALREADY_CANCELLED: None, Word.UNSETTLED: "refused"}.get(word, word.value)
    return Verdict(word=word, code=code, text=reason, result={"not_canceled": {order_id: reason}})


def _sentence(text: str) -> str:
    """The words of a text, so that capitals, punctuation and the two spellings of "cancelled" do not matter; all of them."""
    bare = text.lower().replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    return " ".join(re.findall(r"\w+", bare)).replace("cancelled", "canceled")


# --- answers to reads


def read_page(answer: HttpAnswer, *, cursor: str, wall_s: float) -> Page:
    """One page of a listing; `total` is never known.

    A page with rows that does not say how to go on proves nothing about what is behind it, so the page there is asked for by its
    offset. A bare array, which the guide shows and no official client can read, is taken for its rows and not for an end: an
    empty one proves nothing. Null rows are none only where the count and the end mark agree.

    Raises:
        VenueError: as `_require_good`; a `WireError` also for an answer without the documented shape.
    """
    _require_good(answer, wall_s=wall_s)
    body = json_value(answer)
    envelope: dict[str, Any] = {"data": body or None} if isinstance(body, list) else body if isinstance(body, dict) else {}
    mark, rows = envelope.get("next_cursor"), envelope.get("data")
    if rows is None and mark == LAST_PAGE and envelope.get("count") == 0:
        rows = []
    if not isinstance(rows, list) or _says_error(envelope):
        raise wire_error(answer, "the listing came without its rows")
    orders = [order for row in rows if (order := read_row(row)) is not None]
    return Page(orders=tuple(orders), unreadable=len(rows) - len(orders), next=_next(answer, mark, cursor, len(rows)))


def _next(answer: HttpAnswer, mark: object, cursor: str, rows: int) -> str | None:
    """Cursor of the page behind, or None at the end.

    `LTE=` is the end mark of the official clients; "" is that of the OpenAPI file, and null or nothing that of the newest client.
    """
    if mark == LAST_PAGE or (mark in (None, "") and not rows):
        return None
    if mark in (None, ""):
        offset = _offset(cursor)
        if offset is None:
            raise wire_error(answer, "a page of the listing does not say what is behind it")
        return cursor_at(offset + rows)
    if not isinstance(mark, str) or len(mark) > MOST_CURSOR_LENGTH or not mark.isascii() or not mark.isprintable():
        raise wire_error(answer, "the listing came with a cursor that is none")
    return mark


def cursor_at(offset: int) -> str:
    """Cursor of the page that begins with the row at this offset."""
    return base64.b64encode(str(offset).encode()).decode()


def _offset(cursor: str) -> int | None:
    try:
        return whole(base64.b64decode(cursor, validate=True).decode("ascii"))
    except (binascii.Error, ValueError):
        return None


def read_order(answer: HttpAnswer, order_id: str, *, wall_s: float) -> Verdict:
    """The venue's word on one order, from a read by id; `order` holds what it shows.

    Raises:
        VenueError: as `_require_good`; a `WireError` also when the answer is about another order, and for a 404 that is not the
            documented one, which a wrong address brings as well.
    """
    if answer.status == 404 and _sentence(_text(answer)) == "order not found" and json_object(answer) is not None:
        return Verdict(word=Word.NOT_FOUND, code=404, text=_text(answer))
    _require_good(answer, wall_s=wall_s)
    if answer.body.strip() == b"null":
        return Verdict(word=Word.UNSETTLED, code="no_order", text="the venue answers a read with null")
    row = json_object(answer)
    order = read_row(row)
    if row is None or order is None or order.order_id != plain_id(order_id):
        raise wire_error(answer, "a read was answered without the order that was asked for")
    word = WORDS_OF_STATES[order.state]
    evidence = {name: words(row[name]) for name in _EVIDENCE if isinstance(row.get(name), str)}
    if word is Word.UNSETTLED:
        text = f"the venue shows a status that says nothing: {evidence.get('status', '')[:40]!r}"
        return Verdict(word=word, code="status_unknown", text=text, result=evidence, order=order)
    return Verdict(word=word, code=None if word is Word.ALREADY_CANCELLED else word.value, result=evidence, order=order)


_EVIDENCE = ("id", "status", "original_size", "size_matched")


def read_row(row: object) -> OpenOrder | None:
    """An order row, under its plain id, or None if it names no order."""
    if not isinstance(row, dict):
        return None
    order_id = text_id(row.get("id"))
    if order_id is None:
        return None
    return OpenOrder(
        order_id=plain_id(order_id),
        state=_state(row.get("status")),
        side=_side(row.get("side")),
        market=shared(text_id(row.get("market"))),
        asset=shared(text_id(row.get("asset_id")) or text_id(row.get("token_id"))),
        price=_amount(row.get("price")),
        size=_amount(row.get("original_size")),
        filled=_amount(row.get("size_matched")),
        created_at_ms=_milliseconds(row.get("created_at")),
    )


def _state(status: object) -> OrderState:
    if not isinstance(status, str):
        return OrderState.UNKNOWN
    return STATES.get(status.strip().upper().removeprefix("ORDER_STATUS_"), OrderState.UNKNOWN)


def _side(side: object) -> Side | None:
    return SIDES.get(side.strip().upper()) if isinstance(side, str) else None


def _amount(value: object) -> Decimal | None:
    number = decoding.decimal(value)
    return number if number is not None and number >= 0 else None


def _milliseconds(value: object) -> int | None:
    """Unix milliseconds, from seconds or milliseconds: until the year 2286, the one have ten digits at most, the other 13."""
    number = whole(value)
    if not number or number >= 10**13:
        return None
    return number * 1000 if number < 10**10 else number


# --- answers beside orders


def feedback(answer: HttpAnswer) -> Feedback | None:
    """What the limiter says of the signer's tokens; None where it says nothing that can be used.

    Only an answer that the limiter let through, or refused, is its word. Source: api-reference/trading-rate-limits.
    """
    if not (200 <= answer.status < 300 or answer.status == 429):
        return None
    remaining = _number(answer.headers.get("poly-ratelimit-remaining"))
    tier = words(answer.headers.get("poly-ratelimit-tier")).strip().lower() or None
    return None if remaining is None and tier is None else Feedback(remaining=remaining, tier=tier)


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and _NUMBER.fullmatch(text.strip()) else None


def read_time(answer: HttpAnswer) -> float:
    """The venue's clock in Unix seconds: a bare number, or an object that holds one.

    Raises:
        VenueError: as `_require_good`; a `WireError` also for anything but ten digits, which seconds have from 2001 to 2286.
    """
    _require_good(answer, wall_s=math.nan)
    value = json_value(answer)
    if isinstance(value, dict):
        value = value.get("time", value.get("timestamp"))
    seconds = whole(value)
    if seconds is None or not 10**9 <= seconds < 10**10:
        raise wire_error(answer, "the venue's clock shows no time in seconds")
    return float(seconds)


def read_tier(answer: HttpAnswer, *, known: Mapping[str, object]) -> str | None:
    """The signer's tier in lower case, None where the answer names none that is known.

    The shape is not documented well enough to insist on one: the tier may be the answer, or stand under `tier` in it or in one
    of its parts. Two different ones are none.

    Raises:
        VenueError: as `_require_good`; a `WireError` also for an answer that is no JSON.
    """
    _require_good(answer, wall_s=math.nan)
    value = json_value(answer)
    if value is None:
        raise wire_error(answer, "the tier was answered without JSON")
    tiers = {each.strip().lower() for each in _named_tiers(value) if isinstance(each, str)} & known.keys()
    return tiers.pop() if len(tiers) == 1 else None


def _named_tiers(value: object) -> list[object]:
    if not isinstance(value, dict):
        return [value]
    if "tier" in value:
        tier = value["tier"]
        return list(tier.values()) if isinstance(tier, dict) else [tier]
    return [part.get("tier") for part in value.values() if isinstance(part, dict)]


def read_key(answer: HttpAnswer, address: str, *, wall_s: float) -> PolymarketKey | None:
    """The key that was handed out, or None for the documented refusals: there is none yet, or there is one already.

    No error shows the body of an answer that may hold a key.

    Raises:
        VenueError: as `_require_good`; a `WireError` also for an answer without the three parts of a key.
    """
    if answer.status == 400 and _sentence(_text(answer)) in ("could not create api key", "could not derive api key"):
        return None
    _require_good(_without_key(answer), wall_s=wall_s)
    with suppress(ConfigError):
        return PolymarketKey(address, *_handed_out(answer))
    raise WireError(f"no usable key was handed out: HTTP {answer.status}", status=answer.status, code="bad_answer")


def _handed_out(answer: HttpAnswer) -> tuple[Secret, Secret, Secret]:
    body = json_object(answer) or {}
    return Secret.of(body.get("apiKey")), Secret.of(body.get("secret")), Secret.of(body.get("passphrase"))


def _without_key(answer: HttpAnswer) -> HttpAnswer:
    """The answer with its words alone, in which no key stands: an error may show them."""
    body = json_object(answer)
    kept = _text(answer).encode()
    if body is not None:
        kept = json.dumps({name: value for name, value in body.items() if name in _WORDS}).encode()
    return HttpAnswer(status=answer.status, headers=answer.headers, body=kept)


_WORDS = {"error", "error_msg", "retry_after_seconds"}


# --- refusals


def _require_good(answer: HttpAnswer, *, wall_s: float) -> None:
    """Go on only with HTTP 2xx.

    Raises:
        CredentialError: 401, which a wrong clock brings as well; or a 403 about the place or the key.
        UnavailableError: the venue restarts (425), or has stopped trading, cancels included (503).
        ThrottledError: 429.
        TransportError: a status after which asking again may help: the request may have acted.
        BatchTooLargeError: a 400 that says how many orders a request may name.
        VenueError: another 400 in the documented envelope, or a 413: nothing was done for any order of the request.
        WireError: a redirect, or any other status.
    """
    if 200 <= answer.status < 300:
        return
    if 300 <= answer.status < 400:
        refuse_redirect(answer)
    raise _refusal(answer, wall_s)


def _refusal(answer: HttpAnswer, wall_s: float) -> VenueError:  # noqa: PLR0911  # one line for each refusal
    status, text = answer.status, _text(answer)
    said = f": {text}" if text else ""
    if status == 401:
        return CredentialError(f"the venue refuses the key (HTTP 401){said}", code=401, may_be_clock=True)
    if status == 403 and json_object(answer) is not None and any(each in text.lower() for each in FORBIDDEN):
        return CredentialError(f"the venue refuses this key or this place (HTTP 403){said}", code=403)
    if status == 425 or (status == 503 and json_object(answer) is not None and _sentence(text).startswith(DISABLED)):
        asked_s = _asked_to_wait_s(answer, wall_s)
        return UnavailableError(f"the venue takes no requests for now (HTTP {status}){said}", retry_after_s=asked_s, code=status)
    if status == 429:
        asked_s = _asked_to_wait_s(answer, wall_s)
        if asked_s is None:
            asked_s = _reset_s(answer, wall_s)
        return ThrottledError("the venue asks to slow down (429)", retry_after_s=asked_s, code=429)
    if status >= 500 or status in BUSY_STATUSES:
        return TransportError(f"HTTP {status}{said}", sent=True, code=f"http_{status}", status=status)
    if status == 413 or (status == 400 and json_object(answer) is not None and text):
        most = _TOO_MANY.fullmatch(text.strip())
        if most is not None and int(most[1]) > 0:
            return BatchTooLargeError(f"the venue refuses the request (HTTP 400){said}", most=int(most[1]), code=400)
        return VenueError(f"the venue refuses the request (HTTP {status}){said}", code=status)
    return wire_error(answer, "an answer with a status that is not documented")


def _text(answer: HttpAnswer) -> str:
    """The venue's words: its JSON error, or a body of plain text."""
    body = json_object(answer)
    if body is not None:
        return words(body.get("error") or body.get("error_msg"))
    text = words(answer.body[:200].decode("utf-8", "replace")).strip()
    return "" if text.startswith(("<", "[", "{")) else text


def _asked_to_wait_s(answer: HttpAnswer, wall_s: float) -> float | None:
    """Seconds by the header `Retry-After`, else by the body's `retry_after_seconds`."""
    asked_s = seconds_to_wait(answer.headers.get("retry-after"), wall_s=wall_s)
    if asked_s is not None:
        return asked_s
    body = json_object(answer)
    amount = None if body is None else _amount(body.get("retry_after_seconds"))
    return None if amount is None else float(amount)


def _reset_s(answer: HttpAnswer, wall_s: float) -> float | None:
    """Seconds until the wait ends that `Poly-RateLimit-Reset` dates, if that is still to come."""
    reset_s = _number(answer.headers.get("poly-ratelimit-reset"))
    return reset_s - wall_s if reset_s is not None and 0 < reset_s - wall_s <= LONGEST_RESET_S else None
