"""Send what is planned: bounded, in turn, in place. One request, and what its answer means for each order it names.

A few workers share one source of work, and each takes its next job only when its turn has come. Whatever happens to a
worker, the slots are true: they are written before a request may leave and again when something comes back.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from engine import clock
from engine.core.listing import Page
from engine.core.outcome import Verdict, Word
from engine.core.quota import Kind
from engine.core.request import Scope
from engine.core.retry import (
    Again,
    Read,
    Retry,
    Settle,
    Split,
    Step,
    Stop,
    after_cancel,
    after_listing,
    after_mass,
    after_read,
)
from engine.core.slots import Slot
from engine.core.summary import Fault
from engine.core.work import CancelJob, Drain, Job, MassJob, PageJob, ReadJob
from engine.errors import BatchTooLargeError, ThrottledError, TransportError, VenueError, WireError
from engine.log import wants_debug
from engine.pacing import Caller, Need, Track, Turn
from engine.recording import Ahead, UnrecordedError
from engine.resolving import read_order
from engine.sending import Sender
from engine.venues.base import MassWord

NOT_NAMED = Verdict(word=Word.UNSETTLED, code="not_mentioned", text="the answer to the mass cancel does not mention the order")

NOT_LISTED = Verdict(
    word=Word.UNSETTLED, code="not_listed", text="a mass cancel names the order, and no listing had shown it before"
)


LEAST_ABSENCE_S = 2.0
"""An account that has to wait this long for itself leaves its place to others. A guess: shorter waits are the ordinary ones
between two windows, and to begin one account more costs more memory than they are worth."""


class Places(Protocol):
    """A bounded number of places for accounts that are worked on at the same time."""

    @property
    def is_crowded(self) -> bool:
        """Whether there are more accounts than places."""
        ...

    def is_wanted(self, served: float) -> bool:
        """Whether an account that has been served so much should leave its place to one that waits."""
        ...


class Pull:
    """One account's work under way; the source of its lane's turns.

    Args:
        sender: The account's requests.
        work: What is to be done.
        scope: Which orders.
        places: Where it works; it leaves its place when it has to wait long, or has worked long while others wait.
        retry: How often, how long.
        in_flight: Most requests on their way for the account.
        settle_s: How long to rest before a second look at the listing, where the work asks for one.
        roll: Spreads the waits.
        log: Where events go.

    Attributes:
        fault: Why the account stopped early, in words, or None.
        fault_code: The same as one of a few, or None.
        is_over: Whether nothing more is to be sent for the account.
    """

    def __init__(
        self,
        sender: Sender,
        work: Drain,
        scope: Scope,
        *,
        places: Places,
        retry: Retry,
        in_flight: int,
        settle_s: float,
        roll: Callable[[], float],
        log: Any,
    ) -> None:
        self.fault: str | None = None
        self.fault_code: Fault | None = None
        self._sender = sender
        self._lane = sender.lane
        self._venue = sender.venue
        self._work = work
        self._scope = scope
        self._places = places
        self._retry = retry
        self._in_flight = in_flight
        self._settle_s = settle_s
        self._roll = roll
        self._log = log
        self._record = sender.record
        self._walks = 0
        self._now_s = clock.of_loop()
        self._workers: TaskGroup
        self._live = dict.fromkeys(self._lane.tracks, 0)
        self._resting: dict[Track, list[asyncio.Future[bool]]] = {}
        """Workers that have nothing to do, and what wakes each: to work, or to go."""
        self._busy = dict.fromkeys(self._lane.tracks, 0)
        self._waits: dict[Track, float] = {}
        self._due_s = 0.0
        self._is_leaving = False
        self.is_over = False
        self._intending = 0
        """Cancels that are being written down, and leave as soon as they are."""
        self._intended: anyio.Event | None = None

    async def run(self) -> float | None:
        """Work until nothing is left to do, the account has to stop, or the caller stops it.

        Returns:
            When to call it again, if there is more to do and it leaves its place until then; else None.
        """
        if self._work.is_resting:
            self._work.wake()
        self._is_leaving, self._due_s = False, self._now_s()
        for track in self._lane.tracks:
            self._live[track], self._resting[track] = 0, []  # one that was stopped before it could begin has counted itself
        async with anyio.create_task_group() as watch:
            watch.start_soon(self._watch_for_stop)
            async with anyio.create_task_group() as self._workers:
                self._staff()
            watch.cancel_scope.cancel()
        if self._work.is_resting and not self.is_over:
            return self._now_s() + self._settle_s
        return self._due_s if self._is_leaving and not self.is_over else None

    async def _watch_for_stop(self) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            if any(self._live.values()):  # it is not the end of the work that ends the watch
                self.is_over = True
                self._sender.hurry()

    @property
    def caller(self) -> Caller:
        """See `Source`."""
        return self._sender

    def give_up(self, words: str) -> None:
        """See `Source`: the venue has been away for too long."""
        self._stop(words, Fault.UNREACHABLE)

    def _stop(self, fault: str, code: Fault) -> None:
        """Stop the account. Who waits for a turn need not wait any longer; what is on its way is sheltered."""
        if self.fault is None:
            self.fault, self.fault_code, self.is_over = fault, code, True
            self._record.stops(fault, code)
            self._workers.cancel_scope.cancel()

    # --- workers

    def _staff(self) -> None:
        """Have one worker who waits for a turn, where there is anything to do; the next comes once that one has its job."""
        for track in self._lane.tracks:
            can_more = self._live[track] < self._in_flight and not self.is_over and not self._is_leaving
            if can_more and self._spare(track) == 0 and self._waiting(track):
                self._live[track] += 1
                if not self._wake(track):
                    self._workers.start_soon(self._worker, track)

    def _spare(self, track: Track) -> int:
        """Workers that have no job yet."""
        return self._live[track] - self._busy[track]

    def _waiting(self, track: Track) -> int:
        return self._work.waiting(cancels=track.cancels, reads=track.reads, most=self._lane.most_ids)

    def _wake(self, track: Track) -> bool:
        """Set a worker to work that rests, if there is one."""
        resting = self._resting[track]
        while resting:
            bell = resting.pop()
            if not bell.done():
                bell.set_result(True)
                return True
        return False

    async def _worker(self, track: Track) -> None:
        """Work, and rest between; to begin a new one for every request would take longer than all else that a cancel needs."""
        is_needed = True
        while is_needed:
            await self._work_on(track)
            if self.is_over or self._is_leaving or not any(self._live.values()):  # nobody is left who could bring work
                for bell in itertools.chain.from_iterable(self._resting.values()):
                    if not bell.done():
                        bell.set_result(False)
                return
            bell = asyncio.get_running_loop().create_future()
            self._resting[track].append(bell)
            is_needed = await bell

    async def _work_on(self, track: Track) -> None:
        """Do one job after another, as long as nobody else waits for the next turn."""
        try:
            while not self.is_over and not self._is_leaving and self._spare(track) == 1 and self._waiting(track):
                granted: tuple[Job, Turn] | None = await self._lane.wait_turn(track, self)
                if granted is None:
                    await anyio.lowlevel.checkpoint()  # nothing to choose after all: let others, and a stop, come first
                    continue
                job, turn = granted
                await self._do(track, job, turn)
        except UnrecordedError as error:
            self._stop(f"the run cannot be recorded any more: {error}", Fault.JOURNAL)
        except Exception as error:  # noqa: BLE001  # a mistake in here must stop this account with its report, not lose the report
            self._stop(f"internal error: {error!r}", Fault.INTERNAL)
            self._log.error("internal error", account=self._sender.account.name, exc_info=True)
        finally:
            self._live[track] -= 1

    # --- places

    def waits(self, track: Track, until_s: float) -> None:
        """See `Source`: a long wait is waited elsewhere, so that others can use the place."""
        self._waits[track] = until_s
        self._leave_if_idle()

    def _leave_if_idle(self) -> None:
        """Leave the place if all that is left to do here is to wait."""
        if self.is_over or any(self._busy.values()):
            return
        if not self._is_leaving:
            heads = [track for track in self._lane.tracks if self._live[track]]
            if not self._places.is_crowded or any(track not in self._waits for track in heads):
                return
            self._due_s = min(self._waits[track] for track in heads)
            self._is_leaving = self._now_s() + LEAST_ABSENCE_S <= self._due_s
        if self._is_leaving:
            self._workers.cancel_scope.cancel()  # nobody has a job, so nothing is lost

    # --- what to do next

    def need(self, track: Track) -> Need | None:
        """See `Source`: what the next job needs."""
        self._waits.pop(track, None)
        if not self._is_leaving and self._places.is_wanted(self._sender.served):
            self._is_leaving = True
            self._leave_if_idle()
        if self.is_over or self._is_leaving:
            return None
        kind = self._work.next_read() if track.reads else None
        if kind is not None:
            return Need(kind)
        cancel = self._work.next_cancel(self._lane.most_ids) if track.cancels else None
        if cancel is None:
            return None
        kind, orders = cancel
        return Need(kind, 1 if kind.is_mass else self._lane.worth_waiting_for(orders))

    def choose(self, track: Track, most: int) -> tuple[Job, int] | None:
        """See `Source`: the next job, and its tokens."""
        if self.is_over:
            return None
        job: Job | None = self._work.take(cancels=track.cancels, reads=track.reads, most=most)
        if job is None:
            return None
        if isinstance(job, CancelJob):
            return job, len(job.slots)
        return job, 1 if isinstance(job, MassJob) else 0

    async def _do(self, track: Track, job: Job, turn: Turn) -> None:
        self._busy[track] += 1
        self._staff()  # the first cancel taken lets further pages be read
        try:
            if isinstance(job, PageJob):
                self._tell_walk()
                await self._read_page(job, turn)
            elif isinstance(job, ReadJob):
                await self._read(job.slot, turn)
            elif isinstance(job, MassJob):
                await self._mass(job, turn)
            else:
                await self._cancel(job.slots, turn)
            if self._work.pause:
                tries, self._work.pause = self._work.pause, 0
                await anyio.sleep(self._retry.wait_s(tries, roll=self._roll()))
        finally:
            self._busy[track] -= 1
        self._staff()
        self._leave_if_idle()

    # --- orders

    async def _cancel(self, slots: tuple[Slot, ...], turn: Turn) -> None:
        """Cancel these orders with one request, and do what its answer asks for."""
        if not self._lane.may_cancel():
            turn.withdrawn()
            while self._intending:  # those that took the last places are still to leave, and a stop would keep them
                self._intended = anyio.Event()
                await self._intended.wait()
            self._stop("the daily allowance of cancels is used up", Fault.ALLOWANCE)
            return
        self._lane.count_cancel(turn)  # before the record is waited for: another cancel could take the same last place meanwhile
        venue, order_ids = self._venue, [slot.order_id for slot in slots]
        self._intending += 1
        try:
            intent = await self._sender.ahead(turn, self._intend, slots)
        finally:
            self._intending -= 1
            if self._intended is not None:
                self._intended.set()
        now_s = self._now_s()
        for slot in slots:
            slot.begin(now_s)
            slot.start(now_s)
        came = await self._sender.ask(
            lambda wall_s: venue.cancel_request(self._sender.account, order_ids, wall_s=wall_s),
            turn,
            lambda answer, wall_s: venue.read_cancel(answer, order_ids, wall_s=wall_s),
            orders=len(slots),
            intent=intent,
        )
        if isinstance(came, BatchTooLargeError):
            self._lane.shrink(came.most)
        roll = self._roll()
        await self._follow(
            (slot, self._judge(slot, came if isinstance(came, VenueError) else came[slot.order_id], len(slots), roll))
            for slot in slots
        )

    def _intend(self, kind: Kind, slots: tuple[Slot, ...]) -> Ahead:
        if self._venue.most_ids > 1:
            return self._record.intends(kind, slots)
        return self._record.intends_one(slots[0], self._work.coming)

    def _judge(self, slot: Slot, came: Verdict | VenueError, orders: int, roll: float) -> Step:
        """Write down what a cancel brought back for one order, and decide what follows."""
        slot.hear(came)
        waited_s = slot.waited_s(came.word if isinstance(came, Verdict) else None, self._now_s())
        return after_cancel(
            came, tries=slot.tries, was_unseen=slot.is_unseen, retry=self._retry, roll=roll, of=orders, waited_s=waited_s
        )

    async def _read(self, slot: Slot, turn: Turn) -> None:
        """Read one order, and do what that asks for."""
        slot.begin(self._now_s())
        came = await read_order(self._sender, slot.order_id, turn, place=slot.place)
        slot.hear_read(came)
        waited_s = slot.waited_s(came.word if isinstance(came, Verdict) else None, self._now_s())
        retry, roll = self._retry, self._roll()
        step = after_read(came, tries=slot.tries, reads=slot.reads, retry=retry, roll=roll, waited_s=waited_s)
        await self._follow([(slot, step)])

    async def _mass(self, job: MassJob, turn: Turn) -> None:
        """Send the venue's own mass cancel: every order it names gets its word, and a listing shows what it left."""
        venue, work = self._venue, self._work
        tries = refusals = 0
        while True:
            tries += 1
            meant = work.unsettled()
            intent = await self._sender.ahead(turn, self._record.intends, meant)
            meant = [slot for slot in meant if not slot.is_settled]  # some may have been, by a read meanwhile
            now_s = self._now_s()
            for slot in meant:
                slot.begin(now_s)
                slot.start(now_s)
            came = await self._sender.ask(
                lambda wall_s: venue.mass_request(self._sender.account, self._scope, job.kind, wall_s=wall_s),
                turn,
                lambda answer, wall_s: venue.read_mass(answer, wall_s=wall_s),
                intent=intent,
            )
            if turn.has_left:
                work.mass_sent_s = now_s
            if isinstance(came, VenueError):
                for slot in meant:
                    slot.hear(came)
                is_refused = isinstance(came, ThrottledError)
                tries, refusals = tries - is_refused, refusals + is_refused
                step = after_mass(came, tries=tries, refusals=refusals, retry=self._retry, roll=self._roll())
                again = await self._turn(step.after_s, job.kind) if isinstance(step, Again) else None
                if again is not None:
                    turn = again
                    continue
                if isinstance(step, Stop):
                    self._stop(step.fault, step.code)
                for slot in meant:
                    slot.settle(None, self._now_s())
                work.mass_ended(is_answered=False, may_have_acted=isinstance(came, TransportError | WireError) and turn.has_left)
                return
            await self._take_named(came, meant, now_s)
            return

    async def _take_named(self, came: MassWord, meant: list[Slot], sent_s: float) -> None:
        """Do what the answer to a mass cancel says of each order."""
        steps: list[tuple[Slot, Step]] = []
        roll = self._roll()
        for order_id, verdict in came.orders.items():
            slot = self._work.place_named(order_id)
            if slot is None:
                continue
            is_new = slot.attempts == 0
            if is_new:
                slot.begin(sent_s)
                slot.start(sent_s)
            # Where all orders were listed before, a name that was not among them may be anybody's: it is read.
            is_stranger = is_new and self._work.has_listed and verdict.word is Word.CANCELLED
            steps.append((slot, self._judge(slot, NOT_LISTED if is_stranger else verdict, 1, roll)))
        named = {id(slot) for slot, _ in steps}
        for slot in meant:
            if id(slot) not in named:
                slot.hear(NOT_NAMED)
                slot.settle(None, self._now_s())
        self._work.mass_ended(is_answered=True, is_whole=came.is_whole, may_have_acted=True)
        await self._follow(steps)

    async def _follow(self, steps: Iterable[tuple[Slot, Step]]) -> None:
        """Settle what is settled; hand the rest back to the work, each when its time has come."""
        later: list[tuple[float, Slot]] = []
        for slot, step in steps:
            if isinstance(step, Again | Read):
                slot.reads_first = isinstance(step, Read)
                slot.moved()
                later.append((step.after_s, slot))
            elif isinstance(step, Split):
                slot.split(step.most)
                slot.reads_first = False
                slot.moved()
                later.append((0.0, slot))
            else:
                if isinstance(step, Stop):
                    self._stop(step.fault, step.code)
                self._settle(slot, step.outcome if isinstance(step, Settle) else None)
        waited_s = 0.0
        later.reverse()  # each is put before the one before it
        later.sort(key=lambda pair: pair[0])
        for after_s, slot in later:
            if after_s > waited_s and not self.is_over:
                self._staff()
                await anyio.sleep(after_s - waited_s)
                waited_s = after_s
            if self.is_over:
                self._settle(slot, None)
            else:
                self._work.put_back(slot)

    def _settle(self, slot: Slot, outcome: Any) -> None:
        slot.settle(outcome, self._now_s())
        self._work.settled()
        began_s = self._now_s() if slot.began_s is None else slot.began_s
        if outcome is None and not self.is_over and self._lane.answered_s < began_s:
            self._stop(f"the venue gives no usable answer: {slot.error}", Fault.UNREACHABLE)
        self._tell(slot)

    async def _turn(self, after_s: float, kind: Kind) -> Turn | None:
        """Wait so long, then for a turn of this kind; None if the account is to stop instead."""
        if self.is_over:
            return None
        if after_s > 0:
            await anyio.sleep(after_s)
        track = next(track for track in self._lane.tracks if (track.cancels if kind.is_cancel else track.reads))
        granted = await self._lane.wait_turn(track, _OneMore(self, kind))
        return None if granted is None else granted[1]

    # --- one page

    async def _read_page(self, job: PageJob, turn: Turn | None) -> None:
        """Read one page for the work, or tell it why that cannot be done."""
        tries = 0
        while True:
            tries += 1
            came: Page | VenueError | None = None if turn is None else await self._ask_page(job, turn)
            if isinstance(came, Page):
                self._work.fed(job, came, now_s=self._now_s())
                return
            if came is None:
                self._work.failed(job, self.fault or "the run was stopped before the listing was complete")
                return
            step = after_listing(came, tries=tries, retry=self._retry, roll=self._roll())
            if isinstance(came, ThrottledError) and isinstance(step, Again):
                self._work.give_back(job)  # the account's hold is the wait, and may be waited elsewhere
                return
            if isinstance(step, Stop):
                self._stop(step.fault, step.code)
            if not isinstance(step, Again):
                if self._work.failed(job, str(came)):
                    self._stop(f"the open orders could not be listed: {came}", Fault.LISTING)
                return
            turn = await self._turn(step.after_s, Kind.LIST)

    async def _ask_page(self, job: PageJob, turn: Turn) -> Page | VenueError:
        venue = self._venue
        return await self._sender.ask(
            lambda wall_s: venue.page_request(self._sender.account, self._scope, job.cursor, wall_s=wall_s),
            turn,
            lambda answer, wall_s: venue.read_page(answer, job.cursor, wall_s=wall_s),
            about=job.cursor,
        )

    def _tell_walk(self) -> None:
        """Write down that another walk over the listing begins, if one does."""
        if self._walks != self._work.walks:
            self._walks = self._work.walks
            self._record.walks(self._walks, self._work.taken_up_before or 0)

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


class _OneMore:
    """A source of one more turn for a request that is chosen already, as long as the account goes on."""

    def __init__(self, pull: Pull, kind: Kind) -> None:
        self._pull = pull
        self._kind = kind

    def need(self, _track: Track) -> Need | None:
        return None if self._pull.is_over else Need(self._kind, 1 if self._kind.is_mass else 0)

    def choose(self, _track: Track, _most: int) -> tuple[Kind, int] | None:
        return None if self._pull.is_over else (self._kind, 1 if self._kind.is_mass else 0)

    @property
    def caller(self) -> Caller:
        return self._pull.caller

    def waits(self, _track: Track, _until_s: float) -> None:
        """Who waits here has a job, so the account keeps its place."""

    def give_up(self, words: str) -> None:
        self._pull.give_up(words)
