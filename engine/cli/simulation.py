"""Serving a simulated venue: what `simulate` does once it is asked to. Loads the simulator."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import click

from engine.cli.output import CLEAN, print_json
from engine.cli.signals import stopping
from engine.errors import ConfigError
from engine.simulator import Fault, FaultPlan, FaultRule, OpinionRules, OpinionSimulator, SimulatedVenue, serve
from engine.simulator.opinion import FAULTS

MOST_ORDERS = 1_000_000
"""Orders of all accounts together: about a gigabyte. A guess."""

Scene = Callable[..., tuple[SimulatedVenue, list[dict[str, str]]]]


def _opinion(
    *, accounts: int, orders: int, faults: Sequence[FaultRule], latency_ms: float, no_limits: bool, seed: int
) -> tuple[SimulatedVenue, list[dict[str, str]]]:
    """An Opinion with so many accounts, and what a client needs to know of each."""
    published = OpinionRules()
    rules = OpinionRules(latency_s=latency_ms / 1000, quota=None if no_limits else published.quota)
    simulator = OpinionSimulator(seed=seed, rules=rules, faults=FaultPlan(tuple(faults), seed=seed))
    made = [simulator.add_account(f"account-{number}", orders=orders) for number in range(1, accounts + 1)]
    return simulator, [{"name": account.name, "venue": "opinion", "api_key": account.api_key} for account in made]


SCENES: Mapping[str, tuple[Scene, Mapping[str, Fault]]] = {"opinion": (_opinion, FAULTS)}
"""Every venue that can be simulated, with what can go wrong there."""


def serve_until_stopped(
    *, venue: str, port: int, faults: Sequence[str], accounts_file: Path | None, as_json: bool, **scene: Any
) -> int:
    """Serve the venue on loopback until a signal comes.

    Raises:
        ConfigError: an option cannot be used, or the port cannot be had.
    """
    if scene["accounts"] * scene["orders"] > MOST_ORDERS:
        raise ConfigError(f"{scene['accounts']} accounts of {scene['orders']} orders are more than {MOST_ORDERS:,} orders")
    if venue not in SCENES:
        raise ConfigError(f"venue {venue!r} cannot be simulated; available: {', '.join(SCENES)}")
    build, catalogue = SCENES[venue]
    rules = [read_fault(text, catalogue) for text in faults]
    simulator, accounts = build(faults=rules, **scene)
    if accounts_file is not None:
        _write_accounts(accounts_file, accounts)

    def announce(base_url: str) -> None:
        if as_json:
            print_json({"base_url": base_url, "accounts": accounts}, indent=None)
        else:
            click.echo(_describe(base_url, accounts, accounts_file))

    try:
        anyio.run(_serve, simulator, port, announce)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigError(f"port {port} of 127.0.0.1 cannot be used: {os.strerror(error.errno or 0)}") from error
    return CLEAN


async def _serve(simulator: SimulatedVenue, port: int, announce: Callable[[str], None]) -> None:
    """Serve until a signal comes; announce the address once it answers."""
    stop = anyio.Event()
    with stopping(stop.set):
        async with serve(simulator, port=port) as server:
            announce(server.base_url)
            await stop.wait()


def _describe(base_url: str, accounts: Sequence[Mapping[str, str]], accounts_file: Path | None) -> str:
    shown = [f"  {account['name']}: {account['api_key']}" for account in accounts[:10]]
    more = [f"  and {len(accounts) - 10} more"] if len(accounts) > 10 else []
    use = f"OPINION_API_KEY={accounts[0]['api_key']} " if accounts_file is None else ""
    file = f" --accounts {accounts_file}" if accounts_file is not None else ""
    return "\n".join(
        [
            f"A simulated {accounts[0]['venue']} answers at {base_url}; stop it with Ctrl-C. Its keys open nothing else:",
            *shown,
            *more,
            f"Try: {use}cancel-engine cancel-all --venue {accounts[0]['venue']} --base-url {base_url}{file}",
        ]
    )


def read_fault(text: str, catalogue: Mapping[str, Fault]) -> FaultRule:
    """The rule that `NAME` or `NAME:SHARE` stands for.

    Raises:
        ConfigError: no such fault, with the nearest ones; or a share that is none.
    """
    name, _, share = text.partition(":")
    try:
        portion = float(share) if share else 1.0
    except ValueError:
        portion = -1.0
    if not 0 <= portion <= 1:
        raise ConfigError(f"fault {name}: its share must be a number from 0 to 1, not {share!r}")
    return FaultRule(find_fault(name, catalogue), share=portion)


def find_fault(name: str, catalogue: Mapping[str, Fault]) -> Fault:
    """The fault of this name.

    Raises:
        ConfigError: there is none; the nearest ones are named.
    """
    if name in catalogue:
        return catalogue[name]
    near = difflib.get_close_matches(name, catalogue, n=5, cutoff=0.5)
    near += [known for known in catalogue if name and name in known and known not in near]
    hint = f"near ones: {', '.join(near[:8])}" if near else f"some of {len(catalogue)}: {', '.join(list(catalogue)[:8])}"
    raise ConfigError(f"there is no fault {name!r}; {hint}")


def _write_accounts(path: Path, accounts: Sequence[Mapping[str, str]]) -> None:
    """Write an accounts file that only its owner can read, and never over one that is there."""
    tables = ["[[account]]\n" + "".join(f'{key} = "{value}"\n' for key, value in account.items()) for account in accounts]
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConfigError(f"{path} exists already and is not written over; remove it or choose another name") from error
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(tables))
