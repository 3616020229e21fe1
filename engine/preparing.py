"""Check a request, and prepare everything that a call takes: lanes, work, places. Nothing is sent here."""

from __future__ import annotations

import math
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import anyio

from engine.core.order import OpenOrder
from engine.core.plan import AccountPlan, choose, pays_to_list_first
from engine.core.quota import Kind, Window
from engine.core.request import Account, Scope, checked_ids, checked_seconds
from engine.core.retry import Retry
from engine.core.slots import Slot, Slots
from engine.core.summary import Outage
from engine.core.work import Drain
from engine.errors import ConfigError
from engine.log import new_log
from engine.pacing import Lanes
from engine.planning import means_of
from engine.progress import AccountCall, Begun, Call
from engine.rotating import Rota
from engine.scheduling import Pull
from engine.sending import Route, Sender, VenueClock
from engine.venues.base import Transport, Venue, problem_everywhere

Rank = Callable[[OpenOrder], Any]
"""Gives an order a rank, of any kind that sorts; None puts it last."""

Watch = Callable[[int], None]
"""Told the place of an order whenever its fate is written."""

Note = Callable[[AccountCall, int], None]
"""The same for all accounts of a call."""

NewWork = Callable[[Sender, Watch | None], tuple[Slots, Drain]]
"""Makes the work of one account, and the places for its orders."""


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

    Attributes:
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
    ) -> None:
        counts = {"in_flight": in_flight, "in_flight_in_all": in_flight_in_all, "active_accounts": active_accounts}
        for name, value in counts.items():
            if type(value) is not int or value < 1:
                raise ConfigError(f"{name} must be a whole number of at least 1, not {value!r}")
        if not 0 <= grace_s < math.inf:
            raise ConfigError(f"grace_s must not be negative, not {grace_s!r}")
        self.transport: Transport | None = None
        self.retry = retry
        self.roll = roll
        self.active_accounts = active_accounts
        self.in_flight_in_all = in_flight_in_all
        self._in_flight = in_flight
        self._grace_s = grace_s
        self._wall_clock = wall_clock
        venues = list(venues)
        self.routes = {venue.name: self._new_route(venue, in_flight_in_all) for venue in venues}
        if not venues or len(self.routes) < len(venues):
            raise ConfigError(f"an engine needs venues, each of them once, not ({', '.join(venue.name for venue in venues)})")

    def _new_route(self, venue: Venue, in_flight: int) -> Route:
        lanes = Lanes(venue.name, venue.limits, retry=self.retry, most_ids=venue.most_ids, in_flight=in_flight)
        return Route(venue, lanes, VenueClock(self._wall_clock))

    def known(self, account: Account, order_ids: Iterable[str], deadline_s: float | None, *, verify: bool) -> Call:
        """A call that cancels these orders.

        Raises:
            ConfigError: the request cannot be used.
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

        call = self._new_call(self.checked([account]), Scope(), new_work, deadline_s)
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
        accounts = self.checked(accounts, scope)

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
    ) -> Call:
        """A call for accounts that have been checked; it has not begun.

        Raises:
            ConfigError: the request cannot be used.
        """
        bound_s = checked_seconds("deadline_s", deadline_s)
        run_id = uuid.uuid4().hex[:12]
        log = new_log(run_id=run_id)
        rotas: dict[str, Rota] = {}

        def begin(part: AccountCall) -> Begun:
            sender = self.sender(part.account, log, is_bounded=bound_s is not None, grace_s=self._grace_s)
            slots, work = new_work(sender, None if note is None else partial(note, part))
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
            return Begun(sender, slots, work, pull)

        parts = [AccountCall(account, self._route_of(account).venue.name, begin) for account in accounts]
        for venue in self.routes:
            rotas[venue] = Rota([part for part in parts if part.venue == venue], self.active_accounts)
        return Call(
            run_id=run_id,
            parts=parts,
            rotas=tuple(rotas.values()),
            bound_s=bound_s,
            started_at=self._wall_clock(),
            outages=self.outages,
            log=log,
        )

    def outages(self, start_s: float, end_s: float) -> list[Outage]:
        """The outages of all venues within a call, in the order in which they began."""
        found = [outage for route in self.routes.values() for outage in route.lanes.health.outages(start_s, end_s)]
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
            retry=self.retry,
            known=known,
            proves=proves,
            mass=choose_mass if mass_cancels else None,
            lists_first=lists_first,
            rank=rank,
            settles=settles,
        )

    def sender(self, account: Account, log: Any, *, is_bounded: bool, grace_s: float | None = None) -> Sender:
        """One account's requests in one call; see `Sender`.

        Raises:
            ConfigError: the engine is not open.
        """
        transport, route = self._opened(), self._route_of(account)
        return Sender(route, account, transport, grace_s=grace_s, is_bounded=is_bounded, log=log)

    def _opened(self) -> Transport:
        """What moves the bytes.

        Raises:
            ConfigError: the engine is not open.
        """
        if self.transport is None:
            raise ConfigError("the engine is not open: use `async with CancelEngine(...) as engine`")
        return self.transport

    def _route_of(self, account: Account) -> Route:
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
            self._route_of(account).venue.check(account, scope)
        return accounts

    def shared_time_s(self, plans: Iterable[AccountPlan]) -> float:
        """Seconds that all of these take at the least, as far as accounts share limits."""
        by_venue: dict[str, Counter[Kind]] = {name: Counter() for name in self.routes}
        for plan in plans:
            by_venue[plan.venue].update(plan.by_kind)
        return max(self.routes[name].venue.limits.shared_time_s(requests) for name, requests in by_venue.items())
