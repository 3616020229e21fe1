"""Results as they settle: in the order of completion, none lost, and the run waits for nobody."""

from collections import Counter

import anyio
import pytest
from support import account_of, engine_for, lies, simulated

from engine import ConfigError, Outcome, Progress, Scope
from engine.simulator import FaultRule
from engine.simulator.opinion import FAULTS

pytestmark = pytest.mark.anyio


def some_accounts(count, orders, **rules):
    """A venue with so many accounts of so many orders each, and its accounts."""
    simulator = simulated(**{"latency_s": 0.03, **rules})
    for number in range(count):
        simulator.add_account(f"account-{number}", orders=orders)
    return simulator, [account_of(simulator, f"account-{number}") for number in range(count)]


async def test_each_result_comes_as_it_settles_and_the_report_is_in_input_order():
    """Every order comes once, in the order of completion; the report holds the same results in input order."""
    simulator, accounts = some_accounts(5, 30)
    came = []
    async with engine_for(simulator) as engine, engine.stream(accounts) as results:
        async for result in results:
            came.append(result)
            assert abs(anyio.current_time() - result.settled_s) < 0.01
        report = results.report

    assert 150 == len(came)
    assert sorted(result.settled_s for result in came) == [result.settled_s for result in came]
    assert [account.name for account in accounts] == list(report.accounts)
    assert sorted(came, key=lambda r: (r.account, r.index)) == sorted(report.results, key=lambda r: (r.account, r.index))
    assert report.is_clean


async def test_a_slow_reader_slows_nobody_and_loses_nothing():
    """A reader that takes a second for each result gets all of them; the run is over as soon as without it."""
    simulator, accounts = some_accounts(3, 20)
    async with engine_for(simulator) as engine, engine.stream(accounts) as results:
        came = Counter()
        async for result in results:
            came[result.account, result.index] += 1
            await anyio.sleep(1.0)
        report = results.report

    assert (60, 60) == (len(came), came.total())
    assert report.elapsed_s < 4.0
    assert report.is_clean


async def test_a_fate_that_a_later_listing_contradicts_comes_again():
    """An acknowledgement that turns out false is followed by what became of the order; the last one is the report's."""
    simulator, accounts = some_accounts(1, 5, faults=[FaultRule(FAULTS["acknowledged_not_done"], times=2)])
    last = {}
    async with engine_for(simulator) as engine, engine.stream(accounts) as results:
        count = 0
        async for result in results:
            count += 1
            last[result.index] = result
        report = results.report

    assert 5 < count <= 10
    assert list(report.accounts["account-0"].results) == [last[index] for index in range(5)]
    assert [] == lies(report.accounts["account-0"], simulator.ledger)


async def test_what_is_not_settled_comes_when_the_run_ends():
    """At a deadline, the orders that nothing was sent for come too, as what they are."""
    simulator, accounts = some_accounts(2, 40)
    outcomes = Counter()
    async with engine_for(simulator) as engine, engine.stream(accounts, deadline_s=1.5) as results:
        async for result in results:
            outcomes[result.outcome] += 1
        report = results.report

    assert dict(outcomes) == report.by_outcome
    assert outcomes[Outcome.NOT_SENT] > 0
    assert "the deadline came first" == report.stop


async def test_leaving_the_block_early_waits_for_the_run():
    """A reader that has seen enough still gets a complete report: the run is not torn off."""
    simulator, accounts = some_accounts(2, 30)
    async with engine_for(simulator) as engine:
        async with engine.stream(accounts) as results:
            async for _result in results:
                break
        report = results.report

    assert (60, True) == (report.cancelled, report.is_clean)


async def test_an_error_in_the_block_stops_the_run_and_is_raised_as_it_is():
    """The reader's own error comes out alone, and the report that it left behind is true."""
    simulator, accounts = some_accounts(2, 60)
    progress = Progress()

    async def read_and_fail(engine):
        async with engine.stream(accounts, progress=progress) as results:
            async for _result in results:
                raise LookupError("of my own")

    async with engine_for(simulator) as engine:
        with pytest.raises(LookupError, match="of my own"):
            await read_and_fail(engine)
    report = progress.report()

    assert "stopped by the caller" == report.stop
    assert 0 < report.cancelled < 120
    assert [] == [lie for summary in report.accounts.values() for lie in lies(summary, simulator.ledger)]


async def test_a_cancelled_reader_leaves_a_true_report():
    """Cancelling the task that reads cancels the run, and what is known by then stays readable."""
    simulator, accounts = some_accounts(2, 60)
    async with engine_for(simulator) as engine:
        with anyio.move_on_after(1.2) as bound:
            async with engine.stream(accounts) as results:
                async for _result in results:
                    pass
        report = results.report

    assert bound.cancelled_caught
    assert 0 < report.cancelled < 120
    assert [] == [lie for summary in report.accounts.values() for lie in lies(summary, simulator.ledger)]


async def test_what_cannot_be_used_is_refused_on_entering():
    """Two accounts of one name, or a priority that is no function, are errors before anything is sent."""
    simulator, accounts = some_accounts(1, 1)
    async with engine_for(simulator) as engine:
        with pytest.raises(ConfigError, match="two accounts are named"):
            async with engine.stream([accounts[0], accounts[0]]):
                pass
        with pytest.raises(ConfigError, match="priority must be a function"):
            async with engine.stream(accounts, Scope(), priority="largest"):
                pass

    assert [] == list(simulator.ledger.requests)


async def test_what_changes_while_nobody_reads_comes_once_as_it_is():
    """A reader that begins late gets each order once, with its last fate, although some were written twice."""
    simulator, accounts = some_accounts(1, 5, faults=[FaultRule(FAULTS["acknowledged_not_done"], times=2)])
    async with engine_for(simulator) as engine, engine.stream(accounts) as results:
        await anyio.sleep(20.0)
        came = [result async for result in results]
        report = results.report

    assert 5 == len(came)
    assert sorted(came, key=lambda result: result.index) == list(report.results)
