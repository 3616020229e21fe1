"""A run with a journal: what is written down of it, what is done when that fails, and how another life goes on with it."""

import json
import math

import anyio
import pytest
from crashing import live
from support import BASE_URL, account_of, both_venues, engine_for, lies, simulated, simulated_polymarket

from engine import (
    Account,
    CancelEngine,
    ConfigError,
    Fault,
    JournalError,
    Limits,
    Outcome,
    Progress,
    Scope,
    Window,
    largest,
)
from engine.core.plain import plain
from engine.core.quota import Allowance, Kind
from engine.journal import Journal
from engine.journal.entries import ANSWER, FATE, FOUND, INTENT, REQUEST, SUMMARY, each_of
from engine.journal.replay import replay
from engine.journal.store import FencedError, StoreError
from engine.recording import LONGEST_LINE
from engine.simulator import FaultRule, MemoryTransport
from engine.simulator.opinion import FAULTS
from engine.simulator.polymarket import FAULTS as POLYMARKET_FAULTS
from engine.venues.opinion import Opinion, OpinionKey

pytestmark = pytest.mark.anyio


OPEN = []


@pytest.fixture
def path(place):
    """Where the journal is; what a test has opened there is closed after it."""
    yield place.where
    while OPEN:
        OPEN.pop().close()


def opened(path, **options):
    """A journal that writes in the loop."""
    OPEN.append(Journal.open(path, in_loop=True, **options))
    return OPEN[-1]


class Failing:
    """A store that breaks after so many groups."""

    def __init__(self, store, good, error):
        self._store, self._good, self._error = store, good, error

    def __getattr__(self, name):
        return getattr(self._store, name)

    def write(self, *values):
        """See `Store`."""
        if self._good == 0:
            raise self._error
        self._good -= 1
        self._store.write(*values)


def singly(entries):
    """Kind and body of each entry, those that share one told apart."""
    for entry in entries:
        yield from each_of(entry.kind, json.loads(entry.body))


def breaking(path, *, good, error=None, **options):
    """A journal whose disk is full after so many groups."""
    journal = opened(path, **options)
    journal._writer._store = Failing(journal._writer._store, good, error or StoreError("the disk is full: make room"))
    return journal


# --- what is written down


@pytest.mark.parametrize("make", [simulated, simulated_polymarket])
async def test_the_report_is_read_back_as_it_was_given(make, path):
    """Filled, refused and cancelled orders, times, reasons, texts: the journal gives the same document as the run."""
    faults = FAULTS if make is simulated else POLYMARKET_FAULTS
    rules = [FaultRule(faults["drop_after"], share=0.2), FaultRule(faults["http_502"], share=0.1)]
    simulator = make(orders=40, faults=rules, latency_s=0.05)
    async with engine_for(simulator, journal=opened(path)) as engine:
        report = await engine.mass_cancel([account_of(simulator)], priority=largest, reason="leaked key", requested_by="ops")

    assert plain(report.to_dict()) == plain(opened(path).report(report.run_id).to_dict())
    assert ("leaked key", "ops") == (report.reason, report.requested_by)
    assert [] == opened(path).verify(report.run_id)


async def test_every_kind_of_call_is_recorded(path):
    """One order, known orders, a cancel-all and a stream: each is a run, with what it was for."""
    simulator = simulated(orders=4)
    ids = list(simulator.ledger.orders)
    async with engine_for(simulator, journal=opened(path)) as engine:
        alice = account_of(simulator)
        await engine.cancel_order(alice, ids[0])
        await engine.cancel_orders(alice, [ids[1], ids[1]])
        async with engine.stream([alice], Scope(side="buy")) as results:
            streamed = [result async for result in results]
        await engine.cancel_all(alice)
        runs = opened(path).runs()

    assert ["mass", "mass", "orders", "orders"] == [run.header["call"] for run in runs]
    assert ["finished"] * 4 == [run.state for run in runs]
    assert [4 - 2 - len(streamed), len(streamed), 2, 1] == [run.total for run in runs]
    assert "buy" == runs[1].header["scope"]["side"]


async def test_an_intent_is_on_disk_before_its_cancel_leaves(path):
    """Whenever a cancel reaches the venue, the journal names its orders already."""
    simulator = simulated(orders=30, latency_s=0.01)
    missing = []

    class Looking(MemoryTransport):
        async def send(self, request, *, on_sent):
            if "cancel" in request.url:
                (run,) = journal.runs()
                entries = [*singly(journal.entries(run.run_id))]
                named = {place for kind, body in entries if kind == INTENT for place in body[1]}
                ids = {body[0]: body[1] for kind, body in entries if kind == FOUND}
                missing.extend(
                    each for each in [json.loads(request.body)["orderId"]] if each not in {ids[place] for place in named}
                )
            return await super().send(request, on_sent=on_sent)

    journal = opened(path)
    async with engine_for(simulator, journal=opened(path)) as engine:
        engine._desk.transport = Looking(simulator)
        summary = await engine.cancel_all(account_of(simulator))

    assert 30 == summary.cancelled
    assert [] == missing


async def test_the_record_tells_every_request(path):
    """As many requests as the ledger saw stand in the journal, each with what came back."""
    simulator = simulated(orders=25, latency_s=0.05, faults=[FaultRule(FAULTS["result_false"], share=0.3)])
    async with engine_for(simulator, journal=opened(path)) as engine:
        report = await engine.mass_cancel([account_of(simulator)])
    entries = [*singly(opened(path).entries(report.run_id))]
    kinds = [kind for kind, _ in entries]
    intended = sum(len(body[1]) for kind, body in entries if kind == INTENT)

    assert len(simulator.ledger.requests) == kinds.count(ANSWER) == intended + kinds.count(REQUEST)
    assert len(simulator.ledger.requests_of("alice", routes={"cancel"})) == intended
    assert 25 <= kinds.count(FATE)
    assert 1 == kinds.count(SUMMARY)


async def test_what_leaves_in_a_moment_is_written_down_together(path):
    """Without limits a line of cancels is one entry, no longer than its bound; at one a second, each has an entry of its own."""
    lines = {}
    for name, window in (("fast", None), ("slow", Window(1, 1.0))):
        simulator = simulated(orders=200 if window is None else 8, quota=None, latency_s=0.01)
        limits = Limits(per_account=() if window is None else (window,))
        async with engine_for(simulator, journal=opened(path), limits=limits) as engine:
            report = await engine.mass_cancel([account_of(simulator)])
        entries = opened(path).entries(report.run_id)
        lines[name] = [len(json.loads(entry.body)[1]) for entry in entries if entry.kind == INTENT]

    assert (200, 8) == (sum(lines["fast"]), sum(lines["slow"]))
    assert 32 <= max(lines["fast"]) <= LONGEST_LINE
    assert len(lines["fast"]) <= 20
    assert {1} == set(lines["slow"])


async def test_a_mass_cancel_without_an_answer_may_have_cancelled_more_than_is_named(path):
    """Where the record ends before its answer, the report says that orders may be missing from it; else it does not."""
    simulator = simulated_polymarket(orders=20)
    async with engine_for(simulator, journal=opened(path)) as engine:
        report = await engine.mass_cancel([account_of(simulator)])
    entries = [*opened(path).entries(report.run_id)]
    at = next(at for at, entry in enumerate(entries) if entry.kind == INTENT and Kind(json.loads(entry.body)[0]).is_mass)

    assert replay(entries[: at + 1]).report().accounts["alice"].is_uncounted
    assert not replay(entries).report().accounts["alice"].is_uncounted


async def test_what_a_killed_process_may_have_sent_counts_as_late_as_it_can_have_left(path):
    """A line says when it was written, not when its requests left: wherever a record ends, as many count, as late or later."""
    latency_s = 0.05
    simulator = simulated(orders=60, latency_s=latency_s)
    async with engine_for(simulator, journal=opened(path)) as engine:
        began_s = anyio.current_time()
        report = await engine.mass_cancel([account_of(simulator)])
    entries = [*opened(path).entries(report.run_id)]

    for end in range(5, len(entries), 3):
        part, last_ms = replay(entries[:end]).parts[1], entries[end - 1].at_ms
        left_ms = (1000 * (request.time_s - began_s - latency_s / 2) for request in simulator.ledger.requests)
        left_ms = sorted((each for each in left_ms if each <= last_ms - 1), reverse=True)
        counted_ms = sorted((math.inf if sent.at_ms is None else sent.at_ms for sent in part.sent), reverse=True)
        assert len(left_ms) <= len(counted_ms)
        assert all(left - 1 <= counted for left, counted in zip(left_ms, counted_ms, strict=False))


async def test_no_secret_is_in_the_file(file):
    """Keys and signatures are in no byte of the journal, even where the venue repeats them."""
    opinion = simulated(orders=6, faults=[FaultRule(FAULTS["echo_key"], share=0.5)] if "echo_key" in FAULTS else [])
    polymarket = simulated_polymarket(orders=6)
    accounts = [
        Account("o", account_of(opinion).credentials, "opinion"),
        Account("p", account_of(polymarket).credentials, "polymarket"),
    ]
    async with both_venues(opinion, polymarket, journal=opened(file.path)) as engine:
        report = await engine.mass_cancel(accounts)
    written = b"".join(each.read_bytes() for each in file.path.parent.iterdir())

    assert 12 == report.total
    for account in accounts:
        for secret in (opinion if account.name == "o" else polymarket) and _secrets(account):
            assert secret.encode() not in written


def _secrets(account):
    key = account.credentials
    parts = [key.api_key] if isinstance(key, OpinionKey) else [key.api_key, key.secret, key.passphrase]
    return [part.reveal() for part in parts]


# --- when it cannot be written


@pytest.mark.parametrize("good", range(1, 8))
async def test_a_full_disk_does_not_keep_orders_on_the_book(good, path):
    """By default the run goes on without a record, and says so; the report is true and complete."""
    simulator = simulated(orders=25, latency_s=0.01)
    async with engine_for(simulator, journal=breaking(path, good=good)) as engine:
        report = await engine.mass_cancel([account_of(simulator)])

    assert (25, True) == (report.cancelled, report.is_clean)
    assert set() == simulator.ledger.open_ids("alice")
    assert "the disk is full: make room" == report.unrecorded
    assert ["journal"] == [trouble.kind for trouble in report.troubles]


@pytest.mark.parametrize("good", range(1, 8))
async def test_a_run_that_must_be_recorded_stops_where_it_cannot_be(good, path):
    """With `if_lost="stop"`, no cancel leaves after the record is lost, and the report says why and what may be live."""
    simulator = simulated(orders=25, latency_s=0.01)
    async with engine_for(simulator, journal=breaking(path, good=good, if_lost="stop")) as engine:
        report = await engine.mass_cancel([account_of(simulator)])
    summary = report.accounts["alice"]
    cancels = {request.order_id for request in simulator.ledger.requests if request.route == "cancel"}
    with opened(path) as journal:
        record = journal.read(report.run_id)
    intended = {slot.order_id for slot in record.parts[1].slots if slot.attempts}

    assert [] == lies(summary, simulator.ledger)
    assert cancels <= intended
    if summary.fault_code is not None:
        assert Fault.JOURNAL is summary.fault_code
        assert "the disk is full: make room" in summary.fault
        assert not report.is_clean


async def test_a_run_that_was_taken_over_stops_whatever_was_asked(path):
    """Two processes never work on one run: the one that lost it sends no further cancel."""
    simulator = simulated(orders=25, latency_s=0.01)
    error = FencedError("the run was taken over by another process")
    async with engine_for(simulator, journal=breaking(path, good=6, error=error)) as engine:
        report = await engine.mass_cancel([account_of(simulator)])

    assert Fault.JOURNAL is report.accounts["alice"].fault_code
    assert 0 < report.at_risk <= len(simulator.ledger.open_ids("alice"))
    assert [] == lies(report.accounts["alice"], simulator.ledger)


async def test_a_disk_that_is_full_from_the_beginning_is_said_before_anything_is_sent(path):
    """Before the run there is time to say so: an error that names the reason, and the venue has heard nothing."""
    simulator = simulated(orders=3)
    async with engine_for(simulator, journal=breaking(path, good=0)) as engine:
        with pytest.raises(JournalError, match="was not begun: the disk is full"):
            await engine.cancel_all(account_of(simulator))

    assert [] == simulator.ledger.requests


async def test_a_journal_that_cannot_be_begun_is_said_before_anything_is_sent(path):
    """A record that cannot even be made is an error, and the venue has heard nothing."""
    simulator = simulated(orders=3)
    journal = opened(path)
    journal.close()
    async with engine_for(simulator, journal=journal) as engine:
        with pytest.raises(JournalError):
            await engine.cancel_all(account_of(simulator))

    assert [] == simulator.ledger.requests


async def test_the_other_reads_need_no_journal(path):
    """Plans, listings and reads write nothing down."""
    simulator = simulated(orders=3)
    async with engine_for(simulator, journal=opened(path)) as engine:
        await engine.plan([account_of(simulator)])
        assert 3 == len([order async for order in engine.open_orders(account_of(simulator))])

    assert [] == opened(path).runs()


# --- another life


async def test_a_run_whose_record_was_lost_is_gone_on_with_by_the_same_process(path):
    """Once there is room on the disk again, a run that stopped for want of it is resumed, with all that it had on record."""
    simulator = simulated(orders=25, latency_s=0.01)
    async with engine_for(simulator, journal=breaking(path, good=6, if_lost="stop")) as engine:
        first = await engine.mass_cancel([account_of(simulator)])
    async with engine_for(simulator, journal=opened(path)) as engine:
        second = await engine.resume(first.run_id, [account_of(simulator)])

    assert 0 < first.cancelled < 25 == second.cancelled
    assert set() == simulator.ledger.open_ids("alice")


async def stopped(simulator, path, *, at_s, scope=None, **options):
    """A run that is stopped at this moment: its report."""
    progress = Progress()
    async with engine_for(simulator, journal=opened(path)) as engine, anyio.create_task_group() as tasks:

        async def stop():
            await anyio.sleep(at_s)
            progress.stop()

        tasks.start_soon(stop)
        report = await engine.mass_cancel([account_of(simulator)], scope or Scope(), progress=progress, **options)
        tasks.cancel_scope.cancel()
    return report


async def test_a_stopped_run_is_gone_on_with(path):
    """What was settled stays, in its place; the rest is done; the report is of the whole, from its first beginning."""
    simulator = simulated(orders=60, latency_s=0.05)
    first = await stopped(simulator, path, at_s=2.0, reason="4", requested_by="desk")
    await anyio.sleep(10)
    async with engine_for(simulator, journal=opened(path), wall_clock=lambda: first.started_at + anyio.current_time()) as engine:
        second = await engine.resume(first.run_id, [account_of(simulator)], reason="go on", requested_by="night shift")
    before, after = first.accounts["alice"].results, second.accounts["alice"].results
    settled = [result for result in before if result.success]

    assert 0 < len(settled) < 60
    assert [result.to_dict() for result in settled] == [after[result.index].to_dict() for result in settled]
    assert [result.order_id for result in before] == [result.order_id for result in after[: len(before)]]
    assert (60, 60, None) == (second.total, second.cancelled, second.stop)
    assert ("stop trading (FIX 2675=4)", "desk") == (second.reason, second.requested_by)
    assert second.elapsed_s > 12
    assert len(simulator.ledger.requests) == second.accounts["alice"].requests
    assert plain(second.to_dict()) == plain(opened(path).report(first.run_id).to_dict())


async def test_a_finished_run_gives_its_report(path):
    """There is nothing to go on with: the report comes again, and nothing is sent."""
    simulator = simulated(orders=3)
    async with engine_for(simulator, journal=opened(path)) as engine:
        report = await engine.mass_cancel([account_of(simulator)])
        sent = len(simulator.ledger.requests)
        again = await engine.resume(report.run_id, [])

    assert plain(report.to_dict()) == plain(again.to_dict())
    assert sent == len(simulator.ledger.requests)


async def test_a_run_under_way_is_not_resumed(path):
    """While its process lives, nobody else can take it."""
    simulator = simulated(orders=60, latency_s=0.05)
    async with engine_for(simulator, journal=opened(path)) as engine, anyio.create_task_group() as tasks:
        tasks.start_soon(engine.mass_cancel, [account_of(simulator)])
        await anyio.sleep(1.0)
        (run,) = opened(path).runs()
        with pytest.raises(JournalError, match="which lives"):
            await engine.resume(run.run_id, [account_of(simulator)])

    assert "running" == run.state
    assert 60 == opened(path).runs()[0].by_outcome[Outcome.CANCELLED]


WRONG = {
    "no such run": (lambda run_id, account: ("feedfeedfeed", [account]), "no run"),
    "no accounts": (lambda run_id, _account: (run_id, []), "not done with alice"),
    "another key": (lambda run_id, _account: (run_id, [Account("alice", OpinionKey("another"))]), "key is another one"),
    "no list": (lambda run_id, _account: (run_id, "alice"), "accounts must come"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_cannot_be_resumed_is_said_and_nothing_is_sent(wrong, path):
    """A missing run, a missing account, another key: an error before anything is sent, and the run can be resumed rightly."""
    simulator = simulated(orders=40, latency_s=0.05)
    first = await stopped(simulator, path, at_s=1.5)
    sent = len(simulator.ledger.requests)
    make, words = WRONG[wrong]
    async with engine_for(simulator, journal=opened(path)) as engine:
        run_id, accounts = make(first.run_id, account_of(simulator))
        with pytest.raises(ConfigError, match=words):
            await engine.resume(run_id, accounts)
        assert sent == len(simulator.ledger.requests)
        assert 40 == (await engine.resume(first.run_id, [account_of(simulator)])).cancelled


async def test_another_address_is_taken_only_if_that_is_said(path):
    """Elsewhere the orders may be unknown, and would be called so; a venue with two addresses is no reason to begin anew."""
    simulator = simulated(orders=40, latency_s=0.05)
    first = await stopped(simulator, path, at_s=1.5)
    sent = len(simulator.ledger.requests)
    venue = Opinion("http://127.0.0.1:10")
    async with CancelEngine(venue, transport=MemoryTransport(simulator), journal=opened(path)) as engine:
        with pytest.raises(JournalError, match="would go on at"):
            await engine.resume(first.run_id, [account_of(simulator)])
        assert sent == len(simulator.ledger.requests)
        report = await engine.resume(first.run_id, [account_of(simulator)], takes_new_address=True)

    assert 40 == report.cancelled


async def test_a_new_key_of_the_same_account_is_taken_if_that_is_said(path):
    """A key may have been changed because of what the run was for."""
    simulator = simulated(orders=40, latency_s=0.05)
    first = await stopped(simulator, path, at_s=1.5)
    known = simulator.account("alice")
    new_key = simulator.renew_key("alice") if hasattr(simulator, "renew_key") else None
    account = Account("alice", OpinionKey(new_key or known.api_key))
    async with engine_for(simulator, journal=opened(path)) as engine:
        report = await engine.resume(first.run_id, [account], takes_new_keys=True)

    assert 40 == report.cancelled


async def test_a_predicate_must_be_given_again(path):
    """A record cannot hold a function: without it, the run is not resumed; with it, its scope is what it was."""
    simulator = simulated(orders=40, latency_s=0.05)
    cheap = Scope(where=lambda order: order.price < order.price.from_float(0.5))
    first = await stopped(simulator, path, at_s=0.5, scope=cheap)
    async with engine_for(simulator, journal=opened(path)) as engine:
        with pytest.raises(JournalError, match="where="):
            await engine.resume(first.run_id, [account_of(simulator)])
        report = await engine.resume(first.run_id, [account_of(simulator)], where=cheap.where)

    assert report.is_clean
    assert 0 < report.total < 40
    assert 40 - report.total == len(simulator.ledger.open_ids("alice"))


async def test_no_window_is_exceeded_over_a_crash(place):
    """What was sent in the first life counts in the second: the venue counts it, too."""
    simulator = simulated(orders=60, latency_s=0.02)
    account = account_of(simulator)

    def clock():
        return 1_000.0 + anyio.current_time()

    async def first(engine):
        return await engine.mass_cancel([account])

    report = await live(simulator, place, first, steps=150, away_s=0.1, wall_clock=clock)
    assert report is None
    async with engine_for(simulator, journal=opened(place.where), wall_clock=clock) as engine:
        (run,) = opened(place.where).runs()
        report = await engine.resume(run.run_id, [account])

    assert 60 == report.cancelled
    assert simulator.ledger.most_in_window("alice", 1.0) <= 15
    assert 0 == simulator.ledger.refused_for_pace("alice")


async def test_a_request_that_stands_alone_and_has_no_answer_counts_as_late_too(path):
    """It may have been written down ahead of its turn, or have waited for the disk: when it was written says nothing."""
    simulator = simulated(orders=4, quota=None, latency_s=0.01)
    async with engine_for(simulator, journal=opened(path), limits=Limits(per_account=(Window(1, 1.0),))) as engine:
        report = await engine.mass_cancel([account_of(simulator)])
    entries = [*opened(path).entries(report.run_id)]
    ends = [at for at, entry in enumerate(entries, 1) if entry.kind in (INTENT, REQUEST)]

    assert 4 < len(ends)
    assert {None} == {replay(entries[:end]).parts[1].sent[-1].at_ms for end in ends}


async def test_a_slow_start_of_the_next_life_is_not_taken_for_the_way_there(path):
    """Requests that are held up on their way count as late as that, from the first on: an earlier life knows the way."""
    simulator = simulated(orders=60, latency_s=0.05)
    progress = Progress()

    class HeldUp(MemoryTransport):
        left = 15

        async def send(self, request, *, on_sent):
            if not self.left:
                return await super().send(request, on_sent=on_sent)
            self.left -= 1
            on_sent()
            await anyio.sleep(0.4)
            return await super().send(request, on_sent=lambda: None)

    async with engine_for(simulator, journal=opened(path)) as engine, anyio.create_task_group() as tasks:

        async def stop():
            await anyio.sleep(2.0)
            progress.stop()

        tasks.start_soon(stop)
        first = await engine.mass_cancel([account_of(simulator)], progress=progress)
    await anyio.sleep(2.0)
    async with engine_for(simulator, journal=opened(path)) as engine:
        engine._desk.transport = HeldUp(simulator)
        second = await engine.resume(first.run_id, [account_of(simulator)])

    assert 0 < first.cancelled < 60 == second.cancelled
    assert (15, 0) == (simulator.ledger.most_in_window("alice", 1.0), simulator.ledger.refused_for_pace())


async def test_the_days_allowance_is_counted_over_lives(path):
    """A restart does not give the day's cancels back."""
    simulator = simulated(orders=60, latency_s=0.05)
    limits = Limits(per_account=(Window(15, 1.0),), allowance=Allowance(40))
    progress = Progress()
    wall = {"wall_clock": lambda: 5e8 + anyio.current_time()}
    async with engine_for(simulator, journal=opened(path), limits=limits, **wall) as engine, anyio.create_task_group() as tasks:

        async def stop():
            await anyio.sleep(2.0)
            progress.stop()

        tasks.start_soon(stop)
        first = await engine.mass_cancel([account_of(simulator)], progress=progress)
    async with engine_for(simulator, journal=opened(path), limits=limits, **wall) as engine:
        second = await engine.resume(first.run_id, [account_of(simulator)])

    assert 0 < first.cancelled < 40 == second.cancelled
    assert Fault.ALLOWANCE is second.accounts["alice"].fault_code


async def test_accounts_that_are_done_stay_done(path):
    """Of three accounts, the one that is done is not asked for a key again, and its summary is the one it had."""
    simulator = simulated(orders=5, latency_s=0.05)
    simulator.add_account("bob", orders=60)
    simulator.add_account("carol", orders=40)
    accounts = [account_of(simulator, name) for name in ("alice", "bob", "carol")]
    progress = Progress()
    async with engine_for(simulator, journal=opened(path), active_accounts=2) as engine, anyio.create_task_group() as tasks:

        async def stop():
            await anyio.sleep(2.5)
            progress.stop()

        tasks.start_soon(stop)
        first = await engine.mass_cancel(accounts, progress=progress)
        tasks.cancel_scope.cancel()
    async with engine_for(simulator, journal=opened(path)) as engine:
        second = await engine.resume(first.run_id, accounts[1:])

    assert first.accounts["alice"].is_clean
    assert plain(first.accounts["alice"].to_dict()) == plain(second.accounts["alice"].to_dict())
    assert ["alice", "bob", "carol"] == list(second.accounts)
    assert (105, True) == (second.cancelled, second.is_clean)


async def test_an_engine_without_a_journal_cannot_resume():
    """It says what to do instead."""
    async with CancelEngine(Opinion(BASE_URL)) as engine:
        with pytest.raises(JournalError, match=r"journal=Journal\.open"):
            await engine.resume("feedfeedfeed", [])
