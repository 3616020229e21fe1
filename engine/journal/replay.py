"""A run, put together again from its entries. Pure.

What no answer was written for may have reached the venue: its orders are `unknown`, and were sent unseen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.core.outcome import Outcome
from engine.core.quota import Kind
from engine.core.report import RunReport
from engine.core.slots import Slot, Slots
from engine.core.summary import CancelSummary, Outage
from engine.errors import ConfigError
from engine.journal.bodies import Text, apply_fate, order_of, outage_of, scope_of, summary_fields
from engine.journal.entries import (
    ACCOUNT,
    AGAIN,
    ANSWER,
    END,
    FATE,
    FAULT,
    FOUND,
    INTENT,
    REQUEST,
    RESUMED,
    RUN,
    SHOWN,
    SUMMARY,
    TEXT,
    Written,
    each_of,
)

Asked = int | tuple[int, int]
"""What an answer is to: the number of an entry, and the place as well where that entry is for several requests."""

CUT_OFF = "the run was cut off"
"""Why an account's part is not over, where the record ends without saying so."""


UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, ConfigError)
"""What reading entries comes to that somebody else has made up."""


@dataclass(slots=True, eq=False)
class SentRequest:
    """A request that left, or may have: when, in milliseconds since the run began, of what kind, and how many orders it named.

    When is None where it may have been at any time until the process had died. `wire_ms` is how long it was on its way, where a
    usable answer came.
    """

    at_ms: int | None
    kind: Kind
    orders: int
    wire_ms: int | None = None


@dataclass(slots=True, kw_only=True)
class AccountPart:
    """One account's part in a run, as far as it was written down.

    Attributes:
        number: Its number in the run.
        name: Its name.
        venue: Name of its venue.
        fingerprint: Of its key.
        slots: Its orders; times count in seconds since the run began.
        summary: What its summary says, or None where there is none yet.
        fault: Why nothing more was sent for it, in words, or None; and beside it as one of a few.
        sent: Its requests that left, or may have.
        waited_s: Seconds that they waited for limits.
        wire_s: Seconds that they were on their way.
        has_lost_mass: Whether the answer to a mass cancel is missing, or named not everything that it cancelled.
        held_until_s: Until when the venue asked to send nothing for it, in seconds since the run began.
        mass_sent_s: When the last mass cancel left, in seconds since the run began, or None.
    """

    number: int
    name: str
    venue: str
    fingerprint: str
    slots: Slots = field(default_factory=Slots)
    summary: Mapping[str, Any] | None = None
    fault: tuple[str, str] | None = None
    sent: list[SentRequest] = field(default_factory=list)
    waited_s: float = 0.0
    wire_s: float = 0.0
    has_lost_mass: bool = False
    held_until_s: float = 0.0
    mass_sent_s: float | None = None

    @property
    def is_done(self) -> bool:
        """Whether its part came to its own end."""
        return self.summary is not None and self.summary["stop"] is None

    def summarise(self, *, stop: str | None, elapsed_s: float) -> CancelSummary:
        """Its summary: as it was written; or as it stands where it was cut off, or its turn did not come before the stop."""
        if self.summary is not None:
            fields = summary_fields(self.summary)
            why = fields["fault"] or self.summary["stop"]
        else:
            why = stop or CUT_OFF
            fields = {
                "listing_complete": False,
                "listing_error": why,
                "verified": False,
                "is_finished": stop is not None,
                "is_uncounted": self.has_lost_mass,
                "requests": len(self.sent),
                "waited_s": self.waited_s,
                "wire_s": self.wire_s,
                "elapsed_s": elapsed_s,
            }
        results = self.slots.results(self.name, start_s=0.0, stop=why)
        return CancelSummary(account=self.name, venue=self.venue, results=results, **fields)


@dataclass(slots=True, kw_only=True)
class RunRecord:
    """A run, as far as it was written down.

    Attributes:
        header: Its first entry: who asked, for what and why.
        parts: Number to account.
        texts: Its texts, by number.
        ending: How its last life ended, or None where it was cut off or is under way.
        last_ms: When its last entry was written, in milliseconds since it began.
        last: Number of that entry.
    """

    header: Mapping[str, Any]
    parts: dict[int, AccountPart] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    ending: Mapping[str, Any] | None = None
    last_ms: int = 0
    last: int = -1

    @property
    def run_id(self) -> str:
        """Names it."""
        return str(self.header["run_id"])

    @property
    def is_finished(self) -> bool:
        """Whether it came to its own end."""
        return self.ending is not None and self.ending["stop"] is None

    @property
    def has_where(self) -> bool:
        """Whether a function of the caller's chose its orders."""
        return bool(self.header["scope"] and self.header["scope"]["where"])

    @property
    def outages(self) -> tuple[Outage, ...]:
        """Times in which a venue was down, as far as they were written down."""
        return () if self.ending is None else tuple(outage_of(body) for body in self.ending["outages"])

    def text(self, text: Text) -> str | None:
        """The text that a body has in this place."""
        return _text(self.texts[text] if isinstance(text, int) else text)

    def report(self) -> RunReport:
        """The report of the run: as it was given at its end, or as it stands where it was cut off."""
        elapsed_s = self.last_ms / 1000 if self.ending is None else self.ending["elapsed_ms"] / 1000
        stop = None if self.ending is None else self.ending["stop"]
        return RunReport(
            run_id=self.run_id,
            accounts={part.name: part.summarise(stop=stop, elapsed_s=elapsed_s) for part in self.parts.values()},
            started_at=self.header["started_at"],
            stop=CUT_OFF if self.ending is None else self.ending["stop"],
            outages=self.outages,
            elapsed_s=elapsed_s,
            reason=self.header["reason"],
            requested_by=self.header["requested_by"],
            unrecorded=None if self.ending is None else self.ending["unrecorded"],
        )


def replay(entries: Iterable[Written]) -> RunRecord:
    """The run that these entries tell of, from its first to its last.

    Raises:
        ValueError: they tell of none: the first is missing, or one has not the form that it should have.
    """
    replaying: _Replay | None = None
    for entry in entries:
        try:
            body = json.loads(entry.body)
            if replaying is None:
                replaying = _Replay(RunRecord(header=_header(entry, body)))
            replaying.take(entry, body)
        except UNREADABLE as error:
            raise ValueError(f"entry {entry.seq} cannot be read: {type(error).__name__}: {str(error)[:200]}") from error
    if replaying is None:
        raise ValueError("it has no entries, so nothing was sent for it")
    return replaying.end()


def _header(entry: Written, body: Any) -> Mapping[str, Any]:
    """The first entry, if it says all that is asked of it afterwards."""
    if entry.kind != RUN or entry.seq:
        raise ValueError(f"it begins with entry {entry.seq}, {entry.kind!r}, instead of 0, {RUN!r}")
    _text(body["run_id"]), _text(body["reason"]), _text(body["requested_by"])
    if body["call"] not in _CALLS or not isinstance(body["options"], dict) or body["started_at"] < 0:
        raise ValueError("it does not say what was asked for, or when")
    if body["scope"] is not None:
        scope_of(body["scope"]), bool(body["scope"]["where"])
    return dict(body)


_CALLS = ("orders", "mass")
"""What a run is for, as its first entry has it."""


def _text(value: object) -> str | None:
    """The value, if it is a text or nothing."""
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"{value!r} stands where a text should")


def requests_of(seq: int, kind: Kind, places: Sequence[int]) -> list[tuple[Asked, Sequence[int]]]:
    """The requests that an entry of this number is for, each with the places that it names."""
    if kind is Kind.CANCEL_ONE and len(places) > 1:
        return [((seq, place), (place,)) for place in places]
    return [(seq, places)]


def asked_of(body: Any) -> Asked:
    """What the body of an answer says that it is to."""
    return (body[0], body[1]) if isinstance(body, list) else int(body)


def entry_of(asked: Asked) -> int:
    """The number of the entry that it stands in."""
    return asked if isinstance(asked, int) else asked[0]


class _Replay:
    """A record that grows entry by entry."""

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._open: dict[Asked, tuple[AccountPart, SentRequest, int]] = {}
        self._in_flight: dict[int, tuple[Slot, AccountPart]] = {}

    def take(self, entry: Written, body: Any) -> None:
        """The next entry."""
        record = self._record
        record.last, record.last_ms = entry.seq, max(record.last_ms, entry.at_ms)
        for kind, one in each_of(entry.kind, body):
            self._take_one(entry if kind == entry.kind else entry._replace(kind=kind), one)

    def _take_one(self, entry: Written, body: Any) -> None:
        """The same for one that stands by itself."""
        record = self._record
        if entry.kind == ACCOUNT:
            name, venue, print_ = (str(_text(each)) for each in body)
            record.parts[entry.account] = AccountPart(number=entry.account, name=name, venue=venue, fingerprint=print_)
        elif entry.kind == TEXT:
            record.texts.append(str(_text(body)))
        elif entry.kind == RESUMED:
            self._lose_open(entry.at_ms)
            record.ending = None
            for part in record.parts.values():
                part.summary = part.summary if part.is_done else None
        elif entry.kind == END:
            (
                _text(body["stop"]),
                _text(body["unrecorded"]),
                body["elapsed_ms"] / 1000,
                [outage_of(each) for each in body["outages"]],
            )
            record.ending = body
        elif entry.account:
            self._take_of(record.parts[entry.account], entry, body)

    def _take_of(self, part: AccountPart, entry: Written, body: Any) -> None:
        """The next entry about an account."""
        if entry.kind in (FOUND, AGAIN, SHOWN, FATE):
            self._take_order(part, entry.kind, body)
        elif entry.kind in (INTENT, REQUEST):
            self._intend(part, entry, Kind(body[0]), body[1] if entry.kind == INTENT else ())
        elif entry.kind == ANSWER:
            self._answer(part, entry, body)
        elif entry.kind == FAULT:
            part.fault = (body[0], body[1])
        elif entry.kind == SUMMARY:
            _text(body["stop"]), summary_fields(body)  # what it lacks is missed here, where the entry is known
            part.summary = body

    def _take_order(self, part: AccountPart, kind: str, body: Any) -> None:
        """The next entry about an order."""
        text = self._record.text
        if kind == FOUND:
            part.slots.place(body[1], order_of(body[1], body[2:], text) if len(body) > 2 else None)
        elif kind == AGAIN:
            part.slots.place(part.slots.at(body[1]).order_id)
        elif kind == SHOWN:
            slot = part.slots.at(body[0])
            slot.order = order_of(slot.order_id, body[1:], text)
        else:
            slot = part.slots.at(body[0])
            apply_fate(slot, body, text)
            self._in_flight.pop(id(slot), None)

    def _intend(self, part: AccountPart, entry: Written, kind: Kind, places: Sequence[int]) -> None:
        for asked, named in requests_of(entry.seq, kind, places):
            request = SentRequest(entry.at_ms, kind, len(named))
            self._open[asked] = (part, request, entry.at_ms)
            part.sent.append(request)
        for place in places:
            slot = part.slots.at(place)
            slot.start(entry.at_ms / 1000)
            self._in_flight[id(slot)] = (slot, part)

    def _answer(self, part: AccountPart, entry: Written, body: Any) -> None:
        asked, has_left, wire_ms, waited_ms, failure, facts = body + [None] * (6 - len(body))
        _, request, intended_ms = self._open.pop(asked_of(asked))
        part.wire_s += wire_ms / 1000
        part.waited_s += waited_ms / 1000
        if failure is not None and failure[3:]:
            part.held_until_s = max(part.held_until_s, (entry.at_ms + failure[3]) / 1000)
        if not has_left:
            part.sent.remove(request)
            return
        request.at_ms = max(intended_ms, entry.at_ms - wire_ms)
        request.wire_ms = wire_ms if failure is None else None
        if request.kind.is_mass:
            part.mass_sent_s = intended_ms / 1000
            part.has_lost_mass |= failure is not None or not facts[1]

    def _lose_open(self, until_ms: int | None) -> None:
        """What is on its way will never be heard of again; it left until then, if that is known."""
        for part, request, sent_ms in self._open.values():
            request.at_ms = until_ms  # when it was written down says only that it did not leave before
            if request.kind.is_mass:
                part.mass_sent_s, part.has_lost_mass = sent_ms / 1000, True
        for slot, _ in self._in_flight.values():
            slot.is_unseen = True
            slot.outcome = Outcome.UNKNOWN
        self._open.clear()
        self._in_flight.clear()

    def end(self) -> RunRecord:
        """There are no more entries."""
        if self._record.ending is None:
            self._lose_open(None)
        return self._record
