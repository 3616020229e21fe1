"""Be handed the key of one's own wallet: sign and ask. The waiting part of `OpinionKey.derive`.

The key that exists is asked for first: that changes nothing at the venue. Only "there is none" leads to making one, and only
"there is one already", which is then another program's doing, back to asking for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.core.request import checked_seconds
from engine.errors import VenueError
from engine.secret import Secret
from engine.venues.asking import ask, opened
from engine.venues.base import Transport
from engine.venues.opinion import wire
from engine.venues.opinion.signing import key_headers
from engine.venues.wallet import address_of


async def derive(
    private_key: Secret,
    *,
    base_url: str,
    create: bool,
    transport: Transport | None,
    timeout_s: float,
    wall_clock: Callable[[], float] | None,
    allow_http: bool,
) -> Secret:
    """See `OpinionKey.derive`."""
    address = address_of(private_key)
    address_of_venue = wire.checked_base_url(base_url, allow_http=allow_http)
    bound_s = checked_seconds("timeout_s", timeout_s) or 10.0
    now = wall_clock or time.time
    async with opened(transport) as carrier:
        for action in ("get", "create", "get") if create else ("get",):
            headers = key_headers(private_key, action=action, timestamp=int(now()))
            request = wire.key_request(address_of_venue, headers, action=action)
            answer = await ask(carrier, request, timeout_s=bound_s)
            key = wire.read_key(answer, address, wall_s=now())
            if key is not None:
                return key
    words = "neither makes a key for this wallet nor has one" if create else "has no key for this wallet"
    raise VenueError(f"the venue {words}", code="no_key")
