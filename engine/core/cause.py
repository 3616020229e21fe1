"""Why a run was asked for, and by whom: for whoever reads its record later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import ConfigError, shown

REASONS: Mapping[int, str] = {
    0: "none",
    1: "trading risk control",
    2: "clearing risk control",
    3: "market maker protection",
    4: "stop trading",
    5: "emergency action",
    6: "session loss or logout",
    7: "duplicate login",
    8: "product not traded",
    9: "instrument not traded",
    10: "complex instrument deleted",
    11: "circuit breaker activated",
    99: "other",
}
"""The trade's own reasons, by number. Source: FIX field 2675, MassActionReason, in FIX Latest (read 2026-11)."""

LONGEST = 500
"""Most characters of a reason or a name. A guess: a sentence or two."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Who asked for a run, and why.

    Attributes:
        reason: In the caller's words. One of `REASONS`, by its number or its words, stands there with both.
        requested_by: A person or a program.

    Raises:
        ConfigError: one is no text, blank, too long, or could steer a terminal.
    """

    reason: str | None = None
    requested_by: str | None = None

    def __post_init__(self) -> None:
        _check("reason", self.reason)
        _check("requested_by", self.requested_by)
        if self.reason is not None:
            object.__setattr__(self, "reason", _in_full(self.reason))


def _check(name: str, text: object) -> None:
    if text is None:
        return
    if not isinstance(text, str) or not text.strip() or not text.isprintable() or len(text) > LONGEST:
        raise ConfigError(f"{name} must be a line of 1 to {LONGEST} printable characters, not {shown(text)}")


def _in_full(reason: str) -> str:
    """The trade's reason with its number and its words, where this is one; else the reason as it is."""
    plain = " ".join(reason.lower().replace("_", " ").replace("-", " ").split())
    for number, words in REASONS.items():
        if plain in (str(number), words):
            return f"{words} (FIX 2675={number})"
    return reason
