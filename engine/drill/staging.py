"""Play a scene: simulators with the drawn faults, a real engine before them, calls that may be cut short, and what is left.

Everything waits on the running loop's clock. Meant for a `VirtualClockLoop`, where an hour takes as long as its turns.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import anyio

from engine.core.order import OpenOrder
from engine.core.outcome import OrderResult
from engine.core.priority import PRIORITIES
from engine.core.quota import Limits, Window
from engine.core.report import RunReport
from engine.core.request import Account, Scope
from engine.core.retry import Retry
from engine.drill.drawing import CATALOGUES
from engine.drill.dying import MortalStore, MortalTransport, Process
from engine.drill.scene import CallScene, EventScene, FaultScene, Happening, Scene, ScopeScene, VenueScene
from engine.journal import Journal
from engine.journal.sqlite import SqliteStore
from engine.progress import Progress
from engine.run import CancelEngine
from engine.secret import Secret
from engine.simulator import (
    FaultPlan,
    FaultRule,
    OpinionRules,
    OpinionSimulator,
    PolymarketRules,
    PolymarketSimulator,
    SimulatedVenue,
    Switchboard,
    VirtualClockLoop,
)
from engine.simulator.ledger import BookOrder
from engine.venues.base import HttpAnswer, HttpRequest, Transport, Venue
from engine.venues.opinion import PUBLISHED, Opinion, OpinionKey
from engine.venues.polymarket import Polymarket, PolymarketKey

ADDRESSES = {"opinion": "http://127.0.0.1:9", "polymarket": "http://127.0.0.1:10"}
MARKETS: Mapping[str, tuple[str, str]] = {
    "opinion": ("123", "124"),
    "polymarket": ("0x" + "11" * 32, "0x" + "22" * 32),
}
NOBODYS = {"opinion": "00000000-0000-4000-8000-00000000dead", "polymarket": "0x" + "dead" * 16}
LARGE = 100

LONGEST_CALL_S = 200_000.0
"""Simulated seconds after which a call without a deadline counts as one that never ends: two days and a bit. A guess."""

BOOK_AGE_S = 60.0
"""How old the books are when a scene begins: older than any listing lags."""

QUIET_S = 5.0
"""How long the world goes on after the last call, so that what was on its way arrives. Longer than any way."""


DEAD_S = 0.3
"""How long it takes until a process that died is replaced: less than any window."""


class ReaderError(Exception):
    """What the reader of a stream raises where a scene says so."""


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """One call, as it went.

    Attributes:
        scene: What was asked.
        named: The ids that were named, in order.
        scope: What the engine was told, or None.
        began_s: When it began, on the loop's clock.
        ended_s: When it came back.
        cut_s: When it was cut short, or None.
        report: What it left, by its return or, where it was cancelled, by its progress.
        read: The last result that a stream gave for each account and index.
        error: What it raised, in words, unless the scene asked for that.
    """

    scene: CallScene
    named: tuple[str, ...] = ()
    scope: Scope | None = None
    began_s: float = 0.0
    ended_s: float = 0.0
    cut_s: float | None = None
    report: RunReport = field(default_factory=lambda: RunReport(run_id="", accounts={}))
    read: dict[tuple[str, int], OrderResult] | None = None
    error: str | None = None


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What a played scene left.

    Attributes:
        scene: What was played.
        simulators: Name of the venue to its simulator, with the ledger.
        accounts: Name of each account to its venue.
        calls: What became of the calls.
        pending: What was left on the loop, in words.
        under_way: Requests that were never given up.
        emitted: Everything that was logged.
        secrets: What must never be shown.
        recorded: What the journal tells of each run: its report, and what is wrong with its record.
    """

    scene: Scene
    simulators: dict[str, SimulatedVenue]
    accounts: dict[str, str]
    calls: list[CallRecord] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    under_way: int = 0
    emitted: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)
    recorded: dict[str, tuple[RunReport, list[str]]] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """Requests that arrived."""
        return sum(len(simulator.ledger.requests) for simulator in self.simulators.values())


async def play(scene: Scene) -> Evidence:
    """Play the scene, wait until the world is quiet, and give back what is left."""
    loop = asyncio.get_running_loop()
    tasks_before = asyncio.all_tasks()
    simulators = {venue.name: _simulator(scene, venue) for venue in scene.venues}
    evidence = Evidence(scene=scene, simulators=simulators, accounts={account.name: account.venue for account in scene.accounts})
    accounts = _accounts(scene, simulators)
    _age(simulators.values())
    for event in scene.events:
        _arrange(event, simulators[evidence.accounts[event.account]], scene.seed)
    wire = _Wiretap(simulators, evidence)
    evidence.calls = [_record(call, simulators, evidence.accounts) for call in scene.calls]
    with _Listener(evidence), tempfile.TemporaryDirectory(dir=_fast_folder()) as folder:
        stage = _Stage(scene, accounts, simulators, wire, Path(folder) / "journal.db")
        if scene.power and evidence.calls:
            await stage.survive(evidence.calls[0])
        else:
            await stage.play(evidence.calls)
        await anyio.sleep(QUIET_S)
        if scene.is_recorded:
            with stage.journal() as journal:
                ids = [run.run_id for run in journal.runs() if run.header["call"] is not None]
                evidence.recorded = {run_id: (journal.report(run_id), journal.verify(run_id)) for run_id in ids}
            evidence.secrets |= {secret.reveal() for account in accounts.values() for secret in stage.secrets_of(account)}
            evidence.emitted += _written_into(Path(folder))
    for simulator in simulators.values():
        simulator.advance(loop.time())
    evidence.pending = [repr(task.get_coro()) for task in asyncio.all_tasks() - tasks_before]
    if isinstance(loop, VirtualClockLoop):
        evidence.pending += loop.pending_timers()
    evidence.under_way = wire.under_way
    return evidence


def _written_into(folder: Path) -> list[str]:
    """All that stands in the files of a folder, whatever it is."""
    return [each.read_bytes().decode("latin-1") for each in folder.iterdir()]


def _fast_folder() -> str | None:
    """Where a file that is thrown away at once need not wait for a disk; None for the system's own choice."""
    memory = Path("/dev/shm")  # noqa: S108  # a folder of the drill's own is made in it
    return str(memory) if memory.is_dir() else None


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where the calls of a scene are made, by one process or by several in turn."""

    scene: Scene
    accounts: Mapping[str, Account]
    simulators: Mapping[str, SimulatedVenue]
    wire: _Wiretap
    where: Path

    async def play(self, records: Sequence[CallRecord]) -> None:
        """Make the calls side by side."""
        journal = self.journal() if self.scene.is_recorded else None
        async with self._engine(self.wire, journal) as engine, anyio.create_task_group() as tasks:
            for record in records:
                tasks.start_soon(self._caller(engine).call, record)

    async def survive(self, record: CallRecord) -> None:
        """Make one call, and go on with it after each time that its process dies."""
        for number, steps in enumerate((*self.scene.power, None)):
            process = Process()
            async with self._engine(MortalTransport(self.wire, process), self.journal(process), life=number) as engine:
                await self._live(record, engine, process, steps)
            if not process.is_dead:
                record.ended_s = anyio.current_time()
                return
            await anyio.sleep(DEAD_S)

    async def _live(self, record: CallRecord, engine: CancelEngine, process: Process, steps: int | None) -> None:
        """One life: until the call is done, or the process dies."""
        task: asyncio.Task[RunReport] | None = None
        loop = asyncio.get_running_loop()

        def die() -> None:
            if task is not None and not task.done():
                process.is_dead = True
                task.cancel()

        if steps is not None and isinstance(loop, VirtualClockLoop):
            loop.after_steps(steps, die)
        task = loop.create_task(self._go_on(record, engine))
        await asyncio.wait([task])
        if process.is_dead:
            return
        if task.exception() is None:
            record.report = task.result()
        else:
            record.error = repr(task.exception())

    async def _go_on(self, record: CallRecord, engine: CancelEngine) -> RunReport:
        """Make the call, or go on with it where there is a record of it."""
        progress = Progress()
        with self.journal() as journal:
            runs = [run for run in journal.runs() if run.header["call"] is not None]
        with anyio.fail_after(LONGEST_CALL_S):
            if runs:
                mine = [self.accounts[name] for name in record.scene.accounts]
                where = None if record.scope is None else record.scope.where
                return await engine.resume(runs[0].run_id, mine, where=where, progress=progress)
            record.began_s = anyio.current_time()
            await self._caller(engine).make(record, progress)
        return progress.report()

    def journal(self, process: Process | None = None) -> Journal:
        """The journal, as this process sees it."""

        def new_store() -> Any:
            return MortalStore(SqliteStore(self.where), process or Process())

        return Journal(new_store, if_lost="go on", patience_s=2.0, in_loop=True)

    def secrets_of(self, account: Account) -> Iterable[Secret]:
        """What the account's key holds."""
        return next(_venue(venue).secrets(account) for venue in self.scene.venues if venue.name == account.venue)

    def _engine(self, transport: Transport, journal: Journal | None, *, life: int = 0) -> CancelEngine:
        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {
            "dice": Random(self.scene.seed + life),
            "wall_clock": lambda: 1_795_000_000.0 + loop.time(),
            **self.scene.engine,
        }
        venues = [_venue(venue) for venue in self.scene.venues]
        return CancelEngine(*venues, transport=transport, retry=Retry(**self.scene.retry), journal=journal, **options)

    def _caller(self, engine: CancelEngine) -> _Caller:
        return _Caller(engine, self.accounts, self.simulators, self.scene.seed)


# --- setting the scene


def _simulator(scene: Scene, venue: VenueScene) -> SimulatedVenue:
    rules = tuple(_rule(fault) for fault in scene.faults if fault.venue == venue.name)
    plan = FaultPlan(rules, seed=scene.seed)
    if venue.name == "opinion":
        return OpinionSimulator(seed=scene.seed, rules=OpinionRules(**venue.rules), faults=plan)
    return PolymarketSimulator(seed=scene.seed, rules=PolymarketRules(**venue.rules), faults=plan)


def _rule(fault: FaultScene) -> FaultRule:
    return FaultRule(CATALOGUES[fault.venue][fault.name], **fault.conditions)


def _venue(venue: VenueScene) -> Venue:
    shared = () if venue.shared_per_s is None else (Window(venue.shared_per_s, 1.0),)
    if venue.name == "opinion":
        limits = Limits(per_account=PUBLISHED.per_account, per_venue=shared)
        return Opinion(ADDRESSES["opinion"], limits=limits, **venue.options)
    return Polymarket(ADDRESSES["polymarket"], **venue.options)


def _accounts(scene: Scene, simulators: Mapping[str, SimulatedVenue]) -> dict[str, Account]:
    accounts = {}
    for account in scene.accounts:
        simulator = simulators[account.venue]
        credentials: Any
        if isinstance(simulator, PolymarketSimulator):
            known = simulator.add_account(
                account.name, orders=account.orders, markets=MARKETS["polymarket"], wallet_of=account.wallet_of
            )
            credentials = PolymarketKey(known.address, known.api_key, known.secret, known.passphrase)
        else:
            assert isinstance(simulator, OpinionSimulator)  # noqa: S101  # there are two
            one = simulator.add_account(account.name, orders=account.orders, markets=MARKETS["opinion"])
            credentials = OpinionKey(one.api_key)
        accounts[account.name] = Account(account.name, credentials, account.venue, account.weight)
    return accounts


def _age(simulators: Iterable[SimulatedVenue]) -> None:
    """Let every order be older than the scene, so that no listing is too late to show it."""
    for simulator in simulators:
        for book in simulator.ledger.orders.values():
            book.history[0] = book.history[0]._replace(time_s=-BOOK_AGE_S)


def _arrange(event: EventScene, simulator: SimulatedVenue, seed: int) -> None:
    """Let it happen at its moment, to the order that stands at its place then."""

    def happen() -> None:
        if event.what is Happening.NEWCOMER:
            simulator.place(event.account)
        elif event.what is Happening.REVOKE_KEY:
            simulator.revoke_key(event.account)
        elif event.what in (Happening.DELAYED, Happening.CLOCK_JUMP):
            _happen_at_polymarket(event, simulator, seed)
        else:
            _befall(event, simulator)

    simulator.at(event.at_s, happen)


def _befall(event: EventScene, simulator: SimulatedVenue) -> None:
    """Something befalls one order of the account."""
    orders = list(simulator.ledger.orders_of(event.account))
    if not orders:
        return
    order_id = orders[event.number % len(orders)]
    {
        Happening.FILL: simulator.fill,
        Happening.EXPIRE: simulator.expire,
        Happening.CANCEL_ELSEWHERE: simulator.cancel_elsewhere,
        Happening.REVIVE: simulator.revive,
    }[event.what](order_id)


def _happen_at_polymarket(event: EventScene, simulator: SimulatedVenue, seed: int) -> None:
    if not isinstance(simulator, PolymarketSimulator):
        return
    if event.what is Happening.CLOCK_JUMP:
        simulator.jump_clock(float(event.number))
        return
    dice = Random(f"{seed}/delayed/{event.at_s}")
    simulator.add_order(
        event.account, delayed_s=round(dice.uniform(0.1, 3.0), 3), becomes="filled" if dice.random() < 0.5 else "open"
    )


# --- watching


class _Wiretap:
    """Carries requests to the simulators, counts those under way and notes the secrets that they carry."""

    def __init__(self, simulators: Mapping[str, SimulatedVenue], evidence: Evidence) -> None:
        self._board = Switchboard({ADDRESSES[name]: simulator for name, simulator in simulators.items()})
        self._secrets = evidence.secrets
        self.under_way = 0

    async def send(self, request: HttpRequest, *, on_sent: Callable[[], None]) -> HttpAnswer:
        """See `engine.venues.base.Transport`."""
        self._secrets.update(secret.reveal() for secret in request.secrets)
        self.under_way += 1
        try:
            return await self._board.send(request, on_sent=on_sent)
        finally:
            self.under_way -= 1

    async def aclose(self) -> None:
        """See `engine.venues.base.Transport`."""
        await self._board.aclose()


class _Listener(logging.Handler):
    """Keeps everything that the engine logs, if the scene has somebody listen."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(logging.DEBUG)
        self._evidence = evidence
        self._logger = logging.getLogger("engine")
        self._level = self._logger.level
        self._propagates = self._logger.propagate

    def __enter__(self) -> None:
        if self._evidence.scene.listens:
            self._logger.addHandler(self)
            self._logger.setLevel(logging.DEBUG)
            self._logger.propagate = False

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.setLevel(self._level)
        self._logger.propagate = self._propagates

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record with all that is bound to it."""
        self._evidence.emitted.append(repr(record.__dict__))


# --- calling


def _record(call: CallScene, simulators: Mapping[str, SimulatedVenue], venues: Mapping[str, str]) -> CallRecord:
    if call.is_listing:
        return CallRecord(scene=call)
    name = call.accounts[0]
    ledger = simulators[venues[name]].ledger
    mine = list(ledger.orders_of(name))
    others = [order_id for order_id, order in ledger.orders.items() if order.account != name]
    nobodys = NOBODYS[venues[name]]
    strange = {-1: nobodys, -2: others[0] if others else nobodys}
    named = [strange[place] if place < 0 else mine[place] for place in call.named if place < len(mine)]
    return CallRecord(scene=call, named=tuple(named) or (nobodys,))


@dataclass(frozen=True, slots=True)
class _Caller:
    """Makes the calls of a scene."""

    engine: CancelEngine
    accounts: Mapping[str, Account]
    simulators: Mapping[str, SimulatedVenue]
    seed: int

    async def call(self, record: CallRecord) -> None:
        """Make one call, cut it short if the scene says so, and keep what it left."""
        call = record.scene
        await anyio.sleep(call.after_s)
        progress = Progress()
        record.began_s = anyio.current_time()
        task: asyncio.Task[None] | None = None

        def cut() -> None:
            if task is not None and not task.done() and call.cut is not None:
                record.cut_s = anyio.current_time()
                progress.stop() if call.cut.how == "stop" else task.cancel()

        loop = asyncio.get_running_loop()
        if call.cut is not None and call.cut.unit == "steps" and isinstance(loop, VirtualClockLoop):
            loop.after_steps(int(call.cut.at), cut)
        task = loop.create_task(self._run(record, progress))
        if call.cut is not None and call.cut.unit == "seconds":
            await asyncio.wait([task], timeout=call.cut.at)
            cut()
        await asyncio.wait([task])
        record.ended_s = anyio.current_time()
        record.report = progress.report()
        if not task.cancelled() and task.exception() is not None:
            record.error = repr(task.exception())

    async def _run(self, record: CallRecord, progress: Progress) -> None:
        """Make the call, and note what it raises unless the scene asked for it."""
        try:
            with anyio.fail_after(LONGEST_CALL_S):
                await self.make(record, progress)
        except ReaderError:
            pass
        except Exception as error:  # noqa: BLE001  # whatever it is, the judge is to see it
            record.error = f"{type(error).__name__}: {error}"

    async def make(self, record: CallRecord, progress: Progress) -> None:
        """Make the call as the scene says."""
        call, engine = record.scene, self.engine
        chosen = [self.accounts[name] for name in call.accounts]
        options = {**call.options, "progress": progress}
        if call.kind == "cancel_order":
            await engine.cancel_order(chosen[0], record.named[0], **options)
            return
        if call.kind == "cancel_orders":
            await engine.cancel_orders(chosen[0], record.named, **options)
            return
        if "priority" in options:
            options["priority"] = PRIORITIES[options["priority"]]
        scope = record.scope = scope_of(call.scope, {each.name: self.simulators[each.venue or ""] for each in chosen})
        if call.kind == "cancel_all":
            await engine.cancel_all(chosen[0], scope, **options)
        elif call.kind == "mass_cancel":
            await engine.mass_cancel(chosen, scope, **options)
        else:
            await self._read_stream(record, chosen, scope, options)

    async def _read_stream(
        self, record: CallRecord, accounts: Sequence[Account], scope: Scope, options: Mapping[str, Any]
    ) -> None:
        """Read as the scene says: at once or dawdling, to the end or until the reader raises."""
        call, read, count, dice = record.scene, dict[tuple[str, int], OrderResult](), 0, Random(f"{self.seed}/reader")
        async with self.engine.stream(accounts, scope, **options) as results:
            async for result in results:
                read[result.account, result.index] = result
                count += 1
                if call.cut is not None and call.cut.how == "raise" and count >= call.cut.at:
                    record.cut_s = anyio.current_time()
                    raise ReaderError
                if call.dawdles and dice.random() < 0.1:
                    await anyio.sleep(dice.uniform(0.0, 2.0))
        record.read = read


# --- scopes, told to the engine


def scope_of(scope: ScopeScene, venues: Mapping[str, SimulatedVenue]) -> Scope:
    """The scope as the engine is told it, over the books of these accounts as they are now."""
    simulator = next(iter(venues.values()))
    market = asset = None
    if scope.market is not None:
        market = MARKETS[_name_of(simulator)][scope.market]
        asset = None if scope.asset is None else assets_of(simulator, market)[scope.asset]
    return Scope(
        side=scope.side,
        market=market,
        asset=asset,
        where=is_large if scope.is_large else None,
        order_ids=None if scope.only is None else ids_at(scope.only, venues),
        except_ids=ids_at(scope.spared, venues) or None,
    )


def ids_at(places: Sequence[int], venues: Mapping[str, SimulatedVenue]) -> list[str]:
    """The orders at these places of each account's book, counted in the order in which they were placed."""
    books = (list(simulator.ledger.orders_of(name)) for name, simulator in venues.items())
    return [book[place] for book in books for place in places if place < len(book)]


def is_large(order: OpenOrder | BookOrder) -> bool:
    """A predicate as callers write them."""
    return order.size is not None and order.size >= LARGE


def assets_of(simulator: SimulatedVenue, market: str) -> tuple[str, str]:
    """What is traded in a market."""
    return simulator.assets_of(market) if isinstance(simulator, PolymarketSimulator) else ("YES", "NO")


def _name_of(simulator: SimulatedVenue) -> str:
    return "polymarket" if isinstance(simulator, PolymarketSimulator) else "opinion"
