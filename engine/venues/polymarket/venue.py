"""Polymarket as the stages see it: the wire, the limits and the caller's choices, put together. Sends nothing."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

from engine.core.listing import Page
from engine.core.order import OpenOrder
from engine.core.outcome import Verdict
from engine.core.quota import Feedback, Kind, Limits
from engine.core.request import Account, Belongs, Scope, checked_seconds
from engine.errors import ConfigError, shown
from engine.secret import Secret
from engine.venues.base import HttpAnswer, HttpRequest, MassWord
from engine.venues.polymarket import wire
from engine.venues.polymarket.limits import PUBLISHED, TIERS, UNLIMITED
from engine.venues.polymarket.signing import PRODUCTION, PolymarketKey

TIMEOUT_S = 30.0
"""Bound of one request, unless given. The venue delays what exceeds its windows by address, and others may share the address; a
request given up while it waits there may still act. A guess: three times the shorter window."""

MOST_IDS = 1_000
"""Most ids of one request. Source: docs.polymarket.com changelog, in force since 2026-06-15, and the OpenAPI file (`maxItems`);
the guide page and polymarket-client 0.14.0 still say 3,000. A refusal names the number that holds, and is obeyed."""

_ASSET = re.compile(r"[1-9][0-9]{0,77}")


class Polymarket:
    """The venue Polymarket.

    Args:
        base_url: The order book's address.
        limits: What to keep within; `limits.PUBLISHED` unless given, None for no limits.
        timeout_s: Bound of one request, answer included.
        tier: The tier that a signer begins with, until the venue names another; that of `limits` unless given.
        most_ids: Most orders of one request.
        strict_ids: Whether an order id must be 0x and 64 hex digits. One malformed id makes the venue refuse a whole request.
        both_filters_intersect: Whether one market-wide cancel may be given a market and an asset at once. The documentation only
            implies that it then cancels what belongs to both; without this, such a scope is cancelled by ids.
        allow_http: Lets `base_url` be `http://` for another machine, where something else keeps the key secret on the way.

    Raises:
        ConfigError: an argument cannot be used.
    """

    name = "polymarket"
    first_cursor = wire.FIRST_PAGE
    page_rows = wire.PAGE_SIZE
    no_order_id = "0x" + 64 * "0"

    def __init__(
        self,
        base_url: str = PRODUCTION,
        *,
        limits: Limits | None = PUBLISHED,
        timeout_s: float = TIMEOUT_S,
        tier: str | None = None,
        most_ids: int = MOST_IDS,
        strict_ids: bool = True,
        both_filters_intersect: bool = False,
        allow_http: bool = False,
    ) -> None:
        self.base_url = wire.checked_base_url(base_url, allow_http=allow_http)
        self.limits = _limits(limits, tier)
        self.timeout_s = checked_seconds("timeout_s", timeout_s) or TIMEOUT_S
        if type(most_ids) is not int or most_ids < 1:
            raise ConfigError(f"most_ids must be at least 1, not {shown(most_ids)}")
        self.most_ids = most_ids
        self._strict_ids = strict_ids
        self._both_filters_intersect = both_filters_intersect

    def __repr__(self) -> str:
        return f"Polymarket({self.base_url!r})"

    def check(self, account: Account, scope: Scope | None = None) -> None:
        """Refuse credentials that are not a `PolymarketKey`, and conditions that can match nothing here.

        Raises:
            ConfigError: see above.
        """
        if not isinstance(account.credentials, PolymarketKey):
            kind = type(account.credentials).__name__
            raise ConfigError(f"account {shown(account.name)} needs a PolymarketKey for Polymarket, not {kind}")
        if scope is None:
            return
        if scope.market is not None and wire.plain_market(str(scope.market)) is None:
            raise ConfigError(f"a market of Polymarket is a condition id, 0x and 64 hex digits, not {shown(scope.market)}")
        if scope.asset is not None and not _ASSET.fullmatch(str(scope.asset)):
            raise ConfigError(f"an asset of Polymarket is a token id, up to 78 decimal digits, not {shown(scope.asset)}")
        # Ids of another venue may be excepted beside ours; what begins like ours and is none would spare nothing.
        excepted = [order_id for order_id in scope.except_ids or () if order_id.lower().startswith("0x")]
        for order_id in (*(scope.order_ids or ()), *excepted):
            problem = self.problem_of(order_id)
            if problem is not None:
                raise ConfigError(f"order id {shown(order_id)} of the scope can match nothing: {problem}")

    def plain_id(self, order_id: str) -> str:
        """The id with its hex digits in lower case, as the venue writes them."""
        return wire.plain_id(order_id)

    def problem_of(self, order_id: str) -> str | None:
        """Why the id must not be sent: it would take every other one in the same request with it."""
        return wire.problem_of(order_id, strict=self._strict_ids)

    def identity(self, account: Account) -> Hashable:
        """The signer: the venue counts by signer, and several keys of one signer share what it has."""
        return self._key(account).address.lower()

    def secrets(self, account: Account) -> tuple[Secret, ...]:
        """All of the key but its address."""
        key = self._key(account)
        return (key.api_key, key.secret, key.passphrase)

    def belongs(self, scope: Scope, order: OpenOrder) -> Belongs:
        """Whether the order belongs to the scope; the spellings of one condition id name the same market."""
        if scope.market is None or order.market is None:
            return scope.belongs(order, plain=wire.plain_ids)
        is_same = (wire.plain_market(order.market) or order.market) == wire.plain_market(str(scope.market))
        markets = (str(scope.market) if is_same else order.market,)
        return scope.belongs(order, markets=markets, plain=wire.plain_ids)

    def mass_cancels(self, scope: Scope) -> tuple[Kind, ...]:
        """Cancel-all for every order of the key; one market, or one asset; nothing for what the venue cannot express."""
        if any(condition is not None for condition in (scope.side, scope.order_ids, scope.where, scope.except_ids)):
            return ()
        if scope.market is None and scope.asset is None:
            return (Kind.CANCEL_ALL,)
        if scope.market is not None and scope.asset is not None and not self._both_filters_intersect:
            return ()
        return (Kind.CANCEL_MARKET,)

    def cancel_request(self, account: Account, order_ids: Sequence[str], *, wall_s: float) -> HttpRequest:
        """The request that cancels these orders."""
        return wire.cancel_request(self.base_url, self._key(account), order_ids, wall_s=wall_s)

    def read_cancel(self, answer: HttpAnswer, order_ids: Sequence[str], *, wall_s: float) -> Mapping[str, Verdict]:
        """The word on each of these orders, or a `VenueError` for all."""
        return wire.read_cancel(answer, order_ids, wall_s=wall_s)

    def mass_request(self, account: Account, scope: Scope, kind: Kind, *, wall_s: float) -> HttpRequest:
        """The request for a mass cancel that hits exactly this scope.

        Raises:
            AssertionError: `mass_cancels` does not name this kind for this scope.
        """
        if kind not in self.mass_cancels(scope):
            raise AssertionError(f"a {kind} would not hit exactly this scope")
        key, market = self._key(account), self._market(scope)
        if kind is Kind.CANCEL_ALL:
            return wire.cancel_all_request(self.base_url, key, wall_s=wall_s)
        return wire.cancel_market_request(self.base_url, key, market=market, asset=self._asset(scope), wall_s=wall_s)

    def read_mass(self, answer: HttpAnswer, *, wall_s: float) -> MassWord:
        """The word on every order that the answer mentions, or a `VenueError`."""
        return wire.read_mass(answer, wall_s=wall_s)

    def page_request(self, account: Account, scope: Scope, cursor: str, *, wall_s: float) -> HttpRequest:
        """The request for one page of the open orders, narrowed by market and asset."""
        market, asset = self._market(scope), self._asset(scope)
        return wire.page_request(self.base_url, self._key(account), market=market, asset=asset, cursor=cursor, wall_s=wall_s)

    def read_page(self, answer: HttpAnswer, cursor: str, *, wall_s: float) -> Page:
        """That page, or a `VenueError`."""
        return wire.read_page(answer, cursor=cursor, wall_s=wall_s)

    def cursor_at(self, position: int, rows: int) -> str:
        """Cursor of the page that begins with the row at this position: the venue's cursors are offsets."""
        return wire.cursor_at(position)

    def order_request(self, account: Account, order_id: str, *, wall_s: float) -> HttpRequest:
        """The request that reads one order."""
        return wire.order_request(self.base_url, self._key(account), order_id, wall_s=wall_s)

    def read_order(self, answer: HttpAnswer, order_id: str, *, wall_s: float) -> Verdict:
        """The word on that order and the order itself, or a `VenueError`."""
        return wire.read_order(answer, order_id, wall_s=wall_s)

    def feedback(self, answer: HttpAnswer) -> Feedback | None:
        """What the venue's limiter says of the signer's tokens."""
        return wire.feedback(answer)

    def time_request(self) -> HttpRequest | None:
        """The request that reads the venue's clock: every signature carries a time."""
        return wire.time_request(self.base_url)

    def read_time(self, answer: HttpAnswer) -> float:
        """That clock, in Unix seconds, or a `VenueError`."""
        return wire.read_time(answer)

    def tier_request(self, account: Account, *, wall_s: float) -> HttpRequest:
        """The request that reads the signer's tier."""
        return wire.tier_request(self.base_url, self._key(account), wall_s=wall_s)

    def read_tier(self, answer: HttpAnswer) -> str | None:
        """That tier, in lower case, None where the answer names none that is known; or a `VenueError`."""
        tokens = self.limits.tokens
        return wire.read_tier(answer, known=TIERS if tokens is None else tokens.tiers)

    @staticmethod
    def _key(account: Account) -> PolymarketKey:
        key: PolymarketKey = account.credentials
        return key

    @staticmethod
    def _market(scope: Scope) -> str | None:
        return None if scope.market is None else wire.plain_market(str(scope.market))

    @staticmethod
    def _asset(scope: Scope) -> str | None:
        return None if scope.asset is None else str(scope.asset)


def _limits(limits: Limits | None, tier: str | None) -> Limits:
    limits = UNLIMITED if limits is None else limits
    if tier is None:
        return limits
    if limits.tokens is None or not isinstance(tier, str):
        raise ConfigError(f"tier {shown(tier)} needs limits that count tokens, and must be the name of a tier")
    return replace(limits, tokens=replace(limits.tokens, tier=tier.strip().lower()))
