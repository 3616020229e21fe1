"""An engine for callers that wait in no loop: it lives on a thread with a loop of its own, and each call is handed over to that.

1. The thread begins with the first call, not before, and ends with `close()`, at the latest with the interpreter.
2. Any number of threads may call at once, whether or not a loop runs in them; they share the engine, and so its limits.
3. A cancel that is cut short (Ctrl-C, `close()` in another thread) is stopped and waited for, not abandoned: a note on the error
   says what it had done.
4. Where no thread can begin any more, as while the interpreter ends, a call gets an engine for itself, on the caller's thread:
   who cancels everything at exit is not left alone.
5. A process that was forked off has no such thread, and gets an engine of its own. What it has inherited is not touched: the
   sockets behind it are its parent's.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from engine.core.retry import Retry
from engine.core.summary import CancelSummary
from engine.errors import EngineError
from engine.progress import Progress
from engine.run import CancelEngine

T = TypeVar("T")

PATIENT = Retry(longest_outage_s=30.0)
"""A venue that is away is waited for so long and no longer: the caller's thread stands still meanwhile. A guess."""

STOP_PATIENCE_S = 5.0
"""Longest wait for a call that was told to stop, and for the thread to end. A guess: an engine's own grace is half a second."""


class ClosedError(EngineError, RuntimeError):
    """The client was closed, before the call or while it was under way."""


class _Loop(asyncio.SelectorEventLoop):
    """Looks names up also for threads that go on when the main thread has ended: the interpreter has closed its pools by then."""

    async def getaddrinfo(self, *args: Any, **options: Any) -> Any:
        """See `asyncio.loop.getaddrinfo`; waits in place where there is nobody left to wait elsewhere."""
        try:
            return await super().getaddrinfo(*args, **options)
        except RuntimeError:
            return socket.getaddrinfo(*args, **options)

    async def shutdown_default_executor(self, *args: Any, **options: Any) -> None:
        """See `asyncio.loop.shutdown_default_executor`, which needs a thread for it."""
        with suppress(RuntimeError):
            await super().shutdown_default_executor(*args, **options)


@dataclass(slots=True, eq=False)
class _Running:
    """A thread with its loop and its engine.

    Attributes:
        portal: Where work is handed over.
        engine: What does it.
        loop: Where it is done.
        ends: Set, on the loop, when all of this is to end.
        under_way: How each cancel that is under way is stopped.
    """

    portal: BlockingPortal
    engine: CancelEngine
    loop: asyncio.AbstractEventLoop
    ends: anyio.Event
    under_way: set[Progress] = field(default_factory=set)

    def soon(self, action: Callable[[], object]) -> None:
        """Run the action on the loop, from any thread and without waiting for it; nothing if the loop is gone."""
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(action)

    async def cancel(
        self, work: Callable[[CancelEngine, Progress], Awaitable[CancelSummary]], progress: Progress
    ) -> CancelSummary:
        """Do this work, known to be under way while it is."""
        self.under_way.add(progress)
        try:
            return await work(self.engine, progress)
        finally:
            self.under_way.discard(progress)


class Portal:
    """The one engine of a synchronous client.

    Args:
        open_engine: Makes it; called on its own thread, with the first call.
    """

    def __init__(self, open_engine: Callable[[], CancelEngine]) -> None:
        self._open_engine = open_engine
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._started: Future[_Running] | None = None
        self._process = os.getpid()
        self._is_closed = False

    def cancel(self, work: Callable[[CancelEngine, Progress], Awaitable[CancelSummary]]) -> CancelSummary:
        """Do this on the engine's loop, and wait for it; the work hands the progress on to the engine's call.

        Raises:
            ClosedError: the client was closed before.
            Exception: whatever the work raises.
        """
        progress = Progress()
        running = self._at_work()
        if running is None:
            return self._alone(lambda engine: work(engine, progress))
        future = self._handed_over(running, lambda: running.cancel(work, progress))
        try:
            return future.result()
        except CancelledError:
            raise ClosedError("the client was closed while orders were being cancelled") from None
        except BaseException as error:
            if not future.done():  # the wait was cut short, and the work has not failed
                running.soon(progress.stop)
                _tell(error, future)
            raise

    def read(self, work: Callable[[CancelEngine], Awaitable[T]]) -> T:
        """Do this on the engine's loop, and wait for it; it may be cut off at any moment, and so must change nothing.

        Raises:
            ClosedError: the client was closed, before or meanwhile.
            Exception: whatever the work raises.
        """
        running = self._at_work()
        if running is None:
            return self._alone(work)
        future = self._handed_over(running, lambda: work(running.engine))
        try:
            return future.result()
        except CancelledError:
            raise ClosedError("the client was closed while it read") from None
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Stop what is under way, close every connection, and end the thread. Doing it again does nothing."""
        thread = self.leave()
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_PATIENCE_S)

    def leave(self) -> threading.Thread | None:
        """The same without waiting, from any thread, be it the loop's own; gives the thread that is about to end."""
        self._is_closed = True
        return self.end()

    def end(self) -> threading.Thread | None:
        """Let the thread end, if there is one; gives it."""
        started = self._started
        if started is None or self._process != os.getpid():
            return None
        started.add_done_callback(_end)
        return self._thread

    @staticmethod
    def _handed_over(running: _Running, work: Callable[[], Awaitable[T]]) -> Future[T]:
        try:
            return running.portal.start_task_soon(work)
        except RuntimeError as error:
            raise ClosedError("the client was closed") from error

    def _alone(self, work: Callable[[CancelEngine], Awaitable[T]]) -> T:
        """Do this on the caller's own thread, with an engine for it alone."""

        async def whole() -> T:
            async with self._open_engine() as engine:
                return await work(engine)

        return anyio.run(whole, backend_options={"loop_factory": _Loop})

    def _at_work(self) -> _Running | None:
        """The thread, started if need be; None where none can begin any more.

        Raises:
            ClosedError: the client was closed before.
            ConfigError: the engine cannot be made so.
        """
        with self._lock:
            if self._is_closed:
                raise ClosedError("the client was closed")
            if _has_ended.is_set():
                return None
            if self._started is not None and self._process != os.getpid():
                _INHERITED.append(self._started)
                self._started = None
            if self._started is None or (self._started.done() and self._started.exception() is not None):
                self._process = os.getpid()
                self._started = Future()
                self._thread = threading.Thread(target=self._serve, args=(self._started,), name="cancel-engine", daemon=True)
                _OPEN.add(self)
                try:
                    self._thread.start()
                except RuntimeError:
                    _OPEN.discard(self)
                    self._started = None
                    return None
            started = self._started
        return started.result()

    def _serve(self, started: Future[_Running]) -> None:
        """Hold the engine open until it is to end. The thread ends with it, whatever happens."""

        async def hold() -> None:
            async with self._open_engine() as engine, BlockingPortal() as portal:
                running = _Running(portal, engine, asyncio.get_running_loop(), anyio.Event())
                started.set_result(running)
                await running.ends.wait()
                with anyio.move_on_after(STOP_PATIENCE_S / 2):
                    while running.under_way:
                        for progress in running.under_way:
                            progress.stop()  # a cancel comes back with what is known by then
                        await anyio.sleep(0.01)
                await portal.stop(cancel_remaining=True)

        try:
            anyio.run(hold, backend_options={"loop_factory": _Loop})
        except BaseException as error:  # noqa: BLE001  # it is the caller's, who waits; at the interpreter's end nobody does
            if not started.done():
                started.set_exception(error)
        finally:
            _OPEN.discard(self)


_OPEN: set[Portal] = set()
"""Those whose thread has begun and has not ended."""

_has_ended = threading.Event()
"""Set once the interpreter ends: a thread that began afterwards would be torn off."""

_INHERITED: list[Future[_Running]] = []
"""The engines of a parent process. To collect them would take the parent's sockets out of its loop's hands."""


def _end(started: Future[_Running]) -> None:
    if started.exception() is None:
        running = started.result()
        running.soon(running.ends.set)


def _tell(error: BaseException, future: Future[CancelSummary]) -> None:
    """Wait for a cancel that was told to stop, and note on the error what it had done."""
    try:
        summary = future.result(STOP_PATIENCE_S)
    except Exception:  # noqa: BLE001  # what cut it short goes on, whatever has become of it
        future.cancel()
        error.add_note("stopped: what was done is not known; look at the open orders")
    else:
        error.add_note(
            f"stopped: {summary.cancelled} of {summary.total} orders are cancelled, and {summary.at_risk} may still be live"
        )


@atexit.register
def _close_all() -> None:
    """End every thread in order: one that is torn off at the interpreter's end leaves connections and warnings behind."""
    _has_ended.set()
    for thread in [portal.end() for portal in list(_OPEN)]:
        if thread is not None:
            thread.join(STOP_PATIENCE_S)
