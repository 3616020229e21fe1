"""Which event loop: Python's own, or uvloop where it is installed."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.SelectorEventLoop}
"""Name to maker; uvloop only where it is installed."""

if importlib.util.find_spec("uvloop") is not None:
    import uvloop

    LOOPS["uvloop"] = uvloop.new_event_loop


def new_fastest_loop() -> asyncio.AbstractEventLoop:
    """The fastest there is."""
    return LOOPS.get("uvloop", asyncio.SelectorEventLoop)()
