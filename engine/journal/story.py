"""What a record tells, entry after entry, for whoever looks back: an auditor, or the operator weeks later. Pure.

One event for each entry, and one more for each cancel that no answer is on record for: it may have reached the venue. Venues'
words are given as they were written down, and are foreign text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.core.order import OpenOrder
from engine.core.quota import Kind
from engine.core.slots import Slot
from engine.journal.bodies import Text, apply_fate, order_of
from engine.journal.entries import (
    ACCOUNT,
    AGAIN,
    ANSWER,
    END,
    FATE,
    FAULT,
    FOUND,
    INTENT,
    NO_ACCOUNT,
    PLAN,
    REQUEST,
    RESUMED,
    RUN,
    SHOWN,
    SUMMARY,
    TEXT,
    WALK,
    Written,
    each_of,
)
from engine.journal.replay import UNREADABLE, Asked, asked_of, entry_of, requests_of

LOST = "lost"
"""No answer to a cancel is on record where the record ends, or where another life of the run begins."""

OPEN = "open"
"""The record ends, and no entry says that the run did."""

_REQUESTS = {
    Kind.CANCEL_ONE: "a cancel of one order",
    Kind.CANCEL_MANY: "a cancel by id",
    Kind.CANCEL_MARKET: "the venue's cancel of a market",
    Kind.CANCEL_ALL: "the venue's cancel of everything",
    Kind.LIST: "a page of the listing",
    Kind.READ: "a read of the order",
    Kind.OTHER: "a look at the venue",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that a record tells.

    Attributes:
        seq: Number of the entry that tells it.
        at_ms: When it was written, in milliseconds since the run began.
        what: The entry's kind, or `lost` or `open`.
        account: Name of the account that it is about, or None where it is about the run.
        orders: Ids of the orders that it is about; empty where it is about all of the account, or of the run.
        words: The same in words.
        facts: The same as plain values.
    """

    seq: int
    at_ms: int
    what: str
    account: str | None
    orders: tuple[str, ...]
    words: str
    facts: Mapping[str, Any]

    @property
    def is_request(self) -> bool:
        """Whether it tells of a request, or of what came back."""
        return self.what in (INTENT, ANSWER, REQUEST, LOST)

    def concerns(self, account: str | None, order_id: str | None) -> bool:
        """Whether it belongs to the story of this account, and of this order; None stands for any.

        A cancel of a whole scope, and what befell the account or the run, belong to the story of every order; listings do not.
        """
        if account is not None and self.account not in (None, account):
            return False
        if order_id is None or order_id in self.orders:
            return True
        if self.is_request:
            return Kind(self.facts["kind"]).is_mass
        return not self.orders

    def to_dict(self) -> dict[str, Any]:
        """The event as plain values."""
        return {
            "seq": self.seq,
            "at_ms": self.at_ms,
            "what": self.what,
            "account": self.account,
            "orders": list(self.orders),
            "words": self.words,
            "facts": dict(self.facts),
        }


def story(entries: Iterable[Written]) -> Iterator[Event]:
    """The events that these entries tell of, from the first entry of a run to its last; one at a time, so that any run fits.

    Raises:
        ValueError: an entry has not the form that it should have.
    """
    teller = _Teller()
    entry: Written | None = None
    for entry in entries:
        try:
            yield from teller.tell(entry, json.loads(entry.body))
        except UNREADABLE as error:
            raise ValueError(f"entry {entry.seq} cannot be read: {type(error).__name__}: {str(error)[:200]}") from error
    if entry is not None:
        yield from teller.end(entry)


@dataclass(slots=True)
class _Asked:
    """A request that may have left."""

    account: int
    kind: Kind
    orders: tuple[str, ...]


@dataclass(slots=True)
class _Part:
    """What is known of an account while its events are told."""

    name: str
    slots: list[Slot] = field(default_factory=list)

    def ids(self, places: Iterable[int]) -> tuple[str, ...]:
        return tuple(self.slots[place].order_id for place in places)


class _Teller:
    """Knows what was told before, which later entries refer to."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._parts: dict[int, _Part] = {}
        self._open: dict[Asked, _Asked] = {}
        self._has_ended = False
        self._entry = Written(-1, 0, "", NO_ACCOUNT, "", None)

    def tell(self, entry: Written, body: Any) -> Iterator[Event]:
        """What the next entry tells; a text tells nothing by itself."""
        for kind, one in each_of(entry.kind, body):
            self._entry = entry if kind == entry.kind else entry._replace(kind=kind)
            yield from self._tell_one(self._entry, one)

    def _tell_one(self, entry: Written, body: Any) -> Iterator[Event]:
        if entry.kind == TEXT:
            self._texts.append(body)
        elif entry.kind in (RUN, RESUMED):
            yield from self._begin(body)
        elif entry.kind == END:
            self._has_ended = True
            yield self._end(body)
        elif entry.kind == ACCOUNT:
            self._parts[entry.account] = _Part(body[0])
            facts = {"name": body[0], "venue": body[1], "fingerprint": body[2]}
            yield self._event(f"the account takes part, at {body[1]}", facts)
        elif entry.kind == INTENT:
            yield from self._intend(self._parts[entry.account], body)
        else:
            tell = _TELLERS.get(entry.kind)
            if tell is not None:
                yield tell(self, self._parts[entry.account], body)

    def end(self, last: Written) -> Iterator[Event]:
        """What the end of the record tells."""
        yield from self._lose(last)
        if not self._has_ended:
            words = "here the record ends: the run was cut off, or is under way"
            yield Event(seq=last.seq, at_ms=last.at_ms, what=OPEN, account=None, orders=(), words=words, facts={})

    # --- the run

    def _begin(self, body: Mapping[str, Any]) -> Iterator[Event]:
        self._has_ended = False
        is_first = self._entry.kind == RUN
        yield from self._lose(self._entry)
        asked = [f"{name} {value}" for name, value in (("by", body["requested_by"]), ("because:", body["reason"])) if value]
        who = f"process {body['pid']} on {body['host']}, version {body['version']}"
        words = f"the run {'begins' if is_first else 'is resumed'} ({who})"
        yield self._event(", ".join([words, *([f"asked for {' '.join(asked)}"] if asked else [])]), dict(body))

    def _end(self, body: Mapping[str, Any]) -> Event:
        words = "the run is finished" if body["stop"] is None else f"the run ends early: {body['stop']}"
        lost = "" if body["unrecorded"] is None else f"; its record is not whole: {body['unrecorded']}"
        return self._event(words + lost, dict(body))

    def _lose(self, entry: Written) -> Iterator[Event]:
        """Requests on their way that nothing will be heard of any more; one that only looked is no loss."""
        for asked, intent in self._open.items():
            if not intent.kind.is_cancel:
                continue
            yield Event(
                seq=entry_of(asked),
                at_ms=entry.at_ms,
                what=LOST,
                account=self._parts[intent.account].name,
                orders=intent.orders,
                words=f"no answer to {_REQUESTS[intent.kind]} is on record: it may have reached the venue",
                facts={"kind": intent.kind.value, "asked": entry_of(asked)},
            )
        self._open.clear()

    # --- orders

    def _plan(self, _: _Part, body: Mapping[str, Any]) -> Event:
        return self._event(f"how its orders are to be cancelled: {body['why']}", dict(body))

    def _found(self, part: _Part, body: list[Any]) -> Event:
        order = order_of(body[1], body[2:], self._text) if len(body) > 2 else None
        part.slots.append(Slot(body[1], order, place=body[0]))
        words = "the order is given by its id" if order is None else f"the order is found: {_in_words(order)}"
        return self._event(words, {"place": body[0], "order": None if order is None else order.to_dict()}, (body[1],))

    def _again(self, part: _Part, body: list[Any]) -> Event:
        part.slots.append(part.slots[body[1]])
        return self._event("the order is given once more", {"place": body[0], "first_place": body[1]}, part.ids([body[1]]))

    def _shown(self, part: _Part, body: list[Any]) -> Event:
        order_id = part.slots[body[0]].order_id
        order = order_of(order_id, body[1:], self._text)
        return self._event(f"a listing shows the order: {_in_words(order)}", {"order": order.to_dict()}, (order_id,))

    def _fate(self, part: _Part, body: list[Any]) -> Event:
        slot = part.slots[body[0]]
        sweeps = slot.sweeps
        apply_fate(slot, body, self._text)
        how = "is settled as" if slot.is_settled else "is taken up again:" if slot.sweeps > sweeps else "stands as"
        code = None if slot.code is None else f"code {slot.code}"
        said = [each for each in (code, slot.error) if each]
        words = f"the order {how} {slot.outcome.value}{': ' if said else ''}{', '.join(said)}"
        if slot.result is not None:
            words += f"; the venue: {json.dumps(slot.result)}"
        facts = {
            "outcome": slot.outcome.value,
            "is_settled": slot.is_settled,
            "attempts": slot.attempts,
            "code": slot.code,
            "error": slot.error,
            "result": slot.result,
            "sweeps": slot.sweeps,
        }
        return self._event(words, facts, (slot.order_id,))

    # --- requests

    def _intend(self, part: _Part, body: list[Any]) -> Iterator[Event]:
        kind = Kind(body[0])
        for asked, places in requests_of(self._entry.seq, kind, body[1]):
            yield self._asks(asked, kind, part.ids(places))

    def _request(self, part: _Part, body: list[Any]) -> Event:
        kind, about = Kind(body[0]), body[1] if len(body) > 1 else None
        return self._asks(self._entry.seq, kind, part.ids([about]) if kind is Kind.READ and about is not None else ())

    def _asks(self, asked: Asked, kind: Kind, orders: tuple[str, ...]) -> Event:
        self._open[asked] = _Asked(self._entry.account, kind, orders)
        count = f" ({len(orders):,} orders)" if len(orders) > 1 else ""
        return self._event(f"from here on may leave: {_REQUESTS[kind]}{count}", {"kind": kind.value}, orders)

    def _answer(self, _: _Part, body: list[Any]) -> Event:
        number = asked_of(body[0])
        asked = self._open.pop(number)
        came = _Came(*body[1:], *[None] * (6 - len(body)))
        facts = {"kind": asked.kind.value, "asked": entry_of(number), **came.to_dict()}
        return self._event(f"{_REQUESTS[asked.kind]} {came.in_words()}{_said(asked.kind, came)}", facts, asked.orders)

    # --- accounts

    def _fault(self, _: _Part, body: list[Any]) -> Event:
        return self._event(f"nothing more is sent for the account: {body[1]}", {"fault_code": body[0], "fault": body[1]})

    def _walk(self, _: _Part, body: list[Any]) -> Event:
        number, taken_up = body
        before = f", after {taken_up:,} orders were taken up again" if taken_up else ""
        return self._event(f"walk {number} over the listing begins{before}", {"walk": number, "taken_up": taken_up})

    def _summary(self, _: _Part, body: Mapping[str, Any]) -> Event:
        words = "the account's part is over" if body["stop"] is None else f"the account's part ends early: {body['stop']}"
        proof = {None: "", True: "; proved empty by a later listing", False: "; not proved empty"}[body["verified"]]
        return self._event(words + proof, dict(body))

    def _text(self, text: Text) -> str | None:
        return self._texts[text] if isinstance(text, int) else text

    def _event(self, words: str, facts: Mapping[str, Any], orders: tuple[str, ...] = ()) -> Event:
        seq, at_ms, kind, account = self._entry[:4]
        name = None if account == NO_ACCOUNT else self._parts[account].name
        return Event(seq=seq, at_ms=at_ms, what=kind, account=name, orders=orders, words=words, facts=facts)


_TELLERS: Mapping[str, Callable[[_Teller, _Part, Any], Event]] = {
    PLAN: _Teller._plan,  # noqa: SLF001  # a table of its methods, which cannot stand inside of it
    FOUND: _Teller._found,  # noqa: SLF001
    AGAIN: _Teller._again,  # noqa: SLF001
    SHOWN: _Teller._shown,  # noqa: SLF001
    FATE: _Teller._fate,  # noqa: SLF001
    ANSWER: _Teller._answer,  # noqa: SLF001
    REQUEST: _Teller._request,  # noqa: SLF001
    FAULT: _Teller._fault,  # noqa: SLF001
    WALK: _Teller._walk,  # noqa: SLF001
    SUMMARY: _Teller._summary,  # noqa: SLF001
}


@dataclass(frozen=True, slots=True)
class _Came:
    """What a request brought."""

    has_left: int
    wire_ms: int
    waited_ms: int
    failure: Sequence[Any] | None
    facts: Sequence[Any] | None

    def in_words(self) -> str:
        waited = f", and {self.waited_ms:,} ms of waiting for limits before" if self.waited_ms else ""
        if not self.has_left:
            return f"never left{waited}{self._why}"
        if self.failure is None:
            return f"is answered after {self.wire_ms:,} ms{waited}"
        return f"brings no usable answer, after {self.wire_ms:,} ms{waited}{self._why}"

    @property
    def _why(self) -> str:
        return "" if self.failure is None else f": {self.failure[2]}"

    def to_dict(self) -> dict[str, Any]:
        name, code, text, retry_after_ms = [*(self.failure or ()), None, None, None, None][:4]
        return {
            "has_left": bool(self.has_left),
            "wire_ms": self.wire_ms,
            "waited_ms": self.waited_ms,
            "failure": name,
            "code": code,
            "error": text,
            "retry_after_ms": retry_after_ms,
        }


def _said(kind: Kind, came: _Came) -> str:
    """What an answer has said in short: the fates that follow from it stand on their own."""
    if came.failure is not None or not came.facts:
        return ""
    if kind.is_mass:
        return f"; it names {came.facts[0]:,} orders{'' if came.facts[1] else ', and not all that it cancelled'}"
    if kind is Kind.LIST:
        rows, total = came.facts
        return f"; {rows:,} rows" + ("" if total is None else f" of {total:,}")
    return f"; the venue's word: {came.facts[0]}"


def _in_words(order: OpenOrder) -> str:
    """An order on one line."""
    amounts = f"{order.side or 'side unknown'} {_or(order.size)} at {_or(order.price)}, filled {_or(order.filled)}"
    return f"{order.state.value}, {amounts}; market {order.market or '-'}, asset {order.asset or '-'}"


def _or(amount: object) -> object:
    return "-" if amount is None else amount
