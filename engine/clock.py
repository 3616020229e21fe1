"""What time it is in the event loop. All stages ask here, so that a loop with a clock of its own decides."""

from asyncio import get_running_loop


def now_s() -> float:
    """Seconds by the running loop's clock.

    That is what `anyio.current_time` says, in a fifth of the time; it is asked some ten times for every cancel.
    """
    return get_running_loop().time()
