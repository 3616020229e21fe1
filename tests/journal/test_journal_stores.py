"""What both stores promise alike."""

import pytest

from engine.journal.entries import FOUND, RUN, AccountRow, Entry, FateRow, first_seal, group_of
from engine.journal.holding import this_process


def group(run, store, *entries):
    return group_of(entries, run.seal or first_seal(store.salt, run.run_id, run.began_ms))


def test_what_is_written_is_read_again(place):
    """x."""
    store = place.store()
    run = store.begin("a", 5, this_process())
    store.write(run, group(run, store, Entry(0, 0, RUN, 0, {"a": "\0\ud800😀"})), [FateRow(1, 0, 1, "x")], [AccountRow(1, "a", "b", is_done=True)], 7)
    print(list(store.entries(run)), store.runs(), list(store.fates(run)), store.accounts(run), store.outcomes(run))
