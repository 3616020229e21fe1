"""Which route of Opinion a request means. Knows paths and nothing of what is behind them."""

from __future__ import annotations

import json
from urllib.parse import unquote

from engine.simulator.wire import Ask, WireRequest

BUILDER_ROUTES = {
    ("POST", ""): "create_user",
    ("GET", ""): "read_user",
    ("POST", "regenerate-apikey"): "regenerate_key",
}

KEY_ROUTES = {"GET": "get_key", "POST": "create_key", "DELETE": "delete_key"}
"""Actions of a wallet on its own key, by the method of their one path."""


def find_route(request: WireRequest) -> tuple[str, tuple[str, ...]]:
    """The route and the order that it names; exact paths only, so that a wrong base address shows as a 404."""
    match request.method, request.path.split("/")[1:]:
        case "POST", ["openapi", "order", "cancel"]:
            return "cancel", _named_in(request.body)
        case "GET", ["openapi", "order"]:
            return "list", ()
        case method, ["openapi", "auth", "api-key"] if method in KEY_ROUTES:
            return KEY_ROUTES[method], ()
        case "GET", ["openapi", "order", order_id] if order_id:
            return "read", (unquote(order_id),)
        case method, ["openapi", "builder", "user", wallet, *rest] if wallet and len(rest) < 2:
            return BUILDER_ROUTES.get((method, "".join(rest)), "unknown"), ()
    return "unknown", ()


def _named_in(body: bytes) -> tuple[str, ...]:
    """The order named by the body of a cancel; nothing where the body is not what the venue documents."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    order_id = value.get("orderId") if isinstance(value, dict) else None
    return (order_id,) if isinstance(order_id, str) and order_id else ()


def wallet_of(ask: Ask) -> str:
    """The wallet that a builder's route names, in lower case."""
    return unquote(ask.wire.path.split("/")[4]).lower()
