"""Draws terminal-80.svg and terminal-200.svg: the live view in the middle of two runs, played in memory and in simulated time.

    python docs/images/draw_terminal.py

The runs are the same each time, and so are the pictures; they ask no network for anything, fonts included.
"""

from __future__ import annotations

import asyncio
import io
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
from rich.console import Console
from rich.text import Text

from engine import Account, CancelEngine, Progress
from engine.cli.live import Moment, Watch, draw
from engine.simulator import (
    FaultPlan,
    FaultRule,
    OpinionRules,
    OpinionSimulator,
    PolymarketRules,
    PolymarketSimulator,
    SimulatedVenue,
    Switchboard,
    VirtualClockLoop,
)
from engine.simulator.opinion import FAULTS
from engine.simulator.polymarket import FAULTS as POLYMARKET_FAULTS
from engine.venues.opinion import Opinion, OpinionKey
from engine.venues.polymarket import Polymarket, PolymarketKey

HERE = Path(__file__).parent
URLS = "http://127.0.0.1:9", "http://127.0.0.1:10"
FONT_FACES = re.compile(r"@font-face\s*{[^}]*}")
FONT = "Fira Code, DejaVu Sans Mono, Menlo, Consolas, monospace"


@dataclass(frozen=True)
class Picture:
    """What one picture shows.

    Attributes:
        columns: Width of its terminal.
        rows: Height of its terminal.
        opinion: Names and orders of the accounts at Opinion.
        polymarket: The same at Polymarket.
        refused: Accounts whose key is refused.
        at_s: Second of the run that is shown.
    """

    columns: int
    rows: int
    opinion: dict[str, int]
    polymarket: dict[str, int]
    refused: Sequence[str]
    at_s: float


PICTURES = (
    Picture(
        columns=80,
        rows=24,
        opinion={"alice": 120, "bob": 45, "carol": 15, "dave": 15},
        polymarket={"erin": 300, "frank": 200, "grace": 60, "heidi": 40},
        refused=("dave",),
        at_s=1.6,
    ),
    Picture(
        columns=200,
        rows=50,
        opinion={f"desk-{number:02}": 80 for number in range(1, 21)},
        polymarket={f"vault-{number:02}": 450 for number in range(1, 13)},
        refused=tuple(f"desk-{number:02}" for number in (3, 7, 11, 12, 18)),
        at_s=4.4,
    ),
)


def _account(venue: SimulatedVenue, name: str, orders: int) -> Account:
    known = venue.add_account(name, orders=orders)
    if isinstance(venue, PolymarketSimulator):
        key = PolymarketKey(known.address, known.api_key, known.secret, known.passphrase)
        return Account(name, key, "polymarket")
    return Account(name, OpinionKey(known.api_key), "opinion")


async def _play(picture: Picture) -> Moment:
    """The run, up to the moment that is shown."""
    refused = FaultRule(FAULTS["http_401"], accounts=picture.refused, from_request=4)
    lost = FaultRule(FAULTS["drop_after"], routes={"cancel"}, share=0.05)
    ours = OpinionSimulator(seed=4, rules=OpinionRules(latency_s=0.04), faults=FaultPlan((refused, lost), seed=4))
    silent = FaultRule(POLYMARKET_FAULTS["restart_425"], accounts=("grace", "vault-07"), times=2)
    theirs = PolymarketSimulator(seed=4, rules=PolymarketRules(latency_s=0.09), faults=FaultPlan((silent,), seed=4))
    accounts = [_account(ours, name, orders) for name, orders in picture.opinion.items()]
    accounts += [_account(theirs, name, orders) for name, orders in picture.polymarket.items()]
    progress, moments = Progress(), list[Moment]()
    watch = Watch(progress)
    engine = CancelEngine(
        Opinion(URLS[0]),
        Polymarket(URLS[1]),
        transport=Switchboard(dict(zip(URLS, (ours, theirs), strict=True))),
        dice=random.Random(4),  # noqa: S311  # spreads waits; guards nothing
        wall_clock=lambda: theirs.rules.epoch_s + anyio.current_time(),
    )

    async def look_on() -> None:
        while anyio.current_time() < picture.at_s:
            moments.append(watch.look())
            await anyio.sleep(0.2)
        progress.stop()

    async with engine, anyio.create_task_group() as tasks:
        tasks.start_soon(look_on)
        await engine.mass_cancel(accounts, lists_first=True, progress=progress)
    return moments[-1]


def _drawn(picture: Picture) -> str:
    """The picture as SVG."""
    loop = VirtualClockLoop(most_turns=1_000_000)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        moment = runner.run(_play(picture))
    console = Console(
        record=True, file=io.StringIO(), width=picture.columns, height=picture.rows, force_terminal=True, color_system="truecolor"
    )
    console.print(Text("$ cancel-engine cancel-all --accounts accounts.toml --deadline 60 --yes", style="dim"))
    console.print(draw(moment, console.size))
    svg = console.export_svg(title=f"{picture.columns} columns")
    return re.sub(r"font-family: Fira Code[^;]*;", f"font-family: {FONT};", FONT_FACES.sub("", svg))


def main() -> None:
    """Draw both."""
    for picture in PICTURES:
        (HERE / f"terminal-{picture.columns}.svg").write_text(_drawn(picture), "utf-8")


if __name__ == "__main__":
    main()
