"""What the bodies of entries say of orders, scopes and summaries, both ways. Pure.

Seconds become whole milliseconds, as reports have them. Texts that come often are left to `Texts`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import attrgetter
from typing import Any

from engine.core.order import OpenOrder, OrderState, Side
from engine.core.outcome import Outcome, rounded
from engine.core.plain import plain
from engine.core.plan import Expected
from engine.core.request import Belongs, Scope
from engine.core.slots import Slot
from engine.core.summary import CancelSummary, Fault, Outage
from engine.journal.entries import dumped

MOST_TEXTS = 10_000
"""Different texts that a run keeps once each; further ones stand where they are used. A guess: two megabytes or so."""

SHORTEST_TEXT = 8
"""A shorter text takes no more room than its number."""

Text = int | str | None
"""A text as a body has it: the number of an entry of its own, itself, or nothing."""

_FLAGS = {
    "s": "is_settled",
    "u": "is_unseen",
    "m": "is_missing",
    "r": "is_refused",
    "a": "is_acknowledged",
    "c": "was_closed",
    "b": "is_barred",
    "f": "reads_first",
}
"""The claims of a slot that outlive a run, each by its letter."""

_claims = attrgetter(*_FLAGS.values())

_LETTERS = {
    claims: "".join(letter for letter, is_true in zip(_FLAGS, claims, strict=True) if is_true)
    for claims in itertools.product((False, True), repeat=len(_FLAGS))
}
"""What an entry says of them, all 256 cases worked out beforehand: a fate is written for every order."""

ITSELF = "\x01"
"""Stands for the order's own id in texts about it: venues repeat it in every answer, which then are the same for all orders."""

VERBATIM = "v"
"""The flag of a fate whose texts have that sign themselves, and nothing in its place."""


class Texts:
    """The texts of one run, by number.

    Args:
        keep: Writes a text as an entry of its own.
    """

    def __init__(self, keep: Callable[[str], object]) -> None:
        self._keep = keep
        self._numbers: dict[str, int] = {}

    def of(self, text: str | None) -> Text:
        """The text as a body has it."""
        if text is None or len(text) < SHORTEST_TEXT:
            return text
        number = self._numbers.get(text)
        if number is None:
            if len(self._numbers) >= MOST_TEXTS:
                return text
            number = self._numbers[text] = len(self._numbers)
            self._keep(text)
        return number

    def add(self, text: str) -> None:
        """A text that an earlier life of the run has kept."""
        self._numbers[text] = len(self._numbers)


def ms(seconds: float | None) -> int | None:
    """Whole milliseconds, of the seconds that a report would show."""
    shown = rounded(seconds)
    return None if shown is None else round(shown * 1000)


def seconds(milliseconds: int | None) -> float | None:
    """The seconds that a report shows."""
    return None if milliseconds is None else milliseconds / 1000


def trimmed(values: list[Any]) -> list[Any]:
    """The values without the nulls at their end."""
    while values and values[-1] is None:
        values.pop()
    return values


# --- orders


def order_body(order: OpenOrder, texts: Texts) -> list[Any]:
    """What an entry says of an order, but for its id."""
    return [
        None if order.state is OrderState.OPEN else order.state.value,
        None if order.side is None else order.side.value,
        texts.of(order.market),
        texts.of(order.group),
        texts.of(order.asset),
        None if order.price is None else str(order.price),
        None if order.size is None else str(order.size),
        None if order.filled is None else str(order.filled),
        order.created_at_ms,
    ]


def order_of(order_id: str, body: list[Any], text: Callable[[Text], str | None]) -> OpenOrder:
    """The order that a body speaks of."""
    state, side, market, group, asset, price, size, filled, created_at_ms = body + [None] * (9 - len(body))
    return OpenOrder(
        order_id=order_id,
        state=OrderState.OPEN if state is None else OrderState(state),
        side=None if side is None else Side(side),
        market=text(market),
        group=text(group),
        asset=text(asset),
        price=_decimal(price),
        size=_decimal(size),
        filled=_decimal(filled),
        created_at_ms=created_at_ms,
    )


def _decimal(number: str | None) -> Decimal | None:
    return None if number is None else Decimal(number)


# --- fates


def fate_body(slot: Slot, start_s: float, texts: Texts) -> list[Any]:
    """What is known of an order at this moment."""
    flags = _LETTERS[_claims(slot)]
    error, result = slot.error, None if slot.result is None else dumped(plain(slot.result))
    if (error is not None and ITSELF in error) or (result is not None and ITSELF in result):
        flags += VERBATIM
    else:
        error = None if error is None else error.replace(slot.order_id, ITSELF)
        result = None if result is None else result.replace(slot.order_id, ITSELF)
    body = [
        slot.place,
        slot.outcome.value,
        flags,
        slot.attempts,
        None if slot.sent_s is None else ms(slot.sent_s - start_s),
        None if slot.settled_s is None else ms(slot.settled_s - start_s),
        slot.code,
        texts.of(error),
        texts.of(result),
        slot.sweeps or None,
    ]
    return trimmed(body)


def apply_fate(slot: Slot, body: list[Any], text: Callable[[Text], str | None]) -> None:
    """Let the slot say what the body says; times count from the beginning of the run."""
    _, outcome, flags, attempts, sent_ms, settled_ms, code, error, result, sweeps = body + [None] * (10 - len(body))
    slot.outcome = Outcome(outcome)
    for letter, name in _FLAGS.items():
        setattr(slot, name, letter in flags)
    slot.attempts = attempts
    slot.sent_s, slot.settled_s = seconds(sent_ms), seconds(settled_ms)
    slot.code, slot.error, answer = code, text(error), text(result)
    if VERBATIM not in flags:
        slot.error, answer = (each and each.replace(ITSELF, slot.order_id) for each in (slot.error, answer))
    slot.result = None if answer is None else json.loads(answer)
    slot.sweeps = sweeps or 0


# --- scopes


def scope_body(scope: Scope) -> dict[str, Any]:
    """The scope as plain values; of a predicate it is only said that there is one."""
    return {
        "market": scope.market,
        "asset": scope.asset,
        "side": None if scope.side is None else scope.side.value,
        "order_ids": None if scope.order_ids is None else sorted(scope.order_ids),
        "except_ids": None if scope.except_ids is None else sorted(scope.except_ids),
        "where": scope.where is not None,
    }


def scope_of(body: Mapping[str, Any], where: Any = None) -> Scope:
    """The scope that a body speaks of, with this predicate."""
    return Scope(**{name: body[name] for name in ("market", "asset", "side", "order_ids", "except_ids")}, where=where)


# --- summaries


def summary_body(summary: CancelSummary, stop: str | None) -> dict[str, Any]:
    """All that a summary says beside its results; `stop` is what ended the account's part, if it did not end by itself."""
    return {
        "account": summary.account,
        "venue": summary.venue,
        "stop": stop,
        "listing_complete": summary.listing_complete,
        "listing_error": summary.listing_error,
        "verified": summary.verified,
        "fault": summary.fault,
        "fault_code": None if summary.fault_code is None else summary.fault_code.value,
        "left": {order_id: why.value for order_id, why in summary.left.items()},
        "is_uncounted": summary.is_uncounted,
        "locked_out_ms": ms(summary.locked_out_s),
        "requests": summary.requests,
        "waited_ms": ms(summary.waited_s),
        "wire_ms": ms(summary.wire_s),
        "elapsed_ms": ms(summary.elapsed_s),
        "unrecorded": summary.unrecorded,
        "expected": None if summary.expected is None else summary.expected.to_dict(),
    }


def summary_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the summary that a body speaks of."""
    return {
        "listing_complete": body["listing_complete"],
        "listing_error": body["listing_error"],
        "verified": body["verified"],
        "fault": body["fault"],
        "fault_code": None if body["fault_code"] is None else Fault(body["fault_code"]),
        "left": {order_id: Belongs(why) for order_id, why in body["left"].items()},
        "is_uncounted": body["is_uncounted"],
        "locked_out_s": body["locked_out_ms"] / 1000,
        "requests": body["requests"],
        "waited_s": body["waited_ms"] / 1000,
        "wire_s": body["wire_ms"] / 1000,
        "elapsed_s": body["elapsed_ms"] / 1000,
        "unrecorded": body["unrecorded"],
        "expected": Expected(**body["expected"]) if body.get("expected") else None,  # older records do not have it
    }


def outage_of(body: Mapping[str, Any]) -> Outage:
    """The outage that a body speaks of."""
    return Outage(**body)
