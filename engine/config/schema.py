"""Every setting: what it is called, what it may be, what holds without it.

Files, variables, options, the starter file and the table in docs/configuration.md are read and written by this one.
A setting has a path of words with dots, such as `run.deadline_s`: a key of a table in the file, and, in capitals behind
`CANCEL_ENGINE_`, an environment variable. A venue's own settings stand with the venue, in `engine/config/venues.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields

from engine.config.files import KINDS
from engine.config.secrets import SERVICE
from engine.config.venues import VENUES, Key
from engine.core.retry import Retry
from engine.run import CancelEngine

PREFIX = "CANCEL_ENGINE_"
"""What the name of every variable begins with."""

FILE_VARIABLE = f"{PREFIX}CONFIG"
"""The variable that names the file where `--config` does not."""

VARIABLES = {"journal.place": f"{PREFIX}JOURNAL"}
"""Variables that are not called as their path is: a journal is its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table of the file.

    Attributes:
        says: What it is for, in a sentence or two.
        keys: Its keys, by name.
    """

    says: str
    keys: Mapping[str, Key]


def _defaults(call: type) -> dict[str, object]:
    """What a call takes where nothing is given."""
    return {name: each.default for name, each in inspect.signature(call).parameters.items()}


_ENGINE = _defaults(CancelEngine)
_RETRY = {each.name: each.default for each in fields(Retry)}

_WORDS_OF_RETRY = {
    "cancels": ("count", "Cancels tried for one order, in one sweep."),
    "reads": ("count", "Reads tried in a row to resolve one order."),
    "listings": ("count", "Tries for one page of a listing."),
    "sweeps": ("whole", "Sweeps in a row that may lead to nothing, over orders that are acknowledged and still listed."),
    "sweep_cancels": ("count", "Cancels tried for one order each time it is taken up again."),
    "first_wait_s": ("wait", "Longest wait before the second try; it doubles with every further one."),
    "longest_wait_s": ("wait", "Longest wait between two tries."),
    "longest_hold_s": ("wait", "Longest time that one answer of 429 can hold an account, whatever the venue asked for."),
    "holds": ("whole", "How often in a row a 429 may hold the account before the account is given up."),
    "longest_outage_s": ("wait", "How long a venue that takes no requests is waited for, where no deadline comes first."),
    "longest_pending_s": ("wait", "How long an order that cannot be cancelled yet is tried again."),
}

SECTIONS: Mapping[str, Section] = {
    "accounts": Section(
        says="Whose orders.",
        keys={
            "file": Key(
                kind="words",
                says="TOML or CSV file of accounts; without it, the one account of the environment.",
                example="accounts.toml",
                option="--accounts",
                is_path=True,
            ),
        },
    ),
    "secrets": Section(
        says="Where the keys that an accounts file refers to are looked up: env:NAME and file:PATH need nothing here.",
        keys={
            "keyring_service": Key(
                kind="words",
                says="The service of the operating system's keyring in which keyring:NAME is looked up.",
                default=SERVICE,
            ),
            "vault": Key(
                kind="words",
                says="The function that is given the name in vault:NAME and gives back the secret, as module:function. "
                "It is code that runs: a file that says this must be writable by its owner alone.",
                example="our_vault:secret_of",
            ),
        },
    ),
    **{f"venue.{name}": Section(says=kind.says, keys=kind.settings) for name, kind in VENUES.items()},
    "run": Section(
        says="How a run goes.",
        keys={
            "deadline_s": Key(
                kind="seconds", says="Come back by then with what is known.", unset="no deadline", example=60, option="--deadline"
            ),
            "settle_s": Key(
                kind="seconds",
                says="List again after so long, for orders that were still on their way.",
                unset="not again",
                example=2,
                option="--settle",
            ),
            "in_flight": Key(kind="count", says="Most requests on their way for one account.", default=_ENGINE["in_flight"]),
            "in_flight_in_all": Key(
                kind="count", says="Most requests on their way to one venue.", default=_ENGINE["in_flight_in_all"]
            ),
            "active_accounts": Key(
                kind="count",
                says="Most accounts that are worked on at a time, at each venue.",
                default=_ENGINE["active_accounts"],
            ),
            "grace_s": Key(
                kind="wait", says="How long answers on their way are waited for after a stop.", default=_ENGINE["grace_s"]
            ),
        },
    ),
    "retry": Section(
        says="How often, and how long to wait between. All numbers are guesses that suit an emergency, not published by a venue.",
        keys={name: Key(kind=kind, says=says, default=_RETRY[name]) for name, (kind, says) in _WORDS_OF_RETRY.items()},
    ),
    "blast_radius": Section(
        says="What a job may touch at the most; one that would touch more is refused before any cancel is sent.",
        keys={
            "max_accounts": Key(kind="count", says="Most accounts.", unset="any number", example=50, option="--max-accounts"),
            "max_orders": Key(
                kind="count", says="Most orders: lists them first.", unset="any number", example=5_000, option="--max-orders"
            ),
            "max_notional": Key(
                kind="amount",
                says="Most that they rest for; without a price, a share counts as 1. Lists them first.",
                unset="any amount",
                example=250_000,
                option="--max-notional",
            ),
        },
    ),
    "journal": Section(
        says="Where runs are written down.",
        keys={
            "place": Key(
                kind="text",
                says="A file, or postgresql://user@host/name; env:NAME takes it from an environment variable.",
                unset="journal.db in your state folder",
                example="env:JOURNAL_URL",
                option="--journal",
                is_path=True,
                is_secret=True,
            ),
            "record": Key(
                kind="flag",
                says="Whether runs are recorded; one that is not cannot be resumed.",
                default=True,
                option="--no-journal",
            ),
            "required": Key(
                kind="flag",
                says="Whether a run stops if it cannot be recorded any more.",
                default=False,
                option="--journal-required",
            ),
        },
    ),
    "report": Section(
        says="What is kept of a run beside its record.",
        keys={
            "directory": Key(
                kind="words",
                says="The folder into which the report of every run is written.",
                unset="none is written",
                example="reports",
                option="--report",
                is_path=True,
            ),
        },
    ),
    "log": Section(
        says="Events on stderr, as lines of JSON.",
        keys={
            "level": Key(
                kind="words",
                says="From which level on.",
                default="warning",
                option="--log-level",
                choices=("debug", "info", "warning", "error"),
            ),
        },
    ),
}
"""Every table of the file, in the order of the documents."""

KEYS: Mapping[str, Key] = {f"{section}.{name}": key for section, each in SECTIONS.items() for name, key in each.keys.items()}
"""Every setting, by its path."""

OPTIONS: Mapping[str, str] = {key.option: path for path, key in KEYS.items() if key.option}
"""The paths of the settings that an option of the command line stands for."""


def variable_of(path: str) -> str:
    """The environment variable of a setting."""
    return VARIABLES.get(path, PREFIX + path.upper().replace(".", "_"))


def wanted_of(key: Key) -> str:
    """What a setting must be, in words."""
    return f"one of {', '.join(key.choices)}" if key.choices else KINDS[key.kind][0]
