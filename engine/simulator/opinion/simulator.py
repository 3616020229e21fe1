"""A simulated Opinion: its routes, its keys, its words. Sans-IO; shares no code with our client of it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from engine.core.order import Side
from engine.simulator.faults import FaultPlan
from engine.simulator.ledger import BookOrder, BookState
from engine.simulator.opinion.envelope import RefusedError, acceptance, refusal
from engine.simulator.opinion.ids import time_uuid
from engine.simulator.opinion.listing import list_page, read_query
from engine.simulator.opinion.routes import BUILDER_ROUTES, KEY_ROUTES, find_route, wallet_of
from engine.simulator.opinion.rows import order_detail
from engine.simulator.opinion.rules import OpinionRules
from engine.simulator.opinion.users import Users
from engine.simulator.quota import Counter, FixedWindow, new_counter
from engine.simulator.script import Drift
from engine.simulator.venue import SimulatedAccount, SimulatedVenue
from engine.simulator.wallets import has_signed
from engine.simulator.wire import Ask, Reply, WireRequest

DAY_S = 86_400.0

KEY_AUTH = {"walletAddress": "address", "action": "string", "timestamp": "string"}
"""Fields of the type that a wallet signs for its own key. Source: developer guide, opinion-open-api/auth."""


class _Route(Protocol):
    """Gives the `result` of a route, and does what is asked if it acts."""

    def __call__(self, ask: Ask, *, acts: bool) -> object: ...


class OpinionSimulator(SimulatedVenue):
    """One Opinion with its accounts, its book and its ledger.

    The same seed, rules, faults and requests at the same times give the same replies, byte for byte.

    Args:
        seed: Decides keys, ids, prices, sizes, latency and drift.
        rules: How it behaves when nothing is wrong.
        faults: How it misbehaves.
        drift: A market that lives by itself; None for one that stands still.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        rules: OpinionRules | None = None,
        faults: FaultPlan | None = None,
        drift: Drift | None = None,
    ) -> None:
        super().__init__(seed=seed, faults=faults or FaultPlan(), drift=drift)
        self.rules = rules or OpinionRules()
        self._users = Users(seed)
        self._order_dice = random.Random(f"{seed}/orders")
        self._markets: dict[str, tuple[str, ...]] = {}
        self._groups: dict[str, str] = {}
        self._allowances: dict[str, FixedWindow] = {}
        self._answers: Mapping[str, _Route] = {
            "cancel": self._cancel,
            "list": self._list,
            "read": self._read,
            "create_user": self._create_user,
            "read_user": self._read_user,
            "regenerate_key": self._regenerate_key,
            "get_key": self._own_key,
            "create_key": self._own_key,
            "delete_key": self._own_key,
        }

    # Setting the scene.

    @property
    def builder_key(self) -> str:
        """The one builder's key."""
        return self._users.builder_key

    @property
    def account_names(self) -> list[str]:
        """The names of the accounts, in the order of their creation."""
        return list(self._users.accounts)

    def account(self, name: str) -> SimulatedAccount:
        """The account with its present key."""
        return self._users.accounts[name]

    def add_account(
        self,
        name: str,
        *,
        api_key: str | None = None,
        orders: int = 0,
        markets: Sequence[int | str] = (123,),
        root_market: int | str = 0,
        side: Side | None = None,
        wallet: str | None = None,
    ) -> SimulatedAccount:
        """Take in a user with so many open orders, spread evenly over the markets.

        Args:
            name: Ours, for ledger and rules; it never goes over the wire.
            api_key: Made from seed and name where none is given.
            orders: How many.
            markets: Their ids, at least one.
            root_market: The root of all these markets; 0 for none.
            side: Of every order; None for buys and sells in turn, a buy first.
            wallet: The address under which the builder's routes know the user; the name where none is given.
        """
        account = self._users.add(name, api_key=api_key, wallet=wallet)
        self._markets[name] = tuple(str(market) for market in markets)
        self._groups.update((str(market), str(root_market)) for market in markets)
        for _ in range(orders):
            self.place(name, side=side)
        return account

    def add_order(
        self,
        account_name: str,
        *,
        market: int | str = 123,
        side: Side = Side.BUY,
        price: Decimal | str = "0.5",
        size: Decimal | str | int = "10",
        filled: Decimal | str | int = "0",
        root_market: int | str = 0,
        outcome: str = "YES",
        order_id: str | None = None,
        now_s: float | None = None,
    ) -> str:
        """Put one open order on the book; returns its id, made from the seed where none is given."""
        order = BookOrder(
            order_id=order_id or time_uuid(self._order_dice, len(self.ledger.orders)),
            account=self._users.accounts[account_name].name,
            market=str(market),
            group=str(root_market),
            asset=outcome,
            side=side,
            price=Decimal(price),
            size=Decimal(size),
            filled=Decimal(filled),
        )
        return self.enter(order, now_s=now_s)

    def place(self, account_name: str, *, side: Side | None = None) -> str:
        """Let a made-up order of the account appear; sides and markets take turns where none is given."""
        number = len(self.ledger.orders_of(account_name))
        markets = self._markets.get(account_name) or ("123",)
        market = markets[number // 2 % len(markets)]
        return self.add_order(
            account_name,
            market=market,
            root_market=self._groups.get(market, "0"),
            side=side or (Side.SELL if number % 2 else Side.BUY),
            price=Decimal(self._order_dice.randint(10, 990)) / 1000,
            size=Decimal(self._order_dice.randint(1, 500)),
        )

    def revoke_key(self, name: str) -> None:
        """Let the account's present key die at once."""
        self._users.revoke(name)

    def first_listed(self, account_name: str) -> str | None:
        """The open order at the top of page 1, or None."""
        open_ids = list(self.ledger.open_orders(account_name))
        if not open_ids:
            return None
        return open_ids[-1 if self.rules.list_order == "newest" else 0]

    # What every venue must say.

    def new_counter(self) -> Counter | None:
        """A fresh counter of the kind that the rules name."""
        if self.rules.quota is None:
            return None
        return new_counter(self.rules.quota_kind, self.rules.quota, self.rules.quota_window_s)

    def draw_latency_s(self) -> float:
        """The think time of the rules, with its jitter."""
        return self.rules.latency_s + self._latency_dice.random() * self.rules.latency_jitter_s

    def refusal_for_pace(self) -> Reply:
        """HTTP 429 in the envelope."""
        headers = None if self.rules.retry_after is None else {"Retry-After": self.rules.retry_after}
        return refusal(self.rules.dialect, RefusedError(429, "Too Many Requests", status=429), headers=headers)

    def acknowledged(self, ask: Ask, reply: Reply) -> tuple[str, ...]:
        """Success in either dialect, and `result.result` that is true."""
        if ask.route != "cancel" or not 200 <= reply.status < 300:
            return ()
        value = reply.visible_json
        result = value.get("result") if isinstance(value, dict) else None
        is_done = isinstance(result, dict) and result.get("result") is True
        return ask.order_ids if is_done and 0 in (value.get("errno"), value.get("code")) else ()

    def understand(self, request: WireRequest, ask: Ask) -> Ask:
        """Find route, owner, order and page; a dead key still has its owner."""
        owner = self._users.owner(request.headers.get("apikey"))
        route, order_ids = find_route(request)
        page = int(text) if route == "list" and (text := request.query.get("page", "1")).isdecimal() else None
        return replace(ask, route=route, account=owner, order_ids=order_ids, page=page)

    def answer(self, ask: Ask, *, acts: bool) -> Reply:
        """Route, then key, then what is asked."""
        try:
            return acceptance(self.rules.dialect, self._find_answer(ask)(ask, acts=acts))
        except RefusedError as refused:
            return refusal(self.rules.dialect, refused)

    # The routes; each gives its `result`.

    def _cancel(self, ask: Ask, *, acts: bool) -> object:
        if ask.order_id is None:
            raise RefusedError(400, "invalid parameter: orderId", status=400)
        self._spend_allowance(ask)
        order = self._find_order(ask)
        if order is not None and order.state is BookState.OPEN:
            if acts:
                self.cancel(order.order_id)
            return {"result": True}
        if self.rules.finished_answer == "errno":
            raise RefusedError(self.rules.finished_code, "order not found or already finished")
        return {"result": False}

    def _list(self, ask: Ask, *, acts: bool) -> object:  # noqa: ARG002
        asked = read_query(ask.wire.query, self.rules)
        return list_page(self.ledger, ask.account or "", asked, self.rules, now_s=ask.now_s)

    def _read(self, ask: Ask, *, acts: bool) -> object:  # noqa: ARG002
        order = self._find_order(ask)
        if order is None:
            by_status = self.rules.unknown_read == "404"
            code, status = (404, 404) if by_status else (self.rules.finished_code, 200)
            raise RefusedError(code, "order not found", status=status)
        state = order.state_at(ask.now_s - self.rules.read_lag_s) if self.rules.read_lag_s else order.state
        return {"orderData": order_detail(order, state, self.rules)}

    def _create_user(self, ask: Ask, *, acts: bool) -> object:
        wallet = wallet_of(ask)
        return self._users.create(wallet) if acts else self._users.read(wallet)

    def _read_user(self, ask: Ask, *, acts: bool) -> object:  # noqa: ARG002
        return self._users.read(wallet_of(ask))

    def _regenerate_key(self, ask: Ask, *, acts: bool) -> object:
        if not acts:
            return self._users.read(wallet_of(ask))
        return self._users.renew(wallet_of(ask), active_from_s=ask.now_s + self.rules.fresh_key_delay_s)

    def _own_key(self, ask: Ask, *, acts: bool) -> object:
        """A wallet and its own key, by its signature."""
        wallet = ask.wire.headers.get("opinion_address", "").lower()
        if ask.route == "get_key" or not acts:
            return self._users.key_of(wallet)
        if ask.route == "delete_key":
            return self._users.delete_key(wallet)
        return self._users.create_key(wallet, active_from_s=ask.now_s + self.rules.fresh_key_delay_s)

    # Who may do what.

    def _find_answer(self, ask: Ask) -> _Route:
        """What answers the route, once the key is found to be good; no such route comes first."""
        if ask.route not in self._answers:
            raise RefusedError(404, "not found", status=404)
        self._check_key(ask)
        return self._answers[ask.route]

    def _check_wallet(self, ask: Ask) -> None:
        """Whether the wallet signed this action, lately."""
        headers = ask.wire.headers
        address, timestamp = headers.get("opinion_address", ""), headers.get("opinion_timestamp", "")
        window_s, now_s = self.rules.signature_window_s, self.rules.created_at_s + ask.now_s
        is_fresh = timestamp.isascii() and timestamp.isdigit() and (window_s is None or abs(now_s - int(timestamp)) <= window_s)
        if not is_fresh:
            raise RefusedError(11012, "signature expired")
        message = {"walletAddress": address, "action": ask.route.removesuffix("_key"), "timestamp": timestamp}
        domain = {"name": "Opinion OpenAPI", "version": "1", "chainId": 56}
        signature = headers.get("opinion_signature", "")
        if not has_signed(address, signature, domain=domain, name="OpinionApiKeyAuth", fields=KEY_AUTH, message=message):
            raise RefusedError(11011, "invalid signature")

    def _check_key(self, ask: Ask) -> None:
        if ask.route in KEY_ROUTES.values():
            self._check_wallet(ask)
            return
        if ask.route in BUILDER_ROUTES.values():
            accepted = ask.wire.headers.get("builder-apikey") == self._users.builder_key
        else:
            accepted = self._users.is_good(ask.wire.headers.get("apikey"), ask.now_s)
        if accepted:
            return
        if self.rules.unknown_key == "errno":
            raise RefusedError(11002, "invalid API key")
        raise RefusedError(401, "Unauthorized", status=401)

    def _spend_allowance(self, ask: Ask) -> None:
        if self.rules.daily_allowance is None or ask.account is None:
            return
        spent = self._allowances.setdefault(ask.account, FixedWindow(self.rules.daily_allowance, DAY_S))
        if not spent.admit(ask.now_s):
            if self.rules.allowance_refusal == "429":
                raise RefusedError(429, "daily allowance used up", status=429)
            raise RefusedError(self.rules.allowance_code, "daily allowance used up")

    def _find_order(self, ask: Ask) -> BookOrder | None:
        """The order named, if it is the asking account's: nobody else's orders exist for it."""
        order = self.ledger.orders.get(ask.order_id or "")
        return order if order is not None and order.account == ask.account else None
