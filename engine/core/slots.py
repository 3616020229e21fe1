"""The places of a run: one slot for every order, true at every moment. Promises 1 and 3 live here.

A slot is written only through its methods, and in this order: `start` just before a request may leave, `hear` when
something (or nothing) came back, `settle` when that decides its fate. Whatever stops the run in between, the slot is true.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from engine.core.order import OpenOrder
from engine.core.outcome import OrderResult, Outcome, Verdict, Word
from engine.errors import ThrottledError, TransportError, VenueError, WireError


class Witness(Protocol):
    """Who is told what becomes of the orders of one account, at once and in its order."""

    def placed(self, place: int, slot: Slot) -> None:
        """This place of the input is the slot's; a slot may have several."""
        ...

    def shown(self, slot: Slot) -> None:
        """A listing has shown an order that was known by its id alone."""
        ...

    def settled(self, slot: Slot) -> None:
        """Its fate is written, or will not be any more."""
        ...

    def moved(self, slot: Slot) -> None:
        """What is known of it has changed, and its fate is not settled."""
        ...


class Slot:
    """What is known of one order.

    Attributes:
        outcome: The fate as it stands; `NOT_SENT` at first.
        is_settled: Whether nothing more is to be done for it now.
        attempts: Cancels that may have left.
        tries: Cancels tried in this sweep, those that never left included.
        is_unseen: Whether an attempt may have acted without an answer, and no read has shown the order since.
        is_missing: Whether the last read said that the venue does not know the order; not enough to settle it.
        is_refused: Whether the venue has refused a cancel of it.
        is_acknowledged: Whether the venue has ever acknowledged a cancel of it.
        was_closed: Whether it was ever taken for closed and then listed again: a listing may lag.
        is_barred: Whether its id cannot be the venue's, so that no request may name it.
        walk: Number of the listing walk in which it was last queued.
        sweeps: How often it was taken up again.
        reads_first: Whether the next step is a read instead of a cancel.
        reads: Reads tried in a row.
        most: Most orders of a request that may name it; 0 for no bound of its own.
        began_s: When the work on it began in this sweep, or None.
        pending_since_s: Since when the venue has called it alive and not yet to be cancelled, without a break; or None.
        place: Its first place in the input.
        witness: Told what becomes of it, or None.
    """

    __slots__ = (
        "attempts",
        "began_s",
        "code",
        "error",
        "is_acknowledged",
        "is_barred",
        "is_missing",
        "is_refused",
        "is_settled",
        "is_unseen",
        "most",
        "order",
        "order_id",
        "outcome",
        "pending_since_s",
        "place",
        "reads",
        "reads_first",
        "result",
        "sent_s",
        "settled_s",
        "sweeps",
        "tries",
        "walk",
        "was_closed",
        "witness",
    )

    def __init__(self, order_id: str, order: OpenOrder | None = None, *, place: int = 0, witness: Witness | None = None) -> None:
        self.order_id = order_id
        self.order = order
        self.place = place
        self.witness = witness
        self.outcome = Outcome.NOT_SENT
        self.is_settled = False
        self.attempts = 0
        self.tries = 0
        self.is_unseen = False
        self.is_missing = False
        self.is_refused = False
        self.is_acknowledged = False
        self.was_closed = False
        self.is_barred = False
        self.walk = 0
        self.sweeps = 0
        self.reads_first = False
        self.reads = 0
        self.most = 0
        self.began_s: float | None = None
        self.pending_since_s: float | None = None
        self.code: int | str | None = None
        self.error: str | None = None
        self.result: Any = None
        self.sent_s: float | None = None
        self.settled_s: float | None = None

    def begin(self, now_s: float) -> None:
        """The work on this order begins, unless it has in this sweep."""
        if self.began_s is None:
            self.began_s = now_s

    def start(self, now_s: float) -> None:
        """A cancel may leave from now on: until something comes back, the fate is unknown."""
        self.tries += 1
        self.attempts += 1
        self.outcome = Outcome.UNKNOWN
        self.is_missing = False
        self.error = "the run ended while a cancel was on its way"
        self.code = "in_flight"
        if self.sent_s is None:
            self.sent_s = now_s

    def hear(self, came: Verdict | VenueError) -> None:
        """Write down what a cancel brought back; the fate is the worst that it leaves possible."""
        self.reads = 0
        if isinstance(came, Verdict):
            self._say(came.code, came.text, came.result)
            self.is_refused |= came.word in (Word.UNSETTLED, Word.PENDING, Word.NOT_FOUND)
            self.tries -= came.word is Word.PENDING  # it could not be cancelled yet: that is no try
        elif isinstance(came, TransportError) and not came.sent:
            self._say(came.code, str(came), None)
            self.attempts -= 1
            if self.attempts == 0:
                self.sent_s = None
        else:
            self._say(came.code, str(came), None)
            self.is_unseen |= isinstance(came, TransportError | WireError)
            self.is_refused |= not isinstance(came, TransportError | WireError)
            if isinstance(came, ThrottledError):
                self.tries -= 1  # refused for its pace, not for the order: that is no try
        self.outcome = self.worst

    def hear_read(self, came: Verdict | VenueError) -> None:
        """Write down what a read brought back. Only a read that shows the order lifts the doubt of an unseen attempt."""
        self.reads += 1
        self.is_missing = isinstance(came, Verdict) and came.word is Word.NOT_FOUND
        if isinstance(came, Verdict):
            if came.word in (Word.OPEN, Word.PENDING):
                self.is_unseen = False
                self.is_refused = self.attempts > 0
                if self.error is None:
                    self._say("still_open", "the venue still shows the order as open", came.result)
            elif came.word is not Word.UNSETTLED:
                self._say(came.code, came.text, came.result)
        elif self.error is None:
            self._say(came.code, str(came), None)
        if self.is_missing:
            self.error = f"{self.error}; no complete listing has confirmed it"
        self.outcome = self.worst

    def bar(self, problem: str, now_s: float) -> None:
        """No request may name this order, and why."""
        self.is_barred = True
        self._say("malformed_id", f"no cancel was sent: {problem}", None)
        self.settle(None, now_s)

    def left_open(self, sent_s: float) -> None:
        """A mass cancel that left at `sent_s` may have meant this order, and a later listing shows it open."""
        self.attempts, self.sent_s, self.is_refused = 1, sent_s, True
        self._say("still_open", "a mass cancel was sent, and the order was listed as open afterwards", None)
        self.outcome = self.worst
        self.moved()

    def split(self, most: int) -> None:
        """The venue refused a request for what else it named: that is no try, and the next one names at most so many orders."""
        self.tries -= 1
        self.most = most

    def waited_s(self, word: Word | None, now_s: float) -> float:
        """Seconds that the venue has called the order pending, without a break; `word` is what it says now."""
        if word is not Word.PENDING:
            self.pending_since_s = None
            return 0.0
        if self.pending_since_s is None:
            self.pending_since_s = now_s
        return now_s - self.pending_since_s

    def settle(self, outcome: Outcome | None, now_s: float) -> None:
        """Write the fate; None writes the worst that the evidence leaves possible."""
        if outcome is Outcome.CANCELLED:
            self.is_acknowledged = True
        if outcome is not None:
            self.is_missing = False
        if outcome is Outcome.ALREADY_CANCELLED and self.is_acknowledged:
            outcome = Outcome.CANCELLED
        self.outcome = self.worst if outcome is None else outcome
        self.is_settled = True
        self.settled_s = now_s
        if self.outcome.is_success:
            self.code = self.error = None
        elif self.outcome is Outcome.NOT_FOUND:
            self.error = _WORDS[Outcome.NOT_FOUND]
        if self.witness is not None:
            self.witness.settled(self)

    def reopen(self, *, tries: int, is_listed: bool) -> None:
        """Take a settled order up again, as if so many tries had been made in this sweep.

        `is_listed`: a later listing shows it open, which is as good as a read that does.
        """
        if is_listed:
            self.is_missing = False
            if not self.outcome.may_be_live:
                self.was_closed = True
                self._say("still_listed", f"reported as {self.outcome}, and still listed as open afterwards", None)
            self.is_unseen = False
            self.is_refused = self.attempts > 0
        self.outcome = self.worst
        self.sweeps += 1
        self.tries = tries
        self.reads = 0
        self.began_s = None
        self.is_settled = False
        self.moved()

    def show(self, order: OpenOrder) -> None:
        """A listing shows the order."""
        if self.order is None:
            self.order = order
            if self.witness is not None:
                self.witness.shown(self)

    def moved(self) -> None:
        """Tell who wants to know that there is more to know of it than before."""
        if self.witness is not None:
            self.witness.moved(self)

    @property
    def worst(self) -> Outcome:
        """The worst fate that the evidence so far leaves possible."""
        if self.is_unseen:
            return Outcome.UNKNOWN
        return Outcome.REJECTED if self.is_refused or self.attempts else Outcome.NOT_SENT

    def _say(self, code: int | str | None, text: str | None, result: Any) -> None:
        self.code, self.error, self.result = code, text, result


_WORDS = {
    Outcome.FILLED: "too late: the order has traded",
    Outcome.EXPIRED: "the order was closed by time, by its market's resolution or by the venue",
    Outcome.NOT_FOUND: "the venue does not know this order under this account",
    Outcome.REJECTED: "the venue refused, and the order may be open",
    Outcome.UNKNOWN: "a cancel may have reached the venue, and no evidence came back",
    Outcome.NOT_SENT: "no cancel was sent",
}


@dataclass(slots=True, kw_only=True)
class Tally:
    """Where orders stand at one moment, counted.

    Attributes:
        found: Known so far.
        settled: Of them, done with.
        cancelled: Cancelled, by us or before.
        at_risk: May be live at this moment, those included whose turn is still to come.
    """

    found: int = 0
    settled: int = 0
    cancelled: int = 0
    at_risk: int = 0

    @property
    def failed(self) -> int:
        """Done with, and not cancelled."""
        return self.settled - self.cancelled

    @property
    def left(self) -> int:
        """Not done with."""
        return self.found - self.settled

    def add(self, other: Tally) -> None:
        """Add the counts of another one."""
        self.found += other.found
        self.settled += other.settled
        self.cancelled += other.cancelled
        self.at_risk += other.at_risk


class Slots:
    """All slots of one account in one run: each order once, and every place in the input that asked for it.

    Args:
        order_ids: The input, where there is one.
        witness: Told what becomes of the orders, or None.
    """

    def __init__(self, order_ids: Iterable[str] = (), *, witness: Witness | None = None) -> None:
        self._slots: dict[str, Slot] = {}
        self._places: list[Slot] = []
        self._witness = witness
        for order_id in order_ids:
            self.place(order_id)

    def __len__(self) -> int:
        """How many orders, each counted once."""
        return len(self._slots)

    def place(self, order_id: str, order: OpenOrder | None = None) -> Slot:
        """Give the next place to this order; the same id gets the same slot."""
        slot = self._slots.get(order_id)
        if slot is None:
            slot = self._slots[order_id] = Slot(order_id, order, place=len(self._places), witness=self._witness)
        self._places.append(slot)
        if self._witness is not None:
            self._witness.placed(len(self._places) - 1, slot)
        return slot

    def at(self, place: int) -> Slot:
        """The slot of this place of the input."""
        return self._places[place]

    def get(self, order_id: str) -> Slot | None:
        """The slot of this order, if it has one."""
        return self._slots.get(order_id)

    def __iter__(self) -> Iterator[Slot]:
        """Each order once, in the order in which they came."""
        return iter(self._slots.values())

    @property
    def tally(self) -> Tally:
        """Where they stand, counted by place."""
        tally = Tally(found=len(self._places))
        for slot in self._places:
            tally.cancelled += slot.outcome.is_success
            tally.settled += slot.is_settled
            tally.at_risk += slot.outcome.may_be_live
        return tally

    def go_on(self, start_s: float, witness: Witness | None) -> list[Slot]:
        """Go on with orders of an earlier life of the run, whose times count from its beginning, which was at `start_s`.

        Returns:
            Those that may be live, to be worked on: what may have been sent is read first.
        """
        self._witness = witness
        live = []
        for slot in self:
            slot.witness = witness
            slot.sent_s = None if slot.sent_s is None else slot.sent_s + start_s
            slot.settled_s = None if slot.settled_s is None else slot.settled_s + start_s
            if slot.outcome.may_be_live and not slot.is_barred:
                slot.is_settled, slot.tries, slot.reads_first = False, 0, slot.attempts > 0
                live.append(slot)
        return live

    def tell_open(self) -> None:
        """Tell who wants to know of every order whose fate is not settled: it will not be any more."""
        if self._witness is not None:
            for slot in self:
                if not slot.is_settled:
                    self._witness.settled(slot)

    def result(self, place: int, account: str, *, start_s: float, stop: str | None = None) -> OrderResult:
        """The result for one place."""
        return _result(self._places[place], place, account, start_s, stop)

    def results(self, account: str, *, start_s: float, stop: str | None = None) -> list[OrderResult]:
        """One result for every place, in input order; times count from `start_s`, and `stop` says why the unsent were not."""
        return [_result(slot, index, account, start_s, stop) for index, slot in enumerate(self._places)]


def _result(slot: Slot, index: int, account: str, start_s: float, stop: str | None) -> OrderResult:
    words = _WORDS.get(slot.outcome)
    if stop is not None and slot.outcome is Outcome.NOT_SENT:
        words = f"no cancel was sent: {stop}"
    return OrderResult(
        index=index,
        account=account,
        order_id=slot.order_id,
        outcome=slot.outcome,
        code=slot.code,
        error=slot.error or words,
        result=slot.result,
        attempts=slot.attempts,
        sent_s=None if slot.sent_s is None else slot.sent_s - start_s,
        settled_s=None if slot.settled_s is None else slot.settled_s - start_s,
        order=slot.order,
    )
