"""Order ids as Opinion makes them: version 1 UUIDs of one machine, later for a later order."""

from __future__ import annotations

import random
import uuid

FIRST_TICKS = 0x1F0E22FA11EE07E
"""The time within the id of the vendor's sample row."""

MACHINE = 0x0A58A9FEAC02
STEP_TICKS = 997
"""Between two orders, so that ids differ by more than one digit. A guess."""


def time_uuid(dice: random.Random, number: int) -> str:
    """The id of the n-th order: unique, and later for a larger number."""
    ticks = FIRST_TICKS + number * STEP_TICKS + dice.randrange(STEP_TICKS)
    return str(
        uuid.UUID(
            fields=(
                ticks & 0xFFFFFFFF,
                (ticks >> 32) & 0xFFFF,
                ((ticks >> 48) & 0x0FFF) | 0x1000,
                0x97,
                0x14,
                MACHINE,
            )
        )
    )
