"""How close to the venue's limit, and how far ahead of one request after another: ratios within one run, over loopback.

Prints one line for each measurement. The load is bounded: some hundred requests against a simulator in the same process.
"""

from __future__ import annotations

import asyncio
import time

from engine import Account, CancelEngine
from engine.simulator import OpinionRules, OpinionSimulator, serve
from engine.venues.opinion import PUBLISHED, Opinion, OpinionKey

ORDERS = 120
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


if __name__ == "__main__":
    asyncio.run(main())
