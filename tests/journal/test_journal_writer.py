"""The writer: what it keeps, in which order, and what it says when it cannot. Real threads, and the real clock."""

import asyncio
import random
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from journal.records import NOW_MS, another_process, begun, heard, told

from engine.journal import writing
from engine.journal.entries import END, FATE, FOUND, INTENT, RESUMED, RUN, Entry
from engine.journal.holding import this_process
from engine.journal.sqlite import SqliteStore
from engine.journal.store import BusyError, StoreError, UnknownRunError
from engine.journal.verifying import verify
from engine.journal.writing import Writer

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent


def made(run, kind=FATE, body=None):
    """The next entry of a run."""
    seq = run.seq
    run.seq += 1
    account = 0 if kind in (RUN, RESUMED, END) else 1
    default = {RUN: {}, RESUMED: {}, END: {"stop": None}, FATE: [seq, "cancelled"], FOUND: [seq, "x"], INTENT: ["cancel", [seq]]}
    return Entry(seq, 0, kind, account, default[kind] if body is None else body)


@contextmanager
def writing_to(store, **options):
    """A writer that is closed again."""
    writer = Writer(store, **options)
    try:
        yield writer
    finally:
        writer.close()


@contextmanager
def held(path):
    """The file in somebody else's hands."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


def groups(store, run_id="a"):
    """How many entries each group of a record has."""
    ends = [entry.seq for entry in store.entries(store.find(run_id)) if entry.seal is not None]
    return [end - before for before, end in zip([-1, *ends], ends, strict=False)]


async def until(claim, most_s=5.0):
    """Wait for something that a thread does."""
    until_s = time.monotonic() + most_s
    while not claim():
        assert time.monotonic() < until_s
        await anyio.sleep(0.005)


class Broken(SqliteStore):
    """A store that cannot write one of its runs, for a reason of ours."""

    def __init__(self, path, run_id, error):
        super().__init__(path)
        self._run_id, self._error = run_id, error

    def write(self, run, *what):
        """As a store does, for the other runs."""
        if run.run_id == self._run_id:
            raise self._error
        super().write(run, *what)


class Hanging(SqliteStore):
    """A store that stands still until it is let go."""

    def __init__(self, path):
        super().__init__(path)
        self.go = threading.Event()
        self.go.set()

    def begin(self, *what):
        """As a store does, later."""
        self.go.wait(20)
        return super().begin(*what)

    def write(self, *what):
        """As a store does, later."""
        self.go.wait(20)
        super().write(*what)


async def test_what_is_committed_is_on_disk(place):
    """When `commit` says yes, another store reads the entry and all that was put before it."""
    reader = place.store()
    with writing_to(place.store()) as writer:
        run = await writer.begin("a", NOW_MS)
        assert ("a", 0, reader.salt, None, False) == (run.run_id, run.seq, run.salt, run.lost, run.is_fenced)
        run.put([made(run, RUN)])
        for _ in range(20):
            run.put([made(run), made(run)])
            assert await run.commit([made(run, INTENT)])
            assert list(range(run.seq)) == [entry.seq for entry in reader.entries(reader.find("a"))]
        assert await run.end([made(run, END)])

    assert [] == verify(reader, reader.find("a"))
    assert "finished" == reader.find("a").state


async def test_what_nobody_waits_for_is_written_soon(place):
    """Entries that are put are written without anybody's asking."""
    reader = place.store()
    with writing_to(place.store()) as writer:
        run = await writer.begin("a", NOW_MS)
        run.put([made(run, RUN)])

        await until(lambda: reader.find("a").last == 0)


async def test_a_commit_of_nothing_waits_for_all_before(place):
    """`commit([])` says yes once everything that was put is on disk."""
    reader = place.store()
    with writing_to(place.store()) as writer:
        run = await writer.begin("a", NOW_MS)
        run.put([made(run, RUN), *(made(run) for _ in range(999))])

        assert await run.commit([])
        assert 999 == reader.find("a").last


async def test_what_is_put_at_once_stays_together(file):
    """No group ends in the middle of what was put at once, and none holds more than its bound unless one call had more."""
    with writing_to(file.store()) as writer:
        run = await writer.begin("a", NOW_MS)
        for _ in range(3_000):
            run.put([made(run) for _ in range(7)])
        run.put([made(run) for _ in range(7 * 1_000)])
        run.put([made(run) for _ in range(7)])
        assert await run.commit([])

    sizes = groups(file.store())
    assert 28_007 == sum(sizes)
    assert {0} == {size % 7 for size in sizes}
    assert [7_000] == [size for size in sizes if size > writing.MOST_IN_GROUP]


async def test_nobody_waits_for_company(file):
    """A commit does not linger as entries do that nobody waits for: most take far less time than that."""
    store = file.store()
    store.ask("PRAGMA synchronous = OFF")  # the disk's own time is not what is looked at
    with writing_to(store) as writer:
        run = await writer.begin("a", NOW_MS)
        took_s = []
        for _ in range(50):
            start_s = time.monotonic()
            assert await run.commit([made(run, INTENT)])
            took_s.append(time.monotonic() - start_s)

    assert sorted(took_s)[25] < writing.LINGER_S * 0.8


async def test_many_who_wait_share_a_group(file):
    """Sixty-four who commit at the same moment are answered by a few groups."""
    with writing_to(file.store()) as writer:
        run = await writer.begin("a", NOW_MS)
        await run.commit([made(run, RUN)])
        answers = await asyncio.gather(*(run.commit([made(run, INTENT)]) for _ in range(64)))

    assert [True] * 64 == answers
    assert len(groups(file.store())) < 16


async def test_two_hundred_thousand_fates_take_few_groups(place):
    """A large run is written in groups of thousands, in its order, while the loop goes on."""
    reader = place.store()
    with writing_to(place.store(), patience_s=60.0) as writer:
        run = await writer.begin("a", NOW_MS)
        run.put([made(run, RUN)])
        for at in range(2_000):
            run.put([made(run) for _ in range(100)])
            if at % 100 == 0:
                await anyio.lowlevel.checkpoint()
        assert await run.commit([])

    assert {"cancelled": 200_000} == reader.outcomes(reader.find("a"))
    assert len(groups(reader)) < 400
    assert [] == verify(reader, reader.find("a"))


async def test_many_runs_at_once_are_each_whole(place):
    """Runs that put and commit in any order, at any moment, all have a whole record at their end."""
    dice = random.Random(1)

    async def one(writer, run_id):
        run = await writer.begin(run_id, NOW_MS)
        run.put([made(run, RUN)])
        for _ in range(dice.randrange(30)):
            run.put([made(run) for _ in range(dice.randrange(4))])
            if dice.random() < 0.5:
                assert await run.commit([made(run, INTENT) for _ in range(dice.randrange(3))])
        assert await run.end([made(run, END)])
        return run

    with writing_to(place.store()) as writer:
        runs = await asyncio.gather(*(one(writer, f"run {number}") for number in range(12)))

    store = place.store()
    for run in runs:
        row = store.find(run.run_id)
        assert (run.seq - 1, "finished", []) == (row.last, row.state, verify(store, row))


async def test_a_claimed_run_goes_on_behind_its_last_entry(place):
    """The handle of a claimed run has the next number, and its seals follow from those before."""
    pen = begun(place.store())
    pen.write((RUN, 0, {}), (FOUND, 1, [0, "x"]), (END, 0, {"stop": "asked"}))
    with writing_to(place.store()) as writer:
        run = await writer.claim("a")
        assert 3 == run.seq
        assert await run.commit([made(run, RESUMED)])
        assert await run.end([made(run, END)])

    store = place.store()
    assert (4, "finished", 2) == (store.find("a").last, store.find("a").state, store.find("a").epoch)
    assert [] == verify(store, store.find("a"))


async def test_what_cannot_be_taken_is_said(place):
    """A run that is held, one that is not there and a name that is taken are errors of the one who asks, and others go on."""
    with writing_to(place.store()) as writer, writing_to(place.store()) as other:
        await other.begin("a", NOW_MS)
        with pytest.raises(BusyError):
            await writer.claim("a")
        with pytest.raises(UnknownRunError):
            await writer.claim("b")
        with pytest.raises(StoreError, match="already"):
            await writer.begin("a", NOW_MS)
        run = await writer.begin("c", NOW_MS)
        assert await run.commit([made(run, RUN)])


async def test_a_run_that_was_given_up_may_be_taken_by_the_same_process(place):
    """A record that was lost, or that nobody in this process writes, is no longer held by it, though it lives."""
    begun(place.store())
    with writing_to(place.store()) as writer:
        taken = await writer.claim("a")
        taken.lose("a disk that was full")
        again = await writer.claim("a")

    assert (2, 3) == (taken.row.epoch, again.row.epoch)


@pytest.mark.parametrize(
    ("error", "words"),
    [(StoreError("no room"), "no room"), (RuntimeError("odd"), "internal error: RuntimeError('odd')")],
    ids=["foreseen", "unforeseen"],
)
async def test_a_run_that_cannot_be_written_is_lost_alone(file, error, words):
    """Whatever goes wrong with a run, whoever waits for it is told, it is lost for good, and the others go on."""
    with writing_to(Broken(file.path, "a", error)) as writer:
        lost, well = await writer.begin("a", NOW_MS), await writer.begin("b", NOW_MS)
        answers = await asyncio.gather(
            lost.commit([made(lost, RUN)]), well.commit([made(well, RUN)]), lost.commit([made(lost)]), well.commit([])
        )
        assert [False, True, False, True] == answers
        assert (words, False) == (lost.lost, lost.is_fenced)
        lost.put([made(lost)])
        assert not await lost.commit([])
        assert not await lost.end([made(lost, END)])
        assert await well.end([made(well, END)])
        assert well.lost is None


class Hiccup(Hanging):
    """A store that cannot write once, and can again."""

    error = None

    def write(self, *what):
        """As a store does, but for once."""
        self.go.wait(20)
        error, self.error = self.error, None
        if error is not None:
            raise error
        super().write(*what)


async def test_a_record_has_no_hole(file):
    """After a group that could not be written none is, though it was put before that was known and the disk is well again."""
    store = Hiccup(file.path)
    with writing_to(store) as writer:
        run, well = await writer.begin("a", NOW_MS), await writer.begin("b", NOW_MS)
        assert await run.commit([made(run, RUN)])
        store.go.clear()
        store.error = StoreError("no room")
        for _ in range(3):
            run.put([made(run) for _ in range(writing.MOST_IN_GROUP)])
        store.go.set()
        assert not await run.commit([])
        assert await well.commit([made(well, RUN)])

    assert "no room" == run.lost
    assert [0] == [entry.seq for entry in file.store().entries(run.row)]


async def test_an_entry_that_is_no_json_loses_its_run(file):
    """An entry that cannot be written down does not hang whoever waits, nor the other runs."""
    with writing_to(file.store()) as writer:
        lost, well = await writer.begin("a", NOW_MS), await writer.begin("b", NOW_MS)
        assert not await lost.commit([made(lost, RUN, body={"what": object()})])
        assert not await lost.commit([made(lost, RUN, body={"what": float("nan")})])
        assert await well.commit([made(well, RUN)])

    assert lost.lost.startswith("internal error: TypeError(")


async def test_whoever_was_taken_over_is_told_so(place):
    """After another process has taken the run the next commit fails, and the handle says that this was the reason."""
    with writing_to(place.store()) as writer:
        run = await writer.begin("a", NOW_MS)
        assert await run.commit([made(run, RUN)])
        place.change("UPDATE run SET epoch = epoch + 1")
        assert not await run.commit([made(run)])

    assert run.is_fenced
    assert run.lost == "run 'a' was taken over by another process, or removed: this one keeps no more of it"
    assert 0 == place.store().find("a").last


async def test_patience_ends(file):
    """Where the disk does not answer in time, everybody who waits is told so, and the run is lost."""
    with writing_to(file.store(), patience_s=0.2) as writer:
        run = await writer.begin("a", NOW_MS)
        start_s = time.monotonic()
        with held(file.path):
            assert [False, False] == await asyncio.gather(run.commit([made(run, RUN)]), run.commit([made(run)]))
        waited_s = time.monotonic() - start_s

        assert 0.15 < waited_s < 1.5
        assert "the journal did not answer within 0.2 s" == run.lost
        assert not await run.commit([made(run)])


async def test_patience_ends_for_a_run_that_begins(file):
    """A run that cannot be made in time is an error, and what comes of it later is not beaten for."""
    store = Hanging(file.path)
    store.go.clear()
    with writing_to(store, patience_s=0.1) as writer:
        with pytest.raises(StoreError, match=r"the journal did not answer within 0\.2 s"):
            await writer.begin("a", NOW_MS)
        with anyio.move_on_after(0.05) as scope:
            await writer.begin("b", NOW_MS)
        store.go.set()
        run = await writer.begin("c", NOW_MS)
        assert await run.commit([made(run, RUN)])
        assert scope.cancelled_caught
        assert ["c"] == [each.run_id for each in writer._runs if each.lost is None]


async def test_whoever_is_cancelled_while_waiting_loses_nothing(file):
    """A commit whose caller is cancelled is written all the same, and the run goes on."""
    with writing_to(file.store()) as writer:
        run = await writer.begin("a", NOW_MS)
        with held(file.path), anyio.move_on_after(0.1) as scope:
            await run.commit([made(run, RUN)])
        assert scope.cancelled_caught
        assert await run.commit([made(run)])
        assert run.lost is None

    assert 1 == file.store().find("a").last


async def test_the_end_is_not_cut_short(file):
    """`end` waits through a cancellation of either kind, keeps what it was given, and takes nothing more."""
    store = Hanging(file.path)
    with writing_to(store) as writer:
        one, two = await writer.begin("a", NOW_MS), await writer.begin("b", NOW_MS)
        answers = []

        async def ends():
            answers.append(await one.end([made(one, RUN), made(one, END)]))

        store.go.clear()
        threading.Timer(0.3, store.go.set).start()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ends)
            native = asyncio.create_task(two.end([made(two, RUN), made(two, END)]))
            await anyio.sleep(0.05)
            native.cancel()
            await anyio.sleep(0.05)
            assert not native.done()
            tasks.cancel_scope.cancel()
        assert store.go.is_set()
        with pytest.raises(asyncio.CancelledError):
            await native
        assert [True] == answers
        assert not await one.commit([made(one)])
        one.put([made(one)])
        assert one.lost is None

    runs = file.store().runs()
    assert [("finished", 1), ("finished", 1)] == [(run.state, run.last) for run in runs]


async def test_the_end_is_bounded(file):
    """`end` does not wait for a disk that does not answer."""
    store = Hanging(file.path)
    with writing_to(store, patience_s=0.1) as writer:
        run = await writer.begin("a", NOW_MS)
        store.go.clear()
        assert not await run.end([made(run, RUN), made(run, END)])
        assert "the journal did not answer within 0.1 s" == run.lost
        store.go.set()


def test_a_loop_that_is_closed_is_no_harm(file):
    """Whoever waited in a loop that is gone by now is not waited for, and another loop writes on."""
    store = Hanging(file.path)
    with writing_to(store) as writer:

        async def leaves():
            run = await writer.begin("a", NOW_MS)
            store.go.clear()
            task = asyncio.ensure_future(run.commit([made(run, RUN)]))
            await asyncio.sleep(0.05)
            task.cancel()
            return run

        async def goes_on(run):
            assert await run.commit([made(run)])
            return (await writer.begin("b", NOW_MS)).run_id

        run = asyncio.run(leaves())
        store.go.set()
        assert "b" == asyncio.run(goes_on(run))

    assert 1 == file.store().find("a").last


async def test_closing_writes_what_is_left(place):
    """What was put before closing is on disk afterwards; closing twice does nothing, and what comes later is refused softly."""
    writer = Writer(place.store())
    run = await writer.begin("a", NOW_MS)
    run.put([made(run, RUN)])
    for _ in range(100):
        run.put([made(run) for _ in range(100)])
    writer.close()
    writer.close()
    run.put([made(run)])

    assert not await run.commit([made(run)])
    assert "the journal was closed" == run.lost
    with pytest.raises(StoreError, match="the journal was closed"):
        await writer.begin("b", NOW_MS)
    with pytest.raises(StoreError, match="the journal was closed"):
        await writer.claim("a")
    assert 10_000 == place.store().find("a").last


def test_closing_does_not_wait_for_ever(file):
    """A disk that never answers holds closing up for a few seconds, no longer."""
    store = Hanging(file.path)
    writer = Writer(store)

    async def writes():
        run = await writer.begin("a", NOW_MS)
        store.go.clear()
        run.put([made(run, RUN)])
        await asyncio.sleep(0.1)

    asyncio.run(writes())
    start_s = time.monotonic()
    writer.close()
    waited_s = time.monotonic() - start_s
    store.go.set()

    assert writing.CLOSE_S - 1 < waited_s < writing.CLOSE_S + 2


def test_a_writer_that_was_never_used_closes():
    """A writer without a run has no thread, and gives its store back."""
    with closing(sqlite3.connect(":memory:")):
        before = threading.active_count()
        closed = []

        class Idle:
            salt = "x"

            def close(self):
                closed.append(self)

        Writer(Idle()).close()
        assert (before, 1) == (threading.active_count(), len(closed))


async def test_an_idle_run_shows_that_it_lives(file):
    """A run that has nothing to say beats every few seconds, costs next to nothing, and learns that it was taken over."""
    store = file.store()
    with writing_to(file.store()) as writer:
        run, taken = await writer.begin("a", NOW_MS), await writer.begin("b", NOW_MS)
        assert await run.commit([made(run, RUN)])
        before = store.find("a").beat_ms
        file.change("UPDATE run SET epoch = 2 WHERE run_id = 'b'")
        spent_s = time.process_time()
        await until(lambda: taken.lost, most_s=writing.BEAT_S + 5)
        await until(lambda: store.find("a").beat_ms > before)
        spent_s = time.process_time() - spent_s

        assert taken.is_fenced
        assert run.lost is None
        assert spent_s < 1.5
        assert await run.commit([made(run)])

    assert NOW_MS < before <= store.find("a").beat_ms - 1000 * (writing.BEAT_S - 1)


def test_a_program_that_does_not_close_ends_in_silence(file):
    """A program that ends with a run under way ends at once and prints nothing."""
    code = """
        import asyncio, sys
        from pathlib import Path
        from engine.journal.entries import Entry
        from engine.journal.sqlite import SqliteStore
        from engine.journal.writing import Writer

        async def main():
            run = await Writer(SqliteStore(Path(sys.argv[1]))).begin("a", 5)
            assert await run.commit([Entry(0, 0, "run", 0, {})])
            for at in range(1, 50_000):
                run.put([Entry(at, 0, "fate", 1, [at, "cancelled"])])
        asyncio.run(main())
    """
    for _ in range(3):
        file.path.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), str(file.path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
        with closing(file.store()) as store:
            assert [] == verify(store, store.find("a"))


@pytest.mark.parametrize("commits", [1, 7, 40])
def test_what_was_committed_outlives_a_killed_process(place, commits):
    """After a process is killed while it writes, its record is whole, holds all that was committed, and can be claimed."""
    with another_process(*place.arguments(), "stream", "a") as process:
        assert "ready" == heard(process)
        told(process)
        on_disk = [int(heard(process)) for _ in range(commits)][-1]
        process.kill()
        on_disk = max([on_disk, *map(int, process.stdout.read().split())])
        process.wait(20)
    store = place.store()
    run = store.find("a")

    assert run.last >= on_disk
    assert list(range(run.last + 1)) == [entry.seq for entry in store.entries(run)]
    assert [] == verify(store, run)
    assert 2 == store.claim("a", this_process(), NOW_MS).epoch


async def test_without_a_thread_all_is_done_at_once(place):
    """In the loop, two hundred entries are gathered, a commit is on disk when it returns, and there is no thread."""
    threads = threading.active_count()
    reader = place.store()
    with writing_to(place.store(), in_loop=True) as writer:
        run = await writer.begin("a", NOW_MS)
        lasts = []
        for number in range(1, 402):
            run.put([made(run, FATE if run.seq else RUN)])
            if number in (199, 200, 399, 400):
                lasts.append(reader.find("a").last)
        assert [-1, 199, 199, 399] == lasts
        for coroutine in (run.commit([made(run)]), run.commit([]), run.end([made(run, END)])):
            with pytest.raises(StopIteration) as returned:
                coroutine.send(None)
            assert returned.value.value is True
        assert "finished" == reader.find("a").state
        assert threads == threading.active_count()
        assert not await run.commit([made(run)])

    assert [] == verify(reader, reader.find("a"))


async def test_without_a_thread_closing_writes_what_is_gathered(place):
    """In the loop, what was put is on disk once the writer is closed."""
    writer = Writer(place.store(), in_loop=True)
    run = await writer.begin("a", NOW_MS)
    run.put([made(run, RUN)])
    writer.close()
    run.put([made(run)])

    assert 0 == place.store().find("a").last
    assert not await run.commit([])
    assert "the journal was closed" == run.lost


async def test_without_a_thread_a_failure_is_the_same(file):
    """In the loop, a run that cannot be written is lost, fenced or not, and the others go on."""
    with writing_to(Broken(file.path, "a", StoreError("no room")), in_loop=True) as writer:
        lost, fenced, well = [await writer.begin(name, NOW_MS) for name in "abc"]
        assert not await lost.commit([made(lost, RUN)])
        file.change("UPDATE run SET epoch = 2 WHERE run_id = 'b'")
        fenced.put([made(fenced, RUN)] * 200)
        with pytest.raises(UnknownRunError):
            await writer.claim("d")
        assert await well.end([made(well, RUN), made(well, END)])

    assert ("no room", False) == (lost.lost, lost.is_fenced)
    assert fenced.is_fenced
    assert well.lost is None


def test_a_holder_is_whoever_writes(file):
    """A run belongs to the process whose writer made it."""
    with writing_to(file.store(), in_loop=True) as writer:
        asyncio.run(writer.begin("a", NOW_MS))

    assert this_process() == file.store().find("a").holder
