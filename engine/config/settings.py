"""The settings that hold, and where each came from: defaults, then a file, then the environment, then the command line.

What comes later goes before what comes earlier. Everything wrong is found in one go, each thing a sentence that names the place
and what to do, and shows no value: it may be a password. A file that decides where keys are sent, or which code runs, must not be
anybody's to write; one that holds a password must be its owner's alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from engine.config.files import KINDS, nearest, parsed, read_file
from engine.config.schema import FILE_VARIABLE, KEYS, PREFIX, SECTIONS, variable_of, wanted_of
from engine.config.secrets import ENVIRONMENT, Unshown
from engine.config.venues import VENUES, Key, open_venue
from engine.core.retry import Retry
from engine.errors import ConfigError, shown
from engine.secret import SHOWN, Secret

DEFAULT, IN_FILE, IN_ENVIRONMENT, IN_COMMAND = "default", "file", "environment", "command line"
"""Where a value came from."""

LONGEST_LINE = 1_000
"""A longer line of a file is not looked at to say where a setting stands. A guess."""

MOST_STRANGERS = 100
"""Most unknown keys of one table that are named: to look for the nearest known one takes time. A guess."""

_ADDRESS = "://"
"""What is no path: the address of a database."""

_PASSWORD = re.compile(r"://.*(:.*@|password=)", re.DOTALL)
"""In the address of a database."""


@dataclass(frozen=True, slots=True)
class Value:
    """What holds, and why.

    Attributes:
        value: The value; None where nothing is set. What may hold a password is a `Secret`.
        source: `default`, `file`, `environment` or `command line`.
        where: The same in words: file and line, variable, or option.
    """

    value: Any
    source: str
    where: str

    @property
    def shown(self) -> Any:
        """The value as anybody may see it."""
        return SHOWN if isinstance(self.value, Secret) else self.value


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its value.

    Attributes:
        file: The file that was read, or None.
        values: By path, in the order of the schema.
        faults: What is wrong, each with the place and what to do; what is wrong has its default in `values`.
    """

    file: Path | None
    values: Mapping[str, Value]
    faults: tuple[str, ...] = ()

    def __getitem__(self, path: str) -> Any:
        """The value of a setting, such as `run.deadline_s`; None where nothing is set."""
        return self.values[path].value

    def came_from(self, path: str) -> str:
        """Where a value came from, in words."""
        return self.values[path].where

    def chosen(self, section: str) -> dict[str, Any]:
        """What is set of a table, by key: nothing that holds by default."""
        found = {name: self.values[f"{section}.{name}"] for name in SECTIONS[section].keys}
        return {name: each.value for name, each in found.items() if each.source != DEFAULT}

    def venue(self, name: str) -> dict[str, Any]:
        """What is set of a venue."""
        return self.chosen(f"venue.{name}")

    @property
    def bounds(self) -> dict[str, Any]:
        """What an engine is made with, beside its venues."""
        names = ("in_flight", "in_flight_in_all", "active_accounts", "grace_s")
        return {**{name: self[f"run.{name}"] for name in names}, "retry": Retry(**self.chosen("retry"))}

    def check(self) -> None:
        """Refuse what is wrong.

        Raises:
            ConfigError: the first thing, and how many more there are.
        """
        if self.faults:
            more = len(self.faults) - 1
            also = f" ({more} more; cancel-engine config check names them all)" if more else ""
            raise ConfigError(f"{self.faults[0]}{also}")


def read_settings(path: Path | None, *, environment: Mapping[str, str] | None = None, given: Sequence[str] = ()) -> Settings:
    """The settings that hold.

    Args:
        path: The file, or None for none.
        environment: Where variables that begin with `CANCEL_ENGINE_` are read; none of them where it is left out.
        given: What the command line says, each `PATH=VALUE`.

    Raises:
        ConfigError: something is wrong; the words are the first thing of `find_settings(...).faults`.
    """
    environment = Unshown(environment or {})
    settings = find_settings(path, environment=environment, given=given)
    settings.check()
    return settings


def find_settings(path: Path | None, *, environment: Mapping[str, str] | None = None, given: Sequence[str] = ()) -> Settings:
    """The same with everything that is wrong in `faults`. Raises nothing."""
    values = {name: Value(key.default, DEFAULT, "default") for name, key in KEYS.items()}
    faults: list[str] = []
    if path is not None:
        values.update(_of_file(path, faults))
    values.update(_of_environment(environment or {}, faults))
    values.update(_of_command(given, faults))
    faults += _contradictions(values)
    return Settings(path, values, tuple(dict.fromkeys(faults)))


# --- sources


def _of_file(path: Path, faults: list[str]) -> dict[str, Value]:
    try:
        text, others = read_file(path, "the settings file")
        table = parsed(path, text)
    except ConfigError as error:
        faults.append(str(error))
        return {}
    places = _lines(text)

    def where(*names: str) -> str:
        line = next((places[names[:end]] for end in range(len(names), 0, -1) if places.get(names[:end])), None)
        return f"{path}:{line}" if line else f"{path}"

    found: dict[str, Value] = {}
    for section, name, value in _flat(table, where, faults):
        full, key = f"{section}.{name}", SECTIONS[section].keys[name]
        place = where(*section.split("."), name)
        if _is_good(key, value):
            found[full] = Value(_held(key, value, path.parent), IN_FILE, place)
        else:
            faults.append(f"{place}: [{section}]: {name} must be {wanted_of(key)}")
    return {name: value for name, value in found.items() if not _is_exposed(path, name, value, others, faults)}


def _flat(table: Mapping[str, Any], where: Callable[..., str], faults: list[str]) -> list[tuple[str, str, Any]]:
    """Each known key of each known table: the table, the key, its value."""
    found: list[tuple[str, str, Any]] = []
    tops = dict.fromkeys(section.partition(".")[0] for section in SECTIONS)
    for top, inner in _known((), table, tops, where, faults):
        if top in SECTIONS:
            tables = [(top, inner)]
        else:
            below = [section.partition(".")[2] for section in SECTIONS if section.startswith(f"{top}.")]
            tables = [(f"{top}.{name}", deeper) for name, deeper in _known((top,), inner, below, where, faults)]
        for section, deeper in tables:
            known = _known(tuple(section.split(".")), deeper, SECTIONS[section].keys, where, faults)
            found += [(section, name, value) for name, value in known]
    return found


def _known(
    names: tuple[str, ...], table: object, known: Iterable[str], where: Callable[..., str], faults: list[str]
) -> list[tuple[str, Any]]:
    """The keys of a table that are known, with their values; the others, and what is no table, are faults."""
    known = list(known)
    inside = f"[{'.'.join(names)}]: " if names else ""
    if not isinstance(table, dict):
        faults.append(f"{where(*names)}: {'.'.join(names)} must be a table, as in [{'.'.join(names)}]")
        return []
    strangers = islice((name for name in table if name not in known), MOST_STRANGERS)
    faults += [f"{where(*names, name)}: {inside}unknown key {shown(name)}{nearest(name, known)}" for name in strangers]
    return [(name, table[name]) for name in known if name in table]


def _is_exposed(path: Path, name: str, value: Value, others: int, faults: list[str]) -> bool:
    """Whether others may do to this file what its setting does not bear."""
    # A group is let through where it can only misdirect: where each user has one of their own, files are made writable by it.
    if name.endswith(".base_url") and others & 0o002:
        faults.append(f"{path} says where keys are sent, and anybody may change it; run: chmod o-w {path}")
    elif name == "secrets.vault" and others & 0o022:
        faults.append(f"{path} says which code runs (secrets.vault), and others may change it; run: chmod go-w {path}")
    elif isinstance(value.value, Secret) and others and _PASSWORD.search(value.value.reveal()):
        faults.append(f"{path} holds a password (journal.place), and others may read or change it; run: chmod 600 {path}")
    else:
        return False
    return True


def _of_environment(environment: Mapping[str, str], faults: list[str]) -> dict[str, Value]:
    paths = {variable_of(path): path for path in KEYS}
    found = {}
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable == FILE_VARIABLE:
            continue
        if variable not in paths:
            near = nearest(variable, paths) if len(variable) <= LONGEST_LINE else ""
            hint = near if near.startswith("; did") else "; cancel-engine config show names those that there are"
            faults.append(f"the environment variable {shown(variable)} is no setting{hint}")
            continue
        path = paths[variable]
        value = _read(KEYS[path], Secret(environment[variable]))
        if value is None:
            faults.append(f"the environment variable {variable} must be {_wanted_as_text(KEYS[path])}")
        else:
            found[path] = Value(value, IN_ENVIRONMENT, variable)
    return found


def _of_command(given: Iterable[str], faults: list[str]) -> dict[str, Value]:
    found = {}
    for text in given:
        path, sign, value = text.partition("=")
        path = path.strip()
        if not sign:
            faults.append("--set needs a setting and its value, such as --set run.deadline_s=30")
        elif path not in KEYS:
            faults.append(f"--set: unknown setting {shown(path)}{_nearest_path(path)}")
        else:
            read = _read(KEYS[path], Secret(value))
            if read is None:
                faults.append(f"--set {path} must be {_wanted_as_text(KEYS[path])}")
            else:
                found[path] = Value(read, IN_COMMAND, f"{IN_COMMAND}: --set {path}")
    return found


def _nearest_path(path: str) -> str:
    near = nearest(path, KEYS)
    return near if near.startswith("; did") else "; cancel-engine config show names those that there are"


def _contradictions(values: Mapping[str, Value]) -> list[str]:
    """What no single value is to blame for, or what a venue refuses."""
    faults = []
    for name in VENUES:
        chosen = {key: values[f"venue.{name}.{key}"] for key in VENUES[name].settings}
        chosen = {key: each for key, each in chosen.items() if each.source != DEFAULT}
        try:
            open_venue(name, {key: each.value for key, each in chosen.items()})
        except ConfigError as error:
            where = ", ".join(dict.fromkeys(each.where for each in chosen.values()))
            faults.append(f"{where}: [venue.{name}]: {error}")
    if values["journal.required"].value and not values["journal.record"].value:
        where = f"{values['journal.required'].where} and {values['journal.record'].where}"
        faults.append(f"{where}: journal.required and journal.record = false contradict each other: leave one out")
    return faults


# --- values


def _is_good(key: Key, value: object) -> bool:
    return KINDS[key.kind][1](value) and (not key.choices or value in key.choices)


def _held(key: Key, value: Any, folder: Path) -> Any:
    """The value as it is used: money as `Decimal`, a path from the folder of its file, what may hold a password as a `Secret`."""
    if key.kind == "amount":
        return Decimal(str(value))
    if key.is_secret and _ADDRESS in value:
        return Secret(value)
    if key.is_path and value.strip() and not value.startswith(ENVIRONMENT):
        with suppress(RuntimeError):  # nobody's home: then it is a name like any other
            value = str(folder / Path(value).expanduser())
    return value


def _read(key: Key, text: Secret) -> Any:
    """The value that a text stands for, or None where it stands for none that is good. Raises nothing: it may see a password."""
    try:
        value = _READERS.get(key.kind, str)(text.reveal().strip())
    except (ValueError, RecursionError):
        return None
    return _held(key, value, Path()) if _is_good(key, value) else None


def _whole_numbers(text: str) -> list[int]:
    return [_whole_number(each.strip()) for each in text.strip("[]").split(",")]


def _whole_number(text: str) -> int:
    if len(text) > 100 or not text.isascii():
        raise ValueError
    return int(text)


def _number(text: str) -> float | int:
    try:
        return _whole_number(text)
    except ValueError:
        return float(text)


_FLAGS = {"true": True, "false": False}

_READERS: Mapping[str, Callable[[str], Any]] = {
    "flag": lambda text: _FLAGS.get(text.lower()),
    "count": _whole_number,
    "whole": _whole_number,
    "counts": _whole_numbers,
    "seconds": _number,
    "wait": _number,
}


def _wanted_as_text(key: Key) -> str:
    """What a setting must be where everything is text."""
    texts = {
        "text": "a text",
        "words": "a text that is not blank",
        "counts": "whole numbers of at least 1 with commas, such as 1,2",
    }
    return wanted_of(key) if key.choices else texts.get(key.kind, wanted_of(key))


def in_toml(value: Any) -> str:
    """A value as a file has it."""
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


# --- lines


def _lines(text: Secret) -> dict[tuple[str, ...], int]:
    """The line of each key and table, from 1, as far as it is beyond doubt. Raises nothing: it sees passwords in the clear."""
    found: dict[tuple[str, ...], int] = {}
    section: tuple[str, ...] = ()
    is_inside = False  # a text of several lines
    for number, line in enumerate(text.reveal().split("\n"), start=1):
        was_inside = is_inside
        is_inside ^= (line.count('"""') + line.count("'''")) % 2 == 1
        begin = line.strip()
        if was_inside or len(line) > LONGEST_LINE or begin.startswith("#"):
            continue
        if begin.startswith("["):
            section = _parts(begin.strip("[").partition("]")[0])
            names = section
        elif "=" in begin:
            names = (*section, *_parts(begin.partition("=")[0]))
        else:
            continue
        found[names] = 0 if names in found else number
    return found


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
