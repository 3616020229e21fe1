"""Promise 5, the paying part: what the purse allows, the venue admits, however requests travel; and its word is believed."""

import heapq
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine import ConfigError
from engine.core.quota import Feedback, Purse, Tier, Tokens

TIERS = {"small": Tier(80.0, 120), "large": Tier(800.0, 1200), "floored": Tier(900.0, 1350, is_floored=True)}


def purse(tier="small", **options):
    """A full purse."""
    return Purse(Tokens(tiers=TIERS, tier=tier, **options))


class Venue:
    """The venue's own purse: full until the first request arrives, refilled evenly, admitting as a whole or not at all."""

    def __init__(self, tier):
        self.tier = tier
        self.balance = float(tier.burst)
        self.seen_s = 0.0

    def refill(self, now_s):
        """What has come in by now."""
        self.balance = min(float(self.tier.burst), self.balance + (now_s - self.seen_s) * self.tier.per_s)
        self.seen_s = now_s

    def admits(self, cost, now_s):
        """Whether a request of this cost is admitted now."""
        self.refill(now_s)
        if self.balance + 1e-6 < cost:
            return False
        self.balance -= cost
        return True


@settings(deadline=None, max_examples=500)
@given(
    st.lists(
        st.tuples(st.floats(0, 2.0), st.integers(1, 200), st.floats(0, 0.24), st.floats(0, 0.3), st.booleans()),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from(["small", "large"]),
)
@example([(0.0, 37, 0.125, 0.0, False), (0.0, 1, 0.0, 0.0, False), (0.5, 114, 0.0, 0.0, False)], "small")
@example([(0.0, 70, 0.125, 0.0, False), (0.0, 1, 0.0, 0.25, True), (0.25, 61, 0.0, 0.0, False)], "small")
@example([(0.0, 56, 0.125, 0.0, False), (0.0, 1, 0.0, 0.0, True), (0.25, 75, 0.0, 0.0, False)], "small")
def test_what_the_purse_allows_the_venue_admits(requests, tier):
    """No request that the purse could pay is refused, whatever its way takes, and whether or not the venue says what is left."""
    ours, venue, now_s = purse(tier), Venue(TIERS[tier]), 0.0
    events, number, sent_s = [], 0, {}

    def happen(until_s):
        nonlocal number
        while events and events[0][0] <= until_s:
            when_s, _, what, cost, receipt, back_s, tells = heapq.heappop(events)
            if what == "arrives":
                assert venue.admits(cost, when_s)
                number += 1
                heapq.heappush(events, (when_s + back_s, number, "answers", venue.balance, receipt, back_s, tells))
                continue
            ours.ended(receipt, when_s)
            if tells:
                ours.told(Feedback(remaining=cost), when_s, receipt, took_s=when_s - sent_s[receipt])

    for gap_s, wanted, way_s, back_s, tells in requests:
        now_s += gap_s
        happen(now_s)
        cost = min(wanted, ours.available(now_s))
        if cost == 0:
            continue
        number += 1
        receipt = ours.take(cost, now_s)
        sent_s[receipt] = now_s
        heapq.heappush(events, (now_s + way_s, number, "arrives", cost, receipt, back_s, tells))
    happen(math.inf)

    assert ours.spent <= TIERS[tier].burst + now_s * TIERS[tier].per_s


def test_a_full_purse_is_spent_at_once_and_refills_evenly():
    """1,000 orders from a full purse of 120 at 80 a second take 11 seconds."""
    ours, now_s, left = purse(margin_s=0.0), 0.0, 1000
    while left:
        now_s = ours.free_at(now_s, min(left, 20))
        taken = min(left, ours.available(now_s))
        ours.take(taken, now_s)
        left -= taken

    assert pytest.approx(11.0) == now_s


def test_what_is_charged_afterwards_is_debt():
    """A mass cancel of 200 orders from a full purse of 120 leaves a debt of 81, and the next cancel waits for 1.025 s."""
    ours = purse(margin_s=0.0)
    ours.take(1, 10.0)
    ours.charge(200, 10.0)

    assert -81.0 == ours.balance(10.0)
    assert 0 == ours.available(11.0)
    assert pytest.approx(11.025) == ours.free_at(10.0)
    assert pytest.approx(12.5125) == ours.free_at(10.0, 120)


def test_a_floored_tier_knows_no_debt():
    """From the tiers that stop at nothing, the next cancel waits for one token only."""
    ours = purse("floored", margin_s=0.0)
    ours.take(1, 10.0)
    ours.charge(5000, 10.0)

    assert 0.0 == ours.balance(10.0)
    assert pytest.approx(10.0 + 1 / 900) == ours.free_at(10.0)


def test_the_word_of_the_venue_corrects_us_at_once():
    """Somebody else spends from the same purse: what the venue says is left counts, less what we have spent since."""
    ours = purse()
    receipt = ours.take(10, 0.0)
    ours.take(5, 0.1)
    ours.told(Feedback(remaining=40.0), 0.2, receipt, took_s=0.1)

    assert 35.0 == ours.balance(0.2)


def test_an_older_word_does_not_undo_a_newer_one():
    """Answers may come in any order; the word about the later request stands."""
    ours = purse()
    first = ours.take(10, 0.0)
    ours.ended(first, 0.1)
    second = ours.take(10, 0.1)
    ours.told(Feedback(remaining=30.0), 0.2, second, took_s=0.1)
    ours.told(Feedback(remaining=110.0), 0.2, first, took_s=0.1)

    assert 30.0 == ours.balance(0.2)


@pytest.mark.parametrize("remaining", [119.0, -81.0])
def test_a_word_about_a_mass_cancel_is_not_counted_twice(remaining):
    """Whether the venue's word was written before the orders were charged or after, the debt is the same."""
    ours = purse(margin_s=0.0)
    receipt = ours.take(1, 0.0)
    ours.charge(200, 0.0)
    ours.told(Feedback(remaining=remaining), 0.0, receipt, took_s=0.0, is_mass=True)

    assert -81.0 == ours.balance(0.0)


def test_a_better_tier_is_believed_and_pays_at_once():
    """Once the venue names a larger tier, what was spent is spent of the larger purse."""
    ours = purse()
    ours.told(Feedback(tier="large"), 0.0, ours.take(120, 0.0), took_s=0.1)

    assert ("large", 1080) == (ours.tier_name, ours.available(0.0))


def test_an_unknown_tier_changes_nothing():
    """A word that is no tier of ours is not guessed at."""
    ours = purse()
    ours.told(Feedback(tier="titanium"), 0.0, ours.take(0, 0.0), took_s=0.1)

    assert ("small", 120) == (ours.tier_name, ours.available(0.0))


def test_what_was_not_used_comes_back():
    """A request that never left, or was refused as a whole, costs nothing."""
    ours = purse()
    ours.refund(ours.take(50, 0.0), 0.0)

    assert (120, 0.0) == (ours.available(0.0), ours.spent)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tier(0.0, 5),
        lambda: Tier(5.0, 0),
        lambda: Tokens(tiers=TIERS, tier="none"),
        lambda: Tokens(tiers=TIERS, tier="small", margin_s=-1.0),
        lambda: Tokens(tiers=TIERS, tier="small", gather_s=math.inf),
    ],
)
def test_impossible_tokens_are_refused(make):
    """A tier that allows nothing, or is not there, is a ConfigError."""
    with pytest.raises(ConfigError):
        make()
