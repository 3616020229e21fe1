"""A simulated Polymarket, written from the venue's documentation and not from our codec."""

from engine.simulator.polymarket.catalogue import FAULTS
from engine.simulator.polymarket.keyring import PolymarketAccount
from engine.simulator.polymarket.rules import PolymarketRules
from engine.simulator.polymarket.simulator import PolymarketSimulator

__all__ = ["FAULTS", "PolymarketAccount", "PolymarketRules", "PolymarketSimulator"]
