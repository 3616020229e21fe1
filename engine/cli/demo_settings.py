"""What the demo shows: the values that hold, and the file that can replace them. Loads the simulators' catalogues of faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.cli.simulation import SCENES, find_fault
from engine.config import checked_table, read_table
from engine.core.order import Side
from engine.errors import ConfigError, shown
from engine.simulator import FaultRule


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """Who has how many open orders, and which of them are cancelled: all, or one side."""

    name: str
    orders: int
    side: Side | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that goes wrong on purpose: when, and in words."""

    rule: FaultRule
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One venue of the demo: its accounts, and what goes wrong there, in the order of precedence."""

    accounts: tuple[DemoAccount, ...]
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """What the demo shows. configs/demo.toml holds the same values, each explained; a test keeps the two alike.

    Attributes:
        seed: Decides keys, orders and which requests are struck.
        latency_ms: Least think time of the simulated venues.
        latency_jitter_ms: Up to so much is added to it.
        timeout_s: Bound of one request.
        stages: Name of a venue to what is shown there.
    """

    seed: int = 11
    latency_ms: float = 20
    latency_jitter_ms: float = 30
    timeout_s: float = 1.0
    stages: Mapping[str, Stage]


def _trouble(venue: str, fault: str, says: str, **when: Any) -> Trouble:
    return Trouble(FaultRule(SCENES[venue].faults[fault], **when), says)


LISTED_AFTERWARDS = ("alice", "bob", "carol")
"""Accounts whose key lives to the end: a false acknowledgement comes out by the listing that follows, and only by that."""

ON_CANCEL = ("cancel",)
BY_IDS = ("cancel_many",)
ALL_AT_ONCE = ("cancel_all",)

OPINION = Stage(
    accounts=(DemoAccount("alice", 100), DemoAccount("bob", 25), DemoAccount("carol", 15), DemoAccount("dave", 15)),
    troubles=(
        _trouble("opinion", "key_dead_401", "the key is revoked while the run is on", accounts=("dave",), from_request=9),
        _trouble("opinion", "drop_after", "the order is cancelled, and the answer is lost", routes=ON_CANCEL, share=0.04),
        _trouble("opinion", "drop", "the connection breaks before anything is done", routes=ON_CANCEL, share=0.03),
        _trouble("opinion", "hang_after", "the order is cancelled, and no answer ever comes", routes=ON_CANCEL, share=0.02),
        _trouble(
            "opinion",
            "cancels_ignored",
            "the cancel is acknowledged and not done",
            accounts=LISTED_AFTERWARDS,
            routes=ON_CANCEL,
            share=0.03,
        ),
        _trouble("opinion", "result_false", "HTTP 200 and errno 0, but result false", routes=ON_CANCEL, share=0.05),
        _trouble("opinion", "html_502", "an HTML page with HTTP 502", share=0.03),
        _trouble("opinion", "rate_429_retry_1", "HTTP 429 and Retry-After: 1, within the limit", share=0.01),
        _trouble("opinion", "filled_meanwhile", "the order fills just before its cancel", routes=ON_CANCEL, share=0.03),
        _trouble("opinion", "cancelled_meanwhile", "somebody else cancels it just before", routes=ON_CANCEL, share=0.02),
    ),
)

POLYMARKET = Stage(
    accounts=(
        DemoAccount("erin", 300),
        DemoAccount("frank", 400, Side.BUY),
        DemoAccount("grace", 60),
        DemoAccount("heidi", 80, Side.SELL),
    ),
    troubles=(
        _trouble("polymarket", "restart_425", "the venue's engine restarts", accounts=("grace",), routes=ALL_AT_ONCE, times=2),
        _trouble(
            "polymarket",
            "reason_ambiguous",
            "said to be cancelled or matched already, and live",
            accounts=("heidi",),
            routes=BY_IDS,
            times=1,
        ),
        _trouble(
            "polymarket",
            "reason_ambiguous_after",
            "the same words, and the order is cancelled",
            accounts=("heidi",),
            routes=BY_IDS,
            from_request=2,
            times=1,
        ),
        _trouble("polymarket", "drop_after", "the orders are cancelled, and the answer is lost", routes=BY_IDS, share=0.05),
        _trouble("polymarket", "in_neither", "the answer does not mention an order that still rests", routes=BY_IDS, share=0.10),
        _trouble("polymarket", "acknowledged_not_done", "cancels are acknowledged and not done", routes=BY_IDS, share=0.05),
        _trouble("polymarket", "html_502", "an HTML page with HTTP 502", share=0.03),
        _trouble(
            "polymarket",
            "filled_meanwhile",
            "an order fills just before its cancel",
            accounts=("frank",),
            routes=BY_IDS,
            from_request=3,
            times=2,
        ),
    ),
)

DEFAULT = DemoSettings(stages={"opinion": OPINION, "polymarket": POLYMARKET})

_TOP = {
    "seed": "whole",
    "latency_ms": "milliseconds",
    "latency_jitter_ms": "milliseconds",
    "timeout_s": "seconds",
    **dict.fromkeys(SCENES, "table"),
}
_STAGE = {"account": "tables", "fault": "tables"}
_ACCOUNT = {"name": "text", "orders": "whole", "side": "side"}
_FAULT = {
    "name": "text",
    "says": "text",
    "share": "share",
    "routes": "texts",
    "accounts": "texts",
    "from_request": "count",
    "times": "count",
    "times_per_order": "count",
}


def read_demo(path: Path) -> DemoSettings:
    """The demo that a file describes.

    Raises:
        ConfigError: anything in it cannot be used.
    """
    table = checked_table(f"{path}", read_table(path), _TOP)
    stages = {venue: _read_stage(path, venue, table.pop(venue)) for venue in SCENES if venue in table}
    stages = {venue: stage for venue, stage in stages.items() if stage.accounts}
    names = [account.name for stage in stages.values() for account in stage.accounts]
    if not names:
        raise ConfigError(f"{path}: no accounts in it; each begins with [[{next(iter(SCENES))}.account]]")
    if len(set(names)) < len(names):
        raise ConfigError(f"{path}: every account needs a name of its own")
    return DemoSettings(stages=stages, **table)


def _read_stage(path: Path, venue: str, table: object) -> Stage:
    values = checked_table(f"{path}: [{venue}]", table, _STAGE)
    accounts = tuple(_read_account(f"{path}: [[{venue}.account]]", entry) for entry in values.get("account", []))
    where = f"{path}: [[{venue}.fault]]"
    troubles = tuple(_read_trouble(where, venue, entry, accounts) for entry in values.get("fault", []))
    return Stage(accounts=accounts, troubles=troubles)


def _read_account(where: str, entry: object) -> DemoAccount:
    values = checked_table(where, entry, _ACCOUNT)
    if "name" not in values or "orders" not in values:
        raise ConfigError(f"{where} needs name and orders")
    return DemoAccount(values["name"], values["orders"], Side(values["side"]) if "side" in values else None)


def _read_trouble(where: str, venue: str, entry: object, accounts: tuple[DemoAccount, ...]) -> Trouble:
    values = checked_table(where, entry, _FAULT)
    fault = find_fault(values.pop("name", ""), SCENES[venue].faults)
    strangers = set(values.get("accounts", [])) - {account.name for account in accounts}
    if strangers:
        raise ConfigError(f"{where}: fault {fault.name}: there is no account {shown(min(strangers))}")
    says = values.pop("says", fault.says)
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return Trouble(FaultRule(fault, **values), says)
