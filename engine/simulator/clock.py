"""An event loop whose time belongs to the test: it jumps to the next timer as soon as nothing is ready.

Never to be used with real sockets between processes: while the network works, simulated time would rush past it.
"""

from __future__ import annotations

import asyncio
import math
import random
import selectors
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from _typeshed import FileDescriptorLike

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

TURN_S = 1e-6
"""How far time moves on every turn: a limiter that wakes a hair early and looks again must not spin for ever."""

SAME_MOMENT_S = 1e-9
"""Timers that are this close belong to one moment."""

THREAD_PATIENCE_S = 5.0
"""Real seconds to wait for a worker thread before an idle loop without timers counts as stuck. A guess."""


class ClockStuckError(RuntimeError):
    """Every task waits for something that no timer, socket or thread will ever bring."""


class _JumpingSelector(selectors.BaseSelector):
    """Looks at the real sockets without waiting, and moves simulated time instead of waiting."""

    def __init__(self, most_turns: int | None) -> None:
        self.now_s = 0.0
        self.turns = 0
        self.threads_at_work = 0
        self._most_turns = most_turns
        self._real = selectors.DefaultSelector()

    def register(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Events of the real sockets, or none after time has jumped by `timeout` seconds.

        While a thread of the loop's executor works, time stands still: how long the thread takes is not simulated.
        """
        self.now_s += TURN_S
        self.turns += 1
        if self._most_turns is not None and self.turns > self._most_turns:
            self._most_turns = None  # what is cancelled now may still take its turns to end
            raise ClockStuckError(f"{self.turns:,} turns, and no end at {self.now_s:.6f} s")
        events = self._real.select(0)
        if events or timeout == 0:
            return events
        if self.threads_at_work:
            return self._real.select(None)
        if timeout is None:
            return self._wait_for_a_thread()
        self.now_s += timeout
        return []

    def _wait_for_a_thread(self) -> list[tuple[selectors.SelectorKey, int]]:
        events = self._real.select(THREAD_PATIENCE_S) if threading.active_count() > 1 else []
        if not events:
            raise ClockStuckError(
                f"nothing is ready and no timer is set at {self.now_s:.6f} s: every task waits for something that "
                "cannot come; give the wait a deadline, or look for a fault that never answers"
            )
        return events


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """A loop that starts at 0.0 s and never waits: an hour of sleeping takes as long as its turns.

    Threads of its own executor are waited for, with time standing still. Other threads (anyio's workers among them)
    are waited for only when nothing else is left to do: a timer that waits beside them fires at once.

    Args:
        dice: Decides which of several timers of one moment comes first; without it, the one that was set first.
        most_turns: After so many turns the loop raises `ClockStuckError`; None for no bound.
    """

    def __init__(self, *, dice: random.Random | None = None, most_turns: int | None = None) -> None:
        self._jumping = _JumpingSelector(most_turns)
        self._dice = dice
        super().__init__(self._jumping)

    def time(self) -> float:
        """Simulated seconds since the loop was made."""
        return self._jumping.now_s

    def call_at(
        self,
        when: float,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As every loop does; a timer set for never is not kept, so that sleeping for ever is seen as being stuck."""
        if math.isinf(when):
            return asyncio.TimerHandle(when, callback, args, self, context)
        if self._dice is not None:
            when += self._dice.random() * SAME_MOMENT_S
        return super().call_at(when, callback, *args, context=context)

    def after_steps(self, steps: int, action: Callable[[], object]) -> None:
        """Run the action just before some task takes the n-th step from now: between any two awaits of a program.

        Counts the steps of tasks that are made from now on.
        """
        left = steps

        def note() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                action()

        def new_task(loop: asyncio.AbstractEventLoop, inner: Any, **options: Any) -> asyncio.Task[Any]:
            return asyncio.Task(_Counted(inner, note), loop=loop, **options)

        self.set_task_factory(new_task)

    def pending_timers(self) -> list[str]:
        """Every timer that is set and not cancelled, in words: what a program that has ended should not leave."""
        handles: list[asyncio.TimerHandle] = getattr(self, "_scheduled", [])
        return [repr(handle) for handle in handles if not handle.cancelled()]

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Arguments], Result], *args: *Arguments
    ) -> asyncio.Future[Result]:
        """As every loop does, with time standing still until the thread is done."""
        future = super().run_in_executor(executor, func, *args)
        self._jumping.threads_at_work += 1
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _future: asyncio.Future[Any]) -> None:
        self._jumping.threads_at_work -= 1


class _Counted(Coroutine[Any, Any, Any]):
    """A coroutine whose every step is counted before it is taken."""

    def __init__(self, inner: Coroutine[Any, Any, Any], note: Callable[[], None]) -> None:
        self._inner = inner
        self._note = note

    def send(self, value: Any) -> Any:
        self._note()
        return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        self._note()
        return self._inner.throw(*error)

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Any:
        return self._inner.__await__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)  # its state, for whoever asks a task how far it is


def new_virtual_clock_loop() -> asyncio.AbstractEventLoop:
    """Make a fresh loop at 0.0 s; the `loop_factory` for anyio's and asyncio's runners."""
    return VirtualClockLoop()
