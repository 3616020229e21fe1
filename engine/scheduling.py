"""Send what is planned: bounded, in turn, in place. The life of one order is `_pull`; everything else serves it.

A few workers share one source of work, and each takes its next job only when its turn has come. Whatever happens to a
worker, the slots are true: they are written before a request may leave and again when something comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
from anyio.abc import TaskGroup

from engine.core.listing import Page
from engine.core.request import Scope
from engine.core.retry import Again, Read, Retry, Settle, Step, Stop, after_cancel, after_listing, after_read
from engine.core.slots import Slot
from engine.core.work import Drain, Job, PageJob
from engine.errors import ThrottledError, VenueError
from engine.log import wants_debug
from engine.pacing import Turn
from engine.resolving import read_order
from engine.sending import Sender


class Pull:
    """One account's work under way.

    Attributes:
        fault: Why the account stopped early, in words, or None.
    """

    def __init__(
        self, sender: Sender, work: Drain, scope: Scope, *, retry: Retry, in_flight: int, roll: Callable[[], float], log: Any
    ) -> None:
        self.fault: str | None = None
        self._sender = sender
        self._lane = sender.lane
        self._venue = sender.venue
        self._work = work
        self._scope = scope
        self._retry = retry
        self._in_flight = in_flight
        self._roll = roll
        self._log = log
        self._workers: TaskGroup
        self._live = 0
        self._busy = 0
        self._is_stopping = False

    async def run(self) -> None:
        """Work until nothing is left to do, the account has to stop, or the caller stops it."""
        async with anyio.create_task_group() as watch:
            watch.start_soon(self._watch_for_stop)
            async with anyio.create_task_group() as self._workers:
                self._staff()
            watch.cancel_scope.cancel()

    async def _watch_for_stop(self) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            self._is_stopping = True
            self._sender.hurry()

    @property
    def _is_over(self) -> bool:
        return self._is_stopping or self.fault is not None

    def _stop(self, fault: str) -> None:
        """Stop the account. Who waits for a turn need not wait any longer; what is on its way is sheltered."""
        if self.fault is None:
            self.fault = fault
            self._workers.cancel_scope.cancel()

    def _staff(self) -> None:
        """Have as many workers as there are jobs, within the bound."""
        while not self._is_over and self._live < self._in_flight and self._live - self._busy < self._work.waiting:
            self._live += 1
            self._workers.start_soon(self._worker)

    async def _worker(self) -> None:
        try:
            while not self._is_over and self._live - self._busy <= self._work.waiting:
                granted: tuple[Job, Turn] | None = await self._lane.wait_turn(self._choose)
                if granted is not None:
                    job, turn = granted
                    await self._do(job, turn)
        except Exception as error:  # noqa: BLE001  # a mistake in here must stop this account with its report, not lose the report
            self._stop(f"internal error: {error!r}")
            self._log.error("internal error", account=self._sender.account.name, exc_info=True)
        finally:
            self._live -= 1

    def _choose(self) -> Job | None:
        if self._is_over:
            return None
        job: Job | None = self._work.take()
        if isinstance(job, Slot) and not job.reads_first and not self._lane.may_cancel():
            self._stop("the daily allowance of cancels is used up")
            return None
        return job

    async def _do(self, job: Job, turn: Turn) -> None:
        self._busy += 1
        try:
            if isinstance(job, PageJob):
                await self._read_page(job, turn)
            else:
                await self._pull(job, turn)
                self._work.settled()
            if self._work.pause:
                tries, self._work.pause = self._work.pause, 0
                await anyio.sleep(self._retry.wait_s(tries, roll=self._roll()))
        finally:
            self._busy -= 1
        self._staff()

    async def _turn(self, after_s: float) -> Turn | None:
        """Wait so long, then for a turn; None if the account is to stop instead."""
        if self._is_over:
            return None
        if after_s > 0:
            await anyio.sleep(after_s)
        granted = await self._lane.wait_turn(lambda: None if self._is_over else self)
        return None if granted is None else granted[1]

    # --- one order

    async def _pull(self, slot: Slot, turn: Turn | None) -> None:
        """Take one order off the book, or learn why not."""
        began_s = anyio.current_time()
        step: Step = Read() if slot.reads_first else Again(0.0)
        slot.reads_first = False
        reads = 0
        while isinstance(step, Again | Read):
            if turn is None:
                turn = await self._turn(step.after_s)
            if turn is None:
                step = Settle()
            elif isinstance(step, Again):
                reads = 0
                step = await self._cancel(slot, turn)
            else:
                reads += 1
                step = await self._read(slot, turn, reads)
            turn = None
        if isinstance(step, Stop):
            self._stop(step.fault)
            step = Settle()
        slot.settle(step.outcome, anyio.current_time())
        if step.outcome is None and not self._is_over and self._lane.answered_s < began_s:
            self._stop(f"the venue gives no usable answer: {slot.error}")
        self._tell(slot)

    async def _cancel(self, slot: Slot, turn: Turn) -> Step:
        if not self._lane.may_cancel():
            turn.withdrawn()
            return Stop("the daily allowance of cancels is used up")
        venue = self._venue
        slot.start(anyio.current_time())
        self._lane.count_cancel(turn)
        came = await self._sender.ask(
            venue.cancel_request(self._sender.account, slot.order_id),
            turn,
            lambda answer, wall_s: venue.read_cancel(answer, wall_s=wall_s),
            kind="cancel",
        )
        slot.hear(came)
        return after_cancel(came, tries=slot.tries, was_unseen=slot.is_unseen, retry=self._retry, roll=self._roll())

    async def _read(self, slot: Slot, turn: Turn, reads: int) -> Step:
        came = await read_order(self._sender, slot.order_id, turn)
        slot.hear_read(came)
        return after_read(came, tries=slot.tries, reads=reads, retry=self._retry, roll=self._roll())

    # --- one page

    async def _read_page(self, job: PageJob, turn: Turn | None) -> None:
        """Read one page for the work, or tell it why that cannot be done."""
        tries = 0
        while True:
            tries += 1
            came: Page | VenueError | None = None if turn is None else await self._ask_page(job, turn)
            if isinstance(came, Page):
                self._work.fed(job, came)
                return
            if came is None:
                self._work.failed(job, self.fault or "the run was stopped before the listing was complete")
                return
            step = after_listing(came, tries=tries, retry=self._retry, roll=self._roll())
            if isinstance(came, ThrottledError):
                tries -= 1
            if isinstance(step, Stop):
                self._stop(step.fault)
            if not isinstance(step, Again):
                if self._work.failed(job, str(came)):
                    self._stop(f"the open orders could not be listed: {came}")
                return
            turn = await self._turn(step.after_s)

    async def _ask_page(self, job: PageJob, turn: Turn) -> Page | VenueError:
        venue = self._venue
        return await self._sender.ask(
            venue.page_request(self._sender.account, self._scope, job.cursor),
            turn,
            lambda answer, wall_s: venue.read_page(answer, job.cursor, wall_s=wall_s),
            kind="list",
        )

    def _tell(self, slot: Slot) -> None:
        if wants_debug():
            self._log.debug(
                "order settled",
                account=self._sender.account.name,
                order_id=slot.order_id,
                outcome=slot.outcome.value,
                attempts=slot.attempts,
                code=slot.code,
            )
