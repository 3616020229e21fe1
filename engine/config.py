"""Accounts and settings from files and the environment. Everything wrong with them is one `ConfigError` of one line.

A key is looked up here and nowhere else, and no message shows one. What an accounts file holds is a `Secret` from the moment that
it is read, and no error is raised from one whose frames have seen it. A venue is one entry in `VENUES`.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
import os
import re
import tomllib
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.core.quota import Allowance, Limits, Window
from engine.core.request import MOST, Account
from engine.errors import ConfigError, shown
from engine.secret import Secret
from engine.venues import opinion, polymarket
from engine.venues.base import Venue
from engine.venues.opinion import Opinion, OpinionKey
from engine.venues.polymarket import Polymarket, PolymarketKey

MOST_BYTES = 16 * 1024 * 1024
"""Largest file that is read: about a hundred thousand accounts. A guess that keeps a wrong path, such as a device, from filling
the memory."""

LONGEST_NAME = 200
"""Most characters of an account's name. A guess: it stands in every line about the account."""

MOST_DOTS = 200
"""Most dots in one line of TOML: to read a key of n parts takes n times n steps. A guess; no key here has more than three."""

DEFAULT_NAME = "default"
"""Name of the one account that comes from the environment instead of a file."""

PUBLIC_KEYS = ("name", "venue", "address")
"""Keys of an account that are no secrets; every other one is treated as one."""

_REFERENCE = "env:"
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueKind:
    """What the configuration has to know of a venue.

    Attributes:
        variables: For each key that an account needs, the environment variable that holds it where there is no accounts file.
        credentials: Makes the venue's credentials out of those keys.
        settings: Keys of its table in a settings file, with the kind of value of each.
        open: Makes the venue out of those settings.
        derive: Asks the venue for the credentials that belong to a wallet's private key.
        private_key: The environment variable that may hold that private key.
        has_chain: Whether `derive` has to be told a chain and a nonce.
        builder: Settings that `--builder` stands for; empty where the venue has no such mode.
    """

    variables: Mapping[str, str]
    credentials: Callable[..., Any]
    settings: Mapping[str, str]
    open: Callable[[Mapping[str, Any]], Venue]
    derive: Callable[..., Awaitable[Any]]
    private_key: str
    has_chain: bool = False
    builder: Mapping[str, Any] = field(default_factory=dict)


def _open_opinion(settings: Mapping[str, Any]) -> Opinion:
    """Opinion with these settings; what is left out is as published, or as `Opinion` has it."""
    values = dict(settings)
    per_account, per_venue = values.pop("requests_per_s", None), values.pop("venue_requests_per_s", None)
    allowance = values.pop("allowance_per_day", None)
    if "open_statuses" in values:
        values["open_statuses"] = tuple(values["open_statuses"])
    limits = Limits(
        per_account=opinion.PUBLISHED.per_account if per_account is None else (Window(per_account, 1.0),),
        per_venue=() if per_venue is None else (Window(per_venue, 1.0),),
        allowance=None if allowance is None else Allowance(allowance),
    )
    return Opinion(**values, limits=limits)


def _open_polymarket(settings: Mapping[str, Any]) -> Polymarket:
    """Polymarket with these settings; what is left out is as published, or as `Polymarket` has it."""
    values, limits = dict(settings), polymarket.PUBLISHED
    if not values.pop("keep_tokens", True):
        limits = replace(limits, tokens=None)
    if not values.pop("keep_windows", True):
        limits = replace(limits, per_account=(), per_venue=())
    return Polymarket(**values, limits=limits)


VENUES: Mapping[str, VenueKind] = {
    "opinion": VenueKind(
        variables={"api_key": "OPINION_API_KEY"},
        credentials=OpinionKey,
        settings={
            "base_url": "text",
            "timeout_s": "seconds",
            "requests_per_s": "count",
            "venue_requests_per_s": "count",
            "allowance_per_day": "count",
            "include_group": "flag",
            "open_statuses": "counts",
        },
        open=_open_opinion,
        derive=OpinionKey.derive,
        private_key="OPINION_PRIVATE_KEY",
        builder={} if opinion.BUILDER.allowance is None else {"allowance_per_day": opinion.BUILDER.allowance.cancels},
    ),
    "polymarket": VenueKind(
        variables={
            "address": "POLYMARKET_ADDRESS",
            "api_key": "POLYMARKET_API_KEY",
            "secret": "POLYMARKET_SECRET",
            "passphrase": "POLYMARKET_PASSPHRASE",
        },
        credentials=PolymarketKey,
        settings={
            "base_url": "text",
            "timeout_s": "seconds",
            "tier": "text",
            "most_ids": "count",
            "strict_ids": "flag",
            "both_filters_intersect": "flag",
            "keep_tokens": "flag",
            "keep_windows": "flag",
        },
        open=_open_polymarket,
        derive=PolymarketKey.derive,
        private_key="POLYMARKET_PRIVATE_KEY",
        has_chain=True,
    ),
}
"""Every venue that can be used."""


# --- accounts


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account as its file has it: keys are still references, or literal."""

    name: str
    venue: str | None
    keys: Mapping[str, Secret] = field(repr=False)
    weight: float = 1.0


def read_accounts(
    path: Path | None,
    *,
    environment: Mapping[str, str],
    venue: str | None = None,
    only: Collection[str] = (),
    exclude: Collection[str] = (),
) -> list[Account]:
    """The accounts in the order of the file, each naming its venue; without a file, the one of the environment.

    Args:
        path: The accounts file, TOML or, where its name ends in `.csv`, CSV; or None.
        environment: Where `env:NAME` is looked up.
        venue: Only accounts of this venue, and those that name none; None takes all, and every one must name its own.
        only: Names to choose; empty for all.
        exclude: Names to leave out.

    Raises:
        ConfigError: anything in it cannot be used. No message shows a key.
    """
    environment = _Unshown(environment)
    if venue is not None:
        check_venue(venue)
    rows = _environment_rows(environment, venue) if path is None else _file_rows(path)
    mine = [row for row in rows if venue is None or row.venue in (None, venue)]
    if not mine:
        raise ConfigError(f"no account in {path} is for {venue}")
    picked = _picked(mine, only, exclude, venue)
    return [_account(row, venue or _venue_of(row), environment) for row in picked]


def check_venue(name: str) -> None:
    """Refuse a venue that cannot be used.

    Raises:
        ConfigError: it is not in `VENUES`.
    """
    if name not in VENUES:
        raise ConfigError(f"unknown venue {shown(name)}; available: {', '.join(VENUES)}")


def check_name(where: str, name: object) -> None:
    """Refuse what cannot name an account.

    Raises:
        ConfigError: it is blank, or could steer a terminal.
    """
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ConfigError(f"{where}: needs a name of printable characters")
    if len(name) > LONGEST_NAME:
        raise ConfigError(f"{where}: the name is longer than {LONGEST_NAME} characters")


def is_variable(text: str) -> bool:
    """Whether this can name an environment variable; a key that was put in its place by mistake seldom can."""
    return _VARIABLE.fullmatch(text) is not None


class _Unshown(Mapping[str, str]):
    """An environment whose repr has nothing of it."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _environment_rows(environment: Mapping[str, str], venue: str | None) -> list[AccountRow]:
    """The one account that the environment holds; never a guess where it holds several."""
    kinds = VENUES if venue is None else {venue: VENUES[venue]}
    whole = [name for name, kind in kinds.items() if all(variable in environment for variable in kind.variables.values())]
    if len(whole) > 1:
        raise ConfigError(f"the environment holds an account for each of {', '.join(whole)}; choose one with --venue")
    if whole:
        keys = {key: Secret(f"{_REFERENCE}{variable}") for key, variable in kinds[whole[0]].variables.items()}
        return [AccountRow(DEFAULT_NAME, whole[0], keys)]
    ways = "; or ".join(", ".join(kind.variables.values()) for kind in kinds.values())
    missing = [variable for kind in kinds.values() for variable in _missing(kind, environment)]
    some = f" (not set: {', '.join(missing)})" if missing else ""
    raise ConfigError(f"no accounts: give --accounts FILE, or set in the environment, for a single one: {ways}{some}")


def _missing(kind: VenueKind, environment: Mapping[str, str]) -> list[str]:
    """The variables that are not set, where others of the same account are."""
    missing = [variable for variable in kind.variables.values() if variable not in environment]
    return missing if len(missing) < len(kind.variables) else []


def _file_rows(path: Path) -> list[AccountRow]:
    text, others = _read(path, "the accounts file")
    entries = _csv_entries(path, text) if path.suffix.lower() == ".csv" else _toml_entries(path, text)
    rows = [_row(where, entry) for where, entry in entries]
    _refuse_twins(path, rows)
    if others and any(_is_literal(row) for row in rows):
        raise ConfigError(f"{path} holds a key and others may read or change it; run: chmod 600 {path}")
    return rows


def _toml_entries(path: Path, text: Secret) -> list[tuple[str, dict[str, Any]]]:
    """Each account's table, its texts hidden, and where it stands."""
    table = _hidden(_parsed(path, text))
    refuse_unknown(f"{path}", table, ("account",))
    entries = table.get("account", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError(f"{path}: write each account as a table that begins with [[account]]")
    if not entries:
        raise ConfigError(f"{path}: no accounts in it; each begins with [[account]], then name = …, venue = … and its keys")
    return [(f"{path}: account {number}", entry) for number, entry in enumerate(entries, start=1)]


def _hidden(value: Any) -> Any:
    """The value with each text in it hidden."""
    if isinstance(value, dict):
        return {key: _hidden(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_hidden(each) for each in value]
    return Secret(value) if isinstance(value, str) else value


def _csv_entries(path: Path, text: Secret) -> list[tuple[str, dict[str, Any]]]:
    """Each account's row below the header, and where it stands; a cell without anything in it stands for nothing."""
    reader = csv.reader(io.StringIO(text.reveal(), newline=""), strict=True, skipinitialspace=True)
    header: list[str] | None = None
    entries: list[tuple[str, dict[str, Any]]] = []
    try:
        for cells in map(_hidden, reader):
            where = f"{path}: line {reader.line_num}"
            if not any(_stripped(cell).reveal() for cell in cells):
                continue
            if any(end in cell.reveal() for cell in cells for end in "\r\n"):
                raise ConfigError(f"{where}: ends a cell that began on another line; check the quotes")
            if header is None:
                header = _checked_header(where, [_stripped(cell) for cell in cells])
            elif len(cells) != len(header):
                raise ConfigError(f"{where}: has {len(cells)} cells, and the header has {len(header)}")
            else:
                values = map(_stripped, cells)
                entries.append((where, {key: value for key, value in zip(header, values, strict=True) if value.reveal()}))
    except csv.Error as error:
        raise ConfigError(f"{path}: line {reader.line_num} is not valid CSV: {error}; check its quotes") from error
    if not entries:
        raise ConfigError(f"{path}: no accounts in it; below a header such as name,venue,api_key each has a line")
    return entries


def _stripped(cell: Secret) -> Secret:
    return Secret(cell.reveal().strip())


def _checked_header(where: str, header: Sequence[Secret]) -> list[str]:
    """The header, unless it has columns that nobody would read. It may be no header at all, so what stands in it is not shown."""
    known = list(dict.fromkeys(("name", "venue", "weight", *(key for kind in VENUES.values() for key in kind.variables))))
    if any(separator in column.reveal() for column in header for separator in ";\t"):
        raise ConfigError(f"{where}: cells are separated by commas, as in name,venue,api_key")
    for number, column in enumerate(header, start=1):
        if column.reveal() not in known:
            near = _near(column.reveal(), known)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"{where}: column {number} of the header is none of {', '.join(known)}{hint}")
    columns = [column.reveal() for column in header]
    if len(set(columns)) < len(columns) or "name" not in columns:
        raise ConfigError(f"{where}: the header must have each column once, and name among them")
    return columns


def _row(where: str, entry: Mapping[str, Any]) -> AccountRow:
    name = _name(entry)
    where += f" ({shown(name)})" if isinstance(name, str) else ""
    weight = _weight(where, entry.get("weight", 1.0))
    for key, value in entry.items():
        if key != "weight" and not isinstance(value, Secret):
            raise ConfigError(f"{where}: {_plain(key)} must be text in quotes")
    check_name(where, name)
    venue = _known_venue(where, entry.get("venue"))
    keys = {key: value for key, value in entry.items() if key not in ("name", "venue", "weight")}
    kinds = VENUES.values() if venue is None else [VENUES[venue]]
    refuse_unknown(where, keys, dict.fromkeys(key for kind in kinds for key in kind.variables))
    return AccountRow(str(name), venue, keys, weight)


def _name(entry: Mapping[str, Any]) -> object:
    """The account's name, which is the one text of an entry that is shown."""
    name = entry.get("name")
    return name.reveal() if isinstance(name, Secret) else name


def _known_venue(where: str, venue: Secret | None) -> str | None:
    for known in VENUES if venue is not None else ():
        if Secret(known) == venue:
            return known
    if venue is None:
        return None
    # It may be a key in the wrong place, so it is shown only where it is near a venue's name.
    near = f" {shown(venue.reveal())}" if _near(venue.reveal(), VENUES) else ""
    raise ConfigError(f"{where}: unknown venue{near}{_nearest(venue.reveal(), VENUES)}")


def _number(value: object) -> float:
    """The number that stands there, or 0 for none."""
    value = value.reveal() if isinstance(value, Secret) else value
    try:
        return float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        return 0.0


def _weight(where: str, value: object) -> float:
    weight = _number(value)
    if not 0 < weight < math.inf:
        # What stands there is not shown: it may be a key in the wrong place.
        raise ConfigError(f"{where}: weight must be a positive number, such as 2")
    return weight


def _refuse_twins(path: Path, rows: Iterable[AccountRow]) -> None:
    seen: set[str] = set()
    for row in rows:
        if row.name in seen:
            raise ConfigError(f"{path}: two accounts are named {shown(row.name)}; give each its own name")
        seen.add(row.name)


def _is_literal(row: AccountRow) -> bool:
    return any(key not in PUBLIC_KEYS and not value.reveal().startswith(_REFERENCE) for key, value in row.keys.items())


def _venue_of(row: AccountRow) -> str:
    """The venue that the account names."""
    if row.venue is None:
        raise ConfigError(
            f"account {shown(row.name)} does not name its venue; write it there, or choose it with --venue {'|'.join(VENUES)}"
        )
    return row.venue


def _picked(
    rows: Sequence[AccountRow], only: Collection[str], exclude: Collection[str], venue: str | None
) -> Sequence[AccountRow]:
    names = [row.name for row in rows]
    for name in (*only, *exclude):
        if name not in names:
            some = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
            whose = "no account" if venue is None else f"no account for {venue}"
            raise ConfigError(f"{whose} is named {shown(name)}; there are: {some}")
    for name in only:
        if name in exclude:
            raise ConfigError(f"account {shown(name)} is both chosen and left out")
    picked = [row for row in rows if (not only or row.name in only) and row.name not in exclude]
    if not picked:
        raise ConfigError("every account is left out; nothing is to be done")
    return picked


def _account(row: AccountRow, venue: str, environment: Mapping[str, str]) -> Account:
    kind = VENUES[venue]
    # An account without a venue may be another one's: its key must not be sent here.
    refuse_unknown(f"account {shown(row.name)}, for {venue}", row.keys, kind.variables)
    secrets = {key: _looked_up(row, key, environment) for key in kind.variables}
    keys = {key: value.reveal() if key in PUBLIC_KEYS else value for key, value in secrets.items()}
    try:
        return Account(row.name, kind.credentials(**keys), venue, row.weight)
    except ConfigError as error:
        raise ConfigError(f"account {shown(row.name)}: {error}") from error


def _looked_up(row: AccountRow, key: str, environment: Mapping[str, str]) -> Secret:
    value = row.keys.get(key)
    if value is None:
        raise ConfigError(f'account {shown(row.name)} has no {key}; write {key} = "env:NAME", NAME being an environment variable')
    if not value.reveal().startswith(_REFERENCE):
        return value
    if not is_variable(value.reveal().removeprefix(_REFERENCE)):
        # It may be the key itself, put there by mistake, so it is not shown.
        raise ConfigError(
            f"account {shown(row.name)}: what follows {_REFERENCE} in {key} is no name of an environment variable "
            "(capitals, digits and underscores)"
        )
    variable = value.reveal().removeprefix(_REFERENCE)
    if variable not in environment:
        raise ConfigError(f"account {shown(row.name)}: the environment variable {variable} is not set")
    return Secret(environment[variable])


# --- settings


def read_settings(path: Path | None) -> dict[str, dict[str, Any]]:
    """What a settings file says of each venue; nothing without a file.

    Raises:
        ConfigError: the file, or a value in it, cannot be used.
    """
    if path is None:
        return {}
    text, others = _read(path, "the settings file")
    table = _parsed(path, text)
    refuse_unknown(f"{path}", table, ("venue",))
    venues = _table(f"{path}: venue", table.get("venue", {}))
    refuse_unknown(f"{path}: [venue]", venues, VENUES)
    settings = {name: checked_table(f"{path}: [venue.{name}]", table, VENUES[name].settings) for name, table in venues.items()}
    # A group is let through: where each user has one of their own, files are made writable by it.
    if others & 0o002 and any("base_url" in each for each in settings.values()):
        raise ConfigError(f"{path} says where keys are sent, and anybody may change it; run: chmod o-w {path}")
    return settings


def open_venue(name: str, settings: Mapping[str, Any], *, builder: bool = False, base_url: str | None = None) -> Venue:
    """The venue with these settings; what the caller says beside them comes before them.

    Raises:
        ConfigError: a setting cannot be used.
    """
    kind = VENUES[name]
    if builder and not kind.builder:
        raise ConfigError(f"venue {name} has no builder mode")
    chosen = {**settings, **(kind.builder if builder else {})}
    return kind.open(chosen if base_url is None else {**chosen, "base_url": base_url})


def checked_table(where: str, table: object, kinds: Mapping[str, str]) -> dict[str, Any]:
    """The table, if it holds known keys with values of the right kind only.

    Raises:
        ConfigError: naming the key, and the nearest known one where it is unknown.
    """
    values = _table(where, table)
    refuse_unknown(where, values, kinds)
    for key, value in values.items():
        wanted, is_good = _KINDS[kinds[key]]
        if not is_good(value):
            raise ConfigError(f"{where}: {key} must be {wanted}")
    return values


def read_table(path: Path) -> dict[str, Any]:
    """A TOML file as it stands.

    Raises:
        ConfigError: it cannot be read.
    """
    return _parsed(path, _read(path, "the settings file")[0])


def refuse_unknown(where: str, table: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse keys that nobody would read.

    Raises:
        ConfigError: naming the nearest known key.
    """
    known = list(known)
    for key in table:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {shown(key)}{_nearest(key, known)}")


def _nearest(word: str, known: Iterable[str]) -> str:
    known = list(known)
    near = _near(word, known)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"


def _near(word: str, known: Iterable[str]) -> list[str]:
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


_KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
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
    "share": ("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1),
    "milliseconds": ("a number of milliseconds, at least 0", lambda value: _is_number(value) and value >= 0),
}


# --- files


def _read(path: Path, what: str) -> tuple[Secret, int]:
    """The text of a file, and what others may do with it, as bits of a mode; both of the one file that was opened."""
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


def _parsed(path: Path, text: Secret) -> dict[str, Any]:
    number = _dotted_line(text)
    if number is not None:
        raise ConfigError(f"{path}: line {number} holds more than {MOST_DOTS} dots; break it up")
    try:
        return tomllib.loads(text.reveal())
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        # The parser's own words name a line, a key or one character, never a value; its frames have all of the file.
        words = _plain(str(error))
    except ValueError:  # what the interpreter itself refuses to read, such as a number of 5,000 digits
        words = "it holds a number that is too long"
    raise ConfigError(f"{path} is not valid TOML: {words}")


def _dotted_line(text: Secret) -> int | None:
    """The first line, from 1, with so many dots that parsing it takes too long. Raises nothing: it sees keys in the clear."""
    return next((number for number, line in enumerate(text.reveal().split("\n"), start=1) if line.count(".") > MOST_DOTS), None)


def _plain(words: str) -> str:
    """Somebody else's words, cut and on one line; where they end is what says the place."""
    cut = words if len(words) <= LONGEST_NAME else f"{words[:120]} … {words[-60:]}"
    return "".join(sign if sign.isprintable() else "?" for sign in cut)
