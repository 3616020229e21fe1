"""The public API as a user types it: checked by mypy, never run."""

from collections.abc import Sequence
from typing import Any, assert_type

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
from engine.compat.opinion import BuilderClient, Client, OrderSide
from engine.compat.polymarket import ApiCreds, ClobClient, OrderPayload
from engine.compat.shapes import DictAnswer, ListAnswer
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


def the_drop_in_clients() -> None:
    with BuilderClient("https://openapi.opinion.trade", "builder-key", 56, limits=BUILDER, deadline_s=30) as builder:
        assert_type(builder, BuilderClient)
        every = builder.cancel_all_orders_for_user("user-api-key", market_id=123, side=OrderSide.BUY)
        assert_type(every, DictAnswer)
        assert_type(every.summary, CancelSummary)
        assert_type(every["cancelled"], Any)
        assert_type(builder.cancel_orders_batch_for_user("user-api-key", ["id-1"]), ListAnswer)
        page = builder.get_user_orders("user-api-key", status="1", limit=20, page=1)
        assert_type(page.errno, int | None)
        builder.place_order_for_user("user-api-key")  # type: ignore[attr-defined]
    user = Client("https://openapi.opinion.trade", "user-api-key", 56, private_key="0x1", multi_sig_addr="0x2")
    assert_type(user.cancel_order("id-1").errmsg, str | None)
    client = ClobClient("https://clob.polymarket.com", 137, "0xkey", ApiCreds("key", "secret", "passphrase"))
    assert_type(client.cancel("0x1"), DictAnswer)
    assert_type(client.cancel_order(OrderPayload(orderID="0x1")), DictAnswer)
    assert_type(client.get_open_orders(only_first_page=True), list[dict[str, Any]])
    assert_type(client.create_or_derive_api_key(), ApiCreds)
