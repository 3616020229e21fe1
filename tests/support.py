"""What many tests share: simulated venues, engines in front of them, and the judge."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from rich.traceback import Frame, Traceback

from engine import Account, CancelEngine, Limits, Secret
from engine.drill.scene import AccountScene, CallScene, EventScene, FaultScene, Scene, VenueScene
from engine.drill.staging import Evidence, play
from engine.simulator import (
    FaultPlan,
    FaultRule,
    MemoryTransport,
    OpinionRules,
    OpinionSimulator,
    SimulatedVenue,
    Switchboard,
    VirtualClockLoop,
    lies,
)
from engine.simulator.polymarket import PolymarketRules, PolymarketSimulator
from engine.venues.opinion import PUBLISHED, Opinion, OpinionKey
from engine.venues.polymarket import PUBLISHED as POLYMARKET_PUBLISHED
from engine.venues.polymarket import Polymarket, PolymarketKey

__all__ = [
    "BASE_URL",
    "Switchboard",
    "account_of",
    "both_venues",
    "engine_for",
    "everything_told",
    "lies",
    "revealed",
    "simulated",
    "simulated_polymarket",
]

BASE_URL = "http://127.0.0.1:9"

OPINION_OPTIONS = ("timeout_s", "side_numbers", "include_group", "open_statuses")
POLYMARKET_OPTIONS = ("timeout_s", "tier", "most_ids", "strict_ids", "both_filters_intersect")


def revealed(values: Mapping[str, str | Secret]) -> dict[str, str]:
    """Headers, or parts of a key, in the clear."""
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in values.items()}


def simulated(*, orders: int = 0, seed: int = 1, faults: Iterable[FaultRule] = (), **rules: Any) -> OpinionSimulator:
    """An Opinion with one account, alice, who has so many orders."""
    simulator = OpinionSimulator(seed=seed, rules=OpinionRules(**rules), faults=FaultPlan(tuple(faults), seed=seed))
    simulator.add_account("alice", orders=orders)
    return simulator


def simulated_polymarket(
    *, orders: int = 0, seed: int = 1, faults: Iterable[FaultRule] = (), **rules: Any
) -> PolymarketSimulator:
    """A Polymarket with one account, alice, who has so many orders."""
    simulator = PolymarketSimulator(seed=seed, rules=PolymarketRules(**rules), faults=FaultPlan(tuple(faults), seed=seed))
    simulator.add_account("alice", orders=orders)
    return simulator


def account_of(simulator: SimulatedVenue, name: str = "alice") -> Account:
    """The engine's account for an account of the simulator."""
    if isinstance(simulator, PolymarketSimulator):
        known = simulator.account(name)
        return Account(name, PolymarketKey(known.address, known.api_key, known.secret, known.passphrase), "polymarket")
    return Account(name, OpinionKey(simulator.account(name).api_key), "opinion")


@asynccontextmanager
async def engine_for(simulator: SimulatedVenue, **options: Any) -> AsyncIterator[CancelEngine]:
    """An engine wired to the simulator in memory; the venue's options go to the venue, the rest to the engine."""
    options.setdefault("dice", random.Random(0))
    if isinstance(simulator, PolymarketSimulator):
        epoch_s = simulator.rules.epoch_s
        options.setdefault("wall_clock", lambda: epoch_s + anyio.current_time())
        chosen = {name: options.pop(name) for name in POLYMARKET_OPTIONS if name in options}
        venue = Polymarket(BASE_URL, limits=options.pop("limits", POLYMARKET_PUBLISHED), **chosen)
    else:
        chosen = {name: options.pop(name) for name in OPINION_OPTIONS if name in options}
        venue = Opinion(BASE_URL, limits=options.pop("limits", PUBLISHED), **chosen)
    async with CancelEngine(venue, transport=MemoryTransport(simulator), **options) as engine:
        yield engine


@asynccontextmanager
async def both_venues(
    opinion: SimulatedVenue, polymarket: PolymarketSimulator, *, opinion_limits: Limits = PUBLISHED, **options: Any
) -> AsyncIterator[CancelEngine]:
    """An engine that holds both venues, wired to two simulators in memory."""
    urls = {"http://127.0.0.1:9": opinion, "http://127.0.0.1:10": polymarket}
    venues = Opinion("http://127.0.0.1:9", limits=opinion_limits), Polymarket("http://127.0.0.1:10")
    epoch_s = polymarket.rules.epoch_s
    options = {"dice": random.Random(0), "wall_clock": lambda: epoch_s + anyio.current_time(), **options}
    async with CancelEngine(*venues, transport=Switchboard(urls), **options) as engine:
        yield engine


def everything_told(error: BaseException) -> str:
    """All that an error gives away to whoever prints it with the variables of its frames, in three ways.

    Left out are the frames of the tests, which know what they look for, and those of the simulator, which is the venue's side.
    """
    told: list[object] = []
    for each in _chain(error, set()):
        told += [repr(each), str(each), each.args, vars(each)]
        told += [(name, repr(value)) for frame, _ in _own(each) for name, value in frame.f_locals.items()]
    plain = traceback.TracebackException.from_exception(error, capture_locals=True)
    _without_ours(plain)
    trace = Traceback.extract(type(error), error, error.__traceback__, show_locals=True, locals_max_string=10_000)
    for stack in trace.stacks:
        told += [stack.exc_value, *(node for frame in stack.frames if not _is_ours(frame.filename) for node in _nodes(frame))]
    return "\n".join([*map(str, told), *plain.format()])


def _nodes(frame: Frame) -> Iterator[object]:
    """A frame's variables, as rich shows them."""
    return (f"{name}={node}" for name, node in (frame.locals or {}).items())


def _chain(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """The error, its parts, and all that it came from, whether a traceback would show that or not."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for each in (error.__cause__, error.__context__, *parts):
        yield from _chain(each, seen)


def _own(error: BaseException) -> Iterator[Any]:
    return (each for each in traceback.walk_tb(error.__traceback__) if not _is_ours(each[0].f_code.co_filename))


def _without_ours(told: Any) -> None:
    told.stack[:] = [frame for frame in told.stack if not _is_ours(frame.filename)]
    for each in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if each is not None:
            _without_ours(each)


def _is_ours(filename: str) -> bool:
    path = Path(filename)
    return path.is_relative_to(Path(__file__).parent) or "simulator" in path.parts


def played(scene: Scene) -> Evidence:
    """What the scene leaves, under a clock of its own."""
    loop = VirtualClockLoop(most_turns=100_000)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(play(scene))


def scene(
    venue: str = "opinion",
    *,
    orders: int = 5,
    faults: Iterable[tuple[str, Mapping[str, Any]]] = (),
    events: Iterable[EventScene] = (),
    rules: Mapping[str, Any] | None = None,
    is_tight: bool = False,
    call: CallScene | None = None,
    **parts: Any,
) -> Scene:
    """A drill of one account of one venue, and one call."""
    call = call or CallScene(kind="mass_cancel", accounts=("a",))
    return Scene(
        seed=1,
        venues=(VenueScene(name=venue, rules={"latency_s": 0.05, **(rules or {})}, is_tight=is_tight),),
        accounts=(AccountScene(name="a", venue=venue, orders=orders),),
        faults=tuple(FaultScene(venue=venue, name=name, conditions=conditions) for name, conditions in faults),
        events=tuple(events),
        calls=(call,),
        **parts,
    )
