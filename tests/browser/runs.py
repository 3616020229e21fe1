"""Real runs for the browser to open: engines against simulators in memory, under a clock that jumps, from a fixed seed.

The same code makes the pictures in docs/images, so that they are the same each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from support import account_of, both_venues, engine_for, simulated, simulated_polymarket

from engine import Account, CancelSummary, OrderResult, Outcome, RunReport, Scope, Side, largest
from engine.cli.demo_settings import DEFAULT
from engine.simulator import FaultPlan, FaultRule, OpinionRules, OpinionSimulator, VirtualClockLoop
from engine.simulator.opinion import FAULTS
from engine.simulator.polymarket import FAULTS as POLYMARKET_FAULTS
from engine.simulator.polymarket import PolymarketRules, PolymarketSimulator
from engine.venues.opinion import OpinionKey

SEED = 11
BEGAN_AT = 1_764_000_000.0
"""When every run here began, so that its page says the same each time."""


def played(run: Coroutine[Any, Any, RunReport], name: str) -> RunReport:
    """The report of the run, under a name and a time of its own."""
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        return replace(runner.run(run), run_id=name, started_at=BEGAN_AT)


async def clean() -> RunReport:
    """Nothing goes wrong, at one venue."""
    simulator = simulated(seed=SEED, latency_s=0.04, latency_jitter_s=0.03)
    for number, orders in enumerate((60, 45, 30)):
        simulator.add_account(f"desk-{number}", orders=orders)
    async with engine_for(simulator) as engine:
        return await engine.mass_cancel([account_of(simulator, f"desk-{number}") for number in range(3)])


async def faulty() -> RunReport:
    """Every buy order at two venues, under the faults of the demo: a key dies, answers are lost, cancels are not done."""
    opinion, polymarket = (DEFAULT.stages[name] for name in ("opinion", "polymarket"))
    away = FaultRule(FAULTS["http_500"], from_s=6.0, until_s=8.5)
    rules = {"latency_s": 0.05, "latency_jitter_s": 0.04}
    first = OpinionSimulator(
        seed=SEED, rules=OpinionRules(**rules), faults=FaultPlan((away, *(each.rule for each in opinion.troubles)), seed=SEED)
    )
    second = PolymarketSimulator(
        seed=SEED, rules=PolymarketRules(**rules), faults=FaultPlan(tuple(each.rule for each in polymarket.troubles), seed=SEED)
    )
    accounts = [Account("ivan", OpinionKey("no-such-key"), "opinion")]
    for simulator, stage in ((first, opinion), (second, polymarket)):
        for each in stage.accounts:
            simulator.add_account(each.name, orders=3 * each.orders)
            accounts.append(account_of(simulator, each.name))
    async with both_venues(first, second) as engine:
        return await engine.mass_cancel(
            accounts,
            Scope(side=Side.BUY),
            priority=largest,
            reason="the feed went stale",
            requested_by="the night desk",
            deadline_s=60,
        )


async def large() -> RunReport:
    """A hundred thousand orders of a hundred accounts. The venue's own cancels fail for a tenth of them until the deadline."""
    names = [f"maker-{number:02}" for number in range(100)]
    broken = FaultRule(POLYMARKET_FAULTS["http_500"], accounts=tuple(names[::10]), routes=("cancel_all", "cancel_many"))
    simulator = simulated_polymarket(seed=SEED, latency_s=0.05, faults=[broken])
    for name in names:
        simulator.add_account(name, orders=1_000)
    async with engine_for(simulator) as engine:
        return await engine.mass_cancel([account_of(simulator, name) for name in names], deadline_s=3)


async def empty() -> RunReport:
    """There is nothing to cancel."""
    simulator = simulated(seed=SEED)
    async with engine_for(simulator) as engine:
        return await engine.mass_cancel([account_of(simulator)], Scope())


def hostile() -> RunReport:
    """A run in which a venue and a caller said what would be a script, a tag or a turned line, were it not text."""
    words = '</script><script>alert(1)</script><img src=x onerror=alert(2)>" onclick=alert(3) \u202egnorw \ud800 {{ 7 * 7 }}'
    results = [
        OrderResult(index=number, account=words, order_id=f"{number}{words}", outcome=outcome, code=words, error=words)
        for number, outcome in enumerate((Outcome.UNKNOWN, Outcome.FILLED))
    ]
    summary = CancelSummary(
        account=words, venue=words, results=results, listing_complete=False, listing_error=words, fault=words, verified=False
    )
    return RunReport(run_id="hostile", accounts={words: summary}, stop=words, reason=words, requested_by=words)
