"""The values and errors of Opinion's official Python clients, by their names and attributes.

Source: packages opinion-clob-sdk 0.7.0 (`builder_sdk.py`, `sdk.py`, `chain/py_order_utils/model/sides.py`) and opinion-api 0.4.0
(`exceptions.py`, `models/`), read 2026-11-21. Values that are read keep what the venue wrote, whatever its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Self

from engine.core.outcome import Outcome
from engine.core.summary import CancelSummary
from engine.venues.decoding import text_id


class OrderSide(IntEnum):
    """A side, as the official enumeration numbers it; rows of a listing number it otherwise."""

    BUY = 0
    SELL = 1


class BuilderError(Exception):
    """The base of what `BuilderClient` raises."""


class InvalidParamError(BuilderError):
    """An argument cannot be used; nothing was sent."""


class ApiError(BuilderError):
    """The venue did not do, or did not say, what it was asked for."""


class OpenApiError(Exception):
    """The same, as `Client` names it."""


class ApiException(ApiError, OpenApiError):  # noqa: N818  # the official name
    """The same, as the client generated for the venue's routes names it. All that is raised for the venue's fault is one.

    Attributes:
        status: The HTTP status; 401 or 403 also where the venue refused the key or the place by a code of its own; else None.
        reason: What happened, in words.
        body: The answer's body as text, or None.
        data: None; the official client puts the parsed body here.
        headers: None; the official client puts the answer's headers here.
        outcome: What became of the order of a single cancel, or None.
        summary: All that the engine knows of a call that cancels, or None.
    """

    def __init__(
        self,
        status: int | None = None,
        reason: str | None = None,
        *,
        body: str | None = None,
        outcome: Outcome | None = None,
        summary: CancelSummary | None = None,
    ) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.body = body
        self.data: Any = None
        self.headers: Any = None
        self.outcome = outcome
        self.summary = summary

    def __str__(self) -> str:
        return f"({self.status}) {self.reason}"


class BadRequestException(ApiException):
    """HTTP 400."""


class UnauthorizedException(ApiException):
    """The key is refused: HTTP 401, or a code of the venue's for it."""


class ForbiddenException(ApiException):
    """The place or the key is blocked: HTTP 403, or a code of the venue's for it."""


class NotFoundException(ApiException):
    """HTTP 404."""


class ConflictException(ApiException):
    """HTTP 409."""


class UnprocessableEntityException(ApiException):
    """HTTP 422."""


class ServiceException(ApiException):
    """HTTP 500 to 599."""


_KINDS = {
    400: BadRequestException,
    401: UnauthorizedException,
    403: ForbiddenException,
    404: NotFoundException,
    409: ConflictException,
    422: UnprocessableEntityException,
}


def kind_of(status: int | None) -> type[ApiException]:
    """The class for an HTTP status."""
    if status is not None and 500 <= status < 600:
        return ServiceException
    return _KINDS.get(status or 0, ApiException)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


@dataclass(slots=True, kw_only=True)
class _Row:
    """A row with fields of the venue's, each None where the venue wrote none."""

    @classmethod
    def of(cls, row: object) -> Self:
        """The row out of parsed JSON; fields that are not known are left out."""
        given = row if isinstance(row, Mapping) else {}
        return cls(**{each.name: given[_camel(each.name)] for each in fields(cls) if _camel(each.name) in given})

    def to_dict(self) -> dict[str, Any]:
        """The row under the venue's names, without what is None."""
        values = {_camel(each.name): plain(getattr(self, each.name)) for each in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(slots=True, kw_only=True)
class TradeData(_Row):
    """A trade of an order."""

    amount: Any = None
    chain_id: Any = None
    created_at: Any = None
    fee: Any = None
    market_id: Any = None
    market_title: Any = None
    order_no: Any = None
    outcome: Any = None
    outcome_side: Any = None
    outcome_side_enum: Any = None
    price: Any = None
    profit: Any = None
    quote_token: Any = None
    quote_token_usd_price: Any = None
    root_market_id: Any = None
    root_market_title: Any = None
    shares: Any = None
    side: Any = None
    status: Any = None
    status_enum: Any = None
    trade_no: Any = None
    tx_hash: Any = None
    usd_amount: Any = None


@dataclass(slots=True, kw_only=True)
class OrderData(_Row):
    """An order. Its id is text, whatever the venue wrote."""

    created_at: Any = None
    expires_at: Any = None
    filled_amount: Any = None
    filled_shares: Any = None
    market_id: Any = None
    market_title: Any = None
    order_amount: Any = None
    order_id: str | None = None
    order_shares: Any = None
    outcome: Any = None
    outcome_side: Any = None
    outcome_side_enum: Any = None
    price: Any = None
    profit: Any = None
    quote_token: Any = None
    root_market_id: Any = None
    root_market_title: Any = None
    side: Any = None
    side_enum: Any = None
    status: Any = None
    status_enum: Any = None
    trading_method: Any = None
    trading_method_enum: Any = None
    trades: Any = None

    def __post_init__(self) -> None:
        self.order_id = text_id(self.order_id)
        if isinstance(self.trades, list):
            self.trades = [TradeData.of(trade) for trade in self.trades]


@dataclass(slots=True, kw_only=True)
class OrderList:
    """A page of orders.

    Attributes:
        list: Its rows, or None where the venue wrote null.
        total: The venue's count of all that fit, or None.
    """

    list: list[OrderData] | None = None
    total: Any = None

    def to_dict(self) -> dict[str, Any]:
        """The page under the venue's names, without what is None."""
        return _without_none({"list": plain(self.list), "total": self.total})


@dataclass(slots=True, kw_only=True)
class OrderDetail:
    """One order.

    Attributes:
        order_data: The order, with its trades.
    """

    order_data: OrderData | None = None

    def to_dict(self) -> dict[str, Any]:
        """The order under the venue's names."""
        return _without_none({"orderData": plain(self.order_data)})


@dataclass(slots=True, kw_only=True)
class CancelWord:
    """The word on one cancel.

    Attributes:
        result: Whether the order is cancelled.
    """

    result: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """The word under the venue's name."""
        return _without_none({"result": self.result})


@dataclass(slots=True, kw_only=True)
class Response:
    """The venue's envelope.

    Attributes:
        errno: 0 for success, the venue's code otherwise; -1 where the venue gave none for what is no success.
        errmsg: The venue's words, or ours.
        result: What was asked for, or None.
    """

    errno: int | None = None
    errmsg: str | None = None
    result: Any = None

    def to_dict(self) -> dict[str, Any]:
        """The envelope under the venue's names, without what is None."""
        return _without_none({"errmsg": self.errmsg, "errno": self.errno, "result": plain(self.result)})


def plain(value: Any) -> Any:
    """The value with every one of these shapes as a dictionary."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value.to_dict() if hasattr(value, "to_dict") else value


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
