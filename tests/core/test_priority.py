"""Which orders go first."""

from decimal import Decimal

from engine import OpenOrder, largest, oldest


def test_ranks_put_the_largest_and_the_oldest_first():
    """What a venue does not say of an order puts it last, not first."""
    old = OpenOrder(order_id="old", price=Decimal("0.5"), size=Decimal(10), created_at_ms=1_000)
    large = OpenOrder(order_id="large", price=Decimal("0.5"), size=Decimal(30), created_at_ms=2_000)
    bare = OpenOrder(order_id="bare")
    assert max(old, large, key=largest) is large
    assert max(old, large, key=oldest) is old
    assert (largest(bare), oldest(bare)) == (None, None)
