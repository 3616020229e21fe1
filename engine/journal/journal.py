"""The journal of an engine: where the records of its runs are kept, and what can be read there afterwards."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import anyio
import anyio.to_thread

from engine.core.outcome import Outcome
from engine.core.report import RunReport
from engine.errors import ConfigError, JournalError, shown
from engine.journal.entries import FINISHED, RUNNING, Written
from engine.journal.holding import lives
from engine.journal.postgres import PostgresStore
from engine.journal.replay import RunRecord, replay
from engine.journal.sqlite import SqliteStore
from engine.journal.store import RunRow, Store, StoreError
from engine.journal.verifying import verify
from engine.journal.writing import RunWriter, Writer
from engine.secret import Secret

SERVERS = ("postgresql://", "postgres://")
"""How an address of a server begins; anything else is the path of a file."""

CUT = "cut off"
"""What a run is whose process is gone without having ended it."""

IfLost = Literal["go on", "stop"]


@dataclass(frozen=True, slots=True)
class RunHead:
    """The least that is known of a run; `RunLine` says what each means."""

    run_id: str
    began_at: float
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One run, in short.

    Attributes:
        run_id: Names it.
        began_at: When it began, in Unix seconds.
        state: `running`, `cut off`, `stopped` or `finished`; all but the last can be resumed.
        lives: How many processes worked on it.
        accounts: How many accounts it is for.
        done: How many of them are done with.
        by_outcome: How many orders stand at each outcome.
        header: Its first entry: who asked, for what and why; each of them None where it is missing or cannot be read.
        seal: Its last seal; blank where nothing was recorded.
    """

    run_id: str
    began_at: float
    state: str
    lives: int
    accounts: int
    done: int
    by_outcome: Mapping[Outcome, int]
    header: Mapping[str, Any]
    seal: str

    @property
    def total(self) -> int:
        """How many orders it accounts for."""
        return sum(self.by_outcome.values())

    @property
    def at_risk(self) -> int:
        """How many may still be live, as far as it knows."""
        return sum(count for outcome, count in self.by_outcome.items() if outcome.may_be_live)

    def to_dict(self) -> dict[str, Any]:
        """The line as plain values."""
        return {
            "run_id": self.run_id,
            "began_at": self.began_at,
            "state": self.state,
            "lives": self.lives,
            "call": self.header["call"],
            "scope": self.header["scope"],
            "reason": self.header["reason"],
            "requested_by": self.header["requested_by"],
            "accounts": self.accounts,
            "accounts_done": self.done,
            "total": self.total,
            "at_risk": self.at_risk,
            "by_outcome": {outcome.value: count for outcome, count in self.by_outcome.items()},
            "seal": self.seal,
        }


class Journal:
    """The records of runs, in a file or in a server's database. Made by `Journal.open`, closed by the engine that it is given to.

    Attributes:
        where: Its place, in words: a path, or a server and its database.
        if_lost: What a run does that cannot be recorded any more: `go on` without a record, and say so, or `stop`.
        salt: Random text of this journal; fingerprints of keys are salted with it.
    """

    def __init__(self, new_store: Callable[[], Store], *, if_lost: IfLost, patience_s: float, in_loop: bool) -> None:
        self.if_lost: IfLost = if_lost
        self._new_store = new_store
        self._in_loop = in_loop
        with _as_ours():
            store = new_store()
        self.where = store.where
        self.salt = store.salt
        self._writer = Writer(store, in_loop=in_loop, patience_s=patience_s)

    @classmethod
    def open(
        cls,
        where: str | Path | Secret,
        *,
        if_lost: IfLost = "go on",
        patience_s: float = 2.0,
        in_loop: bool = False,
    ) -> Self:
        """Open a journal; one that is not there yet is made.

        Args:
            where: The path of a SQLite file, or the address of a PostgreSQL database (`postgresql://user@host/name`).
            if_lost: What a run does that cannot be recorded any more, because the disk is full, say: `go on` taking orders off
                the book without a record, and say so in its report; or `stop`.
            patience_s: How long a cancel waits for its intent to be on disk before the record counts as lost.
            in_loop: Whether to write in the event loop instead of a thread: for tests that own the clock.

        Raises:
            JournalError: it cannot be used: no such folder, read-only, locked, corrupt, of a newer version, no server.
        """
        if if_lost not in ("go on", "stop"):
            raise ConfigError(f"if_lost must be 'go on' or 'stop', not {shown(if_lost)}")
        if isinstance(patience_s, bool) or not isinstance(patience_s, int | float) or not 0 < patience_s < 1e6:
            raise ConfigError(f"patience_s must be a positive number of seconds, not {shown(patience_s)}")
        options: dict[str, Any] = {"if_lost": if_lost, "patience_s": patience_s, "in_loop": in_loop}
        if isinstance(where, Secret) or str(where).startswith(SERVERS):
            url = Secret(where if isinstance(where, Secret) else str(where))
            return cls(lambda: PostgresStore(url), **options)
        return cls(lambda: SqliteStore(Path(where)), **options)

    def close(self) -> None:
        """Write what waits to be written, and give everything back. May be called twice."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Journal({self.where!r})"

    # --- for whoever looks back

    def heads(self) -> list[RunHead]:
        """The least of all runs, the newest first: quick, however much is recorded of them.

        Raises:
            JournalError: it cannot be read.
        """
        with self._reading() as store:
            return [RunHead(row.run_id, row.began_ms / 1000, _state(row)) for row in store.runs()]

    def runs(self, *, most: int | None = None) -> list[RunLine]:
        """All runs, or so many, the newest first.

        Raises:
            JournalError: it cannot be read.
        """
        with self._reading() as store:
            return [self._line(store, row) for row in store.runs()[:most]]

    def run(self, run_id: str) -> RunLine:
        """One run, in short.

        Raises:
            JournalError: there is none, or it cannot be read.
        """
        with self._reading() as store:
            return self._line(store, store.find(run_id))

    def read(self, run_id: str) -> RunRecord:
        """All that is known of a run.

        Raises:
            JournalError: there is none of this name, or it cannot be read.
        """
        with self._reading() as store:
            return self._record(run_id, store.entries(store.find(run_id)))

    def report(self, run_id: str) -> RunReport:
        """The report of a run: as it was given at its end, or as it stands where it was cut off.

        Raises:
            JournalError: there is none of this name, or it cannot be read.
        """
        return self.read(run_id).report()

    def entries(self, run_id: str) -> list[Written]:
        """A run's entries as they were written.

        Raises:
            JournalError: there is none of this name, or it cannot be read.
        """
        with self._reading() as store:
            return list(store.entries(store.find(run_id)))

    def verify(self, run_id: str, *, seal: str | None = None) -> list[str]:
        """What is wrong with the record of a run, in sentences; none where it is whole and was not altered.

        Args:
            run_id: Names it.
            seal: Its last seal, kept elsewhere since then, to compare with.

        Raises:
            JournalError: there is none of this name, or it cannot be read at all.
        """
        with self._reading() as store:
            return verify(store, store.find(run_id), seal=seal)

    def prune(self, older_than_s: float) -> list[str]:
        """Delete the records of runs that began more than so many seconds ago, but for those under way; give back their names.

        Raises:
            JournalError: it cannot be written.
        """
        now_ms = round(time.time() * 1000)
        with self._reading() as store:
            old = [row for row in store.runs() if row.began_ms < now_ms - older_than_s * 1000]
            gone = [row for row in old if _state(row) != RUNNING]
            store.remove(gone)
        return [row.run_id for row in gone]

    @contextmanager
    def _reading(self) -> Iterator[Store]:
        """A way of its own into the journal, so that who looks back never waits for a run, nor a run for him."""
        with _as_ours():
            store = self._new_store()
            try:
                yield store
            finally:
                store.close()

    def _record(self, run_id: str, entries: Iterator[Written]) -> RunRecord:
        try:
            return replay(entries)
        except ValueError as error:
            raise JournalError(
                f"the record of run {run_id} in {self.where} cannot be read: {error}; see `runs verify`"
            ) from error

    def _line(self, store: Store, row: RunRow) -> RunLine:
        accounts = store.accounts(row)
        outcomes: Counter[Outcome] = Counter()
        for word, count in store.outcomes(row).items():
            outcomes[_OUTCOMES.get(word, Outcome.UNKNOWN)] += count
        return RunLine(
            run_id=row.run_id,
            began_at=row.began_ms / 1000,
            state=_state(row),
            lives=row.epoch,
            accounts=len(accounts),
            done=sum(account.is_done for account in accounts),
            by_outcome=dict(outcomes),
            header=_header(store, row),
            seal=row.seal,
        )

    # --- for the engine

    async def load(self, run_id: str) -> RunRecord:
        """See `read`: without holding up the loop."""
        return self.read(run_id) if self._in_loop else await anyio.to_thread.run_sync(self.read, run_id)

    async def begin(self, run_id: str, began_ms: int) -> RunWriter:
        """Make the record of a run.

        Raises:
            JournalError: it cannot be written.
        """
        with _as_ours():
            return await self._writer.begin(run_id, began_ms)

    async def claim(self, run_id: str) -> RunWriter:
        """Take a run over.

        Raises:
            JournalError: another process works on it, there is none of this name, or it cannot be written.
        """
        with _as_ours():
            return await self._writer.claim(run_id)


def _header(store: Store, row: RunRow) -> Mapping[str, Any]:
    """The first entry of a run, as far as it can be read: a damaged record must not hide the others."""
    first = store.first(row)
    try:
        return _NO_HEADER if first is None else replay([first]).header
    except ValueError:
        return _NO_HEADER


_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
"""What else stands in a table of fates says nothing of its order."""

_NO_HEADER: Mapping[str, Any] = {"call": None, "scope": None, "reason": None, "requested_by": None}


def _state(row: RunRow) -> str:
    """What a run is, by its row and by whether its process lives."""
    if row.state != RUNNING:
        return row.state
    return RUNNING if lives(row.holder, row.beat_ms, round(time.time() * 1000)) else CUT


def program() -> dict[str, Any]:
    """What is running here, for a record: machine, process, version."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "version": _version()}


@cache
def _version() -> str:
    try:
        return version("cancel-engine")
    except PackageNotFoundError:
        return "(not installed)"


@contextmanager
def _as_ours() -> Iterator[None]:
    """Errors of a store become errors of the journal."""
    try:
        yield
    except StoreError as error:
        raise JournalError(str(error)) from error


__all__ = ["CUT", "FINISHED", "RUNNING", "IfLost", "Journal", "RunHead", "RunLine", "program"]
