"""A run whose process dies at any moment is resumed, and its report is as true as if nothing had happened."""

import random
from collections import Counter

import pytest
from crashing import lives
from support import account_of, lies, simulated, simulated_polymarket

from engine import Outcome, Scope
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
    return await engine.mass_cancel(accounts, Scope(where=every))


def every(_order):
    """A predicate, which no record can hold and no venue can express."""
    return True


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


async def cut(place, scene, *cuts):
    """Play the scene with the power cut after so many steps of each life; the report, the simulator and the number of lives."""
    make, options, do = SCENES[scene]
    simulator = make(**options, latency_s=0.05, latency_jitter_s=0.02)
    accounts = [account_of(simulator)]
    ids = [order.order_id for order in simulator.ledger.orders.values()]

    async def first(engine):
        return await do(engine, accounts, ids)

    async def again(engine, run_id):
        with Journal.open(place.where, in_loop=True) as journal:
            for summary in journal.report(run_id).accounts.values():
                assert [] == lies(summary, simulator.ledger)  # it is true as it stands, too: nothing that left is not sent
        return await engine.resume(run_id, accounts, where=every if do is by_id else None)

    report, number = await lives(simulator, place, first, again, cuts)
    return report, simulator, number


def check(report, simulator, place, number):
    """Hold a report against the ledger, and the journal against the report."""
    summary = report.accounts["alice"] if hasattr(report, "accounts") else report
    assert [] == lies(summary, simulator.ledger)
    assert summary.verified
    assert set() == simulator.ledger.open_ids("alice")
    assert summary.requests >= len(simulator.ledger.requests)  # what was on its way at a cut may have left
    if number > 1:
        with Journal.open(place.where, in_loop=True) as journal:
            assert plain(report.to_dict()) == plain(journal.report(report.run_id).to_dict())
            assert [] == journal.verify(report.run_id)


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("step", range(1, 181, 4))
async def test_a_run_that_dies_anywhere_is_resumed_to_a_true_end(step, scene, file):
    """Wherever the power is cut, the resumed run's report agrees with the ledger, and nothing is left on the book."""
    report, simulator, number = await cut(file, scene, step)
    if report is None:
        assert [] == simulator.ledger.requests  # the power went before there was anything to resume
    else:
        check(report, simulator, file, number)


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("seed", range(20))
async def test_a_run_that_dies_again_and_again_comes_to_a_true_end(seed, scene, file):
    """Three cuts, each at any moment of its life, also while the run is being resumed."""
    dice = random.Random(seed)
    report, simulator, number = await cut(file, scene, *(dice.randrange(8, 120) for _ in range(3)))
    if report is not None:
        check(report, simulator, file, number)


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("seed", range(12))
async def test_it_is_the_same_with_a_server(seed, scene, database):
    """One cut or two, at any moment, and the record in a server's database."""
    dice = random.Random(seed)
    report, simulator, number = await cut(database, scene, *(dice.randrange(5, 150) for _ in range(1 + seed % 2)))
    if report is not None:
        check(report, simulator, database, number)


@pytest.mark.parametrize("step", range(20, 150, 3))
async def test_what_was_answered_is_not_sent_again(step, file):
    """Of orders whose cancel was acknowledged before the cut, none is cancelled a second time."""
    simulator = simulated(orders=25, latency_s=0.05, latency_jitter_s=0.02)
    accounts = [account_of(simulator)]
    known, in_flight, gone = [], [], []

    async def first(engine):
        return await engine.mass_cancel(accounts)

    async def again(engine, run_id):
        with Journal.open(file.where, in_loop=True) as journal:
            results = list(journal.report(run_id).results)
        known.extend(result.order_id for result in results if result.success)
        in_flight.extend(result.order_id for result in results if result.outcome is Outcome.UNKNOWN)
        gone.extend(set(in_flight) - simulator.ledger.open_ids("alice"))
        return await engine.resume(run_id, accounts)

    report, _ = await lives(simulator, file, first, again, [step])
    sent = Counter(request.order_id for request in simulator.ledger.requests_of("alice", routes={"cancel"}))
    again_sent = {order_id for order_id, times in sent.items() if times > 1}

    assert 25 == report.cancelled
    assert set() == again_sent & set(known)
    assert again_sent <= set(in_flight)
    assert set() == again_sent & set(gone)  # it was read first
