"""Real answers: what the simulated venues say to every kind of request, honestly and under each of their faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache

import anyio
from contract.cases import CASES, Case
from fuzz.targets import data_of
from support import account_of

from engine import Account, Scope, TransportError
from engine.simulator import FaultRule, MemoryTransport, SimulatedVenue, new_virtual_clock_loop
from engine.simulator.polymarket import PolymarketSimulator
from engine.venues.base import HttpAnswer, HttpRequest, Venue

LONGEST = 16_384
"""Bytes of a longer answer are nothing but more of the same."""


@cache
def answers() -> Mapping[str, tuple[bytes, ...]]:
    """Name of a venue to its answers, each once, as the targets read them."""
    return {case.name: _of(case) for case in CASES}


def _of(case: Case) -> tuple[bytes, ...]:
    async def gather() -> list[HttpAnswer]:
        lists = [await _under(case, None)]
        lists += [await _under(case, fault) for fault in sorted(case.faults)]
        return [answer for each in lists for answer in each]

    found = anyio.run(gather, backend_options={"loop_factory": new_virtual_clock_loop})
    return tuple(dict.fromkeys(data_of(answer) for answer in found if len(answer.body) <= LONGEST))


async def _under(case: Case, fault: str | None) -> list[HttpAnswer]:
    """The answers to every kind of request while this fault strikes."""
    rules = () if fault is None else (FaultRule(case.faults[fault]),)
    simulator = case.simulated(orders=3, faults=rules)
    transport = MemoryTransport(simulator)
    found: list[HttpAnswer] = []
    for request in _requests(case.venue, account_of(simulator), sorted(simulator.ledger.open_ids("alice")), simulator):
        with suppress(TransportError), anyio.move_on_after(1_000):
            found.append(await transport.send(request, on_sent=lambda: None))
    return found


def _requests(venue: Venue, account: Account, ids: Sequence[str], simulator: SimulatedVenue) -> Iterator[HttpRequest]:
    wall_s = simulator.rules.epoch_s if isinstance(simulator, PolymarketSimulator) else 0.0
    yield venue.page_request(account, Scope(), venue.first_cursor, wall_s=wall_s)
    yield venue.cancel_request(account, ids[: min(2, venue.most_ids)], wall_s=wall_s)
    yield venue.order_request(account, ids[0], wall_s=wall_s)
    yield venue.order_request(account, venue.no_order_id, wall_s=wall_s)
    for kind in venue.mass_cancels(Scope()):
        yield venue.mass_request(account, Scope(), kind, wall_s=wall_s)
    time = venue.time_request()
    if time is not None:
        yield time
    if venue.limits.tokens is not None:
        yield venue.tier_request(account, wall_s=wall_s)
