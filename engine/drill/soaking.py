"""Many drills in several processes: counted, resumable, and every failure with the line that plays the smallest of it again."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

from engine.drill.performing import ENDLESS, Performance, perform, replay_line
from engine.drill.shrinking import MOST_TRIES, shrink
from engine.errors import ConfigError

CHUNK = 25
"""Drills that one process plays before it reports: about a second. A guess."""

MOST_SHRUNK = 3
"""Failures of one chunk that are shrunk; where nearly everything fails, a few small ones say enough."""

MOST_TRIES_OF_ENDLESS = 20
"""Drills that a shrinking may play where each takes seconds. A guess."""

MOST_LINES = 5
"""Broken laws of one drill that are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A drill that broke a law.

    Attributes:
        line: Plays it again exactly.
        broken: The laws, with what broke them.
        smallest: Plays the smallest part of it that was found to break one of the same laws.
        still_broken: What breaks them there.
    """

    line: str
    broken: tuple[str, ...]
    smallest: str
    still_broken: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of many drills; `work_s` are seconds of work, of all processes together."""

    runs: int = 0
    requests: int = 0
    orders: int = 0
    simulated_s: float = 0.0
    work_s: float = 0.0
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add the counts of another one."""
        self.runs += other.runs
        self.requests += other.requests
        self.orders += other.orders
        self.simulated_s += other.simulated_s
        self.work_s += other.work_s
        self.failures += other.failures

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def play_some(first: int, runs: int) -> Tally:
    """Play so many drills, from this seed on."""
    tally, began_s = Tally(), time.perf_counter()
    for seed in range(first, first + runs):
        performance = perform(seed)
        tally.runs += 1
        tally.requests += performance.requests
        tally.orders += performance.orders
        tally.simulated_s += performance.simulated_s
        if performance.broken:
            tally.failures.append(explain(performance, shrinks=len(tally.failures) < MOST_SHRUNK))
    tally.work_s = time.perf_counter() - began_s
    return tally


def explain(performance: Performance, *, shrinks: bool = True) -> Failure:
    """The failure, with the smallest part of it that still fails."""
    tries = MOST_TRIES_OF_ENDLESS if ENDLESS in performance.laws else MOST_TRIES
    smallest = shrink(performance, most_tries=tries) if shrinks else performance
    return Failure(
        line=replay_line(performance),
        broken=performance.broken[:MOST_LINES],
        smallest=replay_line(smallest),
        still_broken=smallest.broken[:MOST_LINES],
    )


def soak(first: int, runs: int, *, jobs: int, state: Path | None = None, note: Callable[[Tally], object] = bool) -> Tally:
    """Play so many drills from this seed on, in so many processes.

    Args:
        first: The first seed.
        runs: How many seeds.
        jobs: How many processes.
        state: Where to keep the count, so that the same call goes on where it was stopped; None for nowhere.
        note: Told the tally so far whenever that has grown.

    Raises:
        ConfigError: `state` cannot be used, or belongs to other seeds or another version of the engine.
    """
    record = _State(state, first, runs)
    tally = record.tally
    note(tally)
    chunks = record.chunks()
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_stay_with_parent) as pool:
        playing: dict[Future[Tally], int] = {}
        try:
            while True:
                for start, count in chunks:
                    playing[pool.submit(play_some, start, count)] = start
                    if len(playing) >= 2 * jobs:
                        break
                if not playing:
                    return tally
                for future in wait(playing, return_when=FIRST_COMPLETED).done:
                    tally.add(future.result())
                    record.keep(playing.pop(future))
                    note(tally)
        finally:
            pool.shutdown(cancel_futures=True)


def _stay_with_parent() -> None:
    """Let this process end as soon as the one that began it is gone, however that ended: nobody else would tell it."""
    Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class _State:
    """Which chunks are done, and what came of them, in a file that is replaced as a whole."""

    def __init__(self, path: Path | None, first: int, runs: int) -> None:
        self.tally = Tally()
        self._path = path
        self._first = first
        self._runs = runs
        self._done: set[int] = set()
        self._about = {"first": first, "runs": runs, "engine": fingerprint()} if path is not None else {}
        if path is not None and path.exists():
            self._read(path)

    def chunks(self) -> Iterator[tuple[int, int]]:
        """First seed and number of the chunks that are not done."""
        end = self._first + self._runs
        for start in range(self._first, end, CHUNK):
            if start not in self._done:
                yield start, min(CHUNK, end - start)

    def keep(self, start: int) -> None:
        """The chunk that begins there is done, and in the tally."""
        self._done.add(start)
        if self._path is not None:
            fresh = self._path.with_name(self._path.name + ".new")
            value = {"about": self._about, "done": sorted(self._done), "tally": self.tally.to_dict()}
            try:
                fresh.write_text(json.dumps(value), encoding="utf-8")
                os.replace(fresh, self._path)  # noqa: PTH105  # the one call that replaces as a whole
            except OSError as error:
                raise ConfigError(f"the count cannot be kept in {self._path}: {error.strerror}") from error

    def _read(self, path: Path) -> None:
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            about, done, told = value["about"], value["done"], value["tally"]
            failures = [Failure(**failure) for failure in told.pop("failures")]
            self.tally = Tally(**told, failures=failures)
            self._done = set(done)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{path} holds no count of drills; name another file, or delete it") from error
        if about != self._about:
            raise ConfigError(
                f"{path} belongs to other seeds, or to another version of the engine; name another file, or delete it"
            )


def fingerprint() -> str:
    """A short stand-in for the code that a drill plays: what one version of it has passed says nothing of another."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*.py") if "cli" not in path.relative_to(root).parts):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
