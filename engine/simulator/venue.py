"""What every simulated venue has: a book with a ledger, a script, faults, a quota. A venue adds its wire protocol.

Sans-IO: no clock, no socket. Whoever carries the bytes brings the time.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

from engine.simulator.faults import Fault, FaultDice, FaultPlan
from engine.simulator.ledger import BookOrder, BookState, Change, Ledger, RequestRecord
from engine.simulator.quota import Counter
from engine.simulator.script import Action, Drift, Predicate, Script, arrange_drift
from engine.simulator.wire import Ask, Manner, Reply, WireRequest
from engine.venues.base import HttpRequest

NO_REDIRECT_TARGET = "http://127.0.0.1:9"
"""Where the redirect fault points until a server brings a second listener: the discard port, where nothing listens."""


@dataclass(frozen=True, slots=True)
class SimulatedAccount:
    """One user of a simulated venue, with the key that a client shows."""

    name: str
    api_key: str = field(repr=False)


class SimulatedVenue(ABC):
    """The neutral half of a simulated venue.

    Attributes:
        ledger: The ground truth.
        now_s: The latest simulated second that the venue has seen.
        redirect_url: Where the redirect fault points, without a path.
    """

    def __init__(self, *, seed: int, faults: FaultPlan, drift: Drift | None) -> None:
        self.ledger = Ledger()
        self.now_s = 0.0
        self.redirect_url = NO_REDIRECT_TARGET
        self._faults = FaultDice(faults)
        self._script = Script()
        self._seed = seed
        self._latency_dice = random.Random(f"{seed}/latency")
        self._drift_dice = random.Random(f"{seed}/drift")
        self._counters: dict[str, Counter] = {}
        if drift is not None:
            arrange_drift(self._script, drift, dice=self._drift_dice, fill=self._fill_any, newcomer=self._place_any)

    # What the venue adds.

    @abstractmethod
    def understand(self, request: WireRequest, ask: Ask) -> Ask:
        """Complete the ask with route, account, order ids and page."""

    @abstractmethod
    def answer(self, ask: Ask, *, acts: bool) -> Reply:
        """Do what is asked, unless `acts` is False, and give the honest reply that doing it brings."""

    @abstractmethod
    def acknowledged(self, ask: Ask, reply: Reply) -> tuple[str, ...]:
        """The orders of which these bytes are the documented acknowledgement of a cancel, be it true or not."""

    @abstractmethod
    def refusal_for_pace(self) -> Reply:
        """The reply to a request beyond the quota."""

    @abstractmethod
    def new_counter(self) -> Counter | None:
        """A fresh counter of one key's requests, or None where the venue does not count."""

    @abstractmethod
    def draw_latency_s(self) -> float:
        """Seconds that the next request spends on its way and back, by the seed."""

    @abstractmethod
    def place(self, account_name: str) -> str:
        """Let an order of the account appear, as the market would; returns its id."""

    @abstractmethod
    def revoke_key(self, name: str) -> None:
        """Let the account's present key die at once."""

    @abstractmethod
    def first_listed(self, account_name: str) -> str | None:
        """The open order at the top of the account's listing, or None."""

    @property
    @abstractmethod
    def account_names(self) -> list[str]:
        """The names of the accounts, in the order of their creation."""

    # Carrying requests.

    def receive(self, request: HttpRequest, *, now_s: float, connection: int = 0) -> Reply:
        """Take one request in at this moment and say what becomes of it on the wire.

        Everything that is scheduled up to this moment happens first. The quota comes before everything else.
        """
        self.advance(now_s)
        ask = self._ask(request, number=len(self.ledger.requests) + 1, connection=connection)
        self._script.fire(ask)
        if not self._admits(ask):
            return self._note(ask, self.refusal_for_pace(), refused_for_pace=True)
        fault = self._faults.pick(ask)
        if fault is None:
            return self._note(ask, self.answer(ask, acts=True))
        return self._note(ask, self._misbehave(ask, fault), fault=fault)

    def refuses(self, request: HttpRequest, *, now_s: float) -> Manner | None:
        """How a fault keeps the connection for this request from coming about, if one does. To be asked once per request."""
        if not self._faults.can_refuse:
            return None
        self.advance(now_s)
        ask = self._ask(request, number=len(self.ledger.requests) + 1, connection=0)
        fault = self._faults.pick(ask, before_connecting=True)
        if fault is None:
            return None
        self.ledger.connections_refused += 1
        return fault.manner

    def advance(self, now_s: float) -> None:
        """Let everything happen that is scheduled up to this moment. Time never runs backwards."""
        while (due := self._script.due(now_s)) is not None:
            when_s, action = due
            self.now_s = max(self.now_s, when_s)
            action()
        self.now_s = max(self.now_s, now_s)

    def at(self, when_s: float, action: Action) -> None:
        """Run the action when simulated time passes `when_s`: at the first request, or `advance`, from then on."""
        self._script.at(when_s, action)

    def on_request(self, when: int | Predicate, action: Action, *, times: int | None = 1) -> None:
        """Run the action just before the n-th request, or before the first `times` that the predicate is true of."""
        self._script.on_request(when, action, times=times)

    # Moving the book.

    def fill(self, order_id: str, *, now_s: float | None = None, size: Decimal | str | int | None = None) -> bool:
        """Let an open order trade away, or only `size` shares of it; False if it is no longer open."""
        order = self.ledger.orders.get(order_id)
        if order is None or order.state is not BookState.OPEN:
            return False
        order.filled = order.size if size is None else min(order.size, order.filled + Decimal(size))
        state = BookState.FILLED if order.filled >= order.size else BookState.OPEN
        self.ledger.change(order_id, state, time_s=self._moment(now_s), cause="traded")
        return True

    def expire(self, order_id: str, *, now_s: float | None = None) -> bool:
        """Let an open order expire; False if it is no longer open."""
        return self._close(order_id, BookState.EXPIRED, now_s, "expired")

    def fail(self, order_id: str, *, now_s: float | None = None) -> bool:
        """Let the venue fail an open order; False if it is no longer open."""
        return self._close(order_id, BookState.FAILED, now_s, "failed")

    def cancel_elsewhere(self, order_id: str, *, now_s: float | None = None) -> bool:
        """Let somebody else cancel an open order; False if it is no longer open."""
        return self._close(order_id, BookState.CANCELLED, now_s, "cancelled elsewhere")

    def cancel(self, order_id: str) -> bool:
        """Cancel an open order because a request asks for it; False if it is no longer open."""
        return self._close(order_id, BookState.CANCELLED, None, "cancel request")

    def revive(self, order_id: str, *, now_s: float | None = None) -> bool:
        """Let a cancelled order come back to life; False if it is not cancelled."""
        if self.ledger.state_of(order_id) is not BookState.CANCELLED:
            return False
        self.ledger.change(order_id, BookState.OPEN, time_s=self._moment(now_s), cause="revived")
        return True

    def enter(self, order: BookOrder, *, now_s: float | None = None) -> str:
        """Put a new open order on the book; returns its id."""
        order.history.append(Change(self._moment(now_s), BookState.OPEN, "placed"))
        self.ledger.enter(order)
        return order.order_id

    def _close(self, order_id: str, state: BookState, now_s: float | None, cause: str) -> bool:
        order = self.ledger.orders.get(order_id)
        if order is None or order.state is not BookState.OPEN:
            return False
        self.ledger.change(order_id, state, time_s=self._moment(now_s), cause=cause)
        return True

    def _moment(self, now_s: float | None) -> float:
        return self.now_s if now_s is None else now_s

    def _fill_any(self) -> None:
        open_ids = sorted(self.ledger.open_ids())
        if open_ids:
            self.fill(self._drift_dice.choice(open_ids))

    def _place_any(self) -> None:
        if self.account_names:
            self.place(self._drift_dice.choice(self.account_names))

    # One request.

    def _ask(self, request: HttpRequest, *, number: int, connection: int) -> Ask:
        wire = take_apart(request)
        bare = Ask(
            number=number,
            now_s=self.now_s,
            connection=connection,
            route="unknown",
            redirect_url=self.redirect_url,
            wire=wire,
        )
        return self.understand(wire, bare)

    def _admits(self, ask: Ask) -> bool:
        """Count the request against its key's owner; a key that was never given out has no quota."""
        if ask.account is None:
            return True
        if ask.account not in self._counters:
            counter = self.new_counter()
            if counter is None:
                return True
            self._counters[ask.account] = counter
        return self._counters[ask.account].admit(ask.now_s)

    def _misbehave(self, ask: Ask, fault: Fault) -> Reply:
        if fault.meddle is not None:
            fault.meddle(self, ask)
        seen = _with_query(ask, dict(fault.query))
        reply = self.answer(seen, acts=fault.acts)
        if fault.rewrite is not None:
            reply = fault.rewrite(reply, ask)
        return replace(
            reply,
            manner=fault.manner,
            delay_s=reply.delay_s + fault.delay_s,
            byte_delay_s=fault.byte_delay_s,
        )

    def _note(
        self,
        ask: Ask,
        reply: Reply,
        *,
        fault: Fault | None = None,
        refused_for_pace: bool = False,
    ) -> Reply:
        self.ledger.note(
            RequestRecord(
                number=ask.number,
                time_s=ask.now_s,
                connection=ask.connection,
                account=ask.account,
                route=ask.route,
                order_ids=ask.order_ids,
                page=ask.page,
                fault=None if fault is None else fault.name,
                status=reply.visible_status,
                refused_for_pace=refused_for_pace or reply.refused_for_pace,
                hits=ask.hits,
                false_words=() if fault is None or not ask.route.startswith("cancel") else self._false_words(ask, reply),
            )
        )
        return reply

    def _false_words(self, ask: Ask, reply: Reply) -> tuple[str, ...]:
        """What the reply calls cancelled and is not, as far as it reaches the caller."""
        if reply.manner not in (Manner.ANSWER, Manner.DRIP):
            return ()
        known = self.ledger.orders
        return tuple(
            order_id
            for order_id in self.acknowledged(ask, reply)
            if order_id not in known or known[order_id].state is not BookState.CANCELLED
        )


def take_apart(request: HttpRequest) -> WireRequest:
    """Take a request's URL apart; the path stays as it was escaped."""
    parts = urlsplit(request.url)
    return WireRequest(
        method=request.method.upper(),
        path=parts.path,
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in request.revealed_headers().items()},
        body=request.body or b"",
    )


def _with_query(ask: Ask, changes: Mapping[str, str]) -> Ask:
    if not changes:
        return ask
    return replace(ask, wire=replace(ask.wire, query={**ask.wire.query, **changes}))
