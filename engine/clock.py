"""What time it is in the event loop. All stages ask here, so that a loop with a clock of its own decides."""

import time
from asyncio import BaseEventLoop, get_running_loop
from collections.abc import Callable


def now_s() -> float:
    """Seconds by the running loop's clock."""
    return get_running_loop().time()


def of_loop() -> Callable[[], float]:
    """The running loop's clock itself, for what lives in one loop and asks some ten times for every cancel.

    A loop whose clock is the machine's is not asked at all.
    """
    loop = get_running_loop()
    return time.monotonic if getattr(type(loop), "time", None) is BaseEventLoop.time else loop.time
