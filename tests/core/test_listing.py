"""Promise 6: a listing is complete only when it can be believed, and a drain misses nothing however the pages move."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Belongs, OpenOrder, OrderState, Outcome, Retry
from engine.core.listing import MOST_PAGES, Page, Walk
from engine.core.outcome import Verdict, Word
from engine.core.slots import Slots
from engine.core.work import MOST_LATE_WALKS, Drain, PageJob

RETRY = Retry()


def rows(*order_ids):
    """Rows of a page."""
    return tuple(OpenOrder(order_id=order_id) for order_id in order_ids)


def walked(*pages):
    """A walk that was shown these pages."""
    walk = Walk("1")
    for page in pages:
        walk.add(page)
    return walk


@pytest.mark.parametrize(
    ("pages", "problem"),
    [
        ([Page(total=0)], None),
        ([Page()], None),
        ([Page(orders=rows("a"), total=1, next="2"), Page(total=1)], None),
        ([Page(orders=rows("a"), total=1, next="2"), Page(total=0)], None),
        ([Page(orders=rows("a"), next="2"), Page(orders=rows("b"), next="3"), Page()], None),
        ([Page(orders=rows("a", "b"), total=2)], None),
        ([Page(total=3)], "counts 3 open orders and lists 0"),
        ([Page(orders=rows("a"), total=2, next="2"), Page(total=2)], "counts 2 open orders and lists 1"),
        ([Page(orders=rows("a"), total=2, next="2"), Page(orders=rows("b"), total=1, next="3"), Page()], "moved"),
        ([Page(orders=rows("a"), total=1, next="2"), Page(orders=rows("a"), total=1, next="3")], "repeats"),
        ([Page(orders=rows("a"), unreadable=1, total=2, next="2"), Page()], "1 of 2 listed rows could not be read"),
        ([Page(orders=rows("a"), total=1, next="1")], "does not come to an end"),
    ],
)
def test_a_walk_is_believed_only_without_contradiction(pages, problem):
    """Gaps, repeats, unreadable rows and a moving total are problems; an honest end is not."""
    walk = walked(*pages)

    assert walk.is_finished
    assert problem is None if walk.problem is None else problem in walk.problem


def test_an_endless_listing_is_given_up():
    """A listing that always has a next page ends after the most pages, with a problem."""
    walk, number = Walk("1"), 0
    while not walk.is_finished:
        number += 1
        walk.add(Page(orders=rows(f"order-{number}"), next=str(number + 1)))

    assert MOST_PAGES == number
    assert "does not come to an end" in walk.problem


def test_an_order_on_two_pages_is_seen_once():
    """A row that slid onto the next page is not fresh there."""
    walk = Walk("1")
    walk.add(Page(orders=rows("a", "b"), next="2"))

    assert rows("c") == tuple(walk.add(Page(orders=rows("b", "c"), next="3")))


class Book:
    """A book of 3 rows a page that a drain is let loose on, step by step, in an order drawn by dice."""

    def __init__(self, dice, *, orders, others=0, ahead=9, stubborn=0, liars=0, scope=None, by_position=True):
        self.dice = dice
        self.open = [f"order-{number}" for number in range(orders)] + [f"other-{number}" for number in range(others)]
        dice.shuffle(self.open)
        self.stubborn = set(self.open[:stubborn])
        self.liars = dict.fromkeys(self.open[stubborn : stubborn + liars], 2)
        self.touched = set()
        self.slots = Slots()
        self.drain = Drain(
            self.slots,
            scope or (lambda order: Belongs.OUT if order.order_id.startswith("other") else Belongs.IN),
            first="1",
            cursor_at=(lambda position, rows: str(position // rows + 1)) if by_position else None,
            ahead=ahead,
            retry=RETRY,
        )
        self.flying = []
        self.newcomers = set()

    def page(self, cursor):
        """The page as it is now."""
        start = (int(cursor) - 1) * 3
        found = self.open[start : start + 3]
        return Page(orders=rows(*found), total=len(self.open), next=str(int(cursor) + 1) if found else None)

    def step(self):
        """Take a job, or let one that is under way come to its end."""
        job = self.drain.take() if self.dice.random() < 0.6 or not self.flying else None
        if job is not None:
            self.flying.append(job)
        elif self.flying:
            self.land(self.flying.pop(self.dice.randrange(len(self.flying))))

    def land(self, job):
        """The venue's answer to a job."""
        if isinstance(job, PageJob):
            self.newcomers = set() if job.cursor == "1" else self.newcomers
            self.drain.fed(job, self.page(job.cursor))
            return
        job.start(0.0)
        self.touched.add(job.order_id)
        job.settle(self.cancel(job.order_id), 0.0)
        self.drain.settled()

    def cancel(self, order_id):
        """What the venue makes of a cancel."""
        if order_id in self.stubborn:
            return Outcome.REJECTED
        if self.liars.get(order_id, 0) > 0:
            self.liars[order_id] -= 1
            return Outcome.CANCELLED
        if order_id not in self.open:
            return Outcome.FILLED
        self.open.remove(order_id)
        return Outcome.CANCELLED

    def run(self, *, moves=0):
        """Drain to the end, with so many fills and new orders thrown in."""
        for _ in range(100_000):
            if self.drain.is_finished:
                return self
            if moves and self.dice.random() < 0.1:
                moves -= 1
                if self.open and self.dice.random() < 0.5:
                    self.open.pop(self.dice.randrange(len(self.open)))
                else:
                    self.open.insert(self.dice.choice([0, len(self.open)]), f"order-new-{moves}")
                    self.newcomers.add(f"order-new-{moves}")
            self.step()
        raise AssertionError("the drain does not end")


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 40), st.integers(0, 12), st.integers(0, 30), st.integers(0, 15), st.booleans())
def test_a_drain_misses_nothing(seed, orders, moves, ahead, others, by_position):
    """However answers interleave, orders fill and appear: a verified drain left nothing in scope, and touched nothing else."""
    book = Book(random.Random(seed), orders=orders, others=others, ahead=ahead, by_position=by_position).run(moves=moves)
    in_scope = [order_id for order_id in book.open if order_id.startswith("order") and order_id not in book.newcomers]

    assert [] == in_scope or not book.drain.verified
    assert not any(order_id.startswith("other") for order_id in book.touched)
    if not moves:
        assert book.drain.listing_complete
        assert book.drain.verified
        assert others == len(book.drain.left)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 5), st.integers(0, 5))
def test_what_cannot_be_cancelled_stays_and_is_said(seed, orders, stubborn, liars):
    """Orders that the venue refuses stay at risk; orders whose cancel it acknowledged and did not do are cancelled in a sweep."""
    book = Book(random.Random(seed), orders=orders + stubborn + liars, stubborn=stubborn, liars=liars).run()

    assert book.stubborn == set(book.open)
    assert book.stubborn == {slot.order_id for slot in book.slots if slot.outcome is Outcome.REJECTED}
    assert book.drain.listing_complete
    assert not book.drain.verified


def test_a_fill_and_a_newcomer_together_hide_nothing():
    """A row that slid to a page already read, while another appeared, so that the total fits, is found by the second reading."""
    book = Book(random.Random(1), orders=1, others=4)
    book.open = ["other-0", "other-1", "other-2", "order-0", "other-3"]
    drain = book.drain
    drain.fed(drain.take(), book.page("1"))
    book.open = ["other-1", "other-2", "order-0", "other-3", "other-4"]
    drain.fed(drain.take(), book.page("2"))
    drain.fed(drain.take(), book.page("3"))

    assert not drain.is_finished
    book.run()
    assert "order-0" in book.touched


def test_an_unclear_order_is_left_and_not_verified():
    """An order whose side is not established is left alone, counted, and keeps the drain from being verified."""
    book = Book(
        random.Random(1), orders=4, scope=lambda order: Belongs.SIDE_UNKNOWN if order.order_id == "order-2" else Belongs.IN
    ).run()

    assert {"order-2": Belongs.SIDE_UNKNOWN} == book.drain.left
    assert (True, False) == (book.drain.listing_complete, book.drain.verified)
    assert "order-2" not in book.touched


def test_a_closed_row_in_the_open_list_is_no_work():
    """A row that the venue itself shows as closed is not cancelled."""
    drain = Book(random.Random(1), orders=0).drain
    job = drain.take()
    closed = OpenOrder(order_id="a", state=OrderState.FILLED)
    drain.fed(job, Page(orders=(closed,), total=1, next="2"))
    drain.fed(drain.take(), Page(total=1))

    assert drain.verified


def test_a_failed_first_page_is_never_an_empty_book():
    """When the listing cannot be read, the drain ends incomplete, with the reason, and verifies nothing."""
    drain = Book(random.Random(1), orders=5).drain
    ends = drain.failed(drain.take(), "HTTP 500")

    assert ends
    assert (True, False, False) == (drain.is_finished, drain.listing_complete, drain.verified)
    assert "HTTP 500" == drain.listing_error


def test_a_failed_page_ahead_does_not_end_the_drain():
    """Page 2 failing is no harm where page 1, read again and again, shows everything."""
    book = Book(random.Random(1), orders=30)
    real = book.drain.fed
    book.drain.fed = lambda job, page: real(job, page) if job.cursor == "1" else book.drain.failed(job, "HTTP 500")
    book.run()

    assert (True, True, []) == (book.drain.listing_complete, book.drain.verified, book.open)


def test_somebody_who_keeps_quoting_is_named():
    """A drain that finds a new order every time it looks ends, and says why."""
    book = Book(random.Random(1), orders=4)
    page, count = book.page, iter(range(10**6))

    def quoting(cursor):
        if cursor == "1" and not book.open:
            book.open.append(f"order-again-{next(count)}")
        return page(cursor)

    book.page = quoting
    book.run()

    assert "new orders keep appearing" in book.drain.listing_error
    assert MOST_LATE_WALKS - 2 <= next(count) <= MOST_LATE_WALKS
    assert not book.drain.listing_complete


def test_a_total_that_lies_is_never_complete():
    """A venue that counts more than it lists is not believed, and the drain ends."""
    book = Book(random.Random(1), orders=2)
    page = book.page
    book.page = lambda cursor: Page(orders=page(cursor).orders, total=9, next=page(cursor).next)
    book.run()

    assert (False, []) == (book.drain.listing_complete, book.open)
    assert "counts 9 open orders and lists 0" in book.drain.listing_error


def test_an_unresolved_order_that_is_not_listed_is_read_again():
    """An order that may be live by our books, and is missing from a complete listing, is read before the drain ends."""
    book = Book(random.Random(1), orders=1)
    drain = book.drain
    drain.fed(drain.take(), book.page("1"))
    slot = drain.take()
    slot.start(0.0)
    slot.settle(Outcome.UNKNOWN, 0.0)
    drain.settled()
    book.open.clear()
    drain.fed(drain.take(), book.page("1"))
    again = drain.take()

    assert slot is again
    assert again.reads_first


def known(*order_ids, proves=False):
    """A drain of known orders, and its slots."""
    slots = Slots(order_ids)
    drain = Drain(
        slots, lambda _: Belongs.OUT, first="1", cursor_at=lambda *_: "1", ahead=9, retry=RETRY, known=slots, proves=proves
    )
    return drain, slots


def test_known_ids_are_taken_once_in_order():
    """The work of known ids holds each id once, in input order, and reads no page."""
    drain, _ = known("b", "a", "b")

    assert ["b", "a", None] == [slot and slot.order_id for slot in (drain.take(), drain.take(), drain.take())]
    drain.settled()
    drain.settled()
    assert (0, True, False) == (drain.waiting, drain.is_finished, drain.is_listing)


def test_no_known_ids_are_no_work():
    """Nothing known and nothing to prove is finished at once."""
    assert known()[0].is_finished


@pytest.mark.parametrize(("listed", "expected"), [(["z"], Outcome.NOT_FOUND), (["a"], Outcome.REJECTED)])
def test_not_found_needs_a_listing_that_agrees(listed, expected):
    """An order that the venue does not know by id is at risk until a complete listing does not show it either."""
    drain, slots = known("a")
    slot = drain.take()
    slot.start(0.0)
    slot.hear(Verdict(word=Word.UNSETTLED, text="no"))
    slot.hear_read(Verdict(word=Word.NOT_FOUND, text="never heard of it"))
    slot.settle(None, 0.0)
    assert Outcome.REJECTED is slot.outcome
    drain.settled()
    drain.fed(drain.take(), Page(orders=rows(*listed), total=1, next="2"))
    if not drain.is_finished and drain.waiting and isinstance(job := drain.take(), PageJob):
        drain.fed(job, Page())

    assert expected is slots.get("a").outcome
    assert drain.is_listing
