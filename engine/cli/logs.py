"""The engine's structured events as lines of JSON on stderr. They carry no header, key or body, so neither do these."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from engine.cli.output import stderr_console
from engine.core.plain import plain

LEVELS = ("debug", "info", "warning", "error")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; the rest of a record is the event's own."""


class JsonLines(logging.Formatter):
    """One event, one line: time, level, event, and what the event says."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        told |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(plain(told), default=str)


class _Stderr(logging.Handler):
    """Writes through a console, which puts the lines above a live display."""

    def __init__(self) -> None:
        super().__init__()
        self._console = stderr_console()
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; a log that cannot be written must not stop the run."""
        try:
            self._console.print(Text(self.format(record)), soft_wrap=True)
        except Exception:  # noqa: BLE001  # see above
            return


def listen(level: str) -> None:
    """Send events from this level on to stderr."""
    logger = logging.getLogger("engine")
    logger.setLevel(level.upper())
    for handler in [each for each in logger.handlers if isinstance(each, _Stderr)]:
        logger.removeHandler(handler)
    logger.addHandler(_Stderr())
    logger.propagate = False
