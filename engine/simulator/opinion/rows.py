"""Orders as Opinion writes them, in exactly the JSON types that the vendor's own client insists on."""

from __future__ import annotations

from typing import Any

from engine.core.order import Side
from engine.simulator.ledger import BookOrder, BookState
from engine.simulator.opinion.rules import OpinionRules

QUOTE_TOKEN = "0x55d398326f99059fF775485246999027B3197955"  # noqa: S105 (an address)
"""The quote token of the vendor's sample row."""

STATUSES = {
    BookState.OPEN: (1, "Pending"),
    BookState.FILLED: (2, "Finished"),
    BookState.CANCELLED: (3, "Canceled"),
    BookState.EXPIRED: (4, "Expired"),
    BookState.FAILED: (5, "Failed"),
}


def order_row(order: BookOrder, state: BookState, rules: OpinionRules) -> dict[str, Any]:
    """One row of a listing, in the given state; integers are integers, money is text."""
    status, status_word = STATUSES[state]
    return {
        "orderId": order.order_id,
        "transNo": order.order_id,
        "status": status,
        "statusEnum": status_word,
        **_market_fields(order),
        **_side_fields(order, rules),
        "tradingMethod": 2,
        "tradingMethodEnum": "Limit",
        "price": str(order.price),
        "orderShares": str(order.size),
        "orderAmount": str(order.size * order.price),
        "filledShares": str(order.filled),
        "filledAmount": str(order.filled * order.price),
        "profit": "",
        "quoteToken": QUOTE_TOKEN,
        "createdAt": rules.created_at_s + int(order.history[0].time_s),
        "expiresAt": 0,
        "postOnly": False,
    }


def order_detail(order: BookOrder, state: BookState, rules: OpinionRules) -> dict[str, Any]:
    """One order as the route for a single order gives it: the row, and its trades."""
    trades = [_trade(order, change.time_s, rules) for change in order.history if change.cause == "traded"]
    return {**order_row(order, state, rules), "trades": trades}


def _market_fields(order: BookOrder) -> dict[str, Any]:
    root = int(order.group)
    return {
        "marketId": int(order.market),
        "marketTitle": f"market {order.market}",
        "rootMarketId": root,
        "rootMarketTitle": f"root market {root}" if root else "",
    }


def _side_fields(order: BookOrder, rules: OpinionRules) -> dict[str, Any]:
    numbers = {"1/2": (1, 2), "0/1": (0, 1)}[rules.side_encoding]
    buys, is_yes = order.side is Side.BUY, order.asset == "YES"
    return {
        "side": numbers[0] if buys else numbers[1],
        "sideEnum": "Buy" if buys else "Sell",
        "outcome": order.asset,
        "outcomeSide": 1 if is_yes else 2,
        "outcomeSideEnum": "Yes" if is_yes else "No",
    }


def _trade(order: BookOrder, time_s: float, rules: OpinionRules) -> dict[str, Any]:
    return {
        "orderNo": order.order_id,
        "tradeNo": f"{order.order_id}-{time_s}",
        "marketId": int(order.market),
        "side": "Buy" if order.side is Side.BUY else "Sell",
        "price": str(order.price),
        "createdAt": rules.created_at_s + int(time_s),
    }
