"""Turn unknown into known by reading.

Promise 4: only evidence is success; and "not found" is evidence only from a venue that is known to be there.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio

from engine.core.outcome import Verdict, Word
from engine.core.request import Scope
from engine.core.retry import Read, Retry, after_read
from engine.errors import VenueError
from engine.pacing import Turn
from engine.sending import Sender


async def read_order(sender: Sender, order_id: str, turn: Turn) -> Verdict | VenueError:
    """What a read by id shows of one order, or why it shows nothing."""
    venue, account = sender.venue, sender.account
    came = await sender.ask(
        venue.order_request(account, order_id),
        turn,
        lambda answer, wall_s: venue.read_order(answer, order_id, wall_s=wall_s),
        kind="read",
    )
    if isinstance(came, Verdict) and came.order is not None:
        sender.is_proven = True
    if isinstance(came, Verdict) and came.word is Word.NOT_FOUND and not sender.is_proven:
        return await _not_found_or_not_there(sender, came)
    return came


async def read_until_known(sender: Sender, order_id: str, *, retry: Retry, roll: Callable[[], float]) -> Verdict | VenueError:
    """The same, tried again where that may help; a verdict that shows no order is "not found", or the last word there is."""
    reads = 0
    while True:
        reads += 1
        granted = await sender.lane.wait_turn(lambda: order_id)
        if granted is None:  # pragma: no cover  # the choice above never declines
            raise AssertionError
        came = await read_order(sender, order_id, granted[1])
        if isinstance(came, Verdict) and (came.order is not None or came.word is Word.NOT_FOUND):
            return came
        step = after_read(came, tries=0, reads=reads, retry=retry, roll=roll())
        if not isinstance(step, Read):
            return came
        await anyio.sleep(step.after_s)


async def _not_found_or_not_there(sender: Sender, came: Verdict) -> Verdict | VenueError:
    """A wrong address answers 404 to everything. Believe "not found" only if the account's orders can be listed there."""
    venue, account = sender.venue, sender.account
    granted = await sender.lane.wait_turn(lambda: venue.page_request(account, Scope(), venue.first_cursor))
    if granted is None:
        return came
    request, turn = granted
    proof = await sender.ask(
        request, turn, lambda answer, wall_s: venue.read_page(answer, venue.first_cursor, wall_s=wall_s), kind="probe"
    )
    if not isinstance(proof, VenueError):
        sender.is_proven = True
        return came
    return Verdict(
        word=Word.UNSETTLED,
        code="not_proven",
        text=f"the venue answers 'not found', but does not list the account either ({proof}); check base_url and key",
    )
