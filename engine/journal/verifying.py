"""Whether a record is whole, as it was written. Reads it from its first entry to its last, and changes nothing.

What it cannot tell: whoever can rewrite all of a record can seal it anew. Against that helps a seal that was kept elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from engine.errors import shown
from engine.journal.entries import (
    FINISHED,
    RESUMED,
    RUN,
    RUNNING,
    AccountRow,
    Entry,
    FateRow,
    Written,
    accounts_after,
    fates_after,
    first_seal,
    sealed,
    state_after,
    text_of,
)
from engine.journal.store import RunRow, Store, StoreError

MOST_SHOWN = 20
"""Sentences on the entries, at most: a record that was cut to pieces would have one for each piece. A guess."""

_NOT_A_RECORD = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What entries come to that somebody else has made up."""


def verify(store: Store, run: RunRow, *, seal: str | None = None) -> list[str]:
    """What is wrong with the record of a run, a sentence each; empty if it is whole.

    Args:
        store: Where it is kept. It is read as of one moment, so that a run under way can be verified, too.
        run: Which.
        seal: The last seal of the record as somebody has kept it elsewhere.
    """
    wrong = [f"the database finds in its files: {problem}" for problem in store.problems()]
    try:
        with store.snapshot():
            row = store.find(run.run_id)
            record = _Record(store.salt, row)
            wrong += _capped(record.read(store.entries(row)))
            wrong += record.against_its_row()
            if seal is not None:
                wrong += record.against(seal)
            if not wrong:
                wrong += _differences("fate of order", record.fates, {each[:2]: each for each in store.fates(row)})
                wrong += _differences("account", record.accounts, {each[:1]: each for each in store.accounts(row)})
    except StoreError as error:
        wrong.append(str(error))
    return wrong


class _Record:
    """What has been read of a record so far."""

    def __init__(self, salt: str, row: RunRow) -> None:
        self.fates: dict[tuple[int, ...], FateRow] = {}
        self.accounts: dict[tuple[int, ...], AccountRow] = {}
        self._row = row
        self._first_seal = first_seal(salt, row.run_id, row.began_ms)
        self._seals = {"": -1}
        """Every seal, and the number of the entry that it stands on."""
        self._seal = ""
        self._last = -1
        self._state = RUNNING
        self._lives = 0

    def read(self, rows: Iterable[Written]) -> Iterator[str]:
        """Go over the entries, and say what is wrong with them."""
        group: list[Written] = []
        for row in rows:
            expected = self._last + 1
            if row.seq != expected:
                yield f"entry {expected} and those after it are missing, as far as entry {shown(row.seq)}"
            self._last = row.seq if isinstance(row.seq, int) else expected
            group.append(row)
            if row.seal is not None:
                yield from self._close(group)
                group = []
        if group:
            yield f"no seal stands on entries {_span(group)}, the last ones"

    def _close(self, group: list[Written]) -> Iterator[str]:
        """A group that ends in a seal. A wrong one counts as right for those after it, so that what was changed can be found."""
        before, self._seal = self._seal or self._first_seal, str(group[-1].seal)
        self._seals[self._seal] = self._last
        try:
            is_right = self._seal == sealed(before, text_of(group))
        except _NOT_A_RECORD:
            is_right = False
        if not is_right:
            yield f"the seal on entries {_span(group)} does not fit: something was changed, removed or put in there, or before"
            return
        try:
            self._take([Entry(*row[:4], json.loads(row.body)) for row in group])
        except _NOT_A_RECORD as error:
            yield f"entries {_span(group)} cannot be understood: {shown(error)}"

    def _take(self, entries: list[Entry]) -> None:
        self._state = state_after(entries) or self._state
        self._lives += sum(entry.kind in (RUN, RESUMED) for entry in entries)
        for fate in fates_after(entries):
            before = self.fates.get(fate[:2], fate)
            self.fates[fate[:2]] = fate._replace(times=max(before.times, fate.times), outcome=fate.outcome or before.outcome)
        self.accounts.update({account[:1]: account for account in accounts_after(entries)})

    def against_its_row(self) -> Iterator[str]:
        """What the table of runs says otherwise."""
        row = self._row
        if row.last != self._last:
            yield (
                f"the record ends with entry {shown(self._last)}, and the table of runs says {shown(row.last)}: "
                "its end was cut off, or put in"
            )
        elif row.seal != self._seal:
            yield "the last seal is another one than the table of runs says"
        if self._last < 0:
            return
        was_claimed = row.state == RUNNING and row.epoch > self._lives
        if row.state == FINISHED != self._state:
            yield f"the run counts as finished, and no entry says that it ended: it was {self._state}"
        elif row.state != self._state and not was_claimed:
            yield f"the run counts as {shown(row.state)}, and its entries say that it is {self._state}"
        if row.epoch < self._lives:
            yield f"the run was taken {shown(row.epoch)} times as the table of runs says, and its entries tell of {self._lives}"

    def against(self, seal: str) -> Iterator[str]:
        """Whether the last seal is this one."""
        if seal == self._seal:
            return
        at = self._seals.get(seal) if seal else None
        if at is None:
            yield "the seal that was kept elsewhere is nowhere in this record: all of it was written anew, or its end cut off"
        else:
            yield f"the seal that was kept elsewhere stands on entry {at}, and the record goes on to entry {shown(self._last)}"


def _capped(sentences: Iterable[str]) -> Iterator[str]:
    """As many as are shown, and then that there are more. All are asked for: what is read on the way is needed."""
    for number, sentence in enumerate(sentences):
        if number < MOST_SHOWN:
            yield sentence
        elif number == MOST_SHOWN:
            yield "more is wrong with the entries after these"


def _span(group: list[Written]) -> str:
    return f"{shown(group[0].seq)} to {shown(group[-1].seq)}"


def _differences(
    what: str, told: dict[tuple[int, ...], FateRow] | dict[tuple[int, ...], AccountRow], kept: dict[tuple[int, ...], object]
) -> Iterator[str]:
    """Where a table says otherwise than the entries: how many rows, and the first of them."""
    wrong = sorted((key for key in told.keys() | kept.keys() if told.get(key) != kept.get(key)), key=repr)
    if wrong:
        key = wrong[0]
        yield (
            f"{len(wrong):,} rows of a table say otherwise than the entries, such as the {what} {shown(key)}: "
            f"{shown(kept.get(key))}, and the entries come to {shown(told.get(key))}"
        )
