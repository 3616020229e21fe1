"""How much a job may touch unless a person says more: `--max-accounts`, `--max-orders`, `--max-notional`. Sends and asks nothing.

A bound is a guard on what was seen: orders that appear between the look and the cancel are cancelled, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from engine.cli.output import counted
from engine.cli.verdicts import say_unlisted
from engine.core.order import OpenOrder
from engine.core.plan import Plan
from engine.errors import ConfigError

ACCOUNTS = "the number of accounts"
WORTH = "what they are worth as a whole number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """One reason to ask.

    Attributes:
        says: The reason, as a clause.
        number: What has to be typed to go on all the same.
        noun: What that number is.
    """

    says: str
    number: int
    noun: str = "the number of orders"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The most that a job may touch; None where there is no bound."""

    accounts: int | None = None
    orders: int | None = None
    notional: Decimal | None = None

    @property
    def needs_plan(self) -> bool:
        """Whether the open orders have to be looked at first."""
        return self.orders is not None or self.notional is not None

    def exceeded_by_accounts(self, count: int) -> list[Excess]:
        """What so many accounts exceed."""
        if self.accounts is None or count <= self.accounts:
            return []
        return [Excess(says=f"{count:,} accounts are more than --max-accounts {self.accounts}", number=count, noun=ACCOUNTS)]

    def exceeded_by_plan(self, plan: Plan) -> list[Excess]:
        """What the plan exceeds, and what cannot be known of it."""
        if not self.needs_plan:
            return []
        found = [_unlisted(plan)] if not plan.listing_complete else []
        if self.orders is not None and plan.total > self.orders:
            found.append(Excess(says=f"{plan.total:,} orders are more than --max-orders {self.orders}", number=plan.total))
        if self.notional is not None:
            found += self._exceeded_by_worth(plan, self.notional)
        return found

    @staticmethod
    def _exceeded_by_worth(plan: Plan, most: Decimal) -> list[Excess]:
        worths = [worth_at_most(order) for part in plan.accounts.values() for order in part.orders]
        unknown = worths.count(None)
        worth = sum((each for each in worths if each is not None), Decimal(0))
        found = []
        if unknown:
            says = f"the value of {counted(unknown, 'order')} cannot be known, so --max-notional cannot be checked"
            found.append(Excess(says=says, number=plan.total))
        if worth > most:
            whole = math.ceil(worth)
            says = f"orders worth up to {whole:,} are more than --max-notional {most:f}"
            found.append(Excess(says=says, number=whole, noun=WORTH))
        return found


def _unlisted(plan: Plan) -> Excess:
    blind = [(name, part.listing_error) for name, part in plan.accounts.items() if not part.listing_complete]
    says = say_unlisted(blind).rstrip(".")
    return Excess(says=f"{says[0].lower()}{says[1:]}; {counted(plan.total, 'order')} could be seen", number=plan.total)


def worth_at_most(order: OpenOrder) -> Decimal | None:
    """What the order rests for, a share without a price counted as 1, the most that one is worth; None where nobody can know."""
    if order.size is None:
        return None
    rests = order.size - (order.filled or Decimal(0))
    worth = rests if order.price is None else rests * order.price
    return worth if worth >= 0 else None


def say_excesses(excesses: Iterable[Excess]) -> str:
    """All reasons in one clause."""
    return "; ".join(excess.says for excess in excesses)


def checked_amount(option: str, text: str | None) -> Decimal | None:
    """The amount, or None for no bound.

    Raises:
        ConfigError: not a positive, finite number.
    """
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(0)
    # An amount such as 1e999999 would fill the memory when written out.
    if not (amount.is_finite() and amount > 0 and abs(amount.adjusted()) <= 20):
        raise ConfigError(f"{option} must be a positive number, such as 2500, not {text[:40]!r}")
    return amount
