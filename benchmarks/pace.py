"""How close to the venue's limit, and how far ahead of one request after another: ratios within one run, over loopback.

Prints one line for each measurement. The load is bounded: some hundred requests against a simulator in the same process.
"""

from __future__ import annotations

import asyncio
import time

from engine import Account, CancelEngine
from engine.simulator import OpinionRules, OpinionSimulator, PolymarketRules, PolymarketSimulator, serve
from engine.venues.opinion import PUBLISHED, Opinion, OpinionKey
from engine.venues.polymarket import TIERS, Polymarket, PolymarketKey

ORDERS = 120
KNOWN_IDS = 600
LATENCY_S = 0.05


async def cancel_all_s(*, quota: int | None, in_flight: int) -> tuple[float, int]:
    """Seconds that a cancel-all takes over HTTP, and the requests it needed."""
    simulator = OpinionSimulator(seed=1, rules=OpinionRules(latency_s=LATENCY_S, quota=quota))
    account = Account("alice", OpinionKey(simulator.add_account("alice", orders=ORDERS).api_key))
    limits = None if quota is None else PUBLISHED
    async with serve(simulator) as server, CancelEngine(Opinion(server.base_url, limits=limits), in_flight=in_flight) as engine:
        began_s = time.perf_counter()
        summary = await engine.cancel_all(account)
        took_s = time.perf_counter() - began_s
    if not summary.verified or simulator.ledger.open_ids():
        raise SystemExit("the run did not end verified; the figures mean nothing")
    return took_s, summary.requests


async def cancel_known_s(*, most_ids: int, orders: int) -> tuple[float, int]:
    """Seconds that cancelling so many known ids takes over HTTP at the lowest tier, and the requests refused for tokens."""
    simulator = PolymarketSimulator(seed=1, rules=PolymarketRules(latency_s=LATENCY_S, epoch_s=time.time()))
    known = simulator.add_account("bob", orders=orders)
    account = Account("bob", PolymarketKey(known.address, known.api_key, known.secret, known.passphrase))
    async with serve(simulator) as server, CancelEngine(Polymarket(server.base_url, most_ids=most_ids)) as engine:
        began_s = time.perf_counter()
        summary = await engine.cancel_orders(account, sorted(simulator.ledger.open_ids("bob")))
        took_s = time.perf_counter() - began_s
    if summary.cancelled != orders:
        raise SystemExit("not every order was cancelled; the figures mean nothing")
    return took_s, simulator.ledger.refused_for_pace()


async def main() -> None:
    """Measure and print."""
    paced_s, _ = await cancel_all_s(quota=15, in_flight=64)
    least_requests = ORDERS + -(-ORDERS // 20) + 1
    least_s = PUBLISHED.least_time_s(least_requests) + 2 * LATENCY_S
    print(
        f"pace: {least_s / paced_s:.3f} of the limit "
        f"({ORDERS} orders at 15 requests a second: least {least_s:.2f} s, taken {paced_s:.2f} s)"
    )
    together_s, _ = await cancel_all_s(quota=None, in_flight=64)
    alone_s, _ = await cancel_all_s(quota=None, in_flight=1)
    print(
        f"fan-out: {alone_s / together_s:.1f} times as fast as one request after another "
        f"({ORDERS} orders, {LATENCY_S * 1000:.0f} ms)"
    )
    tier = TIERS["standard"]
    least_s = (KNOWN_IDS - tier.burst) / tier.per_s + LATENCY_S
    took_s, refused = await cancel_known_s(most_ids=1000, orders=KNOWN_IDS)
    print(
        f"tokens: {least_s / took_s:.3f} of the limit ({KNOWN_IDS} known ids at {tier.per_s:g} tokens a second: "
        f"least {least_s:.2f} s, taken {took_s:.2f} s, {refused} requests refused)"
    )


if __name__ == "__main__":
    asyncio.run(main())
