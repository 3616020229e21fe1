"""Check a request, and prepare everything that a call takes: lanes, work, places. Nothing is sent here."""

from __future__ import annotations

import math
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from engine import clock
from engine.core.cause import Cause
from engine.core.order import OpenOrder
from engine.core.plan import AccountPlan, choose, pays_to_list_first
from engine.core.priority import name_of
from engine.core.quota import Kind, Window
from engine.core.request import Account, Scope, checked_ids, checked_seconds
from engine.core.retry import Retry
from engine.core.slots import Slot, Slots, Witness
from engine.core.summary import CancelSummary, Outage
from engine.core.work import Drain
from engine.errors import ConfigError, JournalError
from engine.events import Hook
from engine.journal.bodies import scope_body
from engine.journal.journal import Journal, program
from engine.log import new_log
from engine.observing import Overheard, RunTelling, Teller
from engine.pacing import Lanes
from engine.planning import means_of
from engine.progress import AccountCall, Begun, Call
from engine.recording import AccountRecord, RunRecorder, Unrecorded
from engine.rotating import Rota
from engine.scheduling import Pull
from engine.secret import fingerprint
from engine.sending import Route, Sender, VenueClock
from engine.venues.base import Transport, Venue, problem_everywhere

Rank = Callable[[OpenOrder], Any]
"""Gives an order a rank, of any kind that sorts; None puts it last."""

Note = Callable[[AccountCall, int], None]
"""Told of the place of an order whenever its fate is written."""

NewWork = Callable[[Sender, Witness | None], tuple[Slots, Drain]]
"""Makes the work of one account, and the places for its orders."""

Where = Callable[[OpenOrder], bool]
"""Chooses orders."""

ORDERS, MASS = "orders", "mass"
"""What a call cancels, in its record: known orders, or a scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A run, or the rest of one: what stands before it begins.

    Attributes:
        run_id: Names it.
        start_s: When it began, by the loop's clock, even if that was in another process.
        started_at: The same in Unix seconds.
        accounts: Those to be worked on, by name.
        venues: The venue of every account of the run, by its name, in input order.
        summaries: Of the accounts that an earlier life was done with.
        outages: In earlier lives.
        is_everything: Whether it is for every open order of its accounts.
        is_resumed: Whether it goes on with an earlier run.
    """

    run_id: str
    start_s: float
    started_at: float
    accounts: Mapping[str, Account]
    venues: Mapping[str, str]
    summaries: Mapping[str, CancelSummary] = field(default_factory=dict)
    outages: tuple[Outage, ...] = ()
    is_everything: bool = False
    is_resumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What every call can be told beside its orders.

    Attributes:
        deadline_s: Come back by then with what is known.
        cause: Who asks, and why.
    """

    deadline_s: float | None = None
    cause: Cause = field(default_factory=Cause)


class Desk:
    """What all calls of an engine share, and how each is made out of it.

    Args:
        venues: Where the orders rest.
        retry: How often, how long.
        in_flight: Most requests on their way for one account.
        in_flight_in_all: Most requests on their way to one venue.
        active_accounts: Most accounts of a call that are worked on at a time, at each venue.
        grace_s: How long answers on their way are waited for after a stop.
        roll: Spreads the waits.
        wall_clock: Unix time in seconds.
        journal: Where runs are written down, or None.
        on_event: Told what happens, or None.

    Attributes:
        journal: See above.
        transport: What moves the bytes, or None while the engine is not open.
        routes: The way to each venue, by its name.

    Raises:
        ConfigError: an argument cannot be used.
    """

    def __init__(
        self,
        venues: Iterable[Venue],
        *,
        retry: Retry,
        in_flight: int,
        in_flight_in_all: int,
        active_accounts: int,
        grace_s: float,
        roll: Callable[[], float],
        wall_clock: Callable[[], float],
        journal: Journal | None = None,
        on_event: Hook | None = None,
    ) -> None:
        counts = {"in_flight": in_flight, "in_flight_in_all": in_flight_in_all, "active_accounts": active_accounts}
        for name, value in counts.items():
            if type(value) is not int or value < 1:
                raise ConfigError(f"{name} must be a whole number of at least 1, not {value!r}")
        if not 0 <= grace_s < math.inf:
            raise ConfigError(f"grace_s must not be negative, not {grace_s!r}")
        self.transport: Transport | None = None
        self.journal = journal
        self.retry = retry
        self.roll = roll
        self.active_accounts = active_accounts
        self.in_flight_in_all = in_flight_in_all
        self._in_flight = in_flight
        self._grace_s = grace_s
        self.wall_clock = wall_clock
        self._teller = None if on_event is None else Teller(on_event)
        venues = list(venues)
        self.routes = {venue.name: self._new_route(venue, in_flight_in_all) for venue in venues}
        if not venues or len(self.routes) < len(venues):
            raise ConfigError(f"an engine needs venues, each of them once, not ({', '.join(venue.name for venue in venues)})")

    def _new_route(self, venue: Venue, in_flight: int) -> Route:
        lanes = Lanes(venue.name, venue.limits, retry=self.retry, most_ids=venue.most_ids, in_flight=in_flight)
        lanes.health.watcher = self._teller
        return Route(venue, lanes, VenueClock(self.wall_clock))

    def known(self, account: Account, order_ids: Iterable[str], wish: Wish, *, verify: bool) -> Call:
        """A call that cancels these orders.

        Raises:
            ConfigError: the request cannot be used.
        """
        ids = checked_ids(order_ids)

        def new_work(sender: Sender, witness: Witness | None) -> tuple[Slots, Drain]:
            slots = Slots(map(sender.venue.plain_id, ids), witness=witness)
            for slot in slots:
                problem = sender.venue.problem_of(slot.order_id)
                if problem is not None:
                    slot.bar(problem, clock.now_s())
            known = [slot for slot in slots if not slot.is_barred]
            return slots, self.new_drain(sender, slots, only(slots), known=known, proves=verify)

        header = {"call": ORDERS, "scope": None, "options": {"verify": verify, "deadline_s": wish.deadline_s}}
        call = self._new_call(self.checked([account]), Scope(), new_work, wish, header)
        call.parts[0].begin()  # what the input names is accounted for even if the call is stopped before it begins
        return call

    def mass(
        self,
        accounts: Iterable[Account],
        scope: Scope,
        *,
        lists_first: bool,
        priority: Rank | None,
        settle_s: float | None,
        wish: Wish,
        note: Note | None = None,
    ) -> Call:
        """A call that takes a scope off the book for all of these accounts.

        Raises:
            ConfigError: the request cannot be used.
        """
        if priority is not None and not callable(priority):
            raise ConfigError("priority must be a function of one OpenOrder, such as `lambda order: order.notional`")
        rest_s = checked_seconds("settle_s", settle_s) or 0.0
        accounts = self.checked(accounts, scope)

        def new_work(sender: Sender, witness: Witness | None) -> tuple[Slots, Drain]:
            slots = Slots(witness=witness)
            drain = self.new_drain(
                sender,
                slots,
                scope,
                accounts=len(accounts),
                lists_first=lists_first,
                rank=priority,
                settles=rest_s > 0,
            )
            return slots, drain

        options = {
            "lists_first": lists_first,
            "priority": name_of(priority),
            "settle_s": settle_s,
            "deadline_s": wish.deadline_s,
        }
        header = {"call": MASS, "scope": scope_body(scope), "options": options}
        return self._new_call(accounts, scope, new_work, wish, header, settle_s=rest_s, note=note)

    def _new_call(
        self,
        accounts: list[Account],
        scope: Scope,
        new_work: NewWork,
        wish: Wish,
        header: Mapping[str, Any],
        *,
        settle_s: float = 0.0,
        note: Note | None = None,
    ) -> Call:
        """A call for accounts that have been checked; it has not begun.

        Raises:
            ConfigError: the request cannot be used.
        """
        checked_seconds("deadline_s", wish.deadline_s)
        life = Life(
            run_id=uuid.uuid4().hex[:12],
            start_s=clock.now_s(),
            started_at=self.wall_clock(),
            accounts={account.name: account for account in accounts},
            venues={account.name: self.route_of(account).venue.name for account in accounts},
            is_everything=header["call"] == MASS and scope == Scope(),
        )
        log = new_log(run_id=life.run_id)
        record = None
        if self.journal is not None:
            record = RunRecorder(self.journal, life.run_id, start_s=life.start_s, log=log)
            asked = {"reason": wish.cause.reason, "requested_by": wish.cause.requested_by}
            venues = {name: self.routes[name].venue.base_url for name in dict.fromkeys(life.venues.values())}
            record.begins(
                {"run_id": life.run_id, "started_at": life.started_at, "venues": venues, **header, **asked, **program()}
            )
            for account in accounts:
                record.adds(account.name, life.venues[account.name], self.fingerprint_of(account))
        return self.assemble(life, scope, new_work, wish, record=record, log=log, settle_s=settle_s, note=note)

    def assemble(
        self,
        life: Life,
        scope: Scope,
        new_work: NewWork,
        wish: Wish,
        *,
        record: RunRecorder | None,
        log: Any,
        settle_s: float,
        note: Note | None = None,
    ) -> Call:
        """The call, with a part for each account of the run."""
        bound_s = checked_seconds("deadline_s", wish.deadline_s)
        rotas: dict[str, Rota] = {}
        telling = None
        if self._teller is not None:
            telling = RunTelling(self._teller, life.run_id, is_everything=life.is_everything, is_resumed=life.is_resumed)

        def begin(part: AccountCall) -> Begun:
            noted = None if note is None else partial(note, part)
            written: AccountRecord = Unrecorded(noted) if record is None else record.of(part.name, noted)
            account, told = life.accounts[part.name], None
            if telling is not None:
                written = told = telling.of(part.name, part.venue, self.routes[part.venue].venue.base_url, written)
            sender = self.sender(account, log, is_bounded=bound_s is not None, grace_s=self._grace_s, record=written)
            slots, work = new_work(sender, None if record is None and note is None and told is None else written)
            if told is not None and life.is_resumed:
                told.takes_over(slots)
            pull = Pull(
                sender,
                work,
                scope,
                places=rotas[part.venue],
                retry=self.retry,
                in_flight=self._in_flight,
                settle_s=settle_s,
                roll=self.roll,
                log=log,
            )
            return Begun(sender, slots, work, pull, scope, len(parts))

        parts = [
            AccountCall(name, venue, begin, start_s=life.start_s, summary=life.summaries.get(name))
            for name, venue in life.venues.items()
        ]
        for venue in self.routes:
            mine = [part for part in parts if part.venue == venue and not part.is_finished]
            rotas[venue] = Rota(mine, self.active_accounts)
        return Call(
            run_id=life.run_id,
            parts=parts,
            rotas=tuple(rotas.values()),
            bound_s=bound_s,
            started_at=life.started_at,
            outages=self.outages,
            log=log,
            start_s=life.start_s,
            cause=wish.cause,
            record=record,
            telling=telling,
            outages_before=life.outages,
        )

    def fingerprint_of(self, account: Account) -> str:
        """Tells the account's key from another one."""
        return fingerprint(self.route_of(account).venue.secrets(account), self.kept().salt)

    def kept(self) -> Journal:
        """The journal.

        Raises:
            JournalError: this engine has none.
        """
        if self.journal is None:
            raise JournalError("this engine has no journal: use `CancelEngine(..., journal=Journal.open(path))`")
        return self.journal

    def outages(self, start_s: float, end_s: float) -> list[Outage]:
        """The outages of all venues within a call, in the order in which they began."""
        found = [outage for route in self.routes.values() for outage in route.lanes.health.outages(start_s, end_s)]
        return sorted(found, key=lambda outage: outage.began_s)

    def new_drain(
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
        """The work of taking these orders off the book, for one account; see `Drain`."""
        venue, lane = sender.venue, sender.lane
        mass_cancels = venue.mass_cancels(scope)
        windows = [quota.requests for quota in venue.limits.per_account if isinstance(quota, Window)]
        lists_first = lists_first or pays_to_list_first(mass_cancels, means_of(venue, lane, accounts=accounts))

        def choose_mass(orders: int | None) -> Kind | None:
            means = means_of(venue, lane, accounts=1 if orders is None else accounts)
            tactic = choose(mass_cancels, 1 if orders is None else orders, means, lists_first=orders is not None)
            sender.record.plans(tactic.to_dict())
            return tactic.kind if tactic.kind.is_mass else None

        known = list(known)
        if known or not mass_cancels:
            sender.record.plans(_by_id(known, venue))
        return Drain(
            slots,
            lambda order: venue.belongs(scope, order),
            first=venue.first_cursor,
            cursor_at=venue.cursor_at,
            ahead=max(venue.most_ids if venue.most_ids > 1 else 0, min([self._in_flight, *windows])),
            retry=self.retry,
            known=known,
            proves=proves,
            mass=choose_mass if mass_cancels else None,
            lists_first=lists_first,
            rank=rank,
            settles=settles,
        )

    def sender(
        self, account: Account, log: Any, *, is_bounded: bool, grace_s: float | None = None, record: AccountRecord | None = None
    ) -> Sender:
        """One account's requests in one call; see `Sender`.

        Raises:
            ConfigError: the engine is not open.
        """
        transport, route = self._opened(), self.route_of(account)
        if record is None:
            record = Unrecorded() if self._teller is None else Overheard(self._teller, account.name, route.venue.name)
        return Sender(route, account, transport, grace_s=grace_s, is_bounded=is_bounded, record=record, log=log)

    def _opened(self) -> Transport:
        """What moves the bytes.

        Raises:
            ConfigError: the engine is not open.
        """
        if self.transport is None:
            raise ConfigError("the engine is not open: use `async with CancelEngine(...) as engine`")
        return self.transport

    def route_of(self, account: Account) -> Route:
        """The way to the account's venue.

        Raises:
            ConfigError: this engine does not hold it, or it is not clear which of several it is.
        """
        name = account.venue
        if name is None and len(self.routes) == 1:
            return next(iter(self.routes.values()))
        held = ", ".join(self.routes)
        if name is None:
            raise ConfigError(f"account {account.name!r} does not say its venue, and this engine holds {held}")
        if name not in self.routes:
            raise ConfigError(f"account {account.name!r} is for {name}, and this engine holds {held}")
        return self.routes[name]

    def checked(self, accounts: Iterable[Account], scope: Scope | None = None) -> list[Account]:
        """The accounts, if this engine is open and can use them and the scope.

        Raises:
            ConfigError: it is not open, one cannot be used, or two have the same name.
        """
        self._opened()  # said here, alone, and not by each account's part in a group of errors
        if isinstance(accounts, str) or not isinstance(accounts, Iterable):
            raise ConfigError(f"accounts must come as a list, tuple or iterator of them, not as {type(accounts).__name__}")
        accounts, names = list(accounts), set()
        if scope is not None and not isinstance(scope, Scope):
            raise ConfigError(f"scope must be a Scope, not {type(scope).__name__}")
        for order_id in () if scope is None else scope.except_ids or ():
            problem = problem_everywhere(order_id, [route.venue for route in self.routes.values()])
            if problem is not None:
                raise ConfigError(f"order id {order_id!r} is to be left alone, and can be no order's: {problem}")
        for account in accounts:
            if not isinstance(account, Account):
                raise ConfigError(f"an account must be an Account, not {type(account).__name__}")
            if account.name in names:
                raise ConfigError(f"two accounts are named {account.name!r}; the report could not tell them apart")
            names.add(account.name)
            self.route_of(account).venue.check(account, scope)
        return accounts

    def shared_time_s(self, plans: Iterable[AccountPlan]) -> float:
        """Seconds that all of these take at the least, as far as accounts share limits."""
        by_venue: dict[str, Counter[Kind]] = {name: Counter() for name in self.routes}
        for plan in plans:
            by_venue[plan.venue].update(plan.by_kind)
        return max(self.routes[name].venue.limits.shared_time_s(requests) for name, requests in by_venue.items())


def _by_id(known: Sequence[Slot], venue: Venue) -> dict[str, Any]:
    """What a record says of the plan where orders go by id."""
    kind = Kind.CANCEL_MANY if venue.most_ids > 1 else Kind.CANCEL_ONE
    which = f"{len(known):,} known orders go first" if known else "no cancel of the venue's own hits this scope alone"
    return {"kind": kind.value, "why": f"{which}; orders go by id, up to {venue.most_ids:,} in a request"}


def only(slots: Slots) -> Scope:
    """The scope of these orders and no other."""
    return Scope(order_ids=frozenset(slot.order_id for slot in slots))
