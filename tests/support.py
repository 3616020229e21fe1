"""What many tests share: simulated venues, engines in front of them, and the judge."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio

from engine import Account, CancelEngine, Limits, Secret
from engine.simulator import FaultPlan, FaultRule, MemoryTransport, OpinionRules, OpinionSimulator, SimulatedVenue, lies
from engine.simulator.polymarket import PolymarketRules, PolymarketSimulator
from engine.venues.base import HttpAnswer, HttpRequest
from engine.venues.opinion import PUBLISHED, Opinion, OpinionKey
from engine.venues.polymarket import PUBLISHED as POLYMARKET_PUBLISHED
from engine.venues.polymarket import Polymarket, PolymarketKey

__all__ = [
    "BASE_URL",
    "Switchboard",
    "account_of",
    "both_venues",
    "engine_for",
    "lies",
    "revealed",
    "simulated",
    "simulated_polymarket",
]

BASE_URL = "http://127.0.0.1:9"

OPINION_OPTIONS = ("timeout_s", "side_numbers", "include_group", "open_statuses")
POLYMARKET_OPTIONS = ("timeout_s", "tier", "most_ids", "strict_ids", "both_filters_intersect")


def revealed(values: Mapping[str, str | Secret]) -> dict[str, str]:
    """Headers, or parts of a key, in the clear."""
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in values.items()}


def simulated(*, orders: int = 0, seed: int = 1, faults: Iterable[FaultRule] = (), **rules: Any) -> OpinionSimulator:
    """An Opinion with one account, alice, who has so many orders."""
    simulator = OpinionSimulator(seed=seed, rules=OpinionRules(**rules), faults=FaultPlan(tuple(faults), seed=seed))
    simulator.add_account("alice", orders=orders)
    return simulator


def simulated_polymarket(
    *, orders: int = 0, seed: int = 1, faults: Iterable[FaultRule] = (), **rules: Any
) -> PolymarketSimulator:
    """A Polymarket with one account, alice, who has so many orders."""
    simulator = PolymarketSimulator(seed=seed, rules=PolymarketRules(**rules), faults=FaultPlan(tuple(faults), seed=seed))
    simulator.add_account("alice", orders=orders)
    return simulator


def account_of(simulator: SimulatedVenue, name: str = "alice") -> Account:
    """The engine's account for an account of the simulator."""
    if isinstance(simulator, PolymarketSimulator):
        known = simulator.account(name)
        return Account(name, PolymarketKey(known.address, known.api_key, known.secret, known.passphrase), "polymarket")
    return Account(name, OpinionKey(simulator.account(name).api_key), "opinion")


@asynccontextmanager
async def engine_for(simulator: SimulatedVenue, **options: Any) -> AsyncIterator[CancelEngine]:
    """An engine wired to the simulator in memory; the venue's options go to the venue, the rest to the engine."""
    options.setdefault("dice", random.Random(0))
    if isinstance(simulator, PolymarketSimulator):
        epoch_s = simulator.rules.epoch_s
        options.setdefault("wall_clock", lambda: epoch_s + anyio.current_time())
        chosen = {name: options.pop(name) for name in POLYMARKET_OPTIONS if name in options}
        venue = Polymarket(BASE_URL, limits=options.pop("limits", POLYMARKET_PUBLISHED), **chosen)
    else:
        chosen = {name: options.pop(name) for name in OPINION_OPTIONS if name in options}
        venue = Opinion(BASE_URL, limits=options.pop("limits", PUBLISHED), **chosen)
    async with CancelEngine(venue, transport=MemoryTransport(simulator), **options) as engine:
        yield engine


class Switchboard:
    """One transport to several simulated venues, each at an address of its own."""

    def __init__(self, simulators: Mapping[str, SimulatedVenue]) -> None:
        self._transports = {base_url: MemoryTransport(simulator) for base_url, simulator in simulators.items()}

    async def send(self, request: HttpRequest, *, on_sent: Callable[[], None]) -> HttpAnswer:
        """See `engine.venues.base.Transport`."""
        (transport,) = (each for base_url, each in self._transports.items() if request.url.startswith(f"{base_url}/"))
        return await transport.send(request, on_sent=on_sent)

    async def aclose(self) -> None:
        """Nothing is open."""


@asynccontextmanager
async def both_venues(
    opinion: SimulatedVenue, polymarket: PolymarketSimulator, *, opinion_limits: Limits = PUBLISHED, **options: Any
) -> AsyncIterator[CancelEngine]:
    """An engine that holds both venues, wired to two simulators in memory."""
    urls = {"http://127.0.0.1:9": opinion, "http://127.0.0.1:10": polymarket}
    venues = Opinion("http://127.0.0.1:9", limits=opinion_limits), Polymarket("http://127.0.0.1:10")
    epoch_s = polymarket.rules.epoch_s
    options = {"dice": random.Random(0), "wall_clock": lambda: epoch_s + anyio.current_time(), **options}
    async with CancelEngine(*venues, transport=Switchboard(urls), **options) as engine:
        yield engine
