"""Turn unknown into known by reading.

Promise 4: only evidence is success; and "not found" is evidence only from a venue that is known to be there.
"""

from __future__ import annotations

from engine.core.outcome import Verdict, Word
from engine.core.request import Scope
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
