"""Pace: how close to the least time that the quota leaves, at both venues, for one account and for many that share a limit."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence

from benchmarks.clients import Watch
from benchmarks.rows import Row
from benchmarks.simulated import Simulated, simulated
from engine import Account, CancelEngine, Limits, RunReport, Window
from engine.venues.opinion import PUBLISHED, Opinion
from engine.venues.polymarket import TIERS, Polymarket

LATENCY_S = 0.03
ROWS = 20
UNIT = "of the least time there is, over the time taken"


def fairness(counts: Sequence[int]) -> float:
    """Jain's index: 1.0 where all have the same."""
    return sum(counts) ** 2 / (len(counts) * sum(count * count for count in counts))


def paged_requests(orders: int) -> int:
    """Requests of a cancel-all at Opinion: the cancels, each page of them once, and the listing that proves it empty."""
    return orders + -(-orders // ROWS) + 1


def measure(*, is_full: bool) -> Iterator[Row]:
    """Rows of `pace`."""
    for orders in (60, 120, 300) if is_full else (60, 120):
        yield _own_limit([orders])
    yield _own_limit([60] * (20 if is_full else 5))
    yield _known_ids(600, "standard")
    if is_full:
        yield _known_ids(4_000, "gold")
    yield from _shared_limit(*((1_000, 50, 300) if is_full else (40, 20, 100)))
    yield _beside_a_large_one(*((500, 300) if is_full else (20, 100)))


def _run(scene: Simulated, act: Callable[[], Awaitable[RunReport]]) -> tuple[RunReport, float]:
    async def timed() -> tuple[RunReport, float]:
        watch = Watch()
        report = await act()
        return report, watch.taken(1).wall_s

    report, took_s = asyncio.run(timed())
    if not report.is_clean:
        raise SystemExit(f"a run at {scene.venue} did not end clean; the figures mean nothing")
    return report, took_s


def _require_empty(scene: Simulated) -> None:
    if scene.counted["open"]:
        raise SystemExit(f"{scene.counted['open']} orders are left open; the figures mean nothing")


def _mass(scene: Simulated, limits: Limits) -> Callable[[], Awaitable[RunReport]]:
    async def act() -> RunReport:
        async with CancelEngine(Opinion(scene.base_url, limits=limits)) as engine:
            return await engine.mass_cancel(scene.accounts)

    return act


def _own_limit(sizes: list[int]) -> Row:
    """Accounts that each have their own limit and nothing to share: all of them take as long as the largest."""
    with simulated("opinion", sizes, latency_s=LATENCY_S, quota=15) as scene:
        _, took_s = _run(scene, _mass(scene, PUBLISHED))
    _require_empty(scene)
    requests = paged_requests(max(sizes))
    least_s = PUBLISHED.least_time_s(requests) + 3 * LATENCY_S  # the first page, the last cancel, the proof after it
    who = "one account" if len(sizes) == 1 else f"{len(sizes)} accounts side by side, each"
    return Row(
        group="pace",
        name=f"Opinion, {who} with {max(sizes)} orders at 15 requests a second",
        value=least_s / took_s,
        unit=UNIT,
        least=0.98,
        figures=_figures(least_s, took_s, scene),
        is_head=sizes == [120],
    )


def _figures(least_s: float, took_s: float, scene: Simulated) -> dict[str, float | int | str]:
    return {
        "least s": round(least_s, 3),
        "taken s": round(took_s, 3),
        "requests": scene.counted["requests"],
        "refused for their pace": scene.counted["refused"],
    }


def _known_ids(orders: int, tier: str) -> Row:
    """Ids that are known, as fast as the signer's tokens come back."""
    known = TIERS[tier]
    with simulated("polymarket", [orders], latency_s=LATENCY_S, quota=1, tier=tier, tells_ids=True) as scene:

        async def act() -> RunReport:
            (account,) = scene.accounts
            async with CancelEngine(Polymarket(scene.base_url, tier=tier)) as engine:
                return _as_report(account, await engine.cancel_orders(account, scene.ids))

        _, took_s = _run(scene, act)
    _require_empty(scene)
    least_s = (orders - known.burst) / known.per_s + LATENCY_S
    return Row(
        group="pace",
        name=f"Polymarket, one account, {orders:,} known ids at {known.per_s:g} cancels a second",
        value=least_s / took_s,
        unit=UNIT,
        least=0.98,
        figures=_figures(least_s, took_s, scene),
        is_head=tier == "standard",
    )


def _as_report(account: Account, summary: object) -> RunReport:
    return RunReport(run_id="", accounts={account.name: summary})  # type: ignore[dict-item]


def _shared_limit(accounts: int, orders: int, per_s: int) -> Iterator[Row]:
    """Equal accounts under a limit that they all share."""
    with simulated("opinion", [orders] * accounts, latency_s=LATENCY_S, quota=15) as scene:
        report, took_s = _run(scene, _mass(scene, _shared(per_s)))
    _require_empty(scene)
    least_s = (scene.counted["requests"] - 1) // per_s + LATENCY_S
    name = f"Opinion, {accounts:,} accounts of {orders} orders share {per_s} requests a second"
    yield Row(
        group="pace",
        name=name,
        value=least_s / took_s,
        unit=UNIT,
        least=0.98,
        figures=_figures(least_s, took_s, scene) | {"in the fullest second": scene.counted["most"]},
        is_head=True,
    )
    half_s = (report.last_settled_s or 0.0) / 2
    counts = Counter(result.account for result in report.results if (result.settled_s or 0.0) <= half_s)
    value = fairness([counts[each] for each in report.accounts])
    yield Row(group="pace", name=f"{name}: fairness at half time", value=value, unit="Jain's index", least=0.98)


def _shared(per_s: int) -> Limits:
    return Limits(per_account=(Window(15, 1.0),), per_venue=(Window(per_s, 1.0),))


def _beside_a_large_one(few: int, per_s: int) -> Row:
    """Small accounts, once beside one of their own size and once beside a large one."""
    took_s: dict[str, float] = {}
    large = min(10 * few, 1_500)  # more would only wait longer for its own limit, and for nobody else
    for name, first in (("alone", 10), ("beside", large)):
        with simulated("opinion", [first, *[10] * few], latency_s=LATENCY_S, quota=15) as scene:
            report, _ = _run(scene, _mass(scene, _shared(per_s)))
        _require_empty(scene)
        took_s[name] = max(summary.elapsed_s for name, summary in report.accounts.items() if name != "a0")
    return Row(
        group="pace",
        name=f"Opinion, {few} accounts of 10 orders beside one of {large:,}",
        value=took_s["beside"] / took_s["alone"],
        unit="x as long as beside one of their own size",
        most=1.1,
        figures={name: round(value, 2) for name, value in took_s.items()},
    )
