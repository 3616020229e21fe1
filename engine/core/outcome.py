"""The fate of an order, and the evidence that decides it. Promises 2, 3 and 4 live here.

1. Every order ends in exactly one `Outcome`.
2. A `Slot` starts as `NOT_SENT`. Just before a request for it may leave it becomes `UNKNOWN`; only an answer writes over that.
3. `CANCELLED` is written for the venue's acknowledgement of that order and for nothing else; `ALREADY_CANCELLED` for an
   unambiguous word of the venue, or a read of the order, that shows it cancelled; `NOT_FOUND` for a read that says so and a
   complete listing that does not contradict it.
4. Once an attempt may have acted unseen, no refusal of a later attempt makes the order `REJECTED`: only a word about the
   order itself, read from the venue, settles it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.core.order import OpenOrder, OrderState


class Outcome(StrEnum):
    """How an order ended. The first two count as cancelled, the last three may still be live."""

    CANCELLED = "cancelled"
    ALREADY_CANCELLED = "already_cancelled"
    FILLED = "filled"
    EXPIRED = "expired"
    NOT_FOUND = "not_found"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"

    @property
    def is_success(self) -> bool:
        """Whether the order is off the book because it was cancelled."""
        return self in _SUCCESSES

    @property
    def may_be_live(self) -> bool:
        """Whether the order may still be on the book."""
        return self in _AT_RISK


_SUCCESSES = frozenset({Outcome.CANCELLED, Outcome.ALREADY_CANCELLED})
_AT_RISK = frozenset({Outcome.REJECTED, Outcome.UNKNOWN, Outcome.NOT_SENT})


class Word(StrEnum):
    """What a venue can say of one order, in an answer to a cancel or to a read."""

    CANCELLED = "cancelled"
    """The documented acknowledgement of this cancel. Never the answer to a read."""
    ALREADY_CANCELLED = "already_cancelled"
    FILLED = "filled"
    EXPIRED = "expired"
    NOT_FOUND = "not_found"
    OPEN = "open"
    """The order rests on the book and can be cancelled. Only a read says so."""
    PENDING = "pending"
    """The order is alive and cannot be cancelled yet; it will be, or it will trade."""
    UNSETTLED = "unsettled"
    """Answered, but the answer does not tell whether the order is dead or alive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The venue's word on one order.

    Attributes:
        word: What the answer establishes.
        code: The venue's code, where it gave one that is not its code for success.
        text: The venue's text, or ours where it gave none.
        result: The venue's parsed answer, for the report.
        order: The order as a read showed it, or None.
    """

    word: Word
    code: int | str | None = None
    text: str | None = None
    result: Any = None
    order: OpenOrder | None = None


OUTCOMES_OF_WORDS = {
    Word.CANCELLED: Outcome.CANCELLED,
    Word.ALREADY_CANCELLED: Outcome.ALREADY_CANCELLED,
    Word.FILLED: Outcome.FILLED,
    Word.EXPIRED: Outcome.EXPIRED,
}
"""The words that settle an order. `OPEN`, `PENDING` and `UNSETTLED` are missing on purpose: they do not. Neither does
`NOT_FOUND` by itself: a wrong address answers so to everything, and a young order may not be visible yet. It needs a complete
listing that does not show the order either."""

WORDS_OF_STATES = {
    OrderState.CANCELLED: Word.ALREADY_CANCELLED,
    OrderState.FILLED: Word.FILLED,
    OrderState.EXPIRED: Word.EXPIRED,
    OrderState.OPEN: Word.OPEN,
    OrderState.PENDING: Word.PENDING,
    OrderState.UNKNOWN: Word.UNSETTLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderResult:
    """The fate of one order.

    Attributes:
        index: Place in the input, or in the order in which the run found the orders.
        account: Name of the account.
        order_id: The venue's id.
        outcome: The one fate.
        code: The venue's code, or a word of ours; None on success.
        error: What happened, in words; None on success.
        result: The venue's parsed answer, if any.
        attempts: How many cancels may have left for this order.
        sent_s: When the first of them left, in seconds since the run began; None if none did.
        settled_s: When the outcome was last written, in seconds since the run began; None if it never was.
        order: The order as the listing showed it, or None if the run did not list it.
    """

    index: int
    account: str
    order_id: str
    outcome: Outcome
    code: int | str | None = None
    error: str | None = None
    result: Any = None
    attempts: int = 0
    sent_s: float | None = None
    settled_s: float | None = None
    order: OpenOrder | None = None

    @property
    def success(self) -> bool:
        """True for the two cancelled outcomes."""
        return self.outcome.is_success

    def to_dict(self) -> dict[str, Any]:
        """The documented item: `index`, `success`, `order_id`, `result` or `error`; ours stand beside them."""
        return {
            "index": self.index,
            "success": self.success,
            "order_id": self.order_id,
            **({"result": self.result} if self.success else {"error": self.error}),
            "account": self.account,
            "outcome": self.outcome.value,
            "code": self.code,
            "attempts": self.attempts,
            "sent_s": rounded(self.sent_s),
            "settled_s": rounded(self.settled_s),
            "order": None if self.order is None else self.order.to_dict(),
        }


def rounded(seconds: float | None) -> float | None:
    """Seconds to the millisecond, for reports that people and diffs read."""
    return None if seconds is None else round(seconds, 3)
