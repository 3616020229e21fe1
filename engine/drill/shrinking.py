"""Find the smallest part of a scene that still breaks the same law: leave out accounts, faults, events, orders and options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from engine.drill.drawing import draw
from engine.drill.performing import Performance, perform
from engine.drill.scene import PLACES, PLAIN, Selection

MOST_TRIES = 300
"""Drills that one shrinking plays at the most. A guess: some seconds."""

Play = Callable[[int, Selection], Performance]


def shrink(failed: Performance, *, play: Play = perform, most_tries: int = MOST_TRIES) -> Performance:
    """The smallest performance found that breaks a law which `failed` breaks.

    Args:
        failed: A performance that breaks a law.
        play: Plays a selection of a seed.
        most_tries: How many it may play.
    """
    best, tries, is_better = failed, 0, True
    while is_better:
        is_better = False
        for smaller in _smaller(best):
            if tries >= most_tries:
                return best
            tries += 1
            came = play(best.seed, smaller)
            if came.laws & failed.laws:
                best, is_better = came, True
                break
    return best


def _smaller(performance: Performance) -> Iterator[Selection]:
    """Selections that hold less, the largest steps first."""
    scene, chosen = draw(performance.seed), performance.selection
    for name in PLACES:
        places = getattr(chosen, name)
        places = tuple(range(len(getattr(scene, name)))) if places is None else places
        least = 1 if name in ("accounts", "calls") else 0
        if len(places) > 2:
            half = len(places) // 2
            yield chosen.with_places(name, places[:half])
            yield chosen.with_places(name, places[half:])
        if len(places) > least:
            for place in places:
                yield chosen.with_places(name, tuple(each for each in places if each != place))
    orders = max(account.orders for account in scene.accounts) if chosen.orders is None else chosen.orders
    for fewer in dict.fromkeys((orders // 4, orders // 2, orders - 1)):
        if 0 <= fewer < orders:
            yield replace(chosen, orders=fewer)
    for name in PLAIN:
        if name not in chosen.plain:
            yield replace(chosen, plain=(*chosen.plain, name))
