"""Files of people: read whole and bounded, parsed, and held against a table of known keys. No message shows a value."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from engine.core.request import MOST
from engine.errors import ConfigError, shown
from engine.secret import Secret

MOST_BYTES = 16 * 1024 * 1024
"""Largest file that is read: about a hundred thousand accounts. A guess that keeps a wrong path, such as a device, from filling
the memory."""

LONGEST_NAME = 200
"""Most characters of an account's name. A guess: it stands in every line about the account."""

MOST_DOTS = 200
"""Most dots in one line of TOML: to read a key of n parts takes n times n steps. A guess; no key here has more than three."""

LONGEST_AMOUNT = 100
"""Most signs of an amount that is written as text. A guess."""

MOST_DIGITS = 20
"""Most digits before or behind the point of an amount of money: one such as 1e999999 would fill the memory when written out."""


def checked_table(where: str, table: object, kinds: Mapping[str, str]) -> dict[str, Any]:
    """The table, if it holds known keys with values of the right kind only.

    Raises:
        ConfigError: naming the key, and the nearest known one where it is unknown.
    """
    values = _table(where, table)
    refuse_unknown(where, values, kinds)
    for key, value in values.items():
        wanted, is_good = KINDS[kinds[key]]
        if not is_good(value):
            raise ConfigError(f"{where}: {key} must be {wanted}")
    return values


def read_table(path: Path) -> dict[str, Any]:
    """A TOML file as it stands.

    Raises:
        ConfigError: it cannot be read.
    """
    return parsed(path, read_file(path, "the settings file")[0])


def refuse_unknown(where: str, table: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse keys that nobody would read.

    Raises:
        ConfigError: naming the nearest known key.
    """
    known = list(known)
    for key in table:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {shown(key)}{nearest(key, known)}")


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: the nearest known one, or all."""
    known = list(known)
    found = near(word, known)
    return f"; did you mean {found[0]!r}?" if found else f"; known: {', '.join(known)}"


def near(word: str, known: Iterable[str]) -> list[str]:
    """The nearest known word, if one is near; no long word is, and to compare one costs time and memory."""
    return difflib.get_close_matches(word, known, n=1) if len(word) <= LONGEST_NAME else []


def _table(where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where} must be a table")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_count(value: object) -> bool:
    return _is_whole(value) and value != 0


def _is_amount(value: object) -> bool:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float | str)
        or (isinstance(value, str) and len(value) > LONGEST_AMOUNT)
    ):
        return False
    if isinstance(value, int) and abs(value) > MOST:
        return False
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return False
    return amount.is_finite() and amount > 0 and abs(amount.adjusted()) <= MOST_DIGITS


KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "text": ("text in quotes", lambda value: isinstance(value, str)),
    "tables": ("tables", lambda value: isinstance(value, list) and all(isinstance(item, dict) for item in value)),
    "texts": ("a list of texts", lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value)),
    "table": ("a table", lambda value: isinstance(value, dict)),
    "side": ("buy or sell", lambda value: value in ("buy", "sell")),
    "flag": ("true or false", lambda value: isinstance(value, bool)),
    "count": ("a whole number of at least 1", _is_count),
    "counts": ("a list of whole numbers of at least 1", lambda value: isinstance(value, list) and all(map(_is_count, value))),
    "whole": ("a whole number of at least 0", _is_whole),
    "seconds": ("a positive number of seconds", lambda value: _is_number(value) and value > 0),
    "wait": ("a number of seconds, at least 0", lambda value: _is_number(value) and value >= 0),
    "amount": ('a positive number, such as 500 or "0.5"', _is_amount),
    "words": ("text in quotes, and not blank", lambda value: isinstance(value, str) and bool(value.strip())),
    "share": ("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1),
    "milliseconds": ("a number of milliseconds, at least 0", lambda value: _is_number(value) and value >= 0),
}


def read_file(path: Path, what: str) -> tuple[Secret, int]:
    """The text of a file, and what others may do with it, as bits of a mode; both of the one file that was opened.

    Raises:
        ConfigError: it cannot be read, is too large, or no text.
    """
    try:
        with path.open("rb") as file:
            # A system without such modes, or a pipe from the owner's own shell, has nothing to protect here.
            others = os.fstat(file.fileno()).st_mode & 0o077 if os.name == "posix" else 0
            text, problem = _decoded(file.read(MOST_BYTES + 1))
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"cannot read {what} {path}: {words}") from error
    if problem:
        raise ConfigError(f"{what} {path} {problem}")
    return text, others


def _decoded(content: bytes) -> tuple[Secret, str]:
    """The text, and why there is none; empty where there is one. Raises nothing: it sees keys in the clear."""
    if len(content) > MOST_BYTES:
        return Secret(""), f"is larger than {MOST_BYTES} bytes"
    try:
        return Secret(content.decode("utf-8-sig")), ""
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return Secret(""), f"is not UTF-8 text (line {line})"


def parsed(path: Path, text: Secret) -> dict[str, Any]:
    """The text as TOML.

    Raises:
        ConfigError: it is none; the words name a place, never a value.
    """
    number = _dotted_line(text)
    if number is not None:
        raise ConfigError(f"{path}: line {number} holds more than {MOST_DOTS} dots; break it up")
    try:
        return tomllib.loads(text.reveal())
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        # The parser's own words name a line, a key or one character, never a value; its frames have all of the file.
        words = plain_words(str(error))
    except ValueError:  # what the interpreter itself refuses to read, such as a number of 5,000 digits
        words = "it holds a number that is too long"
    raise ConfigError(f"{path} is not valid TOML: {words}")


def _dotted_line(text: Secret) -> int | None:
    """The first line, from 1, with so many dots that parsing it takes too long. Raises nothing: it sees keys in the clear."""
    return next((number for number, line in enumerate(text.reveal().split("\n"), start=1) if line.count(".") > MOST_DOTS), None)


def plain_words(words: str) -> str:
    """Somebody else's words, cut and on one line; where they end is what says the place."""
    cut = words if len(words) <= LONGEST_NAME else f"{words[:120]} … {words[-60:]}"
    return "".join(sign if sign.isprintable() else "?" for sign in cut)
