"""Cut it everywhere: a run is stopped at every point in turn, and the report is true each time."""

import asyncio

import anyio
import pytest
from support import account_of, engine_for, lies, simulated, simulated_polymarket

from engine import Progress, Scope
from engine.simulator import FaultRule, MemoryTransport
from engine.simulator.opinion import FAULTS
from engine.simulator.polymarket import FAULTS as POLYMARKET_FAULTS

pytestmark = pytest.mark.anyio

RULES = [
    FaultRule(FAULTS["drop_after"], share=0.2, routes={"cancel"}),
    FaultRule(FAULTS["result_false"], share=0.2),
    FaultRule(FAULTS["http_502"], share=0.1, routes={"list", "read"}),
]


POLYMARKET_RULES = [
    FaultRule(POLYMARKET_FAULTS["drop_after"], share=0.3, routes={"cancel_many", "cancel_all"}),
    FaultRule(POLYMARKET_FAULTS["in_neither_after"], share=0.4, routes={"cancel_many", "cancel_all"}),
    FaultRule(POLYMARKET_FAULTS["http_502"], share=0.1, routes={"list", "read"}),
]
SCENES = {
    "opinion": (simulated, {"orders": 25, "faults": RULES}, Scope()),
    "polymarket, everything": (simulated_polymarket, {"orders": 250, "faults": POLYMARKET_RULES}, Scope()),
    "polymarket, by id": (simulated_polymarket, {"orders": 250, "faults": POLYMARKET_RULES}, Scope(where=lambda _order: True)),
}


async def cut(at_s, *, how, scene="opinion"):
    """Run a cancel-all under mixed faults, stop it at that moment, and give back what it left behind."""
    make, options, scope = SCENES[scene]
    simulator = make(**options, latency_s=0.05, latency_jitter_s=0.02)
    progress = Progress()
    async with engine_for(simulator, grace_s=0.03) as engine, anyio.create_task_group() as tasks:

        async def call_in_task():
            task = asyncio.get_running_loop().create_task(engine.cancel_all(account_of(simulator), scope, progress=progress))
            await anyio.sleep(at_s)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or task.done()
            tasks.cancel_scope.cancel()

        async def call():
            deadline_s = at_s if how == "deadline" else None
            await engine.cancel_all(account_of(simulator), scope, progress=progress, deadline_s=deadline_s)
            tasks.cancel_scope.cancel()

        tasks.start_soon(call_in_task if how == "task" else call)
        if how in ("cancel", "stop"):
            await anyio.sleep(at_s)
            tasks.cancel_scope.cancel() if how == "cancel" else progress.stop()
    began_s = anyio.current_time()
    await anyio.sleep(5)  # what was on its way at the stop arrives, and nothing else does
    return progress.report().accounts["alice"], simulator, began_s


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("how", ["deadline", "cancel", "stop", "task"])
@pytest.mark.parametrize("step", range(60))
async def test_a_cut_at_any_moment_leaves_a_true_report(how, step, scene):
    """Deadline, cancelled caller and stop: whenever they come, no statement is false and nothing is sent afterwards."""
    summary, simulator, ended_s = await cut(0.001 + step * 0.043, how=how, scene=scene)

    assert [] == lies(summary, simulator.ledger)
    assert max((request.time_s for request in simulator.ledger.requests), default=0.0) <= ended_s + 0.05


@pytest.mark.parametrize("count", range(0, 80, 3))
async def test_a_crash_of_the_transport_leaves_a_true_report(count):
    """An error that the transport should never raise stops the account with its report instead of losing it."""
    simulator = simulated(orders=25, latency_s=0.01)
    sent = 0

    class Crashing(MemoryTransport):
        async def send(self, request, *, on_sent):
            nonlocal sent
            sent += 1
            if sent > count:
                raise RuntimeError("a mistake in the transport")
            return await super().send(request, on_sent=on_sent)

    async with engine_for(simulator) as engine:
        engine._desk.transport = Crashing(simulator)
        summary = await engine.cancel_all(account_of(simulator))

    assert sent > min(count, 25)  # it is this transport that the engine uses
    assert [] == lies(summary, simulator.ledger)
    if sent > count:
        assert "internal error" in summary.fault
        assert not summary.is_clean
