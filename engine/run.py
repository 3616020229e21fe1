"""The story of a run: a request comes in, a report goes out. What happens in between has a room of its own.

request -> check -> lanes -> listing and scheduling (turn, send, judge, resolve, sweep) -> slots -> summary -> report
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Self, TypeVar

import anyio

from engine import clock
from engine.core.cause import Cause
from engine.core.order import OpenOrder
from engine.core.outcome import OrderResult, Word
from engine.core.plan import AccountPlan, Plan
from engine.core.quota import Kind
from engine.core.report import RunReport
from engine.core.request import Account, Belongs, Scope, checked_id, checked_seconds
from engine.core.retry import Retry
from engine.core.summary import CancelSummary
from engine.errors import ConfigError, JournalError, TransportError, VenueError
from engine.events import Hook
from engine.journal.entries import END, NO_ACCOUNT, Entry
from engine.journal.journal import Journal
from engine.log import new_log, ready_log
from engine.paging import ask_until_answered, walk_open_orders
from engine.planning import plan_account
from engine.preparing import Desk, Rank, Where, Wish
from engine.progress import Call, Progress
from engine.resolving import read_until_known
from engine.resuming import checked_again, resumed
from engine.streaming import ResultStream
from engine.venues.base import HttpAnswer, HttpRequest, Transport, Venue

T = TypeVar("T")

EVERYTHING = Scope()


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
        journal: Where runs are written down, so that one that is cut off can be resumed; closed with the engine.
        on_event: A plain function that is told what happens, as `engine.events` says; what it raises is logged and harms nothing.

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
        journal: Journal | None = None,
        on_event: Hook | None = None,
    ) -> None:
        self._desk = Desk(
            venues,
            retry=retry or Retry(),
            in_flight=in_flight,
            in_flight_in_all=in_flight_in_all,
            active_accounts=active_accounts,
            grace_s=grace_s,
            roll=(dice or random.Random()).random,  # noqa: S311  # spreads waits; guards nothing
            wall_clock=wall_clock,
            journal=journal,
            on_event=on_event,
        )
        self._desk.transport = transport
        self._owns_transport = transport is None
        # What takes long to import is imported here, once it is certain to be used: not with the package, and not within a run.
        ready_log()
        if self._owns_transport:
            import engine.venues.http  # noqa: F401, PLC0415

    async def __aenter__(self) -> Self:
        if self._desk.transport is None:
            from engine.venues.http import HttpTransport  # noqa: PLC0415  # see __init__

            self._desk.transport = HttpTransport(connections=self._desk.in_flight_in_all)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._owns_transport and self._desk.transport is not None:
            with anyio.CancelScope(shield=True):
                await self._desk.transport.aclose()
            self._desk.transport = None
        if self._desk.journal is not None:
            self._desk.journal.close()

    # --- the calls

    async def cancel_order(
        self,
        account: Account,
        order_id: str,
        *,
        deadline_s: float | None = None,
        reason: str | None = None,
        requested_by: str | None = None,
        progress: Progress | None = None,
    ) -> OrderResult:
        """Cancel one order and say what became of it.

        Raises:
            ConfigError: the request cannot be used; nothing was sent. Nothing else: a refusal is an outcome.
        """
        summary = await self.cancel_orders(
            account,
            [checked_id(order_id)],
            deadline_s=deadline_s,
            reason=reason,
            requested_by=requested_by,
            progress=progress,
        )
        return summary.results[0]

    async def cancel_orders(
        self,
        account: Account,
        order_ids: Iterable[str],
        *,
        verify: bool = False,
        deadline_s: float | None = None,
        reason: str | None = None,
        requested_by: str | None = None,
        progress: Progress | None = None,
    ) -> CancelSummary:
        """Cancel these orders; `results[i]` is the fate of the i-th, and an id given twice is sent once.

        The venue's acknowledgement is believed; `verify` lists the account's open orders afterwards, and takes up again what is
        still there. They are listed anyway where the venue says of one that it does not know it, to confirm that.

        Raises:
            ConfigError: the request cannot be used; nothing was sent. Nothing else.
        """
        wish = Wish(deadline_s=deadline_s, cause=Cause(reason, requested_by))
        call = self._desk.known(account, order_ids, wish, verify=verify)
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
        reason: str | None = None,
        requested_by: str | None = None,
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
            reason: Why, for the record and the report: in words of your own, or one of the trade's (FIX 2675), by number or name.
            requested_by: Who or what asks for it, for the same.
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
            reason=reason,
            requested_by=requested_by,
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
        reason: str | None = None,
        requested_by: str | None = None,
        progress: Progress | None = None,
    ) -> RunReport:
        """Do a `cancel_all` for every account, side by side; the report holds them in input order.

        An account waits for its own limits, and in turn with the others for those that they share, each by its `weight`. What
        goes wrong with one account stays with it. A venue that is down is waited for until the deadline; without one, as `Retry`
        says.

        Raises:
            ConfigError: the request cannot be used; nothing was sent. Nothing else.
        """
        wish = Wish(deadline_s=deadline_s, cause=Cause(reason, requested_by))
        call = self._desk.mass(accounts, scope, lists_first=lists_first, priority=priority, settle_s=settle_s, wish=wish)
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
        reason: str | None = None,
        requested_by: str | None = None,
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
        call = self._desk.mass(
            accounts,
            scope,
            lists_first=lists_first,
            priority=priority,
            settle_s=settle_s,
            wish=Wish(deadline_s=deadline_s, cause=Cause(reason, requested_by)),
            note=results.note,
        )
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

    async def resume(
        self,
        run_id: str,
        accounts: Iterable[Account],
        *,
        where: Where | None = None,
        priority: Rank | None = None,
        takes_new_keys: bool = False,
        takes_new_address: bool = False,
        deadline_s: float | None = None,
        reason: str | None = None,
        requested_by: str | None = None,
        progress: Progress | None = None,
    ) -> RunReport:
        """Go on with a run that was cut off or stopped, and report on the whole of it; a finished one just gives its report.

        Fates that were settled stay as they are; an order whose cancel may have been on its way is read first; the rest is sent.
        Indices are those of the first life, and times count from its beginning.

        Args:
            run_id: Names the run.
            accounts: Those that it was not done with, with their keys; others are left alone.
            where: The scope's predicate, where it had one: no record can hold it.
            priority: A rank for an order, where the run had one of the caller's own.
            takes_new_keys: Whether an account may have another key than when the run began.
            takes_new_address: Whether a venue may be at another address than then.
            deadline_s: Come back by then with what is known.
            reason: Why it is resumed, for the record.
            requested_by: Who or what asks for that, for the same.
            progress: A fresh one, to watch the call and to stop it.

        Raises:
            ConfigError: the request cannot be used; nothing was sent. As `JournalError`: there is no such run, another process
                works on it, or its record cannot be read.
        """
        progress = progress or Progress()
        wish = Wish(deadline_s=checked_seconds("deadline_s", deadline_s), cause=Cause(reason, requested_by))
        journal = self._desk.kept()
        record = await journal.load(run_id)
        if record.is_finished:
            return record.report()
        if record.has_where and where is None:
            words = (
                f"run {run_id} was for orders that a function chose (where=), which no record can hold; give the same one again"
            )
            raise JournalError(words)
        if where is not None and not record.has_where:
            raise JournalError(f"run {run_id} was for every order of its scope: leave where= out, or begin another run")
        chosen = checked_again(self._desk, record, accounts, takes_new_keys=takes_new_keys, takes_new_address=takes_new_address)
        writer = await journal.claim(run_id)
        if writer.seq != record.last + 1:  # somebody else went on with it meanwhile
            record = await journal.load(run_id)
        if record.is_finished and record.ending is not None:
            await writer.end([Entry(writer.seq, record.last_ms, END, NO_ACCOUNT, record.ending)])
            return record.report()
        return await self._run(resumed(self._desk, record, chosen, writer, wish, where=where, priority=priority), progress)

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
        chosen = self._desk.checked(accounts, scope)
        bound_s = checked_seconds("deadline_s", deadline_s)
        plans: dict[str, AccountPlan] = {}
        waiting = iter(chosen)

        async def plan_on() -> None:
            for account in waiting:
                sender = self._desk.sender(account, new_log(), is_bounded=bound_s is not None)
                plans[account.name] = await plan_account(
                    sender,
                    scope,
                    accounts=len(chosen),
                    lists_first=lists_first,
                    until_s=math.inf if bound_s is None else began_s + bound_s,
                    retry=self._desk.retry,
                    roll=self._desk.roll,
                )

        began_s = clock.now_s()
        async with anyio.create_task_group() as tasks:
            for _ in range(min(self._desk.active_accounts, len(chosen))):
                tasks.start_soon(plan_on)
        return Plan(
            accounts={account.name: plans[account.name] for account in chosen},
            shared_time_s=self._desk.shared_time_s(plans.values()),
        )

    async def open_orders(
        self, account: Account, scope: Scope = EVERYTHING, *, deadline_s: float | None = None
    ) -> AsyncGenerator[OpenOrder, None]:
        """Every open order in the scope, each once, as its page comes. Ends only if the whole listing was read.

        Raises:
            ConfigError: the request cannot be used; nothing was sent.
            VenueError: the listing could not be read to its end, or not within the deadline.
        """
        self._desk.checked([account], scope)
        bound_s = checked_seconds("deadline_s", deadline_s)
        until_s = math.inf if bound_s is None else clock.now_s() + bound_s
        sender = self._desk.sender(account, new_log(), is_bounded=bound_s is not None)
        async with aclosing(walk_open_orders(sender, scope, retry=self._desk.retry, roll=self._desk.roll)) as orders:
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
        self._desk.checked([account])
        checked_id(order_id)
        bound_s = checked_seconds("deadline_s", deadline_s)
        with anyio.move_on_after(bound_s):
            sender = self._desk.sender(account, new_log(), is_bounded=bound_s is not None)
            came = await read_until_known(sender, order_id, retry=self._desk.retry, roll=self._desk.roll)
            if isinstance(came, VenueError):
                raise came
            if came.order is None and came.word is not Word.NOT_FOUND:
                raise VenueError(f"order {order_id}: {came.text}", code=came.code)
            return came.order
        raise TransportError(f"order {order_id} was not read within {bound_s:g} s", sent=True, code="deadline")

    async def read(
        self,
        account: Account,
        kind: Kind,
        make: Callable[[float], HttpRequest],
        decode: Callable[[HttpAnswer, float], T],
        *,
        deadline_s: float | None = None,
    ) -> T:
        """What `decode` makes of the answer to a request of the caller's own, sent in the account's turn and within its limits.

        For what the other calls do not give, such as a page as the venue wrote it. Tried again where that may help, so it must
        change nothing.

        Args:
            account: Whose request.
            kind: What it counts as against the limits; no cancel.
            make: Makes it at this Unix time, anew for every try.
            decode: Makes sense of its answer, which came at this Unix time, or raises a `VenueError`.
            deadline_s: Come back by then.

        Raises:
            ConfigError: the request cannot be used; nothing was sent.
            VenueError: the venue gave no usable answer, or none within the deadline.
        """
        self._desk.checked([account])
        if kind.is_cancel:
            raise ConfigError(f"a {kind.value} is not a request that only reads")
        bound_s = checked_seconds("deadline_s", deadline_s)
        with anyio.move_on_after(bound_s):
            sender = self._desk.sender(account, new_log(), is_bounded=bound_s is not None)
            return await ask_until_answered(sender, kind, make, decode, retry=self._desk.retry, roll=self._desk.roll)
        raise TransportError(f"account {account.name!r}: no answer within {bound_s:g} s", sent=True, code="deadline")

    # --- how

    async def _run(self, call: Call, progress: Progress) -> RunReport:
        """Work on every account until all are done or the call is stopped, then report."""
        bound = anyio.move_on_after(call.bound_s)
        if call.record is not None:
            await call.record.open(round(call.started_at * 1000))
        progress.join(call, bound)
        if call.telling is not None:
            call.telling.begins(part.venue for part in call.parts)
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
            if call.record is not None:
                await call.record.end(progress.report())
            report = progress.report()
            if call.telling is not None:
                call.telling.ends(report)
            call.log.info(
                "run", accounts=len(call.parts), total=report.total, cancelled=report.cancelled, at_risk=report.at_risk, stop=stop
            )
        return report
