"""Peers: what else takes orders off these books, how long it takes, and how much of what it says is true."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.books import opinion_id
from benchmarks.rows import Row
from benchmarks.simulated import simulated
from benchmarks.venue import running_venue
from engine import Account, CancelEngine
from engine.venues.opinion import Opinion, OpinionKey
from engine.venues.polymarket import Polymarket

ROOT = Path(__file__).parent.parent
PATIENCE_S = 180.0
"""How long one call of a peer may take."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody else's client.

    Attributes:
        name: As its package is called.
        environment: The folder of the environment that it lives in.
        venue: Which venue it is for.
        ways: What it is asked to do: each a word of `peer.py`, and how that is called in the table.
        is_serial: Whether it sends one request after another, so that fewer orders tell how long more would take.
    """

    name: str
    environment: str
    venue: str
    ways: tuple[tuple[str, str], ...]
    is_serial: bool = False

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return ROOT / self.environment / "bin" / "python"

    @property
    def version(self) -> str | None:
        """The version that is installed there, or None."""
        packages = [str(each) for each in (ROOT / self.environment).glob("lib/python*/site-packages")]
        found = [each.version for each in metadata.distributions(name=self.name, path=packages)] if packages else []
        return found[0] if found and self.python.exists() else None


PEERS = (
    Peer("opinion-clob-sdk", ".venv-vendor", "opinion", (("ids", "cancel_orders_batch"),), is_serial=True),
    Peer("ccxt", ".venv-peers", "opinion", (("ids", "cancel_order in 64 tasks"),)),
    Peer(
        "py-clob-client",
        ".venv-vendor-polymarket",
        "polymarket",
        (("ids", "cancel in 64 threads"), ("together", "cancel_orders")),
    ),
    Peer(
        "polymarket-client",
        ".venv-vendor-polymarket",
        "polymarket",
        (("ids", "cancel_order in 64 tasks"), ("together", "cancel_orders")),
    ),
)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it: seconds, what was reported as cancelled, and what is left open."""

    took_s: float
    told: int
    left: int


def measure(*, is_full: bool) -> Iterator[Row]:
    """Rows of `peers`."""
    rounds = 3 if is_full else 1
    for peer in PEERS:
        if peer.version is None:
            where = "`make peers`" if peer.environment == ".venv-peers" else "`make vendor`"
            note = f"not installed: {where} sets it up"
            yield Row(group="peers", name=peer.name, value=None, unit="x as long as the engine", note=note)
            continue
        for what, way in peer.ways:
            for orders in (200, 1_000):
                for latency_s in (0.05, 0.0):
                    yield _named(peer, what, way, orders, latency_s, rounds=1 if peer.is_serial else rounds, fewer=not is_full)
        for orders in (300, 2_050):
            yield _everything(peer, orders, 0.0)
        if peer.venue == "opinion":
            yield _everything(peer, 300, 0.1)


# --- orders that are named


def _named(peer: Peer, what: str, way: str, orders: int, latency_s: float, *, rounds: int, fewer: bool) -> Row:
    few = min(orders, 100) if peer.is_serial and fewer and latency_s else orders
    ours, theirs = [], []
    for _ in range(rounds):
        mine, other = _ours(peer.venue, orders, latency_s), _theirs(peer, what, few, latency_s)
        if isinstance(other, str):
            return Row(group="peers", name=_name(peer, way, orders, latency_s), value=None, unit=UNIT, note=other)
        ours.append(_true(mine, orders))
        theirs.append(Done(other.took_s * orders / few, other.told, other.left))
    ratios = [other.took_s / mine.took_s for mine, other in zip(ours, theirs, strict=True)]
    is_asked_most = peer.name == "opinion-clob-sdk" and orders == 1_000 and latency_s > 0
    left, told = theirs[-1].left, theirs[-1].told
    return Row(
        group="peers",
        name=_name(peer, way, orders, latency_s),
        value=median(ratios),
        unit=UNIT,
        spread=(min(ratios), max(ratios)) if rounds > 1 else None,
        repeats=rounds,
        least=50.0 if is_asked_most else 1.0,
        figures={
            "engine s": _median(ours),
            "peer s": _median(theirs),
            "left open by the peer": left,
            "reported cancelled by it": told,
            "version": str(peer.version),
        },
        note=f"the peer's time is that of {few} orders, times {orders // few}" if few != orders else "",
        is_head=orders == 1_000 and latency_s > 0,
    )


UNIT = "x as long as the engine"


def _name(peer: Peer, way: str, orders: int, latency_s: float) -> str:
    return f"{peer.name} ({way}), {orders:,} cancels, {latency_s * 1000:.0f} ms venue"


def _median(done: Sequence[Done]) -> float:
    return round(median(each.took_s for each in done), 4)


def _true(done: Done, orders: int) -> Done:
    if (done.told, done.left) != (orders, 0):
        raise SystemExit(f"the engine left {done.left} open and reported {done.told} of {orders}; the figures mean nothing")
    return done


def _ours(venue: str, orders: int, latency_s: float) -> Done:
    if venue == "opinion":
        ids = [opinion_id(0, number) for number in range(orders)]
        with running_venue("opinion", orders=orders, latency_s=latency_s) as served:
            account = Account("a0", OpinionKey("k0"))
            took_s, told = asyncio.run(_cancel(Opinion(served.base_url, limits=None), account, ids))
            return Done(took_s, told, int(served.count()["open"]))
    with simulated(venue, [orders], latency_s=latency_s, tells_ids=True) as scene:
        took_s, told = asyncio.run(_cancel(Polymarket(scene.base_url, limits=None), scene.accounts[0], scene.ids))
    return Done(took_s, told, scene.counted["open"])


async def _cancel(venue: Opinion | Polymarket, account: Account, ids: Sequence[str] | None) -> tuple[float, int]:
    """Seconds, and how many are reported as cancelled; everything where no ids are given. One read goes before, as for peers.

    Of a cancel of everything these are the seconds until the last order was known to be cancelled. The listing that proves the
    book empty comes after that, and no other client has one.
    """
    async with CancelEngine(venue) as engine:
        async with aclosing(engine.open_orders(account)) as listed:
            await anext(listed)
        began_s = time.perf_counter()
        if ids is not None:
            summary = await engine.cancel_orders(account, ids)
            return time.perf_counter() - began_s, summary.cancelled
        summary = await engine.cancel_all(account)
        return max(result.settled_s or 0.0 for result in summary.results), summary.cancelled


def _theirs(peer: Peer, what: str, orders: int, latency_s: float) -> Done | str:
    if peer.venue == "opinion":
        ids = [opinion_id(0, number) for number in range(orders)]
        with running_venue("opinion", orders=orders, latency_s=latency_s) as served:
            said = _asked(peer, {"what": what, "base_url": served.base_url, "key": ["k0"], "ids": ids})
            return said if isinstance(said, str) else Done(*said, int(served.count()["open"]))
    with simulated(peer.venue, [orders], latency_s=latency_s, tells_ids=True) as scene:
        said = _asked(peer, {"what": what, "base_url": scene.base_url, "key": scene.keys[0], "ids": scene.ids})
    return said if isinstance(said, str) else Done(*said, scene.counted["open"])


def _asked(peer: Peer, call: dict[str, Any]) -> tuple[float, int] | str:
    """Seconds, and how many it reports; or why there is no answer."""
    command = [str(peer.python), "-I", str(Path(__file__).with_name("peer.py"))]
    try:
        ran = subprocess.run(  # noqa: S603  # the interpreter that the Makefile has set up
            command,
            input=json.dumps(call | {"peer": peer.name}),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"NO_PROXY": "*"},
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"not done within {PATIENCE_S:.0f} s"
    lines = ran.stdout.splitlines()
    said: dict[str, Any] = json.loads(lines[-1]) if lines else {"error": "no answer"}
    return str(said["error"]) if "error" in said else (said["took_s"], said["told"])


# --- everything


def _everything(peer: Peer, orders: int, refused_share: float) -> Row:
    """A cancel-all: seconds, and what the book says afterwards."""
    with simulated(peer.venue, [orders], refused_share=refused_share) as scene:
        venue = Opinion(scene.base_url, limits=None) if peer.venue == "opinion" else Polymarket(scene.base_url, limits=None)
        took_s, told = asyncio.run(_cancel(venue, scene.accounts[0], None))
    mine = _true(Done(took_s, told, scene.counted["open"]), orders)
    with simulated(peer.venue, [orders], refused_share=refused_share) as scene:
        said = _asked(peer, {"what": "all", "base_url": scene.base_url, "key": scene.keys[0], "ids": []})
    condition = ", one cancel in ten refused" if refused_share else ""
    name = f"{peer.name}, cancel-all of {orders:,} open orders{condition}, to the last cancel"
    if isinstance(said, str):
        return Row(group="peers", name=name, value=None, unit=UNIT, note=said)
    other = Done(*said, scene.counted["open"])
    really = orders - other.left
    words = [f"it leaves {other.left} open"] if other.left else []
    words += [f"it calls {other.told} cancelled where {really} are"] if other.told != really else []
    return Row(
        group="peers",
        name=name,
        value=other.took_s / mine.took_s,
        unit=UNIT,
        least=None if words else 1.0,
        figures={
            "engine s": round(mine.took_s, 3),
            "engine left open": mine.left,
            "peer s": round(other.took_s, 3),
            "left open by the peer": other.left,
            "reported cancelled by it": other.told,
            "version": str(peer.version),
        },
        note="; ".join(words),
        is_head=orders == 2_050,
    )
