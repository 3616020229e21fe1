"""Everything that can go wrong with a simulated Polymarket, by name.

A plain name means that the venue does nothing before it goes wrong; `<name>_after` is the same fault after the venue has done
what was asked. Faults that alter a cancel's answer leave an error as it is; faults that alter rows alter the first row of a page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from email.utils import formatdate
from types import MappingProxyType
from typing import Any

from engine.simulator.connections import connection_faults, constant, foreign_type, in_both_orders, redirect
from engine.simulator.faults import Fault, Meddle, Rewrite, World
from engine.simulator.polymarket.answers import dump, error_reply, html_reply, json_reply, text_reply
from engine.simulator.polymarket.routes import cursor_of, offset_of
from engine.simulator.wire import Ask, Reply

BY_ID = frozenset({"cancel", "cancel_many"})
MASS = frozenset({"cancel_all", "cancel_market"})
CANCELS = BY_ID | MASS
LIST = frozenset({"list"})
READ = frozenset({"read"})
KEYS = frozenset({"create_key", "derive_key"})
SIGNED = CANCELS | LIST | READ
ROUTES = SIGNED | KEYS | {"time", "tier"}
CHANGING = CANCELS | {"create_key"}

FOREIGN_ID = "0x" + "f0" * 32
GIANT_BYTES = 16 * 1024 * 1024
NESTING = 200_000

ERRORS: Mapping[str, tuple[int, str]] = {
    "http_400_payload": (400, "Invalid order payload"),
    "http_400_order_id": (400, "Invalid orderID"),
    "http_401": (401, "Unauthorized/Invalid api key"),
    "http_401_api_key": (401, "Invalid API key"),
    "http_403_json": (403, "Trading restricted in your region"),
    "http_404": (404, "Order not found"),
    "http_408": (408, "request timeout"),
    "http_409": (409, "conflict"),
    "http_500": (500, "Internal server error"),
    "http_500_execution": (500, "could not run the execution"),
    "http_500_timed_out": (500, "order timed out"),
    "http_502": (502, "bad gateway"),
    "disabled_503": (503, "Trading is currently disabled. Check polymarket.com for updates"),
    "disabled_503_guide": (503, "trading is disabled"),
    "cancel_only_503": (503, "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."),
}
PAGES: Mapping[int, str] = {
    200: "OK",
    403: "Sorry, you have been blocked",
    429: "429 Too Many Requests",
    502: "502 Bad Gateway",
    503: "503 Service Unavailable",
    504: "504 Gateway Time-out",
    520: "520 Web server returned an unknown error",
}
BODIES: Mapping[str, bytes] = {
    "empty_object": b"{}",
    "null_body": b"null",
    "array_body": b"[]",
    "bare_true": b"true",
    "text_body": b'"OK"',
    "empty_body": b"",
    "broken_json": b"{not json",
    "broken_text": b'{"canceled":["\xff\xfe"],"not_canceled":{}}',
    "error_200": b'{"error":"Internal server error"}',
}
REASONS: Mapping[str, str] = {
    "order_not_found": "Order not found",
    "not_found_or_canceled": "Order not found or already canceled",
    "ambiguous": "order can't be found - already canceled or matched",
    "unknown_text": "the gods are against it",
    "capitals": "ORDER CAN'T BE FOUND - ALREADY CANCELED OR MATCHED",
    "pending_delayed": "can't be canceled because it is pending/delayed",
    "empty": "",
}
"""What is said of an order that is open: the venue has not cancelled it, whatever the words suggest."""
RATE_HEADERS = {"Poly-RateLimit-Remaining": "-2", "Poly-RateLimit-Tier": "standard"}

Edit = Callable[[dict[str, Any]], None]


def _constants() -> Iterator[tuple[str, str, Reply]]:
    for name, (status, text) in ERRORS.items():
        yield name, f"{status} {text}", error_reply(status, text)
    for status, text in PAGES.items():
        yield f"html_{status}", f"{status}, an HTML page", html_reply(status, text)
    for name, body in BODIES.items():
        yield name, f"200 {body!r}", Reply(status=200, headers={"Content-Type": "application/json"}, body=body)
    yield "restart_425", "425, plain text", text_reply("service not ready", status=425)
    yield "restart_425_retry", "425, Retry-After: 1", text_reply("service not ready", status=425, headers={"Retry-After": "1"})
    yield "rate_429_plain", "429, plain text, no header", text_reply("Too Many Requests", status=429)
    for name, headers in (
        ("", {"Retry-After": "3", **RATE_HEADERS}),
        ("_odd_number", {"Poly-RateLimit-Remaining": "12.5", "Retry-After": "1"}),
        ("_odd_text", {"Poly-RateLimit-Remaining": "abc", "Poly-RateLimit-Tier": "", "Retry-After": "soon"}),
        ("_retry_0", {"Retry-After": "0"}),
        ("_retry_negative", {"Retry-After": "-5"}),
        ("_retry_absurd", {"Retry-After": "999999999"}),
        ("_retry_past_date", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        ("_retry_date", {"Retry-After": formatdate(4_000_000_000, usegmt=True)}),
    ):
        yield f"rate_429{name}", f"429, {headers}", json_reply({"error": "Too Many Requests"}, status=429, headers=headers)
    slow = {"error": "Too Many Requests", "retry_after_seconds": 2}
    yield "rate_429_body", "429, the delay in the body alone", json_reply(slow, status=429)
    post_only = {
        "error": "post-only mode: only post-only orders and cancels are allowed",
        "code": "post_only_mode",
        "retry_after_seconds": 79,
    }
    yield "post_only_503", "503, post-only", json_reply(post_only, status=503, headers={"Retry-After": "79"})


def _constant_faults() -> Iterator[Fault]:
    for name, says, reply in _constants():
        yield from in_both_orders(name, says, routes=ROUTES, changing=CHANGING, rewrite=constant(reply))
    yield from in_both_orders("redirect_307", "307 to another listener", routes=ROUTES, changing=CHANGING, rewrite=redirect)
    for name, says, rewrite in (
        ("nested_json", f"200, {NESTING} lists inside each other", _nested),
        ("status_201", "201 with the honest body", _with_status(201)),
        ("status_204", "204 without a body", _with_status(204)),
    ):
        yield from in_both_orders(name, says, routes=SIGNED, changing=CANCELS, rewrite=rewrite)
    yield Fault(name="text_plain", says="honest JSON as text/plain", routes=ROUTES, rewrite=foreign_type("text/plain"))
    yield Fault(name="giant_body", says=f"honest JSON behind {GIANT_BYTES} blanks", routes=SIGNED, rewrite=_giant)
    yield Fault(name="cloudflare_delay", says="the honest answer, 4 s late", routes=ROUTES, delay_s=4.0)
    dead = constant(error_reply(401, "Unauthorized/Invalid api key"))
    yield Fault(name="key_dead_401", says="the key is dead", routes=SIGNED | {"tier"}, acts=False, rewrite=dead)
    for most in (1, 50, 999):
        too_many = constant(error_reply(400, f"Too many orders in payload, max allowed: {most}"))
        yield Fault(
            name=f"too_many_{most}",
            says=f"400, too many orders, {most} allowed, for a request that may well name fewer",
            routes=frozenset({"cancel_many"}),
            acts=False,
            rewrite=too_many,
        )
    yield Fault(
        name="malformed_batch",
        says="400 Invalid orderID for the whole request",
        routes=BY_ID,
        acts=False,
        rewrite=constant(error_reply(400, "Invalid orderID")),
    )


# --- cancels


def _edited(edit: Edit) -> Rewrite:
    """The honest result with something changed in it; an error is left as it is."""

    def rewrite(honest: Reply, _ask: Ask) -> Reply:
        value = json.loads(honest.body) if honest.status == 200 else None
        if not isinstance(value, dict) or "canceled" not in value:
            return honest
        edit(value)
        return replace(honest, body=dump(value))

    return rewrite


def _first_canceled(change: Callable[[dict[str, Any], str], object]) -> Edit:
    def edit(result: dict[str, Any]) -> None:
        if result["canceled"]:
            change(result, result["canceled"][0])

    return edit


def _rename_refusals(result: dict[str, Any]) -> None:
    result["notCanceled"] = result.pop("not_canceled")


CANCEL_EDITS: Mapping[str, tuple[str, Edit]] = {
    "in_neither": ("the first order cancelled stands in neither collection", lambda r: r["canceled"].__delitem__(slice(0, 1))),
    "in_both": ("the first order cancelled stands in both", _first_canceled(lambda r, i: r["not_canceled"].update({i: "no"}))),
    "foreign_id": ("an id that nobody asked for is called cancelled", lambda r: r["canceled"].append(FOREIGN_ID)),
    "all_silent": ("both collections empty", lambda r: r.update(canceled=[], not_canceled={})),
    "canceled_null": ("null for canceled", lambda r: r.update(canceled=None)),
    "canceled_numbers": ("numbers in canceled", lambda r: r.update(canceled=[1, None, {}])),
    "not_canceled_null": ("null for not_canceled", lambda r: r.update(not_canceled=None)),
    "not_canceled_list": ("a list for not_canceled", lambda r: r.update(not_canceled=list(r["not_canceled"]))),
    "not_canceled_missing": ("no not_canceled", lambda r: r.pop("not_canceled")),
    "camel_case": ("notCanceled", _rename_refusals),
    "upper_case_ids": ("ids in capitals", lambda r: r.update(canceled=["0x" + each[2:].upper() for each in r["canceled"]])),
    "reason_null": ("null for the first reason", _first_canceled(lambda r, i: r["not_canceled"].update({i: None}))),
}


def _cancel_faults() -> Iterator[Fault]:
    for name, (says, edit) in CANCEL_EDITS.items():
        yield from in_both_orders(name, says, routes=CANCELS, changing=CANCELS, rewrite=_edited(edit))
    for name, text in REASONS.items():
        said, says = _edited(_refuse_all(text)), f"every order is said: {text!r}"
        yield Fault(name=f"reason_{name}", says=f"nothing is done; {says}", routes=CANCELS, acts=False, rewrite=said)
        if name in ("ambiguous", "unknown_text", "not_found_or_canceled", "empty"):
            yield Fault(name=f"reason_{name}_after", says=f"what was asked is done; {says}", routes=CANCELS, rewrite=said)
    yield Fault(name="acknowledged_not_done", says="a true acknowledgement, and nothing is done", routes=CANCELS, acts=False)
    for name, word in (("filled", "fills"), ("expired", "expires"), ("cancelled", "is cancelled by somebody else")):
        yield Fault(name=f"{name}_meanwhile", says=f"the order {word} just before", routes=BY_ID | READ, meddle=_finish(name))
    yield Fault(name="heartbeat_expiry", says="what it means is cancelled just before", routes=CANCELS, meddle=_lose_heart)


def _refuse_all(text: str) -> Edit:
    def edit(result: dict[str, Any]) -> None:
        result.update(canceled=[], not_canceled={**result["not_canceled"], **dict.fromkeys(result["canceled"], text)})

    return edit


def _finish(how: str) -> Meddle:
    def meddle(world: World, ask: Ask) -> None:
        finish = {"filled": world.fill, "expired": world.expire, "cancelled": world.cancel_elsewhere}[how]
        for order_id in ask.order_ids[:3]:
            finish(order_id)

    return meddle


def _lose_heart(world: World, ask: Ask) -> None:
    for order_id in (*ask.order_ids, *ask.hits):
        world.cancel_elsewhere(order_id)


# --- listings and reads


def _paged(edit: Callable[[dict[str, Any], Ask], None]) -> Rewrite:
    """The honest page with something changed in it; an error is left as it is."""

    def rewrite(honest: Reply, ask: Ask) -> Reply:
        value = json.loads(honest.body) if honest.status == 200 else None
        if not isinstance(value, dict) or "data" not in value:
            return honest
        edit(value, ask)
        return replace(honest, body=dump(value))

    return rewrite


def _without_cursor(page: dict[str, Any], _ask: Ask) -> None:
    page.pop("next_cursor", None)


CURSOR_EDITS: Mapping[str, tuple[str, Callable[[dict[str, Any], Ask], None]]] = {
    "repeated": ("the cursor that was asked for", lambda p, a: p.update(next_cursor=a.wire.query.get("next_cursor", "MA=="))),
    "first": ("the first cursor again", lambda p, _: p.update(next_cursor="MA==")),
    "empty": ('""', lambda p, _: p.update(next_cursor="")),
    "null": ("null", lambda p, _: p.update(next_cursor=None)),
    "missing": ("none", _without_cursor),
    "number": ("a number", lambda p, _: p.update(next_cursor=100)),
    "no_base64": ("text that is no base64", lambda p, _: p.update(next_cursor="!!!")),
    "end_at_once": ("the end mark on the first page", lambda p, _: p.update(next_cursor="LTE=")),
}


def _empty_page(page: dict[str, Any], ask: Ask) -> None:
    """No rows, and a cursor that goes on where this page would have begun."""
    offset = offset_of(ask.wire.query.get("next_cursor")) or 0
    page.update(data=[], count=0, next_cursor=cursor_of(offset))


def _short_page(page: dict[str, Any], ask: Ask) -> None:
    """Half of the rows, and a cursor behind them: honest, and shorter than a page."""
    offset, half = offset_of(ask.wire.query.get("next_cursor")) or 0, max(1, len(page["data"]) // 2)
    if len(page["data"]) > 1:
        page.update(data=page["data"][:half], count=half, next_cursor=cursor_of(offset + half))


def _overlap(page: dict[str, Any], _ask: Ask) -> None:
    """A cursor that goes three rows back: they stand on the next page again."""
    offset = offset_of(page.get("next_cursor"))
    if page.get("next_cursor") not in (None, "", "LTE=") and offset is not None:
        page.update(next_cursor=cursor_of(max(1, offset - 3)))


PAGE_EDITS: Mapping[str, tuple[str, Callable[[dict[str, Any], Ask], None]]] = {
    "empty_page": ("no rows, and a further cursor", _empty_page),
    "short_page": ("half a page, and an honest cursor", _short_page),
    "overlap": ("the next cursor goes three rows back", _overlap),
    "data_null": ("null for data", lambda p, _: p.update(data=None)),
    "data_missing": ("no data", lambda p, _: p.pop("data")),
    "null_row": ("null for the first row", lambda p, _: p["data"].__setitem__(slice(0, 1), [None] * len(p["data"][:1]))),
    "first_row_twice": ("the first row twice", lambda p, _: p.update(data=p["data"][:1] + p["data"])),
    "error_beside": ("an error beside the rows", lambda p, _: p.update(error="partial")),
}
ROW_EDITS: Mapping[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "status_prefix": ("ORDER_STATUS_ before the status", lambda r: r.update(status="ORDER_STATUS_" + r["status"])),
    "status_unknown": ("a status never seen", lambda r: r.update(status="FROZEN")),
    "status_unmatched": ("UNMATCHED", lambda r: r.update(status="UNMATCHED")),
    "status_number": ("a number for the status", lambda r: r.update(status=1)),
    "status_missing": ("no status", lambda r: r.pop("status")),
    "trades_null": ("null for associate_trades", lambda r: r.update(associate_trades=None)),
    "numeric_price": ("a number for the price", lambda r: r.update(price=float(r["price"]))),
    "lower_side": ("the side in small letters", lambda r: r.update(side=r["side"].lower())),
    "side_unknown": ("a side never seen", lambda r: r.update(side="SPLIT")),
    "side_missing": ("no side", lambda r: r.pop("side")),
    "created_text": ("text for created_at", lambda r: r.update(created_at="2026-11-20T00:00:00Z")),
    "id_missing": ("no id", lambda r: r.pop("id")),
    "id_null": ("null for the id", lambda r: r.update(id=None)),
    "market_missing": ("no market", lambda r: r.pop("market")),
    "asset_missing": ("no asset", lambda r: r.pop("asset_id")),
}


def _reading_faults() -> Iterator[Fault]:
    for name, (says, edit) in CURSOR_EDITS.items():
        yield Fault(name=f"cursor_{name}", says=f"the next cursor is {says}", routes=LIST, rewrite=_paged(edit))
    for name, (says, edit) in PAGE_EDITS.items():
        yield Fault(name=f"list_{name}", says=says, routes=LIST, rewrite=_paged(edit))
    yield Fault(name="list_bare_array", says="the rows of the page without the envelope", routes=LIST, rewrite=_bare)
    for name, (says, change) in ROW_EDITS.items():
        yield Fault(name=f"list_{name}", says=says, routes=LIST, rewrite=_paged(_on_first_row(change)))
        yield Fault(name=f"read_{name}", says=says, routes=READ, rewrite=_on_order(change))
    live = _on_order(lambda row: row.update(status="LIVE"))
    yield Fault(name="read_still_live", says="LIVE, whatever it is", routes=READ, rewrite=live)
    other = _on_order(lambda row: row.update(id=FOREIGN_ID))
    yield Fault(name="read_other_order", says="another order than was asked for", routes=READ, rewrite=other)
    nginx = text_reply("<html><head><title>404 Not Found</title></head></html>", status=404, kind="text/html")
    yield Fault(name="read_nginx_404", says="404, the web server's own page", routes=READ, rewrite=constant(nginx))
    for name, says, meddle in (
        ("list_drift_fill", "before the page is asked, the first order listed fills", _fill_first),
        ("list_drift_newcomer", "before the page is asked, a new order arrives", _bring_newcomer),
    ):
        yield Fault(name=name, says=says, routes=LIST, meddle=meddle, pages=frozenset({2}))


def _on_first_row(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any], Ask], None]:
    def edit(page: dict[str, Any], _ask: Ask) -> None:
        if page["data"]:
            change(page["data"][0])

    return edit


def _on_order(change: Callable[[dict[str, Any]], object]) -> Rewrite:
    def rewrite(honest: Reply, _ask: Ask) -> Reply:
        value = json.loads(honest.body) if honest.status == 200 else None
        if not isinstance(value, dict):
            return honest
        change(value)
        return replace(honest, body=dump(value))

    return rewrite


def _bare(honest: Reply, _ask: Ask) -> Reply:
    value = json.loads(honest.body) if honest.status == 200 else None
    return replace(honest, body=dump(value["data"])) if isinstance(value, dict) and "data" in value else honest


def _fill_first(world: World, ask: Ask) -> None:
    first = world.first_listed(ask.account or "")
    if first is not None:
        world.fill(first)


def _bring_newcomer(world: World, ask: Ask) -> None:
    if ask.account is not None:
        world.place(ask.account)


def _nested(_honest: Reply, _ask: Ask) -> Reply:
    body = b'{"canceled":' + b"[" * NESTING + b"]" * NESTING + b"}"
    return Reply(status=200, headers={"Content-Type": "application/json"}, body=body)


def _with_status(status: int) -> Rewrite:
    def rewrite(honest: Reply, _ask: Ask) -> Reply:
        if status == 204:
            return Reply(status=204)
        return replace(honest, status=status)

    return rewrite


def _giant(honest: Reply, _ask: Ask) -> Reply:
    return replace(honest, body=b" " * GIANT_BYTES + honest.body)


def _index(*groups: Iterator[Fault]) -> Mapping[str, Fault]:
    """All faults by name; the same name twice is a mistake of this file."""
    faults = [fault for group in groups for fault in group]
    index = {fault.name: fault for fault in faults}
    if len(index) != len(faults):
        raise AssertionError("two faults have one name")
    return MappingProxyType(index)


FAULTS: Mapping[str, Fault] = _index(_constant_faults(), _cancel_faults(), _reading_faults(), connection_faults(ROUTES, CHANGING))
