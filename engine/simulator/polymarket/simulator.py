"""A simulated Polymarket: its routes, its signatures, its tokens, its words. Sans-IO; shares no code with our client of it."""

from __future__ import annotations

import math
import random
import re
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from email.utils import formatdate
from typing import Any, Literal

from engine.core.order import Side
from engine.simulator import wallets
from engine.simulator.faults import FaultPlan
from engine.simulator.ledger import BookOrder, BookState
from engine.simulator.polymarket import answers, signatures
from engine.simulator.polymarket.answers import error_reply, json_reply, order_row
from engine.simulator.polymarket.keyring import Keyring, PolymarketAccount
from engine.simulator.polymarket.purse import SignerPurse
from engine.simulator.polymarket.routes import cursor_of, find_route, ids_of, json_of, offset_of
from engine.simulator.polymarket.rules import TIERS, WINDOWS_10S, PolymarketRules
from engine.simulator.quota import Counter
from engine.simulator.script import Drift
from engine.simulator.venue import SimulatedVenue
from engine.simulator.wire import Ask, Reply, WireRequest

Mode = Literal["normal", "restarting", "post_only", "cancel_only", "disabled"]

CANCELS = frozenset({"cancel", "cancel_many", "cancel_all", "cancel_market"})
UNSIGNED = frozenset({"time", "ok", "create_key", "derive_key", "unknown"})
WALLET_WIDE = frozenset({"/cancel-wallet-orders", "/data/wallet-open-orders"})
"""Documented, and not routed: the web server's own page answers."""

HEARTBEAT_S = 10.0
_ID = re.compile(r"0x[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class _Fuse:
    """What an order waits for: until when it cannot be cancelled, and from when it can be seen."""

    delayed_until_s: float
    visible_from_s: float


class PolymarketSimulator(SimulatedVenue):
    """One Polymarket with its accounts, its book and its ledger.

    The same seed, rules, faults and requests at the same times give the same replies, byte for byte. An order that is delayed is
    open in the ledger: it is alive.

    Args:
        seed: Decides keys, ids, prices, sizes, latency and drift.
        rules: How it behaves when nothing is wrong.
        faults: How it misbehaves.
        drift: A market that lives by itself; None for one that stands still.
        chain_id: The chain that wallets sign for.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        rules: PolymarketRules | None = None,
        faults: FaultPlan | None = None,
        drift: Drift | None = None,
        chain_id: int = 137,
    ) -> None:
        super().__init__(seed=seed, faults=faults or FaultPlan(), drift=drift)
        self.rules = rules or PolymarketRules()
        self.mode: Mode = "normal"
        self._chain_id = chain_id
        self._keys = Keyring(seed)
        self._order_dice = random.Random(f"{seed}/orders")
        self._answer_dice = random.Random(f"{seed}/answers")
        self._markets: dict[str, tuple[str, ...]] = {}
        self._tiers: dict[str, str] = {}
        self._purses: dict[str, SignerPurse] = {}
        self._fuses: dict[str, _Fuse] = {}
        self._down: list[tuple[float, float]] = []
        self._windows: dict[str, deque[float]] = {}
        self._jumped_s = 0.0
        self._beats: dict[str, tuple[str, float]] = {}
        self._answers: Mapping[str, Callable[[Ask, PolymarketAccount, bool], Reply]] = {
            "cancel": self._cancel,
            "cancel_many": self._cancel,
            "cancel_all": self._cancel_mass,
            "cancel_market": self._cancel_mass,
            "list": self._list,
            "read": self._read,
            "api_keys": self._api_keys,
            "revoke_key": self._revoke_key,
            "closed_only": lambda _ask, _account, _acts: json_reply({"closed_only": False}),
            "tier": lambda _ask, account, _acts: json_reply({"tier": self._tier_word(account)}),
            "heartbeat": self._heartbeat,
        }

    # Setting the scene.

    @property
    def account_names(self) -> list[str]:
        """The names of the accounts, in the order of their creation."""
        return list(self._keys.accounts)

    def account(self, name: str) -> PolymarketAccount:
        """The account with its key."""
        return self._keys.accounts[name]

    def add_account(
        self,
        name: str,
        *,
        orders: int = 0,
        markets: Sequence[str] | None = None,
        side: Side | None = None,
        address: str | None = None,
        private_key: str | None = None,
        wallet_of: str | None = None,
        tier: str | None = None,
        api_key: str | None = None,
        secret: str | None = None,
        passphrase: str | None = None,
    ) -> PolymarketAccount:
        """Take in an API key with so many open orders, spread evenly over markets, assets and sides.

        Args:
            name: Ours, for ledger and rules; it never goes over the wire.
            orders: How many.
            markets: Their condition ids; one made from the seed unless given.
            side: Of every order; None for buys and sells in turn.
            address: Of the signer; made from the seed unless given.
            private_key: Of the signer's wallet, where a client is to ask for the key itself.
            wallet_of: Name of another account whose signer this one shares.
            tier: Of the signer.
            api_key: Made from the seed unless given, as are secret and passphrase.
            secret: Base64.
            passphrase: Any text.
        """
        if private_key is not None:
            address = wallets.address_of(private_key)
        elif wallet_of is not None:
            address = self.account(wallet_of).address
        account = self._keys.add(name, address=address, api_key=api_key, secret=secret, passphrase=passphrase)
        self._markets[name] = tuple(markets or (self._made_market(),))
        if tier is not None:
            self.set_tier(name, tier)
        for _ in range(orders):
            self.place(name, side=side)
        return account

    def add_order(
        self,
        account_name: str,
        *,
        market: str | None = None,
        asset: str | None = None,
        side: Side = Side.BUY,
        price: Decimal | str = "0.5",
        size: Decimal | str | int = "10",
        filled: Decimal | str | int = "0",
        order_id: str | None = None,
        delayed_s: float = 0.0,
        becomes: Literal["open", "filled"] = "open",
        visible_after_s: float = 0.0,
        now_s: float | None = None,
    ) -> str:
        """Put one open order on the book; returns its id, made from the seed where none is given.

        `delayed_s`: for so long it cannot be cancelled; then it rests, or has traded, as `becomes` says. `visible_after_s`: for
        so long the venue does not know it when asked.
        """
        market = market or self._markets[account_name][0]
        order = BookOrder(
            order_id=order_id or f"0x{self._order_dice.getrandbits(256):064x}",
            account=self.account(account_name).name,
            market=market,
            asset=asset or self.assets_of(market)[0],
            side=side,
            price=Decimal(price),
            size=Decimal(size),
            filled=Decimal(filled),
        )
        since_s = self._moment(now_s)
        if delayed_s > 0 or visible_after_s > 0:
            self._fuses[order.order_id] = _Fuse(since_s + delayed_s, since_s + visible_after_s)
        order_id = self.enter(order, now_s=now_s)
        if becomes == "filled":
            self.at(since_s + delayed_s, lambda: self.fill(order.order_id))
        return order_id

    def place(self, account_name: str, *, side: Side | None = None) -> str:
        """Let a made-up order of the account appear; markets, assets and sides take turns."""
        number = len(self.ledger.orders_of(account_name))
        markets = self._markets.get(account_name) or (self._made_market(),)
        market = markets[number // 4 % len(markets)]
        return self.add_order(
            account_name,
            market=market,
            asset=self.assets_of(market)[number // 2 % 2],
            side=side or (Side.SELL if number % 2 else Side.BUY),
            price=Decimal(self._order_dice.randint(10, 990)) / 1000,
            size=Decimal(self._order_dice.randint(5, 500)),
        )

    def assets_of(self, market: str) -> tuple[str, str]:
        """The two tokens of a market."""
        dice = random.Random(f"{market}/assets")
        return str(dice.getrandbits(250)), str(dice.getrandbits(250))

    def first_listed(self, account_name: str) -> str | None:
        """The open order at the top of page 1, or None."""
        return next(iter(self.ledger.open_orders(account_name)), None)

    def revoke_key(self, name: str) -> None:
        """Let the account's key die at once."""
        self._keys.revoke(name)

    def set_tier(self, name: str, tier: str) -> None:
        """Put the account's signer into a tier; its purse is full again."""
        wallet = self.account(name).address.lower()
        self._tiers[wallet] = tier
        self._purses[wallet] = SignerPurse(TIERS[tier])

    def tokens(self, name: str) -> float:
        """The signer's cancel tokens now, negative in debt."""
        return self._purse(self.account(name)).balance(self.now_s)

    def restart(self, when_s: float, for_s: float) -> None:
        """Let the venue's engine restart at that moment, for so long: every cancel gets 425."""
        self._down.append((when_s, when_s + for_s))

    def jump_clock(self, seconds: float) -> None:
        """Let the venue's clock jump, from now on."""
        self._jumped_s += seconds

    def set_mode(self, mode: Mode) -> None:
        """Put the venue into a mode from now on. Cancels work in `cancel_only` and `post_only`."""
        self.mode = mode

    def _made_market(self) -> str:
        return f"0x{random.Random(f'{self._seed}/market').getrandbits(256):064x}"

    # What every venue must say.

    def new_counter(self) -> Counter | None:
        """None: what the venue refuses for its pace depends on the cost, so its purses do it."""
        return None

    def draw_latency_s(self) -> float:
        """The think time of the rules, with its jitter."""
        return self.rules.latency_s + self._latency_dice.random() * self.rules.latency_jitter_s

    def refusal_for_pace(self) -> Reply:
        """HTTP 429 without a word; the purses say more."""
        return error_reply(429, "Too Many Requests")

    def acknowledged(self, ask: Ask, reply: Reply) -> tuple[str, ...]:
        """The ids in `canceled`."""
        if ask.route not in CANCELS or not 200 <= reply.status < 300:
            return ()
        value = reply.visible_json
        named = value.get("canceled") if isinstance(value, dict) else None
        return tuple(each.lower() for each in named if isinstance(each, str)) if isinstance(named, list) else ()

    def understand(self, request: WireRequest, ask: Ask) -> Ask:
        """Find route, owner, orders and page; a dead key still has its owner."""
        owner = self._keys.owner(request.headers.get("poly_api_key"))
        route, order_ids = find_route(request)
        page = None
        if route == "list" and (offset := offset_of(request.query.get("next_cursor"))) is not None:
            page = offset // self.rules.page_size + 1
        found = replace(ask, route=route, account=None if owner is None else owner.name, order_ids=order_ids, page=page)
        hits = self._meant(found, owner) if owner is not None and route in ("cancel_all", "cancel_market") else None
        return found if hits is None else replace(found, hits=tuple(hits))

    def answer(self, ask: Ask, *, acts: bool) -> Reply:
        """Route, then mode, then signature, then tokens, then what is asked."""
        reply = self._answer(ask, acts=acts)
        delay_s = self._delay_s(ask)
        return replace(reply, delay_s=reply.delay_s + delay_s) if delay_s else reply

    def _answer(self, ask: Ask, *, acts: bool) -> Reply:
        if ask.route in UNSIGNED:
            return self._answer_unsigned(ask, acts=acts)
        account = self._keys.owner(ask.wire.headers.get("poly_api_key"))
        if account is None or not self._is_authentic(ask.wire, account):
            return answers.UNAUTHORIZED
        if ask.route in CANCELS:
            if self.mode == "restarting" or any(since_s <= ask.now_s < until_s for since_s, until_s in self._down):
                return answers.RESTARTING
            if self.mode == "disabled":
                return answers.DISABLED
        return self._answers[ask.route](ask, account, acts)

    # Who may do what.

    def _is_authentic(self, request: WireRequest, account: PolymarketAccount) -> bool:
        headers = request.headers
        return (
            self._keys.is_alive(account)
            and headers.get("poly_passphrase") == account.passphrase
            and headers.get("poly_address", "").lower() == account.address.lower()
            and self._is_fresh(headers.get("poly_timestamp", ""))
            and signatures.is_signed(request, account.secret)
        )

    def _is_fresh(self, timestamp: str) -> bool:
        if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 18:
            return False
        window_s = self.rules.timestamp_window_s
        return window_s is None or abs(self._wall_s() - int(timestamp)) <= window_s

    def _wall_s(self) -> float:
        return self.rules.epoch_s + self.now_s + self.rules.clock_skew_s + self._jumped_s

    def _answer_unsigned(self, ask: Ask, *, acts: bool) -> Reply:
        if ask.route == "time":
            return json_reply(int(self._wall_s()))
        if ask.route == "ok":
            return json_reply("OK")
        if ask.route == "unknown":
            return answers.NGINX_404 if ask.wire.path in WALLET_WIDE else answers.NO_ROUTE
        return self._hand_out_key(ask, acts=acts)

    def _hand_out_key(self, ask: Ask, *, acts: bool) -> Reply:
        address = signatures.signer_of(ask.wire, chain_id=self._chain_id)
        if address is None or not self._is_fresh(ask.wire.headers.get("poly_timestamp", "")):
            return answers.BAD_L1
        nonce = int(ask.wire.headers["poly_nonce"])
        known = self._keys.of_wallet(address, nonce)
        if ask.route == "create_key":
            if known is not None:
                return error_reply(400, "Could not create api key")
            known = self._keys.create(ask.wire.headers["poly_address"], nonce) if acts else None
        if known is None:
            return error_reply(400, "Could not derive api key!")
        return json_reply({"apiKey": known.api_key, "secret": known.secret, "passphrase": known.passphrase})

    # Cancels.

    def _cancel(self, ask: Ask, account: PolymarketAccount, acts: bool) -> Reply:  # noqa: FBT001  # every route is called alike
        named = ids_of(json_of(ask.wire.body), ask.route)
        if named is None:
            return answers.BAD_PAYLOAD
        if len(named) > self.rules.max_batch:
            return error_reply(400, f"Too many orders in payload, max allowed: {self.rules.max_batch}")
        if not all(_ID.fullmatch(order_id) for order_id in named):
            return answers.BAD_ID
        cost = len(named) if self.rules.duplicate_cost else len(set(named))
        return self._paid(ask, account, cost, acts=acts, act=lambda: self._cancel_these(dict.fromkeys(named), account, acts=acts))

    def _cancel_mass(self, ask: Ask, account: PolymarketAccount, acts: bool) -> Reply:  # noqa: FBT001
        meant = self._meant(ask, account)
        if meant is None:
            return answers.BAD_PAYLOAD
        return self._paid(ask, account, 1, acts=acts, act=lambda: self._cancel_these(dict.fromkeys(meant), account, acts=acts))

    def _meant(self, ask: Ask, account: PolymarketAccount) -> list[str] | None:
        """The open orders that a mass cancel means; None if it is refused."""
        mine = self.ledger.open_orders(account.name)
        if ask.route == "cancel_all":
            return list(mine)
        body = json_of(ask.wire.body)
        if not isinstance(body, dict):
            return None
        market, asset = body.get("market") or None, body.get("asset_id") or None
        if market is None and asset is None and self.rules.empty_filter == "refuse":
            return None
        return [key for key, order in mine.items() if market in (None, order.market) and asset in (None, order.asset)]

    def _cancel_these(self, order_ids: Mapping[str, None], account: PolymarketAccount, *, acts: bool) -> dict[str, Any]:
        done, refused = [], {}
        for order_id in order_ids:
            reason = self._reason_against(order_id, account)
            if reason is None:
                done.append(order_id)
                if acts:
                    self.cancel(order_id.lower())
            else:
                refused[order_id] = reason
        self._answer_dice.shuffle(done)
        return {"canceled": done, "not_canceled": refused}

    def _reason_against(self, order_id: str, account: PolymarketAccount) -> str | None:
        """Why this order cannot be cancelled, or None."""
        order, reasons = self._order_of(order_id, account), self.rules.reasons
        if order is not None and order.state is BookState.OPEN:
            return reasons["delayed"] if self._is_delayed(order.order_id) else None
        if self.rules.ambiguous_reason:
            return "order can't be found - already canceled or matched"
        return reasons["unknown" if order is None else str(order.state)]

    def _paid(self, ask: Ask, account: PolymarketAccount, cost: int, *, acts: bool, act: Callable[[], dict[str, Any]]) -> Reply:
        """Do what is asked if the signer can pay for it, and say what is left."""
        if self.rules.buckets == "off":
            return json_reply(act())
        purse, is_enforced = self._purse(account), self.rules.buckets == "enforced"
        wait_s = purse.wait_s(cost, ask.now_s)
        is_admitted = purse.admits(cost, ask.now_s, is_enforced=is_enforced)
        if not is_admitted and is_enforced:
            headers = self._rate_headers(account, wait_s) | self._retry_after(wait_s)
            refusal = json_reply({"error": "Too Many Requests"}, status=429, headers=headers)
            return replace(refusal, refused_for_pace=True)
        result = act()
        if ask.route in ("cancel_all", "cancel_market") and acts:
            purse.charge(len(result["canceled"]), ask.now_s)
        warning = {} if is_admitted else {"Poly-RateLimit-Warning": "true"}
        return json_reply(result, headers=self._rate_headers(account, 0.0) | warning)

    def _purse(self, account: PolymarketAccount) -> SignerPurse:
        wallet = account.address.lower()
        if wallet not in self._purses:
            self._purses[wallet] = SignerPurse(TIERS[self._tiers.get(wallet, self.rules.tier)])
        return self._purses[wallet]

    def _tier_word(self, account: PolymarketAccount) -> str:
        tier = self._tiers.get(account.address.lower(), self.rules.tier)
        return {"lower": tier, "title": tier.title(), "upper": tier.upper()}[self.rules.tier_spelling]

    def _rate_headers(self, account: PolymarketAccount, wait_s: float) -> dict[str, str]:
        if not self.rules.rate_headers:
            return {}
        return {
            "Poly-RateLimit-Remaining": f"{math.floor(self._purse(account).balance(self.now_s) * 1000) / 1000:g}",
            "Poly-RateLimit-Reset": str(math.ceil(self._wall_s() + wait_s)),
            "Poly-RateLimit-Tier": self._tier_word(account),
        }

    def _retry_after(self, wait_s: float) -> dict[str, str]:
        if self.rules.retry_after == "none":
            return {}
        seconds = max(1, math.ceil(wait_s))
        at = formatdate(self._wall_s() + seconds, usegmt=True)
        return {"Retry-After": str(seconds) if self.rules.retry_after == "seconds" else at}

    # Reading.

    def _list(self, ask: Ask, account: PolymarketAccount, acts: bool) -> Reply:  # noqa: ARG002, FBT001
        query = ask.wire.query
        if "id" in query:
            order = self._order_of(query["id"], account)
            rows = [] if order is None else [self._row(order, order.state, account)]
            return json_reply({"limit": self.rules.page_size, "count": len(rows), "next_cursor": "LTE=", "data": rows})
        offset, size = offset_of(query.get("next_cursor")), self.rules.page_size
        if offset is None:
            return error_reply(400, "invalid order params payload")
        listed = self._listed(ask, account)
        if not self.rules.list_envelope:
            return json_reply([self._row(order, state, account) for order, state in listed[offset:]])
        part = listed[offset : offset + size]
        envelope: dict[str, Any] = {"limit": size, "count": len(part)}
        ends = offset + size > len(listed) if self.rules.extra_empty_page and part else offset + size >= len(listed)
        if not ends:
            envelope["next_cursor"] = cursor_of(offset + size)
        elif self.rules.cursor_end != "missing":
            envelope["next_cursor"] = {"LTE=": "LTE=", "empty": "", "null": None}[self.rules.cursor_end]
        envelope["data"] = [self._row(order, state, account) for order, state in part]
        return json_reply(envelope)

    def _listed(self, ask: Ask, account: PolymarketAccount) -> list[tuple[BookOrder, BookState]]:
        """The open orders as the listing shows them: perhaps as they were a moment ago."""
        seen_s = ask.now_s - self.rules.list_lag_s
        lags = self.rules.list_lag_s > 0
        orders = self.ledger.orders_of(account.name) if lags else self.ledger.open_orders(account.name)
        market, asset = ask.wire.query.get("market") or None, ask.wire.query.get("asset_id") or None
        return [
            (order, BookState.OPEN)
            for order in orders.values()
            if (not lags or (order.state_at(seen_s) is BookState.OPEN and order.history[0].time_s <= seen_s))
            and market in (None, order.market)
            and asset in (None, order.asset)
            and self._is_visible(order.order_id)
        ]

    def _read(self, ask: Ask, account: PolymarketAccount, acts: bool) -> Reply:  # noqa: ARG002, FBT001
        if not _ID.fullmatch(ask.order_id or ""):
            return answers.BAD_ID
        order = self._order_of(ask.order_id or "", account)
        if order is None:
            return answers.NOT_FOUND
        state = order.state_at(ask.now_s - self.rules.read_lag_s) if self.rules.read_lag_s else order.state
        return json_reply(self._row(order, state, account))

    def _row(self, order: BookOrder, state: BookState, account: PolymarketAccount) -> dict[str, Any]:
        return order_row(order, state, self.rules, owner=account.api_key, is_delayed=self._is_delayed(order.order_id))

    def _order_of(self, order_id: str, account: PolymarketAccount) -> BookOrder | None:
        """The order, if it is this key's and can be seen: nobody else's orders exist for it."""
        order = self.ledger.orders.get(order_id.lower())
        return order if order is not None and order.account == account.name and self._is_visible(order.order_id) else None

    def _is_delayed(self, order_id: str) -> bool:
        fuse = self._fuses.get(order_id)
        return fuse is not None and self.now_s < fuse.delayed_until_s

    def _is_visible(self, order_id: str) -> bool:
        fuse = self._fuses.get(order_id)
        return fuse is None or self.now_s >= fuse.visible_from_s

    # Keys and heartbeats.

    def _api_keys(self, ask: Ask, account: PolymarketAccount, acts: bool) -> Reply:  # noqa: ARG002, FBT001
        return json_reply({"apiKeys": self._keys.keys_of(account.address)})

    def _revoke_key(self, ask: Ask, account: PolymarketAccount, acts: bool) -> Reply:  # noqa: ARG002, FBT001
        if acts:
            self._keys.revoke(account.name)
        return json_reply("OK")

    def _heartbeat(self, ask: Ask, account: PolymarketAccount, acts: bool) -> Reply:  # noqa: FBT001
        body = json_of(ask.wire.body)
        shown = body.get("heartbeat_id") if isinstance(body, dict) else None
        expected = self._beats.get(account.name, ("", 0.0))[0]
        if expected and shown != expected:
            return json_reply({"error_msg": "Invalid Heartbeat ID", "heartbeat_id": expected}, status=400)
        beat = str(uuid.UUID(int=self._answer_dice.getrandbits(128), version=4))
        if acts:
            self._beats[account.name] = (beat, ask.now_s)
            self.at(ask.now_s + HEARTBEAT_S, lambda: self._expire_heart(account, beat))
        return json_reply({"heartbeat_id": beat})

    def _expire_heart(self, account: PolymarketAccount, beat: str) -> None:
        """Ten seconds of silence cancel everything of the key, and end the registration."""
        if self._beats.get(account.name, ("", 0.0))[0] == beat:
            del self._beats[account.name]
            self.cancel_everything(account.name)

    def cancel_everything(self, account_name: str) -> None:
        """What the venue does when a heartbeat stops."""
        for order_id in list(self.ledger.open_orders(account_name)):
            self.cancel_elsewhere(order_id)

    # The content network in front.

    def _delay_s(self, ask: Ask) -> float:
        """How long a request beyond the windows of its address waits."""
        most = WINDOWS_10S.get(ask.route)
        if most is None or not self.rules.delays:
            return 0.0
        times = self._windows.setdefault(ask.route, deque())
        while times and ask.now_s - times[0] >= 10.0:
            times.popleft()
        due_s = ask.now_s if len(times) < most else max(ask.now_s, times[-most] + 10.0)
        times.append(due_s)
        return due_s - ask.now_s
