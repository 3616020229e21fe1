"""Prove that the tests can fail: break a copy of the engine in one place at a time, and see the tests go red.

`breaks.toml` holds the breaks; beside each stands the promise that it breaks, and the tests that are to catch it. A break that
they let pass is a hole in the tests, not in the engine.

    python tests/mutation/run.py                      every break
    python tests/mutation/run.py lost-slot dead-key   only these
    python tests/mutation/run.py --write              every break, and write docs/mutation.md if all are caught

Nothing here is changed: the breaks are made in a copy, which is gone afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TABLE = Path("tests/mutation/breaks.toml")
DOCUMENT = Path("docs/mutation.md")

NAMED_TESTS_S = 180.0
"""Longest that the tests named beside one break may take. A guess: ten times what the slowest of them take."""

ALL_TESTS_S = 2400.0
"""Longest that a run of all tests, or of all that any break names, may take. A guess."""

MOST_BYTES = 4 * 1024**3
"""Most memory of one process: a broken engine may go round for ever, and keep what it meets."""

NOT_COPIED = (".*", "__pycache__", "*.egg-info", "build", "dist")

_RED = re.compile(r"^(?:FAILED|ERROR) ([^\s\[:]+(?:::\w+)+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One deliberate mistake.

    Attributes:
        name: A few words, joined by hyphens.
        promise: What it breaks, in words of the README, of CONTRIBUTING or of docs/report.md.
        file: Where, from the project's folder.
        text: What stands there exactly once.
        becomes: What takes its place.
        tests: Files, or tests within them (`file::test`), that are to catch it.
        may_hang: Whether tests that do not come to an end count as having caught it.
    """

    name: str
    promise: str
    file: str
    text: str
    becomes: str
    tests: tuple[str, ...]
    may_hang: bool = False

    def apply(self, source: str) -> str:
        """The source with the mistake in it.

        Raises:
            ValueError: its text does not stand there exactly once.
        """
        if source.count(self.text) != 1:
            raise ValueError(f"{self.name}: its text stands {source.count(self.text)} times in {self.file}, not once")
        return source.replace(self.text, self.becomes)


class Colour(StrEnum):
    """How a run of tests ended."""

    GREEN = "green"
    RED = "red"
    HUNG = "hung"
    NOT_RUN = "not run"
    """No test ran: the engine could not be imported, or there is no such test."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of tests: how it ended, the first test that failed, and the last lines of what was printed."""

    colour: Colour
    test: str = ""
    lines: str = ""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a break: what is said of it, and whether that is good."""

    words: str
    is_caught: bool
    test: str = ""


def read_breaks(path: Path) -> list[Break]:
    """The breaks of a table, in its order."""
    table = tomllib.loads(path.read_text("utf-8"))
    return [Break(**{**entry, "tests": tuple(entry["tests"])}) for entry in table["break"]]


class Copy:
    """A copy of the project, in which one break at a time is made."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._folder = folder
        shutil.copytree(root, folder, ignore=shutil.ignore_patterns(*NOT_COPIED))

    async def judge(self, each: Break, *, most_s: float, all_tests: bool) -> Fate:
        """Make the break, run its tests, and take it back."""
        path = self._folder / each.file
        whole = path.read_text("utf-8")
        try:
            self._write(path, each.apply(whole))
            ran = await self.run(each.tests, most_s=most_s)
            if all_tests and ran.colour is Colour.GREEN:
                # The table's own test knows every text, and would find any break.
                ran = await self.run(("tests", "--ignore=tests/mutation"), most_s=ALL_TESTS_S)
                return Fate("SURVIVED its tests", is_caught=False, test=ran.test and f"caught only by {ran.test}")
        except ValueError as error:
            return Fate(f"UNSOUND: {error}", is_caught=False)
        finally:
            self._write(path, whole)
            shutil.rmtree(self._folder / ".hypothesis", ignore_errors=True)  # what one break brought up says nothing of the next
        if ran.colour is Colour.RED:
            return Fate("caught", is_caught=True, test=ran.test)
        if ran.colour is Colour.HUNG:
            return Fate(f"HUNG for {most_s:g} s", is_caught=each.may_hang)
        if ran.colour is Colour.NOT_RUN:
            return Fate(f"UNSOUND: no test ran\n{ran.lines}", is_caught=False)
        return Fate("SURVIVED", is_caught=False)

    async def run(self, tests: Iterable[str], *, most_s: float) -> Ran:
        """Run these tests in the copy until the first one fails."""
        options = ("-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "pytest", *options, *tests),
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": str(self._folder)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        if hasattr(resource, "prlimit"):
            with suppress(ProcessLookupError):
                resource.prlimit(process.pid, resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        try:
            async with asyncio.timeout(most_s):
                printed = (await process.communicate())[0].decode("utf-8", "replace")
        except TimeoutError:
            return Ran(Colour.HUNG)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and whatever the tests have started
            await process.wait()
        if process.returncode == 0:
            return Ran(Colour.GREEN)
        red = _RED.search(printed)
        lines = "\n".join(printed.splitlines()[-15:])
        return Ran(Colour.NOT_RUN, lines=lines) if red is None else Ran(Colour.RED, red[1], lines)

    @staticmethod
    def _write(path: Path, source: str) -> None:
        path.write_text(source, "utf-8")
        # Two versions of one length, written within a second, have the same name among the compiled files.
        Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


async def judge_all(root: Path, breaks: Sequence[Break], *, jobs: int, most_s: float, all_tests: bool) -> dict[str, Fate] | None:
    """Name to fate, told as they come; None where the tests are red without any break."""
    fates: dict[str, Fate] = {}
    width = max(len(each.name) for each in breaks)
    waiting = iter(breaks)

    async def work(copy: Copy) -> None:
        for each in waiting:
            began_s = time.perf_counter()
            fate = fates[each.name] = await copy.judge(each, most_s=most_s, all_tests=all_tests)
            print(f"{each.name:{width}}  {fate.words}  {fate.test}  {time.perf_counter() - began_s:.1f} s", flush=True)

    with tempfile.TemporaryDirectory(prefix="breaks-") as folder:
        copies = [Copy(root, Path(folder, str(number))) for number in range(jobs)]
        began_s = time.perf_counter()
        ran = await copies[0].run(sorted({test for each in breaks for test in each.tests}), most_s=ALL_TESTS_S)
        if ran.colour is not Colour.GREEN:
            print(f"without any break the tests are {ran.colour}, so they prove nothing\n{ran.lines}", flush=True)
            return None
        print(f"without any break their tests are green ({time.perf_counter() - began_s:.1f} s)", flush=True)
        async with asyncio.TaskGroup() as tasks:
            for copy in copies:
                tasks.create_task(work(copy))
    return fates


def in_markdown(breaks: Iterable[Break], fates: dict[str, Fate]) -> str:
    """The results as a document: nothing in it varies from run to run."""
    rows = []
    for each in breaks:
        test = fates[each.name].test
        rows.append(f"| {each.name} | {each.promise} | `{each.file}` | {f'`{test}`' if test else 'its tests do not end'} |")
    return f"""# Breaks that the tests catch

Written by `make mutants`; do not edit. Each line is a deliberate mistake, made in a copy of the engine, alone, and the first test
that went red for it. The mistakes themselves stand in `tests/mutation/breaks.toml`.

{len(rows)} breaks, {len(rows)} caught.

| break | breaks the promise | in | caught by |
| --- | --- | --- | --- |
{chr(10).join(rows)}
"""


def main(arguments: Sequence[str] | None = None, *, root: Path = ROOT) -> int:
    """0 if every break was caught, 1 if one was not or nothing could be learnt, 2 if the arguments cannot be used."""
    parser = argparse.ArgumentParser(description="Break the engine in one place at a time, and see the tests go red.")
    parser.add_argument("names", nargs="*", metavar="BREAK", help="only these breaks")
    parser.add_argument("--all-tests", action="store_true", help="where the named tests let a break pass, run all of them")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="breaks at a time, each in a copy of its own")
    parser.add_argument(
        "--most-s", type=float, default=NAMED_TESTS_S, metavar="S", help="longest time for the tests of one break"
    )
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT} if all are caught")
    chosen = parser.parse_args(arguments)
    breaks = read_breaks(root / TABLE)
    unknown = set(chosen.names) - {each.name for each in breaks}
    if unknown:
        parser.error(f"no such break: {', '.join(sorted(unknown))}")
    if chosen.write and chosen.names:
        parser.error("--write is for all breaks")
    if chosen.names:
        breaks = [each for each in breaks if each.name in chosen.names]
    jobs = max(1, min(chosen.jobs, len(breaks)))
    fates = asyncio.run(judge_all(root, breaks, jobs=jobs, most_s=chosen.most_s, all_tests=chosen.all_tests))
    if fates is None:
        return 1
    missed = [each.name for each in breaks if not fates[each.name].is_caught]
    print(
        f"{len(breaks) - len(missed)} of {len(breaks)} breaks caught" + (f"; not caught: {', '.join(missed)}" if missed else "")
    )
    if chosen.write and not missed:
        (root / DOCUMENT).write_text(in_markdown(breaks, fates), "utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
