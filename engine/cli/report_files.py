"""Keep the reports of runs in a directory: for their owner alone, whole or not at all, and never over a file that is there."""

from __future__ import annotations

import csv
import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import click

from engine.cli.output import AT_RISK, CLEAN, clean
from engine.core.plain import plain
from engine.core.report import RunReport
from engine.core.table import COLUMNS, rows_of
from engine.errors import ConfigError

LONGEST_NAME = 80
"""Most characters of a run's id that name its files; the engine's own ids have 12. A guess: file systems take 255 bytes."""


report_option = click.option(
    "--report",
    "directory",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write the report there: a page to open, JSON and CSV.",
)
"""Gives a verb `--report`."""


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """A directory that takes the reports of runs.

    Attributes:
        directory: Where they go; it exists and can be written.
    """

    directory: Path

    @classmethod
    def prepare(cls, directory: Path) -> ReportFiles:
        """Make sure, before anything is sent, that a report can be written there; a directory that is missing is made.

        Raises:
            ConfigError: it is none, or cannot be made or written.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=directory):
                pass
            return cls(directory.resolve())
        except (OSError, ValueError) as error:
            words = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise ConfigError(f"cannot write reports into {str(directory)!r}: {words}; name a directory of your own") from error

    def write(self, report: RunReport) -> list[Path]:
        """Write `<run_id>.json`, which loads back, then `<run_id>.csv`, a row for each order; both paths, in this order.

        Signs of the run's id that a file name should not hold become `_`.

        Raises:
            OSError: a file is there already, or cannot be written. It leaves no part of a file behind; the report itself is as it
                was, and should be shown in another way. The JSON stays where only the table could not be written.
        """
        as_json, as_table = self._path(report, "json"), self._path(report, "csv")
        with _whole_file(as_json) as file:
            file.writelines(_json_of(report))
        with _whole_file(as_table) as file:
            csv.writer(file).writerow(COLUMNS)
            csv.writer(file).writerows(rows_of(report))
        return [as_json, as_table]

    def write_page(self, report: RunReport, verdict: str, *, beside: Sequence[Path] = ()) -> Path:
        """Write `<run_id>.html`, the page for people, with links to the files beside it; its path.

        Raises:
            OSError: as above.
        """
        from engine.page import page_of  # noqa: PLC0415  # loads Jinja2, which nothing else needs

        names = {path.suffix: path.name for path in beside}
        path = self._path(report, "html")
        with _whole_file(path) as file:
            file.write(page_of(report, verdict=verdict, table=names.get(".csv"), document=names.get(".json")))
        return path

    def _path(self, report: RunReport, ending: str) -> Path:
        name = re.sub(r"[^A-Za-z0-9_-]", "_", report.run_id)[:LONGEST_NAME] or "run"
        return self.directory / f"{name}.{ending}"

    def tell(self, report: RunReport, verdict: str) -> int:
        """Write all files and say on stderr where they are, or why they are not; what was cancelled is told in any case.

        Args:
            report: Of the run.
            verdict: The judgement that the page begins with.

        Returns:
            The exit code that this alone would bring.
        """
        try:
            paths = self.write(report)
        except OSError as error:
            return self._mourn("report", error)
        return self.tell_page(report, verdict, beside=paths)

    def tell_page(self, report: RunReport, verdict: str, *, beside: Sequence[Path] = ()) -> int:
        """The same for the page, beside files that are written already."""
        kept, paths = CLEAN, list(beside)
        try:
            paths.insert(0, self.write_page(report, verdict, beside=beside))
        except Exception as error:  # noqa: BLE001  # a page that cannot be drawn must not cost the report itself
            kept = self._mourn("page", error)
        if paths:
            *others, last = map(str, paths)
            click.echo(clean(f"Report: {', '.join(others)}{' and ' if others else ''}{last}"), err=True)
        return kept

    def _mourn(self, what: str, error: Exception) -> int:
        words = (error.strerror if isinstance(error, OSError) else None) or f"{type(error).__name__}: {error}"
        click.echo(clean(f"The {what} could not be written into {self.directory}: {words}."), err=True)
        return AT_RISK


def _json_of(report: RunReport) -> Iterator[str]:
    """The document in pieces, an account on each line: a million results are not held as text."""
    document = report.to_dict()
    accounts = document.pop("accounts")
    yield f'{_dumped(document)[:-1]}, "accounts": {{'
    before = "\n"
    for name in list(accounts):
        yield f"{before}{json.dumps(name)}: {_dumped(accounts.pop(name))}"
        before = ",\n"
    yield "\n}}\n"


def _dumped(value: object) -> str:
    return json.dumps(plain(value), allow_nan=False)


@contextmanager
def _whole_file(path: Path) -> Iterator[TextIO]:
    """A new file that only its owner can read, and that has its name once all of it is on the disk; gone if the block fails.

    Raises:
        OSError: there is a file already, or it cannot be written.
    """
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        # A venue's text may hold half a surrogate pair, which is no UTF-8.
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # A rename alone would write over a file of that name; this one fails if there is one, on every file system.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        Path(unfinished).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(unfinished).unlink()
        raise
