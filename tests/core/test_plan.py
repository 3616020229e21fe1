"""The planner: of all sound ways to take a scope off the book, the one that is done first, and what it costs."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Bucket, Limits, Window
from engine.core.plan import Means, Plan, cancel_by_ids, choose, expect, pays_to_list_first, requests_for
from engine.core.quota import Kind, Tier, Tokens

TIERS = {
    "standard": Tier(80.0, 120),
    "copper": Tier(120.0, 180),
    "bronze": Tier(160.0, 240),
    "silver": Tier(400.0, 600),
    "gold": Tier(800.0, 1200),
    "platinum": Tier(900.0, 1350, is_floored=True),
    "diamond": Tier(1050.0, 1575, is_floored=True),
    "elite": Tier(1200.0, 1800, is_floored=True),
}


def means(tier, balance=None, most_ids=1000):
    """What an account of this tier has."""
    limits = Limits(tokens=Tokens(tiers=TIERS, tier=tier))
    return Means(limits=limits, most_ids=most_ids, tier=TIERS[tier], balance=TIERS[tier].burst if balance is None else balance)


def splits(orders):
    """Every way to cut a row of orders into requests by id."""
    if orders == 0:
        yield ()
    for size in range(1, orders + 1):
        for rest in splits(orders - size):
            yield (size, *rest)


def price_of(requests, tier, balance):
    """When the last request of a row is admitted, and what all cost: each is (tokens before, tokens after).

    Written apart from the planner: the purse is stepped through request by request.
    """
    now_s = tokens = 0.0
    for before, after in requests:
        if before > tier.burst:
            return None  # never admitted
        if balance < before:
            now_s += (before - balance) / tier.per_s
            balance = before
        balance -= before + after
        balance = max(balance, 0.0) if tier.is_floored else balance
        tokens += before + after
    return round(now_s, 6), tokens, len(requests)


def sound_ways(by_asset):
    """Every sound way to cancel everything in a book: for each market, as one, by assets, or by ids; or all at once.

    `by_asset` holds the number of orders of each asset, in pairs that are the two assets of one market.
    """
    yield ((1, sum(by_asset)),)
    markets = [tuple(by_asset[start : start + 2]) for start in range(0, len(by_asset), 2)]
    ways = []
    for pair in markets:
        of_market = [((1, sum(pair)),)]
        of_assets = [[((1, count),), *(tuple((size, 0) for size in cut) for cut in splits(count))] for count in pair]
        of_market += [tuple(itertools.chain(*parts)) for parts in itertools.product(*of_assets)]
        ways.append(of_market)
    for parts in itertools.product(*ways):
        yield tuple(itertools.chain(*parts))
    yield from (tuple((size, 0) for size in cut) for cut in splits(sum(by_asset)))


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=4).filter(lambda counts: 0 < sum(counts) <= 6),
    st.sampled_from(sorted(TIERS)),
    st.floats(-5.0, 8.0),
    st.booleans(),
)
def test_nothing_is_done_sooner_than_what_is_chosen(by_asset, tier, balance, lists_first):
    """No sound way to take everything off a small book, at any tier and balance, is admitted sooner, or as soon and cheaper."""
    chosen = choose([Kind.CANCEL_ALL], sum(by_asset), means(tier, balance), lists_first=lists_first)
    prices = [price for way in sound_ways(by_asset) if (price := price_of(way, TIERS[tier], balance)) is not None]
    soonest_s = min(price[0] for price in prices)

    assert soonest_s == pytest.approx(chosen.least_time_s, abs=1e-5)
    if lists_first:
        assert min(price[1] for price in prices if price[0] <= soonest_s + 1e-6) >= chosen.tokens + chosen.charged - 1e-6
    else:
        assert chosen.is_blind


@pytest.mark.parametrize(
    ("tier", "orders", "expected_s"),
    [("standard", 1000, 11.0), ("standard", 120, 0.0), ("gold", 1000, 0.0), ("gold", 1201, 1 / 800), ("elite", 9000, 6.0)],
)
def test_the_least_time_of_known_ids(tier, orders, expected_s):
    """So many ids from a full purse take what is missing in it, refilled."""
    assert expected_s == pytest.approx(cancel_by_ids(orders, means(tier)).least_time_s)


def test_by_ids_the_purse_never_idles_and_is_never_overdrawn():
    """1,000 ids at the lowest tier: one request of all that is there, then one for each quarter of a second's tokens."""
    tactic = cancel_by_ids(1000, means("standard"))

    assert (Kind.CANCEL_MANY, 1 + 880 / 20, 1000, 0) == (tactic.kind, tactic.requests, tactic.tokens, tactic.charged)
    assert 0.0 == pytest.approx(tactic.balance)


def test_a_mass_cancel_is_paid_afterwards():
    """Everything at the lowest tier: one request at once, and a debt of 881 that locks cancels out for 11 seconds."""
    tactic = choose([Kind.CANCEL_ALL], 1000, means("standard"))

    assert (Kind.CANCEL_ALL, 1, 1, 1000, 0.0) == (
        tactic.kind,
        tactic.requests,
        tactic.tokens,
        tactic.charged,
        tactic.least_time_s,
    )
    assert (-881.0, pytest.approx(11.025)) == (tactic.balance, tactic.locked_out_s)
    assert "1000 more are charged afterwards" in tactic.why


def test_a_floored_tier_is_not_locked_out():
    """Where the venue knows no debt, the next cancel waits for one token."""
    tactic = choose([Kind.CANCEL_ALL], 5000, means("elite"))

    assert (0.0, pytest.approx(1 / 1200)) == (tactic.balance, tactic.locked_out_s)


def test_many_accounts_do_not_queue_for_what_each_alone_would_take():
    """Where a run's accounts would wait for each other's mass cancels, they list first, and few orders go by id."""
    windows = (
        Window(250, 10.0, kinds=frozenset({Kind.CANCEL_ALL})),
        Window(2000, 10.0, kinds=frozenset({Kind.CANCEL_MANY})),
        Window(500, 10.0, kinds=frozenset({Kind.LIST})),
    )
    limits = Limits(per_venue=windows, tokens=Tokens(tiers=TIERS, tier="standard"))

    def of(accounts):
        return Means(limits=limits, most_ids=1000, tier=TIERS["standard"], balance=120.0, accounts=accounts)

    mass = [Kind.CANCEL_ALL]
    assert (False, True, False) == (
        pays_to_list_first(mass, of(250)),
        pays_to_list_first(mass, of(300)),
        pays_to_list_first([], of(300)),
    )
    assert Kind.CANCEL_MANY is choose(mass, 110, of(300), lists_first=True).kind
    assert Kind.CANCEL_ALL is choose(mass, 2000, of(300), lists_first=True).kind
    assert 0.0 == choose(mass, 2000, of(300), lists_first=True).least_time_s


def test_few_listed_orders_go_by_id():
    """Once all are listed and the purse can pay for them, naming them is as quick, cheaper, and hits nothing placed since."""
    assert Kind.CANCEL_MANY is choose([Kind.CANCEL_ALL], 100, means("standard"), lists_first=True).kind
    assert Kind.CANCEL_ALL is choose([Kind.CANCEL_ALL], 121, means("standard"), lists_first=True).kind


def test_without_a_mass_cancel_orders_go_by_id():
    """A scope that no cancel of the venue's hits exactly is cancelled by id, never more."""
    assert Kind.CANCEL_MANY is choose([], 5000, means("standard")).kind
    assert Kind.CANCEL_ONE is choose([], 5000, Means(limits=Limits(per_account=(Window(15, 1.0),)))).kind


def test_windows_count_too():
    """The least time is the longer of what tokens and windows ask for, and a window counts its own kinds only."""
    windows = (Window(2, 10.0, kinds=frozenset({Kind.CANCEL_MANY})), Bucket(1.0, 1, kinds=frozenset({Kind.LIST})))
    limits = Limits(per_venue=windows, tokens=Tokens(tiers=TIERS, tier="gold"))

    assert 10.0 == cancel_by_ids(3000, Means(limits=limits, most_ids=1000, tier=TIERS["gold"], balance=9000.0)).least_time_s


@given(st.integers(0, 2000), st.floats(-500, 120), st.sampled_from(sorted(TIERS)), st.integers(1, 1000))
def test_a_price_is_always_finite_and_whole(orders, balance, tier, most_ids):
    """Any debt, any size: the tactic ends, pays for each order once, and its requests hold what they must."""
    tactic = cancel_by_ids(orders, means(tier, balance, most_ids))

    assert math.isfinite(tactic.least_time_s)
    assert orders == tactic.tokens
    assert -(-orders // most_ids) <= tactic.requests <= orders


def test_the_requests_of_a_whole_cancel_all():
    """A mass cancel lists once, for the proof; by id, the pages come before it."""
    mass = choose([Kind.CANCEL_ALL], 250, means("standard"))
    by_ids = choose([], 250, means("gold"))

    assert {Kind.CANCEL_ALL: 1, Kind.LIST: 1} == requests_for(mass, 250, 0, 100)
    assert {Kind.CANCEL_ALL: 1, Kind.LIST: 4} == requests_for(mass, 250, 0, 100, lists_first=True)
    assert {Kind.CANCEL_MANY: 1, Kind.LIST: 4} == requests_for(by_ids, 250, 0, 100)
    assert {Kind.LIST: 1} == requests_for(None, 0, 0, 100)


def test_an_empty_plan_costs_nothing():
    """No accounts, no price."""
    assert (0, 0, 0.0) == (Plan(accounts={}).requests, Plan(accounts={}).tokens, Plan(accounts={}).least_time_s)


def test_where_cancels_cost_no_tokens_there_is_no_debt():
    """Without tokens, a mass cancel is one request, and locks nothing out."""
    tactic = choose([Kind.CANCEL_ALL], 10, Means(limits=Limits()))

    assert (Kind.CANCEL_ALL, 0, 0, None, 0.0) == (tactic.kind, tactic.tokens, tactic.charged, tactic.balance, tactic.locked_out_s)


# --- what a run is held against


def test_what_is_expected_is_what_a_plan_says():
    """Known orders of an account with 80 tokens a second: one request for each purse, and the time that the tokens take."""
    expected = expect((), 600, 0, means("standard"), page_rows=500, lists=False)
    tactic = cancel_by_ids(600, means("standard"))

    assert (tactic.requests, tactic.least_time_s) == (expected.requests, expected.least_s)
    assert (80.0, 120, None) == (expected.per_s, expected.burst, expected.shared_per_s)


def test_a_mass_cancel_is_expected_where_it_hits_the_scope():
    """One request and the proof, and no time at all."""
    expected = expect((Kind.CANCEL_ALL,), 600, 0, means("standard"), page_rows=500)

    assert (2, 0.0) == (expected.requests, expected.least_s)


def test_windows_bound_what_is_expected():
    """Fifteen requests a second for each account, and five for all: listings count in the time as well."""
    own, shared = Window(15, 1.0), Bucket(5.0, 10)
    limits = Limits(per_account=(own, Window(1, 10.0, kinds=frozenset({Kind.READ}))), per_venue=(shared,))
    expected = expect((), 60, 0, Means(limits=limits), page_rows=20)

    assert (15.0, 0, 5.0) == (expected.per_s, expected.burst, expected.shared_per_s)
    assert (64, shared.least_time_s(64)) == (expected.requests, expected.least_s)


def test_nothing_bounds_what_has_no_limits():
    """Without a limit there is no rate and no least time; without an order, only the look is left."""
    expected = expect((), 0, 0, Means(limits=Limits()), page_rows=20)

    assert (1, 0.0, None, None) == (expected.requests, expected.least_s, expected.per_s, expected.shared_per_s)
    assert 0 == expect((), 0, 0, Means(limits=Limits()), page_rows=20, lists=False).requests
