"""Walk an account's open orders without touching them. Promise 6: what could not be read to the end never looks as if it were."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

import anyio

from engine.core.listing import MOST_WALKS, Page, Walk
from engine.core.order import OpenOrder
from engine.core.quota import Kind
from engine.core.request import Scope
from engine.core.retry import Again, Retry, after_listing
from engine.errors import ThrottledError, VenueError, WireError
from engine.sending import Sender
from engine.venues.base import HttpAnswer, HttpRequest

T = TypeVar("T")


async def walk_open_orders(
    sender: Sender, scope: Scope, *, retry: Retry, roll: Callable[[], float]
) -> AsyncGenerator[OpenOrder, None]:
    """Every open order the account has in the listing of this scope, each once, as its page comes.

    The listing may still hold orders outside the scope where the venue cannot narrow it. Orders that appear while it is read
    may be missed, as in any reading.

    Raises:
        VenueError: the listing could not be read to its end, or could not be believed after some tries; what came before is
            true, and not all.
    """
    shown: set[str] = set()
    for attempt in range(MOST_WALKS):
        if attempt:
            await anyio.sleep(retry.wait_s(attempt, roll=roll()))
        walk = Walk(sender.venue.first_cursor)
        while walk.cursor is not None:
            for order in walk.add(await _page(sender, scope, walk.cursor, retry=retry, roll=roll)):
                if order.order_id not in shown:
                    shown.add(order.order_id)
                    yield order
        if walk.problem is None:
            return
    raise WireError(f"account {sender.account.name!r}: {walk.problem}", code="listing_incomplete")


async def _page(sender: Sender, scope: Scope, cursor: str, *, retry: Retry, roll: Callable[[], float]) -> Page:
    venue = sender.venue
    return await ask_until_answered(
        sender,
        Kind.LIST,
        lambda wall_s: venue.page_request(sender.account, scope, cursor, wall_s=wall_s),
        lambda answer, wall_s: venue.read_page(answer, cursor, wall_s=wall_s),
        retry=retry,
        roll=roll,
    )


async def ask_until_answered(
    sender: Sender,
    kind: Kind,
    make: Callable[[float], HttpRequest],
    decode: Callable[[HttpAnswer, float], T],
    *,
    retry: Retry,
    roll: Callable[[], float],
) -> T:
    """What `decode` makes of the answer to a request that changes nothing, each try in a turn of its own.

    Raises:
        VenueError: there is none, and trying again does not help.
    """
    tries = 0
    while True:
        turn = await sender.turn(kind)
        came = await sender.ask(make, turn, decode)
        if not isinstance(came, VenueError):
            return came
        tries += not isinstance(came, ThrottledError)
        step = after_listing(came, tries=tries, retry=retry, roll=roll())
        if not isinstance(step, Again):
            raise came
        await anyio.sleep(step.after_s)
