"""Tokens as the venue counts them, for each signer: refilled evenly, spent all or nothing, overdrawn by later charges."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.simulator.polymarket.rules import TierRule

ROUNDING = 1e-6


@dataclass(slots=True)
class SignerPurse:
    """One signer's cancel tokens; full at first."""

    tier: TierRule
    tokens: float = math.inf
    seen_s: float = 0.0

    def balance(self, now_s: float) -> float:
        """Tokens at this moment."""
        self.tokens = min(float(self.tier.burst), self.tokens + max(0.0, now_s - self.seen_s) * self.tier.per_s)
        self.seen_s = max(self.seen_s, now_s)
        return self.tokens

    def admits(self, cost: int, now_s: float, *, is_enforced: bool) -> bool:
        """Take the tokens if they are there; what is refused takes none. Where nothing is enforced, nothing is refused."""
        if self.balance(now_s) + ROUNDING < cost:
            if not is_enforced:
                self.tokens = max(0.0, self.tokens - cost)
            return False
        self.tokens -= cost
        return True

    def charge(self, orders: int, now_s: float) -> None:
        """Charge for what a mass cancel has cancelled."""
        self.tokens = self.balance(now_s) - orders
        if self.tier.is_floored:
            self.tokens = max(0.0, self.tokens)

    def wait_s(self, cost: int, now_s: float) -> float:
        """Seconds until so many tokens are there; for more than it can hold, until it is full."""
        return max(0.0, min(cost, self.tier.burst) - self.balance(now_s)) / self.tier.per_s
