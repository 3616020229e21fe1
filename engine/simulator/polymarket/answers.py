"""The bytes of Polymarket's answers, written without looking at anybody's decoder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from engine.core.order import Side
from engine.simulator.ledger import BookOrder, BookState
from engine.simulator.polymarket.rules import PolymarketRules
from engine.simulator.wire import Reply

JSON_TYPE = "application/json"

STATUSES: Mapping[BookState, str] = {
    BookState.OPEN: "LIVE",
    BookState.FILLED: "MATCHED",
    BookState.CANCELLED: "CANCELED",
    BookState.EXPIRED: "CANCELED_MARKET_RESOLVED",
    BookState.FAILED: "INVALID",
}


def dump(value: Any) -> bytes:
    """JSON as the venue writes it: compact, in UTF-8."""
    return json.dumps(value, separators=(",", ":")).encode()


def json_reply(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Any JSON value as a complete answer."""
    return Reply(status=status, headers={"Content-Type": JSON_TYPE, **(headers or {})}, body=dump(value))


def text_reply(text: str, *, status: int, headers: Mapping[str, str] | None = None, kind: str = "text/plain") -> Reply:
    """Plain text, or a page of HTML."""
    return Reply(status=status, headers={"Content-Type": kind, **(headers or {})}, body=text.encode())


def error_reply(status: int, text: str, **more: Any) -> Reply:
    """The venue's error envelope."""
    return json_reply({"error": text, **more}, status=status)


def html_reply(status: int, words: str) -> Reply:
    """A page of the content network in front of the venue."""
    body = f"<html><head><title>{words}</title></head><body><h1>{words}</h1></body></html>"
    return text_reply(body, status=status, kind="text/html", headers={"Server": "cloudflare"})


UNAUTHORIZED = error_reply(401, "Unauthorized/Invalid api key")
BAD_L1 = error_reply(401, "Invalid L1 Request headers")
BAD_PAYLOAD = error_reply(400, "Invalid order payload")
BAD_ID = error_reply(400, "Invalid orderID")
NOT_FOUND = error_reply(404, "Order not found")
NO_ROUTE = text_reply("404 page not found", status=404)
NGINX_404 = text_reply("<html><head><title>404 Not Found</title></head></html>", status=404, kind="text/html")
RESTARTING = text_reply("service not ready", status=425)
DISABLED = error_reply(503, "Trading is currently disabled. Check polymarket.com for updates")


def order_row(order: BookOrder, state: BookState, rules: PolymarketRules, *, owner: str, is_delayed: bool) -> dict[str, Any]:
    """One order as the venue shows it."""
    status = "DELAYED" if is_delayed and state is BookState.OPEN else STATUSES[state]
    return {
        "id": order.order_id,
        "status": f"ORDER_STATUS_{status}" if rules.status_prefix else status,
        "owner": owner,
        "maker_address": f"0x{'5' * 40}",
        "market": order.market,
        "asset_id": order.asset,
        "side": "BUY" if order.side is Side.BUY else "SELL",
        "original_size": str(order.size),
        "size_matched": str(order.filled),
        "price": str(order.price),
        "outcome": "YES",
        "expiration": "0",
        "order_type": "GTC",
        "associate_trades": [],
        "created_at": int(rules.epoch_s + order.history[0].time_s),
    }
