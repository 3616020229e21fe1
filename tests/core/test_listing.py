"""Promise 6: a listing is complete only when it can be believed, and a drain misses nothing however the pages move."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Belongs, OpenOrder, OrderState, Outcome, Retry
from engine.core.listing import MOST_PAGES, Page, Walk
from engine.core.outcome import Verdict, Word
from engine.core.quota import Kind
from engine.core.slots import Slots
from engine.core.work import MOST_LATE_WALKS, Drain, MassJob, PageJob, ReadJob
from engine.errors import TransportError

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


def take(drain, *, most=1):
    """The next job of any sort."""
    return drain.take(cancels=True, reads=True, most=most)


def slot_of(job):
    """The one order of a job."""
    (slot,) = [job.slot] if isinstance(job, ReadJob) else job.slots
    return slot


class Book:
    """A book of 3 rows a page that a drain is let loose on, step by step, in an order drawn by dice."""

    def __init__(
        self, dice, *, orders, others=0, ahead=9, stubborn=0, liars=0, scope=None, by_position=True, most=1, mass=None, **options
    ):
        self.dice = dice
        self.most = most
        self.mass = mass
        self.masses = 0
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
            mass=None if mass is None else lambda _orders: Kind.CANCEL_ALL,
            **options,
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
        job = take(self.drain, most=self.dice.randint(1, self.most)) if self.dice.random() < 0.6 or not self.flying else None
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
        if isinstance(job, MassJob):
            self.land_mass()
            return
        for slot in [job.slot] if isinstance(job, ReadJob) else job.slots:
            slot.start(0.0)
            self.touched.add(slot.order_id)
            slot.settle(self.cancel(slot.order_id), 0.0)
            self.drain.settled()

    def land_mass(self):
        """The venue's answer to a mass cancel of everything in scope: the word of the `mass` list, the last one for ever."""
        self.masses += 1
        word = self.mass[min(self.masses, len(self.mass)) - 1]
        for slot in self.drain.unsettled():
            slot.start(0.0)
        acted = [order_id for order_id in self.open if order_id.startswith("order")] if "acts" in word else []
        self.open = [order_id for order_id in self.open if order_id not in acted]
        self.drain.mass_sent_s = 0.0
        for order_id in acted if "answers" in word else []:
            slot = self.drain.place_named(order_id)
            if slot is None:
                continue
            slot.start(0.0)
            slot.settle(Outcome.CANCELLED, 0.0)
            self.drain.settled()
        for slot in self.drain.unsettled():
            slot.hear(TransportError("lost", sent=True))
            slot.settle(None, 0.0)
        self.drain.mass_ended(is_answered="answers" in word, may_have_acted=True)

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
@given(
    st.integers(0, 2**32),
    st.integers(0, 40),
    st.integers(0, 12),
    st.integers(0, 30),
    st.integers(0, 15),
    st.booleans(),
    st.integers(1, 7),
    st.none() | st.lists(st.sampled_from(["acts and answers", "acts", "answers", ""]), min_size=1, max_size=4),
    st.booleans(),
)
def test_a_drain_misses_nothing(seed, orders, moves, ahead, others, by_position, most, mass, lists_first):
    """However answers interleave, orders fill and appear: a verified drain left nothing in scope, and touched nothing else."""
    book = Book(
        random.Random(seed),
        orders=orders,
        others=others,
        ahead=ahead,
        by_position=by_position,
        most=most,
        mass=mass,
        lists_first=lists_first,
    ).run(moves=moves)
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
    drain.fed(take(drain), book.page("1"))
    book.open = ["other-1", "other-2", "order-0", "other-3", "other-4"]
    drain.fed(take(drain), book.page("2"))
    drain.fed(take(drain), book.page("3"))

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
    job = take(drain)
    closed = OpenOrder(order_id="a", state=OrderState.FILLED)
    drain.fed(job, Page(orders=(closed,), total=1, next="2"))
    drain.fed(take(drain), Page(total=1))

    assert drain.verified


@pytest.mark.parametrize("state", [OrderState.PENDING, OrderState.UNKNOWN])
def test_a_row_that_may_be_alive_is_work(state):
    """An order that cannot be cancelled yet, or whose status says nothing, is cancelled like an open one, not passed over."""
    drain = Book(random.Random(1), orders=0).drain
    drain.fed(take(drain), Page(orders=(OpenOrder(order_id="a", state=state),), total=1, next="2"))

    assert "a" == slot_of(take(drain)).order_id


def test_a_failed_first_page_is_never_an_empty_book():
    """When the listing cannot be read, the drain ends incomplete, with the reason, and verifies nothing."""
    drain = Book(random.Random(1), orders=5).drain
    ends = drain.failed(take(drain), "HTTP 500")

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
    drain.fed(take(drain), book.page("1"))
    slot = slot_of(take(drain))
    slot.start(0.0)
    slot.settle(Outcome.UNKNOWN, 0.0)
    drain.settled()
    book.open.clear()
    drain.fed(take(drain), book.page("1"))
    again = take(drain)

    assert isinstance(again, ReadJob)
    assert slot is again.slot


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

    assert ["b", "a", None] == [job and slot_of(job).order_id for job in (take(drain), take(drain), take(drain))]
    drain.settled()
    drain.settled()
    assert (0, True, False) == (drain.waiting(cancels=True, reads=True), drain.is_finished, drain.is_listing)


def test_no_known_ids_are_no_work():
    """Nothing known and nothing to prove is finished at once."""
    assert known()[0].is_finished


@pytest.mark.parametrize(("listed", "expected"), [(["z"], Outcome.NOT_FOUND), (["a"], Outcome.REJECTED)])
def test_not_found_needs_a_listing_that_agrees(listed, expected):
    """An order that the venue does not know by id is at risk until a complete listing does not show it either."""
    drain, slots = known("a")
    slot = slot_of(take(drain))
    slot.start(0.0)
    slot.hear(Verdict(word=Word.UNSETTLED, text="no"))
    slot.hear_read(Verdict(word=Word.NOT_FOUND, text="never heard of it"))
    slot.settle(None, 0.0)
    assert Outcome.REJECTED is slot.outcome
    drain.settled()
    drain.fed(take(drain), Page(orders=rows(*listed), total=1, next="2"))
    if not drain.is_finished and isinstance(job := take(drain), PageJob):
        drain.fed(job, Page())

    assert expected is slots.get("a").outcome
    assert drain.is_listing


def test_a_listing_of_empty_pages_is_given_up():
    """A further page may well be empty and name another one; a row of them is not believed, and not followed for ever."""
    walk, pages = Walk("0"), 0
    while not walk.is_finished:
        pages += 1
        walk.add(Page(next=str(pages)))

    assert pages < 10
    assert "shows nothing" in walk.problem


def test_a_mass_cancel_goes_out_although_nothing_could_be_listed():
    """Listing first is for the count; where it fails, everything is cancelled all the same, and listed again afterwards."""
    book = Book(random.Random(1), orders=5, mass=["acts and answers"], lists_first=True)
    ends = book.drain.failed(take(book.drain), "HTTP 500")
    job = take(book.drain)

    assert not ends
    assert isinstance(job, MassJob)
    book.land(job)
    book.run()
    assert ([], True, True) == (book.open, book.drain.verified, book.drain.listing_complete)
    assert 5 == len(book.slots)


@pytest.mark.parametrize(
    ("mass", "sent"), [(["acts and answers"], 1), (["acts"], 1), (["answers"], 1), ([""], 2), (["", "acts and answers"], 2)]
)
def test_a_mass_cancel_is_sent_again_only_where_a_lost_one_left_orders(mass, sent):
    """What it left although it was answered goes by id; where its answer was lost, a listing says whether another is needed."""
    book = Book(random.Random(1), orders=5, mass=mass).run()

    assert (sent, [], True) == (book.masses, book.open, book.drain.verified)


def test_what_a_mass_cancel_left_is_not_called_unsent():
    """An order that is listed after a mass cancel, which may have meant it, has been tried and is open."""
    book = Book(random.Random(1), orders=2, mass=["answers"])
    book.land(take(book.drain))
    book.land(take(book.drain))

    assert 2 == len(book.slots)
    assert {(Outcome.REJECTED, 1, "still_open")} == {(slot.outcome, slot.attempts, slot.code) for slot in book.slots}


def test_a_name_that_is_settled_already_is_no_work():
    """What a mass cancel's answer says of an order whose fate is settled changes nothing."""
    book = Book(random.Random(1), orders=0)
    slot = book.slots.place("a")
    slot.settle(Outcome.FILLED, 0.0)

    assert book.drain.place_named("a") is None
