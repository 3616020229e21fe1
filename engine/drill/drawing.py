"""A seed in, a scene out. Pure: the same seed draws the same scene, and another version of this file may draw another.

The weights are guesses. Small books are drawn most, because most of what goes wrong needs few orders and many short runs find
more than few long ones; what needs several pages, several batches or several accounts is drawn often enough to be met thousands
of times in a soak.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

from engine.core.order import Side
from engine.drill.scene import (
    AccountScene,
    CallKind,
    CallScene,
    CutKind,
    CutScene,
    EventScene,
    FaultScene,
    Happening,
    Scene,
    ScopeScene,
    VenueScene,
)
from engine.simulator import Fault, opinion, polymarket

CATALOGUES: Mapping[str, Mapping[str, Fault]] = {"opinion": opinion.FAULTS, "polymarket": polymarket.FAULTS}

ROUTES = {
    "opinion": frozenset({"cancel", "list", "read"}),
    "polymarket": frozenset({"cancel", "cancel_many", "cancel_all", "cancel_market", "list", "read", "time", "tier"}),
}
"""What the engine asks for in a run; faults of other routes would strike nothing."""

HEAVY = re.compile("giant|nested")
"""Faults that cost megabytes each time: they have tests of their own, and would take a drill's whole time."""

DEADLY = re.compile("401|403|11002|10014|key_dead|allowance|disabled")
"""Faults that are the venue's word that this account, or everybody, is to stop."""

INVENTS = re.compile("int_order_id|foreign_id")
"""Faults that show an order which does not exist in the place of one that does: no reader could know."""

CALL_KINDS: tuple[CallKind, ...] = ("mass_cancel", "stream", "cancel_all", "cancel_orders", "cancel_order")

MOST_ORDERS = {"opinion": (0, 1, 2, 5, 12, 25, 45), "polymarket": (0, 1, 3, 8, 20, 60, 130)}
ORDER_WEIGHTS = (1, 3, 4, 5, 4, 2, 1)

T = TypeVar("T")


def draw(seed: int) -> Scene:
    """The scene of this seed."""
    dice = Random(f"drill/{seed}")
    names = dice.choices((("opinion",), ("polymarket",), ("opinion", "polymarket")), (4, 4, 2))[0]
    is_gentle = dice.random() < 0.4
    venues = tuple(_venue(name, dice, is_gentle=is_gentle) for name in names)
    accounts = _accounts(venues, dice)
    faults = tuple(_gentle_faults(venues, dice) if is_gentle else _rough_faults(venues, accounts, dice))
    calls = tuple(_calls(venues, accounts, dice))
    scene = Scene(
        seed=seed,
        venues=venues,
        accounts=accounts,
        faults=faults,
        events=tuple(_events(accounts, dice, is_gentle=is_gentle)),
        calls=calls,
        engine=_engine(dice),
        retry={} if is_gentle or dice.random() < 0.5 else {"longest_outage_s": 60.0},
        is_gentle=is_gentle,
        listens=dice.random() < 0.25,
    )
    return _recorded(scene, Random(f"drill/{seed}/journal"))


def _recorded(scene: Scene, dice: Random) -> Scene:
    """The scene with a journal, in some draws, and with processes that die, in some of those with a single call."""
    if dice.random() < 0.5:
        return scene
    if len(scene.calls) > 1 or dice.random() < 0.4:
        return replace(scene, is_recorded=True)
    call = scene.calls[0]
    options = {name: value for name, value in call.options.items() if name != "deadline_s"}
    kind: CallKind = "mass_cancel" if call.kind == "stream" else call.kind
    power = tuple(int(dice.expovariate(0.01)) + 8 for _ in range(dice.choice((1, 1, 2, 3))))
    whole = replace(call, kind=kind, options=options, cut=None, dawdles=False)
    return replace(scene, is_recorded=True, calls=(whole,), power=power)


# --- venues and accounts


def _venue(name: str, dice: Random, *, is_gentle: bool) -> VenueScene:
    rules: dict[str, Any] = {
        "latency_s": dice.choice((0.01, 0.05, 0.3)),
        "latency_jitter_s": dice.choice((0.0, 0.005, 0.02)),
    }
    rare = 0.1 if is_gentle else 0.2
    lags = (0.1, 0.3) if is_gentle else (0.3, 1.0)  # what lags longer than the sweeps take may raise a false alarm
    rules |= _sometimes(dice, rare, list_lag_s=lags, read_lag_s=lags)
    if name == "opinion":
        return _opinion(rules, dice, rare, is_gentle=is_gentle)
    return _polymarket(rules, dice, rare, is_gentle=is_gentle)


def _opinion(rules: dict[str, Any], dice: Random, rare: float, *, is_gentle: bool) -> VenueScene:
    rules |= _sometimes(
        dice,
        0.3,
        dialect=("errno", "code"),
        list_order=("newest", "oldest"),
        finished_answer=("false", "errno"),
        unknown_read=("404", "errno"),
        unknown_key=("401", "errno"),
        retry_after=("1", "2"),
        over_limit=("clamp", "error"),
    )
    options: dict[str, Any] = {}
    if dice.random() < 0.2:
        rules["side_encoding"] = "0/1"
        options["side_numbers"] = {0: Side.BUY, 1: Side.SELL}
    tight: dict[str, Any] = _sometimes(dice, rare, quota=(4, 9))
    tight |= _sometimes(dice, rare, quota_kind=("fixed", "bucket"))
    if not is_gentle:
        tight |= _sometimes(dice, 0.05, daily_allowance=(3, 20), allowance_refusal=("errno", "429"))
    shared = 40 if dice.random() < 0.2 else None
    return VenueScene(name="opinion", rules=rules | tight, options=options, shared_per_s=shared, is_tight=bool(tight))


def _polymarket(rules: dict[str, Any], dice: Random, rare: float, *, is_gentle: bool) -> VenueScene:
    rules |= _sometimes(
        dice,
        0.3,
        tier=("copper", "platinum"),
        tier_spelling=("title", "upper"),
        rate_headers=(False,),
        retry_after=("date", "none"),
        cursor_end=("empty", "missing", "null"),
        extra_empty_page=(True,),
        status_prefix=(True,),
        ambiguous_reason=(True,),
        page_size=(5, 20),
    )
    rules |= _sometimes(dice, rare, buckets=("warning", "off"), clock_skew_s=(-400.0, -45.0, 45.0, 400.0))
    tight: dict[str, Any] = _sometimes(dice, rare, max_batch=(1, 7, 50))
    if not is_gentle and dice.random() < 0.05:
        tight["empty_filter"] = "everything"
    return VenueScene(name="polymarket", rules=rules | tight, is_tight=bool(tight))


def _accounts(venues: Sequence[VenueScene], dice: Random) -> tuple[AccountScene, ...]:
    number = dice.choices((1, 2, 3, 5, 8), (8, 6, 4, 2, 1))[0]
    accounts: list[AccountScene] = []
    for place in range(max(number, len(venues))):
        venue = venues[place % len(venues)].name
        earlier = [account.name for account in accounts if account.venue == venue]
        shares = venue == "polymarket" and earlier and dice.random() < 0.15
        accounts.append(
            AccountScene(
                name=f"{venue[0]}{place}",
                venue=venue,
                orders=dice.choices(MOST_ORDERS[venue], ORDER_WEIGHTS)[0],
                weight=dice.choice((1.0, 1.0, 1.0, 3.0)),
                wallet_of=dice.choice(earlier) if shares else None,
            )
        )
    return tuple(accounts)


# --- what goes wrong


def _usable(venue: str) -> list[Fault]:
    return [fault for name, fault in CATALOGUES[venue].items() if fault.routes & ROUTES[venue] and not HEAVY.search(name)]


def _gentle_faults(venues: Sequence[VenueScene], dice: Random) -> list[FaultScene]:
    """A few strikes each of few faults: fewer in all than the tries that an order or a page has."""
    drawn = []
    for venue in venues:
        faults = [fault for fault in _usable(venue.name) if not DEADLY.search(fault.name) and not INVENTS.search(fault.name)]
        for fault in dice.sample(faults, dice.choice((0, 1, 1, 2))):
            when = {"from_s": round(dice.uniform(0.0, 3.0), 3)} if dice.random() < 0.3 else {}
            drawn.append(FaultScene(venue=venue.name, name=fault.name, conditions={"times": dice.randint(1, 2), **when}))
    return drawn


def _rough_faults(venues: Sequence[VenueScene], accounts: Sequence[AccountScene], dice: Random) -> list[FaultScene]:
    drawn = []
    for venue in venues:
        faults = _usable(venue.name)
        names = [account.name for account in accounts if account.venue == venue.name]
        for _ in range(dice.choices((0, 1, 2, 3, 5), (1, 5, 5, 3, 2))[0]):
            fault = dice.choice(faults)
            drawn.append(FaultScene(venue=venue.name, name=fault.name, conditions=_conditions(fault, venue.name, names, dice)))
    return drawn


def _conditions(fault: Fault, venue: str, names: Sequence[str], dice: Random) -> dict[str, Any]:
    manner = dice.choice(("share", "times", "phase", "account", "each", "always"))
    conditions: dict[str, Any] = {}
    if manner == "share":
        conditions["share"] = dice.choice((0.05, 0.2, 0.5))
    elif manner == "times":
        conditions["times"] = dice.randint(1, 30)
    elif manner == "phase":
        from_s = round(dice.uniform(0.0, 6.0), 3)
        conditions |= {"from_s": from_s, "until_s": round(from_s + dice.uniform(0.5, 25.0), 3)}
    elif manner == "account":
        conditions |= {"accounts": (dice.choice(names),), "share": dice.choice((0.3, 1.0))}
    elif manner == "each":
        conditions["times_per_order"] = dice.randint(1, 3)
    routes = sorted(fault.routes & ROUTES[venue])
    if len(routes) > 1 and dice.random() < 0.5:
        conditions["routes"] = (dice.choice(routes),)
    return conditions


def _events(accounts: Sequence[AccountScene], dice: Random, *, is_gentle: bool) -> list[EventScene]:
    kinds = [Happening.FILL, Happening.EXPIRE, Happening.CANCEL_ELSEWHERE, Happening.REVIVE, Happening.NEWCOMER]
    rough = [] if is_gentle else [Happening.REVOKE_KEY]
    events = []
    for _ in range(dice.choices((0, 1, 3, 10), (5, 3, 3, 2))[0]):
        account = dice.choice(accounts)
        own = [Happening.DELAYED] if account.venue == "polymarket" else []
        own += [Happening.CLOCK_JUMP] if own and not is_gentle else []  # two jumps within a minute look like a dead key
        what = dice.choice(kinds * 3 + own + rough)
        number = dice.choice((-90, 90, 3600)) if what is Happening.CLOCK_JUMP else dice.randrange(1000)
        events.append(EventScene(at_s=round(dice.uniform(0.0, 6.0), 3), what=what, account=account.name, number=number))
    return events


# --- calls


def _engine(dice: Random) -> dict[str, Any]:
    return _sometimes(dice, 0.4, in_flight=(1, 4), in_flight_in_all=(2, 16), active_accounts=(1, 2), grace_s=(0.1,))


def _calls(venues: Sequence[VenueScene], accounts: Sequence[AccountScene], dice: Random) -> list[CallScene]:
    calls = [_call(venues, accounts, dice)]
    if dice.random() < 0.1:
        calls.append(_call(venues, accounts, dice, after_s=round(dice.uniform(0.0, 2.0), 3)))
    return calls


def _call(venues: Sequence[VenueScene], accounts: Sequence[AccountScene], dice: Random, *, after_s: float = 0.0) -> CallScene:
    kind = dice.choices(CALL_KINDS, (8, 5, 3, 4, 1))[0]
    options: dict[str, Any] = {"deadline_s": round(dice.uniform(0.1, 20.0), 3)} if dice.random() < 0.25 else {}
    cut = _cut(dice, kind) if dice.random() < 0.15 else None
    one = (dice.choice(accounts),)
    if kind in ("cancel_orders", "cancel_order"):
        named = _named(one[0].orders, dice)
        if kind == "cancel_orders" and dice.random() < 0.5:
            options["verify"] = True
        named = named[:1] if kind == "cancel_order" else named
        return CallScene(kind=kind, accounts=(one[0].name,), named=named, options=options, after_s=after_s, cut=cut)
    options |= _sometimes(dice, 0.2, settle_s=(0.5, 3.0), lists_first=(True,), priority=("largest", "oldest"))
    chosen = one if kind == "cancel_all" else tuple(dice.sample(accounts, len(accounts)))
    scope = _scope(venues, dice)
    dawdles = kind == "stream" and dice.random() < 0.5
    return CallScene(
        kind=kind,
        accounts=tuple(account.name for account in chosen),
        scope=scope,
        options=options,
        after_s=after_s,
        cut=cut,
        dawdles=dawdles,
    )


def _cut(dice: Random, kind: str) -> CutScene:
    ways: tuple[CutKind, ...] = ("stop", "cancel", "raise") if kind == "stream" else ("stop", "cancel")
    how = dice.choice(ways)
    if how == "raise":
        return CutScene(how=how, at=float(dice.randint(1, 12)), unit="results")
    if dice.random() < 0.5:
        return CutScene(how=how, at=float(int(dice.expovariate(0.01)) + 1), unit="steps")
    return CutScene(how=how, at=round(dice.expovariate(1.0), 3))


def _named(orders: int, dice: Random) -> tuple[int, ...]:
    """Places in the account's book, some twice, and ids that it does not have."""
    places = dice.sample(range(orders), dice.randint(0, orders)) if orders else []
    places += dice.choices(places, k=dice.randint(0, 3)) if places else []
    places += [place for place in (-1, -2) if dice.random() < 0.2]
    return tuple(places) or (-1,)


def _scope(venues: Sequence[VenueScene], dice: Random) -> ScopeScene:
    what = dice.choices(("all", "side", "market", "asset", "large", "only", "spared"), (10, 4, 3, 1, 2, 1, 2))[0]
    if what == "side":
        return ScopeScene(side=dice.choice((Side.BUY, Side.SELL)))
    if what == "large":
        return ScopeScene(is_large=True)
    if what == "spared":
        return ScopeScene(spared=tuple(sorted(dice.sample(range(12), 3))))
    if len(venues) > 1 or what == "all":  # markets and ids are one venue's own
        return ScopeScene()
    if what == "only":
        return ScopeScene(only=tuple(sorted(dice.sample(range(30), 8))))
    return ScopeScene(market=dice.randrange(2), asset=dice.randrange(2) if what == "asset" else None)


def _sometimes(dice: Random, share: float, **choices: Sequence[T]) -> dict[str, T]:
    """Each of these with one of its values, in such a share of draws."""
    return {name: dice.choice(values) for name, values in choices.items() if dice.random() < share}
