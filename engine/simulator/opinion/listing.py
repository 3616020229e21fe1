"""One page of an account's orders: the query understood, the rows chosen. Offsets, as at the venue; no stable view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from engine.simulator.ledger import BookOrder, BookState, Ledger
from engine.simulator.opinion.envelope import RefusedError
from engine.simulator.opinion.rows import STATUSES, order_row
from engine.simulator.opinion.rules import OpinionRules

CHAIN_ID = "56"


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a listing asks for; `statuses` empty for every one, `market` None for every market."""

    page: int
    limit: int
    market: str | None
    statuses: frozenset[int]


def read_query(query: Mapping[str, str], rules: OpinionRules) -> ListQuery:
    """Understand a listing's parameters; what cannot be understood is an HTTP 400 in the envelope."""
    if query.get("chainId", CHAIN_ID) != CHAIN_ID:
        raise _bad("chainId")
    limit = _number(query, "limit", rules.default_limit)
    if limit > rules.page_cap and rules.over_limit == "error":
        raise _bad("limit")
    market = _number(query, "marketId", 0, least=0)
    return ListQuery(
        page=_number(query, "page", 1),
        limit=min(limit, rules.page_cap),
        market=str(market) if market else None,
        statuses=_read_statuses(query.get("status", "")),
    )


def list_page(ledger: Ledger, account: str, asked: ListQuery, rules: OpinionRules, *, now_s: float) -> dict[str, Any]:
    """The `result` of a listing: how many orders fit, and the rows of the page."""
    start = (asked.page - 1) * asked.limit
    if rules.list_lag_s == 0 and asked.statuses == {1} and asked.market is None:
        mine = ledger.open_orders(account)
        ordered = reversed(mine.values()) if rules.list_order == "newest" else iter(mine.values())
        rows = [order_row(order, order.state, rules) for order in islice(ordered, start, start + asked.limit)]
        return {"total": len(mine), "list": rows}
    fitting = _fitting(ledger.orders_of(account).values(), asked, rules, seen_s=now_s - rules.list_lag_s)
    if rules.list_order == "newest":
        fitting.reverse()
    rows = [order_row(order, state, rules) for order, state in fitting[start : start + asked.limit]]
    return {"total": len(fitting), "list": rows}


def _fitting(
    orders: Iterable[BookOrder], asked: ListQuery, rules: OpinionRules, *, seen_s: float
) -> list[tuple[BookOrder, BookState]]:
    """The orders that the query means, oldest first, in the state that the listing shows."""
    lags = rules.list_lag_s > 0
    seen = ((order, order.state_at(seen_s) if lags else order.state) for order in orders)
    return [
        (order, state)
        for order, state in seen
        if (not asked.statuses or STATUSES[state][0] in asked.statuses) and _is_in_market(order, asked, rules)
    ]


def _is_in_market(order: BookOrder, asked: ListQuery, rules: OpinionRules) -> bool:
    if asked.market is None or order.market == asked.market:
        return True
    return rules.root_market_matches and order.group == asked.market


def _read_statuses(text: str) -> frozenset[int]:
    """A comma list of 1 to 7; a word such as "open" is refused, whatever one page of the documentation says."""
    if not text:
        return frozenset()
    try:
        statuses = frozenset(int(part) for part in text.split(","))
    except ValueError:
        raise _bad("status") from None
    if not statuses <= frozenset(range(1, 8)):
        raise _bad("status")
    return statuses


def _number(query: Mapping[str, str], name: str, default: int, *, least: int = 1) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        raise _bad(name)
    return int(text)


def _bad(name: str) -> RefusedError:
    return RefusedError(400, f"invalid parameter: {name}", status=400)
