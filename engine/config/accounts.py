"""Accounts from files and the environment. Everything wrong with them is one `ConfigError` of one line.

What an accounts file holds is a `Secret` from the moment that it is read, and no error is raised from one whose frames have seen
it. Where keys are looked up that it refers to is for `engine/config/secrets.py`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.config.files import LONGEST_NAME, near, nearest, parsed, plain_words, read_file, refuse_unknown
from engine.config.secrets import ENVIRONMENT, SERVICE, Places, Unshown, Vault, is_reference, look_up
from engine.config.venues import VENUES, VenueKind, check_venue
from engine.core.request import Account
from engine.errors import ConfigError, shown
from engine.secret import Secret

DEFAULT_NAME = "default"
"""Name of the one account that comes from the environment instead of a file."""

PUBLIC_KEYS = ("name", "venue", "address")
"""Keys of an account that are no secrets; every other one is treated as one."""


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
    keyring_service: str = SERVICE,
    vault: Vault | str | None = None,
) -> list[Account]:
    """The accounts in the order of the file, each naming its venue; without a file, the one of the environment.

    Args:
        path: The accounts file, TOML or, where its name ends in `.csv`, CSV; or None.
        environment: Where `env:NAME` is looked up.
        venue: Only accounts of this venue, and those that name none; None takes all, and every one must name its own.
        only: Names to choose; empty for all.
        exclude: Names to leave out.
        keyring_service: The service in the operating system's keyring under which `keyring:NAME` is looked up.
        vault: A function that is given the name in `vault:NAME` and gives back the secret, or what names one, `module:function`.

    Raises:
        ConfigError: anything in it cannot be used. No message shows a key.
    """
    environment = Unshown(environment)
    places = Places(environment=environment, folder=Path() if path is None else path.parent, service=keyring_service, vault=vault)
    if venue is not None:
        check_venue(venue)
    rows = _environment_rows(environment, venue) if path is None else _file_rows(path)
    mine = [row for row in rows if venue is None or row.venue in (None, venue)]
    if not mine:
        raise ConfigError(f"no account in {path} is for {venue}")
    picked = _picked(mine, only, exclude, venue)
    return [_account(row, venue or _venue_of(row), places) for row in picked]


def check_name(where: str, name: object) -> None:
    """Refuse what cannot name an account.

    Raises:
        ConfigError: it is blank, or could steer a terminal.
    """
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ConfigError(f"{where}: needs a name of printable characters")
    if len(name) > LONGEST_NAME:
        raise ConfigError(f"{where}: the name is longer than {LONGEST_NAME} characters")


def _environment_rows(environment: Mapping[str, str], venue: str | None) -> list[AccountRow]:
    """The one account that the environment holds; never a guess where it holds several."""
    kinds = VENUES if venue is None else {venue: VENUES[venue]}
    whole = [name for name, kind in kinds.items() if all(variable in environment for variable in kind.variables.values())]
    if len(whole) > 1:
        raise ConfigError(f"the environment holds an account for each of {', '.join(whole)}; choose one with --venue")
    if whole:
        keys = {key: Secret(f"{ENVIRONMENT}{variable}") for key, variable in kinds[whole[0]].variables.items()}
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
    text, others = read_file(path, "the accounts file")
    entries = _csv_entries(path, text) if path.suffix.lower() == ".csv" else _toml_entries(path, text)
    rows = [_row(where, entry) for where, entry in entries]
    _refuse_twins(path, rows)
    if others and any(_is_literal(row) for row in rows):
        raise ConfigError(f"{path} holds a key and others may read or change it; run: chmod 600 {path}")
    return rows


def _toml_entries(path: Path, text: Secret) -> list[tuple[str, dict[str, Any]]]:
    """Each account's table, its texts hidden, and where it stands."""
    table = _hidden(parsed(path, text))
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
            found = near(column.reveal(), known)
            hint = f"; did you mean {found[0]!r}?" if found else ""
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
            raise ConfigError(f"{where}: {plain_words(key)} must be text in quotes")
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
    named = f" {shown(venue.reveal())}" if near(venue.reveal(), VENUES) else ""
    raise ConfigError(f"{where}: unknown venue{named}{nearest(venue.reveal(), VENUES)}")


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
    return any(key not in PUBLIC_KEYS and not is_reference(value) for key, value in row.keys.items())


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


def _account(row: AccountRow, venue: str, places: Places) -> Account:
    kind = VENUES[venue]
    # An account without a venue may be another one's: its key must not be sent here.
    refuse_unknown(f"account {shown(row.name)}, for {venue}", row.keys, kind.variables)
    secrets = {key: _looked_up(row, key, places) for key in kind.variables}
    keys = {key: value.reveal() if key in PUBLIC_KEYS else value for key, value in secrets.items()}
    try:
        return Account(row.name, kind.credentials(**keys), venue, row.weight)
    except ConfigError as error:
        raise ConfigError(f"account {shown(row.name)}: {error}") from error


def _looked_up(row: AccountRow, key: str, places: Places) -> Secret:
    value = row.keys.get(key)
    if value is None:
        raise ConfigError(f'account {shown(row.name)} has no {key}; write {key} = "env:NAME", NAME being an environment variable')
    return look_up(value, places, where=f"account {shown(row.name)}", key=key)
