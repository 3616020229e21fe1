"""Records as tests write them, group by group, without a thread; and another process that writes one."""

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from engine.journal.entries import (
    ACCOUNT,
    AGAIN,
    ANSWER,
    END,
    FATE,
    FOUND,
    INTENT,
    RUN,
    SUMMARY,
    Entry,
    Sheet,
    accounts_after,
    fates_after,
    first_seal,
    group_of,
)
from engine.journal.holding import this_process

NOW_MS = 1_700_000_000_000


class Pen:
    """Writes one run."""

    def __init__(self, store, run):
        self.store = store
        self.run = run
        self.seq = run.last + 1
        self.seal = run.seal or first_seal(store.salt, run.run_id, run.began_ms)

    def group(self, *made):
        """A group of these, each a kind, an account and a body: with what follows from it."""
        entries = [Entry(self.seq + at, 10 * (self.seq + at), *each) for at, each in enumerate(made)]
        return group_of(Sheet.of(entries), self.seal), fates_after(entries), accounts_after(entries)

    def write(self, *made):
        """Write these as one group."""
        group, fates, accounts = self.group(*made)
        self.store.write(self.run, group, fates, accounts, NOW_MS + group.last)
        self.seq, self.seal = group.last + 1, group.seal


def begun(store, run_id="a"):
    """A pen for a new run, held by this process."""
    return Pen(store, store.begin(run_id, NOW_MS, this_process()))


WHOLE = [
    [(RUN, 0, {"why": "a drill"}), (ACCOUNT, 1, ["alice", "opinion", "f"]), (ACCOUNT, 2, ["bob", "polymarket", "g"])],
    [(FOUND, 1, [0, "x"]), (FOUND, 1, [1, "y"]), (FOUND, 2, [0, "z"]), (AGAIN, 1, [2, 0, 2])],
    [(INTENT, 1, ["cancel", [0, 1]])],
    [(ANSWER, 1, [7, True, 5, 0, None, {}]), (FATE, 1, [0, "cancelled"]), (AGAIN, 1, [3, 0, 3])],
    [(SUMMARY, 1, {"account": "alice", "venue": "opinion", "stop": None}), (END, 0, {"stop": None})],
]
"""The groups of a run with everything in it: three orders, of which one was given three times."""

WHOLE_OUTCOMES = {"cancelled": 3, "not_sent": 1, "unknown": 1}


def whole(store, run_id="a"):
    """A run that has ended; gives its row."""
    pen = begun(store, run_id)
    for group in WHOLE:
        pen.write(*group)
    return store.find(run_id)


@contextmanager
def another_process(*words):
    """A process that does what `journal/other_process.py` says of these words; it ends with the block."""
    folder = Path(__file__).parent
    process = subprocess.Popen(
        [sys.executable, str(folder / "other_process.py")],
        cwd=folder.parent.parent,
        env={"PYTHONPATH": str(folder.parent.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        process.stdin.write(json.dumps(words) + "\n")
        process.stdin.flush()
        yield process
    finally:
        process.kill()
        process.communicate(timeout=20)


def heard(process):
    """The next line that it says."""
    line = process.stdout.readline()
    if not line:
        raise AssertionError("the other process ended without a word")
    return line.strip()


def told(process, word="go"):
    """Say something to it."""
    process.stdin.write(word + "\n")
    process.stdin.flush()
