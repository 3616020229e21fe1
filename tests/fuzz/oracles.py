"""What an answer documents, read without any of the engine's decoders: the second opinion that the fuzz targets ask.

Written from the venues' READMEs in `engine/venues`, slowly and plainly, so that it can be believed by reading it.
"""

from __future__ import annotations

import json
import re
from typing import Any

NOTHING = object()
"""Stands for a body that is no JSON of a venue's."""

SOBER_BYTES = 100_000
SOBER_BRACKETS = 50
SOBER_DIGITS = 200


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("said twice")
    return dict(pairs)


def strict_json(body: bytes) -> Any:
    """The value of a body in UTF-8 that says nothing twice, or NOTHING."""
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return NOTHING


def depth_of(value: Any) -> int:
    """How many objects and lists lie inside each other."""
    deepest, left = 0, [(value, 1)]
    while left:
        each, depth = left.pop()
        if isinstance(each, dict | list):
            deepest = max(deepest, depth)
            left += [(inner, depth + 1) for inner in (each.values() if isinstance(each, dict) else each)]
    return deepest


def is_sober(body: bytes) -> bool:
    """Whether the body is far from every bound that a decoder may set, so that it must be read if it can be."""
    brackets = body.count(b"[") + body.count(b"{")
    return len(body) <= SOBER_BYTES and brackets <= SOBER_BRACKETS and not re.search(rb"[0-9]{%d}" % SOBER_DIGITS, body)


def texts_in(value: Any) -> list[str]:
    """Every text at any depth, names of fields too."""
    found, left = [], [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            found.append(each)
        elif isinstance(each, dict):
            left += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            left += each
    return found


# --- Opinion


def opinion_codes(value: Any) -> list[Any]:
    """What stands under both names of the code; null is nothing."""
    return [value[name] for name in ("errno", "code") if value.get(name) is not None] if isinstance(value, dict) else []


def opinion_succeeds(status: int, value: Any) -> bool:
    """HTTP 2xx, an object, and the code 0 and no other, as a whole number, in either dialect or in both."""
    codes = opinion_codes(value)
    return 200 <= status < 300 and bool(codes) and all(type(code) is int and code == 0 for code in codes)


def opinion_acknowledges(status: int, body: bytes) -> bool:
    """Whether this is the documented acknowledgement of a cancel."""
    value = strict_json(body)
    result = value.get("result") if isinstance(value, dict) else None
    return opinion_succeeds(status, value) and isinstance(result, dict) and result.get("result") is True


def opinion_rows(status: int, body: bytes) -> list[Any] | None:
    """The rows of a page; None if it is none. Null stands for no rows."""
    value = strict_json(body)
    result = value.get("result") if isinstance(value, dict) else None
    if not opinion_succeeds(status, value) or not isinstance(result, dict) or "list" not in result:
        return None
    rows = [] if result["list"] is None else result["list"]
    return rows if isinstance(rows, list) else None


def opinion_shows(status: int, body: bytes, order_id: str) -> Any:
    """The status that a read shows of this order; None if it is not about it."""
    value = strict_json(body)
    result = value.get("result") if isinstance(value, dict) else None
    if not opinion_succeeds(status, value) or not isinstance(result, dict):
        return None
    row = result.get("orderData") or result.get("data")
    if not isinstance(row, dict) or order_id not in (str(row.get("orderId")), str(row.get("transNo"))):
        return None
    return row.get("status")


# --- Polymarket


def same_id(one: str, other: str) -> bool:
    """Hex digits are the same in capitals."""
    is_hex = all(re.fullmatch(r"0[xX][0-9a-fA-F]+", each) for each in (one, other))
    return one.lower() == other.lower() if is_hex else one == other


def polymarket_acknowledges(status: int, body: bytes, order_id: str) -> bool:
    """Whether this is the documented acknowledgement of the cancel of this order: in `canceled`, and nowhere said otherwise."""
    value = strict_json(body)
    if not 200 <= status < 300 or not isinstance(value, dict) or value.get("error") or value.get("error_msg"):
        return False
    canceled = value.get("canceled")
    doubts = texts_in([value.get(name) for name in ("not_canceled", "notCanceled")])
    return (
        isinstance(canceled, list)
        and any(isinstance(each, str) and same_id(each, order_id) for each in canceled)
        and not any(same_id(each, order_id) for each in doubts)
    )


def polymarket_rows(status: int, body: bytes) -> tuple[list[Any] | None, Any]:
    """The rows of a page (None if it is none) and what it says of the page behind it; a bare list says "no end"."""
    value = strict_json(body)
    if not 200 <= status < 300:
        return None, None
    if isinstance(value, list):
        return value, "no end"
    if not isinstance(value, dict) or value.get("error") or value.get("error_msg"):
        return None, None
    rows, mark = value.get("data"), value.get("next_cursor")
    if rows is None and mark == "LTE=" and value.get("count") == 0:
        rows = []
    return (rows if isinstance(rows, list) else None), mark


def polymarket_shows(status: int, body: bytes, order_id: str) -> str | None:
    """The status that a read shows of this order, in capitals and without its prefix; None if it is not about it."""
    value = strict_json(body)
    if not 200 <= status < 300 or not isinstance(value, dict) or not same_id(str(value.get("id")), order_id):
        return None
    return str(value.get("status")).strip().upper().removeprefix("ORDER_STATUS_")
