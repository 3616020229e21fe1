"""Structured events through the standard logger named `engine`: silent until the embedding program configures that logger.

One event per request and per settled order at debug level, one per run at info. Nothing global is configured here, and no
event carries a header, a key or a body. structlog takes longer to import than all of the engine, so
that is left to whoever makes one.
"""

from __future__ import annotations

import logging
from typing import Any

_LOGGER = logging.getLogger("engine")
_LOGGER.addHandler(logging.NullHandler())


def new_log(**context: Any) -> Any:
    """A bound logger whose events carry `context`, such as the run's id."""
    import structlog  # noqa: PLC0415  # see the top of the file

    return structlog.wrap_logger(
        _LOGGER,
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    ).bind(**context)


def ready_log() -> None:
    """Import what loggers are made of, so that the first one takes no time of a run."""
    new_log()


def wants_debug() -> bool:
    """Whether anybody listens at debug level; asked first, so that silent logs cost nothing."""
    return _LOGGER.isEnabledFor(logging.DEBUG)
