"""What many tests share: a simulated venue, an engine in front of it, and the judge that holds a report against the ledger."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from engine import Account, CancelEngine, CancelSummary, Outcome, Retry
from engine.simulator import FaultPlan, FaultRule, Ledger, MemoryTransport, OpinionRules, OpinionSimulator
from engine.venues.opinion import PUBLISHED, Opinion, OpinionKey

BASE_URL = "http://127.0.0.1:9"

TRUTHS = {
    Outcome.CANCELLED: {"cancelled"},
    Outcome.ALREADY_CANCELLED: {"cancelled"},
    Outcome.FILLED: {"filled"},
    Outcome.EXPIRED: {"expired", "failed"},
}
"""What the ledger must hold for an outcome that says an order is off the book."""


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


def lies(summary: CancelSummary, ledger: Ledger) -> list[str]:
    """Every statement of the summary that the ledger contradicts, and every sum that does not hold."""
    found = [
        f"{result.order_id}: {result.outcome} but {ledger.state_of(result.order_id)}"
        for result in summary.results
        if _lies(result, ledger)
    ]
    ids = [result.order_id for result in summary.results]
    if [result.index for result in summary.results] != list(range(len(ids))):
        found.append("indices out of place")
    if summary.total != summary.cancelled + summary.failed or sum(summary.by_outcome.values()) != summary.total:
        found.append("sums do not hold")
    if any(bool(result.error) == result.success for result in summary.results):
        found.append("an error on success, or none on failure")
    return found


def _lies(result: Any, ledger: Ledger) -> bool:
    if result.outcome in TRUTHS:
        return str(ledger.state_of(result.order_id)) not in TRUTHS[result.outcome]
    if result.outcome is Outcome.NOT_FOUND:
        return result.order_id in ledger.orders
    return result.outcome is Outcome.NOT_SENT and ledger.was_touched(result.order_id)


def quick_retry(**options: Any) -> Retry:
    """The engine's own retries; a place to bend one."""
    return Retry(**options)
