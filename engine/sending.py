"""Put one request on the wire and bring back what it means, or why it means nothing.

A request that has begun is not torn off by a stop: it is sheltered until its answer comes, its time is up, or, once the run
is to stop, a short grace has passed. So what the venue has said by then is not lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio

from engine import clock
from engine.core.outcome import Word
from engine.core.quota import Kind
from engine.core.request import Account, Scope
from engine.errors import ClockError, CredentialError, ThrottledError, TransportError, VenueError
from engine.journal.replay import Asked
from engine.log import wants_debug
from engine.pacing import Lanes, Turn
from engine.recording import AccountRecord, Ahead
from engine.secret import Mask, hide_in_error
from engine.venues.base import HttpAnswer, HttpRequest, MassWord, Transport, Venue

T = TypeVar("T")

LEAST_SKEW_S = 2.0
"""A smaller difference between two clocks is not what makes a venue refuse a time. A guess; venues are said to allow 60 s."""

CLOCK_KEEPS_S = 60.0
"""How long a venue's clock, once read, is taken to be known. A guess."""


CLOCK_TRIES = 3
"""How often a venue's clock is asked for before the refusal that made us doubt ours is believed. A guess."""

LONGEST_CLOCK_WAIT_S = 5.0
"""Longest wait between two of these tries. A guess."""


class VenueClock:
    """What time it is at the venue: our own clock, corrected once the venue has refused it.

    Args:
        wall_clock: Our own Unix time, in seconds.
    """

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self.reading = anyio.Lock()
        self.read_s = -math.inf
        self.corrected_s = -math.inf
        self._wall_clock = wall_clock
        self._offset_s = 0.0

    def wall_s(self) -> float:
        """Unix time at the venue, as far as is known."""
        return self._wall_clock() + self._offset_s

    def correct(self, venue_s: float) -> bool:
        """Take the venue's clock for the right one; False if ours was not wrong enough to matter."""
        skew_s = venue_s - self.wall_s()
        if abs(skew_s) < LEAST_SKEW_S:
            return False
        self._offset_s += skew_s
        self.corrected_s = clock.now_s()
        return True


@dataclass(frozen=True, slots=True)
class Route:
    """The way to one venue, shared by all calls of an engine: the venue, the lanes of its accounts, and its clock."""

    venue: Venue
    lanes: Lanes
    clock: VenueClock


class Sender:
    """One account's requests in one call.

    Args:
        route: To the account's venue.
        account: Whose requests.
        transport: What moves the bytes.
        grace_s: How long an answer on its way is waited for after a stop; None for calls that only read, and lose nothing.
        is_bounded: Whether a deadline ends the call.
        record: Where it is written down.

    Attributes:
        requests: How many have left.
        waited_s: Seconds in which its next request was ready and waited for the limits.
        wire_s: Seconds that its requests were on their way, each counted on its own.
        served: See `Caller`.
        tag: See `Caller`.
        weight: See `Caller`.
        began_s: When the call began.
        is_bounded: See `Caller`.
        record: Where it is written down.
    """

    def __init__(
        self,
        route: Route,
        account: Account,
        transport: Transport,
        *,
        grace_s: float | None,
        is_bounded: bool,
        record: AccountRecord,
        log: Any,
    ) -> None:
        venue = route.venue
        self.venue = venue
        self.account = account
        self.lane = route.lanes.of(venue.identity(account))
        self.requests = 0
        self.waited_s = 0.0
        self.wire_s = 0.0
        self.served = 0.0
        self.tag = 0.0
        self.weight = account.weight
        self._now_s = clock.of_loop()
        self.began_s = self._now_s()
        self.is_bounded = is_bounded
        self.record = record
        self._health = route.lanes.health
        self._is_hurried = False
        self._clock = route.clock
        self._transport = transport
        self._grace_s = grace_s
        self._log = log
        self._shelters: set[anyio.CancelScope] = set()
        self._secrets = venue.secrets(account)
        self._mask = Mask(self._secrets)

    async def ask(
        self,
        make: Callable[[float], HttpRequest],
        turn: Turn,
        decode: Callable[[HttpAnswer, float], T],
        *,
        orders: int = 1,
        intent: Asked | None = None,
        about: str | int | None = None,
        timeout_s: float | None = None,
        may_mend: bool = True,
    ) -> T | VenueError:
        """Make the request, send it and decode its answer.

        Args:
            make: Makes the request at this Unix time.
            turn: The turn that it was granted.
            decode: Makes sense of the answer, which came at this Unix time.
            orders: How many orders the request names.
            intent: Of a cancel, what the record has of what it is to do.
            about: Of any other request, the cursor or the place that it is about, for the record.
            timeout_s: Longest wait for the answer, if that is shorter than the venue's own.
            may_mend: Whether a refusal that a wrong clock explains makes us look at the venue's clock.

        Returns:
            What `decode` makes of the answer, or the `VenueError` that says why there is none.

        Raises:
            UnrecordedError: it cannot be written down, and the run must not go on without. Nothing else, except the cancellation
                of the caller.
        """
        asked = intent if turn.kind.is_cancel else await self.ahead(turn, self.record.asks, about)
        made_s = self._now_s()
        answer: HttpAnswer | None = None
        self.waited_s += turn.waited_s
        try:
            answer = await self._send(make(self._clock.wall_s()), turn, timeout_s)
            came: T | VenueError = decode(answer, self._clock.wall_s())
        except VenueError as error:
            came = error
        self._account_for(answer, came, turn)
        self.record.heard(turn, came, asked=asked)
        if not self._is_hurried:  # what a stop has cut short says nothing of the venue
            self._health.hear(came, turn.kind, sent_s=turn.granted_s)
        if isinstance(came, ThrottledError):
            if not self.lane.hold(turn, came, orders=orders):
                came = type(came)(f"{came}; given up", retry_after_s=came.retry_after_s, code=came.code, is_final=True)
        elif may_mend and isinstance(came, CredentialError) and came.may_be_clock and await self._has_mended_clock(made_s):
            came = ClockError(f"{came}; the clock was wrong, and is corrected", code=came.code)
        elif not isinstance(came, VenueError):
            self.lane.hear(turn)
        if wants_debug():
            self._tell(turn.kind, came)
        return came

    async def ahead(self, turn: Turn, write: Callable[[Kind, T], Ahead], what: T) -> Asked | None:
        """Have it on disk what a request is to do, before it may leave; give back what its answer will be to.

        Args:
            turn: The request's.
            write: Writes it down: `intends` or `asks` of the record, or what chooses between them.
            what: The orders that a cancel names, or what another request is about.

        Raises:
            UnrecordedError: it is not, and the run must not go on without; the turn is withdrawn, as it is at a stop.
        """
        try:
            asked, kept = write(turn.kind, what)
            if kept is not None and not await kept:
                self.record.misses()
                asked = None
        except BaseException:
            turn.withdrawn()
            raise
        return asked

    def hurry(self) -> None:
        """The run is to stop: requests on their way get a short grace, and no more."""
        self._is_hurried = True
        until_s = clock.now_s() + (self._grace_s or 0.0)
        for shelter in self._shelters:
            shelter.deadline = min(shelter.deadline, until_s)

    async def turn(self, kind: Kind) -> Turn:
        """Wait for a turn for one request that costs no tokens.

        Raises:
            TransportError: the venue has been away for too long.
        """
        return await self.lane.wait_any_turn(kind, self)

    async def look(self, turn: Turn, timeout_s: float) -> object:
        """See `Caller`: read an order that does not exist, which is not found where the venue is there; or the first page.

        A look mends no clock: mending one may have to wait for a turn, and so for this look.
        """
        venue, account = self.venue, self.account
        if turn.kind is Kind.LIST:
            return await self.ask(
                lambda wall_s: venue.page_request(account, Scope(), venue.first_cursor, wall_s=wall_s),
                turn,
                lambda answer, wall_s: venue.read_page(answer, venue.first_cursor, wall_s=wall_s),
                timeout_s=timeout_s,
                may_mend=False,
            )
        return await self.ask(
            lambda wall_s: venue.order_request(account, venue.no_order_id, wall_s=wall_s),
            turn,
            lambda answer, wall_s: venue.read_order(answer, venue.no_order_id, wall_s=wall_s),
            timeout_s=timeout_s,
            may_mend=False,
        )

    def _account_for(self, answer: HttpAnswer | None, came: object, turn: Turn) -> None:
        """Bring our count of the account's tokens in line with what came."""
        if isinstance(came, ThrottledError):
            turn.refund()  # refused as a whole, so nothing was taken for it
        elif isinstance(came, MassWord):
            self.lane.charge(sum(verdict.word is Word.CANCELLED for verdict in came.orders.values()))
        feedback = None if answer is None else self.venue.feedback(answer)
        if feedback is not None:
            self.lane.told(turn, feedback)

    async def _has_mended_clock(self, made_s: float) -> bool:
        """Whether the clock by which a refused request was made, at `made_s`, has been found wrong and corrected since."""
        venue_clock = self._clock
        request = self.venue.time_request()
        if request is None:
            return False
        async with venue_clock.reading:
            if venue_clock.corrected_s >= made_s:
                return True
            if clock.now_s() - venue_clock.read_s < CLOCK_KEEPS_S:
                return False
            venue_clock.read_s = clock.now_s()
            for tries in range(1, CLOCK_TRIES + 1):
                try:
                    turn = await self.turn(Kind.OTHER)
                except VenueError:
                    return False  # the venue has been away for too long
                asked = await self.ahead(turn, self.record.asks, None)
                before_s = venue_clock.wall_s()
                try:
                    venue_s = self.venue.read_time(await self._send(request, turn))
                    self.record.heard(turn, venue_s, asked=asked)
                except VenueError as error:
                    self.record.heard(turn, error, asked=asked)
                    retry_after_s = error.retry_after_s if isinstance(error, ThrottledError) else None
                    await anyio.sleep(min(LONGEST_CLOCK_WAIT_S, retry_after_s or 0.1 * 2.0**tries))
                    continue
                travelled_s = (venue_clock.wall_s() - before_s) / 2
                return venue_clock.correct(venue_s + 0.5 + travelled_s)  # it names whole seconds, half a second old on average
            return False

    async def _send(self, request: HttpRequest, turn: Turn, timeout_s: float | None = None) -> HttpAnswer:
        timeout_s = min(self.venue.timeout_s, timeout_s or self.venue.timeout_s)
        answer: HttpAnswer | None = None
        shelter = anyio.CancelScope(shield=self._grace_s is not None, deadline=self._now_s() + timeout_s)
        self._shelters.add(shelter)
        try:
            with shelter:
                answer = await self._transport.send(request, on_sent=turn.left)
                turn.left()  # what was answered has left, whether the transport said so or not
        except TransportError as error:
            hide_in_error(error, self._mask)
            own = self._own_mask(request)
            if own is not None:
                hide_in_error(error, own)
            if error.sent:
                turn.left()
            error.sent = turn.has_left
            raise
        finally:
            self._shelters.discard(shelter)
            self.requests += turn.has_left
            turn.end(is_answered=answer is not None)
            self.wire_s += turn.wire_s
        if answer is None:
            raise TransportError(f"no answer within {timeout_s:g} s, or before the stop", sent=turn.has_left, code="timeout")
        answer = answer.masked(self._mask)
        own = self._own_mask(request)
        return answer if own is None else answer.masked(own)

    def _own_mask(self, request: HttpRequest) -> Mask | None:
        """What finds secrets of this request's own, such as its signature, in what comes back; None where it has none."""
        own = [each for each in request.secrets if each not in self._secrets]
        return Mask(own) if own else None

    def _tell(self, kind: Kind, came: object) -> None:
        told = {"kind": kind.value, "account": self.account.name, "venue": self.venue.name}
        if isinstance(came, VenueError):
            self._log.debug("request", **told, failure=type(came).__name__, code=came.code, error=str(came))
        else:
            self._log.debug("request", **told, failure=None)
