"""Misbehaviour on script or by dice. Knows no venue: a venue brings the catalogue of what can go wrong with it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Protocol

from engine.errors import ConfigError
from engine.simulator.wire import NEVER_STANDS, Ask, Manner, Reply


class World(Protocol):
    """What a fault may do to the book before the venue looks at the request."""

    def fill(self, order_id: str, *, now_s: float | None = None) -> bool:
        """Let an order trade away."""
        ...

    def expire(self, order_id: str, *, now_s: float | None = None) -> bool:
        """Let an order expire."""
        ...

    def cancel_elsewhere(self, order_id: str, *, now_s: float | None = None) -> bool:
        """Let somebody else cancel an order."""
        ...

    def place(self, account_name: str) -> str:
        """Let an order of the account appear."""
        ...

    def first_listed(self, account_name: str) -> str | None:
        """The open order that stands at the top of the account's listing."""
        ...


SLOWEST_S = 3600.0

Rewrite = Callable[[Reply, Ask], Reply]
Meddle = Callable[[World, Ask], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to misbehave.

    Attributes:
        says: What goes over the wire, for people.
        routes: The routes it can be used for.
        acts: Whether the venue does what was asked before the reply goes wrong.
        manner: How the reply behaves on the wire.
        rewrite: Makes the reply out of the honest one; None leaves it as it is. The honest reply to a request that
            was not acted upon is the one that it would have got.
        meddle: Changes the book before the venue looks at the request.
        query: Replaces these parameters of the request, as a venue would that does not heed them.
        delay_s: Seconds of extra silence before the reply.
        slows: Whether that silence is twice as long each time that the same rule strikes.
        byte_delay_s: Seconds before each byte of the body.
        pages: The pages it belongs to unless a rule names others; None for all.
    """

    name: str
    says: str
    routes: frozenset[str]
    acts: bool = True
    manner: Manner = Manner.ANSWER
    rewrite: Rewrite | None = None
    meddle: Meddle | None = None
    query: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0
    slows: bool = False
    byte_delay_s: float = 0.0
    pages: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class FaultRule:
    """When a fault strikes. Every condition that is given must hold; ranges include their start and not their end.

    Attributes:
        routes: Only these; None for all that the fault can be used for.
        share: Probability that a request which fits is struck.
        times: At most so often.
        times_per_order: At most so often for each order (for each page, where the request names no order).
        from_request: From the n-th request on that fits in route, account, order and page; 1 is the first.
        until_request: Not from this one on.
        pages: Only these pages; None takes the fault's own.
        accounts: Only these accounts.
        order_ids: Only requests that name one of these orders.
        from_s: From this simulated second on.
        until_s: Not from this second on.
    """

    fault: Fault
    routes: Collection[str] | None = None
    share: float = 1.0
    times: int | None = None
    times_per_order: int | None = None
    from_request: int | None = None
    until_request: int | None = None
    pages: Collection[int] | None = None
    accounts: Collection[str] | None = None
    order_ids: Collection[str] | None = None
    from_s: float | None = None
    until_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that could never strike, or that would strike where the fault makes no sense."""
        if self.routes is not None and not frozenset(self.routes) <= self.fault.routes:
            known = ", ".join(sorted(self.fault.routes))
            raise ConfigError(f"fault {self.fault.name!r} can be used for {known} only")

    def fits(self, ask: Ask) -> bool:
        """Whether route, account, order and page are this rule's."""
        routes = self.fault.routes if self.routes is None else self.routes
        pages = self.fault.pages if self.pages is None else self.pages
        return (
            ask.route in routes
            and (pages is None or ask.page in pages)
            and (self.accounts is None or ask.account in self.accounts)
            and (self.order_ids is None or not set(self.order_ids).isdisjoint(ask.order_ids))
        )

    def is_due(self, *, nth: int, now_s: float) -> bool:
        """Whether the n-th request that fits comes at the right number and time."""
        return _within(nth, self.from_request, self.until_request) and _within(now_s, self.from_s, self.until_s)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Rules in the order of precedence: the first that strikes decides. Equal plans strike equally."""

    rules: tuple[FaultRule, ...] | list[FaultRule] = ()
    seed: int = 0


class FaultDice:
    """A plan at work: counts what has struck, and rolls.

    A roll depends on the seed, the rule, the order or page, and how often that has been asked, never on the order in
    which requests happen to arrive.
    """

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._fitted: Counter[int] = Counter()
        self._struck: Counter[int] = Counter()
        self._struck_at: Counter[tuple[int, str]] = Counter()
        self._asked_at: Counter[tuple[int, str]] = Counter()

    @property
    def can_refuse(self) -> bool:
        """Whether any rule keeps connections from coming about."""
        return any(rule.fault.manner in NEVER_STANDS for rule in self._plan.rules)

    def pick(self, ask: Ask, *, before_connecting: bool = False) -> Fault | None:
        """The fault that strikes this request, or None.

        `before_connecting` asks for connections that do not come about, and only for them; otherwise they are left out.
        """
        for index, rule in enumerate(self._plan.rules):
            if (rule.fault.manner in NEVER_STANDS) is before_connecting and self._strikes(index, rule, ask):
                return _slowed(rule.fault, self._struck[index]) if rule.fault.slows else rule.fault
        return None

    def _strikes(self, index: int, rule: FaultRule, ask: Ask) -> bool:
        if not rule.fits(ask):
            return False
        self._fitted[index] += 1
        target = (index, f"{ask.route}/{ask.account}/{','.join(ask.order_ids) or ask.page}")
        self._asked_at[target] += 1
        if (
            not rule.is_due(nth=self._fitted[index], now_s=ask.now_s)
            or _spent(self._struck[index], rule.times)
            or _spent(self._struck_at[target], rule.times_per_order)
            or not self._roll(rule.share, target)
        ):
            return False
        self._struck[index] += 1
        self._struck_at[target] += 1
        return True

    def _roll(self, share: float, target: tuple[int, str]) -> bool:
        if share >= 1:
            return True
        return random.Random(f"{self._plan.seed}/{target}/{self._asked_at[target]}").random() < share


def _slowed(fault: Fault, times: int) -> Fault:
    """The fault as it strikes for the n-th time; beyond an hour nothing gets slower."""
    return replace(fault, delay_s=min(fault.delay_s * 2.0 ** min(times - 1, 30), SLOWEST_S))


def _spent(count: int, most: int | None) -> bool:
    return most is not None and count >= most


def _within(value: float, first: float | None, end: float | None) -> bool:
    return (first is None or value >= first) and (end is None or value < end)
