"""One drill, from its seed to its verdict: a loop of its own under the virtual clock, the scene, the laws, the trace."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from engine.drill.drawing import draw
from engine.drill.laws import broken_laws
from engine.drill.scene import Scene, Selection
from engine.drill.staging import Evidence, play
from engine.simulator import VirtualClockLoop

MOST_TURNS = 1_000_000
"""Turns of the loop after which a run counts as one that never ends. A guess: the longest that was met, with orders called
pending for as long as the engine tries, took 210,000."""

ENDLESS = "the run ends"
"""The law that such a run breaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What came of one drill.

    Attributes:
        seed: What it was drawn from.
        selection: What of it was played.
        broken: One line for every broken law; empty if all hold.
        requests: Requests that the simulators received.
        orders: Orders that the reports tell of.
        simulated_s: How long it took on the virtual clock.
        trace: Everything that happened, as lines of JSON: equal for equal drills, byte for byte.
    """

    seed: int
    selection: Selection
    broken: tuple[str, ...]
    requests: int = 0
    orders: int = 0
    simulated_s: float = 0.0
    trace: bytes = b""

    @property
    def laws(self) -> set[str]:
        """Names of the laws that are broken."""
        return {line.partition(":")[0] for line in self.broken}

    @property
    def digest(self) -> str:
        """A short stand-in for the trace."""
        return hashlib.sha256(self.trace).hexdigest()[:16]


def perform(seed: int, selection: Selection | None = None, *, with_trace: bool = False) -> Performance:
    """Draw the scene of the seed, play what is selected of it, and judge."""
    selection = selection or Selection()
    scene = selection.of(draw(seed))
    loop = VirtualClockLoop(dice=Random(f"{seed}/timers"), most_turns=MOST_TURNS)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        try:
            evidence = runner.run(play(scene))
        except Exception as error:  # noqa: BLE001  # whatever ends a run so is what the drill is there to find
            return Performance(seed=seed, selection=selection, broken=(f"{ENDLESS}: {type(error).__name__}: {error}",))
        simulated_s = loop.time()
    return Performance(
        seed=seed,
        selection=selection,
        broken=tuple(broken_laws(evidence)),
        requests=evidence.requests,
        orders=sum(record.report.total for record in evidence.calls),
        simulated_s=simulated_s,
        trace=b"".join(_trace(scene, evidence)) if with_trace else b"",
    )


def replay_line(performance: Performance) -> str:
    """The one line that plays it again exactly."""
    chosen = str(performance.selection)
    return f"cancel-engine drill --seed {performance.seed}" + (f" --select {chosen}" if chosen else "")


def _trace(scene: Scene, evidence: Evidence) -> Iterator[bytes]:
    """The scene, what every venue saw and did, and what was reported. A run's id is the one thing that no seed decides."""
    yield _line({"scene": scene.to_dict()})
    for name, simulator in evidence.simulators.items():
        told = simulator.ledger.to_dict()
        for request in told["requests"]:
            yield _line({"venue": name, "request": request})
        for order_id, order in told["orders"].items():
            yield _line({"venue": name, "order_id": order_id, "order": order})
    for record in evidence.calls:
        report = record.report.to_dict() | {"run_id": None}
        yield _line({"call": record.scene.kind, "began_s": record.began_s, "ended_s": record.ended_s, "report": report})


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, default=str).encode() + b"\n"
