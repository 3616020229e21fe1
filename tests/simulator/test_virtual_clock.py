"""The loop whose time belongs to the test."""

import asyncio
import threading
import time

import anyio
import anyio.to_thread
import pytest

from engine.simulator import ClockStuckError, new_virtual_clock_loop

pytestmark = pytest.mark.anyio


def run(coroutine):
    with asyncio.Runner(loop_factory=new_virtual_clock_loop) as runner:
        return runner.run(coroutine)


async def test_hour_takes_no_time():
    """An hour of sleeping costs less than a second of ours."""
    began_s, real_s = anyio.current_time(), time.monotonic()
    await anyio.sleep(3600)
    assert 3600 <= anyio.current_time() - began_s < 3600.001
    assert time.monotonic() - real_s < 1


async def test_timers_fire_in_their_order():
    """Sleepers wake in the order of their times, whatever the order of their starts."""
    woken = []

    async def sleep(delay_s):
        await anyio.sleep(delay_s)
        woken.append(delay_s)

    async with anyio.create_task_group() as tasks:
        for delay_s in (3, 1, 2, 0.5):
            tasks.start_soon(sleep, delay_s)
    assert woken == [0.5, 1, 2, 3]


async def test_deadlines_are_kept():
    """A deadline in simulated time cuts an endless wait at its moment."""
    with anyio.move_on_after(10) as scope:
        await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert 10 <= anyio.current_time() < 10.01


async def test_spinning_moves_time():
    """Whoever looks again and again without sleeping still gets to a moment a millisecond away."""
    began_s = anyio.current_time()
    while anyio.current_time() < began_s + 0.001:  # noqa: ASYNC110 (spinning is the point)
        await asyncio.sleep(0)


@pytest.mark.parametrize("wait", [anyio.sleep_forever, lambda: anyio.Event().wait(), lambda: asyncio.sleep(float("inf"))])
def test_waiting_for_nothing_is_an_error(wait):
    """A wait that nothing can end is a clear error at once, not a test that hangs for ever."""

    async def main():
        await wait()

    with pytest.raises(ClockStuckError, match="every task waits for something that cannot come"):
        run(main())


async def test_executor_threads_do_not_cost_simulated_time():
    """Time stands still while a thread of the executor works, even with a timer waiting."""
    loop = asyncio.get_running_loop()
    timer = loop.call_later(1, lambda: None)
    await loop.run_in_executor(None, time.sleep, 0.05)
    timer.cancel()
    assert loop.time() < 0.1


async def test_threads_can_wake_the_loop():
    """A thread that anyio runs is waited for when nothing else is left to do."""
    assert await anyio.to_thread.run_sync(lambda: time.sleep(0.05) or threading.current_thread() is not None)


async def test_every_loop_starts_at_zero():
    """Simulated time begins at 0 s with every loop."""
    assert anyio.current_time() < 0.01
