"""Promises 1, 2 and 3: one place for every order, one fate each, worst truth first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import CredentialError, Outcome, ThrottledError, TransportError, WireError
from engine.core.order import OpenOrder
from engine.core.outcome import Verdict, Word
from engine.core.slots import Slots

LOST = TransportError("lost", sent=True)
UNSENT = TransportError("refused", sent=False)
REFUSED = Verdict(word=Word.UNSETTLED, code=10999, text="no")


def one_slot():
    """A slot of its own."""
    return Slots().place("a")


def heard(*came):
    """The slot after cancels that brought these back."""
    slot = one_slot()
    for each in came:
        slot.start(1.0)
        slot.hear(each)
    return slot


def test_a_slot_starts_as_not_sent():
    """Before anything leaves, the fate is not_sent."""
    assert Outcome.NOT_SENT is one_slot().outcome


def test_a_slot_is_unknown_from_before_the_request_leaves():
    """From the moment a cancel may leave until something comes back, the fate is unknown."""
    slot = one_slot()
    slot.start(1.0)

    assert Outcome.UNKNOWN is slot.outcome


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        ([UNSENT], Outcome.NOT_SENT),
        ([LOST], Outcome.UNKNOWN),
        ([WireError("odd")], Outcome.UNKNOWN),
        ([REFUSED], Outcome.REJECTED),
        ([ThrottledError("429")], Outcome.REJECTED),
        ([CredentialError("401")], Outcome.REJECTED),
        ([LOST, REFUSED], Outcome.UNKNOWN),
        ([LOST, UNSENT], Outcome.UNKNOWN),
        ([REFUSED, UNSENT], Outcome.REJECTED),
    ],
)
def test_the_fate_is_the_worst_that_the_evidence_allows(came, expected):
    """A refusal after a lost answer does not make the order rejected: the lost cancel may have acted."""
    assert expected is heard(*came).outcome


def test_a_read_that_shows_the_order_open_lifts_the_doubt():
    """An order seen open after a lost answer is rejected, which may be live, and no longer unknown."""
    slot = heard(LOST)
    slot.hear_read(Verdict(word=Word.OPEN))

    assert Outcome.REJECTED is slot.outcome


def test_an_order_that_was_never_sent_and_is_seen_open_stays_not_sent():
    """Nobody refused it; the read only shows that it is there, and says so."""
    slot = one_slot()
    slot.hear_read(Verdict(word=Word.OPEN))

    assert (Outcome.NOT_SENT, "still_open") == (slot.outcome, slot.code)


def test_an_order_that_was_never_sent_says_why_the_read_failed():
    """Without any other word, the failure of the read is the reason."""
    slot = one_slot()
    slot.hear_read(LOST)

    assert (Outcome.NOT_SENT, "lost") == (slot.outcome, slot.error)


@pytest.mark.parametrize("came", [LOST, WireError("odd"), Verdict(word=Word.UNSETTLED, text="?")])
def test_a_read_that_shows_nothing_changes_nothing(came):
    """A failed read leaves the doubt where it was."""
    slot = heard(LOST)
    slot.hear_read(came)

    assert Outcome.UNKNOWN is slot.outcome
    assert "lost" == slot.error


def test_a_request_that_never_left_is_no_attempt():
    """Attempts count what may have left, tries count everything."""
    slot = heard(UNSENT, UNSENT, LOST)

    assert (1, 3) == (slot.attempts, slot.tries)


def test_a_pace_refusal_is_no_try():
    """A 429 uses up none of the order's tries."""
    slot = heard(ThrottledError("429"), ThrottledError("429"))

    assert (2, 0) == (slot.attempts, slot.tries)


def test_success_carries_no_error():
    """A cancelled order has neither code nor error, whatever went wrong before."""
    slot = heard(LOST)
    slot.settle(Outcome.ALREADY_CANCELLED, 2.0)

    assert (None, None) == (slot.code, slot.error)


def test_an_acknowledged_order_that_a_read_shows_cancelled_is_cancelled():
    """The first acknowledgement is what cancelled it, even if a later sweep asked again."""
    slot = heard(Verdict(word=Word.CANCELLED))
    slot.settle(Outcome.CANCELLED, 2.0)
    slot.reopen(tries=0, is_listed=True)
    slot.settle(Outcome.ALREADY_CANCELLED, 3.0)

    assert Outcome.CANCELLED is slot.outcome


def test_a_closed_order_that_is_listed_again_is_at_risk():
    """Later evidence beats an acknowledgement: reopened, the order may be live and says why."""
    slot = heard(Verdict(word=Word.CANCELLED))
    slot.settle(Outcome.CANCELLED, 2.0)
    slot.reopen(tries=3, is_listed=True)

    assert Outcome.REJECTED is slot.outcome
    assert ("still_listed", 3) == (slot.code, slot.tries)


@given(st.lists(st.sampled_from("abcdef"), max_size=20))
def test_every_place_has_its_result(order_ids):
    """`results[i]` is the fate of the i-th id, and equal ids share one."""
    slots = Slots(order_ids)
    results = slots.results("alice", start_s=0.0)

    assert order_ids == [result.order_id for result in results]
    assert list(range(len(order_ids))) == [result.index for result in results]
    assert len(set(order_ids)) == len(list(slots))


def test_an_unsent_order_says_what_stopped_it():
    """Orders that were never sent carry the reason of the stop."""
    (result,) = Slots(["a"]).results("alice", start_s=0.0, stop="the deadline came first")

    assert "no cancel was sent: the deadline came first" == result.error


class Listener:
    """Keeps what it is told of slots."""

    def __init__(self):
        self.told = []

    def placed(self, place, slot):
        """A place is given."""
        self.told.append(("placed", place, slot.order_id))

    def shown(self, slot):
        """An order is shown."""
        self.told.append(("shown", slot.order_id))

    def settled(self, slot):
        """A fate is written."""
        self.told.append(("settled", slot.outcome.value))

    def moved(self, slot):
        """There is more to know."""
        self.told.append(("moved", slot.outcome.value))


def test_a_witness_is_told_of_every_change_that_outlives_a_run():
    """Each place, the order once it is shown, each fate, and that one which was written does not stand any more."""
    listener = Listener()
    slots = Slots(["x", "x"], witness=listener)
    (slot,) = slots
    slot.show(OpenOrder(order_id="x"))
    slot.start(1.0)
    slot.settle(Outcome.CANCELLED, 2.0)
    slot.reopen(tries=0, is_listed=True)
    slots.tell_open()

    assert [
        ("placed", 0, "x"),
        ("placed", 1, "x"),
        ("shown", "x"),
        ("settled", "cancelled"),
        ("moved", "rejected"),
        ("settled", "rejected"),
    ] == listener.told


def test_the_next_life_of_a_run_begins_with_what_may_be_live():
    """What is settled and safe stays; what may have been sent is read first; what was not sent is sent; times move along."""
    slots = Slots(["done", "lost", "unsent"])
    done, lost, _ = slots
    done.start(1.0)
    done.settle(Outcome.CANCELLED, 2.0)
    lost.start(1.5)
    live = slots.go_on(100.0, None)

    assert [("lost", True), ("unsent", False)] == [(slot.order_id, slot.reads_first) for slot in live]
    assert (101.0, 102.0, 101.5) == (done.sent_s, done.settled_s, lost.sent_s)
