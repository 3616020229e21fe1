"""Serving a simulated venue: what `simulate` does once it is asked to. Loads the simulator."""

from __future__ import annotations

import difflib
import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import click

from engine.cli.accounts_file import in_toml, new_private_file
from engine.cli.comparison import Rate
from engine.cli.output import CLEAN, print_json
from engine.cli.signals import stopping
from engine.config import LONGEST_NAME, VENUES
from engine.errors import ConfigError, shown
from engine.simulator import (
    Fault,
    FaultPlan,
    FaultRule,
    OpinionRules,
    OpinionSimulator,
    SimulatedVenue,
    opinion,
    polymarket,
    serve,
)
from engine.simulator.polymarket import PolymarketRules, PolymarketSimulator
from engine.simulator.polymarket.rules import TIERS

MOST_ORDERS = 1_000_000
"""Orders of all accounts together: about a gigabyte. A guess."""


Simulator = OpinionSimulator | PolymarketSimulator


def _opinion(*, latency_s: float, jitter_s: float = 0.0, has_limits: bool, faults: FaultPlan, seed: int) -> OpinionSimulator:
    """An Opinion with its published limit, or without one."""
    published = OpinionRules()
    rules = OpinionRules(latency_s=latency_s, latency_jitter_s=jitter_s, quota=published.quota if has_limits else None)
    return OpinionSimulator(seed=seed, rules=rules, faults=faults)


def _polymarket(
    *, latency_s: float, jitter_s: float = 0.0, has_limits: bool, faults: FaultPlan, seed: int
) -> PolymarketSimulator:
    """A Polymarket whose clock is this machine's, with its token buckets enforced or off."""
    rules = PolymarketRules(
        epoch_s=time.time(), latency_s=latency_s, latency_jitter_s=jitter_s, buckets="enforced" if has_limits else "off"
    )
    return PolymarketSimulator(seed=seed, rules=rules, faults=faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A venue that can be simulated: how to make it, what can go wrong there, what it allows by itself, and that in words."""

    make: Callable[..., Simulator]
    faults: Mapping[str, Fault]
    rate: Rate
    allows: str


_QUOTA = OpinionRules().quota
_TIER = TIERS[PolymarketRules().tier]

SCENES: Mapping[str, Scene] = {
    "opinion": Scene(
        make=_opinion,
        faults=opinion.FAULTS,
        rate=Rate(venue="opinion", unit="request", per_s=_QUOTA),
        allows=f"{_QUOTA} requests a second for each key",
    ),
    "polymarket": Scene(
        make=_polymarket,
        faults=polymarket.FAULTS,
        # A full purse, and what it gains within the second.
        rate=Rate(venue="polymarket", unit="token", per_s=_TIER.burst + round(_TIER.per_s), by_weight=True),
        allows=f"{_TIER.burst} cancels at once and {_TIER.per_s:g} a second for each signer",
    ),
}
"""Every venue that can be simulated."""


def serve_until_stopped(
    *,
    venue: str,
    port: int,
    accounts: int,
    orders: int,
    faults: Sequence[str],
    latency_ms: float,
    no_limits: bool,
    seed: int,
    accounts_file: Path | None,
    as_json: bool,
) -> int:
    """Serve the venue on loopback until a signal comes.

    Raises:
        ConfigError: an option cannot be used, or the port cannot be had.
    """
    if accounts * orders > MOST_ORDERS:
        raise ConfigError(f"{accounts} accounts of {orders} orders are more than {MOST_ORDERS:,} orders")
    if venue not in SCENES:
        raise ConfigError(f"venue {venue!r} cannot be simulated; available: {', '.join(SCENES)}")
    scene = SCENES[venue]
    plan = FaultPlan(tuple(read_fault(text, scene.faults) for text in faults), seed=seed)
    simulator = scene.make(latency_s=latency_ms / 1000, has_limits=not no_limits, faults=plan, seed=seed)
    made = [simulator.add_account(f"account-{number}", orders=orders) for number in range(1, accounts + 1)]
    rows = [{"name": each.name, "venue": venue, **keys_of(each, venue)} for each in made]
    if accounts_file is not None:
        with new_private_file(accounts_file) as file:
            file.write(in_toml(rows))

    def announce(base_url: str) -> None:
        if as_json:
            print_json({"base_url": base_url, "accounts": rows}, indent=None)
        else:
            click.echo(_describe(base_url, venue, rows, accounts_file))

    try:
        anyio.run(_serve, simulator, port, announce)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigError(f"port {port} of 127.0.0.1 cannot be used: {os.strerror(error.errno or 0)}") from error
    return CLEAN


def keys_of(account: object, venue: str) -> dict[str, str]:
    """What a client needs to know of a simulated account, under the names that an accounts file has for it."""
    return {key: getattr(account, key) for key in VENUES[venue].variables}


async def _serve(simulator: SimulatedVenue, port: int, announce: Callable[[str], None]) -> None:
    """Serve until a signal comes; announce the address once it answers."""
    stop = anyio.Event()
    with stopping(stop.set):
        async with serve(simulator, port=port) as server:
            announce(server.base_url)
            await stop.wait()


def _describe(base_url: str, venue: str, rows: Sequence[Mapping[str, str]], accounts_file: Path | None) -> str:
    variables = VENUES[venue].variables
    shown = [f"  {row['name']}: {', '.join(_named(row, key) for key in variables)}" for row in rows[:10]]
    more = [f"  and {len(rows) - 10} more"] if len(rows) > 10 else []
    given = [f"{variable}={shlex.quote(rows[0][key])}" for key, variable in variables.items()] if accounts_file is None else []
    file = [] if accounts_file is None else ["--accounts", shlex.quote(str(accounts_file))]
    return "\n".join(
        [
            f"A simulated {venue} answers at {base_url}; stop it with Ctrl-C. Its keys open nothing else:",
            *shown,
            *more,
            " ".join(["Try:", *given, "cancel-engine cancel-all --venue", venue, "--base-url", base_url, *file]),
        ]
    )


def _named(row: Mapping[str, str], key: str) -> str:
    """The key by its name, where that is not plain."""
    return row[key] if len(row) == 3 else f"{key} {row[key]}"


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
    near = difflib.get_close_matches(name[:LONGEST_NAME], catalogue, n=5, cutoff=0.5)
    near += [known for known in catalogue if name and name in known and known not in near]
    hint = f"near ones: {', '.join(near[:8])}" if near else f"some of {len(catalogue)}: {', '.join(list(catalogue)[:8])}"
    raise ConfigError(f"there is no fault {shown(name)}; {hint}")
