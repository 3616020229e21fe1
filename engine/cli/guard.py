"""Blast-radius limits: what touches more than the operator meant to is refused before any cancel is sent.

They guard against the wrong accounts or the wrong scope. Orders that appear after the look are cancelled all the same.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import wraps
from typing import Any

import click

from engine.cli.output import can_ask, counted, print_sentence, stderr_console
from engine.cli.settings import came_from
from engine.core.order import OpenOrder
from engine.core.plan import Plan
from engine.errors import ConfigError

Verb = Callable[..., int]


@dataclass(frozen=True, slots=True)
class Excess:
    """One reason not to go on, and the number that has to be typed to go on all the same."""

    says: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The limits of one job; None for no limit. `named` has what an option is called where a setting stands for it."""

    accounts: int | None = None
    orders: int | None = None
    notional: Decimal | None = None
    named: Mapping[str, str] = field(default_factory=dict)

    @property
    def needs_plan(self) -> bool:
        """Whether the open orders have to be listed to check it."""
        return self.orders is not None or self.notional is not None

    def exceeded_by_accounts(self, count: int) -> list[Excess]:
        """What so many accounts exceed."""
        if self.accounts is None or count <= self.accounts:
            return []
        return [_touches(count, counted(count, "account"), f"{self._of('--max-accounts')} {self.accounts}")]

    def exceeded_by_plan(self, plan: Plan) -> list[Excess]:
        """What the plan exceeds, and what cannot be known from it; for the latter, the orders seen have to be typed."""
        if not self.needs_plan:
            return []
        found = [] if plan.listing_complete else [self._unlisted(plan)]
        if self.orders is not None and plan.total > self.orders:
            found.append(_touches(plan.total, counted(plan.total, "order"), f"{self._of('--max-orders')} {self.orders}"))
        if self.notional is not None:
            found += _exceeded_by_worth(plan, self.notional, self._of("--max-notional"))
        return found

    def _of(self, option: str) -> str:
        return self.named.get(option, option)

    def _unlisted(self, plan: Plan) -> Excess:
        limits = {self._of("--max-orders"): self.orders, self._of("--max-notional"): self.notional}
        options = " and ".join(option for option, limit in limits.items() if limit is not None)
        blind = [name for name, each in plan.accounts.items() if not each.listing_complete]
        says = (
            f"{options} cannot be checked: the open orders of {counted(len(blind), 'account')} were not listed to the end "
            f"({blind[0]}: {plan.accounts[blind[0]].listing_error}), and {counted(plan.total, 'order')} could be seen"
        )
        return Excess(says, plan.total)


def _touches(number: int, what: str, limit: str) -> Excess:
    return Excess(f"the job touches {what}, more than {limit} allows", number)


def _exceeded_by_worth(plan: Plan, limit: Decimal, named: str) -> list[Excess]:
    worths = [most_worth(order) for each in plan.accounts.values() for order in each.orders]
    unknown = worths.count(None)
    found = []
    if unknown:
        what = f"what {counted(unknown, 'order')} of {plan.total:,} rests for cannot be known"
        found.append(Excess(f"{named} cannot be checked: {what}", plan.total))
    worth = sum((each for each in worths if each is not None), Decimal(0))
    if worth > limit:
        whole = math.ceil(worth)
        found.append(_touches(whole, f"orders for {whole:,} in all", f"{named} {limit:f}"))
    return found


def most_worth(order: OpenOrder) -> Decimal | None:
    """What the order rests for; without a price, what it could at the most, since a share pays 1. None where that is unknown."""
    if order.size is None:
        return None
    worth = order.size - (order.filled or Decimal(0)) if order.notional is None else order.notional
    return worth if worth >= 0 else None


def say_excesses(excesses: Iterable[Excess]) -> str:
    """All reasons in one clause."""
    return "; ".join(excess.says for excess in excesses)


def confirm(excesses: Sequence[Excess], *, touched: str, show: Callable[[], None] | None = None) -> None:
    """Have every number typed that is too large; `--yes` does not stand for it.

    Args:
        excesses: Why it is asked; nothing is asked where there is none.
        touched: Whose orders, and where.
        show: Shows on the terminal what would be touched.

    Raises:
        ConfigError: something else was typed, or there is nobody to type it.
    """
    if not excesses:
        return
    if not can_ask():
        raise ConfigError(
            f"{say_excesses(excesses)} ({touched}); nothing was cancelled. Raise the limit, or confirm the number at a terminal; "
            "--yes does not confirm it"
        )
    if show is not None:
        show()
    print_sentence(stderr_console(), f"This job is for {touched}.")
    for excess in excesses:
        print_sentence(stderr_console(), f"{excess.says[0].upper()}{excess.says[1:]}.")
    for number in dict.fromkeys(excess.number for excess in excesses):
        click.echo(f"Type {number} to go on: ", nl=False, err=True)
        if sys.stdin.readline().strip().replace(",", "") != str(number):
            raise ConfigError("not confirmed; nothing was cancelled")


class _Money(click.ParamType[Decimal]):
    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{value!r} is no number", param, ctx)
        # One such as 1e999999 would fill the memory when written out.
        if not amount.is_finite() or amount <= 0 or abs(amount.adjusted()) > 20:
            self.fail(f"{value!r} is no positive number", param, ctx)
        return amount


_OPTIONS = (
    click.option("--max-accounts", metavar="N", type=click.IntRange(min=1), help="Refuse a job over more accounts than this."),
    click.option(
        "--max-orders",
        metavar="N",
        type=click.IntRange(min=1),
        help="Refuse a job over more orders: lists them first.",
    ),
    click.option(
        "--max-notional",
        metavar="X",
        type=_Money(),
        help="The same for what they rest for; without a price, a share counts as 1.",
    ),
)


def guard_options(verb: Verb) -> Verb:
    """Give the verb the limits; it gets them as one `Guard`."""

    @wraps(verb)
    def wrapped(
        *arguments: Any, max_accounts: int | None, max_orders: int | None, max_notional: Decimal | None, **others: Any
    ) -> int:
        context = click.get_current_context()
        named = {option: came_from(option, context) for option in ("--max-accounts", "--max-orders", "--max-notional")}
        guard = Guard(accounts=max_accounts, orders=max_orders, notional=max_notional, named=named)
        return verb(*arguments, guard=guard, **others)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
