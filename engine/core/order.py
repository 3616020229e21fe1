"""An order as a venue shows it, in the engine's own words. Knows no venue and no wire format."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Side(StrEnum):
    """Which side of the book an order rests on."""

    BUY = "buy"
    SELL = "sell"


class OrderState(StrEnum):
    """What a venue shows of an order.

    `PENDING` is alive and cannot be cancelled yet; `UNKNOWN` is a status outside the documented ones and proves nothing.
    """

    OPEN = "open"
    PENDING = "pending"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """One order as the venue listed or showed it.

    Attributes:
        order_id: The venue's id.
        state: What the venue shows; `OPEN` for every row of a listing of open orders.
        side: None where the venue's answer does not establish it beyond doubt.
        market: The venue's market id as text, or None where the row names none.
        group: The id of the family of markets that this one belongs to, as text, or None.
        asset: The venue's word for the outcome traded, or None.
        price: Price of one share in the quote currency, or None.
        size: Shares ordered, or None.
        filled: Shares already traded, or None.
        created_at_ms: Unix milliseconds, or None.
    """

    order_id: str
    state: OrderState = OrderState.OPEN
    side: Side | None = None
    market: str | None = None
    group: str | None = None
    asset: str | None = None
    price: Decimal | None = None
    size: Decimal | None = None
    filled: Decimal | None = None
    created_at_ms: int | None = None

    @property
    def notional(self) -> Decimal | None:
        """Price times the shares that still rest, in the quote currency; None where the venue did not say."""
        if self.price is None or self.size is None:
            return None
        return self.price * (self.size - (self.filled or Decimal(0)))

    def to_dict(self) -> dict[str, Any]:
        """The order as plain values, money as text."""
        return {
            "order_id": self.order_id,
            "state": self.state.value,
            "side": None if self.side is None else self.side.value,
            "market": self.market,
            "group": self.group,
            "asset": self.asset,
            "price": _text(self.price),
            "size": _text(self.size),
            "filled": _text(self.filled),
            "created_at_ms": self.created_at_ms,
        }


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)
