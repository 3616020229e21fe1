"""Blast-radius limits: what touches more than the operator meant to is refused before any cancel is sent.

They guard against the wrong accounts or the wrong scope. Orders that appear after the look are cancelled all the same.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import wraps
from typing import Any

import click

from engine.cli.output import clean, counted
from engine.core.order import OpenOrder
from engine.core.plan import Plan
from engine.errors import ConfigError

Verb = Callable[..., int]


@dataclass(frozen=True, slots=True)
class Excess:
    """One limit that the job exceeds: the number, what it counts, and the option with its value."""

    found: int
    words: str
    limit: str

    def __str__(self) -> str:
        return f"the job touches {self.words}, more than {self.limit} allows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The limits of one job; None for no limit."""

    accounts: int | None = None
    orders: int | None = None
    notional: Decimal | None = None

    @property
    def needs_plan(self) -> bool:
        """Whether the open orders have to be listed to check it."""
        return self.orders is not None or self.notional is not None

    def check_accounts(self, count: int) -> None:
        """Refuse too many accounts, or have their number typed.

        Raises:
            ConfigError: it was not confirmed.
        """
        if self.accounts is not None and count > self.accounts:
            confirm(Excess(count, counted(count, "account"), f"--max-accounts {self.accounts}"))

    def check_plan(self, plan: Plan) -> None:
        """Refuse too many orders or too much money, or have the numbers typed.

        Raises:
            ConfigError: it was not confirmed, or cannot be known.
        """
        options = " and ".join(self._planned)
        blind = [name for name, each in plan.accounts.items() if not each.listing_complete]
        if blind:
            why = plan.accounts[blind[0]].listing_error
            raise ConfigError(
                f"{options} cannot be checked: the open orders of {counted(len(blind), 'account')} were not listed to the end "
                f"({blind[0]}: {why}); nothing was cancelled. Leave the limit out to go on without it"
            )
        if self.orders is not None and plan.total > self.orders:
            confirm(Excess(plan.total, counted(plan.total, "order"), f"--max-orders {self.orders}"))
        if self.notional is not None:
            self._check_notional([order for each in plan.accounts.values() for order in each.orders], self.notional)

    @property
    def _planned(self) -> list[str]:
        limits = {"--max-orders": self.orders, "--max-notional": self.notional}
        return [option for option, limit in limits.items() if limit is not None]

    @staticmethod
    def _check_notional(orders: list[OpenOrder], limit: Decimal) -> None:
        worths = [most_worth(order) for order in orders]
        unknown = sum(worth is None for worth in worths)
        if unknown:
            raise ConfigError(
                f"--max-notional cannot be checked: the venue does not say what {counted(unknown, 'order')} rests for; "
                "nothing was cancelled. Leave the limit out to go on without it"
            )
        total = sum((worth for worth in worths if worth is not None), Decimal(0))
        if total > limit:
            found = math.ceil(total)
            confirm(Excess(found, f"orders for {found:,} in all", f"--max-notional {limit:f}"))


def most_worth(order: OpenOrder) -> Decimal | None:
    """What the order rests for; without a price, what it could at the most, since a share pays 1. None where that is unknown."""
    if order.notional is not None or order.size is None:
        return order.notional
    return order.size - (order.filled or Decimal(0))


def confirm(excess: Excess) -> None:
    """Have the number typed that is too large; `--yes` does not stand for it.

    Raises:
        ConfigError: something else was typed, or there is nobody to type it.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(f"{excess}; nothing was cancelled. Raise the limit, or confirm the number at a terminal")
    click.echo(clean(f"{str(excess)[0].upper()}{str(excess)[1:]}. Type {excess.found} to go on:") + " ", nl=False, err=True)
    if sys.stdin.readline().strip().replace(",", "") != str(excess.found):
        raise ConfigError("not confirmed; nothing was cancelled")


class _Money(click.ParamType[Decimal]):
    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{value!r} is no number", param, ctx)
        if not amount.is_finite() or amount <= 0:
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
        help="The same for what they rest for. What exceeds a limit goes on only if the number is typed at a terminal.",
    ),
)


def guard_options(verb: Verb) -> Verb:
    """Give the verb the limits; it gets them as one `Guard`."""

    @wraps(verb)
    def wrapped(
        *arguments: Any, max_accounts: int | None, max_orders: int | None, max_notional: Decimal | None, **others: Any
    ) -> int:
        guard = Guard(accounts=max_accounts, orders=max_orders, notional=max_notional)
        return verb(*arguments, guard=guard, **others)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
