"""Promise 8, and what an operator can read: one event for each request, settled order and run, and no secret anywhere."""

import logging

import pytest
from support import account_of, engine_for, simulated

from engine import Progress
from engine.simulator import FaultRule
from engine.simulator.opinion import FAULTS

pytestmark = pytest.mark.anyio


@pytest.fixture
def events(caplog):
    """The engine's events, at debug level."""
    caplog.set_level(logging.DEBUG, logger="engine")
    return caplog


async def test_every_request_order_and_run_is_an_event(events):
    """One event for each request and settled order at debug, one for the run at info, and the run's id on all of them."""
    simulator = simulated(orders=3)
    progress = Progress()
    async with engine_for(simulator) as engine:
        await engine.cancel_all(account_of(simulator), progress=progress)

    by_name = {
        name: [record for record in events.records if record.getMessage() == name] for name in ("request", "order settled", "run")
    }
    assert (len(simulator.ledger.requests), 3, 1) == tuple(map(len, by_name.values()))
    assert {progress.report().run_id} == {record.run_id for record in events.records}
    assert {logging.INFO} == {record.levelno for record in by_name["run"]}
    assert {"alice"} == {record.account for record in by_name["request"]}


async def test_nothing_is_logged_unless_somebody_listens(capfd):
    """An embedded engine prints nothing, to neither stream."""
    simulator = simulated(orders=3, faults=[FaultRule(FAULTS["http_401"], from_request=2)])
    async with engine_for(simulator) as engine:
        await engine.cancel_all(account_of(simulator))

    assert ("", "") == tuple(capfd.readouterr())


@pytest.mark.parametrize(
    "name", ["http_401", "html_502", "redirect_307", "refused_10999", "drop", "hang", "broken_json", "rate_429"]
)
async def test_no_secret_is_in_any_event_or_report(events, name):
    """At any level, under any trouble, the key is in no event, no summary and no repr."""
    simulator = simulated(orders=3, faults=[FaultRule(FAULTS[name])])
    key = simulator.account("alice").api_key
    async with engine_for(simulator, timeout_s=0.5) as engine:
        summary = await engine.cancel_all(account_of(simulator), deadline_s=20)

    assert key not in "".join(f"{record.getMessage()}{record.__dict__}" for record in events.records)
    assert key not in repr(summary) + str(summary.to_dict()) + repr(engine.__dict__)
