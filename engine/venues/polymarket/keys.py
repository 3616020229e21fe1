"""Be handed an API key for a wallet: sign, ask, and put a wrong clock right. The waiting part of `PolymarketKey.derive`.

The key that exists is asked for first: that changes nothing at the venue. Only the documented refusal, "there is none", leads to
making one, and only "there is one already", which is then another program's doing, back to asking for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.core.request import checked_seconds
from engine.errors import ConfigError, CredentialError, VenueError, shown
from engine.secret import Secret
from engine.venues.asking import ask, opened
from engine.venues.base import Transport
from engine.venues.polymarket import wire
from engine.venues.polymarket.signing import PolymarketKey, l1_headers
from engine.venues.wallet import address_of

LEAST_SKEW_S = 2.0
"""A smaller difference between two clocks is not what makes the venue refuse a time. A guess; users speak of 60 s."""


async def derive(
    private_key: Secret,
    *,
    base_url: str,
    chain_id: int,
    nonce: int,
    create: bool,
    transport: Transport | None,
    timeout_s: float,
    wall_clock: Callable[[], float] | None,
    allow_http: bool,
) -> PolymarketKey:
    """See `PolymarketKey.derive`."""
    address = address_of(private_key)
    address_of_venue = wire.checked_base_url(base_url, allow_http=allow_http)
    for name, number, least in (("chain_id", chain_id, 1), ("nonce", nonce, 0)):
        if type(number) is not int or not least <= number < 2**256:
            raise ConfigError(f"{name} must be a whole number of at least {least}, not {shown(number)}")
    bound_s = checked_seconds("timeout_s", timeout_s) or 10.0
    async with opened(transport) as carrier:
        desk = _Desk(carrier, address_of_venue, private_key, chain_id, nonce, bound_s, wall_clock or time.time)
        for is_new in (False, True, False) if create else (False,):
            key = await desk.ask_for_key(address, create=is_new)
            if key is not None:
                return key
    words = "has no key for this wallet and nonce" if not create else "neither makes a key for this wallet and nonce nor has one"
    raise VenueError(f"the venue {words}", code=400)


class _Desk:
    """Where keys are handed out, with the venue's clock once that is known."""

    def __init__(
        self,
        transport: Transport,
        base_url: str,
        private_key: Secret,
        chain_id: int,
        nonce: int,
        timeout_s: float,
        wall_clock: Callable[[], float],
    ) -> None:
        self._transport = transport
        self._base_url = base_url
        self._private_key = private_key
        self._chain_id = chain_id
        self._nonce = nonce
        self._timeout_s = timeout_s
        self._wall_clock = wall_clock
        self._offset_s: float | None = None

    async def ask_for_key(self, address: str, *, create: bool) -> PolymarketKey | None:
        """The key, or None for the documented refusal. A refused signature is looked into once, and made anew."""
        try:
            return await self._ask_once(address, create=create)
        except CredentialError as error:
            if not error.may_be_clock or self._offset_s is not None or not await self._mend_clock():
                raise
        return await self._ask_once(address, create=create)

    async def _ask_once(self, address: str, *, create: bool) -> PolymarketKey | None:
        timestamp = int(self._wall_s())
        headers = l1_headers(self._private_key, timestamp=timestamp, nonce=self._nonce, chain_id=self._chain_id)
        request = wire.key_request(self._base_url, headers, create=create)
        answer = await ask(self._transport, request, timeout_s=self._timeout_s)
        return wire.read_key(answer, address, wall_s=self._wall_s())

    async def _mend_clock(self) -> bool:
        """Whether the venue's clock shows another time than ours; from now on its own is used."""
        self._offset_s = 0.0
        try:
            answer = await ask(self._transport, wire.time_request(self._base_url), timeout_s=self._timeout_s)
            skew_s = wire.read_time(answer) - self._wall_clock()
        except VenueError:
            return False
        if abs(skew_s) >= LEAST_SKEW_S:
            self._offset_s = skew_s
        return self._offset_s != 0.0

    def _wall_s(self) -> float:
        return self._wall_clock() + (self._offset_s or 0.0)
