"""`--report DIR`: the report of a run as files, for its owner alone."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import click

from engine.cli.output import AT_RISK, CLEAN, clean, plain
from engine.core.report import RunReport
from engine.core.table import COLUMNS, rows_of
from engine.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """A folder that reports can be written to; `prepare` has made sure of that before anything was sent."""

    directory: Path

    @classmethod
    def prepare(cls, directory: Path) -> ReportFiles:
        """Make the folder, if it is not there, for its owner alone; try to write in it.

        Raises:
            ConfigError: that cannot be done.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=directory):
                pass
        except (OSError, ValueError) as error:
            words = error.strerror if isinstance(error, OSError) else str(error)
            raise ConfigError(f"--report {directory}: no report can be written there: {words}") from error
        return cls(directory)

    def write(self, report: RunReport) -> list[Path]:
        """Write `<run id>.json` and `<run id>.csv`, each whole or not at all, and never over a file that is there.

        Raises:
            OSError: one could not be written.
        """

        def write_json(file: TextIO) -> None:
            json.dump(plain(report.to_dict()), file, indent=1, allow_nan=False)

        def write_csv(file: TextIO) -> None:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(rows_of(report))

        return [self._write(f"{report.run_id}.json", write_json), self._write(f"{report.run_id}.csv", write_csv)]

    def tell(self, report: RunReport) -> int:
        """Write the files and say on stderr where they are, or why they are not; what was cancelled is told in any case.

        Returns:
            The exit code that this alone would bring.
        """
        try:
            paths = self.write(report)
        except OSError as error:
            click.echo(clean(f"The report could not be written to {self.directory}: {error.strerror or error}."), err=True)
            return AT_RISK
        click.echo(clean(f"Report: {' and '.join(map(str, paths))}"), err=True)
        return CLEAN

    def _write(self, name: str, fill: Callable[[TextIO], None]) -> Path:
        path = self.directory / name
        handle, part = tempfile.mkstemp(prefix=f".{name}.", dir=self.directory)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            os.link(part, path)  # fails where there is a file already
        finally:
            Path(part).unlink()
        return path
