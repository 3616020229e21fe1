"""The demo: simulated venues that misbehave, real runs against them over HTTP, and the truth beside the reports.

Loads the simulators. The runs themselves know nothing of them: they get an address and keys, as any other.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
from rich.console import Console

from engine.cli.comparison import Comparison, compare, joined, print_comparison
from engine.cli.demo_settings import DEFAULT, DemoAccount, DemoSettings, Stage, read_demo
from engine.cli.live import Watch, telling
from engine.cli.output import AT_RISK, CLEAN, counted, print_json, print_sentence, stderr_console, stdout_console
from engine.cli.running import print_verdict
from engine.cli.signals import stopping
from engine.cli.simulation import SCENES, Simulator, keys_of
from engine.cli.tables import new_table, print_report, print_titled
from engine.config import VENUES, open_venue
from engine.core.report import RunReport
from engine.core.request import Account, Scope
from engine.core.summary import CancelSummary
from engine.core.verdicts import say_run
from engine.progress import Progress
from engine.run import CancelEngine
from engine.simulator import FaultPlan, FaultRule, serve

ROUTES = {"cancel": "cancels", "cancel_many": "cancels by id", "cancel_all": "cancel-all", "list": "listings", "read": "reads"}


@dataclass(slots=True, kw_only=True)
class Act:
    """One venue of the demo, as it is played.

    Attributes:
        summaries: What came of each account, by name.
        progresses: A window on each account's call.
    """

    venue: str
    stage: Stage
    simulator: Simulator
    base_url: str = ""
    summaries: dict[str, CancelSummary] = field(default_factory=dict)
    progresses: dict[str, Progress] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The venue's name in a sentence."""
        return self.venue.capitalize()

    @property
    def report(self) -> RunReport:
        """What came of all accounts, in the order of the settings."""
        return _report([self.summaries[account.name] for account in self.stage.accounts])


def _report(summaries: Sequence[CancelSummary]) -> RunReport:
    elapsed_s = max((summary.elapsed_s for summary in summaries), default=0.0)
    return RunReport(run_id="demo", accounts={summary.account: summary for summary in summaries}, elapsed_s=elapsed_s)


def demonstrate(config: Path | None, *, seed: int | None, as_json: bool) -> int:
    """Run the demo; give back 0 if the reports agree with the ledgers in every order, else 1.

    Raises:
        ConfigError: the settings cannot be used.
    """
    settings = DEFAULT if config is None else read_demo(config)
    settings = settings if seed is None else replace(settings, seed=seed)
    acts = anyio.run(_play, settings, as_json)
    comparisons = {act.venue: compare(act.report, act.simulator.ledger, rate=SCENES[act.venue].rate) for act in acts}
    whole = _report([summary for act in acts for summary in act.report.accounts.values()])
    together = joined(comparisons.values())
    sentence = _say(whole, together)
    code = AT_RISK if together.lies else CLEAN
    if as_json:
        venues = {act.venue: {"accounts": list(act.report.accounts), "ledger": comparisons[act.venue].to_dict()} for act in acts}
        print_json(whole.to_dict() | {"seed": settings.seed, "ledger": together.to_dict(), "venues": venues})
        print_sentence(stderr_console(), sentence)
        return code
    console = stdout_console()
    for act in acts:
        print_report(console, act.report, title=f"Accounts at {act.name}, each when it was done")
    print_comparison(console, together)
    for act in acts:
        print_verdict(f"{act.name}: {say_run(act.report, Scope())}", is_clean=act.report.is_clean)
    print_verdict(sentence, is_clean=not together.lies)
    return code


async def _play(settings: DemoSettings, as_json: bool) -> list[Act]:  # noqa: FBT001  # anyio.run hands on no names
    """Serve all venues, and cancel at all of them side by side."""
    acts = [Act(venue=name, stage=stage, simulator=_simulator(settings, name)) for name, stage in settings.stages.items()]
    async with AsyncExitStack() as stack:
        for act in acts:
            act.base_url = (await stack.enter_async_context(serve(act.simulator))).base_url
            act.progresses = {account.name: Progress() for account in act.stage.accounts}
        if not as_json:
            _introduce(settings, acts)
        engines = [await stack.enter_async_context(_engine(settings, act)) for act in acts]
        watch = Watch(*(progress for act in acts for progress in act.progresses.values()))
        with stopping(watch.stop):
            async with telling(watch, as_json=as_json), anyio.create_task_group() as tasks:
                for act, engine in zip(acts, engines, strict=True):
                    for account in act.stage.accounts:
                        tasks.start_soon(_cancel, act, engine, account)
    return acts


def _engine(settings: DemoSettings, act: Act) -> CancelEngine:
    """An engine for the venue; the seed makes the waits between tries the same every time."""
    venue = open_venue(act.venue, {"timeout_s": settings.timeout_s}, base_url=act.base_url)
    return CancelEngine(venue, dice=random.Random(settings.seed))  # noqa: S311  # spreads waits; guards nothing


async def _cancel(act: Act, engine: CancelEngine, account: DemoAccount) -> None:
    keys = keys_of(act.simulator.account(account.name), act.venue)
    known = Account(account.name, VENUES[act.venue].credentials(**keys), act.venue)
    progress = act.progresses[account.name]
    act.summaries[account.name] = await engine.cancel_all(known, Scope(side=account.side), progress=progress)


def _simulator(settings: DemoSettings, venue: str) -> Simulator:
    stage = settings.stages[venue]
    faults = FaultPlan(tuple(trouble.rule for trouble in stage.troubles), seed=settings.seed)
    latency_s, jitter_s = settings.latency_ms / 1000, settings.latency_jitter_ms / 1000
    simulator = SCENES[venue].make(latency_s=latency_s, jitter_s=jitter_s, has_limits=True, faults=faults, seed=settings.seed)
    for account in stage.accounts:
        simulator.add_account(account.name, orders=account.orders)
    return simulator


def _introduce(settings: DemoSettings, acts: Sequence[Act]) -> None:
    console = stdout_console()
    for act in acts:
        accounts, orders = act.stage.accounts, sum(account.orders for account in act.stage.accounts)
        sides = ", ".join(f"of {account.name} only the {account.side}s" for account in accounts if account.side)
        print_sentence(
            console,
            f"A simulated {act.name} at {act.base_url}: {counted(len(accounts), 'account')}, {counted(orders, 'open order')}, "
            f"{SCENES[act.venue].allows}{f'; {sides} are cancelled' if sides else ''}.",
        )
    longest_ms = settings.latency_ms + settings.latency_jitter_ms
    print_sentence(console, f"Each request takes {settings.latency_ms:g} to {longest_ms:g} ms, and what goes wrong.")
    for act in acts:
        if act.stage.troubles:
            _print_troubles(console, act)
    console.print()


def _print_troubles(console: Console, act: Act) -> None:
    table = new_table("share", "of", "what goes wrong on purpose", wide=("of", "what goes wrong on purpose"))
    for trouble in act.stage.troubles:
        table.add_row(f"{trouble.rule.share:.0%}", _struck(trouble.rule), trouble.says)
    print_titled(console, f"Troubles at {act.name}", table)


def _struck(rule: FaultRule) -> str:
    """Which requests a rule strikes: `cancels`, or `dave from no. 9`."""
    what = "requests" if rule.routes is None else " and ".join(ROUTES.get(route, route) for route in rule.routes)
    since = f" from no. {rule.from_request}" if rule.from_request else ""
    often = "" if rule.times is None else ", once" if rule.times == 1 else f", {rule.times} times"
    return f"{', '.join(rule.accounts) if rule.accounts else what}{since}{often}"


def _say(report: RunReport, comparison: Comparison) -> str:
    fastest = comparison.in_words()
    orders = counted(comparison.orders, "order")
    if comparison.lies:
        return f"The reports and the ledgers disagree: {counted(len(comparison.lies), 'lie')} in {orders}; {fastest}."
    words = f"The reports agree with the simulators' ledgers in all {orders}: 0 lies, and {fastest}."
    if not report.at_risk:
        return words
    live = f"{comparison.live:,} really {'is' if comparison.live == 1 else 'are'}"
    return f"{words} Of the {report.at_risk:,} that may be live, {live}; `cancel-all` would exit with 1 for that."
