"""Which route of Polymarket a request means, and which orders it names. Knows paths and nothing of what is behind them."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any
from urllib.parse import unquote

from engine.simulator.wire import WireRequest

ROUTES = {
    ("DELETE", "/order"): "cancel",
    ("DELETE", "/orders"): "cancel_many",
    ("DELETE", "/cancel-all"): "cancel_all",
    ("DELETE", "/cancel-market-orders"): "cancel_market",
    ("GET", "/data/orders"): "list",
    ("GET", "/time"): "time",
    ("GET", "/ok"): "ok",
    ("GET", "/"): "ok",
    ("POST", "/auth/api-key"): "create_key",
    ("GET", "/auth/derive-api-key"): "derive_key",
    ("GET", "/auth/api-keys"): "api_keys",
    ("DELETE", "/auth/api-key"): "revoke_key",
    ("GET", "/auth/ban-status/closed-only"): "closed_only",
    ("GET", "/v1/user/rate-limit-tier"): "tier",
    ("POST", "/v1/heartbeats"): "heartbeat",
}
"""Exact paths only, so that a wrong base address shows as a 404. `DELETE /order/{id}` does not exist."""

FIRST_CURSOR = "MA=="


def find_route(request: WireRequest) -> tuple[str, tuple[str, ...]]:
    """The route, and the orders that it names."""
    route = ROUTES.get((request.method, request.path), "unknown")
    if route == "cancel":
        return route, ids_of(json_of(request.body), route) or ()
    if route == "cancel_many":
        return route, ids_of(json_of(request.body), route) or ()
    match request.method, request.path.split("/")[1:]:
        case "GET", ["data", "order", order_id] if order_id:
            return "read", (unquote(order_id),)
    return route, ()


def json_of(body: bytes) -> Any:
    """The body, if it is JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def ids_of(value: Any, route: str) -> tuple[str, ...] | None:
    """The ids that a body names, if it has the documented shape."""
    if route == "cancel":
        order_id = value.get("orderID") if isinstance(value, dict) else None
        return (order_id,) if isinstance(order_id, str) and order_id else None
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return tuple(value)
    return None


def offset_of(cursor: str | None) -> int | None:
    """The offset that a cursor stands for; 0 without one."""
    try:
        offset = int(base64.b64decode(cursor or FIRST_CURSOR, validate=True))
    except (binascii.Error, ValueError):
        return None
    return offset if offset >= 0 else None


def cursor_of(offset: int) -> str:
    """The cursor of an offset."""
    return base64.b64encode(str(offset).encode()).decode()
