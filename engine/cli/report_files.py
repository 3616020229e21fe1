"""Reports as files."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from engine.cli.output import plain
from engine.core.report import RunReport
from engine.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """A directory for the files of a run."""

    directory: Path

    @classmethod
    def prepare(cls, directory: Path) -> Self:
        """The directory, made if it is not there.

        Raises:
            ConfigError: nothing can be written there.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot make the directory {directory}: {error.strerror}") from error
        if not os.access(directory, os.W_OK | os.X_OK):
            raise ConfigError(f"cannot write to the directory {directory}")
        return cls(directory)

    def write(self, report: RunReport) -> list[Path]:
        """Write the report, readable by its owner alone; give back where.

        Raises:
            OSError: it could not be written.
        """
        path = self.directory / f"{report.run_id}.json"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(plain(report.to_dict()), file, indent=2, allow_nan=False)
        return [path]
