"""Say what a cancel-all would do, from a listing alone."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from engine.core.order import OpenOrder
from engine.core.plan import AccountPlan, requests_for
from engine.core.request import Belongs, Scope
from engine.core.retry import Retry
from engine.errors import VenueError
from engine.paging import walk_open_orders
from engine.sending import Sender


async def plan_account(
    sender: Sender, scope: Scope, *, bound_s: float | None, retry: Retry, roll: Callable[[], float]
) -> AccountPlan:
    """The plan for one account. A listing that fails, or takes longer than `bound_s`, is part of the plan."""
    venue = sender.venue
    orders: list[OpenOrder] = []
    left: dict[str, Belongs] = {}
    problem: str | None = "the deadline came first"
    with anyio.move_on_after(bound_s):
        try:
            async for order in walk_open_orders(sender, scope, retry=retry, roll=roll):
                belongs = venue.belongs(scope, order)
                if belongs is Belongs.IN:
                    orders.append(order)
                else:
                    left[order.order_id] = belongs
            problem = None
        except VenueError as error:
            problem = str(error)
    requests = requests_for(len(orders), len(left), venue.page_rows)
    return AccountPlan(
        account=sender.account.name,
        orders=tuple(orders),
        left=left,
        listing_complete=problem is None,
        listing_error=problem,
        requests=requests,
        least_time_s=venue.limits.least_time_s(requests),
    )
