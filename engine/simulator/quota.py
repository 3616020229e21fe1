"""How a venue counts requests, in the kinds that venues are known to use. Pure: the caller brings the time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal, Protocol

QuotaKind = Literal["sliding", "fixed", "bucket"]

ROUNDING_S = 1e-9
"""Two times this close count as the same: a request exactly one window later must not fail for a rounded sum."""


class Counter(Protocol):
    """Counts the requests of one key."""

    def admit(self, now_s: float) -> bool:
        """Count a request at this moment; False if it is one too many. What is refused uses nothing up."""
        ...


@dataclass(slots=True)
class SlidingWindow:
    """No window of `window_s` holds more than `most` admitted requests."""

    most: int
    window_s: float
    _times_s: deque[float] = field(default_factory=deque)

    def admit(self, now_s: float) -> bool:
        """Count if fewer than `most` came within the last window."""
        while self._times_s and now_s - self._times_s[0] >= self.window_s - ROUNDING_S:
            self._times_s.popleft()
        if len(self._times_s) >= self.most:
            return False
        self._times_s.append(now_s)
        return True


@dataclass(slots=True)
class FixedWindow:
    """At most `most` requests between two ticks that are `window_s` apart; twice as many may meet around a tick."""

    most: int
    window_s: float
    _tick: int = -1
    _count: int = 0

    def admit(self, now_s: float) -> bool:
        """Count if fewer than `most` came since the last tick."""
        tick = int((now_s + ROUNDING_S) // self.window_s)
        if tick != self._tick:
            self._tick, self._count = tick, 0
        if self._count >= self.most:
            return False
        self._count += 1
        return True


@dataclass(slots=True)
class TokenBucket:
    """Holds at most `most` tokens, full at first, and gains `most` of them per `window_s`."""

    most: int
    window_s: float
    _tokens: float = -1.0
    _seen_s: float = 0.0

    def admit(self, now_s: float) -> bool:
        """Take a token if there is one."""
        if self._tokens < 0:
            self._tokens = float(self.most)
        else:
            gained = (now_s - self._seen_s) * self.most / self.window_s
            self._tokens = min(float(self.most), self._tokens + gained)
        self._seen_s = now_s
        if self._tokens < 1 - ROUNDING_S:
            return False
        self._tokens = max(0.0, self._tokens - 1)
        return True


def new_counter(kind: QuotaKind, most: int, window_s: float) -> Counter:
    """Make a counter of the kind asked for."""
    if kind == "sliding":
        return SlidingWindow(most, window_s)
    if kind == "fixed":
        return FixedWindow(most, window_s)
    return TokenBucket(most, window_s)
