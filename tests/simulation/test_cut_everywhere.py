"""Cut it everywhere: a run is stopped at every point in turn, and the report is true each time."""

import asyncio
import itertools
from dataclasses import replace

import anyio
import pytest
from support import account_of, engine_for, lies, played, scene, simulated, simulated_polymarket

from engine import Progress, Scope
from engine.drill import broken_laws
from engine.drill.scene import CallScene, CutScene, EventScene, Happening, ScopeScene
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


STOPPED = {
    "opinion": scene(
        orders=6,
        faults=[("drop_after", {"times": 2, "routes": ("cancel",)}), ("result_false", {"times": 1}), ("http_502", {"times": 2})],
    ),
    "opinion, by known ids": scene(
        orders=6,
        faults=[("hang_after", {"times": 1, "routes": ("cancel",)}), ("http_404", {"times": 1})],
        call=CallScene(kind="cancel_orders", accounts=("a",), named=(0, 1, 1, 4, -1), options={"verify": True}),
    ),
    "opinion, while it takes nothing": scene(orders=3, faults=[("html_503", {"until_s": 4.0})]),
    "polymarket, everything": scene(
        "polymarket", orders=8, faults=[("in_neither", {"times": 1}), ("drop", {"times": 2, "routes": ("list",)})]
    ),
    "polymarket, by id, largest first": scene(
        "polymarket",
        orders=12,
        faults=[("rate_429", {"times": 1}), ("in_neither", {"times": 2}), ("http_500", {"times": 1, "routes": ("list",)})],
        rules={"page_size": 5},
        call=CallScene(kind="mass_cancel", accounts=("a",), scope=ScopeScene(is_large=True), options={"priority": "largest"}),
    ),
    "polymarket, whose clock is wrong": scene("polymarket", orders=4, rules={"clock_skew_s": 400.0}),
    "polymarket, after a rest": scene(
        "polymarket",
        orders=3,
        events=[EventScene(at_s=0.4, what=Happening.DELAYED, account="a")],
        call=CallScene(kind="mass_cancel", accounts=("a",), options={"settle_s": 1.0}),
    ),
}
"""Short runs in which everything that waits has its turn: sending, judging, reading, resting, looking, mending a clock."""


@pytest.mark.parametrize("how", ["stop", "cancel"])
@pytest.mark.parametrize("name", STOPPED)
def test_a_cut_between_any_two_awaits_breaks_no_law(name, how):
    """Stopped, or its task cancelled, before each step of any of its tasks in turn: every law holds, each time."""
    whole = STOPPED[name]
    for step in itertools.count(1):
        call = replace(whole.calls[0], cut=CutScene(how=how, at=step, unit="steps"))
        evidence = played(replace(whole, calls=(call,)))
        assert (step, []) == (step, broken_laws(evidence))
        if evidence.calls[0].cut_s is None:
            break

    assert step > 20  # so many steps there were, and one more found nothing to cut


@pytest.mark.parametrize("name", [name for name in STOPPED if "known" not in name])
def test_a_reader_that_fails_at_any_result_breaks_no_law(name):
    """The caller's own code raises at each result in turn: what it raises comes out, and every law holds."""
    whole = STOPPED[name]
    for count in itertools.count(1):
        call = replace(whole.calls[0], kind="stream", cut=CutScene(how="raise", at=count, unit="results"))
        evidence = played(replace(whole, calls=(call,)))
        assert (count, []) == (count, broken_laws(evidence))
        if evidence.calls[0].cut_s is None:
            break

    assert count > 2
