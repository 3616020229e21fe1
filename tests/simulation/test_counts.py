"""What somebody who looks on sees while a run is under way: counts that agree with the report, the time left, and who is away."""

from dataclasses import replace

import anyio
import pytest
from support import account_of, both_venues, engine_for, simulated, simulated_polymarket

from engine import Fault, Limits, Progress, Window
from engine.cli.live import Watch
from engine.core.slots import Tally
from engine.simulator import FaultRule
from engine.simulator.opinion import FAULTS

pytestmark = pytest.mark.anyio


async def watched(times, *, limits=None, **rules):
    """What `Watch` shows of three accounts of forty orders at these seconds, with the report of the same moment."""
    simulator = simulated(latency_s=0.03, **rules)
    for number in range(3):
        simulator.add_account(f"account-{number}", orders=40)
    progress = Progress()
    watch = Watch(progress)
    looks = []

    async def look_on():
        for at_s in times:
            await anyio.sleep_until(at_s)
            looks.append((watch.look(), progress.report()))

    options = {} if limits is None else {"limits": limits}
    async with engine_for(simulator, **options) as engine, anyio.create_task_group() as tasks:
        tasks.start_soon(look_on)
        await engine.mass_cancel([account_of(simulator, f"account-{number}") for number in range(3)], progress=progress)
    return looks


async def test_the_counts_agree_with_the_report_at_any_moment():
    """Cheap counts and the full report say the same of every account, before, during and after the work."""
    for moment, report in await watched([0.01, 0.5, 1.05, 2.3, 9.0]):
        for name, summary in report.accounts.items():
            told = moment.accounts[name]
            assert (told.found, told.cancelled, told.at_risk) == (summary.total, summary.cancelled, summary.at_risk)
        assert report.cancelled == moment.total.cancelled
        share = moment.shares["opinion"]
        assert (report.total, report.at_risk, 3) == (share.orders.found, share.orders.at_risk, share.accounts)
        assert sum(summary.is_finished for summary in report.accounts.values()) == share.done
        assert {name for name, summary in report.accounts.items() if summary.is_finished} == moment.done


async def test_the_time_left_follows_from_the_limits():
    """With ten requests a second for all, the orders that are known and left take at least a tenth of a second each."""
    for moment, _ in await watched([3.0, 6.0, 9.0], limits=Limits(per_venue=(Window(10, 1.0),))):
        assert moment.total.left // 10 - 1 <= moment.least_left_s <= moment.total.left / 10
        assert "s left or more" in moment.in_short()


async def test_who_is_away_is_said():
    """While the venue gives no answer to anybody, the line says that the run waits for it, and not when it is back."""
    during, after = await watched([6.0, 14.0], faults=[FaultRule(FAULTS["http_502"], from_s=1.0, until_s=12.0)])

    assert ("opinion",) == during[0].away
    assert during[0].in_short().endswith("waiting for opinion to answer")
    assert () == after[0].away


async def test_who_needs_a_person_is_known_at_once():
    """An account whose key is refused is named with why while the others work; one that ends without proof, when it is done."""
    early, late = await watched(
        [1.0, 60.0],
        faults=[
            FaultRule(FAULTS["http_401"], accounts=["account-1"]),
            FaultRule(FAULTS["acknowledged_not_done"], accounts=["account-2"]),
        ],
    )

    assert {"account-1": Fault.CREDENTIALS} == {name: concern.code for name, concern in early[0].concerns.items()}
    assert "the venue refuses the key" in early[0].concerns["account-1"].text
    assert ["account-1", "account-2"] == sorted(late[0].concerns)
    assert (None, "unverified: the last listing still showed orders") == (
        late[0].concerns["account-2"].code, late[0].concerns["account-2"].text,
    )  # fmt: skip
    assert {name for name, part in late[1].accounts.items() if not part.is_clean or part.fault} == set(late[0].concerns)


async def test_each_venue_has_its_own_time_left():
    """Where two venues are worked on side by side, the slow one's countdown is its own, and the run's is the longer."""
    opinion, polymarket, progress, looks = simulated(orders=300), simulated_polymarket(orders=300), Progress(), []
    watch = Watch(progress)
    async with both_venues(opinion, polymarket) as engine, anyio.create_task_group() as tasks:

        async def look_on():
            await anyio.sleep(2.0)
            looks.append(watch.look())

        tasks.start_soon(look_on)
        mine = [replace(account_of(opinion), name="a"), replace(account_of(polymarket), name="b")]
        await engine.mass_cancel(mine, lists_first=True, progress=progress)
    shares = looks[0].shares

    assert (1, 1) == (shares["opinion"].accounts, shares["polymarket"].accounts)
    assert 300 == shares["opinion"].orders.found
    assert shares["opinion"].orders.left / 15 - 1 <= shares["opinion"].least_left_s <= shares["opinion"].orders.left / 15
    assert 0 == shares["polymarket"].least_left_s
    assert looks[0].least_left_s == shares["opinion"].least_left_s


def test_tallies_add_up():
    """Failed is what is done with and not cancelled; left is what is not done with; sums are by field."""
    tally = Tally(found=10, settled=6, cancelled=5, at_risk=4)
    tally.add(Tally(found=1, settled=1, cancelled=0, at_risk=1))

    assert (11, 7, 5, 5, 2, 4) == (tally.found, tally.settled, tally.cancelled, tally.at_risk, tally.failed, tally.left)
