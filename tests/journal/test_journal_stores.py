"""What both stores promise alike, of one process and of several."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from journal.records import (
    NOW_MS,
    WHOLE,
    WHOLE_OUTCOMES,
    Pen,
    another_process,
    begun,
    heard,
    told,
    whole,
)

from engine.journal.entries import (
    AGAIN,
    END,
    FATE,
    FINISHED,
    FOUND,
    INTENT,
    RESUMED,
    RUN,
    RUNNING,
    STOPPED,
    AccountRow,
    FateRow,
    dumped,
)
from engine.journal.holding import this_process
from engine.journal.store import BusyError, FencedError, Holder, StoreError, UnknownRunError
from engine.journal.verifying import verify

ODD = {
    "zero": "a\0b",
    "half": "\ud800 and \udfff",
    "emoji": "😀",
    "quotes": "\\\"'; DROP TABLE run; --\u2028",
    "large": 10**4000,
    "fine": [0.1, 1e308, -0.0],
    "nothing": None,
}


def test_what_is_written_is_read_again(place):
    """A record comes back from another store entry by entry, and its tables say what follows from it."""
    row = whole(place.store())
    store = place.store()

    expected = [(kind, account, json.loads(dumped(body))) for group in WHOLE for kind, account, body in group]
    entries = list(store.entries(row))

    assert expected == [(entry.kind, entry.account, json.loads(entry.body)) for entry in entries]
    assert [(seq, 10 * seq) for seq in range(len(expected))] == [(entry.seq, entry.at_ms) for entry in entries]
    assert [2, 6, 7, 10, 12] == [entry.seq for entry in entries if entry.seal is not None]
    assert [
        FateRow(1, 0, 3, "cancelled"),
        FateRow(1, 1, 1, "unknown"),
        FateRow(2, 0, 1, "not_sent"),
    ] == list(store.fates(row))
    assert [AccountRow(1, "alice", "opinion", is_done=True), AccountRow(2, "bob", "polymarket", is_done=False)] == store.accounts(
        row
    )
    assert WHOLE_OUTCOMES == store.outcomes(row)
    assert row == store.find("a")
    assert (FINISHED, 1, 12, this_process()) == (row.state, row.epoch, row.last, row.holder)


def test_a_body_comes_out_byte_for_byte(place):
    """Signs that no column can hold, and numbers that no database has, come back as the very text that was sealed."""
    store = place.store()
    begun(store).write((RUN, 0, ODD), (FOUND, 1, [0, "\0\ud800"]))
    row = store.find("a")

    assert [dumped(ODD), dumped([0, "\0\ud800"])] == [entry.body for entry in store.entries(row)]
    assert [] == verify(store, row)


def test_a_name_that_no_column_can_hold_is_written_out(place):
    """An account's name with half a surrogate pair or a zero in it is kept in signs that stand for them."""
    store = place.store()
    begun(store).write((RUN, 0, {}), ("account", 1, ["a\ud800\0", "v😀", "f"]))
    row = store.find("a")

    assert [AccountRow(1, "a\\ud800\\x00", "v😀", is_done=False)] == store.accounts(row)
    assert [] == verify(store, row)


def test_the_runs_are_listed_newest_first(place):
    """Of two runs the one that began later comes first, whichever was written first."""
    store = place.store()
    for run_id, began_ms in (("old", 1_000), ("new", 3_000), ("middle", 2_000)):
        store.begin(run_id, began_ms, this_process())

    assert ["new", "middle", "old"] == [run.run_id for run in store.runs()]


def test_a_name_is_given_once(place):
    """A second run of the same name is refused, and an unknown one is not found."""
    store = place.store()
    begun(store)

    with pytest.raises(StoreError, match="there is a run 'a' already; give this one another name"):
        begun(place.store())
    with pytest.raises(UnknownRunError, match="there is no run 'b'"):
        store.find("b")
    with pytest.raises(UnknownRunError, match="there is no run 'b'"):
        store.claim("b", this_process(), NOW_MS)


@pytest.mark.parametrize("name", ["a\ud800", "a\0b", "", "é😀", "'; --"])
def test_any_text_can_be_asked_for(place, name):
    """A run of a name that no database can hold is not there, and that is all."""
    with pytest.raises(StoreError):
        place.store().find(name)


def test_the_state_follows_from_the_entries(place):
    """A run is running, stopped, running again and finished as its entries say, in the transaction that writes them."""
    store = place.store()
    pen = begun(store)
    states = []
    for entry in (
        (RUN, 0, {}),
        (END, 0, {"stop": "asked"}),
        (RESUMED, 0, {}),
        (FATE, 1, [0, "cancelled"]),
        (END, 0, {"stop": None}),
    ):
        pen.write(entry)
        states.append(store.find("a").state)

    assert [RUNNING, STOPPED, RUNNING, RUNNING, FINISHED] == states


def test_an_order_that_came_again_keeps_its_outcome(place):
    """A group that only counts the places of an order leaves its fate, and one that only tells its fate leaves their number."""
    store = place.store()
    pen = begun(store)
    pen.write((RUN, 0, {}), (FOUND, 1, [0, "x"]))
    pen.write((INTENT, 1, ["cancel", [0]]))
    pen.write((AGAIN, 1, [1, 0, 2]))
    pen.write((FATE, 1, [0, "cancelled"]))
    pen.write((AGAIN, 1, [2, 0, 3]))
    rows = list(store.fates(pen.run))
    assert [] == verify(store, pen.run)
    pen.write((FATE, 1, [0, "filled"]))

    assert [FateRow(1, 0, 3, "cancelled")] == rows
    assert [FateRow(1, 0, 3, "filled")] == list(store.fates(pen.run))
    assert [] == verify(store, pen.run)


def test_a_fate_that_is_written_twice_counts_once(place):
    """Another life of a run may tell the same fate again: the places are still as many as there are."""
    store = place.store()
    pen = begun(store)
    pen.write((RUN, 0, {}), *((FOUND, 1, [at, "x"]) for at in range(3)))
    for _ in range(2):
        pen.write(*((FATE, 1, [at, "cancelled"]) for at in range(3)))

    assert {"cancelled": 3} == store.outcomes(pen.run)


def test_a_group_is_written_whole_or_not_at_all(place):
    """What is refused in the middle of a group leaves no entry, no fate and no beat of it."""
    store = place.store()
    pen = begun(store)
    pen.write((RUN, 0, {}), (FOUND, 1, [0, "x"]))
    before = store.find("a")
    pen.seq = 1  # the second of these is there already, and so is the third
    group, fates, accounts = pen.group((FATE, 1, [0, "cancelled"]), (FATE, 1, [1, "cancelled"]))

    with pytest.raises(StoreError, match="verify the run"):
        store.write(pen.run, group, fates, accounts, NOW_MS)
    assert before == store.find("a")
    assert [0, 1] == [entry.seq for entry in store.entries(before)]
    assert [FateRow(1, 0, 1, "not_sent")] == list(store.fates(before))


def test_a_transaction_that_was_cut_off_leaves_nothing(place):
    """A process that is killed in the middle of a transaction has written nothing, and the next one writes at once."""
    store = place.store()
    pen = begun(store)
    pen.write((RUN, 0, {}))
    with another_process(*place.arguments(), "cut", "a") as process:
        assert "ready" == heard(process)
        told(process)
        assert 9 == process.wait(20)
    pen.write((FATE, 1, [0, "cancelled"]))

    assert [0, 1] == [entry.seq for entry in store.entries(pen.run)]
    assert [] == verify(store, pen.run)


def test_whoever_was_taken_over_writes_nothing_more(place):
    """After a claim neither a group nor a beat of the one before gets in, and the new holder goes on."""
    store, other = place.store(), place.store()
    dead = Holder(this_process().host, 2**22 + 1, this_process().boot, "1")
    run = store.begin("a", NOW_MS, dead)
    zombie = Pen(store, run)
    zombie.write((RUN, 0, {}))
    claimed = other.claim("a", this_process(), NOW_MS + 1)

    with pytest.raises(FencedError, match="run 'a' was taken over"):
        zombie.write((FATE, 1, [0, "cancelled"]))
    with pytest.raises(FencedError, match="run 'a' was taken over"):
        store.beat(run, NOW_MS + 9)
    heir = Pen(other, claimed)
    heir.write((RESUMED, 0, {}))
    other.beat(claimed, NOW_MS + 70)

    assert (2, 0, this_process(), NOW_MS + 1) == (claimed.epoch, claimed.last, claimed.holder, claimed.beat_ms)
    assert [RUN, RESUMED] == [entry.kind for entry in store.entries(run)]
    assert NOW_MS + 70 == store.find("a").beat_ms
    assert [] == list(store.fates(run))
    assert [] == verify(store, run)


ME = this_process()


@pytest.mark.parametrize(
    ("holder", "age_ms", "is_held"),
    [
        (ME, 0, True),
        (ME, 10**9, True),
        (ME._replace(pid=2**22 + 1), 0, False),
        (ME._replace(started="1"), 0, False),
        (ME._replace(boot="another"), 0, False),
        (ME._replace(host="another"), 29_000, True),
        (ME._replace(host="another"), 31_000, False),
    ],
    ids=["alive", "alive and silent", "dead", "its number reused", "another boot", "elsewhere and young", "elsewhere and old"],
)
def test_only_a_run_whose_holder_is_gone_is_taken_over(place, holder, age_ms, is_held):
    """A running run is claimed if its process is dead, or is elsewhere and was silent for half a minute; else it is refused."""
    store = place.store()
    store.begin("a", NOW_MS, holder)

    if is_held:
        with pytest.raises(BusyError, match=f"run 'a' is held by process {holder.pid}"):
            store.claim("a", ME, NOW_MS + age_ms)
        assert 1 == store.find("a").epoch
    else:
        assert (2, ME) == store.claim("a", ME, NOW_MS + age_ms)[4:6]


@pytest.mark.parametrize("stop", ["asked", None], ids=["stopped", "finished"])
def test_a_run_that_has_ended_is_held_by_nobody(place, stop):
    """Once its end is written a run can be claimed, whether or not the process lives that wrote it; it is running then."""
    store = place.store()
    begun(store).write((RUN, 0, {}), (END, 0, {"stop": stop}))

    assert (RUNNING, 2) == store.claim("a", ME, NOW_MS)[3:5]


def test_of_two_claims_at_one_moment_one_wins(place):
    """Two processes that take over the same run at once: one has it, the other is told that it is held."""
    place.store().begin("a", NOW_MS, ME._replace(started="1"))
    words = (*place.arguments(), "claim", "a")
    for _ in range(3):
        with another_process(*words) as one, another_process(*words) as two:
            assert ["ready", "ready"] == [heard(one), heard(two)]
            told(one)
            told(two)
            assert ["BusyError", "done"] == sorted([heard(one), heard(two)])

    assert 4 == place.store().find("a").epoch


def test_two_processes_write_two_runs_at_once(place):
    """Two processes that write a record each into the same store at the same time both have a whole one at the end."""
    store = place.store()
    with (
        another_process(*place.arguments(), "write", "one") as one,
        another_process(*place.arguments(), "write", "two") as two,
    ):
        assert ["ready", "ready"] == [heard(one), heard(two)]
        told(one)
        told(two)
        assert ["done", "done"] == [heard(one), heard(two)]

    runs = store.runs()
    assert ["one", "two"] == sorted(run.run_id for run in runs)
    assert [199, 199] == [run.last for run in runs]
    assert [[], []] == [verify(store, run) for run in runs]


def test_a_run_of_a_process_that_was_killed_can_be_taken_over(place):
    """The run of a process that lives is refused; as soon as it is killed, it is given."""
    store = place.store()
    with another_process(*place.arguments(), "begin", "a") as process:
        assert "ready" == heard(process)
        with pytest.raises(BusyError):
            store.claim("a", ME, NOW_MS)
        process.kill()
        process.wait(20)

        assert 2 == store.claim("a", ME, NOW_MS).epoch


def test_two_processes_may_make_the_same_store(place):
    """Several processes that open a store which is not there yet make one, together."""
    words = (*place.arguments(), "begin")
    with (
        another_process(*words, "one") as one,
        another_process(*words, "two") as two,
        another_process(*words, "three") as three,
    ):
        assert ["ready"] * 3 == [heard(process) for process in (one, two, three)]

    assert ["one", "three", "two"] == sorted(run.run_id for run in place.store().runs())


def test_a_store_is_made_once_whoever_comes_first(place):
    """Several who open a store that is not there yet at the very same moment find the same one."""
    for _ in range(10):
        gate = threading.Barrier(4)

        def opens(gate=gate):
            gate.wait(20)
            return place.store()

        with ThreadPoolExecutor(4) as threads:
            stores = [each.result(20) for each in [threads.submit(opens) for _ in range(4)]]
        assert 1 == len({store.salt for store in stores})
        assert [] == stores[0].runs()
        place.remove()


def test_a_snapshot_is_of_one_moment(place):
    """What is read within a snapshot does not see what is written meanwhile; what is read afterwards does."""
    store, reader = place.store(), place.store()
    pen = begun(store)
    pen.write((RUN, 0, {}))
    with reader.snapshot():
        before = reader.find("a")
        pen.write((FATE, 1, [0, "cancelled"]))
        assert (before, [0], []) == (reader.find("a"), [e.seq for e in reader.entries(before)], list(reader.fates(before)))

    assert [0, 1] == [entry.seq for entry in reader.entries(before)]


def test_a_long_record_is_read_in_pages(place):
    """More entries and fates than are read at once come in their order, each once."""
    store = place.store()
    pen = begun(store)
    pen.write((RUN, 0, {}), *((FATE, 1 + at % 2, [at, "cancelled"]) for at in range(11_000)))

    assert list(range(11_001)) == [entry.seq for entry in store.entries(pen.run)]
    assert sorted((1 + at % 2, at) for at in range(11_000)) == [fate[:2] for fate in store.fates(pen.run)]


def test_a_run_that_is_removed_is_gone_and_its_writer_told(place):
    """Of a run that is removed nothing is left in any table, the others stay whole, and whoever still writes to it is fenced."""
    store = place.store()
    kept = whole(store, "kept")
    pen = begun(store, "gone")
    pen.write((RUN, 0, {}), ("account", 1, ["a", "v", "f"]), *((FATE, 1, [at, "cancelled"]) for at in range(12_000)))
    place.store().remove([pen.run])

    with pytest.raises(FencedError, match="or removed"):
        pen.write((FATE, 1, [0, "cancelled"]))
    assert ["kept"] == [run.run_id for run in store.runs()]
    assert ([], [], []) == (list(store.entries(pen.run)), list(store.fates(pen.run)), store.accounts(pen.run))
    assert [] == verify(store, kept)
    assert pen.run.run < begun(store, "next").run.run, "a key that was given up is not given again"


def test_a_store_that_is_sound_has_no_problems(place):
    """The database finds nothing wrong with what was just written."""
    store = place.store()
    whole(store)

    assert [] == store.problems()


@pytest.mark.parametrize(
    "goes_on", [lambda store: store.begin("new", NOW_MS, this_process()), lambda store: claimed(store, "old")]
)
def test_a_journal_of_the_form_before_is_gone_on_with(place, goes_on):
    """What was written then is read; whoever writes on makes it a journal of this form, which older programs refuse."""
    store = place.store()
    begun(store, "old").write((RUN, 0, {}), (FATE, 1, [0, "cancelled"]), (END, 0, {"stop": "asked"}))
    place.change("UPDATE meta SET value = '1' WHERE name = 'form'")
    store = place.store()

    assert ["old"] == [row.run_id for row in store.runs()]
    assert 1 == place.change("UPDATE meta SET value = '1' WHERE name = 'form' AND value = '1'")
    goes_on(store)
    assert 1 == place.change("UPDATE meta SET value = '2' WHERE name = 'form' AND value = '2'")


def claimed(store, run_id):
    """Take a run over."""
    return store.claim(run_id, this_process(), NOW_MS, takes_own=True)
