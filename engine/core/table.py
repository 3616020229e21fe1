"""All results of a report as a table: one row for each order, for spreadsheets and other programs."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core.order import OpenOrder
from engine.core.outcome import OrderResult, rounded
from engine.core.report import RunReport

COLUMNS = (
    "run_id",
    "venue",
    "account",
    "index",
    "order_id",
    "outcome",
    "success",
    "may_be_live",
    "code",
    "error",
    "attempts",
    "sent_s",
    "settled_s",
    "market",
    "asset",
    "side",
    "price",
    "size",
    "filled",
    "notional",
)

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def rows_of(report: RunReport) -> Iterator[tuple[str, ...]]:
    """The rows below `COLUMNS`, in input order, one at a time: a million of them need no memory."""
    for summary in report.accounts.values():
        for result in summary.results:
            yield _row(report.run_id, summary.venue, result)


def _row(run_id: str, venue: str, result: OrderResult) -> tuple[str, ...]:
    order = result.order or _NEVER_SHOWN
    cells = (
        run_id,
        venue,
        result.account,
        result.index,
        result.order_id,
        result.outcome,
        result.success,
        result.outcome.may_be_live,
        result.code,
        result.error,
        result.attempts,
        rounded(result.sent_s),
        rounded(result.settled_s),
        order.market,
        order.asset,
        order.side,
        order.price,
        order.size,
        order.filled,
        order.notional,
    )
    return tuple(map(_cell, cells))


_NEVER_SHOWN = OpenOrder(order_id="")


def _cell(value: object) -> str:
    """The value as a cell: numbers as they are, negative ones too, since no text of a venue's hides in them."""
    if value is None:
        return ""
    if isinstance(value, str):
        return harmless(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def harmless(text: str) -> str:
    """The text, so that no spreadsheet takes it for a formula: what would begin one gets an apostrophe before it."""
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text
