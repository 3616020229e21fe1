"""What an account's workers do next, while orders fill, appear and are cancelled. The rest of promise 6 lives here.

A `Drain` decides which page to read, which orders to cancel or which order to read next: first the venue's own mass cancel, if
that is the tactic, and the orders that are known, if any; then what the listing shows, until a walk that was read while nothing
was in flight shows nothing left that can be cancelled. It is a machine without a clock or a network.

Rules of a drain:

1. Cancelled rows leave the listing, so the rows behind them move forward. A drain reads ahead by position, not by page number;
   what it misses, the next walk from the first page finds.
2. Only a walk that began with nothing in flight, and during which nothing was sent, proves anything; and over several pages
   only if a second one shows the same orders, because a fill and a new order together can hide a row from a single walk.
3. An order that the venue does not know by id is not found only if a complete listing does not show it either; so even known
   orders are listed where one of them seems to be missing.
4. An order that a walk shows although it was settled before that walk began is taken up again, as long as that leads to
   something.
5. A mass cancel is sent again only where a listing shows that the last one, whose answer was lost, has left orders open. What
   it left although it was answered is cancelled by id.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from engine.core.listing import MOST_WALKS, Page, Walk
from engine.core.order import OpenOrder, OrderState
from engine.core.outcome import Outcome
from engine.core.quota import Kind
from engine.core.request import Belongs
from engine.core.retry import Retry
from engine.core.slots import Slot, Slots

FIRST_AHEAD = 2
"""Pages read ahead at a time where the venue does not say how many rows there are, before one has brought anything. A guess."""

MOST_SKIPPED = 50
"""Pages read ahead that may bring nothing new, before the next walk is left to find what is behind them. A guess."""

MOST_RESTARTS = 2
"""How often a walk may begin again because a page behind the first could not be read. A guess."""

MOST_SWEEPS = 20
"""How often one order is taken up again at the very most. A guess."""

MOST_LATE_WALKS = 25
"""How often in a row a walk may find just a few new orders before the account is taken for one that keeps quoting. A guess."""

MOST_MASSES = 2
"""How often a mass cancel is sent that may have acted, and whose answer was lost; after that, orders go by id. A guess."""


@dataclass(frozen=True, slots=True, eq=False)
class PageJob:
    """Read the page at this cursor. Two jobs are never the same one, even for the same page."""

    cursor: str


@dataclass(frozen=True, slots=True, eq=False)
class CancelJob:
    """Cancel these orders, with one request."""

    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ReadJob:
    """Read this order by id."""

    slot: Slot


@dataclass(frozen=True, slots=True, eq=False)
class MassJob:
    """Send the venue's own mass cancel."""

    kind: Kind


Job = PageJob | CancelJob | ReadJob | MassJob


class Drain:
    """The work of taking a whole scope off the book, found as it goes.

    Args:
        slots: Gets a slot for every order in scope, in the order in which they are found.
        belongs: Says whether a listed order belongs to the scope.
        first: Cursor of the first page.
        cursor_at: Cursor of the page that holds the row at a position, or None where the venue cannot be asked by position.
        ahead: Orders to hold ready before reading a further page.
        retry: How often an order may be taken up again, and with how many tries.
        known: Slots to work on before the first page is read, by a cancel or, where they say so, by a read first.
        proves: Whether to list the orders at all where none of the known ones is missing.
        mass: Chooses a mass cancel for so many orders, None standing for a number not known yet; gives None where cancels by id
            are better.
        lists_first: Whether to read the whole listing before the first cancel.
        rank: Sorts the orders that are read first; the largest goes first.
        settles: Whether a listing that shows nothing left is read once more after a rest, for orders that were on their way to
            the book when the work began.

    Attributes:
        is_listing: Whether a listing is part of the work, so that what follows means something.
        listing_complete: Whether the last walk can be believed.
        listing_error: Why not.
        verified: Whether it showed nothing in scope; where a second look was asked for, whether that one did.
        left: Listed orders that are not touched, each with the reason.
        is_finished: Whether there is nothing more to do.
        is_resting: Whether all is done but that second look; `wake` ends the rest.
        pause: How many times the work has come back to the same place; the workers rest before they go on, and set it to 0.
        mass_sent_s: When the last mass cancel left, or None.
        is_uncounted: Whether a mass cancel may have cancelled orders that nobody has named.
        has_listed: Whether all orders were listed before the first cancel.
        walks: How many walks over the listing have begun.
        taken_up_before: Orders taken up again in the last walk that took any, or None.
    """

    def __init__(
        self,
        slots: Slots,
        belongs: Callable[[OpenOrder], Belongs],
        *,
        first: str,
        cursor_at: Callable[[int, int], str] | None,
        ahead: int,
        retry: Retry,
        known: Iterable[Slot] = (),
        proves: bool = True,
        mass: Callable[[int | None], Kind | None] | None = None,
        lists_first: bool = False,
        rank: Callable[[OpenOrder], Any] | None = None,
        settles: bool = False,
    ) -> None:
        self.is_listing = proves
        self.is_resting = False
        self._settles = settles
        self.left: dict[str, Belongs] = {}
        self.listing_complete = False
        self.listing_error: str | None = None
        self.verified = False
        self.is_finished = False
        self.pause = 0
        self._slots = slots
        self._belongs = belongs
        self._first = first
        self._cursor_at = cursor_at
        self._ahead = ahead
        self._retry = retry
        self.mass_sent_s: float | None = None
        self.is_uncounted = False
        self.has_listed = False
        self._choose_mass = mass
        self._masses_left = MOST_MASSES
        self._mass_due: Kind | None = None
        self._is_collecting = lists_first or rank is not None
        self._rank = rank
        self._queue: deque[Slot] = deque()
        self._reads: deque[Slot] = deque()
        self._in_hand = 0
        self._reading: set[PageJob] = set()
        self._doubtful_walks = 0
        self._late_walks = 0
        self._may_look_ahead = True
        self._most_reading: float = FIRST_AHEAD
        self._restarts, self._now_s = 0, 0.0
        self._is_proving = False
        self._has_begun = False
        self._fullest_page = 0
        self._seen_before: set[str] | None = None
        self.walks = 0
        self._taken_up = 0
        self.taken_up_before: int | None = None
        self._fruitless = 0
        self._has_taken = False
        self._begin_walk()
        for slot in known:
            (self._reads if slot.reads_first else self._queue).append(slot)
        if self._queue or self._reads:
            self._is_collecting = False
            self._work_off()
        elif not self._is_collecting and self._wants_mass(None):
            self._work_off()
        elif not proves:
            self.is_finished = True

    @property
    def has_mass(self) -> bool:
        """Whether the venue has a mass cancel that hits exactly the scope."""
        return self._choose_mass is not None

    def waiting(self, *, cancels: bool, reads: bool, most: int = 1) -> int:
        """Jobs of these sorts that can be taken now, cancels naming up to `most` orders each."""
        jobs = 0
        if cancels and not self._is_collecting:
            jobs += 1 if self._mass_due else -(-len(self._queue) // most)
        if reads:
            jobs += len(self._reads) + (1 if self._takes_page() else 0)
        return jobs

    def next_cancel(self, most: int) -> tuple[Kind, int] | None:
        """What kind of cancel `take` would give now, and how many orders it would name; a mass cancel names none."""
        if self._is_collecting:
            return None
        if self._mass_due is not None:
            return self._mass_due, 0
        if not self._queue:
            return None
        count = self._reach(most)
        return (Kind.CANCEL_ONE if count == 1 else Kind.CANCEL_MANY), count

    def next_read(self) -> Kind | None:
        """What kind of request `take` would give now for reading."""
        if self._takes_page():
            return Kind.LIST
        return Kind.READ if self._reads else None

    def take(self, *, cancels: bool, reads: bool, most: int = 1) -> Job | None:
        """The next job of these sorts, or None if there is none now. The first cancel goes before any page read ahead."""
        if reads and self._takes_page():
            job = PageJob(self._next_cursor())
            self._reading.add(job)
            return job
        if reads and self._reads:
            self._in_hand += 1
            return ReadJob(self._reads.popleft())
        chosen = self.next_cancel(most) if cancels else None
        if chosen is None:
            return None
        kind, count = chosen
        if kind.is_mass:
            self._mass_due = None
            self._masses_left -= 1
            self._in_hand += 1
            self._queue.clear()  # it means them all; what it leaves comes back by name, or by the next listing
            return MassJob(kind)
        self._has_taken = True
        self._in_hand += count
        return CancelJob(tuple(self._queue.popleft() for _ in range(count)))

    def coming(self, most: int) -> Iterator[Slot]:
        """The orders, so many at most, that the next cancels name, as it stands now."""
        return itertools.islice(self._queue, max(0, most))

    def put_back(self, slot: Slot) -> None:
        """A slot in hand needs another request: it goes before those that had none yet."""
        self._in_hand -= 1
        if slot.reads_first:
            self._reads.append(slot)
        else:
            self._queue.appendleft(slot)

    def settled(self) -> None:
        """The work on a slot in hand is done for this sweep."""
        self._in_hand -= 1
        self._turn_over()

    def unsettled(self) -> list[Slot]:
        """The orders known that a mass cancel is meant for."""
        return [slot for slot in self._slots if not slot.is_settled]

    def place_named(self, order_id: str) -> Slot | None:
        """The slot in hand of an order that a mass cancel's answer names; None where its fate is known already."""
        slot = self._slots.get(order_id)
        if slot is None:
            slot = self._slots.place(order_id)
        if slot.is_settled and not slot.outcome.may_be_live:
            return None
        if slot.is_settled:
            self._reopen(slot, is_listed=False)  # it was given up in doubt, and here is a word on it
        slot.walk = self.walks
        self._in_hand += 1
        return slot

    def mass_ended(self, *, is_answered: bool, may_have_acted: bool, is_whole: bool = True) -> None:
        """The mass cancel in hand is over, as far as its own answer goes; a listing shows what it left.

        `is_whole`: whether the answer named everything that it cancelled, as far as could be read.
        """
        if is_answered or not may_have_acted:
            self._masses_left = 0  # what it left although it was answered, or what it may not be used for, goes by id
        self.is_uncounted |= may_have_acted and not (is_answered and is_whole)
        self.settled()

    def fed(self, job: PageJob, page: Page, *, now_s: float = 0.0) -> None:
        """The page came, at this moment."""
        self._now_s = now_s
        self._reading.discard(job)
        if self._is_proving:
            self._prove(page)
        else:
            self._read_ahead(page)
        self._turn_over()

    def give_back(self, job: PageJob) -> None:
        """The page was not read after all: it is read again, or, if what it was ahead of is done by now, a new walk begins."""
        self._reading.discard(job)
        self._turn_over()

    def wake(self) -> None:
        """The rest before the second look is over; until that look is, no listing is the last one."""
        self.is_resting = self.listing_complete = False

    def failed(self, job: PageJob, reason: str) -> bool:
        """The page could not be read. Ahead of the work that is no harm yet: the first page is read again anyway."""
        self._reading.discard(job)
        self.listing_error = reason
        if self._is_collecting:
            self._go()  # what is known is cancelled all the same, and listed again afterwards
        elif self._is_proving and (job.cursor == self._first or self._restarts >= MOST_RESTARTS):
            self.is_finished = True
        elif self._is_proving:
            self._restarts += 1  # the venue refuses a cursor that it gave: perhaps the next walk gets a better one
            self._is_proving = False
            self._seen_before = None
        else:
            self._may_look_ahead = False
        self._turn_over()
        return self.is_finished

    # What follows decides; nothing below is called from outside.

    def _begin_walk(self) -> None:
        if self._taken_up:
            is_fruitless = self.taken_up_before is not None and self._taken_up >= self.taken_up_before
            self._fruitless = self._fruitless + 1 if is_fruitless else 0
            self.taken_up_before, self._taken_up = self._taken_up, 0
        self.walks += 1
        self._walk = Walk(self._first)
        self._is_proving = True
        self._has_taken = False
        self._is_exhausted = False
        self._staying = 0
        self._pages_skipped = 0
        self._page_rows = 0
        self._stuck = 0
        self.left = {}

    def _work_off(self) -> None:
        """Work on what is queued, and read no page before that is done."""
        self._is_proving = False
        self._is_exhausted = True

    def _go(self) -> None:
        """All that can be known beforehand is known: begin to cancel."""
        self._is_collecting = False
        self.has_listed = self.listing_error is None
        if not self.has_listed or self._queue:
            self._wants_mass(len(self._queue) if self.has_listed else None)
        if self._rank is not None:
            self._queue = deque(sorted(self._queue, key=self._place_of, reverse=True))
        self._work_off()

    def _wants_mass(self, orders: int | None) -> bool:
        """Whether a mass cancel is the better way for so many orders; then it is due."""
        if self._choose_mass is not None and self._masses_left:
            self._mass_due = self._choose_mass(orders)
        return self._mass_due is not None

    def _place_of(self, slot: Slot) -> tuple[bool, Any]:
        """Sorts an order by its rank; one without a rank comes last."""
        rank = None if slot.order is None or self._rank is None else self._rank(slot.order)
        return (rank is not None, 0 if rank is None else rank)

    def _reach(self, most: int) -> int:
        """How many orders from the head of the queue go into one request."""
        count = 0
        for slot in self._queue:
            bound = min(most, slot.most or most)
            if count >= bound:
                break
            count, most = count + 1, bound
        return count

    def _takes_page(self) -> bool:
        return self._wants_page() and (self._is_proving or self._has_taken or not self._queue)

    def _wants_page(self) -> bool:
        if self.is_finished or self.is_resting:
            return False
        if self._is_proving:
            return not self._reading
        if self._is_exhausted or not self._may_look_ahead or (self._cursor_at is None and self._reading):
            return False
        ahead = max(1, self._ahead // self._page_rows) * self._page_rows
        return len(self._reading) < self._most_reading and len(self._queue) + self._page_rows * len(self._reading) <= ahead

    def _next_cursor(self) -> str:
        if self._is_proving or self._cursor_at is None:
            return self._walk.cursor or self._first
        # Rounded to whole pages: reading a page of orders known already costs more than missing a few, which the next walk finds.
        pages = round((self._staying + len(self._queue)) / self._page_rows) + self._pages_skipped + len(self._reading)
        return self._cursor_at(pages * self._page_rows, self._page_rows)

    def _prove(self, page: Page) -> None:
        """Take a page while nothing is in flight. Any work in it turns the walk into a drain."""
        fresh = self._walk.add(page)
        found = self._sort(fresh)
        if self._is_collecting:
            if self._walk.is_finished:
                self.listing_error = self._walk.problem
                self._go()
        elif found and self._wants_mass(None):
            self._seen_before = None
            self._work_off()
        elif found:
            self._is_proving = False
            self._seen_before = None
            self._most_reading = FIRST_AHEAD if page.total is None else math.inf
            self._page_rows = max(page.rows, 1)
            self._fullest_page = max(self._fullest_page, page.rows)
            is_small = found < self._fullest_page or (page.total is not None and page.total <= page.rows)
            self._late_walks = self._late_walks + 1 if self._has_begun and is_small else 0
            self._has_begun = True
            self._doubtful_walks = 0
            self._is_exhausted = self._is_last(page)
        elif self._walk.is_finished:
            self._conclude()

    def _read_ahead(self, page: Page) -> None:
        if self._cursor_at is None:
            fresh = self._walk.add(page)
            self._is_exhausted = self._walk.is_finished
        else:
            fresh = [order for order in page.orders if order.order_id not in self._walk.seen]
            self._walk.seen.update(order.order_id for order in fresh)
            # Orders that stay although we took them for gone push the unseen ones back. A venue that gives one page for every
            # other would push them back for ever.
            self._pages_skipped += not fresh
            self._may_look_ahead &= self._pages_skipped < MOST_SKIPPED
            self._is_exhausted |= self._is_last(page)
        if fresh:
            self._most_reading *= 2  # how far it goes on is not known: every page that brings something vouches for two
        self._sort(fresh)

    def _is_last(self, page: Page) -> bool:
        """Whether reading ahead would find nothing: only a hint, which the next walk checks."""
        known = self._staying + len(self._queue) + self._in_hand
        return page.rows == 0 or page.next is None or (page.total is not None and page.total <= known)

    def _sort(self, orders: list[OpenOrder]) -> int:
        """Queue what is to be cancelled, count what stays; give back how many were queued."""
        queued = 0
        for order in orders:
            slot = self._work_on(order)
            if slot is None:
                self._staying += 1
            else:
                slot.walk = self.walks
                self._queue.append(slot)
                queued += 1
        return queued

    def _work_on(self, order: OpenOrder) -> Slot | None:
        """The slot to work on for this row, or None if it stays."""
        if order.state not in (OrderState.OPEN, OrderState.PENDING, OrderState.UNKNOWN):
            return None
        slot = self._slots.get(order.order_id)
        if slot is not None:
            slot.show(order)
            return self._take_up(slot) if slot.walk < self.walks else None
        belongs = self._belongs(order)
        if belongs is not Belongs.IN:
            self.left[order.order_id] = belongs
            return None
        slot = self._slots.place(order.order_id, order)
        if self.mass_sent_s is not None:
            slot.left_open(self.mass_sent_s)
        return slot

    def _take_up(self, slot: Slot) -> Slot | None:
        """An order that was settled before this walk began, and is still listed."""
        was_closed = slot.is_acknowledged or slot.was_closed or not slot.outcome.may_be_live
        most_fruitless = self._retry.sweeps if was_closed else min(1, self._retry.sweeps)
        # What stands here for other orders must not cost this one its own sweeps: it may have come late.
        can_try = slot.sweeps < most_fruitless or (self._fruitless < most_fruitless and slot.sweeps < MOST_SWEEPS)
        self._reopen(slot, is_listed=True)
        if can_try:
            self._taken_up += 1
            return slot
        slot.settle(None, max(self._now_s, slot.settled_s or 0.0))
        self._stuck += 1
        return None

    def _reopen(self, slot: Slot, *, is_listed: bool) -> None:
        """Take a settled slot up again, with the few tries of a sweep, after a rest that grows with its sweeps."""
        slot.reopen(tries=self._retry.cancels - self._retry.sweep_cancels, is_listed=is_listed)
        self.pause = max(self.pause, slot.sweeps)

    def _turn_over(self) -> None:
        """When a drain has run dry, begin the walk that may prove it."""
        is_busy = self._queue or self._reads or self._mass_due or self._reading or self._in_hand
        if not (self.is_finished or self._is_proving or is_busy):
            if self._late_walks >= MOST_LATE_WALKS:
                self.listing_error = "new orders keep appearing: something is still placing them"
                self.is_finished = True
                return
            self.is_listing = self.is_listing or any(slot.is_missing for slot in self._slots)
            if self.is_listing:
                self._begin_walk()
            else:
                self.is_finished = True

    def _conclude(self) -> None:
        """A walk ended without work: believe it, or walk again."""
        if self._walk.problem is not None:
            self._doubt(self._walk.problem)
            return
        if not self._walk.is_one_look and self._walk.seen != self._seen_before:
            was_read_before, self._seen_before = self._seen_before is not None, self._walk.seen
            if was_read_before:
                self._doubt("the listing moved while it was read")
            else:
                self._begin_walk()
            return
        for slot in self._slots:
            if slot.is_missing and slot.order_id not in self._walk.seen:
                slot.settle(Outcome.NOT_FOUND, max(self._now_s, slot.settled_s or 0.0))
        unresolved = self._unresolved()
        if unresolved:
            self._reads.extend(unresolved)
            self._work_off()
            return
        self.listing_error = None
        self.listing_complete = True
        if self._settles:
            self._settles, self.is_resting = False, True
            self._seen_before = None
            self._begin_walk()
            return
        self.verified = self._stuck == 0 and all(why.is_clear for why in self.left.values())
        self.is_finished = True

    def _doubt(self, problem: str) -> None:
        """Walk again after a rest, or give up."""
        self._doubtful_walks += 1
        self.listing_error = problem
        if self._doubtful_walks >= MOST_WALKS:
            self.is_finished = True
        else:
            self.pause = self._doubtful_walks
            self._begin_walk()

    def _unresolved(self) -> list[Slot]:
        """Orders that may be live by our books and are not listed: to be read once more."""
        found = []
        for slot in self._slots:
            slot.walk = self.walks
            if slot.is_barred:
                continue
            if slot.outcome.may_be_live and slot.order_id not in self._walk.seen and slot.sweeps < self._retry.sweeps:
                self._reopen(slot, is_listed=False)
                slot.reads_first = True
                found.append(slot)
        return found
