"""The venues that the contract is held against. A new venue adds one case here, and is right when the suite passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from support import BASE_URL, simulated, simulated_polymarket

from engine.simulator import Fault
from engine.simulator.opinion import FAULTS as OPINION_FAULTS
from engine.simulator.polymarket import FAULTS as POLYMARKET_FAULTS
from engine.venues.base import Venue
from engine.venues.opinion import Opinion
from engine.venues.polymarket import Polymarket


@dataclass(frozen=True, kw_only=True)
class Case:
    """What the contract has to know of a venue.

    Attributes:
        name: As in the registry of `engine.config`.
        simulated: Makes a simulated venue with one account, alice; takes `orders`, `seed`, `faults` and the venue's own rules.
        venue: The venue itself.
        faults: What can go wrong with it.
        cancel_routes: The simulator's words for the ways to cancel.
        unknown_id: An order id that it could have given out, and has not.
        no_limits: Rules by which it counts nothing.
    """

    name: str
    simulated: Callable[..., Any]
    venue: Venue
    faults: Mapping[str, Fault]
    cancel_routes: frozenset[str]
    unknown_id: str
    no_limits: Mapping[str, Any]

    def __repr__(self) -> str:
        return self.name


CASES = (
    Case(
        name="opinion",
        simulated=simulated,
        venue=Opinion(BASE_URL),
        faults=OPINION_FAULTS,
        cancel_routes=frozenset({"cancel"}),
        unknown_id="a11ee07e-e22f-11f0-9714-ffffffffffff",
        no_limits={"quota": None},
    ),
    Case(
        name="polymarket",
        simulated=simulated_polymarket,
        venue=Polymarket(BASE_URL),
        faults=POLYMARKET_FAULTS,
        cancel_routes=frozenset({"cancel", "cancel_many", "cancel_all", "cancel_market"}),
        unknown_id="0x" + "f" * 64,
        no_limits={"buckets": "off"},
    ),
)
