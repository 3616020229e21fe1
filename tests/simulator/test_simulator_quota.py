"""How a simulated venue counts requests."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.simulator import OpinionRules, OpinionSimulator
from engine.simulator.quota import FixedWindow, SlidingWindow, TokenBucket

TIMES = st.lists(st.integers(0, 4000).map(lambda ms: ms / 1000), max_size=60).map(sorted)


@given(TIMES)
def test_sliding_window_never_admits_more(times_s):
    """No window of the sliding kind holds more admitted requests than the quota."""
    counter = SlidingWindow(5, 1.0)
    admitted = [time_s for time_s in times_s if counter.admit(time_s)]
    assert all(sum(first <= each < first + 1 - 1e-6 for each in admitted) <= 5 for first in admitted)


@given(TIMES)
def test_fixed_window_counts_between_ticks(times_s):
    """Between two ticks exactly the first five are admitted."""
    counter = FixedWindow(5, 1.0)
    admitted = [time_s for time_s in times_s if counter.admit(time_s)]
    for tick in range(5):
        asked = sum(int(each) == tick for each in times_s)
        assert min(5, asked) == sum(int(each) == tick for each in admitted)


@given(TIMES)
def test_bucket_never_admits_more_than_it_gained(times_s):
    """A bucket of five admits at most five more than it gained since any moment."""
    counter = TokenBucket(5, 1.0)
    admitted = [time_s for time_s in times_s if counter.admit(time_s)]
    for index, first in enumerate(admitted):
        assert all(nth + 1 <= 5 + 5 * (each - first) + 1e-6 for nth, each in enumerate(admitted[index:]))


@pytest.mark.parametrize(
    ("kind", "later"), [("sliding", [False, False, True]), ("fixed", [False, True, True]), ("bucket", [True, True, True])]
)
def test_kinds_differ(pen, kind, later):
    """Fifteen requests at 0.5 s leave 0.6 s, 1.0 s and 1.5 s to the kind of window."""
    simulator = OpinionSimulator(rules=OpinionRules(quota_kind=kind))
    alice = simulator.add_account("alice")
    assert {simulator.receive(pen(alice).list(), now_s=0.5).status for _ in range(15)} == {200}
    assert later == [simulator.receive(pen(alice).list(), now_s=now_s).status == 200 for now_s in (0.6, 1.0, 1.5)]


def test_refusal_has_the_envelope_and_no_header(pen):
    """The sixteenth request of a second is a 429 with errno 429 and no `Retry-After`; nothing is done."""
    simulator = OpinionSimulator()
    alice = simulator.add_account("alice", orders=16)
    replies = [simulator.receive(pen(alice).cancel(order_id), now_s=1) for order_id in simulator.ledger.orders]
    assert [reply.status for reply in replies] == [200] * 15 + [429]
    body = json.loads(replies[-1].body)
    assert (body["errno"], body["result"]) == (429, None)
    assert "Retry-After" not in replies[-1].headers
    assert len(simulator.ledger.open_ids()) == 1


@pytest.mark.parametrize("value", ["1", "Wed, 21 Oct 2015 07:28:00 GMT", "soon"])
def test_retry_after_is_sent_as_it_is(pen, value):
    """The header of the rules goes out unchanged."""
    simulator = OpinionSimulator(rules=OpinionRules(quota=1, retry_after=value))
    alice = simulator.add_account("alice")
    replies = [simulator.receive(pen(alice).list(), now_s=1) for _ in range(2)]
    assert replies[1].headers["Retry-After"] == value


def test_accounts_do_not_share_a_quota(pen):
    """One account's refusals leave the other alone."""
    simulator = OpinionSimulator(rules=OpinionRules(quota=1))
    alice, bob = simulator.add_account("alice"), simulator.add_account("bob")
    statuses = [simulator.receive(pen(account).list(), now_s=1).status for account in (alice, bob, alice, bob)]
    assert statuses == [200, 200, 429, 429]


@pytest.mark.parametrize("rules", [{"quota": 0}, {"quota_window_s": 0}, {"page_cap": 0}])
def test_impossible_rules_are_refused(rules):
    """A venue that admits nothing, or has no rows on a page, is a mistake."""
    with pytest.raises(ConfigError):
        OpinionRules(**rules)
