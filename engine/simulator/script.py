"""What happens to a book by itself: at a moment, at a request, or all the time. Knows no venue."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.simulator.wire import Ask

Action = Callable[[], object]
Predicate = Callable[[Ask], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A market that lives: how often, on average, something happens to some account's orders.

    Attributes:
        fills_per_s: Open orders that trade away, over all accounts.
        newcomers_per_s: Orders that appear, over all accounts.
        until_s: Nothing happens from this simulated second on; None for no end.
    """

    fills_per_s: float = 0.0
    newcomers_per_s: float = 0.0
    until_s: float | None = None


@dataclass(slots=True)
class _Hook:
    predicate: Predicate
    action: Action
    left: int | None


@dataclass(slots=True)
class Script:
    """Actions waiting for their moment or their request."""

    _timed: list[tuple[float, int, Action]] = field(default_factory=list)
    _hooks: list[_Hook] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def at(self, when_s: float, action: Action) -> None:
        """Run the action when simulated time passes `when_s`; actions of one moment run as they were given."""
        heapq.heappush(self._timed, (when_s, next(self._order), action))

    def on_request(self, when: int | Predicate, action: Action, *, times: int | None = 1) -> None:
        """Run the action before the n-th request, or before the first `times` that the predicate is true of."""
        predicate = when if callable(when) else _is_number(when)
        self._hooks.append(_Hook(predicate, action, times))

    def due(self, now_s: float) -> tuple[float, Action] | None:
        """Take out the next timed action up to this moment, with its own time."""
        if not self._timed or self._timed[0][0] > now_s:
            return None
        when_s, _, action = heapq.heappop(self._timed)
        return when_s, action

    def fire(self, ask: Ask) -> None:
        """Run what is tied to this request."""
        for hook in self._hooks:
            if hook.left != 0 and hook.predicate(ask):
                hook.left = None if hook.left is None else hook.left - 1
                hook.action()


def _is_number(number: int) -> Predicate:
    return lambda ask: ask.number == number


def arrange_drift(script: Script, drift: Drift, *, dice: random.Random, fill: Action, newcomer: Action) -> None:
    """Put the endless, seeded chains of fills and newcomers on the script, starting at 0 s."""
    for rate_per_s, action in ((drift.fills_per_s, fill), (drift.newcomers_per_s, newcomer)):
        if rate_per_s > 0:
            _arrange_next(script, drift, 0.0, rate_per_s, random.Random(dice.random()), action)


def _arrange_next(script: Script, drift: Drift, after_s: float, rate_per_s: float, dice: random.Random, action: Action) -> None:
    when_s = after_s + dice.expovariate(rate_per_s)
    if drift.until_s is not None and when_s >= drift.until_s:
        return

    def happen() -> None:
        action()
        _arrange_next(script, drift, when_s, rate_per_s, dice, action)

    script.at(when_s, happen)
