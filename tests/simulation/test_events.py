"""What an embedder is told: everything, once, in order, in agreement with the report; and whatever it does harms no run."""

import asyncio
import logging
from collections import Counter
from dataclasses import fields

import anyio
import pytest
from support import account_of, engine_for, lies, simulated, simulated_polymarket

from engine import ConfigError, Outcome, Progress, Scope
from engine.core.quota import Kind
from engine.events import (
    AccountBegan,
    AccountEnded,
    FateSettled,
    JournalLost,
    ListingFailed,
    OrderOpen,
    OutageBegan,
    OutageEnded,
    RequestOver,
    RequestResult,
    RunBegan,
    RunEnded,
    RunResult,
    several,
)
from engine.journal import Journal
from engine.simulator import FaultRule
from engine.simulator.opinion import FAULTS
from engine.simulator.polymarket import FAULTS as POLYMARKET_FAULTS

pytestmark = pytest.mark.anyio


def of(told, *kinds):
    """The events of these kinds, in their order."""
    return [event for event in told if isinstance(event, kinds)]


def last_fates(told):
    """The last fate that was told of each order."""
    return {(event.account, event.order_id): event.outcome for event in of(told, FateSettled)}


def struck(name, **conditions):
    """A rule with this fault of Opinion's."""
    return FaultRule(FAULTS[name], **conditions)


def check(told, report):
    """What holds of the events of any run that ended."""
    began, ended = of(told, RunBegan), of(told, RunEnded)
    assert ([told[0]], [told[-1]]) == (began, ended)
    assert {report.run_id} == {event.run_id for event in told if hasattr(event, "run_id")}
    assert {(result.account, result.order_id): result.outcome for result in report.results} == last_fates(told)
    assert (report.total, report.cancelled, report.at_risk) == (ended[0].total, ended[0].cancelled, ended[0].at_risk)
    assert (RunResult.CLEAN is ended[0].result) == report.is_clean
    for name, summary in report.accounts.items():
        mine = [event for event in told if getattr(event, "account", None) == name]
        if not mine:
            continue
        assert (AccountBegan, AccountEnded) == (type(mine[0]), type(mine[-1]))
        assert (summary.by_outcome, summary.at_risk, summary.requests) == (
            mine[-1].outcomes, mine[-1].at_risk, mine[-1].requests,
        )  # fmt: skip
        requests = of(mine, RequestOver)
        assert summary.requests == sum(each.result is not RequestResult.NOT_SENT for each in requests)
        assert summary.waited_s == pytest.approx(sum(each.waited_s for each in requests))
        assert summary.wire_s == pytest.approx(sum(each.wire_s for each in requests))
        assert (not summary.listing_complete) == bool(of(mine, ListingFailed))


def check_open(told):
    """An order is told to be open before its fate is, and again before another fate: never two fates in a row."""
    state = {}
    for event in of(told, OrderOpen, FateSettled):
        key = (event.account, event.order_id)
        if isinstance(event, FateSettled):
            assert "open" == state.get(key)
            state[key] = "settled"
        else:
            assert (state.get(key) == "settled") == event.is_again or state.get(key) == "open"
            state[key] = "open"
    assert {"settled"} >= set(state.values())


TRIED = sorted(name for name in FAULTS if not name.endswith("_after"))[::4]


@pytest.mark.parametrize("name", [*TRIED, "acknowledged_not_done", "drop_after", "http_401", "hang"])
async def test_what_is_told_agrees_with_the_report_under_any_fault(name):
    """Folded together, the events are the report: each fate, the counts, the requests and their times."""
    routes = FAULTS[name].routes & {"cancel", "list", "read"}
    simulator = simulated(orders=30, latency_s=0.05, faults=[struck(name, routes=routes, share=0.3)] if routes else [])
    told = []
    async with engine_for(simulator, on_event=told.append) as engine:
        report = await engine.mass_cancel([account_of(simulator)], deadline_s=300)

    assert [] == lies(report.accounts["alice"], simulator.ledger)
    check(told, report)
    check_open(told)


@pytest.mark.parametrize("scope", [Scope(), Scope(where=lambda _order: True)], ids=["all", "by id"])
@pytest.mark.parametrize("name", [None, "drop_after", "rate_429"])
async def test_the_same_holds_where_the_venue_has_mass_cancels(scope, name):
    """Also where orders become known by the answer to a mass cancel, or are cancelled hundreds in a request."""
    faults = [] if name is None else [FaultRule(POLYMARKET_FAULTS[name], times=2)]
    simulator = simulated_polymarket(orders=150, latency_s=0.05, faults=faults)
    told = []
    async with engine_for(simulator, on_event=told.append) as engine:
        report = await engine.mass_cancel([account_of(simulator)], scope)

    check(told, report)
    check_open(told)


async def test_one_run_told_from_the_first_to_the_last():
    """Two orders that are known by id: the run, the account, the orders, the requests, the fates, and the ends."""
    simulator = simulated(orders=2, latency_s=0.05)
    ids = sorted(simulator.ledger.open_ids("alice"))
    told = []
    async with engine_for(simulator, on_event=told.append) as engine:
        await engine.cancel_orders(account_of(simulator), [*ids, ids[0]])

    assert [
        RunBegan, AccountBegan, OrderOpen, OrderOpen, RequestOver, FateSettled, RequestOver, FateSettled, AccountEnded, RunEnded,
    ] == [type(event) for event in told]  # fmt: skip
    assert (("opinion",), 1, False) == (told[0].venues, told[0].accounts, told[0].is_resumed)
    assert ("alice", "opinion", "http://127.0.0.1:9") == (told[1].account, told[1].venue, told[1].address)
    assert (Kind.CANCEL_ONE, RequestResult.ANSWERED, None) == (told[4].kind, told[4].result, told[4].code)
    assert 0.05 == pytest.approx(told[4].wire_s, abs=0.01)
    assert {Outcome.CANCELLED: 3} == told[-2].outcomes  # by place, as the summary counts
    assert False is told[-2].is_everything


async def test_a_listing_tells_what_an_order_rests_for():
    """An order that was found by a listing is told with its notional; only a run over everything says that it is one."""
    simulator = simulated(orders=3)
    told = []
    async with engine_for(simulator, on_event=told.append) as engine:
        listed = [order async for order in engine.open_orders(account_of(simulator))]
        told.clear()
        await engine.cancel_all(account_of(simulator))

    assert {order.order_id: order.notional for order in listed} == {e.order_id: e.notional for e in of(told, OrderOpen)}
    assert [(True, True)] == [(event.verified, event.is_everything) for event in of(told, AccountEnded)]


async def test_a_contradicted_fate_is_followed_by_another():
    """An order that the venue has only said to have cancelled is told to be open again, and then its last fate."""
    simulator = simulated(orders=3, faults=[struck("acknowledged_not_done", times=1)])
    told = []
    async with engine_for(simulator, on_event=told.append) as engine:
        report = await engine.mass_cancel([account_of(simulator)])

    again = [event.order_id for event in of(told, OrderOpen) if event.is_again]
    assert 1 == len(again)
    assert {Outcome.CANCELLED: 2} == Counter(event.outcome for event in of(told, FateSettled) if event.order_id == again[0])
    check(told, report)


@pytest.mark.parametrize(
    ("name", "result", "status"),
    [
        ("rate_429", RequestResult.THROTTLED, None),
        ("http_500", RequestResult.NO_ANSWER, 500),
        ("drop", RequestResult.NO_ANSWER, None),
        ("broken_json", RequestResult.UNREADABLE, 200),
        ("http_401", RequestResult.BAD_KEY, None),
        ("refused_connection", RequestResult.NOT_SENT, None),
    ],
)
async def test_what_came_of_a_request_is_one_of_a_few(name, result, status):
    """A refusal for pace, a lost answer, nonsense and a refused key are told apart, and the next request is answered."""
    simulator = simulated(orders=1, faults=[struck(name, routes={"cancel"}, times=1)])
    told = []
    async with engine_for(simulator, on_event=told.append) as engine:
        await engine.cancel_all(account_of(simulator))

    first = next(event for event in of(told, RequestOver) if event.kind.is_cancel)
    assert (result, status) == (first.result, first.status)


async def test_a_refusal_for_pace_says_for_how_long():
    """What the venue asks for stands in the event of the request that it refused."""
    simulator = simulated(orders=1, faults=[struck("rate_429_retry_2", routes={"cancel"}, times=1)])
    told = []
    async with engine_for(simulator, on_event=told.append) as engine:
        await engine.cancel_all(account_of(simulator))

    refused = [event.retry_after_s for event in of(told, RequestOver) if event.result is RequestResult.THROTTLED]
    assert [2.0] == refused


async def test_an_outage_is_told_when_it_begins_and_when_it_ends():
    """While the run waits for a venue that is away its embedder knows: once for all accounts, with how long it lasted."""
    simulator = simulated(faults=[struck("http_500", from_s=1, until_s=20)], latency_s=0.05)
    for number in range(5):
        simulator.add_account(f"account-{number}", orders=40)
    told = []
    async with engine_for(simulator, on_event=told.append) as engine:
        report = await engine.mass_cancel([account_of(simulator, f"account-{number}") for number in range(5)])

    began, ended = of(told, OutageBegan), of(told, OutageEnded)
    assert (["opinion"], ["opinion"]) == ([event.venue for event in began], [event.venue for event in ended])
    assert report.outages[0].ended_s - report.outages[0].began_s == pytest.approx(ended[0].lasted_s)
    assert told.index(began[0]) < told.index(ended[0])
    check([event for event in told if event not in (*began, *ended)], report)


async def test_a_run_that_is_stopped_tells_of_every_order_before_it_ends():
    """At a deadline, what was never sent has its fate told, and an account whose turn did not come has no events."""
    simulator = simulated(orders=100, latency_s=0.05)
    simulator.add_account("bob", orders=10)
    told = []
    async with engine_for(simulator, on_event=told.append, active_accounts=1) as engine:
        report = await engine.mass_cancel([account_of(simulator), account_of(simulator, "bob")], deadline_s=1.5)

    assert 0 < report.at_risk
    assert RunResult.AT_RISK is told[-1].result
    assert (2, "the deadline came first") == (told[-1].incomplete, told[-1].stop)
    assert {"alice"} == {event.account for event in told if hasattr(event, "account")}
    check(told, report)


async def test_a_cancelled_caller_is_told_the_end_all_the_same():
    """Whoever cancels the task that made the call still hears how the run ended."""
    simulator, told, progress = simulated(orders=50, latency_s=0.05), [], Progress()
    async with engine_for(simulator, on_event=told.append) as engine:
        with anyio.move_on_after(1.0):
            await engine.cancel_all(account_of(simulator), progress=progress)

    check(told, progress.report())
    assert "the calling task was cancelled" == told[-1].stop


async def test_requests_outside_of_a_run_are_told_as_such():
    """A plan, a listing and a read have their requests told, under no run, and nothing else."""
    simulator = simulated(orders=3)
    told = []
    async with engine_for(simulator, on_event=told.append) as engine:
        await engine.plan([account_of(simulator)])
        listed = [order async for order in engine.open_orders(account_of(simulator))]
        await engine.get_order(account_of(simulator), listed[0].order_id)

    assert {RequestOver} == {type(event) for event in told}
    assert {(None, "alice", "opinion")} == {(event.run_id, event.account, event.venue) for event in told}
    assert {Kind.LIST, Kind.READ} == {event.kind for event in told}


class Full:
    """A store whose disk is full after so many groups."""

    def __init__(self, store, good):
        self._store, self._good = store, good

    def __getattr__(self, name):
        return getattr(self._store, name)

    def write(self, *values):
        """See `Store`."""
        if self._good == 0:
            raise OSError("the disk is full")
        self._good -= 1
        self._store.write(*values)


async def test_a_record_that_is_lost_is_told_once_and_at_once(tmp_path):
    """The run goes on without its record, and its embedder knows before it is over."""
    simulator = simulated(orders=25, latency_s=0.01)
    journal = Journal.open(tmp_path / "journal.db", in_loop=True)
    journal._writer._store = Full(journal._writer._store, 6)
    told = []
    async with engine_for(simulator, journal=journal, on_event=told.append) as engine:
        report = await engine.mass_cancel([account_of(simulator)])

    lost = of(told, JournalLost)
    assert (1, True) == (len(lost), "the disk is full" in lost[0].error)
    assert told.index(lost[0]) < len(told) - 5
    assert report.unrecorded == told[-1].unrecorded
    check(told, report)


async def test_a_run_that_cannot_begin_is_not_told(tmp_path):
    """Where the record cannot be made nothing has happened: no run has begun, so none is told, nor its orders."""
    simulator = simulated(orders=2)
    ids = sorted(simulator.ledger.open_ids("alice"))
    journal = Journal.open(tmp_path / "journal.db", in_loop=True)
    journal._writer._store = Full(journal._writer._store, 0)
    told = []
    async with engine_for(simulator, journal=journal, on_event=told.append) as engine:
        with pytest.raises(ConfigError):
            await engine.cancel_orders(account_of(simulator), ids)

    assert [] == told


async def test_a_resumed_run_tells_what_it_took_over(tmp_path):
    """The second life tells of every order that the first has left, and of the fates that it brings itself."""
    simulator = simulated(orders=60, latency_s=0.05)
    first, second = [], []
    journal = Journal.open(tmp_path / "journal.db", in_loop=True)
    async with engine_for(simulator, journal=journal, on_event=first.append) as engine:
        before = await engine.mass_cancel([account_of(simulator)], deadline_s=2.0)
    journal = Journal.open(tmp_path / "journal.db", in_loop=True)
    async with engine_for(simulator, journal=journal, on_event=second.append) as engine:
        after = await engine.resume(before.run_id, [account_of(simulator)])

    live = {result.order_id for result in before.results if result.outcome.may_be_live}
    assert 0 < len(live) < 60
    assert (True, 60) == (second[0].is_resumed, after.cancelled)
    assert live <= {event.order_id for event in of(second, OrderOpen)}
    assert live <= {event.order_id for event in of(second, FateSettled)}
    done = {result.order_id for result in before.results} - live
    assert set() == done & {event.order_id for event in of(second, OrderOpen, FateSettled)}
    assert {Outcome.CANCELLED: 60} == of(second, AccountEnded)[0].outcomes


# --- what a hook may do


class Wrong:
    """A hook that raises, always, and counts how often."""

    def __init__(self, error):
        self.calls = 0
        self._error = error

    def __call__(self, _event):
        """Count, and fail."""
        self.calls += 1
        raise self._error


@pytest.mark.parametrize("error", [ValueError("mine"), asyncio.CancelledError()], ids=["an error", "a cancellation"])
async def test_a_hook_that_raises_harms_no_run(error, caplog):
    """The report is that of a run without a hook; the log says once that the hook fails, and it is called all the same."""
    reports, wrong = [], Wrong(error)
    for hook in (None, wrong):
        simulator = simulated(orders=30, latency_s=0.05, faults=[struck("drop_after", share=0.2)])
        with caplog.at_level(logging.ERROR, "engine"):
            async with engine_for(simulator, on_event=hook) as engine:
                reports.append(await engine.mass_cancel([account_of(simulator)]))

    assert [result.outcome for result in reports[0].results] == [result.outcome for result in reports[1].results]
    assert reports[0].accounts["alice"].requests == reports[1].accounts["alice"].requests
    assert wrong.calls > 30
    assert ["on_event has failed; later failures of it are counted and not told"] == [
        each.getMessage() for each in caplog.records
    ]


async def test_a_hook_may_stop_the_run():
    """An embedder can act on what it hears: here it stops the run at the tenth fate, and gets a true report."""
    simulator, progress, fates = simulated(orders=60, latency_s=0.05), Progress(), []

    def stop_at_ten(event):
        if isinstance(event, FateSettled):
            fates.append(event)
            if len(fates) == 10:
                progress.stop()

    async with engine_for(simulator, on_event=stop_at_ten) as engine:
        report = await engine.mass_cancel([account_of(simulator)], progress=progress)

    assert "stopped by the caller" == report.stop
    assert [] == lies(report.accounts["alice"], simulator.ledger)


async def later(_event):
    """A hook that would have to be awaited."""


class Later:
    """The same as an object."""

    async def __call__(self, _event):
        """See `later`."""


@pytest.mark.parametrize("hook", [later, Later(), 5, "print"])
async def test_what_cannot_be_called_as_a_hook_is_refused(hook):
    """A coroutine function would never run, and a word is no function: both are said at once."""
    with pytest.raises(ConfigError, match="on_event must be a"):
        async with engine_for(simulated(), on_event=hook):
            pass


def test_several_hooks_are_one():
    """Each is told, in order, also where one before it raises; and that is not hidden."""
    told = []
    hook = several(
        lambda event: told.append(("first", event)), Wrong(ValueError("mine")), lambda event: told.append(("last", event))
    )

    event = OutageBegan(venue="opinion", error="HTTP 500")
    with pytest.raises(ExceptionGroup, match="hooks have failed"):
        hook(event)

    assert [("first", event), ("last", event)] == told


async def test_no_event_tells_a_secret():
    """Neither a key nor what a signature is made with stands in any field of any event, whatever the venue answers."""
    simulator = simulated_polymarket(
        orders=40, faults=[FaultRule(POLYMARKET_FAULTS[name], times=2) for name in ("drop_after", "http_500")]
    )
    account, told = account_of(simulator), []
    async with engine_for(simulator, on_event=told.append) as engine:
        await engine.cancel_all(account, Scope(where=lambda _order: True))

    key = account.credentials
    secrets = [key.api_key.reveal(), key.secret.reveal(), key.passphrase.reveal()]
    shown = "\n".join(str([getattr(event, field.name) for field in fields(event)]) for event in told)
    assert [] == [secret for secret in secrets if secret in shown]
    assert len(told) > 40
