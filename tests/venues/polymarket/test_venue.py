"""Polymarket as the stages see it: what it takes, what it can cancel at once, and what belongs to what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Account, Belongs, ConfigError, Limits, OpenOrder, Scope, Side
from engine.core.quota import Kind, Tier, Tokens, Window
from engine.venues.base import HttpAnswer
from engine.venues.opinion import OpinionKey
from engine.venues.polymarket import PUBLISHED, TIERS, UNLIMITED, Polymarket, PolymarketKey

KEY = PolymarketKey("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "the-api-key", "c2VjcmV0LWJ5dGVz", "the-passphrase")
ALICE = Account("alice", KEY)
ORDER_ID = "0x" + "ab" * 32
MARKET, OTHER_MARKET = "0x" + "cd" * 32, "0x" + "ef" * 32
SHORT, LONG = "0x01" + "AB" * 30, "0x01" + "ab" * 30 + "00"
ASSET = "52114319501245915516055106046884209969926127482827954674443846427813813222426"


# --- options


def test_everything_has_a_default_that_the_venue_publishes():
    """Without options: the production address, the published limits, the documented batch, time for a queue."""
    venue = Polymarket()

    assert ("polymarket", "https://clob.polymarket.com", PUBLISHED) == (venue.name, venue.base_url, venue.limits)
    assert (1000, 100, 30.0) == (venue.most_ids, venue.page_rows, venue.timeout_s)
    assert "Polymarket('http://10.0.0.5')" == repr(Polymarket("http://10.0.0.5/", allow_http=True))


def test_limits_can_be_lifted_and_a_tier_be_named():
    """None lifts all limits; a tier is where a signer begins."""
    tokens = Polymarket(tier=" Gold ").limits.tokens

    assert UNLIMITED == Polymarket(limits=None).limits
    assert (TIERS["gold"], PUBLISHED.per_venue) == (tokens.default, Polymarket(tier="gold").limits.per_venue)


@pytest.mark.parametrize(
    "options",
    [
        {"timeout_s": 0}, {"most_ids": 0}, {"most_ids": True}, {"most_ids": 1.5}, {"tier": "lead"}, {"tier": ""}, {"tier": 5},
        {"tier": "gold", "limits": None}, {"tier": "gold", "limits": Limits()}, {"most_ids": -(10**5_000)}, {"tier": 10**5_000},
    ],
    ids="-".join,
)  # fmt: skip
def test_impossible_options_are_refused(options):
    """Bounds, numbers and tiers must be such, and a tier needs limits that have some."""
    with pytest.raises(ConfigError):
        Polymarket(**options)


# --- accounts


def test_an_account_needs_a_key_of_this_venue():
    """Another venue's key is a ConfigError that names the account and not the key."""
    Polymarket().check(ALICE)
    with pytest.raises(ConfigError, match="account 'bob' needs a PolymarketKey for Polymarket, not OpinionKey"):
        Polymarket().check(Account("bob", OpinionKey("SECRET-KEY")))


def test_keys_of_one_signer_share_its_limits_and_nothing_else():
    """The signer is the one that the venue counts; its spelling does not matter, and two signers are two."""
    venue, others_key = Polymarket(), PolymarketKey("0x" + "1" * 40, KEY.api_key, KEY.secret, KEY.passphrase)
    same_signer = Account("alice too", PolymarketKey(KEY.address.lower(), "another-key", KEY.secret, "another-passphrase"))

    assert venue.identity(ALICE) == venue.identity(same_signer) != venue.identity(Account("bob", others_key))


def test_the_secret_parts_of_a_key_are_named_and_never_shown():
    """All but the address must never be shown, and no repr shows it."""
    venue = Polymarket()
    request = venue.cancel_request(ALICE, [ORDER_ID], wall_s=1700000000.0)
    shown = repr(ALICE) + repr(KEY) + repr(venue) + repr(request)

    assert ("the-api-key", "c2VjcmV0LWJ5dGVz", "the-passphrase") == tuple(part.reveal() for part in venue.secrets(ALICE))
    assert {*venue.secrets(ALICE)} - {KEY.secret} < {*request.secrets}  # that of the key signs, and is not sent
    assert [] == [part for part in (*venue.secrets(ALICE), request.headers["POLY_SIGNATURE"]) if part.reveal() in shown]


# --- scopes


@pytest.mark.parametrize(
    "scope",
    [Scope(), Scope(market=MARKET), Scope(market=MARKET.upper()), Scope(market=SHORT), Scope(market=LONG), Scope(asset=ASSET),
     Scope(asset=5), Scope(market=MARKET, asset=ASSET, side=Side.BUY), Scope(order_ids=[ORDER_ID]),
     Scope(except_ids=[ORDER_ID, "an-id-of-another-venue"])],
    ids=repr,
)  # fmt: skip
def test_conditions_that_can_match_are_taken(scope):
    """Condition ids in every spelling, token ids, sides and order ids."""
    Polymarket().check(ALICE, scope)


@pytest.mark.parametrize(
    "scope",
    [Scope(market="123"), Scope(market=MARKET + "0"), Scope(market="0x03" + "ab" * 30), Scope(market=ASSET), Scope(asset="yes"),
     Scope(asset=MARKET), Scope(asset="0"), Scope(asset="007"), Scope(asset="1" * 79), Scope(asset="-5"), Scope(asset="٣"),
     Scope(order_ids=["order-1"]), Scope(order_ids=[ORDER_ID, "0x12"]), Scope(except_ids=[ORDER_ID[:-1]])],
    ids=repr,
)  # fmt: skip
def test_conditions_that_can_match_nothing_are_refused(scope):
    """What is no condition id, no token id or no order id is a ConfigError, also where it is to be left alone."""
    with pytest.raises(ConfigError):
        Polymarket().check(ALICE, scope)


@pytest.mark.parametrize(
    ("scope", "market", "expected"),
    [
        (Scope(), MARKET, Belongs.IN),
        (Scope(market=MARKET), MARKET, Belongs.IN),
        (Scope(market=MARKET), MARKET.upper(), Belongs.IN),
        (Scope(market=MARKET.upper()), MARKET, Belongs.IN),
        (Scope(market=SHORT), LONG, Belongs.IN),
        (Scope(market=LONG), SHORT, Belongs.IN),
        (Scope(market=SHORT), SHORT.lower(), Belongs.IN),
        (Scope(market=MARKET), OTHER_MARKET, Belongs.OUT),
        (Scope(market=MARKET), "something", Belongs.OUT),
        (Scope(market=MARKET), None, Belongs.MARKET_UNKNOWN),
        (Scope(market=MARKET, asset=ASSET), MARKET, Belongs.IN),
        (Scope(market=MARKET, asset="5"), MARKET, Belongs.OUT),
        (Scope(market=MARKET, side=Side.SELL), MARKET, Belongs.OUT),
        (Scope(market=MARKET, where=lambda order: order.market == MARKET), MARKET, Belongs.IN),
    ],
)
def test_an_order_belongs_by_whatever_spelling_of_its_market(scope, market, expected):
    """Short and long, capitals or not: one condition; the other conditions hold as ever."""
    order = OpenOrder(order_id=ORDER_ID, market=market, asset=ASSET, side=Side.BUY)

    assert expected is Polymarket().belongs(scope, order)


# --- ids


@pytest.mark.parametrize("order_id", [ORDER_ID, ORDER_ID.upper(), "0x" + "0" * 64])
def test_an_order_id_of_the_venue_has_no_problem(order_id):
    """0x and 64 hex digits, in any capitals."""
    assert Polymarket().problem_of(order_id) is None


@pytest.mark.parametrize(
    "order_id", ["", "x", ORDER_ID[:-1], ORDER_ID + "0", ORDER_ID[2:], "0x" + "g" * 64, ORDER_ID + "\n", "0x" + "٣" * 64]
)
def test_a_malformed_id_is_kept_from_a_request_that_it_would_spoil(order_id):
    """One malformed id makes the venue refuse a whole batch, so it never gets into one."""
    assert "strict_ids" in Polymarket().problem_of(order_id)


@pytest.mark.parametrize(
    ("order_id", "is_good"),
    [
        ("order-1", True),
        ("0x" + "ab" * 20, True),
        ("заявка", True),
        ("", False),
        (" ", False),
        ("a\n", False),
        ("\ud800", False),
        ("it's", False),
    ],
)
def test_looser_ids_are_taken_if_asked_for(order_id, is_good):
    """Anything printable will do then, except what the official clients sign in different ways."""
    assert is_good is (Polymarket(strict_ids=False).problem_of(order_id) is None)


# --- mass cancels

WHERE = lambda _order: True  # noqa: E731  # one and the same for all cases


@pytest.mark.parametrize(
    ("scope", "kinds", "kinds_if_both"),
    [
        (Scope(), (Kind.CANCEL_ALL,), (Kind.CANCEL_ALL,)),
        (Scope(market=MARKET), (Kind.CANCEL_MARKET,), (Kind.CANCEL_MARKET,)),
        (Scope(asset=ASSET), (Kind.CANCEL_MARKET,), (Kind.CANCEL_MARKET,)),
        (Scope(market=MARKET, asset=ASSET), (), (Kind.CANCEL_MARKET,)),
        (Scope(side=Side.BUY), (), ()),
        (Scope(order_ids=[ORDER_ID]), (), ()),
        (Scope(order_ids=[]), (), ()),
        (Scope(except_ids=[ORDER_ID]), (), ()),
        (Scope(market=MARKET, except_ids=[ORDER_ID]), (), ()),
        (Scope(where=WHERE), (), ()),
        (Scope(market=MARKET, side=Side.BUY), (), ()),
        (Scope(asset=ASSET, where=WHERE), (), ()),
        (Scope(market=MARKET, asset=ASSET, order_ids=[ORDER_ID]), (), ()),
    ],
)
def test_a_mass_cancel_is_named_only_where_it_hits_exactly_the_scope(scope, kinds, kinds_if_both):
    """A condition that the venue cannot express rules every mass cancel out."""
    assert kinds == Polymarket().mass_cancels(scope)
    assert kinds_if_both == Polymarket(both_filters_intersect=True).mass_cancels(scope)


SCOPES = st.builds(
    Scope,
    market=st.none() | st.just(MARKET),
    asset=st.none() | st.just(ASSET),
    side=st.none() | st.just(Side.BUY),
    order_ids=st.none() | st.just([ORDER_ID]),
    where=st.none() | st.just(WHERE),
)


@given(SCOPES, st.sampled_from(Kind), st.booleans())
def test_no_mass_cancel_is_made_that_hits_more_than_the_scope(scope, kind, both):
    """Every other kind for a scope is a mistake, and never a request; what is made names every condition of the scope."""
    venue = Polymarket(both_filters_intersect=both)
    if kind not in venue.mass_cancels(scope):
        with pytest.raises(AssertionError):
            venue.mass_request(ALICE, scope, kind, wall_s=0.0)
        return
    request = venue.mass_request(ALICE, scope, kind, wall_s=0.0)

    assert (request.body is None) is (scope.market is None and scope.asset is None)
    assert (scope.market is None) is (MARKET.encode() not in (request.body or b""))
    assert (scope.asset is None) is (ASSET.encode() not in (request.body or b""))


# --- limits


@pytest.mark.parametrize(
    ("kind", "in_10_s", "in_600_s"),
    [
        (Kind.CANCEL_ONE, 5_000, 120_000),
        (Kind.CANCEL_MANY, 2_000, 15_000),
        (Kind.CANCEL_MARKET, 1_500, 21_000),
        (Kind.CANCEL_ALL, 250, 6_000),
        (Kind.LIST, 500, None),
        (Kind.READ, 900, None),
        (Kind.OTHER, 9_000, None),
    ],
)
def test_each_kind_of_request_has_the_published_windows(kind, in_10_s, in_600_s):
    """The least number that any window of a length allows, among those that count the kind."""
    windows = [each for each in PUBLISHED.per_venue if isinstance(each, Window) and (not each.kinds or kind in each.kinds)]

    assert in_10_s == min(each.requests for each in windows if each.per_s == 10.0)
    assert in_600_s == min((each.requests for each in windows if each.per_s == 600.0), default=None)


def test_listing_and_reading_together_stay_within_the_ledgers_window():
    """Both are counted by one window, and all requests by one more."""
    assert any(each.kinds == {Kind.LIST, Kind.READ} and each.requests == 900 for each in PUBLISHED.per_venue)
    assert any(not each.kinds and each.requests == 9_000 for each in PUBLISHED.per_venue)
    assert () == PUBLISHED.per_account


def test_the_tiers_are_the_published_ones():
    """Rates and bursts of cancels, and who cannot fall into debt."""
    expected = {
        "standard": (80, 120, False),
        "copper": (120, 180, False),
        "bronze": (160, 240, False),
        "silver": (400, 600, False),
        "gold": (800, 1_200, False),
        "platinum": (900, 1_350, True),
        "diamond": (1_050, 1_575, True),
        "elite": (1_200, 1_800, True),
    }

    assert expected == {name: (tier.per_s, tier.burst, tier.is_floored) for name, tier in TIERS.items()}
    assert "standard" == PUBLISHED.tokens.tier


def test_the_tier_is_read_against_the_limits_in_force():
    """A tier of one's own limits is known, and a published one that they lack is not."""
    venue = Polymarket(limits=Limits(tokens=Tokens(tiers={"lead": Tier(1, 1)}, tier="lead")))

    assert "lead" == venue.read_tier(HttpAnswer(status=200, body=b'{"tier":"Lead"}'))
    assert venue.read_tier(HttpAnswer(status=200, body=b'{"tier":"gold"}')) is None
