"""The story of a run: a request comes in, a report goes out. What happens in between has a room of its own.

request -> check -> lanes -> listing and scheduling (turn, send, judge, resolve, sweep) -> slots -> summary -> report
"""

from __future__ import annotations

import math
import random
import time
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Self

import anyio

from engine.core.order import OpenOrder
from engine.core.outcome import OrderResult, Word
from engine.core.plan import AccountPlan, Plan, choose, pays_to_list_first
from engine.core.quota import Kind, Window
from engine.core.report import RunReport
from engine.core.request import Account, Belongs, Scope, checked_id, checked_ids, checked_seconds
from engine.core.retry import Retry
from engine.core.slots import Slot, Slots
from engine.core.summary import CancelSummary, Outage
from engine.core.work import Drain
from engine.errors import ConfigError, TransportError, VenueError
from engine.log import new_log
from engine.pacing import Lanes
from engine.paging import walk_open_orders
from engine.planning import means_of, plan_account
from engine.progress import AccountCall, Begun, Call, Progress
from engine.resolving import read_until_known
from engine.rotating import Rota
from engine.scheduling import Pull
from engine.sending import Route, Sender, VenueClock
from engine.streaming import ResultStream
from engine.venues.base import Transport, Venue
from engine.venues.http import HttpTransport

EVERYTHING = Scope()

Rank = Callable[[OpenOrder], Any]
"""Gives an order a rank, of any kind that sorts; None puts it last."""

Watch = Callable[[int], None]
"""Told the place of an order whenever its fate is written."""

Note = Callable[[AccountCall, int], None]
"""The same for all accounts of a call."""

NewWork = Callable[[Sender, Watch | None], tuple[Slots, Drain]]
"""Makes the work of one account, and the places for its orders."""


class CancelEngine:
    """Takes resting orders off the books of venues, and says what became of each.

    Safe to use from many tasks of one event loop; one pool of connections and one set of limits serve all of its calls.

    Args:
        venues: Where the orders rest, such as `Opinion()`; with several, each account names its own.
        transport: What moves the bytes; over HTTP unless given. One that is given is not closed.
        retry: How often, how long.
        in_flight: Most requests on their way for one account.
        in_flight_in_all: Most requests on their way to one venue, for all accounts together.
        active_accounts: Most accounts of a call that are worked on at a time, at each venue. Others take next to no memory.
        grace_s: How long answers on their way are waited for after a stop.
        dice: Spreads the waits between tries; give a seeded one to repeat a run exactly.
        wall_clock: Unix time in seconds, for venues whose requests carry the time.

    Raises:
        ConfigError: an argument cannot be used.
    """

    def __init__(
        self,
        *venues: Venue,
        transport: Transport | None = None,
        retry: Retry | None = None,
        in_flight: int = 64,
        in_flight_in_all: int = 256,
        active_accounts: int = 1_024,
        grace_s: float = 0.5,
        dice: random.Random | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        counts = {"in_flight": in_flight, "in_flight_in_all": in_flight_in_all, "active_accounts": active_accounts}
        for name, value in counts.items():
            if type(value) is not int or value < 1:
                raise ConfigError(f"{name} must be a whole number of at least 1, not {value!r}")
        if not 0 <= grace_s < math.inf:
            raise ConfigError(f"grace_s must not be negative, not {grace_s!r}")
        self._retry = retry or Retry()
        self._in_flight_in_all = in_flight_in_all
        self._wall_clock = wall_clock
        self._routes = {venue.name: self._new_route(venue) for venue in venues}
        if not venues or len(self._routes) < len(venues):
            raise ConfigError(f"an engine needs venues, each of them once, not ({', '.join(venue.name for venue in venues)})")
        self._transport = transport
        self._owns_transport = transport is None
        self._in_flight = in_flight
        self._active_accounts = active_accounts
        self._grace_s = grace_s
        self._roll = (dice or random.Random()).random  # noqa: S311  # spreads waits; guards nothing

    def _new_route(self, venue: Venue) -> Route:
        lanes = Lanes(venue.name, venue.limits, retry=self._retry, most_ids=venue.most_ids, in_flight=self._in_flight_in_all)
        return Route(venue, lanes, VenueClock(self._wall_clock))

    async def __aenter__(self) -> Self:
        if self._transport is None:
            self._transport = HttpTransport()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._owns_transport and self._transport is not None:
            with anyio.CancelScope(shield=True):
                await self._transport.aclose()
            self._transport = None

    # --- the calls

    async def cancel_order(
        self, account: Account, order_id: str, *, deadline_s: float | None = None, progress: Progress | None = None
    ) -> OrderResult:
        """Cancel one order and say what became of it.

        Raises:
            ConfigError: the request cannot be used; nothing was sent. Nothing else: a refusal is an outcome.
        """
        summary = await self.cancel_orders(account, [checked_id(order_id)], deadline_s=deadline_s, progress=progress)
        return summary.results[0]

    async def cancel_orders(
        self,
        account: Account,
        order_ids: Iterable[str],
        *,
        verify: bool = False,
        deadline_s: float | None = None,
        progress: Progress | None = None,
    ) -> CancelSummary:
        """Cancel these orders; `results[i]` is the fate of the i-th, and an id given twice is sent once.

        The venue's acknowledgement is believed; `verify` lists the account's open orders afterwards, and takes up again what is
        still there. They are listed anyway where the venue says of one that it does not know it, to confirm that.

        Raises:
            ConfigError: the request cannot be used; nothing was sent. Nothing else.
        """
        ids = checked_ids(order_ids)

        def new_work(sender: Sender, _watch: Watch | None) -> tuple[Slots, Drain]:
            slots = Slots(map(sender.venue.plain_id, ids))
            for slot in slots:
                problem = sender.venue.problem_of(slot.order_id)
                if problem is not None:
                    slot.bar(problem, anyio.current_time())
            known = [slot for slot in slots if not slot.is_barred]
            wanted = Scope(order_ids=frozenset(slot.order_id for slot in slots))
            return slots, self._new_drain(sender, slots, wanted, known=known, proves=verify)

        call = self._new_call([account], EVERYTHING, new_work, deadline_s, is_known=True)
        report = await self._run(call, progress or Progress())
        return report.accounts[account.name]

    async def cancel_all(
        self,
        account: Account,
        scope: Scope = EVERYTHING,
        *,
        lists_first: bool = False,
        priority: Rank | None = None,
        settle_s: float | None = None,
        deadline_s: float | None = None,
        progress: Progress | None = None,
    ) -> CancelSummary:
        """Take every open order in the scope off the book, and list again until a complete listing shows none left.

        Args:
            account: Whose orders.
            scope: Which of them.
            lists_first: Whether to list all of them before the first cancel, so that the total is known beforehand even where the
                venue has a mass cancel of its own, which names only what it cancelled.
            priority: A rank for an order, such as its notional; orders that are cancelled by id go largest first. They are listed
                before the first cancel then.
            settle_s: Once nothing is left, rest for so many seconds and list again, for orders that were on their way to the book
                when the call began.
            deadline_s: Come back by then with what is known.
            progress: A fresh one, to watch the call and to stop it.

        Raises:
            ConfigError: the request cannot be used; nothing was sent. Nothing else.
        """
        report = await self.mass_cancel(
            [account],
            scope,
            lists_first=lists_first,
            priority=priority,
            settle_s=settle_s,
            deadline_s=deadline_s,
            progress=progress,
        )
        return report.accounts[account.name]

    async def mass_cancel(
        self,
        accounts: Iterable[Account],
        scope: Scope = EVERYTHING,
        *,
        lists_first: bool = False,
        priority: Rank | None = None,
        settle_s: float | None = None,
        deadline_s: float | None = None,
        progress: Progress | None = None,
    ) -> RunReport:
        """Do a `cancel_all` for every account, side by side; the report holds them in input order.

        An account waits for its own limits, and in turn with the others for those that they share, each by its `weight`. What
        goes wrong with one account stays with it. A venue that is down is waited for until the deadline; without one, as `Retry`
        says.

        Raises:
            ConfigError: the request cannot be used; nothing was sent. Nothing else.
        """
        call = self._new_mass(accounts, scope, lists_first, priority, settle_s, deadline_s)
        return await self._run(call, progress or Progress())

    @asynccontextmanager
    async def stream(
        self,
        accounts: Iterable[Account],
        scope: Scope = EVERYTHING,
        *,
        lists_first: bool = False,
        priority: Rank | None = None,
        settle_s: float | None = None,
        deadline_s: float | None = None,
        progress: Progress | None = None,
    ) -> AsyncGenerator[ResultStream, None]:
        """Do a `mass_cancel`, and give each result as it settles, in the order of completion.

        The run begins on entering the block and does not wait for the reader. Leaving the block waits for the run; an error
        raised inside stops the run first, and is raised again. `report` of what the block gets is complete at the end.

        Raises:
            ConfigError: the request cannot be used; nothing was sent. Nothing else.
        """
        progress = progress or Progress()
        results = ResultStream(progress)
        call = self._new_mass(accounts, scope, lists_first, priority, settle_s, deadline_s, results.note)
        failure: Exception | None = None

        async def run() -> None:
            nonlocal failure
            try:
                await self._run(call, progress)
            except Exception as error:  # noqa: BLE001  # it is raised below, alone instead of in a group
                failure = error
            finally:
                results.end()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            try:
                yield results
            except Exception as error:  # noqa: BLE001  # the same
                failure = error
                progress.stop()
        if failure is not None:
            raise failure

    async def plan(
        self,
        accounts: Iterable[Account],
        scope: Scope = EVERYTHING,
        *,
        lists_first: bool = False,
        deadline_s: float | None = None,
    ) -> Plan:
        """Say what a `mass_cancel` would do, from a listing alone; sends no cancel.

        Raises:
            ConfigError: the request cannot be used. A listing that fails is part of the plan.
        """
        accounts = self._checked(list(accounts), scope)
        bound_s = checked_seconds("deadline_s", deadline_s)
        plans: dict[str, AccountPlan] = {}
        waiting = iter(accounts)

        async def plan_on() -> None:
            for account in waiting:
                sender = self._sender(account, new_log(), is_bounded=bound_s is not None)
                plans[account.name] = await plan_account(
                    sender,
                    scope,
                    accounts=len(accounts),
                    lists_first=lists_first,
                    until_s=math.inf if bound_s is None else began_s + bound_s,
                    retry=self._retry,
                    roll=self._roll,
                )

        began_s = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for _ in range(min(self._active_accounts, len(accounts))):
                tasks.start_soon(plan_on)
        return Plan(
            accounts={account.name: plans[account.name] for account in accounts},
            shared_time_s=self._shared_time_s(plans.values()),
        )

    def _shared_time_s(self, plans: Iterable[AccountPlan]) -> float:
        """Seconds that all of these take at the least, as far as accounts share limits."""
        by_venue: dict[str, Counter[Kind]] = {name: Counter() for name in self._routes}
        for plan in plans:
            by_venue[plan.venue].update(plan.by_kind)
        return max(self._routes[name].venue.limits.shared_time_s(requests) for name, requests in by_venue.items())

    async def open_orders(
        self, account: Account, scope: Scope = EVERYTHING, *, deadline_s: float | None = None
    ) -> AsyncGenerator[OpenOrder, None]:
        """Every open order in the scope, each once, as its page comes. Ends only if the whole listing was read.

        Raises:
            ConfigError: the request cannot be used; nothing was sent.
            VenueError: the listing could not be read to its end, or not within the deadline.
        """
        self._checked([account], scope)
        bound_s = checked_seconds("deadline_s", deadline_s)
        until_s = math.inf if bound_s is None else anyio.current_time() + bound_s
        sender = self._sender(account, new_log(), is_bounded=bound_s is not None)
        async with aclosing(walk_open_orders(sender, scope, retry=self._retry, roll=self._roll)) as orders:
            while True:
                with anyio.CancelScope(deadline=until_s) as bound:
                    order = await anext(orders, None)
                if bound.cancelled_caught:
                    words = f"the open orders were not read to the end within {bound_s:g} s"
                    raise TransportError(words, sent=True, code="deadline")
                if order is None:
                    return
                if sender.venue.belongs(scope, order) is Belongs.IN:
                    yield order

    async def get_order(self, account: Account, order_id: str, *, deadline_s: float | None = None) -> OpenOrder | None:
        """The order as the venue shows it, or None if the venue does not know it under this account.

        Raises:
            ConfigError: the request cannot be used; nothing was sent.
            VenueError: the venue gave no usable answer, or none within the deadline.
        """
        self._checked([account])
        checked_id(order_id)
        bound_s = checked_seconds("deadline_s", deadline_s)
        with anyio.move_on_after(bound_s):
            sender = self._sender(account, new_log(), is_bounded=bound_s is not None)
            came = await read_until_known(sender, order_id, retry=self._retry, roll=self._roll)
            if isinstance(came, VenueError):
                raise came
            if came.order is None and came.word is not Word.NOT_FOUND:
                raise VenueError(f"order {order_id}: {came.text}", code=came.code)
            return came.order
        raise TransportError(f"order {order_id} was not read within {bound_s:g} s", sent=True, code="deadline")

    # --- how

    def _new_mass(
        self,
        accounts: Iterable[Account],
        scope: Scope,
        lists_first: bool,  # noqa: FBT001  # the callers name it
        priority: Rank | None,
        settle_s: float | None,
        deadline_s: float | None,
        note: Note | None = None,
    ) -> Call:
        """A call that takes a scope off the book for all of these accounts.

        Raises:
            ConfigError: the request cannot be used.
        """
        if priority is not None and not callable(priority):
            raise ConfigError("priority must be a function of one OpenOrder, such as `lambda order: order.notional`")
        rest_s = checked_seconds("settle_s", settle_s) or 0.0
        accounts = list(accounts)

        def new_work(sender: Sender, watch: Watch | None) -> tuple[Slots, Drain]:
            slots = Slots(watch=watch)
            drain = self._new_drain(
                sender,
                slots,
                scope,
                accounts=len(accounts),
                lists_first=lists_first,
                rank=priority,
                settles=rest_s > 0,
            )
            return slots, drain

        return self._new_call(accounts, scope, new_work, deadline_s, settle_s=rest_s, note=note)

    def _new_call(
        self,
        accounts: list[Account],
        scope: Scope,
        new_work: NewWork,
        deadline_s: float | None,
        *,
        settle_s: float = 0.0,
        note: Note | None = None,
        is_known: bool = False,
    ) -> Call:
        """A call that has been checked and not begun.

        Raises:
            ConfigError: the request cannot be used.
        """
        self._checked(accounts, scope)
        bound_s = checked_seconds("deadline_s", deadline_s)
        run_id = uuid.uuid4().hex[:12]
        log = new_log(run_id=run_id)
        rotas: dict[str, Rota] = {}

        def begin(part: AccountCall) -> Begun:
            sender = self._sender(part.account, log, is_bounded=bound_s is not None, grace_s=self._grace_s)
            slots, work = new_work(sender, None if note is None else partial(note, part))
            pull = Pull(
                sender,
                work,
                scope,
                places=rotas[part.venue],
                retry=self._retry,
                in_flight=self._in_flight,
                settle_s=settle_s,
                roll=self._roll,
                log=log,
            )
            return Begun(sender, slots, work, pull)

        parts = [AccountCall(account, self._route_of(account).venue.name, begin) for account in accounts]
        for venue in self._routes:
            rotas[venue] = Rota([part for part in parts if part.venue == venue], self._active_accounts)
        if is_known:
            parts[0].begin()  # what the input names is accounted for even if the call is stopped before it begins
        return Call(
            run_id=run_id,
            parts=parts,
            rotas=tuple(rotas.values()),
            bound_s=bound_s,
            started_at=self._wall_clock(),
            outages=self._outages,
            log=log,
        )

    async def _run(self, call: Call, progress: Progress) -> RunReport:
        """Work on every account until all are done or the call is stopped, then report."""
        bound = anyio.move_on_after(call.bound_s)
        progress.join(call, bound)
        stop: str | None = "the calling task was cancelled"
        try:
            with bound:
                async with anyio.create_task_group() as venues:
                    for rota in call.rotas:
                        venues.start_soon(rota.run)
            stop = None
            if bound.cancelled_caught:
                stop = "stopped by the caller" if progress.is_stopped else "the deadline came first"
        finally:
            progress.end(stop)
            report = progress.report()
            call.log.info(
                "run", accounts=len(call.parts), total=report.total, cancelled=report.cancelled, at_risk=report.at_risk, stop=stop
            )
        return report

    def _outages(self, start_s: float, end_s: float) -> list[Outage]:
        """The outages of all venues within a call, in the order in which they began."""
        found = [outage for route in self._routes.values() for outage in route.lanes.health.outages(start_s, end_s)]
        return sorted(found, key=lambda outage: outage.began_s)

    def _new_drain(
        self,
        sender: Sender,
        slots: Slots,
        scope: Scope,
        *,
        known: Iterable[Slot] = (),
        proves: bool = True,
        accounts: int = 1,
        lists_first: bool = False,
        rank: Rank | None = None,
        settles: bool = False,
    ) -> Drain:
        venue, lane = sender.venue, sender.lane
        mass_cancels = venue.mass_cancels(scope)
        windows = [quota.requests for quota in venue.limits.per_account if isinstance(quota, Window)]
        lists_first = lists_first or pays_to_list_first(mass_cancels, means_of(venue, lane, accounts=accounts))

        def choose_mass(orders: int | None) -> Kind | None:
            means = means_of(venue, lane, accounts=1 if orders is None else accounts)
            kind = choose(mass_cancels, 1 if orders is None else orders, means, lists_first=orders is not None).kind
            return kind if kind.is_mass else None

        return Drain(
            slots,
            lambda order: venue.belongs(scope, order),
            first=venue.first_cursor,
            cursor_at=venue.cursor_at,
            ahead=max(venue.most_ids if venue.most_ids > 1 else 0, min([self._in_flight, *windows])),
            retry=self._retry,
            known=known,
            proves=proves,
            mass=choose_mass if mass_cancels else None,
            lists_first=lists_first,
            rank=rank,
            settles=settles,
        )

    def _sender(self, account: Account, log: Any, *, is_bounded: bool, grace_s: float | None = None) -> Sender:
        if self._transport is None:
            raise ConfigError("the engine is not open: use `async with CancelEngine(...) as engine`")
        route = self._route_of(account)
        return Sender(route, account, self._transport, grace_s=grace_s, is_bounded=is_bounded, log=log)

    def _route_of(self, account: Account) -> Route:
        """The way to the account's venue.

        Raises:
            ConfigError: this engine does not hold it, or it is not clear which of several it is.
        """
        name = account.venue
        if name is None and len(self._routes) == 1:
            return next(iter(self._routes.values()))
        held = ", ".join(self._routes)
        if name is None:
            raise ConfigError(f"account {account.name!r} does not say its venue, and this engine holds {held}")
        if name not in self._routes:
            raise ConfigError(f"account {account.name!r} is for {name}, and this engine holds {held}")
        return self._routes[name]

    def _checked(self, accounts: list[Account], scope: Scope | None = None) -> list[Account]:
        """The accounts, if this engine can use them and the scope.

        Raises:
            ConfigError: one cannot be used, or two have the same name.
        """
        names = set()
        if scope is not None and not isinstance(scope, Scope):
            raise ConfigError(f"scope must be a Scope, not {type(scope).__name__}")
        for account in accounts:
            if not isinstance(account, Account):
                raise ConfigError(f"an account must be an Account, not {type(account).__name__}")
            if account.name in names:
                raise ConfigError(f"two accounts are named {account.name!r}; the report could not tell them apart")
            names.add(account.name)
            self._route_of(account).venue.check(account, scope)
        return accounts
