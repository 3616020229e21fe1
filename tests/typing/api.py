"""The public API as a user types it: checked by mypy, never run."""

from collections.abc import Sequence
from typing import assert_type

from prometheus_client import CollectorRegistry

from engine import (
    Account,
    CancelEngine,
    CancelSummary,
    Event,
    OpenOrder,
    OrderResult,
    Outcome,
    Plan,
    Progress,
    RunReport,
    Scope,
    Secret,
    Side,
    Tactic,
)
from engine.events import FateSettled, RunEnded, several
from engine.metrics import Metrics
from engine.tracing import Traces
from engine.venues.opinion import BUILDER, Opinion, OpinionKey
from engine.venues.polymarket import Polymarket, PolymarketKey


async def every_call() -> None:
    progress = Progress()
    async with CancelEngine(Opinion("https://openapi.opinion.trade", limits=BUILDER, timeout_s=5)) as engine:
        assert_type(engine, CancelEngine)
        alice = Account("alice", OpinionKey("user-api-key"))
        assert_type(await engine.cancel_order(alice, "order-id"), OrderResult)
        assert_type(await engine.cancel_orders(alice, ["id-1", "id-2"], deadline_s=3), CancelSummary)
        assert_type(await engine.cancel_orders(alice, ("id-1",)), CancelSummary)
        assert_type(await engine.cancel_orders(alice, (each for each in "ab")), CancelSummary)
        every = await engine.cancel_all(alice, Scope(market=123, side=Side.BUY), deadline_s=30, progress=progress)
        assert_type(every, CancelSummary)
        assert_type(every.results, Sequence[OrderResult])
        assert_type(every.by_outcome, dict[Outcome, int])
        assert_type(every.fault, str | None)
        assert_type(every.verified, bool | None)
        run = await engine.mass_cancel([alice], Scope(where=lambda order: order.side is Side.SELL), deadline_s=60)
        assert_type(run, RunReport)
        assert_type(run.accounts["alice"], CancelSummary)
        assert_type(await engine.plan([alice], Scope()), Plan)
        assert_type(await engine.get_order(alice, "order-id"), OpenOrder | None)
        async for order in engine.open_orders(alice, Scope(side=Side.SELL)):
            assert_type(order, OpenOrder)
        assert_type(progress.report(), RunReport)
        progress.stop()


async def the_second_venue() -> None:
    bob_key = PolymarketKey("0x" + "0" * 40, "api-key", "c2VjcmV0", "passphrase")
    assert_type(await PolymarketKey.derive("0x" + "1" * 64), PolymarketKey)
    assert_type(await OpinionKey.derive(Secret("0x" + "1" * 64)), OpinionKey)
    assert_type(OpinionKey(Secret("user-api-key")).api_key.reveal(), str)
    assert_type(bob_key.secret, Secret)
    async with CancelEngine(Polymarket("https://clob.polymarket.com", timeout_s=30, tier="gold")) as engine:
        bob = Account("bob", bob_key)
        every = await engine.cancel_all(bob, Scope(asset="123"), lists_first=True, priority=lambda order: order.notional)
        assert_type(every.locked_out_s, float)
        assert_type(every.is_uncounted, bool)
        plan = await engine.plan([bob])
        assert_type(plan.accounts["bob"].tactic, Tactic | None)


def hear(event: Event) -> None:
    match event:
        case FateSettled():
            assert_type(event.outcome, Outcome)
        case RunEnded():
            assert_type(event.at_risk, int)
        case _:
            assert_type(event.__class__.__name__, str)


def every_hook() -> None:
    CancelEngine(Opinion(), on_event=hear)
    CancelEngine(Opinion(), on_event=several(Metrics(CollectorRegistry()), Traces(), hear, print))
