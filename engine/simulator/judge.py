"""What was said of orders, held against what the ledger knows of them. Believes the ledger alone."""

from __future__ import annotations

from engine.core.outcome import OrderResult, Outcome
from engine.core.summary import CancelSummary
from engine.simulator.ledger import BookState, Ledger

TRUTHS = {
    Outcome.CANCELLED: {BookState.CANCELLED},
    Outcome.ALREADY_CANCELLED: {BookState.CANCELLED},
    Outcome.FILLED: {BookState.FILLED},
    Outcome.EXPIRED: {BookState.EXPIRED, BookState.FAILED},
}
"""What an order must really be when a report says this of it. `rejected` and `unknown` say only that it may be live, which is
never a lie; `not_sent` is one where a cancel arrived, and `not_found` where the order is open: a venue may well forget an order
that is closed."""


def is_lie(result: OrderResult, ledger: Ledger) -> bool:
    """Whether the ledger contradicts what is said of this order."""
    book = ledger.orders.get(result.order_id)
    if result.outcome in TRUTHS:
        return book is None or book.state not in TRUTHS[result.outcome]
    if result.outcome is Outcome.NOT_FOUND:
        return book is not None and book.account == result.account and book.state is BookState.OPEN
    return result.outcome is Outcome.NOT_SENT and ledger.was_touched(result.order_id)


def lies(summary: CancelSummary, ledger: Ledger) -> list[str]:
    """Every statement of the summary that the ledger contradicts, and every sum or place that does not hold; empty if none."""
    found = [
        f"{result.account}: order {result.order_id} is said to be {result.outcome} and is {_truth(result, ledger)}"
        for result in summary.results
        if is_lie(result, ledger)
    ]
    return found + slips(summary)


def slips(summary: CancelSummary) -> list[str]:
    """Every sum or place of the summary that does not hold, whatever the ledger knows; empty if none."""
    found = []
    if [result.index for result in summary.results] != list(range(summary.total)):
        found.append(f"{summary.account}: indices out of place")
    if summary.total != summary.cancelled + summary.failed or sum(summary.by_outcome.values()) != summary.total:
        found.append(f"{summary.account}: the sums do not hold")
    if any(bool(result.error) == result.success for result in summary.results):
        found.append(f"{summary.account}: an error on success, or none on failure")
    return found


def _truth(result: OrderResult, ledger: Ledger) -> str:
    book = ledger.orders.get(result.order_id)
    if book is None:
        return "no such order"
    return f"{book.state}, a cancel arrived" if result.outcome is Outcome.NOT_SENT else str(book.state)
