"""`cancel-engine orders`: what rests now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import anyio
import click

from engine.cli.accounts import Wanted, account_options, scope_options
from engine.cli.output import AT_RISK, CLEAN, counted, stdout_console
from engine.cli.running import print_document, print_verdict
from engine.cli.settings import Configured
from engine.cli.signals import stopping
from engine.cli.story import story_options
from engine.cli.tables import print_orders
from engine.core.order import OpenOrder
from engine.core.request import Account, Belongs, Scope
from engine.core.verdicts import say_unlisted
from engine.core.words import in_words
from engine.errors import VenueError
from engine.run import CancelEngine

AT_A_TIME = 64
"""Accounts that are listed side by side. A guess: each has its own limit, and all share one machine."""


@dataclass(slots=True)
class Listing:
    """What was read of one account's open orders; `unclear` may or may not be in scope."""

    orders: list[OpenOrder] = field(default_factory=list)
    unclear: dict[str, Belongs] = field(default_factory=dict)
    error: str | None = "stopped before it was complete"

    def to_dict(self) -> dict[str, Any]:
        """The listing as plain values, money as text."""
        return {
            "orders": [order.to_dict() for order in self.orders],
            "unclear": {order_id: why.value for order_id, why in self.unclear.items()},
            "listing_complete": self.error is None,
            "listing_error": self.error,
        }


@click.command("orders", cls=Configured, short_help="List the open orders in scope, or what a recorded run did with its orders.")
@story_options
@account_options
@scope_options
def orders(wanted: Wanted, scope: Scope) -> int:
    """List the open orders in scope. Exit code 0 says that the list is complete.

    With --run, tell instead what is recorded of a run: each order with its fate, and every request; with --order, all that became
    of one. No venue is asked then, and no key is needed.

    \b
    Examples:
      cancel-engine orders --venue opinion
      cancel-engine orders --venue opinion --accounts accounts.toml --only alice --side sell --json
      cancel-engine orders --run 0123456789ab --order a11ee07e-e22f-11f0-9714-0a58a9feac02
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    listings = anyio.run(_list, wanted, scope)
    sentence = _say(listings, scope)
    is_complete = all(listing.error is None for listing in listings.values())
    if wanted.as_json:
        parts = {name: listing.to_dict() for name, listing in listings.items()}
        document = {"accounts": parts, "total": sum(len(listing.orders) for listing in listings.values())}
        return print_document(document, sentence, is_clean=is_complete)
    _print(listings)
    print_verdict(sentence, is_clean=is_complete)
    return CLEAN if is_complete else AT_RISK


async def _list(wanted: Wanted, scope: Scope) -> dict[str, Listing]:
    """Read every account's listing; a stop or a deadline leaves what was read by then."""
    listings = {account.name: Listing() for account in wanted.accounts}
    room = anyio.CapacityLimiter(AT_A_TIME)

    async def list_one(account: Account) -> None:
        async with room:
            await _read(engine, wanted, account, scope, listings[account.name])

    with anyio.move_on_after(wanted.deadline_s) as bound, stopping(bound.cancel):
        async with CancelEngine(*wanted.venues.values(), **wanted.bounds) as engine, anyio.create_task_group() as tasks:
            for account in wanted.accounts:
                tasks.start_soon(list_one, account)
    return listings


async def _read(engine: CancelEngine, wanted: Wanted, account: Account, scope: Scope, listing: Listing) -> None:
    # The engine's own filter would drop an order of which it is not known whether it belongs; here it is told.
    try:
        async for order in engine.open_orders(account, Scope(market=scope.market)):
            belongs = wanted.venue_of(account).belongs(scope, order)
            if belongs is Belongs.IN:
                listing.orders.append(order)
            elif not belongs.is_clear:
                listing.unclear[order.order_id] = belongs
        listing.error = None
    except VenueError as error:
        listing.error = str(error)


def _print(listings: dict[str, Listing]) -> None:
    console = stdout_console()
    for name, listing in listings.items():
        if listing.orders:
            print_orders(console, name, listing.orders)


def _say(listings: dict[str, Listing], scope: Scope) -> str:
    blind = [(name, listing.error) for name, listing in listings.items() if listing.error is not None]
    total = sum(len(listing.orders) for listing in listings.values())
    words = [say_unlisted(blind)] if blind else []
    if total or not blind:
        unsure = " (the venue does not say whether that market exists)" if scope.market is not None and not total else ""
        end = "." if not blind else ", as far as could be seen."
        what = in_words(scope, "order" if total == 1 else "orders")
        words.append(f"{total:,} {what} in {counted(len(listings), 'account')}{unsure}{end}")
    unclear = sum(len(listing.unclear) for listing in listings.values())
    if unclear:
        words.append(f"{counted(unclear, 'order')} may be in scope: side, market or outcome is not established.")
    return " ".join(words)
