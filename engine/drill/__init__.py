"""Whole runs against venues that lie, break and move, drawn from a seed, judged by the venues' own ledgers.

seed -> scene (drawing) -> run under the virtual clock (staging) -> laws -> the smallest scene that still breaks one (shrinking)
"""

from engine.drill.drawing import draw
from engine.drill.laws import LAWS, broken_laws
from engine.drill.performing import Performance, perform, replay_line
from engine.drill.scene import Scene, Selection
from engine.drill.shrinking import shrink

__all__ = ["LAWS", "Performance", "Scene", "Selection", "broken_laws", "draw", "perform", "replay_line", "shrink"]
