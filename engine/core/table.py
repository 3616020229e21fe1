"""All results of a report as a table: one row for each order, for spreadsheets and other programs."""

from __future__ import annotations

from collections.abc import Iterator

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
    order = result.order
    words = (run_id, venue, result.account, str(result.index), result.order_id, result.outcome.value)
    evidence = (result.code, result.error)
    seconds = (rounded(result.sent_s), rounded(result.settled_s))
    shown = () if order is None else (order.market, order.asset, None if order.side is None else order.side.value)
    money = () if order is None else (order.price, order.size, order.filled, order.notional)
    return (
        *map(harmless, words),
        str(result.success).lower(),
        str(result.outcome.may_be_live).lower(),
        *(harmless(_plain(value)) for value in evidence),
        str(result.attempts),
        *map(_plain, seconds),
        *(harmless(_plain(value)) for value in shown or (None,) * 3),
        *map(_plain, money or (None,) * 4),
    )


def _plain(value: object) -> str:
    return "" if value is None else str(value)


def harmless(text: str) -> str:
    """The text, so that no spreadsheet takes it for a formula: it would begin with an apostrophe, which is not shown there."""
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text
