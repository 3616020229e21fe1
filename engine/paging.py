"""Walk an account's open orders without touching them. Promise 6: what could not be read to the end never looks as if it were."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

import anyio

from engine.core.listing import MOST_WALKS, Page, Walk
from engine.core.order import OpenOrder
from engine.core.quota import Kind
from engine.core.request import Scope
from engine.core.retry import Again, Retry, after_listing
from engine.errors import ThrottledError, VenueError, WireError
from engine.sending import Sender


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
    venue, tries = sender.venue, 0
    while True:
        turn = await sender.turn(Kind.LIST)
        came = await sender.ask(
            lambda wall_s: venue.page_request(sender.account, scope, cursor, wall_s=wall_s),
            turn,
            lambda answer, wall_s: venue.read_page(answer, cursor, wall_s=wall_s),
        )
        if not isinstance(came, VenueError):
            return came
        tries += not isinstance(came, ThrottledError)
        step = after_listing(came, tries=tries, retry=retry, roll=roll())
        if not isinstance(step, Again):
            raise came
        await anyio.sleep(step.after_s)
