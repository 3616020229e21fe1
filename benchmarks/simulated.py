"""A simulated venue with its ledger, in a process of its own: for what has limits, or where the truth is asked for afterwards.

    python -m benchmarks.simulated SPEC

`SPEC` is JSON. It prints its address and the keys, serves until standard input ends, and then prints what its ledger says.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.venue import LONGEST_S, PATIENCE_S
from engine import Account
from engine.simulator import FaultPlan, FaultRule, OpinionRules, OpinionSimulator, PolymarketRules, PolymarketSimulator, serve
from engine.simulator.opinion import FAULTS
from engine.venues.opinion import OpinionKey
from engine.venues.polymarket import PolymarketKey

WALLET = "0x" + "11" * 32
"""A private key that everybody knows: one of the clients insists on having one."""


async def run(spec: dict[str, Any]) -> None:
    """Serve what the spec says, and print."""
    keys: list[list[str]] = []
    simulator: OpinionSimulator | PolymarketSimulator
    if spec["venue"] == "opinion":
        share = spec["refused_share"]
        faults = FaultPlan((FaultRule(FAULTS["refused_10014"], routes={"cancel"}, share=share),) if share else (), seed=1)
        rules = OpinionRules(latency_s=spec["latency_s"], quota=spec["quota"])
        simulator = OpinionSimulator(seed=1, rules=rules, faults=faults)
        for number, orders in enumerate(spec["sizes"]):
            keys.append([simulator.add_account(f"a{number}", orders=orders).api_key])
    else:
        with_limits = spec["quota"] is not None
        buckets = {"buckets": "enforced" if with_limits else "off", "tier": spec["tier"], "delays": with_limits}
        simulator = PolymarketSimulator(
            seed=1, rules=PolymarketRules(latency_s=spec["latency_s"], epoch_s=time.time(), **buckets)
        )
        for number, orders in enumerate(spec["sizes"]):
            known = simulator.add_account(f"a{number}", orders=orders, private_key=None if number else WALLET)
            keys.append([known.address, known.api_key, known.secret, known.passphrase])
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    async with serve(simulator) as server:
        ids = sorted(simulator.ledger.open_ids()) if spec["tells_ids"] else []
        print(json.dumps({"base_url": server.base_url, "keys": keys, "ids": ids}), flush=True)
        loop.add_reader(sys.stdin.fileno(), ended.set)
        loop.call_later(LONGEST_S, ended.set)
        await ended.wait()
    ledger = simulator.ledger
    counted = {"requests": len(ledger.requests), "most": ledger.most_in_window(None, 1.0), "refused": ledger.refused_for_pace()}
    print(json.dumps(counted | {"open": len(ledger.open_ids()), "connections": len(ledger.connections())}))


@dataclass(slots=True)
class Simulated:
    """A venue that is being served.

    Attributes:
        counted: What its ledger says; empty until the block has ended.
    """

    venue: str
    base_url: str
    keys: list[list[str]]
    ids: list[str]
    counted: dict[str, int] = field(default_factory=dict)

    @property
    def accounts(self) -> list[Account]:
        """The accounts with their keys."""
        kind = OpinionKey if self.venue == "opinion" else PolymarketKey
        return [Account(f"a{number}", kind(*key)) for number, key in enumerate(self.keys)]


@contextmanager
def simulated(
    venue: str,
    sizes: list[int],
    *,
    latency_s: float = 0.0,
    quota: int | None = None,
    tier: str = "standard",
    refused_share: float = 0.0,
    tells_ids: bool = False,
) -> Iterator[Simulated]:
    """Serve accounts of these sizes while the block runs; afterwards `counted` holds the truth.

    Args:
        venue: Its name.
        sizes: Open orders of each account.
        latency_s: The venue's own time for each request.
        quota: Opinion's requests a second for each key; at Polymarket anything but None has its limits enforced.
        tier: Polymarket's, for every account.
        refused_share: The share of cancels that Opinion refuses, each time anew; nothing is done for them.
        tells_ids: Whether `ids` holds what is open.
    """
    spec = {"venue": venue, "sizes": sizes, "latency_s": latency_s, "quota": quota, "tier": tier}
    spec |= {"refused_share": refused_share, "tells_ids": tells_ids}
    command = [sys.executable, "-m", "benchmarks.simulated", json.dumps(spec)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # our own
        if process.stdin is None or process.stdout is None:
            raise SystemExit("no pipes")
        try:
            told = json.loads(process.stdout.readline())
            scene = Simulated(venue, told["base_url"], told["keys"], told["ids"])
            yield scene
            process.stdin.close()
            scene.counted.update(json.loads(process.stdout.read()))
        finally:
            process.stdin.close()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()


if __name__ == "__main__":
    asyncio.run(run(json.loads(sys.argv[1])))
