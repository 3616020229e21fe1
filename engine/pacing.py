"""Take turns: an account's own limits first, then, in turn with the other accounts, the venue's. Promise 5 lives here.

A `Lane` is one account's way to its venue. Its requests stand in one queue, or in two where cancels draw on tokens of their own
and reading does not; only the head of a queue looks at the limits, and what is sent is chosen at the moment a turn comes, not
before, so that a request can name as many orders as there are tokens then. At most one request of each account and queue waits
for the venue-wide limits, and there the account that has been served least comes next: with equal weights, that is round robin
between the accounts that are ready.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

import anyio
import anyio.lowlevel
from aiolimiter import AsyncLimiter

from engine import clock
from engine.core.quota import Bucket, Feedback, Kind, Limits, Purse, Receipt, Send, SendLog, Window
from engine.core.retry import Retry
from engine.errors import ThrottledError, TransportError, UnavailableError
from engine.probing import Health

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

DAY_S = 86_400.0

LONGEST_UNAVAILABLE_S = 30.0
"""Longest wait of one account to which alone the venue says that it takes no requests for now. A guess; see `Health` for all."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a request to be chosen needs: its kind, and how many tokens to wait for before it is."""

    kind: Kind
    tokens: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A queue of a lane, and what may be chosen for its turns."""

    cancels: bool
    reads: bool
    queue: asyncio.Lock


class Caller(Protocol):
    """Whose requests wait for turns: one account in one call.

    Attributes:
        served: How much it has been served in this call, in requests by weight.
        tag: The same, counted so that nobody who comes late has it all for himself: see `FairQueue`.
        weight: Its share of what accounts take turns for, relative to others.
        began_s: When the call began.
        is_bounded: Whether a deadline ends the call.
    """

    served: float
    tag: float
    weight: float
    began_s: float
    is_bounded: bool

    async def look(self, turn: Turn, timeout_s: float) -> object:
        """Send one small request of the turn's kind, for no use but to see whether the venue is there."""
        ...


class Source(Protocol[T_co]):
    """Where the head of a queue gets its request from."""

    @property
    def caller(self) -> Caller:
        """Whose request it is."""
        ...

    def waits(self, track: Track, until_s: float) -> None:
        """The next request has to wait so long for limits of the account's own."""
        ...

    def give_up(self, words: str) -> None:
        """The venue has been away for too long; may raise a `VenueError`, or decline from now on."""
        ...

    def need(self, track: Track) -> Need | None:
        """What the next request needs, or None if there is none now."""
        ...

    def choose(self, track: Track, most: int) -> tuple[T_co, int] | None:
        """The request to send now, naming up to `most` orders, and its cost in tokens; None if there is none after all."""
        ...


COME_BACK = 5
"""Turns of the event loop after which an account that was just served stands in the queue again, if it has more to send: it may
be owed the next place as well."""


class FairQueue:
    """One place, and those who wait for it: who has been served least comes next, and among equals who came first.

    This is start-time fair queueing (Goyal, Vin and Cheng, 1996): a caller who comes late is counted as if it had been served as
    much as the one whose turn it was then, so nobody can be starved by newcomers.

    Attributes:
        is_weighted: Whether anybody has come who is to be served more, or less, than others.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, anyio.Event]] = []
        self._numbers = itertools.count()
        self._gone: set[int] = set()
        self._is_taken = False
        self.is_weighted = False
        self._served = 0.0

    @property
    def is_free(self) -> bool:
        """Whether nobody has the place."""
        return not self._is_taken

    async def acquire(self, caller: Caller) -> float:
        """Wait for the place; give back the tag that counts for this turn."""
        start = max(caller.tag, self._served)
        self.is_weighted |= caller.weight != 1.0
        if not self._is_taken:
            self._is_taken = True
            return start
        number, event = next(self._numbers), anyio.Event()
        heapq.heappush(self._waiting, (start, number, event))
        try:
            await event.wait()
        except BaseException:
            if event.is_set():
                self.release()  # it was handed over, and will not be used
            else:
                self._gone.add(number)
            raise
        return start

    async def is_overtaken(self, start: float) -> bool:
        """Whether somebody who came meanwhile has been served less than the one who holds the place."""
        if not self.is_weighted:
            return False  # with equal weights, who comes later has been served as much
        for _ in range(COME_BACK):
            await anyio.lowlevel.checkpoint()
        return bool(self._waiting) and self._waiting[0][0] < start

    def serve(self, caller: Caller, start: float) -> None:
        """Count the turn that begins."""
        self._served = start
        caller.tag = start + 1.0 / caller.weight
        caller.served += 1.0 / caller.weight

    def release(self) -> None:
        """Hand the place to the next."""
        while self._waiting:
            _, number, event = heapq.heappop(self._waiting)
            if number not in self._gone:
                event.set()
                return
            self._gone.discard(number)
        self._is_taken = False


class Gate:
    """A set of limits that hold together.

    Args:
        quotas: The limits.
        in_flight: Most requests on their way at a time, or None for no bound.
    """

    def __init__(self, quotas: tuple[Window | Bucket, ...], *, in_flight: int | None = None) -> None:
        self._windows = [(quota.kinds, SendLog(quota)) for quota in quotas if isinstance(quota, Window)]
        self._buckets = [
            (quota.kinds, AsyncLimiter(quota.burst, quota.burst / quota.per_s)) for quota in quotas if isinstance(quota, Bucket)
        ]
        self._logs: dict[Kind, tuple[SendLog, ...]] = {}
        self._tells_kinds_apart = any(quota.kinds for quota in quotas)
        self._queues: dict[Kind, FairQueue] = {}
        self._most_in_flight = math.inf if in_flight is None else in_flight
        self._in_flight = 0
        self._looking = 0
        self._moved = anyio.Event()

    @property
    def is_fresh(self) -> bool:
        """Whether nothing is counted any more, so that a new one would serve as well."""
        now_s = clock.now_s()
        return not self._buckets and self._in_flight == 0 and all(log.is_empty(now_s) for _, log in self._windows)

    @property
    def longest_s(self) -> float:
        """Longest time for which a request counts in a window."""
        return max((log.span_s for _, log in self._windows), default=0.0)

    def queue_of(self, kind: Kind) -> FairQueue:
        """The queue of those whose next request is of this kind: one for all, unless the limits tell kinds apart."""
        key = kind if self._tells_kinds_apart else Kind.OTHER
        if key not in self._queues:
            self._queues[key] = FairQueue()
        return self._queues[key]

    def free_at(self, kind: Kind, now_s: float) -> float:
        """When every limit has room for one more request of this kind: infinity while that hangs on those on their way."""
        if self._in_flight >= self._most_in_flight:
            return math.inf
        free_at_s = now_s
        if self._windows:
            for log in self._logs_of(kind):
                free_at_s = max(free_at_s, log.free_at(now_s))
        return free_at_s

    def is_open(self, kind: Kind, now_s: float) -> bool:
        """Whether every limit has room for a request of this kind, and no bucket has to be asked."""
        return not self._buckets and self.free_at(kind, now_s) <= now_s

    async def wait_free(self, kind: Kind) -> None:
        """Wait, at the head of a queue, until every limit has room for one request, and take the tokens of the buckets."""
        for kinds, bucket in self._buckets:
            if not kinds or kind in kinds:
                await bucket.acquire()
        await self.wait_room(kind)

    async def wait_room(self, kind: Kind) -> None:
        """The same but for the buckets, whose tokens are taken by waiting."""
        while True:
            now_s = clock.now_s()
            free_at_s = self.free_at(kind, now_s)
            if free_at_s <= now_s:
                return
            self._looking += 1
            try:
                with anyio.move_on_at(free_at_s):
                    await self._moved.wait()
            finally:
                self._looking -= 1

    def start(self, kind: Kind) -> None:
        """A request takes its place in every window."""
        self._in_flight += 1
        if self._windows:
            for log in self._logs_of(kind):
                log.start()

    def ended(self) -> None:
        """A request is over, or will never leave."""
        self._in_flight -= 1
        if self._in_flight + 1 >= self._most_in_flight:
            self._move()

    def left(self, kind: Kind, send: Send) -> None:
        """The request has started to leave."""
        if self._windows:
            for log in self._logs_of(kind):
                log.left(send)
            self._move()

    def withdrawn(self, kind: Kind) -> None:
        """The request will never leave."""
        for log in self._logs_of(kind):
            log.withdrawn()
        self._move()

    def answered(self, kind: Kind, took_s: float) -> None:
        """The answer to a request came, after so long."""
        if self._windows:
            for log in self._logs_of(kind):
                log.answered(took_s)

    def _logs_of(self, kind: Kind) -> tuple[SendLog, ...]:
        logs = self._logs.get(kind)
        if logs is None:
            logs = self._logs[kind] = tuple(log for kinds, log in self._windows if not kinds or kind in kinds)
        return logs

    def _move(self) -> None:
        if self._looking:
            self._moved.set()
            self._moved = anyio.Event()


class Turn:
    """One granted turn, from the choice of the request to its answer. Ends with `end`, or with `withdrawn`.

    Attributes:
        kind: What kind of request it is for.
        receipt: For the tokens that were taken for it; None where requests cost none.
        granted_s: When it was granted.
        waited_s: How long the limits kept it waiting, while it was the next of its queue.
        wire_s: How long its request was on its way, once that is over.
    """

    __slots__ = ("_lane", "_send", "granted_s", "kind", "receipt", "waited_s", "wire_s")

    def __init__(self, lane: Lane, kind: Kind, cost: int, now_s: float, *, waited_s: float = 0.0) -> None:
        self._lane = lane
        self._send: Send | None = None
        self.kind = kind
        self.granted_s = now_s
        self.waited_s = waited_s
        self.wire_s = 0.0
        lane.warm()
        self.receipt = lane.spend(cost)
        for gate in lane.gates:
            gate.start(kind)

    @property
    def has_left(self) -> bool:
        """Whether the request has started to leave."""
        return self._send is not None

    def left(self) -> None:
        """The request starts to leave now."""
        if self._send is None:
            self._send = Send(self._lane.now_s())
            for gate in self._lane.gates:
                gate.left(self.kind, self._send)

    def end(self, *, is_answered: bool) -> None:
        """The request is over: answered, lost, or never sent, in which case its place is free again."""
        if self._send is None:
            self.withdrawn()
            return
        self._lane.ended(self.receipt)
        self.wire_s = self._send.took_s = self._lane.now_s() - self._send.left_s
        for gate in self._lane.gates:
            gate.ended()
            if is_answered:
                gate.answered(self.kind, self.wire_s)

    def withdrawn(self) -> None:
        """The request will not be sent; its place is free again, and its tokens are back."""
        self.refund()
        self._lane.ended(self.receipt)
        for gate in self._lane.gates:
            gate.ended()
            gate.withdrawn(self.kind)

    def refund(self) -> None:
        """The venue took no tokens for it."""
        self._lane.refund(self.receipt)


class Lane:
    """One account's turns, tokens, holds and allowance.

    Attributes:
        answered_s: When the venue last gave a usable answer.
        tracks: Its queues: one, or one for cancels and one for reading.
        gates: Its limits: its own, and the venue's.
        most_ids: Most orders of one cancel, as far as the venue has taught us.
        now_s: Gives the loop's time.
    """

    def __init__(self, lanes: Lanes, limits: Limits, *, allowance: SendLog | None, retry: Retry, most_ids: int) -> None:
        self.answered_s = -math.inf
        self.most_ids = most_ids
        self.now_s = clock.of_loop()
        self.gates = (Gate(limits.per_account), lanes.venue)
        self.tracks: tuple[Track, ...]
        self._lanes = lanes
        self._health = lanes.health
        self._purse = None if limits.tokens is None else Purse(limits.tokens)
        self._gather_s = 0.0 if limits.tokens is None else limits.tokens.gather_s
        self._set_tracks()
        self._allowance = allowance
        self._retry = retry
        self._held_until_s = -math.inf
        self._held_since_s = -math.inf
        self._down_since_s: float | None = None
        self._holds = 0
        self._batches_refused = 0
        self._moved = anyio.Event()

    def _set_tracks(self) -> None:
        """Where cancels draw on limits that reading does not draw on, neither may wait for the other."""
        if self._purse is None:
            self.tracks = (Track(True, True, asyncio.Lock()),)
        else:
            self.tracks = (
                Track(True, False, asyncio.Lock()),
                Track(False, True, asyncio.Lock()),
            )

    # --- turns

    async def wait_turn(self, track: Track, source: Source[T]) -> tuple[T, Turn] | None:
        """Wait for a turn, then choose what to send; nothing chosen, nothing spent.

        Returns:
            What was chosen and its turn, or None if there was nothing to choose when the turn came.
        """
        own, venue = self.gates
        async with track.queue:
            await anyio.lowlevel.checkpoint_if_cancelled()
            began_s = self.now_s()
            while True:
                need = source.need(track)
                if need is None:
                    return None
                queue = venue.queue_of(need.kind)
                has_waited = await self._wait_own(need, source, track) or not queue.is_free
                start = await queue.acquire(source.caller)
                try:
                    if self._health.blocks(need.kind):
                        has_waited = True
                        if not await self._wait_back(need.kind, source):
                            continue
                    now_s = self.now_s()
                    if has_waited or queue.is_weighted or not venue.is_open(need.kind, now_s):
                        has_waited = True
                        await venue.wait_room(need.kind)
                        if await queue.is_overtaken(start):
                            continue
                        await venue.wait_free(need.kind)
                        now_s = self.now_s()
                    if self._held_until_s > now_s or not self._is_met(need, now_s) or own.free_at(need.kind, now_s) > now_s:
                        await anyio.lowlevel.checkpoint()
                        continue  # a 429 or another queue came first while we stood in the venue's
                    fresh = source.need(track) if has_waited else need
                    if fresh is not None and fresh.kind is not need.kind:
                        continue  # there is something else to do by now, and it counts elsewhere
                    chosen = source.choose(track, self._most(now_s))
                    if chosen is None:
                        return None
                    queue.serve(source.caller, start)
                    return chosen[0], Turn(self, need.kind, chosen[1], now_s, waited_s=now_s - began_s)
                finally:
                    queue.release()

    async def wait_any_turn(self, kind: Kind, caller: Caller) -> Turn:
        """Wait for a turn for a request that is chosen already, and costs no tokens.

        Raises:
            TransportError: the venue has been away for too long.
        """
        track = next(track for track in self.tracks if track.reads)
        granted = await self.wait_turn(track, _Chosen(self, kind, caller))
        if granted is None:
            raise AssertionError("a choice that never declines was declined")
        return granted[1]

    async def _wait_own(self, need: Need, source: Source[Any], track: Track) -> bool:
        """Wait for all that does not hang on other accounts; False if there was nothing to wait for."""
        own, now_s = self.gates[0], self.now_s()
        if self._held_until_s <= now_s and need.tokens == 0 and own.is_open(need.kind, now_s):
            return False
        while self._held_until_s > self.now_s():  # a hold may be lengthened while it is waited for
            source.waits(track, self._held_until_s)
            await anyio.sleep_until(self._held_until_s)
        now_s = self.now_s()
        free_at_s = own.free_at(need.kind, now_s)
        if free_at_s > now_s:
            source.waits(track, free_at_s)
        await own.wait_free(need.kind)
        await self._wait_tokens(need.tokens, source, track)
        return True

    async def _wait_back(self, kind: Kind, source: Source[Any]) -> bool:
        """Wait, at the head of the venue's queue, for a venue that is away; False if that was given up."""
        caller = source.caller

        async def look(kind: Kind, timeout_s: float) -> None:
            while any(gate.free_at(kind, self.now_s()) > self.now_s() for gate in self.gates):
                for gate in self.gates:
                    await gate.wait_free(kind)
            await caller.look(Turn(self, kind, 0, self.now_s()), timeout_s)
            # The call may have been stopped meanwhile: its requests are shielded from that, its waits are not.
            await anyio.lowlevel.checkpoint()

        if await self._health.wait(kind, since_s=caller.began_s, is_bounded=caller.is_bounded, look=look):
            return True
        source.give_up(self._health.words)
        return False

    def worth_waiting_for(self, orders: int) -> int:
        """Tokens to gather before so many waiting orders are cancelled: all of them, or what refills in a short while."""
        if self._purse is None:
            return 0
        tier = self._purse.tier
        return min(orders, self.most_ids, tier.burst, max(1, math.floor(tier.per_s * self._gather_s)))

    def _most(self, now_s: float) -> int:
        return self.most_ids if self._purse is None else min(self.most_ids, self._purse.available(now_s))

    def _is_met(self, need: Need, now_s: float) -> bool:
        return self._purse is None or need.tokens == 0 or self._purse.free_at(now_s, need.tokens) <= now_s

    async def _wait_tokens(self, tokens: int, source: Source[Any], track: Track) -> None:
        """Wait for so many tokens, or for what makes another request better."""
        while self._purse is not None and tokens:
            now_s = self.now_s()
            free_at_s = self._purse.free_at(now_s, tokens)
            if free_at_s <= now_s:
                return
            source.waits(track, free_at_s)
            moved = self._moved
            with anyio.move_on_at(free_at_s):
                await moved.wait()
            need = source.need(track)
            if need is None:
                return
            tokens = need.tokens

    # --- tokens

    def spend(self, cost: int) -> Receipt | None:
        """Take tokens for a request."""
        return None if self._purse is None else self._purse.take(cost, self.now_s())

    def ended(self, receipt: Receipt | None) -> None:
        """The request that tokens were taken for is over."""
        if self._purse is not None and receipt is not None:
            self._purse.ended(receipt, self.now_s())

    def refund(self, receipt: Receipt | None) -> None:
        """Give tokens back."""
        if self._purse is not None and receipt is not None and receipt.cost:
            self._purse.refund(receipt, self.now_s())
            self._move()

    def charge(self, orders: int) -> None:
        """Pay for the orders that a mass cancel has cancelled."""
        if self._purse is not None and orders:
            self._purse.charge(orders, self.now_s())

    def told(self, turn: Turn, feedback: Feedback) -> None:
        """The venue has said what tokens are left."""
        if self._purse is not None and turn.receipt is not None:
            took_s = self.now_s() - turn.granted_s
            self._purse.told(feedback, self.now_s(), turn.receipt, took_s=took_s, is_mass=turn.kind.is_mass)
            self._move()

    @property
    def tokens(self) -> Purse | None:
        """The purse, or None where cancels cost nothing."""
        return self._purse

    def locked_out_s(self) -> float:
        """Seconds until the next cancel can be admitted, as far as the account's tokens go."""
        if self._purse is None:
            return 0.0
        now_s = self.now_s()
        return self._purse.free_at(now_s) - now_s

    def shrink(self, most_ids: int) -> None:
        """The venue takes no more orders than this in one cancel."""
        self.most_ids = max(1, min(self.most_ids, most_ids))

    def _move(self) -> None:
        self._moved.set()
        self._moved = anyio.Event()

    # --- the day's allowance

    def may_cancel(self) -> bool:
        """Whether the day's allowance has room for one more cancel."""
        now_s = self.now_s()
        return self._allowance is None or self._allowance.free_at(now_s) <= now_s

    def count_cancel(self, turn: Turn) -> None:
        """Count a cancel that is about to leave. One that never leaves is still counted: the safe reading."""
        if self._allowance is not None:
            self._allowance.start()
            self._allowance.left(Send(turn.granted_s))

    def recall(self, kind: Kind, left_s: float, cost: int) -> None:
        """Count a request that left at this time, in an earlier life of a run: the venue does."""
        self.warm()
        send = Send(left_s)
        for gate in self.gates:
            gate.start(kind)
            gate.left(kind, send)
            gate.ended()
        send.took_s = max(0.0, self.now_s() - left_s)
        if self._purse is not None and cost:
            self._purse.ended(self._purse.take(cost, left_s), left_s)
        if self._allowance is not None and kind.is_cancel:
            self._allowance.start()
            self._allowance.left(send)

    def learn(self, kind: Kind, took_s: float) -> None:
        """An answer took so long in an earlier life of a run: what the way there and back costs is known from the start."""
        for gate in self.gates:
            gate.answered(kind, took_s)

    @property
    def remembers_s(self) -> float:
        """Longest time for which a request counts here, but for the day's allowance."""
        windows = max((gate.longest_s for gate in self.gates), default=0.0)
        return windows if self._purse is None else max(windows, self._purse.tier.burst / self._purse.tier.per_s)

    @property
    def counts_days(self) -> bool:
        """Whether there is an allowance for the day."""
        return self._allowance is not None

    # --- holds

    def hear(self, turn: Turn) -> None:
        """A usable answer came: the venue is there, and is not holding this account."""
        self.answered_s = self.now_s()
        self._holds = 0
        self._down_since_s = None
        if turn.kind.is_cancel:
            self._batches_refused = 0

    def keep_held(self, until_s: float) -> None:
        """Hold the account until then, because the venue asked for it in an earlier life of the run."""
        if until_s > self.now_s():
            self.warm()
            self._held_until_s = max(self._held_until_s, min(until_s, self.now_s() + self._retry.longest_hold_s))

    def hold(self, turn: Turn, refused: ThrottledError, *, orders: int = 1) -> bool:
        """Hold the account, because the venue refused a request for its pace, or takes none for now.

        A refusal of a request that was sent before the present hold began says nothing new and does not lengthen it, unless
        the venue asks for more. A request that names several `orders` and is refused twice running is too large, whatever we
        count.

        Returns:
            False if the account has been held too often in a row, or for too long, to go on.
        """
        now_s = self.now_s()
        if turn.granted_s >= self._held_since_s:
            self._holds += 1
            self._held_since_s = now_s
            self._batches_refused += orders > 1
        if isinstance(refused, UnavailableError) and self._health.is_closed:
            return True  # all accounts together wait for it
        if isinstance(refused, UnavailableError):
            self._down_since_s = now_s if self._down_since_s is None else self._down_since_s
            wait_s = min(LONGEST_UNAVAILABLE_S, max(refused.retry_after_s or 0.0, 2.0 ** min(self._holds - 1, 10)))
            may_go_on = now_s - self._down_since_s < self._retry.longest_outage_s
        else:
            if orders > 1 and self._batches_refused > 1:
                self._batches_refused = 0
                self.shrink(orders // 2)
            # "retry after 0 seconds" does not say when either
            wait_s = min(refused.retry_after_s or 2.0 ** (self._holds - 1), self._retry.longest_hold_s)
            may_go_on = self._holds <= self._retry.holds
        self._held_until_s = max(self._held_until_s, now_s + wait_s)
        return may_go_on

    # --- its life

    def warm(self) -> None:
        """Something is counted here from now on."""
        self._lanes.keep(self)

    @property
    def is_fresh(self) -> bool:
        """Whether nothing is counted, owed, held or learned here, so that a new lane would serve as well."""
        return (
            self.gates[0].is_fresh
            and self._held_until_s <= self.now_s()
            and self._batches_refused == 0
            and self.most_ids == self._lanes.most_ids
            and (self._purse is None or self._purse.is_fresh(self.now_s()))
            and (self._allowance is None or self._lanes.shares_allowance)
        )


@dataclass(frozen=True, slots=True)
class _Chosen(Generic[T]):
    """A source with one request, which is always there."""

    request: T
    kind: Kind
    caller: Caller

    def need(self, _track: Track) -> Need:
        return Need(self.kind)

    def choose(self, _track: Track, _most: int) -> tuple[T, int]:
        return self.request, 0

    def waits(self, _track: Track, _until_s: float) -> None:
        """Nothing else can be done meanwhile."""

    def give_up(self, words: str) -> None:
        raise TransportError(words, sent=False, code="unreachable")


class Lanes:
    """All lanes of one venue: equal credentials share a lane, and all lanes share the venue's own limits and its health.

    A lane is kept as long as somebody uses it or something is counted in it: thousands of accounts that are done cost nothing.

    Args:
        name: The venue's name.
        limits: Its limits.
        retry: How long an outage, or a refusal, is waited for.
        most_ids: Most orders that one cancel can name.
        in_flight: Most requests on their way to the venue at a time, or None for no bound.

    Attributes:
        venue: The limits that all accounts share.
        health: Whether the venue is there.
    """

    def __init__(self, name: str, limits: Limits, *, retry: Retry, most_ids: int, in_flight: int | None = None) -> None:
        self.venue = Gate(limits.per_venue, in_flight=in_flight)
        self.health = Health(name, retry=retry)
        self.most_ids = most_ids
        self._limits = limits
        self._retry = retry
        self._lanes: WeakValueDictionary[Hashable, Lane] = WeakValueDictionary()
        self._kept: dict[Lane, None] = {}
        self._shared_allowance = self._new_allowance()

    @property
    def shares_allowance(self) -> bool:
        """Whether the day's allowance is counted for all accounts together."""
        return self._limits.allowance is not None and self._limits.allowance.is_shared

    def of(self, identity: Hashable) -> Lane:
        """The lane of this identity, the same one every time."""
        self._let_go()
        lane = self._lanes.get(identity)
        if lane is None:
            log = self._shared_allowance if self.shares_allowance else self._new_allowance()
            lane = Lane(self, self._limits, allowance=log, retry=self._retry, most_ids=self.most_ids)
            self._lanes[identity] = lane
        return lane

    def keep(self, lane: Lane) -> None:
        """Something is counted in this lane."""
        self._kept[lane] = None

    def _let_go(self) -> None:
        """Look at the two that were kept first; whoever uses one still has it."""
        for _ in range(min(2, len(self._kept))):
            lane = next(iter(self._kept))
            del self._kept[lane]
            if not lane.is_fresh:
                self._kept[lane] = None

    def _new_allowance(self) -> SendLog | None:
        allowance = self._limits.allowance
        if allowance is None:
            return None
        return SendLog(Window(allowance.cancels, DAY_S, margin_s=0.0, jitter_s=0.0))
