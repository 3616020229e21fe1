"""Ctrl-C and SIGTERM: the first asks for a stop with a result, the second leaves at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""Exit code of a command that was interrupted: 128 and the number of SIGINT, as shells have it."""

_SHOW_CURSOR = b"\x1b[?25h"


@contextmanager
def stopping(stop: Callable[[], object], *, advice: str = "") -> Iterator[None]:
    """Call `stop` in the running loop on the first signal; leave the process on the second, with this at the end of its words."""
    loop = asyncio.get_running_loop()
    heard = 0

    def hear(_number: int, _frame: FrameType | None) -> None:
        nonlocal heard
        heard += 1
        if heard > 1:
            _leave(advice)
        loop.call_soon_threadsafe(stop)

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def asking() -> Iterator[None]:
    """Let Ctrl-C end a question that is asked from within a loop, which would wait for its answer first."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(advice: str) -> None:
    """Leave without waiting for anything; a hidden cursor is given back first."""
    words = f"cancel-engine: interrupted twice; what was under way may or may not have reached the venue{advice}\n"
    try:
        os.write(2, (_SHOW_CURSOR + b"\n" if os.isatty(2) else b"") + words.encode("utf-8", "replace"))
    finally:
        os._exit(INTERRUPTED)
