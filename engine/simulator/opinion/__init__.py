"""A simulated Opinion."""

from engine.simulator.opinion.catalogue import FAULTS
from engine.simulator.opinion.rules import OpinionRules
from engine.simulator.opinion.simulator import OpinionSimulator

__all__ = ["FAULTS", "OpinionRules", "OpinionSimulator"]
