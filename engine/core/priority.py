"""Ready-made ranks for `priority=`: which orders go first, where they are cancelled by id. The higher the rank, the earlier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from engine.core.order import OpenOrder


def largest(order: OpenOrder) -> Decimal | None:
    """What still rests, in the quote currency; an order of which the venue does not say it goes last."""
    return order.notional


def oldest(order: OpenOrder) -> int | None:
    """The earlier it was placed, the higher; an order of which the venue does not say it goes last."""
    return None if order.created_at_ms is None else -order.created_at_ms


PRIORITIES: Mapping[str, Callable[[OpenOrder], Decimal | int | None]] = {"largest": largest, "oldest": oldest}


def name_of(rank: Callable[[OpenOrder], object] | None) -> str | None:
    """The name of a ready-made rank; `custom` for any other, and None where there is none."""
    if rank is None:
        return None
    return next((name for name, ready in PRIORITIES.items() if ready is rank), "custom")
