"""The decision after every answer, as a table: what is settled, what is read, what is sent again, what stops the account."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import (
    ConfigError,
    CredentialError,
    Outcome,
    Retry,
    ThrottledError,
    TransportError,
    UnavailableError,
    VenueError,
    WireError,
)
from engine.core.outcome import Verdict, Word
from engine.core.retry import Again, Read, Settle, Split, Stop, after_cancel, after_listing, after_mass, after_read
from engine.core.summary import Fault
from engine.errors import BatchTooLargeError

RETRY = Retry(first_wait_s=1.0, longest_wait_s=4.0)
LOST = TransportError("lost", sent=True)
BUSY = TransportError("busy", sent=True, status=503)
UNSENT = TransportError("refused", sent=False)
ODD = WireError("odd")
SLOW_DOWN = ThrottledError("slow down")
TOO_SLOW = ThrottledError("given up", is_final=True)
BAD_KEY = CredentialError("bad key")


def said(word):
    """A verdict of that word."""
    return Verdict(word=word)


@pytest.mark.parametrize(
    ("came", "tries", "was_unseen", "expected"),
    [
        (said(Word.CANCELLED), 1, False, Settle(Outcome.CANCELLED)),
        (said(Word.CANCELLED), 5, True, Settle(Outcome.CANCELLED)),
        (said(Word.ALREADY_CANCELLED), 1, False, Settle(Outcome.ALREADY_CANCELLED)),
        (said(Word.FILLED), 1, False, Settle(Outcome.FILLED)),
        (said(Word.UNSETTLED), 1, False, Read()),
        (LOST, 1, True, Read()),
        (ODD, 1, True, Read()),
        (BUSY, 1, True, Again(0.5)),
        (BUSY, 3, True, Again(2.0)),
        (BUSY, 4, True, Again(2.0)),
        (BUSY, 5, True, Read()),
        (UNSENT, 1, False, Again(0.5)),
        (UNSENT, 5, True, Read()),
        (UNSENT, 5, False, Settle()),
        (SLOW_DOWN, 99, False, Again(0.0)),
        (BAD_KEY, 1, False, Stop("bad key", Fault.CREDENTIALS)),
        (TOO_SLOW, 1, False, Stop("given up", Fault.PACE)),
    ],
)
def test_after_a_cancel(came, tries, was_unseen, expected):
    """What follows a cancel depends on what came back, never on hope."""
    assert expected == after_cancel(came, tries=tries, was_unseen=was_unseen, retry=RETRY, roll=0.0)


@pytest.mark.parametrize(
    ("came", "tries", "reads", "expected"),
    [
        (said(Word.ALREADY_CANCELLED), 1, 1, Settle(Outcome.ALREADY_CANCELLED)),
        (said(Word.FILLED), 1, 1, Settle(Outcome.FILLED)),
        (said(Word.EXPIRED), 1, 1, Settle(Outcome.EXPIRED)),
        (said(Word.NOT_FOUND), 1, 1, Settle()),
        (said(Word.OPEN), 0, 1, Again(0.5)),
        (said(Word.OPEN), 1, 1, Again(0.5)),
        (said(Word.OPEN), 5, 1, Settle(Outcome.REJECTED)),
        (said(Word.UNSETTLED), 1, 1, Read(0.5)),
        (said(Word.UNSETTLED), 1, 4, Settle()),
        (LOST, 1, 1, Read(0.5)),
        (LOST, 1, 4, Settle()),
        (ODD, 1, 4, Settle()),
        (SLOW_DOWN, 1, 99, Read()),
        (BAD_KEY, 1, 1, Stop("bad key", Fault.CREDENTIALS)),
        (TOO_SLOW, 1, 1, Stop("given up", Fault.PACE)),
    ],
)
def test_after_a_read(came, tries, reads, expected):
    """What follows a read: its evidence settles, an open order is cancelled again while tries are left."""
    assert expected == after_read(came, tries=tries, reads=reads, retry=RETRY, roll=0.0)


@pytest.mark.parametrize(
    ("came", "tries", "expected"),
    [
        (LOST, 1, Again(0.5)),
        (ODD, 4, Again(2.0)),
        (ODD, 5, Settle()),
        (SLOW_DOWN, 99, Again(0.0)),
        (BAD_KEY, 1, Stop("bad key", Fault.CREDENTIALS)),
        (TOO_SLOW, 1, Stop("given up", Fault.PACE)),
    ],
)
def test_after_a_page(came, tries, expected):
    """A page is tried again a bounded number of times, and a refused key stops the account."""
    assert expected == after_listing(came, tries=tries, retry=RETRY, roll=0.0)


@given(
    st.sampled_from([LOST, BUSY, UNSENT, ODD, SLOW_DOWN, BAD_KEY, *map(said, set(Word) - {Word.CANCELLED})]),
    st.integers(1, 9),
    st.booleans(),
)
def test_nothing_but_the_acknowledgement_settles_a_cancel_as_cancelled(came, tries, was_unseen):
    """Whatever else comes back from a cancel, the decision is never `cancelled`."""
    assert Settle(Outcome.CANCELLED) != after_cancel(came, tries=tries, was_unseen=was_unseen, retry=RETRY, roll=0.5)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_waits_are_bounded(tries, roll):
    """No wait is longer than the longest, and none is shorter than half of the first."""
    assert 0.5 <= RETRY.wait_s(tries, roll=roll) <= 4.0


@pytest.mark.parametrize(
    "options", [{"cancels": 0}, {"reads": 0}, {"listings": 0}, {"sweep_cancels": 0}, {"sweeps": -1}, {"first_wait_s": -1}]
)
def test_impossible_retries_are_refused(options):
    """Fewer than one try, or a negative number, is a ConfigError."""
    with pytest.raises(ConfigError):
        Retry(**options)


@pytest.mark.parametrize(
    ("came", "of", "expected"),
    [
        (VenueError("one id is malformed"), 120, Split(60)),
        (VenueError("one id is malformed"), 3, Split(1)),
        (VenueError("this id is malformed"), 1, Read()),
        (BatchTooLargeError("too many", most=50), 120, Split(50)),
        (BatchTooLargeError("too many", most=500), 120, Split(60)),
        (ODD, 120, Read()),
        (LOST, 120, Read()),
        (SLOW_DOWN, 120, Again(0.0)),
    ],
)
def test_a_request_refused_for_what_it_names_is_cut(came, of, expected):
    """Where one order may be to blame for all, the request is halved; what was lost, or slowed down, is not."""
    assert expected == after_cancel(came, tries=1, was_unseen=False, retry=RETRY, roll=0.0, of=of)


@pytest.mark.parametrize(
    ("waited_s", "expected"), [(0.0, Again(0.25)), (0.3, Again(0.25)), (60.0, Again(0.25)), (300.0, Settle()), (1e6, Settle())]
)
def test_a_pending_order_is_tried_until_it_is_not(waited_s, expected):
    """An order that cannot be cancelled yet is tried again after short waits, without counting tries, and not for ever."""
    for step in (
        after_cancel(said(Word.PENDING), tries=99, was_unseen=False, retry=RETRY, roll=0.0, waited_s=waited_s),
        after_read(said(Word.PENDING), tries=99, reads=99, retry=RETRY, roll=0.0, waited_s=waited_s),
    ):
        assert expected == step


@pytest.mark.parametrize(
    ("came", "tries", "refusals", "expected"),
    [
        (LOST, 1, 0, Settle()),
        (BUSY, 1, 0, Settle()),
        (ODD, 1, 0, Settle()),
        (VenueError("refused"), 1, 0, Settle()),
        (UNSENT, 1, 0, Again(0.5)),
        (UNSENT, 5, 0, Settle()),
        (SLOW_DOWN, 1, 2, Again(0.0)),
        (SLOW_DOWN, 1, 3, Settle()),
        (UnavailableError("restarts"), 1, 99, Again(0.0)),
        (BAD_KEY, 1, 0, Stop("bad key", Fault.CREDENTIALS)),
        (TOO_SLOW, 1, 1, Stop("given up", Fault.PACE)),
    ],
)
def test_after_a_mass_cancel(came, tries, refusals, expected):
    """A mass cancel that may have acted is looked at before it is repeated; one that cannot have is sent again."""
    assert expected == after_mass(came, tries=tries, refusals=refusals, retry=RETRY, roll=0.0)
