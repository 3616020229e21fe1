"""What both databases share: the tables, and what is asked of them. Each has its own way of asking, and words for its failures.

A group is written by one statement out of one text: a row at a time would hand the interpreter's lock back and forth with the
event loop, once for every row.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from engine.errors import shown
from engine.journal.entries import OLDEST, RUNNING, SCHEMA, AccountRow, FateRow, Group, Written, dumped
from engine.journal.holding import lives
from engine.journal.store import BusyError, FencedError, Holder, RunRow, StoreError, UnknownRunError

OURS = "cancel-engine journal"
"""What the table `meta` says of a database of ours."""

PAGE = 5_000
"""Rows that are read at once. A guess: a few hundred kilobytes."""

_RUN = "SELECT run, run_id, began_ms, state, epoch, host, pid, boot, started, beat_ms, last, seal FROM run"

_ENTRY = "SELECT seq, at_ms, kind, account, body, seal FROM entry"

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) {clustered};
CREATE TABLE run (
  run {key}, run_id TEXT NOT NULL UNIQUE, began_ms BIGINT NOT NULL, state TEXT NOT NULL, epoch BIGINT NOT NULL,
  host TEXT NOT NULL, pid BIGINT NOT NULL, boot TEXT NOT NULL, started TEXT NOT NULL, beat_ms BIGINT NOT NULL,
  last BIGINT NOT NULL, seal TEXT NOT NULL
);
CREATE TABLE entry (
  run BIGINT NOT NULL, seq BIGINT NOT NULL, at_ms BIGINT NOT NULL, kind TEXT NOT NULL, account BIGINT NOT NULL,
  body TEXT NOT NULL, seal TEXT, PRIMARY KEY (run, seq)
) {clustered};
CREATE TABLE fate (
  run BIGINT NOT NULL, account BIGINT NOT NULL, place BIGINT NOT NULL, times BIGINT NOT NULL, outcome TEXT NOT NULL,
  PRIMARY KEY (run, account, place)
) {clustered};
CREATE TABLE account (
  run BIGINT NOT NULL, account BIGINT NOT NULL, name TEXT NOT NULL, venue TEXT NOT NULL, is_done BIGINT NOT NULL,
  PRIMARY KEY (run, account)
) {clustered}
"""

_RUN_KINDS = (int, str, int, str, int, str, int, str, str, int, int, str)


def tables(key: str, *, clustered: str = "") -> list[str]:
    """The statements that make the tables.

    Args:
        key: How the database numbers rows, and never gives a number twice.
        clustered: What keeps a table in the order of its key.
    """
    return _TABLES.format(key=key, clustered=clustered).split(";")


class Tables(ABC):
    """A store in tables; see `Store` for what each method promises."""

    LOCKING: ClassVar[str] = ""
    """What the database needs at the end of a query that holds the row it finds until the transaction ends."""

    salt: str
    _is_old = False

    @abstractmethod
    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of an answer."""

    @abstractmethod
    def change(self, statement: str, *values: object) -> int:
        """How many rows a statement has changed."""

    @abstractmethod
    def atomically(self) -> AbstractContextManager[None]:
        """A transaction that writes: all of it, or nothing."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[None]:
        """See `Store`."""

    @abstractmethod
    def put(self, run: RunRow, group: Group, fates: str, accounts: str, now_ms: int) -> None:
        """See `Store.write`; fates and accounts are arrays in JSON."""

    def make(self, ddl: Sequence[str]) -> str:
        """Make the tables, in an empty database; gives the salt."""
        salt = secrets.token_urlsafe(16)
        for statement in ddl:
            self.change(statement)
        for name, value in (("what", OURS), ("form", str(SCHEMA)), ("salt", salt)):
            self.change("INSERT INTO meta (name, value) VALUES (?, ?)", name, value)
        return salt

    def recognise(self, where: str) -> str:
        """The salt of tables that are there.

        Raises:
            StoreError: they are somebody else's, or of a form that is not read here.
        """
        meta = dict(self.ask("SELECT name, value FROM meta"))
        if meta.get("what") != OURS or not meta.get("salt"):
            raise foreign(where)
        form = str(meta.get("form"))
        if not form.isdecimal():
            raise StoreError(f"{where} does not say in which form it is written ({shown(form)}): name another one")
        if int(form) > SCHEMA:
            raise StoreError(
                f"{where} was written by a newer version (form {form}) and this one reads form {SCHEMA}; "
                "update, or name another one"
            )
        if int(form) < OLDEST:
            raise StoreError(
                f"{where} was written by an older version (form {form}) and this one reads form {SCHEMA}; name another one"
            )
        self._is_old = int(form) < SCHEMA
        return str(meta["salt"])

    def _renew(self) -> None:
        """What is written from here on is of this form: older programs are to refuse it."""
        if self._is_old:
            self.change("UPDATE meta SET value = ? WHERE name = 'form'", str(SCHEMA))
            self._is_old = False

    def begin(self, run_id: str, began_ms: int, holder: Holder) -> RunRow:
        """See `Store`."""
        with self.atomically():
            self._renew()
            if self.ask("SELECT run FROM run WHERE run_id = ?", run_id):
                raise StoreError(f"there is a run {shown(run_id)} already; give this one another name")
            self.change(
                "INSERT INTO run (run_id, began_ms, state, epoch, host, pid, boot, started, beat_ms, last, seal) "
                "VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, -1, '')",
                *(run_id, began_ms, RUNNING, *holder, began_ms),
            )
            return self.find(run_id)

    def claim(self, run_id: str, holder: Holder, now_ms: int, *, takes_own: bool = False) -> RunRow:
        """See `Store`."""
        with self.atomically():
            self._renew()
            run = self._found(run_id, self.LOCKING)
            is_given_up = takes_own and run.holder == holder
            if run.state == RUNNING and not is_given_up and lives(run.holder, run.beat_ms, now_ms):
                raise BusyError(
                    f"run {shown(run_id)} is held by process {run.holder.pid} on {shown(run.holder.host)}, which lives: "
                    "wait for its end, or end it"
                )
            self.change(
                "UPDATE run SET epoch = epoch + 1, state = ?, host = ?, pid = ?, boot = ?, started = ?, beat_ms = ? "
                "WHERE run = ?",
                *(RUNNING, *holder, now_ms, run.run),
            )
            return self.find(run_id)

    def write(self, run: RunRow, group: Group, fates: Sequence[FateRow], accounts: Sequence[AccountRow], now_ms: int) -> None:
        """See `Store`."""
        self.put(run, group, dumped(fates), dumped([[*each[:3], int(each.is_done)] for each in accounts]), now_ms)

    def beat(self, run: RunRow, now_ms: int) -> None:
        """See `Store`."""
        with self.atomically():
            if self.change("UPDATE run SET beat_ms = ? WHERE run = ? AND epoch = ?", now_ms, run.run, run.epoch) != 1:
                raise fenced(run)

    def runs(self) -> list[RunRow]:
        """See `Store`."""
        return [_run_row(row) for row in self.ask(f"{_RUN} ORDER BY began_ms DESC, run DESC")]

    def find(self, run_id: str) -> RunRow:
        """See `Store`."""
        return self._found(run_id)

    def first(self, run: RunRow) -> Written | None:
        """See `Store`."""
        rows = self.ask(f"{_ENTRY} WHERE run = ? ORDER BY seq LIMIT 1", run.run)
        return Written._make(rows[0]) if rows else None

    def entries(self, run: RunRow) -> Iterator[Written]:
        """See `Store`."""
        rows: list[tuple[Any, ...]] = [(-1,)]
        while rows:
            rows = self.ask(
                f"{_ENTRY} WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?",
                *(run.run, rows[-1][0], PAGE),
            )
            yield from map(Written._make, rows)

    def outcomes(self, run: RunRow) -> Mapping[str, int]:
        """See `Store`."""
        rows = self.ask("SELECT outcome, sum(times) FROM fate WHERE run = ? GROUP BY outcome ORDER BY outcome", run.run)
        return {outcome: int(count) for outcome, count in rows}

    def fates(self, run: RunRow) -> Iterator[FateRow]:
        """See `Store`."""
        rows: list[tuple[Any, ...]] = [(-1, -1)]
        while rows:
            rows = self.ask(
                "SELECT account, place, times, outcome FROM fate WHERE run = ? AND (account, place) > (?, ?) "
                "ORDER BY account, place LIMIT ?",
                *(run.run, *rows[-1][:2], PAGE),
            )
            yield from map(FateRow._make, rows)

    def accounts(self, run: RunRow) -> list[AccountRow]:
        """See `Store`."""
        rows = self.ask("SELECT account, name, venue, is_done FROM account WHERE run = ? ORDER BY account", run.run)
        return [AccountRow(account, name, venue, bool(is_done)) for account, name, venue, is_done in rows]

    def _found(self, run_id: str, locking: str = "") -> RunRow:
        for row in self.ask(f"{_RUN} WHERE run_id = ?{locking}", run_id):
            return _run_row(row)
        raise UnknownRunError(f"there is no run {shown(run_id)}: look up which there are")


def _run_row(row: Sequence[Any]) -> RunRow:
    if tuple(map(type, row)) != _RUN_KINDS:
        raise StoreError(
            f"the table of runs does not say what it should of run {shown(row[1])}: it was changed by something else"
        )
    run, run_id, began_ms, state, epoch, host, pid, boot, started, beat_ms, last, seal = row
    return RunRow(run, run_id, began_ms, state, epoch, Holder(host, pid, boot, started), beat_ms, last, seal)


def foreign(where: str) -> StoreError:
    """Said of a database that somebody else keeps something in."""
    return StoreError(f"{where} holds something else than a journal, and is left as it is: name another one")


def fenced(run: RunRow) -> FencedError:
    """Said to one who has lost its run."""
    return FencedError(f"run {shown(run.run_id)} was taken over by another process, or removed: this one keeps no more of it")
