"""Take turns: an account's own limits first, then, in turn with the other accounts, the venue's. Promise 5 lives here.

A `Lane` is one account's way to its venue. Its requests stand in one queue; only the head of that queue looks at the limits,
and what is sent is chosen at the moment a turn comes, not before. So at most one request of each account waits for the
venue-wide limits, in the order of arrival: that is round robin between the accounts that are ready.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import TypeVar

import anyio
from aiolimiter import AsyncLimiter

from engine.core.quota import Bucket, Limits, Send, SendLog, Window
from engine.core.retry import Retry

T = TypeVar("T")

DAY_S = 86_400.0


class Gate:
    """A set of limits that hold together, and the queue in front of them."""

    def __init__(self, quotas: tuple[Window | Bucket, ...]) -> None:
        self.queue = anyio.Lock(fast_acquire=True)
        self._logs = [SendLog(quota) for quota in quotas if isinstance(quota, Window)]
        self._buckets = [AsyncLimiter(quota.burst, quota.burst / quota.per_s) for quota in quotas if isinstance(quota, Bucket)]
        self._moved = anyio.Event()

    async def wait_free(self) -> None:
        """Wait, at the head of the queue, until every limit has room for one request, and take the tokens of the buckets."""
        for bucket in self._buckets:
            await bucket.acquire()
        while True:
            now_s = anyio.current_time()
            free_at_s = max((log.free_at(now_s) for log in self._logs), default=now_s)
            if free_at_s <= now_s:
                return
            moved = self._moved
            with anyio.move_on_at(free_at_s):
                await moved.wait()

    def start(self) -> None:
        """A request takes its place in every window."""
        for log in self._logs:
            log.start()

    def left(self, send: Send) -> None:
        """The request has started to leave."""
        for log in self._logs:
            log.left(send)
        self._move()

    def withdrawn(self) -> None:
        """The request will never leave."""
        for log in self._logs:
            log.withdrawn()
        self._move()

    def answered(self, took_s: float) -> None:
        """The answer to a request came, after so long."""
        for log in self._logs:
            log.answered(took_s)

    def _move(self) -> None:
        if self._logs:
            self._moved.set()
            self._moved = anyio.Event()


class Turn:
    """One granted turn, from the choice of the request to its answer. Ends with `end`, or with `withdrawn`."""

    __slots__ = ("_gates", "_send", "granted_s")

    def __init__(self, gates: tuple[Gate, ...], now_s: float) -> None:
        self._gates = gates
        self._send: Send | None = None
        self.granted_s = now_s
        for gate in gates:
            gate.start()

    @property
    def has_left(self) -> bool:
        """Whether the request has started to leave."""
        return self._send is not None

    def left(self) -> None:
        """The request starts to leave now."""
        if self._send is None:
            self._send = Send(anyio.current_time())
            for gate in self._gates:
                gate.left(self._send)

    def end(self, *, is_answered: bool) -> None:
        """The request is over: answered, lost, or never sent, in which case its place is free again."""
        if self._send is None:
            self.withdrawn()
            return
        self._send.took_s = anyio.current_time() - self._send.left_s
        if is_answered:
            for gate in self._gates:
                gate.answered(self._send.took_s)

    def withdrawn(self) -> None:
        """The request will not be sent; its place is free again."""
        for gate in self._gates:
            gate.withdrawn()


class Lane:
    """One account's turns, holds and allowance."""

    def __init__(self, limits: Limits, *, venue: Gate, allowance: SendLog | None, retry: Retry) -> None:
        self.answered_s = -math.inf
        self._own = Gate(limits.per_account)
        self._venue = venue
        self._gates = (self._own, venue)
        self._allowance = allowance
        self._retry = retry
        self._held_until_s = -math.inf
        self._held_since_s = -math.inf
        self._holds = 0

    async def wait_turn(self, choose: Callable[[], T | None]) -> tuple[T, Turn] | None:
        """Wait for a turn, then choose what to send; nothing chosen, nothing spent.

        Returns:
            What was chosen and its turn, or None if there was nothing to choose when the turn came.
        """
        async with self._own.queue:
            while True:
                await self._wait_hold()
                await self._own.wait_free()
                async with self._venue.queue:
                    await self._venue.wait_free()
                    if self._held_until_s > anyio.current_time():
                        continue  # a 429 came while we stood in the venue's queue
                    chosen = choose()
                    if chosen is None:
                        return None
                    return chosen, Turn(self._gates, anyio.current_time())

    async def wait_any_turn(self) -> Turn:
        """Wait for a turn for a request that is chosen already."""
        granted = await self.wait_turn(lambda: self)
        if granted is None:
            raise AssertionError("a choice that never declines was declined")
        return granted[1]

    def may_cancel(self) -> bool:
        """Whether the day's allowance has room for one more cancel."""
        now_s = anyio.current_time()
        return self._allowance is None or self._allowance.free_at(now_s) <= now_s

    def count_cancel(self, turn: Turn) -> None:
        """Count a cancel that is about to leave. One that never leaves is still counted: the safe reading."""
        if self._allowance is not None:
            self._allowance.start()
            self._allowance.left(Send(turn.granted_s))

    def hear(self) -> None:
        """A usable answer came: the venue is there, and is not holding this account."""
        self.answered_s = anyio.current_time()
        self._holds = 0

    def hold(self, turn: Turn, after_s: float | None) -> bool:
        """Hold the account, because the venue refused a request for its pace.

        A refusal of a request that was sent before the present hold began says nothing new and does not lengthen it, unless
        the venue asks for more.

        Returns:
            False if the account has been held too often in a row to go on.
        """
        now_s = anyio.current_time()
        if turn.granted_s >= self._held_since_s:
            self._holds += 1
            self._held_since_s = now_s
        wait_s = after_s or 2.0 ** (self._holds - 1)  # "retry after 0 seconds" does not say when either
        self._held_until_s = max(self._held_until_s, now_s + min(wait_s, self._retry.longest_hold_s))
        return self._holds <= self._retry.holds

    async def _wait_hold(self) -> None:
        while self._held_until_s > anyio.current_time():  # noqa: ASYNC110  # a hold may be lengthened while it is waited for
            await anyio.sleep_until(self._held_until_s)


class Lanes:
    """All lanes of one venue: equal credentials share a lane, and all lanes share the venue's own limits."""

    def __init__(self, limits: Limits, *, retry: Retry) -> None:
        self._limits = limits
        self._retry = retry
        self._venue = Gate(limits.per_venue)
        self._lanes: dict[Hashable, Lane] = {}
        self._shared_allowance = self._new_allowance()

    def of(self, identity: Hashable) -> Lane:
        """The lane of this identity, the same one every time."""
        lane = self._lanes.get(identity)
        if lane is None:
            allowance = self._limits.allowance
            log = self._shared_allowance if allowance is not None and allowance.is_shared else self._new_allowance()
            lane = self._lanes[identity] = Lane(self._limits, venue=self._venue, allowance=log, retry=self._retry)
        return lane

    def _new_allowance(self) -> SendLog | None:
        allowance = self._limits.allowance
        if allowance is None:
            return None
        return SendLog(Window(allowance.cancels, DAY_S, margin_s=0.0, jitter_s=0.0))
