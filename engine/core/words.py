"""Words for people: counts, times and ids in sentences, and the words of others so that they cannot do anything. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.core.request import Scope

LONGEST_ID = 20
"""Longest id of a market or an asset that is shown whole: Opinion's are numbers, Polymarket's have 66 and 78 characters."""


def clean(words: str, *, longest: int | None = None) -> str:
    """The words on one line, without anything that could steer a terminal, cut if they are longer."""
    line = "".join(sign if sign.isprintable() else "?" for sign in " ".join(words.split()))
    return line if longest is None or len(line) <= longest else f"{line[: longest - 1]}…"


def short_id(text: str) -> str:
    """An id of a market or an asset, cut in the middle where it is too long for a table or a sentence."""
    return text if len(text) <= LONGEST_ID else f"{text[:6]}…{text[-4:]}"


def in_seconds(seconds: float) -> str:
    """Seconds for people: with one digit after the point where that says something."""
    return f"{seconds:,.0f} s" if seconds >= 100 or not seconds else f"{max(seconds, 0.1):.1f} s"


def in_moment(unix_s: float) -> str:
    """A moment in UTC, to the second."""
    try:
        return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return "no known time"  # of a record that was spoilt


def counted(number: int, noun: str) -> str:
    """The number with its noun: `1 order`, `2 orders`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def in_words(scope: Scope, noun: str = "order", *, in_full: bool = False) -> str:
    """The scope as the end of a sentence about orders: `open buy order in market 5 for yes`, without its article.

    Long ids are cut unless asked for `in_full`.
    """

    def show(text: object) -> str:
        return str(text) if in_full else short_id(str(text))

    words = ["open", noun] if scope.side is None else ["open", str(scope.side), noun]
    words += [] if scope.market is None else ["in market", show(scope.market)]
    words += [] if scope.asset is None else ["for", show(scope.asset)]
    words += [] if scope.except_ids is None else [f"but the {len(list(scope.except_ids)):,} kept"]
    return " ".join(words)
