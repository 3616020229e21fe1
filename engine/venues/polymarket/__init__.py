"""The venue Polymarket (polymarket.com): its central limit order book, with a signer's own API key."""

from engine.venues.polymarket.limits import PUBLISHED, TIERS, UNLIMITED
from engine.venues.polymarket.signing import PolymarketKey
from engine.venues.polymarket.venue import Polymarket

__all__ = ["PUBLISHED", "TIERS", "UNLIMITED", "Polymarket", "PolymarketKey"]
