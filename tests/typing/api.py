"""The public API as a user types it: checked by mypy, never run."""

from collections.abc import Sequence
from typing import assert_type

from engine import (
    Account,
    CancelEngine,
    CancelSummary,
    OpenOrder,
    OrderResult,
    Outcome,
    Plan,
    Progress,
    RunReport,
    Scope,
    Side,
)
from engine.venues.opinion import BUILDER, Opinion, OpinionKey


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
