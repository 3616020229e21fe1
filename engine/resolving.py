"""Turn unknown into known by reading.

Promise 4: only evidence is success; and "not found" is evidence only together with a listing.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio

from engine.core.outcome import Verdict, Word
from engine.core.quota import Kind
from engine.core.request import Scope
from engine.core.retry import Read, Retry, after_read
from engine.errors import VenueError
from engine.pacing import Turn
from engine.sending import Sender


async def read_order(sender: Sender, order_id: str, turn: Turn, *, place: int | None = None) -> Verdict | VenueError:
    """What a read by id shows of one order, which has this place, or why it shows nothing."""
    venue = sender.venue
    return await sender.ask(
        lambda wall_s: venue.order_request(sender.account, order_id, wall_s=wall_s),
        turn,
        lambda answer, wall_s: venue.read_order(answer, order_id, wall_s=wall_s),
        about=place,
    )


async def read_until_known(sender: Sender, order_id: str, *, retry: Retry, roll: Callable[[], float]) -> Verdict | VenueError:
    """The same, tried again where that may help: an order, "not found" from a venue that is there, or the last failure."""
    reads = 0
    while True:
        reads += 1
        came = await read_order(sender, order_id, await sender.turn(Kind.READ))
        if isinstance(came, Verdict) and came.order is not None:
            return came
        if isinstance(came, Verdict) and came.word is Word.NOT_FOUND:
            return await _confirmed(sender, came)
        step = after_read(came, tries=0, reads=reads, retry=retry, roll=roll())
        if not isinstance(step, Read):
            return came
        await anyio.sleep(step.after_s)


async def _confirmed(sender: Sender, not_found: Verdict) -> Verdict | VenueError:
    """A wrong address answers "not found" to everything: believe it only where the account's orders can be listed."""
    venue, cursor = sender.venue, sender.venue.first_cursor
    turn = await sender.turn(Kind.LIST)
    page = await sender.ask(
        lambda wall_s: venue.page_request(sender.account, Scope(), cursor, wall_s=wall_s),
        turn,
        lambda answer, wall_s: venue.read_page(answer, cursor, wall_s=wall_s),
    )
    return page if isinstance(page, VenueError) else not_found
