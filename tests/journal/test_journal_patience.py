"""How long a cancel waits for its record: as long as the writer gets on with its work, and not much longer."""

import time

import pytest

from engine.journal.entries import FATE, FOUND, RUN, Entry
from engine.journal.sqlite import SqliteStore
from engine.journal.writing import MOST_IN_GROUP, Writer

pytestmark = pytest.mark.anyio


class Slow(SqliteStore):
    """A store on a disk that takes its time for every group."""

    takes_s = 0.0

    def write(self, *values):
        """See `Store`."""
        time.sleep(self.takes_s)
        super().write(*values)


def found(run, count):
    """So many orders, at once."""
    first = run.seq
    run.seq += count
    kinds = [RUN if not seq else FOUND for seq in range(first, first + count)]
    return [
        Entry(seq, 0, kind, 0 if kind == RUN else 1, {} if kind == RUN else [seq, "x"])
        for seq, kind in enumerate(kinds, start=first)
    ]


async def test_a_writer_that_is_behind_is_waited_for(tmp_path):
    """Eight groups of a quarter of a second each are more than the patience, and no reason to lose a record."""
    store = Slow(tmp_path / "journal.db")
    writer = Writer(store, patience_s=0.5)
    run = await writer.begin("a", 0)
    store.takes_s = 0.25
    for _ in range(7):
        run.put(found(run, MOST_IN_GROUP))
    began_s = time.monotonic()
    is_kept = await run.commit(found(run, MOST_IN_GROUP))
    took_s, lost = time.monotonic() - began_s, run.lost
    writer.close()

    assert (True, None) == (is_kept, lost)
    assert took_s > 1.5


async def test_a_large_group_is_given_its_time(tmp_path):
    """What was put at once is written at once: the more there is of it, the longer it may take."""
    store = Slow(tmp_path / "journal.db")
    writer = Writer(store, patience_s=0.1)
    run = await writer.begin("a", 0)
    store.takes_s = 0.6
    is_kept, lost = await run.commit(found(run, 4 * MOST_IN_GROUP)), run.lost
    writer.close()

    assert (True, None) == (is_kept, lost)


async def test_a_disk_that_hangs_is_not_waited_for(tmp_path):
    """A single small group that does not end is the end of patience."""
    store = Slow(tmp_path / "journal.db")
    writer = Writer(store, patience_s=0.2)
    run = await writer.begin("a", 0)
    await run.commit([Entry(0, 0, RUN, 0, {})])
    run.seq = 1
    store.takes_s = 2.0
    began_s = time.monotonic()
    is_kept = await run.commit([Entry(1, 0, FATE, 1, [0, "cancelled"])])
    took_s = time.monotonic() - began_s
    writer.close()

    assert (False, "the journal did not answer within 0.2 s") == (is_kept, run.lost)
    assert took_s < 1.5
