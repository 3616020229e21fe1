"""The venues' other side: books with a ground-truth ledger, real wire protocols, limits, faults on script or by dice.

Called in memory under a virtual clock by tests, served over real HTTP for demo, drills and benchmarks.
"""

from engine.simulator.clock import ClockStuckError, VirtualClockLoop, new_virtual_clock_loop
from engine.simulator.faults import Fault, FaultPlan, FaultRule
from engine.simulator.judge import is_lie, lies
from engine.simulator.ledger import BookOrder, BookState, Change, Ledger, RequestRecord
from engine.simulator.memory import MemoryTransport, Switchboard
from engine.simulator.opinion import OpinionRules, OpinionSimulator
from engine.simulator.polymarket import PolymarketAccount, PolymarketRules, PolymarketSimulator
from engine.simulator.redirects import RedirectTarget
from engine.simulator.script import Drift
from engine.simulator.server import SimulatorServer, serve
from engine.simulator.venue import SimulatedAccount, SimulatedVenue
from engine.simulator.wire import Ask, Manner, Reply

__all__ = [
    "Ask",
    "BookOrder",
    "BookState",
    "Change",
    "ClockStuckError",
    "Drift",
    "Fault",
    "FaultPlan",
    "FaultRule",
    "Ledger",
    "Manner",
    "MemoryTransport",
    "OpinionRules",
    "OpinionSimulator",
    "PolymarketAccount",
    "PolymarketRules",
    "PolymarketSimulator",
    "RedirectTarget",
    "Reply",
    "RequestRecord",
    "SimulatedAccount",
    "SimulatedVenue",
    "SimulatorServer",
    "Switchboard",
    "VirtualClockLoop",
    "is_lie",
    "lies",
    "new_virtual_clock_loop",
    "serve",
]
