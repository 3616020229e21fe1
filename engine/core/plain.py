"""Somebody else's values, as JSON can hold them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

DEEPEST = 50
"""Levels of a venue's answer that a document repeats; what lies deeper is hostile, not information. A guess."""


def plain(value: Any, *, depth: int = 0) -> Any:
    """The value as JSON can hold it: decimals and what is no finite number as text, nothing deeper than a person would read."""
    if depth > DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth=depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth=depth + 1) for item in value]
    if isinstance(value, Decimal) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    return value
