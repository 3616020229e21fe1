"""What a venue allows, and the counting that keeps within it. Time is an argument everywhere.

A window of n per T seconds means: no stretch of T seconds holds more than n requests, counted where the venue counts, on
arrival. A request counts from the moment it starts to leave; until that moment is known it holds its place.

A purse of tokens is what a venue lets one signer spend on cancels: refilled evenly, spent by weight, and overdrawn by what is
charged only afterwards. What the venue itself says of it comes before our arithmetic.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from engine.errors import ConfigError, shown


class Kind(StrEnum):
    """What a request asks for, as far as limits tell requests apart."""

    CANCEL_ONE = "cancel_one"
    CANCEL_MANY = "cancel_many"
    CANCEL_MARKET = "cancel_market"
    CANCEL_ALL = "cancel_all"
    LIST = "list"
    READ = "read"
    OTHER = "other"

    @property
    def is_cancel(self) -> bool:
        """Whether it takes orders off the book."""
        return self in _CANCELS

    @property
    def is_mass(self) -> bool:
        """Whether it cancels by a condition of the venue's own, instead of by ids."""
        return self in _MASS


_CANCELS = frozenset({Kind.CANCEL_ONE, Kind.CANCEL_MANY, Kind.CANCEL_MARKET, Kind.CANCEL_ALL})
_MASS = frozenset({Kind.CANCEL_MARKET, Kind.CANCEL_ALL})


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
        kinds: The kinds of request it counts; empty for every kind.
    """

    requests: int
    per_s: float
    margin_s: float = field(default=0.01, kw_only=True)
    jitter_s: float = field(default=0.5, kw_only=True)
    kinds: frozenset[Kind] = field(default=frozenset(), kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.requests, bool) or not isinstance(self.requests, int) or self.requests < 1:
            raise ConfigError(f"a window must allow at least 1 request, not {shown(self.requests)}")
        _positive("the length of a window", self.per_s)
        for name, value in (("margin_s", self.margin_s), ("jitter_s", self.jitter_s)):
            if not 0 <= value < math.inf:
                raise ConfigError(f"{name} must not be negative, not {shown(value)}")

    def least_time_s(self, requests: int) -> float:
        """Seconds from the first to the last of so many requests, when nothing but this window holds them up."""
        return max(0, requests - 1) // self.requests * self.per_s


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket of requests, one token each: `burst` at once, refilled at `per_s` tokens a second.

    `kinds` are the kinds of request it counts; empty for every kind.
    """

    per_s: float
    burst: int
    kinds: frozenset[Kind] = field(default=frozenset(), kw_only=True)

    def __post_init__(self) -> None:
        _positive("the rate of a bucket", self.per_s)
        if isinstance(self.burst, bool) or not isinstance(self.burst, int) or self.burst < 1:
            raise ConfigError(f"a bucket must hold at least 1 token, not {shown(self.burst)}")

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
            raise ConfigError(f"an allowance must be at least 1 cancel, not {shown(self.cancels)}")


@dataclass(frozen=True, slots=True)
class Tier:
    """What one class of signers may spend on cancels: `burst` tokens at once, refilled at `per_s` a second.

    Attributes:
        is_floored: Whether what is charged afterwards stops at an empty purse instead of becoming debt.
    """

    per_s: float
    burst: int
    is_floored: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        _positive("the rate of a tier", self.per_s)
        if isinstance(self.burst, bool) or not isinstance(self.burst, int) or self.burst < 1:
            raise ConfigError(f"a tier must hold at least 1 token, not {shown(self.burst)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens that cancels cost: one for each order named; a mass cancel costs one, and one more for each order it cancelled.

    Attributes:
        tiers: Name, in lower case, to what it allows.
        tier: The one to begin with; the venue's own word for an account replaces it.
        margin_s: How long a request is taken to travel, at the most: the venue's full purse begins to refill only when a request
            arrives. A guess, paid once for each time that a full purse is opened, unless the venue tells its count.
        gather_s: How long tokens are gathered for one request while more orders wait than there are tokens. A guess: short
            against a second, and few requests.
    """

    tiers: Mapping[str, Tier]
    tier: str
    margin_s: float = 0.25
    gather_s: float = 0.25

    def __post_init__(self) -> None:
        if self.tier not in self.tiers:
            raise ConfigError(f"unknown tier {shown(self.tier)}; known: {', '.join(self.tiers)}")
        for name, value in (("margin_s", self.margin_s), ("gather_s", self.gather_s)):
            if not 0 <= value < math.inf:
                raise ConfigError(f"{name} must not be negative, not {shown(value)}")

    @property
    def default(self) -> Tier:
        """The tier to begin with."""
        return self.tiers[self.tier]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a venue says of a signer's purse beside its answer.

    Attributes:
        remaining: Tokens after the request, negative in debt; None where it did not say.
        tier: Its word for the signer's tier, in lower case; None where it did not say.
    """

    remaining: float | None = None
    tier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """All limits of one venue.

    Attributes:
        per_account: Every one of these holds for each account on its own.
        per_venue: Every one of these is shared by all accounts of the engine.
        allowance: Cancels a day, or None.
        tokens: What cancels cost each account, or None where they cost nothing.
    """

    per_account: tuple[Window | Bucket, ...] = ()
    per_venue: tuple[Window | Bucket, ...] = ()
    allowance: Allowance | None = None
    tokens: Tokens | None = None

    def least_time_s(self, requests: int | Mapping[Kind, int], *, accounts: int = 1) -> float:
        """Seconds from the first to the last of so many requests of each of so many accounts; tokens are not counted.

        A plain number stands for requests that every window counts.
        """
        own = (_least_time_s(quota, requests, 1) for quota in self.per_account)
        shared = (_least_time_s(quota, requests, accounts) for quota in self.per_venue)
        return max((*own, *shared), default=0.0)

    def shared_time_s(self, requests: Mapping[Kind, int]) -> float:
        """Seconds from the first to the last of so many requests of all accounts together, as far as they share limits."""
        return max((_least_time_s(quota, requests, 1) for quota in self.per_venue), default=0.0)


def _least_time_s(quota: Window | Bucket, requests: int | Mapping[Kind, int], accounts: int) -> float:
    if isinstance(requests, int):
        return quota.least_time_s(requests * accounts)
    counted = sum(count for kind, count in requests.items() if not quota.kinds or kind in quota.kinds)
    return quota.least_time_s(counted * accounts)


class Receipt:
    """What was taken for one request.

    Attributes:
        cost: Tokens taken.
        spent: What the purse had spent once they were.
        beside: Tokens of requests that were on their way when this one was sent: the venue may see them before it or after.
    """

    __slots__ = ("beside", "cost", "spent")

    def __init__(self, cost: float, spent: float, beside: float) -> None:
        self.cost = cost
        self.spent = spent
        self.beside = beside


class Purse:
    """One signer's tokens, as we count them. Negative is debt. Full at first.

    Our count may be wrong either way: the venue's purse stays full until our request arrives, and somebody else may spend from
    it. `told` corrects both.

    Attributes:
        tier_name: Name of the tier that is counted with.
        spent: All tokens that were ever spent from it.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self.tier_name = tokens.tier
        self._tier = tokens.default
        self._balance = float(self._tier.burst)
        self._as_of_s = -math.inf
        self._heard_of = -math.inf
        self._guessed_since = math.inf
        self._open: set[Receipt] = set()
        self.spent = 0.0

    @property
    def tier(self) -> Tier:
        """What the signer may spend, as far as is known."""
        return self._tier

    def balance(self, now_s: float) -> float:
        """Tokens at this moment."""
        if self._balance >= self._tier.burst:
            return self._balance
        return min(float(self._tier.burst), self._balance + max(0.0, now_s - self._as_of_s) * self._tier.per_s)

    def available(self, now_s: float) -> int:
        """Whole tokens that can be spent now."""
        return max(0, math.floor(self.balance(now_s) + ROUNDING))

    def free_at(self, now_s: float, cost: float = 1.0) -> float:
        """When so many tokens, of which a full purse holds enough, can be spent."""
        missing = min(cost, self._tier.burst) - self.balance(now_s)
        return now_s if missing <= ROUNDING else max(now_s, self._as_of_s) + missing / self._tier.per_s

    def is_fresh(self, now_s: float) -> bool:
        """Whether a new one would serve as well: it is full, nothing is on its way, and the venue has named no other tier."""
        return not self._open and self.tier_name == self._tokens.tier and self.balance(now_s) >= self._tier.burst

    def take(self, cost: float, now_s: float) -> Receipt:
        """Spend tokens that are there; the receipt is `ended` once the request is."""
        self._spend(cost, now_s)
        receipt = Receipt(cost, self.spent, sum(other.cost for other in self._open))
        self._open.add(receipt)
        return receipt

    def ended(self, receipt: Receipt, now_s: float) -> None:
        """The request is over: answered, lost, or never sent. If it was the last on its way, the venue's purse refills by now."""
        self._open.discard(receipt)
        if receipt.spent >= self._guessed_since and not self._open:
            self._as_of_s = min(self._as_of_s, now_s)

    def refund(self, receipt: Receipt, now_s: float) -> None:
        """Give back what was taken for a request that the venue never saw, or refused as a whole."""
        self._spend(-receipt.cost, now_s)
        self._balance = min(self._balance, float(self._tier.burst))
        receipt.spent -= receipt.cost
        receipt.cost = 0.0

    def charge(self, cost: float, now_s: float) -> None:
        """Pay what was charged afterwards: into debt, or down to nothing where the tier says so."""
        self._spend(cost, now_s)
        if self._tier.is_floored:
            self._balance = max(self._balance, 0.0)

    def told(self, feedback: Feedback, now_s: float, receipt: Receipt, *, took_s: float, is_mass: bool = False) -> None:
        """Bring our count in line with the venue's.

        That lies between what it said, less what it may not have seen by then, and what it said with a refill since. Our own
        count stands where it lies between the two. A word about an earlier request than the last one heard of says nothing new.

        Args:
            feedback: What it said.
            now_s: When that came.
            receipt: Of the request that it was said about.
            took_s: How long the answer took: the word is at most so old.
            is_mass: Whether its word may have been written before or after a charge that we have counted already.
        """
        if feedback.tier is not None and feedback.tier in self._tokens.tiers and feedback.tier != self.tier_name:
            self._move_to(feedback.tier, now_s)
        if feedback.remaining is None or receipt.spent < self._heard_of:
            return
        self._heard_of = receipt.spent
        own, most = self.balance(now_s), feedback.remaining + took_s * self._tier.per_s
        unseen = receipt.beside + (0.0 if is_mass else self.spent - receipt.spent)
        least = feedback.remaining - unseen
        if is_mass:
            known = min(own, feedback.remaining)
        elif own > most or receipt.spent >= self._guessed_since:
            known = least  # somebody else spends, or it was a guess how long the venue's purse stood still
            self._guessed_since = math.inf
        else:
            known = max(own, least)
        if known != own:
            self._balance = min(float(self._tier.burst), known)
            self._as_of_s = now_s + self._standstill_s(feedback.remaining, unseen)

    def _move_to(self, tier: str, now_s: float) -> None:
        """A full purse is full in any tier; what was spent or owed stays so."""
        spent = self._tier.burst - self.balance(now_s)
        self.tier_name, self._tier = tier, self._tokens.tiers[tier]
        self._balance, self._as_of_s = self._tier.burst - spent, now_s

    def _spend(self, cost: float, now_s: float) -> None:
        balance = self.balance(now_s)
        standstill_s = self._standstill_s(balance, cost)
        self._as_of_s = max(self._as_of_s, now_s + standstill_s)
        self._balance = balance - cost
        self.spent += cost
        if standstill_s > 0:
            self._guessed_since = self.spent

    def _standstill_s(self, held: float, on_its_way: float) -> float:
        """How long the venue's purse may not refill: one that it holds for full does so only once the next request arrives."""
        margin_s = self._tokens.margin_s
        return margin_s if on_its_way > 0 and held + margin_s * self._tier.per_s >= self._tier.burst else 0.0


ROUNDING = 1e-6
"""Sums of tokens this close count as equal."""


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

    @property
    def span_s(self) -> float:
        """For how long a request counts at the most."""
        return self._span_s + self._window.jitter_s

    def is_empty(self, now_s: float) -> bool:
        """Whether nothing counts any more."""
        self.free_at(now_s)
        return not self._sent and self._leaving == 0

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
        raise ConfigError(f"{name} must be a positive number, not {shown(value)}")
