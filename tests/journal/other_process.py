"""Another process that uses the same records: its first line says where they are and what to do, its second that it is time."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from engine import Secret
from engine.journal.entries import FATE, FOUND, INTENT, RUN, Entry, Sheet, accounts_after, fates_after, first_seal, group_of
from engine.journal.holding import this_process
from engine.journal.postgres import PostgresStore
from engine.journal.sqlite import SqliteStore
from engine.journal.store import StoreError
from engine.journal.writing import Writer


def say(word):
    """A line for the test."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main():
    """Do it."""
    kind, where, act, run_id = json.loads(sys.stdin.readline())
    store = SqliteStore(Path(where)) if kind == "sqlite" else PostgresStore(Secret(where))
    if act == "begin":
        store.begin(run_id, int(time.time() * 1000), this_process())
    say("ready")
    sys.stdin.readline()
    try:
        if act == "claim":
            store.claim(run_id, this_process(), int(time.time() * 1000))
        elif act == "write":
            write(store, run_id)
        elif act == "cut":
            cut(store, run_id)
        elif act == "stream":
            asyncio.run(stream(store, run_id))
    except StoreError as error:
        say(type(error).__name__)
    else:
        say("done")
    sys.stdin.readline()  # whoever has claimed a run lives until the test has seen it


def write(store, run_id):
    """A record of a hundred groups."""
    run = store.begin(run_id, 5, this_process())
    seal = first_seal(store.salt, run_id, 5)
    for number in range(100):
        entries = [
            Entry(2 * number, 0, FOUND if number else RUN, 1 if number else 0, [number, "x"] if number else {}),
            Entry(2 * number + 1, 0, FATE, 1, [number, "cancelled"]),
        ]
        group = group_of(Sheet.of(entries), seal)
        store.write(run, group, fates_after(entries), accounts_after(entries), 5)
        seal = group.seal


async def stream(store, run_id):
    """A record without an end, that says after each commit how far it is on disk."""
    run = await Writer(store).begin(run_id, 5)
    while run.lost is None:
        for number in range(run.seq, run.seq + 20):
            run.put([Entry(number, 0, FATE if number else RUN, 1 if number else 0, [number, "cancelled"] if number else {})])
        run.seq += 21
        if await run.commit([Entry(run.seq - 1, 0, INTENT, 1, ["cancel", [run.seq - 1]])]):
            say(run.seq - 1)


def cut(store, run_id):
    """End in the middle of a transaction, as a process does that is killed."""
    run = store.find(run_id)
    with store.atomically():
        store.change("UPDATE run SET last = 99, seal = 'x' WHERE run = ?", run.run)
        store.change("INSERT INTO entry VALUES (?, 99, 0, 'fate', 1, '[0]', 'x')", run.run)
        os._exit(9)


if __name__ == "__main__":
    main()
