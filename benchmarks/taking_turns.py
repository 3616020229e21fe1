"""Runs that are compared take turns, so that what the machine does meanwhile falls on all of them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


def in_turns(runs: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """What each gave, round by round; each round begins with another one."""
    names = list(runs)
    came: dict[str, list[T]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            gc.collect()
            came[name].append(runs[name]())
    return came
