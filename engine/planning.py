"""Choose how a scope is taken off the book, and say what a cancel-all would do, from a listing alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import anyio

from engine import clock
from engine.core.order import OpenOrder
from engine.core.plan import AccountPlan, Expected, Means, choose, expect, pays_to_list_first, requests_for
from engine.core.quota import Feedback, Kind
from engine.core.request import Belongs, Scope
from engine.core.retry import Retry
from engine.errors import VenueError
from engine.pacing import Lane
from engine.paging import walk_open_orders
from engine.sending import Sender
from engine.venues.base import Venue


def means_of(venue: Venue, lane: Lane, *, accounts: int = 1) -> Means:
    """What an account has now, beside so many accounts of the same run, itself included."""
    purse = lane.tokens
    return Means(
        limits=venue.limits,
        most_ids=lane.most_ids,
        tier=None if purse is None else purse.tier,
        balance=0.0 if purse is None else purse.balance(clock.now_s()),
        accounts=accounts,
    )


def expected_of(
    venue: Venue,
    lane: Lane,
    scope: Scope,
    *,
    orders: int,
    left: int,
    accounts: int,
    has_mass: bool,
    lists: bool,
    lists_first: bool,
) -> Expected:
    """What an account's part takes by the limits alone, had it begun with all its tokens; see `expect`."""
    means = means_of(venue, lane, accounts=accounts)
    full = means if means.tier is None else replace(means, balance=float(means.tier.burst))
    mass_cancels = venue.mass_cancels(scope) if has_mass else ()
    return expect(mass_cancels, orders, left, full, page_rows=venue.page_rows, lists=lists, lists_first=lists_first)


async def plan_account(
    sender: Sender,
    scope: Scope,
    *,
    accounts: int,
    lists_first: bool,
    until_s: float,
    retry: Retry,
    roll: Callable[[], float],
) -> AccountPlan:
    """The plan for one of so many accounts. A listing that fails, or is not done by `until_s`, is part of the plan."""
    venue = sender.venue
    orders: list[OpenOrder] = []
    left: dict[str, Belongs] = {}
    problem: str | None = "the deadline came first"
    with anyio.CancelScope(deadline=until_s):
        try:
            async for order in walk_open_orders(sender, scope, retry=retry, roll=roll):
                belongs = venue.belongs(scope, order)
                if belongs is Belongs.IN:
                    orders.append(order)
                else:
                    left[order.order_id] = belongs
            problem = None
            await _learn_tier(sender)
        except VenueError as error:
            problem = str(error)
    mass_cancels, means = venue.mass_cancels(scope), means_of(venue, sender.lane, accounts=accounts)
    lists_first = lists_first or pays_to_list_first(mass_cancels, means)
    tactic = choose(mass_cancels, len(orders), means, lists_first=lists_first) if orders else None
    requests = requests_for(tactic, len(orders), len(left), venue.page_rows, lists_first=lists_first)
    least_time_s = venue.limits.least_time_s(requests)
    return AccountPlan(
        account=sender.account.name,
        venue=venue.name,
        orders=tuple(orders),
        left=left,
        listing_complete=problem is None,
        listing_error=problem,
        by_kind=requests,
        least_time_s=least_time_s if tactic is None else max(least_time_s, tactic.least_time_s),
        tactic=tactic,
        tier=None if sender.lane.tokens is None else sender.lane.tokens.tier_name,
    )


async def _learn_tier(sender: Sender) -> None:
    """Ask for the account's tier, where the venue has tiers; without an answer, the one that we count with stands."""
    venue, lane = sender.venue, sender.lane
    if lane.tokens is None:
        return
    turn = await sender.turn(Kind.OTHER)
    tier = await sender.ask(
        lambda wall_s: venue.tier_request(sender.account, wall_s=wall_s),
        turn,
        lambda answer, _wall_s: venue.read_tier(answer),
    )
    if isinstance(tier, str):
        lane.told(turn, Feedback(tier=tier))
