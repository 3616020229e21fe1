"""A run whose process dies at any moment is resumed, and its report is as true as if nothing had happened."""

import pytest
from crashing import lives
from support import account_of, lies, simulated, simulated_polymarket

from engine import Scope
from engine.core.plain import plain
from engine.journal import Journal
from engine.simulator import FaultRule
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
]


async def everything(engine, accounts, _ids):
    return await engine.mass_cancel(accounts)


async def by_id(engine, accounts, _ids):
    return await engine.mass_cancel(accounts, Scope(where=lambda _order: True))


async def known(engine, accounts, ids):
    (account,) = accounts
    return await engine.cancel_orders(account, [*ids, ids[0]], verify=True)


SCENES = {
    "opinion": (simulated, {"orders": 12, "faults": RULES}, everything),
    "opinion, no faults": (simulated, {"orders": 25}, everything),
    "opinion, known ids": (simulated, {"orders": 6, "faults": RULES}, known),
    "polymarket": (simulated_polymarket, {"orders": 40, "faults": POLYMARKET_RULES}, everything),
    "polymarket, by id": (simulated_polymarket, {"orders": 120, "faults": POLYMARKET_RULES}, by_id),
}


async def cut(tmp_path, scene, *cuts):
    """Play the scene with the power cut after so many steps of each life; the report, simulator, journal and number of lives."""
    make, options, do = SCENES[scene]
    simulator = make(**options, latency_s=0.05, latency_jitter_s=0.02)
    accounts = [account_of(simulator)]
    ids = [order.order_id for order in simulator.ledger.orders.values()]

    async def first(engine):
        return await do(engine, accounts, ids)

    async def again(engine, run_id):
        return await engine.resume(run_id, accounts, where=lambda _order: True)

    report, path, number = await lives(simulator, tmp_path / "journal.db", first, again, cuts)
    return report, simulator, path, number


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("step", range(1, 181, 4))
async def test_a_run_that_dies_anywhere_is_resumed_to_a_true_end(step, scene, tmp_path):
    """Wherever the power is cut, the resumed run's report agrees with the ledger, and nothing it knows to be live is left."""
    report, simulator, path, number = await cut(tmp_path, scene, step)
    if report is None:
        return  # the power went before there was anything to resume, and nothing was sent
    summary = report.accounts["alice"] if hasattr(report, "accounts") else report

    assert [] == lies(summary, simulator.ledger)
    if summary.verified:
        assert [] == sorted(simulator.ledger.open_ids("alice"))
    if number > 1:
        with Journal.open(path, in_loop=True) as journal:
            assert plain(report.to_dict()) == plain(journal.report(report.run_id).to_dict())
            assert [] == journal.verify(report.run_id)
