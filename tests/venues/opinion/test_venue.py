"""Opinion as the stages see it: single cancels, no mass cancel, no tokens, and no time in any request."""

import pytest

from engine import Account, Scope, Side
from engine.core.outcome import Word
from engine.core.quota import Kind
from engine.venues.base import HttpAnswer
from engine.venues.opinion import Opinion, OpinionKey

ALICE = Account("alice", OpinionKey("the-user-key"))


def test_it_has_no_cancel_but_of_one_order():
    """One id a request, whatever it looks like, and no mass cancel for any scope."""
    venue = Opinion()
    verdicts = venue.read_cancel(HttpAnswer(status=200, body=b'{"errno":0,"result":{"result":true}}'), ["x"], wall_s=0.0)

    assert (1, None) == (venue.most_ids, venue.problem_of("anything"))
    assert {"x": Word.CANCELLED} == {order_id: verdict.word for order_id, verdict in verdicts.items()}
    assert [(), ()] == [venue.mass_cancels(scope) for scope in (Scope(), Scope(market=1, side=Side.BUY))]


@pytest.mark.parametrize("order_ids", [[], ["a", "b"]])
def test_a_cancel_of_none_or_of_many_cannot_be_made(order_ids):
    """Whoever hands over anything but one id has made a mistake, and nothing is sent."""
    with pytest.raises(ValueError, match="unpack"):
        Opinion().cancel_request(ALICE, order_ids, wall_s=0.0)


def test_the_time_is_in_no_request():
    """A request made at another time is the same one, and the venue's clock and count are never asked for."""
    venue = Opinion()

    assert venue.page_request(ALICE, Scope(), "1", wall_s=0.0) == venue.page_request(ALICE, Scope(), "1", wall_s=1e9)
    assert venue.order_request(ALICE, "x", wall_s=0.0) == venue.order_request(ALICE, "x", wall_s=1e9)
    assert (None, None) == (venue.time_request(), venue.feedback(HttpAnswer(status=200)))


@pytest.mark.parametrize(
    "ask",
    [
        lambda venue: venue.mass_request(ALICE, Scope(), Kind.CANCEL_ALL, wall_s=0.0),
        lambda venue: venue.read_mass(HttpAnswer(status=200), wall_s=0.0),
        lambda venue: venue.tier_request(ALICE, wall_s=0.0),
        lambda venue: venue.read_tier(HttpAnswer(status=200)),
        lambda venue: venue.read_time(HttpAnswer(status=200)),
    ],
    ids=["mass request", "mass answer", "tier request", "tier answer", "clock"],
)
def test_what_it_does_not_have_is_never_asked_for(ask):
    """A caller who asks all the same has made a mistake, which is no answer of the venue's."""
    with pytest.raises(AssertionError):
        ask(Opinion())
