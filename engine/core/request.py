"""What a caller asks for: which account, which orders. Everything wrong with it is found here, before anything is sent."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from engine.core.order import OpenOrder, Side
from engine.errors import ConfigError, shown

MOST = sys.float_info.max
"""The largest number that can be reckoned with: a whole number may be larger than any float."""

LONGEST_ID = 256
"""Most characters of an id. A guess: the venues' have 36, 66 and up to 78."""


@dataclass(frozen=True, slots=True)
class Account:
    """One user key and the label that stands for it in every report and log.

    Attributes:
        name: The label; never the key.
        credentials: What the account's venue needs, such as an `OpinionKey`. Not part of the repr.
        venue: Name of the venue, needed only where an engine holds several.
        weight: Its share of what accounts take turns for, relative to others.
    """

    name: str
    credentials: Any = field(repr=False)
    venue: str | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ConfigError(f"an account needs a name that is not blank, not {shown(self.name)}")
        weight = self.weight
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= MOST:
            raise ConfigError(f"account {shown(self.name)}: weight must be a positive number, not {shown(weight)}")


class Belongs(StrEnum):
    """Whether an order belongs to a scope. An order whose side or market is not established is neither in nor out."""

    IN = "in scope"
    OUT = "out of scope"
    EXCLUDED = "excluded by id"
    SIDE_UNKNOWN = "side not established"
    MARKET_UNKNOWN = "market not established"
    ASSET_UNKNOWN = "asset not established"
    UNDECIDED = "where= raised an error"

    @property
    def is_clear(self) -> bool:
        """Whether there is no doubt about it."""
        return self in (Belongs.IN, Belongs.OUT, Belongs.EXCLUDED)


def _as_is(order_ids: Any) -> Container[str]:
    ids: Container[str] = order_ids
    return ids


def counted_by(reasons: Iterable[Belongs]) -> dict[Belongs, int]:
    """How often each reason stands there; reasons that do not are left out."""
    counted = Counter(reasons)
    return {reason: counted[reason] for reason in Belongs if counted[reason]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which orders: all given conditions must hold, and no condition means every open order of the account.

    Attributes:
        market: The venue's market id.
        asset: The venue's id or word for the outcome traded.
        side: Side of the book.
        order_ids: Only these ids.
        except_ids: Not these ids, whatever else holds.
        where: Any predicate on the listed order. An order on which it raises an error is left alone and reported.

    Raises:
        ConfigError: a condition has the wrong type or is blank.
    """

    market: str | int | None = None
    asset: str | int | None = None
    side: Side | None = None
    order_ids: Iterable[str] | None = None
    where: Callable[[OpenOrder], bool] | None = None
    except_ids: Iterable[str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "market", _id_text("market", self.market))
        object.__setattr__(self, "asset", _id_text("asset", self.asset))
        if self.side is not None:
            object.__setattr__(self, "side", _side(self.side))
        for name in ("order_ids", "except_ids"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, frozenset(checked_ids(getattr(self, name))))
        if self.where is not None and not callable(self.where):
            raise ConfigError("where must be a function of one OpenOrder")

    def belongs(
        self, order: OpenOrder, *, markets: Iterable[str | None] | None = None, plain: Callable[[Any], Container[str]] = _as_is
    ) -> Belongs:
        """Say whether the order belongs to this scope.

        Args:
            order: The order as the venue listed it.
            markets: The ids by which the venue lets this order's market be named; without it, only its own.
            plain: Gives ids in the one spelling in which the order's own comes.
        """
        names = (order.market,) if markets is None else tuple(markets)
        if self.except_ids is not None and order.order_id in plain(self.except_ids):
            return Belongs.EXCLUDED
        if self.order_ids is not None and order.order_id not in plain(self.order_ids):
            return Belongs.OUT
        if self.market is not None and self.market not in names:
            return Belongs.MARKET_UNKNOWN if order.market is None else Belongs.OUT
        if self.asset is not None and (order.asset or "").lower() != str(self.asset).lower():
            return Belongs.ASSET_UNKNOWN if order.asset is None else Belongs.OUT
        if self.side is not None and order.side is not self.side:
            return Belongs.SIDE_UNKNOWN if order.side is None else Belongs.OUT
        return Belongs.IN if self.where is None else self._ask_where(self.where, order)

    @staticmethod
    def _ask_where(where: Callable[[OpenOrder], bool], order: OpenOrder) -> Belongs:
        try:
            return Belongs.IN if where(order) else Belongs.OUT
        except Exception:  # noqa: BLE001  # the caller's code: a mistake in it must not cost the report of what was already done
            return Belongs.UNDECIDED


def checked_ids(order_ids: Iterable[str]) -> tuple[str, ...]:
    """The ids in input order, duplicates kept.

    Raises:
        ConfigError: not an iterable of ids, or an id that is no text, blank, or holds white space or control characters.
    """
    if isinstance(order_ids, str | bytes) or not isinstance(order_ids, Iterable):
        raise ConfigError(f"order ids must come as a list, tuple or iterator of texts, not as {type(order_ids).__name__}")
    return tuple(checked_id(order_id, index) for index, order_id in enumerate(order_ids))


def checked_id(order_id: str, index: int | None = None) -> str:
    """The id, if it can be one.

    Raises:
        ConfigError: it is no text, blank, too long, or holds white space or control characters.
    """
    place = "" if index is None else f" at index {index}"
    if not isinstance(order_id, str):
        raise ConfigError(f"order id{place} must be text, not {type(order_id).__name__}")
    if not order_id.strip():
        raise ConfigError(f"order id{place} is blank")
    if len(order_id) > LONGEST_ID or " " in order_id or not order_id.isprintable():
        raise ConfigError(
            f"order id{place} holds white space or control characters, or is longer than {LONGEST_ID}: {order_id[:40]!r}"
        )
    return order_id


def checked_seconds(name: str, seconds: float | None) -> float | None:
    """The seconds, or None for no bound.

    Raises:
        ConfigError: not a positive, finite number.
    """
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= MOST:
        raise ConfigError(f"{name} must be a positive number of seconds, not {shown(seconds)}")
    return float(seconds)


def _id_text(name: str, value: str | int | None) -> str | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**LONGEST_ID:
        return str(value)
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_ID:
        raise ConfigError(f"{name} must be an id, as text or number, not {shown(value)}")
    return value.strip()


def _side(value: object) -> Side:
    if isinstance(value, Side):
        return value
    if isinstance(value, str):
        try:
            return Side(value.lower())
        except ValueError:
            pass
    raise ConfigError(f"side must be Side.BUY or Side.SELL, not {shown(value)}")
