"""Writes records on a thread of its own: whoever has something to say never waits for a disk, unless to know that it is there.

1. What is put first is written first; what is put at once is written in one transaction, or not at all.
2. `commit` says yes only to what is on disk, with all that was put before it.
3. Whatever goes wrong, the run that it concerns counts as lost from then on, and nobody waits: a record with a hole is worse than
   one that ends.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import anyio

from engine.errors import shown
from engine.journal.entries import Entry, Sheet, first_seal, group_of
from engine.journal.holding import this_process
from engine.journal.store import FencedError, RunRow, Store, StoreError

LINGER_S = 0.02
"""How long entries that nobody waits for wait for company. A guess: it saves most of the disk's work."""

MOST_IN_GROUP = 5_000
"""Entries that are written together, unless more were put at once. A guess: some 20 ms of work."""

BEAT_S = 5.0
"""How often a run that has nothing to say shows that its process lives. A guess: some may be late before it counts as dead."""

CLOSE_S = 5.0
"""How long closing waits for what is still to be written. A guess."""

LEAST_PER_S = 10_000
"""Entries a second that are to be expected of a writer that does its work. A guess: a tenth of what it does on a slow disk."""

GATHERED = 200
"""Entries that are gathered before they are written where there is no thread."""


_HELD: set[str] = set()
"""Runs that this process writes, by any writer: it may take another one from itself, whose record it has lost."""


class Writer:
    """Keeps the records of any number of runs in one store, which it closes at its end.

    Args:
        store: Where they are kept; from here on it belongs to the writer's thread.
        in_loop: Write in the calling thread, without one of its own: for a loop whose time does not wait for threads.
        patience_s: After so long without an answer, and without any progress of the writer, a run counts as lost.
        wall_clock: Gives Unix seconds.
    """

    def __init__(
        self,
        store: Store,
        *,
        in_loop: bool = False,
        patience_s: float = 2.0,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.patience_s = patience_s
        self._store = store
        self._in_loop = in_loop
        self._wall_clock = wall_clock
        self._queue: queue.SimpleQueue[_Item | _Call | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._broken: str | None = None
        self._held_back: _Item | _Call | None = None
        self._runs: dict[RunWriter, float] = {}
        """Runs to beat for, and when each was last written, on the monotonic clock."""
        self._moved_s = 0.0
        """When the writer last began or ended a group, on that clock."""
        self._at_work = 0
        """How many entries the present group has."""

    async def begin(self, run_id: str, began_ms: int) -> RunWriter:
        """Make a run.

        Raises:
            StoreError: it could not be made.
        """
        return await self._called(lambda: self._store.begin(run_id, began_ms, this_process()))

    async def claim(self, run_id: str) -> RunWriter:
        """Take over a run that was cut off or stopped; its handle goes on behind its last entry.

        Raises:
            BusyError: it is running, and its holder lives.
            UnknownRunError: there is none of this name.
            StoreError: it could not be taken.
        """
        is_given_up = run_id not in _HELD
        return await self._called(lambda: self._store.claim(run_id, this_process(), self._now_ms(), takes_own=is_given_up))

    def patience_left_s(self) -> float:
        """Seconds for which it is to be waited on: it may be behind with its work, or have a large group in hand."""
        return self._moved_s + self.patience_s + self._at_work / LEAST_PER_S - time.monotonic()

    def close(self) -> None:
        """Write what is left and give the store back; waits 5 s at most. Closing twice does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            thread = self._thread
        if thread is not None:
            self._queue.put(None)
            thread.join(CLOSE_S)
            return
        for run in [*self._runs]:
            run.flush()
        self._store.close()

    def take(self, item: _Item) -> None:
        """Write it, soon or at once; never blocks and never raises."""
        if self._in_loop:
            self._write([item])
        elif self._closed or self._broken:
            _answer([item.waiter], is_kept=False)
        else:
            self._queue.put(item)

    @property
    def why_not(self) -> str | None:
        """Why nothing more is taken from anybody, in words."""
        return self._broken or ("the journal was closed" if self._closed else None)

    @property
    def gathers(self) -> bool:
        """Whether entries that nobody waits for are to be gathered before they are handed over."""
        return self._in_loop

    async def _called(self, work: Callable[[], RunRow]) -> RunWriter:
        if self.why_not is not None:
            raise StoreError(f"{self.why_not}: nothing more is kept")
        if self._in_loop:
            return self._handle(work())
        self._start()
        call = _Call(lambda: self._handle(work()))
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[bool] = loop.create_future()
        waiter = call.waiter = _Waiter(loop, [answered])
        # A store may wait for somebody else as long as a run is patient, and says so in better words.
        waiter.timer = loop.call_later(2 * self.patience_s, waiter.settle, False)
        self._queue.put(call)
        try:
            await answered
        except asyncio.CancelledError:
            call.forget()
            waiter.timer.cancel()
            raise
        if call.error is not None:
            raise call.error
        if call.result is None:
            call.forget()
            raise StoreError(self._no_answer(2 * self.patience_s))
        return call.result

    def _no_answer(self, waited_s: float) -> str:
        return self._broken or f"the journal did not answer within {waited_s:g} s"

    def _handle(self, row: RunRow) -> RunWriter:
        run = RunWriter(self, row, self._store.salt)
        self._runs[run] = time.monotonic()
        return run

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
                self._thread.start()

    def _now_ms(self) -> int:
        return int(self._wall_clock() * 1000)

    # From here on: the writer's thread.

    def _work(self) -> None:
        try:
            is_open = True
            while is_open:
                is_open, batch = self._gathered()
                for call in batch:
                    if isinstance(call, _Call):
                        call.answer()
                self._write([item for item in batch if isinstance(item, _Item)])
                self._beat()
        except Exception as error:  # noqa: BLE001  # nobody may wait for a thread that is gone
            self._broken = f"internal error: {shown(error)}"
        finally:
            self._give_up()
            with suppress(StoreError):
                self._store.close()

    def _give_up(self) -> None:
        """Answer whoever still waits: this thread will not."""
        with suppress(queue.Empty):
            while True:
                left = self._queue.get_nowait()
                if left is not None:
                    _answer([left.waiter], is_kept=False)
        for run in self._runs:
            run.lose(self.why_not or "the journal was closed")

    def _gathered(self) -> tuple[bool, list[_Item | _Call]]:
        """What is waiting, up to a group's worth, and whether more may come; nothing where it is time to beat."""
        batch: list[_Item | _Call] = []
        count, until_s = 0, self._next_beat_s()
        first, self._held_back = self._held_back, None
        while True:
            try:
                item = first if first is not None else self._queue.get(timeout=_seconds_until(until_s))
            except queue.Empty:
                return True, batch
            first = None
            if item is None:
                return False, batch
            if batch and count + item.size > MOST_IN_GROUP:
                self._held_back = item
                return True, batch
            if not batch:
                until_s = time.monotonic() + LINGER_S
            if item.waiter is not None:
                until_s = 0.0  # no lingering, but all that is there comes along
            batch.append(item)
            count += item.size

    def _next_beat_s(self) -> float | None:
        return min(self._runs.values()) + BEAT_S if self._runs else None

    def _write(self, items: Iterable[_Item]) -> None:
        """Write a group for each of the runs, and answer whoever waits for one of them."""
        groups: dict[RunWriter, list[_Item]] = {}
        for item in items:
            groups.setdefault(item.run, []).append(item)
        for run, group in groups.items():
            sheet = group[0].sheet
            for item in group[1:]:
                sheet.take(item.sheet)
            self._at_work, self._moved_s = len(sheet), time.monotonic()
            if len(sheet) and run.lost is None:
                with _concerning(run):
                    self._keep(run, sheet)
            self._at_work, self._moved_s = 0, time.monotonic()
            _answer([item.waiter for item in group], is_kept=run.lost is None)
            if run.lost is not None or any(item.is_last for item in group):
                self._runs.pop(run, None)

    def _keep(self, run: RunWriter, sheet: Sheet) -> None:
        group = group_of(sheet, run.seal)
        self._store.write(run.row, group, sheet.fates(), list(sheet.accounts.values()), self._now_ms())
        run.seal = group.seal
        if run in self._runs:
            self._runs[run] = time.monotonic()

    def _beat(self) -> None:
        now_s = time.monotonic()
        for run, last_s in [*self._runs.items()]:
            if run.lost is not None:
                del self._runs[run]
            elif now_s - last_s >= BEAT_S:
                self._runs[run] = now_s
                # A beat that fails loses nothing; the next entry would say so.
                with _concerning(run), _unless_fenced():
                    self._store.beat(run.row, self._now_ms())


class RunWriter:
    """The record of one run, as its owner writes it; made by a `Writer`, and used by one thread.

    Attributes:
        run_id: Its name.
        seq: Number that the next entry has; whoever makes an entry takes it and adds one.
        salt: The store's: fingerprints of keys are salted with it.
        lost: Why nothing of this run is kept any more, in words; None while all is well.
        is_fenced: Whether that is because another process has taken it over.
        row: What the store says of it, as it was when it was taken.
        seal: The last seal that is on disk.
    """

    def __init__(self, writer: Writer, row: RunRow, salt: str) -> None:
        self.run_id = row.run_id
        self.seq = row.last + 1
        self.salt = salt
        self.lost: str | None = None
        self.is_fenced = False
        self.row = row
        self.seal = row.seal or first_seal(salt, row.run_id, row.began_ms)
        self._writer = writer
        _HELD.add(self.run_id)
        self._has_ended = False
        self._gathered = Sheet()

    def put(
        self, entries: Sheet | Sequence[Entry], waiting: Sequence[asyncio.Future[bool]] = (), *, is_last: bool = False
    ) -> None:
        """Have these kept, soon; takes a sheet over. Never blocks and never raises.

        Args:
            entries: What is to be kept, in its order.
            waiting: Futures of the running loop: true once these entries and all before are on disk; false if the record is lost,
                or if that takes longer than the writer is patient, by which it is lost.
            is_last: Whether to take nothing more.
        """
        with _concerning(self):
            entries = entries if isinstance(entries, Sheet) else Sheet.of(entries)
        if not isinstance(entries, Sheet) or not self._is_open():
            _settle(waiting, is_kept=False)
            return
        self._has_ended = is_last
        if is_last:
            _HELD.discard(self.run_id)
        if self._writer.gathers:
            self._gathered.take(entries)
            if waiting or is_last or len(self._gathered) >= GATHERED:
                self.flush(is_last=is_last)
                _settle(waiting, is_kept=self.lost is None)
        elif waiting:
            loop = asyncio.get_running_loop()
            waiter = _Waiter(loop, waiting)
            waiter.timer = loop.call_later(self._writer.patience_s, self._stop_waiting, waiter)
            self._writer.take(_Item(self, entries, waiter, is_last=is_last))
        elif len(entries) or is_last:
            self._writer.take(_Item(self, entries, is_last=is_last))

    async def commit(self, entries: Sheet | Sequence[Entry]) -> bool:
        """Have these kept, and wait until they and all before are on disk; see `put`."""
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.put(entries, [kept])
        return await kept

    async def end(self, entries: Sheet | Sequence[Entry]) -> bool:
        """Commit these, and take nothing more. No cancellation cuts it short: it is bounded by the writer's patience."""
        is_kept = False
        with anyio.CancelScope(shield=True):
            kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self.put(entries, [kept], is_last=True)
            is_kept = await _stubborn(kept)
        return is_kept  # noqa: RET504  # a scope may swallow what it ends, as a type checker sees it

    def flush(self, *, is_last: bool = False) -> None:
        """Write what is gathered where there is no thread that does."""
        gathered, self._gathered = self._gathered, Sheet()
        self._writer.take(_Item(self, gathered, is_last=is_last))

    def lose(self, why: str, *, is_fenced: bool = False) -> None:
        """Keep nothing more of this run; the first reason stands."""
        if self.lost is None:
            self.is_fenced = is_fenced
            self.lost = why
            _HELD.discard(self.run_id)

    def _stop_waiting(self, waiter: _Waiter) -> None:
        left_s = self._writer.patience_left_s()
        if left_s > 0:
            waiter.timer = waiter.loop.call_later(left_s, self._stop_waiting, waiter)
            return
        self.lose(f"the journal did not answer within {self._writer.patience_s:g} s")
        waiter.settle(is_kept=False)

    def _is_open(self) -> bool:
        why_not = self._writer.why_not
        if why_not is not None and not self._has_ended:
            self.lose(why_not)
        return self.lost is None and not self._has_ended


@dataclass(slots=True, eq=False)
class _Waiter:
    """Those in an event loop who wait for one answer, and what ends their patience."""

    loop: asyncio.AbstractEventLoop
    waiting: Sequence[asyncio.Future[bool]]
    timer: asyncio.TimerHandle | None = None

    def settle(self, is_kept: bool) -> None:  # noqa: FBT001  # a loop's timer gives no names
        """Give the answer, in the loop; too late for one who has gone is no harm."""
        if self.timer is not None:
            self.timer.cancel()
        _settle(self.waiting, is_kept=is_kept)


@dataclass(slots=True)
class _Item:
    """Entries that were put at once."""

    run: RunWriter
    sheet: Sheet
    waiter: _Waiter | None = None
    is_last: bool = False

    @property
    def size(self) -> int:
        """How much of a group it fills."""
        return len(self.sheet)


@dataclass(slots=True)
class _Call:
    """A run that is to be taken on the writer's thread."""

    work: Callable[[], RunWriter]
    waiter: _Waiter | None = None
    result: RunWriter | None = None
    error: StoreError | None = None
    is_wanted: bool = True
    size: int = 0

    def answer(self) -> None:
        """Do it, and wake whoever asked for it."""
        try:
            self.result = self.work()
        except StoreError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001  # nobody may wait for an answer that does not come
            self.error = StoreError(f"internal error: {shown(error)}")
        _answer([self.waiter], is_kept=self.error is None)
        if not self.is_wanted:
            self.forget()

    def forget(self) -> None:
        """Do not beat for a run that nobody was given."""
        self.is_wanted = False
        if self.result is not None:
            self.result.lose("whoever asked for it did not wait")


@contextmanager
def _concerning(run: RunWriter) -> Iterator[None]:
    """Whatever goes wrong within, this run is lost by it and no other."""
    try:
        yield
    except StoreError as error:
        run.lose(str(error), is_fenced=isinstance(error, FencedError))
    except Exception as error:  # noqa: BLE001  # the thread goes on for the other runs
        run.lose(f"internal error: {shown(error)}")


@contextmanager
def _unless_fenced() -> Iterator[None]:
    try:
        yield
    except FencedError:
        raise
    except StoreError:
        pass


def _answer(waiters: Iterable[_Waiter | None], *, is_kept: bool) -> None:
    """Wake all of them, each loop once."""
    loops: dict[asyncio.AbstractEventLoop, list[_Waiter]] = {}
    for waiter in waiters:
        if waiter is not None:
            loops.setdefault(waiter.loop, []).append(waiter)
    for loop, of_loop in loops.items():
        with suppress(RuntimeError):  # it is closed by now: nobody waits there
            loop.call_soon_threadsafe(_settle_all, of_loop, is_kept)


def _settle_all(waiters: Iterable[_Waiter], is_kept: bool) -> None:  # noqa: FBT001  # a loop's callback gives no names
    for waiter in waiters:
        waiter.settle(is_kept)


def _settle(waiting: Iterable[asyncio.Future[bool]], *, is_kept: bool) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(is_kept)


def _seconds_until(moment_s: float | None) -> float | None:
    return None if moment_s is None else max(0.0, moment_s - time.monotonic())


async def _stubborn(future: asyncio.Future[bool]) -> bool:
    """What the future brings; a cancellation meanwhile is raised afterwards."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return future.result()
