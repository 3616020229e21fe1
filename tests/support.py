"""What many tests share: a simulated venue, an engine in front of it, and the judge."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from engine import Account, CancelEngine
from engine.simulator import FaultPlan, FaultRule, MemoryTransport, OpinionRules, OpinionSimulator, lies
from engine.venues.opinion import PUBLISHED, Opinion, OpinionKey

__all__ = ["BASE_URL", "account_of", "engine_for", "lies", "simulated"]

BASE_URL = "http://127.0.0.1:9"


def simulated(*, orders: int = 0, seed: int = 1, faults: Iterable[FaultRule] = (), **rules: Any) -> OpinionSimulator:
    """A venue with one account, alice, who has so many orders."""
    simulator = OpinionSimulator(seed=seed, rules=OpinionRules(**rules), faults=FaultPlan(tuple(faults), seed=seed))
    simulator.add_account("alice", orders=orders)
    return simulator


def account_of(simulator: OpinionSimulator, name: str = "alice") -> Account:
    """The engine's account for an account of the simulator."""
    return Account(name, OpinionKey(simulator.account(name).api_key))


@asynccontextmanager
async def engine_for(simulator: OpinionSimulator, *, limits: Any = PUBLISHED, **options: Any) -> AsyncIterator[CancelEngine]:
    """An engine wired to the simulator in memory; `venue` options go to Opinion, the rest to the engine."""
    venue = {
        name: options.pop(name) for name in ("timeout_s", "side_numbers", "include_group", "open_statuses") if name in options
    }
    options.setdefault("dice", random.Random(0))
    async with CancelEngine(Opinion(BASE_URL, limits=limits, **venue), transport=MemoryTransport(simulator), **options) as engine:
        yield engine
