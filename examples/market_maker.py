"""A market maker that pulls its quotes on SIGTERM and when the price jumps, at a simulated venue, so that it runs as it stands.

What is yours to replace: `Market`, with your prices and your way of placing orders. What stays is the order of things: stop
placing first, pull, look at what the pull came to, and quote again only if nothing may still be live.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from contextlib import suppress
from decimal import Decimal

from engine import Account, CancelEngine, Scope, Side
from engine.simulator import OpinionSimulator, serve
from engine.venues.opinion import Opinion, OpinionKey

MARKET, TICK_S, LONGEST_PULL_S = 123, 0.1, 10.0
JUMP = Decimal("0.05")


class Market:
    """Prices, and a way to place quotes: here by dice, and straight into the simulator's book."""

    def __init__(self, venue: OpinionSimulator) -> None:
        self.price = Decimal("0.5")
        self._venue = venue
        self._dice = random.Random(7)  # noqa: S311  # prices, not keys

    def move(self) -> Decimal:
        """The next price: a little beside the last one, or, one time in 16, far off."""
        step = Decimal(self._dice.choice(["0.001", "0", "-0.001"] * 5 + ["0.06"]))
        self.price += -step if self.price > Decimal("0.55") else step
        return self.price

    def quote(self) -> Decimal:
        """Place three quotes on each side of the price; gives that."""
        for away in (Decimal("0.01"), Decimal("0.02"), Decimal("0.03")):
            self._venue.add_order("maker", market=MARKET, side=Side.BUY, price=self.price - away)
            self._venue.add_order("maker", market=MARKET, side=Side.SELL, price=self.price + away)
        return self.price


async def pull(engine: CancelEngine, maker: Account, why: str) -> bool:
    """Take every quote of the market off the book; says whether none may be live. A pull that has begun is never broken off."""
    summary = await engine.cancel_all(maker, Scope(market=MARKET), deadline_s=LONGEST_PULL_S, reason=why)
    print(f"{why}: {summary.cancelled} cancelled, {summary.at_risk} at risk in {summary.elapsed_s:.2f} s", flush=True)
    return summary.at_risk == 0 and summary.verified is True


async def trade(engine: CancelEngine, maker: Account, market: Market) -> bool:
    """Quote until SIGTERM comes; says whether the book is known to be empty at the end."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    quoted_at = market.quote()
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), TICK_S)
        if abs(market.move() - quoted_at) >= JUMP and not stop.is_set():
            if not await pull(engine, maker, "price jump"):
                break  # somebody has to look before anything is quoted again
            quoted_at = market.quote()
    return await pull(engine, maker, "shutdown")


async def main() -> int:
    """Serve a venue, and make a market there."""
    venue = OpinionSimulator()
    maker = Account("maker", OpinionKey(venue.add_account("maker").api_key))
    async with serve(venue) as server, CancelEngine(Opinion(server.base_url)) as engine:
        is_empty = await trade(engine, maker, Market(venue))
    print(f"the venue's own book has {len(venue.ledger.open_ids())} open orders")
    return 0 if is_empty else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
