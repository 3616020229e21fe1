"""The ground truth of a simulated venue: what became of every order, and every request that arrived.

It knows what happened, apart from what was answered. It never holds a key.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from engine.core.order import Side


class BookState(StrEnum):
    """What an order really is. Compares equal to the word of the same state in `engine.core.order.OrderState`."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"


class Change(NamedTuple):
    """One step in the life of an order: from `time_s` on it is `state`, because of `cause`."""

    time_s: float
    state: BookState
    cause: str


@dataclass(slots=True, kw_only=True)
class BookOrder:
    """One order of the book. `group` is the family of markets, "0" for none; `asset` the outcome traded; sizes are shares."""

    order_id: str
    account: str
    market: str
    group: str = "0"
    asset: str = "YES"
    side: Side
    price: Decimal
    size: Decimal
    filled: Decimal = Decimal(0)
    history: list[Change] = field(default_factory=list)

    @property
    def state(self) -> BookState:
        """The present state."""
        return self.history[-1].state

    def state_at(self, time_s: float) -> BookState:
        """The state at a moment; before the order existed, its first one."""
        past = [change.state for change in self.history if change.time_s <= time_s]
        return past[-1] if past else self.history[0].state

    def to_dict(self) -> dict[str, Any]:
        """Plain values, money as text."""
        return {
            "account": self.account,
            "market": self.market,
            "group": self.group,
            "asset": self.asset,
            "side": str(self.side),
            "price": str(self.price),
            "size": str(self.size),
            "filled": str(self.filled),
            "state": str(self.state),
            "history": [[change.time_s, str(change.state), change.cause] for change in self.history],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One request that arrived.

    Attributes:
        account: Owner of the key, or None for a key that was never given out.
        fault: Name of the fault applied, or None.
        status: The HTTP status that was put on the wire, or None where no status line was.
        refused_for_pace: Whether the venue's own quota refused it (a scripted 429 is a fault, not this).
        hits: The orders that a cancel without ids would have hit.
        false_words: The orders that a fault made the answer call cancelled, and that were not.
    """

    number: int
    time_s: float
    connection: int
    account: str | None
    route: str
    order_ids: tuple[str, ...] = ()
    page: int | None = None
    fault: str | None = None
    status: int | None = None
    refused_for_pace: bool = False
    hits: tuple[str, ...] = ()
    false_words: tuple[str, ...] = ()

    @property
    def order_id(self) -> str | None:
        """The first order named, or None."""
        return self.order_ids[0] if self.order_ids else None


class Ledger:
    """Orders and requests, with the questions that a test asks.

    Attributes:
        orders: Every order that ever was, by id, in the order of creation.
        requests: Every request that arrived, in the order of arrival.
        connections_refused: How many connections were refused, so that no request arrived at all.
    """

    def __init__(self) -> None:
        self.orders: dict[str, BookOrder] = {}
        self.requests: list[RequestRecord] = []
        self.connections_refused = 0
        self._open: dict[str, dict[str, BookOrder]] = {}
        self._of_account: dict[str, dict[str, BookOrder]] = {}
        self._touched: set[str] = set()

    def enter(self, order: BookOrder) -> None:
        """Take a new order in; its history says what it is."""
        self.orders[order.order_id] = order
        self._of_account.setdefault(order.account, {})[order.order_id] = order
        if order.state is BookState.OPEN:
            self._open.setdefault(order.account, {})[order.order_id] = order

    def change(self, order_id: str, state: BookState, *, time_s: float, cause: str) -> None:
        """Add one step to the life of an order."""
        order = self.orders[order_id]
        was_open = order.state is BookState.OPEN
        order.history.append(Change(time_s, state, cause))
        if was_open and state is not BookState.OPEN:
            del self._open[order.account][order_id]
        elif state is BookState.OPEN and not was_open:
            self._reopen(order)

    def note(self, record: RequestRecord) -> None:
        """Add a request; one that would cancel marks its orders as touched."""
        self.requests.append(record)
        if record.route.startswith("cancel"):
            self._touched.update(record.order_ids, record.hits)

    def open_orders(self, account: str) -> dict[str, BookOrder]:
        """The open orders of one account by id, oldest first. The live index, not to be changed."""
        return self._open.get(account, {})

    def orders_of(self, account: str) -> dict[str, BookOrder]:
        """Every order that one account ever had, oldest first. The live index, not to be changed."""
        return self._of_account.get(account, {})

    def open_ids(self, account: str | None = None) -> set[str]:
        """The ids of the orders that are open now, of one account or of all."""
        if account is not None:
            return set(self._open.get(account, ()))
        return {order_id for orders in self._open.values() for order_id in orders}

    def state_of(self, order_id: str) -> BookState:
        """The present state of an order; `KeyError` for one that never was."""
        return self.orders[order_id].state

    def was_touched(self, order_id: str) -> bool:
        """Whether a request to cancel this order ever arrived, whatever became of it."""
        return order_id in self._touched

    def requests_of(self, account: str | None, *, routes: Collection[str] | None = None) -> list[RequestRecord]:
        """The requests under the keys of one account, of all for None; only of some routes where given."""
        return [
            record
            for record in self.requests
            if (account is None or record.account == account) and (routes is None or record.route in routes)
        ]

    def most_in_window(self, account: str | None, window_s: float, routes: Collection[str] | None = None) -> int:
        """The largest number of requests that any half-open window [t, t + window_s) holds, by time of arrival."""
        return _most_in_window(sorted(record.time_s for record in self.requests_of(account, routes=routes)), window_s)

    def refused_for_pace(self, account: str | None = None) -> int:
        """How many requests the venue's own quota refused."""
        return sum(record.refused_for_pace for record in self.requests_of(account))

    def connections(self) -> set[int]:
        """The numbers of the connections that brought a request."""
        return {record.connection for record in self.requests}

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values that JSON can hold."""
        return {
            "orders": {order_id: order.to_dict() for order_id, order in self.orders.items()},
            "requests": [asdict(record) for record in self.requests],
            "connections_refused": self.connections_refused,
        }

    def _reopen(self, order: BookOrder) -> None:
        """Put a revived order back at its old place among the open ones."""
        mine = self._of_account[order.account]
        self._open[order.account] = {order_id: each for order_id, each in mine.items() if each.state is BookState.OPEN}


def _most_in_window(times_s: list[float], window_s: float) -> int:
    """Some window that starts with a request is as full as any."""
    most = 0
    inside: deque[float] = deque()
    for time_s in times_s:
        inside.append(time_s)
        while time_s - inside[0] >= window_s:
            inside.popleft()
        most = max(most, len(inside))
    return most
