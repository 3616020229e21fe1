"""The demo: a simulated venue that misbehaves, a real run against it over HTTP, and the truth beside the report.

Loads the simulator. The run itself knows nothing of it: it gets an address and keys, as any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from engine.cli.accounts import Wanted
from engine.cli.comparison import Comparison, compare, print_comparison
from engine.cli.output import AT_RISK, CLEAN, counted, print_json, print_sentence, stderr_console, stdout_console
from engine.cli.running import follow, print_verdict
from engine.cli.simulation import find_fault
from engine.cli.tables import new_table, print_report
from engine.cli.verdicts import say_run
from engine.config import checked_table, read_table
from engine.core.report import RunReport
from engine.core.request import Account, Scope
from engine.errors import ConfigError
from engine.simulator import FaultPlan, FaultRule, OpinionRules, OpinionSimulator, serve
from engine.simulator.opinion import FAULTS
from engine.venues.opinion import Opinion, OpinionKey

ON_CANCEL = ("cancel",)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that goes wrong on purpose: when, and in words."""

    rule: FaultRule
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """What the demo shows. configs/demo.toml holds the same values, each explained; a test keeps the two alike.

    Attributes:
        seed: Decides keys, orders and which requests are struck.
        latency_ms: Least think time of the simulated venue.
        latency_jitter_ms: Up to so much is added to it.
        timeout_s: Bound of one request.
        accounts: Name to number of open orders.
        troubles: What goes wrong, in the order of precedence.
    """

    seed: int = 11
    latency_ms: float = 20
    latency_jitter_ms: float = 30
    timeout_s: float = 1.0
    accounts: Mapping[str, int]
    troubles: tuple[Trouble, ...]


DEFAULT = DemoSettings(
    accounts={"alice": 100, "bob": 25, "carol": 15, "dave": 15},
    troubles=(
        Trouble(FaultRule(FAULTS["key_dead_401"], accounts=("dave",), from_request=9), "the key is revoked while the run is on"),
        Trouble(FaultRule(FAULTS["drop_after"], routes=ON_CANCEL, share=0.04), "the order is cancelled, and the answer is lost"),
        Trouble(FaultRule(FAULTS["drop"], routes=ON_CANCEL, share=0.03), "the connection breaks before anything is done"),
        Trouble(
            FaultRule(FAULTS["hang_after"], routes=ON_CANCEL, share=0.02), "the order is cancelled, and no answer ever comes"
        ),
        Trouble(FaultRule(FAULTS["cancels_ignored"], routes=ON_CANCEL, share=0.03), "the cancel is acknowledged and not done"),
        Trouble(FaultRule(FAULTS["result_false"], routes=ON_CANCEL, share=0.05), "HTTP 200 and errno 0, but result false"),
        Trouble(FaultRule(FAULTS["html_502"], share=0.03), "an HTML page with HTTP 502"),
        Trouble(FaultRule(FAULTS["rate_429_retry_1"], share=0.01), "HTTP 429 and Retry-After: 1, within the limit"),
        Trouble(FaultRule(FAULTS["filled_meanwhile"], routes=ON_CANCEL, share=0.03), "the order fills just before its cancel"),
        Trouble(FaultRule(FAULTS["cancelled_meanwhile"], routes=ON_CANCEL, share=0.02), "somebody else cancels it just before"),
    ),
)

_TOP = {
    "seed": "whole",
    "latency_ms": "milliseconds",
    "latency_jitter_ms": "milliseconds",
    "timeout_s": "seconds",
    "account": "tables",
    "fault": "tables",
}
_ACCOUNT = {"name": "text", "orders": "whole"}
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
    accounts: dict[str, int] = {}
    for entry in table.pop("account", []):
        values = checked_table(f"{path}: [[account]]", entry, _ACCOUNT)
        if "name" not in values or "orders" not in values or values["name"] in accounts:
            raise ConfigError(f"{path}: every [[account]] needs a name of its own, and orders")
        accounts[values["name"]] = values["orders"]
    if not accounts:
        raise ConfigError(f"{path}: no accounts in it; each begins with [[account]], then name = … and orders = …")
    troubles = tuple(_read_trouble(path, entry, accounts) for entry in table.pop("fault", []))
    return DemoSettings(accounts=accounts, troubles=troubles, **table)


def _read_trouble(path: Path, entry: object, accounts: Mapping[str, int]) -> Trouble:
    values = checked_table(f"{path}: [[fault]]", entry, _FAULT)
    fault = find_fault(values.pop("name", ""), FAULTS)
    strangers = [name for name in values.get("accounts", []) if name not in accounts]
    if strangers:
        raise ConfigError(f"{path}: fault {fault.name}: there is no account {strangers[0]!r}")
    says = values.pop("says", fault.says)
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return Trouble(FaultRule(fault, **values), says)


def demonstrate(config: Path | None, *, seed: int | None, as_json: bool) -> int:
    """Run the demo; give back 0 if the report agrees with the ledger in every order, else 1.

    Raises:
        ConfigError: the settings cannot be used.
    """
    settings = DEFAULT if config is None else read_demo(config)
    settings = settings if seed is None else replace(settings, seed=seed)
    report, comparison = anyio.run(_run, settings, as_json)
    sentence = _say(report, comparison)
    code = AT_RISK if comparison.lies else CLEAN
    if as_json:
        print_json(report.to_dict() | {"seed": settings.seed, "ledger": comparison.to_dict()})
        print_sentence(stderr_console(), sentence)
        return code
    console = stdout_console()
    print_report(console, report)
    print_comparison(console, comparison)
    print_verdict(say_run(report, Scope()), is_clean=report.is_clean)
    print_verdict(sentence, is_clean=not comparison.lies)
    return code


async def _run(settings: DemoSettings, as_json: bool) -> tuple[RunReport, Comparison]:  # noqa: FBT001  # anyio.run hands on no names
    simulator = _simulator(settings)
    accounts = [Account(name, OpinionKey(simulator.account(name).api_key), "opinion") for name in settings.accounts]
    async with serve(simulator) as server:
        if not as_json:
            _introduce(settings, server.base_url)
        venue = Opinion(server.base_url, timeout_s=settings.timeout_s)
        wanted = Wanted(venue=venue, accounts=accounts, deadline_s=None, as_json=as_json)
        report = await follow(
            wanted, lambda engine, progress: engine.mass_cancel(accounts, progress=progress), seed=settings.seed
        )
    return report, compare(report, simulator.ledger, quota=simulator.rules.quota)


def _simulator(settings: DemoSettings) -> OpinionSimulator:
    rules = OpinionRules(latency_s=settings.latency_ms / 1000, latency_jitter_s=settings.latency_jitter_ms / 1000)
    faults = tuple(trouble.rule for trouble in settings.troubles)
    simulator = OpinionSimulator(seed=settings.seed, rules=rules, faults=FaultPlan(faults, seed=settings.seed))
    for name, orders in settings.accounts.items():
        simulator.add_account(name, orders=orders)
    return simulator


def _introduce(settings: DemoSettings, base_url: str) -> None:
    console = stdout_console()
    orders = counted(sum(settings.accounts.values()), "open order")
    print_sentence(
        console,
        f"A simulated Opinion at {base_url}: {counted(len(settings.accounts), 'account')}, {orders}, "
        f"{OpinionRules().quota} requests a second for each key, {settings.latency_ms:g} to "
        f"{settings.latency_ms + settings.latency_jitter_ms:g} ms of latency.",
    )
    table = new_table("share", "of", "what goes wrong on purpose", wide=("of", "what goes wrong on purpose"))
    for trouble in settings.troubles:
        table.add_row(f"{trouble.rule.share:.0%}", _struck(trouble.rule), trouble.says)
    console.print()
    console.print(table)
    console.print()


def _struck(rule: FaultRule) -> str:
    """Which requests a rule strikes: `cancels`, or `dave from request 9`."""
    what = "requests" if rule.routes is None else " and ".join(f"{route}s" for route in rule.routes)
    since = f" from request {rule.from_request}" if rule.from_request else ""
    return f"{', '.join(rule.accounts) if rule.accounts else what}{since}"


def _say(report: RunReport, comparison: Comparison) -> str:
    pace = max((most for _, most, _ in comparison.pace.values()), default=0)
    fastest = f"no key sent more than {pace} requests in any second"
    if comparison.lies:
        lies = counted(len(comparison.lies), "lie")
        return f"The report and the ledger disagree: {lies} in {counted(comparison.orders, 'order')}; {fastest}."
    words = f"The report agrees with the simulator's ledger in all {counted(comparison.orders, 'order')}: 0 lies, and {fastest}."
    if not report.at_risk:
        return words
    live = f"{comparison.live:,} really {'is' if comparison.live == 1 else 'are'}"
    return f"{words} Of the {report.at_risk:,} that may be live, {live}; `cancel-all` would exit with 1 for that."
