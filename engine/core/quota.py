"""What a venue allows, and the counting that keeps within it. Time is an argument everywhere.

A window of n per T seconds means: no stretch of T seconds holds more than n requests, counted where the venue counts, on
arrival. A request counts from the moment it starts to leave; until that moment is known it holds its place.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from engine.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Window:
    """At most `requests` in any `per_s` seconds.

    Attributes:
        requests: How many.
        per_s: Length of the window in seconds.
        margin_s: Added to the length, because requests do not all travel equally fast. A guess: 1 % of a second costs 1 % of
            the pace at the most, and is more than a quiet network wavers.
        jitter_s: Most that a slow answer moves its own request's place in the count: an answer slower than the fastest one seen
            may have been a request that travelled slowly, and was counted by the venue that much later. A guess: it costs nothing
            where answers take equally long, and covers a network, or a machine, that stands still for half a second.
    """

    requests: int
    per_s: float
    margin_s: float = field(default=0.01, kw_only=True)
    jitter_s: float = field(default=0.5, kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.requests, bool) or not isinstance(self.requests, int) or self.requests < 1:
            raise ConfigError(f"a window must allow at least 1 request, not {self.requests!r}")
        _positive("the length of a window", self.per_s)
        for name, value in (("margin_s", self.margin_s), ("jitter_s", self.jitter_s)):
            if not 0 <= value < math.inf:
                raise ConfigError(f"{name} must not be negative, not {value!r}")

    def least_time_s(self, requests: int) -> float:
        """Seconds from the first to the last of so many requests, when nothing but this window holds them up."""
        return max(0, requests - 1) // self.requests * self.per_s


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket: `burst` at once, refilled at `per_s` tokens a second."""

    per_s: float
    burst: int

    def __post_init__(self) -> None:
        _positive("the rate of a bucket", self.per_s)
        if isinstance(self.burst, bool) or not isinstance(self.burst, int) or self.burst < 1:
            raise ConfigError(f"a bucket must hold at least 1 token, not {self.burst!r}")

    def least_time_s(self, requests: int) -> float:
        """Seconds from the first to the last of so many requests, from a full bucket."""
        return max(0, requests - self.burst) / self.per_s


@dataclass(frozen=True, slots=True)
class Allowance:
    """At most `cancels` (1 or more) in any day, counted by this engine since it started; what is over it is not sent at all.

    `is_shared` counts all accounts of the venue together, else each account has the whole allowance to itself.
    """

    cancels: int
    is_shared: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.cancels, bool) or not isinstance(self.cancels, int) or self.cancels < 1:
            raise ConfigError(f"an allowance must be at least 1 cancel, not {self.cancels!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """All limits of one venue.

    Attributes:
        per_account: Every one of these holds for each account on its own.
        per_venue: Every one of these is shared by all accounts of the engine.
        allowance: Cancels a day, or None.
    """

    per_account: tuple[Window | Bucket, ...] = ()
    per_venue: tuple[Window | Bucket, ...] = ()
    allowance: Allowance | None = None

    def least_time_s(self, requests: int) -> float:
        """Seconds from the first to the last of so many requests of one account, alone at the venue."""
        return max((quota.least_time_s(requests) for quota in (*self.per_account, *self.per_venue)), default=0.0)


ENOUGH_ANSWERS = 8
"""Answers after which the fastest of them is taken for what the way there and back really costs. A guess."""


class Send:
    """One request's place in the counts.

    Attributes:
        left_s: When it started to leave; meaningless until `left` was called for it.
        took_s: How long it was until its answer came, or until none could come any more; None while it is on its way.
    """

    __slots__ = ("left_s", "took_s")

    def __init__(self, left_s: float) -> None:
        self.left_s = left_s
        self.took_s: float | None = None


class SendLog:
    """The sends that a `Window` still counts. Its two mutable parts are the number on their way and the times of the rest."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._span_s = window.per_s + window.margin_s
        self._leaving = 0
        self._sent: deque[Send] = deque()
        self._fastest_s = math.inf
        self._answers = 0

    def free_at(self, now_s: float) -> float:
        """When the next request may leave: `now_s`, or a time to look again, or infinity while all places are on their way."""
        sent = self._sent
        while sent and self._counted_s(sent[0], now_s) + self._span_s <= now_s:
            sent.popleft()
        if len(sent) + self._leaving < self._window.requests:
            return now_s
        if not sent:
            return math.inf
        soonest_s = sent[0].left_s + self._span_s  # by then its answer may have told more
        return soonest_s if soonest_s > now_s else self._counted_s(sent[0], now_s) + self._span_s

    def start(self) -> None:
        """A request takes a place; it has not left yet."""
        self._leaving += 1

    def left(self, send: Send) -> None:
        """The request is leaving, at `send.left_s`."""
        self._leaving -= 1
        self._sent.append(send)

    def withdrawn(self) -> None:
        """The request will never leave; its place is free again."""
        self._leaving -= 1

    def answered(self, took_s: float) -> None:
        """An answer came, after so long."""
        self._answers += 1
        self._fastest_s = min(self._fastest_s, took_s)

    def _counted_s(self, send: Send, now_s: float) -> float:
        """The latest moment at which the venue may have counted the request.

        What its answer takes longer than the fastest may have been spent on the way there; the fastest is known ever better, so
        this is worked out anew each time.
        """
        took_s = now_s - send.left_s if send.took_s is None else send.took_s
        late_s = max(0.0, took_s - self._fastest_s) if self._answers >= ENOUGH_ANSWERS else math.inf
        return send.left_s + min(late_s, self._window.jitter_s)


def _positive(name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigError(f"{name} must be a positive number, not {value!r}")
