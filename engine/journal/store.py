"""The port to where records are kept. A store writes groups of entries and reads them back; it knows nothing of orders.

One rule makes two processes on one run impossible: whoever takes a run raises its epoch, and a group is written only if the epoch
of its writer still stands, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from engine.journal.entries import AccountRow, FateRow, Group, Written


class StoreError(Exception):
    """Something could not be kept or read: the words say what, and what to do. It holds no secret."""


class FencedError(StoreError):
    """Another process has taken this run over: this one must not write to it any more."""


class BusyError(StoreError):
    """The run is held by a process that lives."""


class UnknownRunError(StoreError):
    """There is no such run."""


class Holder(NamedTuple):
    """A process, so that another one can tell whether it lives.

    Attributes:
        host: Name of its machine, and of its space of process numbers where there are several.
        pid: Its number.
        boot: Names the start of the machine, where that can be known; else blank.
        started: When the process started, in the machine's own units, where that can be known; else blank.
    """

    host: str
    pid: int
    boot: str
    started: str


class RunRow(NamedTuple):
    """What the store's table of runs says of one.

    Attributes:
        run: Its key in this store.
        run_id: Its name.
        began_ms: When it began, in Unix milliseconds.
        state: `running`, `stopped` or `finished`.
        epoch: How often it was taken: 1 in its first life.
        holder: Who took it last.
        beat_ms: When that one last wrote, in Unix milliseconds.
        last: Number of its last entry; -1 before the first.
        seal: The seal of the last group; blank before the first.
    """

    run: int
    run_id: str
    began_ms: int
    state: str
    epoch: int
    holder: Holder
    beat_ms: int
    last: int
    seal: str


class Store(Protocol):
    """A database that holds records, used by one thread at a time. Every method may wait for a disk and raise `StoreError`."""

    salt: str
    """Random text of this store, made when it was made: seals begin with it, and fingerprints of keys are salted with it."""

    @property
    def where(self) -> str:
        """Where it is, in words that hold no secret."""
        ...

    def begin(self, run_id: str, began_ms: int, holder: Holder) -> RunRow:
        """Make a run, held by this process, in epoch 1."""
        ...

    def claim(self, run_id: str, holder: Holder, now_ms: int, *, takes_own: bool = False) -> RunRow:
        """Take a run over, and raise its epoch; it is running from here on.

        Args:
            run_id: Its name.
            holder: Who takes it.
            now_ms: Unix milliseconds.
            takes_own: Whether it may be taken from this very holder, who lives and has given it up.

        Raises:
            BusyError: it is running, and its holder lives.
            UnknownRunError: there is none of this name.
        """
        ...

    def write(self, run: RunRow, group: Group, fates: Sequence[FateRow], accounts: Sequence[AccountRow], now_ms: int) -> None:
        """Write a group and what follows from it, in one transaction, and return once it is on disk.

        Raises:
            FencedError: the run's epoch is not this one any more; nothing was written.
        """
        ...

    def beat(self, run: RunRow, now_ms: int) -> None:
        """Say that the holder lives.

        Raises:
            FencedError: the run's epoch is not this one any more.
        """
        ...

    def runs(self) -> list[RunRow]:
        """All runs, the newest first."""
        ...

    def find(self, run_id: str) -> RunRow:
        """One run.

        Raises:
            UnknownRunError: there is none of this name.
        """
        ...

    def first(self, run: RunRow) -> Written | None:
        """The run's first entry, which tells what it is; None where it has none."""
        ...

    def entries(self, run: RunRow) -> Iterator[Written]:
        """The run's entries in their order."""
        ...

    def outcomes(self, run: RunRow) -> Mapping[str, int]:
        """How many places of the input stand at each outcome, by a query over the table of fates."""
        ...

    def fates(self, run: RunRow) -> Iterator[FateRow]:
        """The table of fates of the run, by account and place."""
        ...

    def accounts(self, run: RunRow) -> list[AccountRow]:
        """The table of accounts of the run."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """All that is read within is of one moment, whoever writes meanwhile; nothing is written within."""
        ...

    def remove(self, runs: Sequence[RunRow]) -> None:
        """Delete these runs and all that belongs to them, and give the space back."""
        ...

    def problems(self) -> list[str]:
        """What the database itself finds wrong with its files; empty where it finds nothing, or cannot look."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...
