"""Everything that can go wrong with a simulated Opinion, by name.

A plain name means that the venue does nothing before it goes wrong; `<name>_after` is the same fault after the venue
has done what was asked. Faults that alter rows alter the first row of a page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from engine.simulator.connections import connection_faults, constant
from engine.simulator.faults import Fault, Meddle, Rewrite, World
from engine.simulator.opinion.answers import answer_faults, honest_faults
from engine.simulator.opinion.envelope import RefusedError, dump, envelope, json_reply, refusal
from engine.simulator.wire import Ask, Reply

CANCEL = frozenset({"cancel"})
LIST = frozenset({"list"})
READ = frozenset({"read"})
BUILDER = frozenset({"create_user", "read_user", "regenerate_key"})
ROUTES = CANCEL | LIST | READ | BUILDER
CHANGING = frozenset({"cancel", "create_user", "regenerate_key"})

Edit = Callable[[dict[str, Any]], None]


def _edited(edit: Edit) -> Rewrite:
    """The honest envelope with something changed in its `result`; a refusal is left as it is."""

    def rewrite(honest: Reply, _ask: Ask) -> Reply:
        value = json.loads(honest.body)
        if isinstance(value.get("result"), dict):
            edit(value["result"])
        return replace(honest, body=dump(value))

    return rewrite


def _first_row(change: Callable[[dict[str, Any]], object]) -> Edit:
    """Change the first row of a page, or the one order that is read; an empty page stays as it is."""

    def edit(result: dict[str, Any]) -> None:
        row = result["orderData"] if "orderData" in result else next(iter(result["list"]), None)
        if row is not None:
            change(row)

    return edit


def _set(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda row: row.update(fields)


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    def change(row: dict[str, Any]) -> None:
        row.pop(name, None)

    return change


def _contradict_side(row: dict[str, Any]) -> None:
    """The number of the other side beside the honest word, in the 1/2 encoding."""
    row["side"] = 2 if row["sideEnum"] == "Buy" else 1


def _null_first_row(result: dict[str, Any]) -> None:
    result["list"][:1] = [None] * len(result["list"][:1])


def _int_order_id(row: dict[str, Any]) -> None:
    row["orderId"] = int(row["orderId"].replace("-", "")[:12], 16) if "-" in row["orderId"] else 1


ROW_CHANGES: Mapping[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "int_order_id": ("a number for orderId", _int_order_id),
    "null_order_id": ("null for orderId", _set(orderId=None)),
    "missing_order_id": ("no orderId", _without("orderId")),
    "numeric_price": ("a number for price", lambda row: row.update(price=float(row["price"]))),
    "missing_side_enum": ("no sideEnum", _without("sideEnum")),
    "missing_side": ("neither side nor sideEnum", lambda row: (row.pop("side", None), row.pop("sideEnum", None))),
    "side_contradicts": ("side and sideEnum that contradict each other", _contradict_side),
    "side_unknown": ("a sideEnum never seen", _set(side=7, sideEnum="Split")),
    "status_6": ("status 6", _set(status=6, statusEnum="Queued")),
    "status_7": ("status 7", _set(status=7, statusEnum="Frozen")),
    "status_word": ("a statusEnum never seen beside status 1", _set(statusEnum="Matching")),
    "status_text": ("text for status", lambda row: row.update(status=str(row["status"]))),
}
PAGE_CHANGES: Mapping[str, tuple[str, Edit]] = {
    "list_null_list": ("null for list", _set(list=None)),
    "list_missing_list": ("no list", _without("list")),
    "list_empty_with_total": (
        "an empty list beside a total above 0",
        lambda r: r.update(total=r["total"] or 1, list=[]),
    ),
    "list_total_small": ("half of the true total", lambda r: r.update(total=r["total"] // 2)),
    "list_total_large": ("a total 5 too large", lambda r: r.update(total=r["total"] + 5)),
    "list_total_text": ("text for total", lambda r: r.update(total=str(r["total"]))),
    "list_total_missing": ("no total", _without("total")),
    "list_null_row": ("null for the first row", _null_first_row),
    "list_truncated": (
        "the second half of the page's rows missing",
        lambda r: r.update(list=r["list"][: len(r["list"]) // 2]),
    ),
    "list_first_row_twice": ("the first row twice", lambda r: r.update(list=r["list"][:1] + r["list"])),
}


def _listing_faults() -> Iterator[Fault]:
    refused = refusal("errno", RefusedError(10999, "some unknown code"))
    for page in (1, 2):
        for name, reply in (
            ("errno", refused),
            ("http_500", refusal("errno", RefusedError(500, "internal error", status=500))),
            ("http_429", refusal("errno", RefusedError(429, "Too Many Requests", status=429))),
            ("null_result", json_reply(envelope("errno", 0, "", None))),
        ):
            says = f"page {page} answers {reply.status} {reply.body.decode()}"
            yield Fault(
                name=f"list_{name}_page_{page}",
                says=says,
                routes=LIST,
                rewrite=constant(reply),
                pages=frozenset({page}),
            )
    yield Fault(name="list_page_ignored", says="every page is page 1", routes=LIST, query=(("page", "1"),))
    yield Fault(name="list_cap_10", says="pages of 10 rows whatever is asked", routes=LIST, query=(("limit", "10"),))
    for name, (says, edit) in PAGE_CHANGES.items():
        yield Fault(name=name, says=says, routes=LIST, rewrite=_edited(edit))
    for name, (says, change) in ROW_CHANGES.items():
        for prefix, routes in (("list", LIST), ("read", READ)):
            yield Fault(name=f"{prefix}_{name}", says=says, routes=routes, rewrite=_edited(_first_row(change)))


def _drift_faults() -> Iterator[Fault]:
    for name, says, meddle in (
        ("list_drift_fill", "before the page is asked, the order at the top of page 1 fills", _fill_first),
        ("list_drift_newcomer", "before the page is asked, a new order arrives", _bring_newcomer),
    ):
        yield Fault(name=name, says=says, routes=LIST, meddle=meddle, pages=frozenset({2}))
    for name, word in (("filled", "fills"), ("expired", "expires"), ("cancelled", "is cancelled by somebody else")):
        yield Fault(name=f"{name}_meanwhile", says=f"the order {word} just before", routes=CANCEL | READ, meddle=_finish(name))


def _fill_first(world: World, ask: Ask) -> None:
    first = world.first_listed(ask.account or "")
    if first is not None:
        world.fill(first)


def _bring_newcomer(world: World, ask: Ask) -> None:
    if ask.account is not None:
        world.place(ask.account)


def _finish(how: str) -> Meddle:
    def meddle(world: World, ask: Ask) -> None:
        finish = {"filled": world.fill, "expired": world.expire, "cancelled": world.cancel_elsewhere}[how]
        for order_id in ask.order_ids:
            finish(order_id)

    return meddle


def _reading_faults() -> Iterator[Fault]:
    pending = _first_row(_set(status=1, statusEnum="Pending"))
    yield Fault(name="read_still_pending", says="status 1, whatever it is", routes=READ, rewrite=_edited(pending))

    def rename(result: dict[str, Any]) -> None:
        result["data"] = result.pop("orderData")

    yield Fault(name="read_data", says="result.data instead of result.orderData", routes=READ, rewrite=_edited(rename))
    yield Fault(name="read_null", says="null for orderData", routes=READ, rewrite=_edited(_set(orderData=None)))
    other = _first_row(_set(orderId="00000000-0000-1000-8000-000000000000"))
    yield Fault(name="read_other_order", says="another order than was asked for", routes=READ, rewrite=_edited(other))


def _dialect_faults() -> Iterator[Fault]:
    def rewrite(honest: Reply, _ask: Ask) -> Reply:
        value = json.loads(honest.body)
        if "errno" in value:
            value = envelope("code", value["errno"], value["errmsg"], value["result"])
        return replace(honest, body=dump(value))

    yield Fault(name="code_dialect", says="the honest answer in the code/msg dialect", routes=ROUTES, rewrite=rewrite)


def _idle_faults() -> Iterator[Fault]:
    for name in ("acknowledged_not_done", "cancels_ignored"):
        yield Fault(name=name, says="a true acknowledgement, and nothing is done", routes=CANCEL, acts=False)
    yield from (
        Fault(name=name, says=f"the key is dead: {says}", routes=ROUTES - BUILDER, acts=False, rewrite=constant(reply))
        for name, says, reply in (
            ("key_dead_401", "401", refusal("errno", RefusedError(401, "Unauthorized", status=401))),
            ("key_dead_11002", "200, errno 11002", refusal("errno", RefusedError(11002, "invalid API key"))),
        )
    )
    for name, status in (("allowance_used_up_errno", 200), ("allowance_used_up_429", 429)):
        code = 429 if status == 429 else 10999
        used_up = refusal("errno", RefusedError(code, "daily allowance used up", status=status))
        yield Fault(name=name, says=f"{status}, invented form", routes=CANCEL, acts=False, rewrite=constant(used_up))


def _index(*groups: Iterator[Fault]) -> Mapping[str, Fault]:
    """All faults by name; the same name twice is a mistake of this file."""
    faults = [fault for group in groups for fault in group]
    index = {fault.name: fault for fault in faults}
    if len(index) != len(faults):
        raise AssertionError("two faults have one name")
    return MappingProxyType(index)


FAULTS: Mapping[str, Fault] = _index(
    answer_faults(ROUTES, CHANGING),
    honest_faults(ROUTES),
    connection_faults(ROUTES, CHANGING),
    _listing_faults(),
    _drift_faults(),
    _reading_faults(),
    _dialect_faults(),
    _idle_faults(),
)
