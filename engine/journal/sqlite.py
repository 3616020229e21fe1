"""Records in a file, by SQLite. What can be wrong with the file is said when it is opened, where that can be known by then.

1. Nothing is written into a file before it is known to be ours, or empty.
2. A file that exists is opened by SQLite alone: closing a second handle would give up the locks that this process has on it.
3. A group is on the disk when `write` returns: the write-ahead log is synchronised at every commit.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from engine.journal.entries import Group
from engine.journal.sql import Tables, fenced, foreign, tables
from engine.journal.store import RunRow, StoreError

BUSY_S = 2.0
"""How long to wait for somebody else who writes. A guess: a commit takes milliseconds."""

POLL_S = 0.002
"""How often to look meanwhile. SQLite's own way looks ever more seldom, and is starved by one who writes group after group."""

AT_ONCE = 10_000
"""Rows, or pages, that are given back in one transaction: whoever waits to write must not wait for all of it. A guess."""

ROOM_S = 0.005
"""How long the file is left to others between two of them. A guess."""

MOST_PROBLEMS = 100
"""Problems that the database's own check names."""

_GROUP = """
CREATE TEMP VIEW IF NOT EXISTS group_to_keep AS
SELECT 0 AS run, 0 AS epoch, 0 AS last, 0 AS seal, 0 AS now_ms, 0 AS state, 0 AS entries, 0 AS fates, 0 AS accounts
"""

_KEEP = """
CREATE TEMP TRIGGER IF NOT EXISTS keep_group INSTEAD OF INSERT ON group_to_keep BEGIN
  SELECT raise(ABORT, 'fenced') WHERE NOT EXISTS (SELECT 1 FROM run WHERE run = NEW.run AND epoch = NEW.epoch);
  UPDATE run SET last = NEW.last, seal = NEW.seal, beat_ms = NEW.now_ms, state = coalesce(NEW.state, state) WHERE run = NEW.run;
  INSERT INTO entry (run, seq, at_ms, kind, account, body, seal)
  SELECT NEW.run, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]'), json_extract(value, '$[4]'), CASE WHEN json_extract(value, '$[0]') = NEW.last THEN NEW.seal END
  FROM json_each(NEW.entries);
  INSERT INTO fate (run, account, place, times, outcome)
  SELECT NEW.run, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]')
  FROM json_each(NEW.fates) WHERE true
  ON CONFLICT (run, account, place) DO UPDATE
  SET times = max(times, excluded.times), outcome = coalesce(nullif(excluded.outcome, ''), outcome);
  INSERT INTO account (run, account, name, venue, is_done)
  SELECT NEW.run, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]')
  FROM json_each(NEW.accounts) WHERE true
  ON CONFLICT (run, account) DO UPDATE SET name = excluded.name, venue = excluded.venue, is_done = excluded.is_done;
END
"""
"""A group is kept by one statement, a transaction of its own: after each one, a thread waits for the interpreter's lock, which a
busy event loop lets go of every five milliseconds at the least."""

_PUT = "INSERT INTO group_to_keep VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

_SOME_ENTRIES = "DELETE FROM entry WHERE run = ? AND seq IN (SELECT seq FROM entry WHERE run = ? LIMIT ?)"

_SOME_FATES = "DELETE FROM fate WHERE run = ? AND (account, place) IN (SELECT account, place FROM fate WHERE run = ? LIMIT ?)"

Done = TypeVar("Done")


class SqliteStore(Tables):
    """Records in a file of SQLite, made for its owner alone where it is missing, as is its folder.

    Raises:
        StoreError: it cannot be used: the words say why, and what to do.
    """

    OPENING: ClassVar[str] = "mode=rw"
    """How SQLite is asked to open the file: as one that is there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_ready = False
        real = _made(path)
        with self._mapped():
            self._connection = sqlite3.connect(
                f"{real.as_uri()}?{self.OPENING}", uri=True, timeout=0, isolation_level=None, check_same_thread=False
            )
        try:
            self.salt = self._opened()
        except BaseException:
            self._connection.close()
            raise

    @property
    def where(self) -> str:
        """See `Store`."""
        return str(self._path)

    def _opened(self) -> str:
        found = self._tables()
        if found and not (found >= {"meta", "run", "entry", "fate", "account"} and self._has_meta()):
            raise foreign(str(self._path))
        if found:
            salt = self.recognise(str(self._path))
        else:
            self.ask("PRAGMA auto_vacuum = INCREMENTAL")
        mode = self.ask("PRAGMA journal_mode = WAL")[0][0]
        if mode != "wal":
            raise StoreError(
                f"{self._path} lies where SQLite cannot keep a write-ahead log ({mode} instead), as on a network's disk: "
                "name a file on a disk of this machine"
            )
        self.ask("PRAGMA synchronous = FULL")
        if found:
            return salt
        with self.atomically():
            # Somebody else may have made them while this process waited for its turn.
            if self._tables():
                return self.recognise(str(self._path))
            return self.make(tables("INTEGER PRIMARY KEY AUTOINCREMENT", clustered="WITHOUT ROWID"))

    def _tables(self) -> set[str]:
        return {name for (name,) in self.ask("SELECT name FROM sqlite_master")}

    def _has_meta(self) -> bool:
        columns = self.ask("PRAGMA table_info(meta)")
        return [column[1] for column in columns] == ["name", "value"]

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """See `Tables`."""
        with self._mapped():
            return self._patiently(lambda: self._connection.execute(statement, values).fetchall())

    def change(self, statement: str, *values: object) -> int:
        """See `Tables`."""
        with self._mapped():
            return self._patiently(lambda: self._connection.execute(statement, values).rowcount)

    def _patiently(self, work: Callable[[], Done]) -> Done:
        """Work that somebody else may be in the way of."""
        until_s = time.monotonic() + BUSY_S
        while True:
            try:
                return work()
            except sqlite3.OperationalError as error:
                if _kind(error) != sqlite3.SQLITE_BUSY or self._connection.in_transaction or time.monotonic() > until_s:
                    raise
            time.sleep(POLL_S)

    @contextmanager
    def atomically(self) -> Iterator[None]:
        """See `Tables`."""
        yield from self._transaction("BEGIN IMMEDIATE")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See `Store`."""
        yield from self._transaction("BEGIN")

    def _transaction(self, begin: str) -> Iterator[None]:
        self.change(begin)
        try:
            yield
            self.change("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # it is over already where the disk is full
                self._connection.execute("ROLLBACK")
            raise

    def put(self, run: RunRow, group: Group, fates: str, accounts: str, now_ms: int) -> None:
        """See `Tables`."""
        if not self._is_ready:
            self.change(_GROUP)
            self.change(_KEEP)
            self._is_ready = True
        values = (run.run, run.epoch, group.last, group.seal, now_ms, group.state, group.text, fates, accounts)
        with self._mapped():
            try:
                self._patiently(lambda: self._connection.execute(_PUT, values))
            except sqlite3.IntegrityError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_TRIGGER:
                    raise fenced(run) from error
                raise

    def remove(self, runs: Sequence[RunRow]) -> None:
        """See `Store`.

        A little at a time, so that others can write meanwhile; cut off, what is left of a run can be removed again.
        """
        for run in runs:
            self.change("UPDATE run SET epoch = epoch + 1 WHERE run = ?", run.run)  # whoever still writes to it is told
            for statement in (_SOME_ENTRIES, _SOME_FATES):
                while self.change(statement, run.run, run.run, AT_ONCE):
                    time.sleep(ROOM_S)
            with self.atomically():
                self.change("DELETE FROM account WHERE run = ?", run.run)
                self.change("DELETE FROM run WHERE run = ?", run.run)
        with suppress(StoreError):  # somebody else holds the file: what is free now is used by the next run
            while self.ask("PRAGMA freelist_count")[0][0]:
                self._give_back()
                time.sleep(ROOM_S)
            self.ask("PRAGMA wal_checkpoint(TRUNCATE)")

    def _give_back(self) -> None:
        """Some pages. As a script: of a statement without rows the driver takes one step, and that would be one page."""
        with self._mapped():
            self._patiently(lambda: self._connection.executescript(f"PRAGMA incremental_vacuum({AT_ONCE})"))

    def problems(self) -> list[str]:
        """See `Store`."""
        try:
            found = [str(row[0]) for row in self.ask(f"PRAGMA integrity_check({MOST_PROBLEMS})")]
        except StoreError as error:
            return [str(error)]
        return [] if found == ["ok"] else found

    def close(self) -> None:
        """See `Store`."""
        self._connection.close()

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise StoreError(_words(self._path, error)) from error


def _made(path: Path) -> Path:
    """The file itself, through any link; made where it is missing."""
    try:
        real = Path(os.path.realpath(path))
        for folder in reversed([each for each in real.parents if not each.exists()]):
            folder.mkdir(mode=0o700, exist_ok=True)
        try:
            os.close(os.open(real, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            kind = real.stat().st_mode
            if stat.S_ISDIR(kind):
                raise StoreError(f"{path} is a folder: name a file in it") from None
            if not stat.S_ISREG(kind):
                raise StoreError(f"{path} is no file that could be written and read again: name another one") from None
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise StoreError(f"{path} cannot be made: {words}; name a file in a folder that can be written") from error
    return real


def _words(path: Path, error: Exception) -> str:
    """What a failure means, and what to do about it."""
    what = {
        sqlite3.SQLITE_BUSY: f"was held by another program for more than {BUSY_S:.0f} s: end that one, or name another file",
        sqlite3.SQLITE_LOCKED: "is in use by this process: wait for that to end",
        sqlite3.SQLITE_FULL: "cannot grow: the disk is full; make room, or name a file on another disk",
        sqlite3.SQLITE_NOTADB: "is no journal, and no database at all; it is left as it is: name another file",
        sqlite3.SQLITE_CORRUPT: f"is damaged ({error}): keep a copy of it, and name another file",
        sqlite3.SQLITE_CONSTRAINT: f"holds already what was to be written ({error}): verify the run that it belongs to",
        sqlite3.SQLITE_IOERR: f"could not be read or written ({error}): look at the disk, which may be full or failing",
        **dict.fromkeys(
            (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_CANTOPEN),
            f"cannot be written ({error}): let this user write it and its folder, or name another file",
        ),
    }
    of_no_kind = f"could not be used by SQLite {sqlite3.sqlite_version} ({error}): look at the file, or name another one"
    return f"{path} {what.get(_kind(error), of_no_kind)}"


def _kind(error: Exception) -> int:
    """SQLite's code for what went wrong, without what the code has beyond that; -1 for none."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else code & 0xFF
