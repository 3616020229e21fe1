"""Bad input is refused before anything is sent, and a scope means what it says."""

from decimal import Decimal

import pytest

from engine import Account, Belongs, ConfigError, OpenOrder, Scope, Side
from engine.core.request import checked_ids, checked_seconds
from engine.errors import shown

BUY = OpenOrder(
    order_id="b", side=Side.BUY, market="7", group="3", asset="yes", price=Decimal("0.5"), size=Decimal(10), filled=Decimal(4)
)
UNCLEAR = OpenOrder(order_id="u")


@pytest.mark.parametrize(
    "order_ids",
    ["abc", b"abc", 5, None, [1], [""], ["  "], ["a", None], ["a b"], ["a\n"], ["x" * 257], ["\ud800"]],
    ids=repr,
)
def test_bad_ids_are_refused(order_ids):
    """A text instead of a list, a wrong type, a blank or a control character is a ConfigError."""
    with pytest.raises(ConfigError):
        checked_ids(order_ids)


@pytest.mark.parametrize("order_ids", [["a", "b"], ("a", "b"), iter(["a", "b"]), (each for each in "ab"), {"a": 1, "b": 2}])
def test_lists_tuples_and_iterators_are_accepted(order_ids):
    """Any iterable of ids will do, and their order is kept."""
    assert ("a", "b") == checked_ids(order_ids)


@pytest.mark.parametrize(
    ("scope", "order", "expected"),
    [
        (Scope(), BUY, Belongs.IN),
        (Scope(), UNCLEAR, Belongs.IN),
        (Scope(side=Side.BUY), BUY, Belongs.IN),
        (Scope(side=Side.SELL), BUY, Belongs.OUT),
        (Scope(side=Side.BUY), UNCLEAR, Belongs.SIDE_UNKNOWN),
        (Scope(market=7), BUY, Belongs.IN),
        (Scope(market="8"), BUY, Belongs.OUT),
        (Scope(market=3), BUY, Belongs.OUT),
        (Scope(market=7), UNCLEAR, Belongs.MARKET_UNKNOWN),
        (Scope(asset="YES"), BUY, Belongs.IN),
        (Scope(asset="no"), BUY, Belongs.OUT),
        (Scope(asset="no"), UNCLEAR, Belongs.ASSET_UNKNOWN),
        (Scope(order_ids=["b"]), BUY, Belongs.IN),
        (Scope(order_ids=["x"]), BUY, Belongs.OUT),
        (Scope(where=lambda order: order.notional == 3), BUY, Belongs.IN),
        (Scope(where=lambda order: order.notional > 3), UNCLEAR, Belongs.UNDECIDED),
        (Scope(side=Side.BUY, where=lambda _: False), BUY, Belongs.OUT),
        (Scope(side=Side.BUY, market=8), BUY, Belongs.OUT),
    ],
)
def test_scope(scope, order, expected):
    """All given conditions must hold, and what is not established is neither in nor out."""
    assert expected is scope.belongs(order)


def test_buy_is_not_falsy():
    """A filter for BUY is a filter."""
    assert Side.BUY
    assert Belongs.OUT is Scope(side=Side.BUY).belongs(OpenOrder(order_id="s", side=Side.SELL))


def test_a_group_names_its_markets_only_if_so_chosen():
    """An order belongs to the market of its group only where the group's id counts as a name."""
    assert Belongs.IN is Scope(market=3).belongs(BUY, markets=(BUY.market, BUY.group))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Scope(side="up"),
        lambda: Scope(side=0),
        lambda: Scope(market=""),
        lambda: Scope(market=True),
        lambda: Scope(market=1.5),
        lambda: Scope(asset=" "),
        lambda: Scope(market=10**5_000),
        lambda: Scope(asset=-(10**5_000)),
        lambda: Scope(market="9" * 257),
        lambda: Scope(side=10**5_000),
        lambda: Scope(market=[10**5_000]),
        lambda: Scope(order_ids="abc"),
        lambda: Scope(order_ids=[""]),
        lambda: Scope(where="x"),
        lambda: Account("", None),
        lambda: Account(5, None),
        lambda: Account(10**5_000, None),
    ],
)
def test_bad_scopes_and_accounts_are_refused(make):
    """A condition of the wrong type or a blank name is a ConfigError of a line, whatever it is."""
    with pytest.raises(ConfigError) as caught:
        make()

    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "weight", [0, -1, float("nan"), float("inf"), 10**400, 10**5_000, True, "2", None], ids=lambda weight: shown(weight)[:6]
)
def test_bad_weights_are_refused(weight):
    """A weight must be a positive number that can be reckoned with."""
    with pytest.raises(ConfigError):
        Account("a", None, weight=weight)


def test_a_side_may_be_a_word():
    """`side="buy"` is the same as `Side.BUY`."""
    assert Side.BUY is Scope(side="BUY").side


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 10**400, 10**5_000, True, "5"], ids=shown)
def test_bad_seconds_are_refused(seconds):
    """A bound must be a positive, finite number."""
    with pytest.raises(ConfigError):
        checked_seconds("deadline_s", seconds)


def test_notional_counts_what_still_rests():
    """Notional is price times the shares not yet filled, and unknown where either is."""
    assert Decimal(3) == BUY.notional
    assert UNCLEAR.notional is None


def test_credentials_are_not_in_the_repr():
    """An account can be printed."""
    assert "hunter2" not in repr(Account("alice", "hunter2"))


def test_an_excluded_order_stays_whatever_else_holds():
    """An id that is excepted is out, also where it is asked for by id; that is clear, and has its own reason."""
    scope = Scope(order_ids=["a", "b"], except_ids=["a"])

    assert [Belongs.EXCLUDED, Belongs.IN, Belongs.OUT] == [scope.belongs(OpenOrder(order_id=order_id)) for order_id in "abc"]
    assert Belongs.EXCLUDED.is_clear
    assert [Belongs.IN, Belongs.OUT, Belongs.EXCLUDED] == [reason for reason in Belongs if reason.is_clear]


@pytest.mark.parametrize("except_ids", ["abc", [7], [""], ["a b"]])
def test_an_exception_that_is_no_list_of_ids_is_refused(except_ids):
    """What could not be an id cannot be left out either."""
    with pytest.raises(ConfigError, match="order id"):
        Scope(except_ids=except_ids)
