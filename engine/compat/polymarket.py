"""The part of Polymarket's official Python clients that cancels and reads orders, with this engine behind it.

Change the import, and what is called stays as it is, by the names of py-clob-client or by those of py-clob-client-v2:

    from engine.compat.polymarket import ApiCreds, ClobClient

What the calls take and give back is the official clients'; where those leave something out or to the caller, these do not. The
differences, each with its reason, stand in `docs/compat.md`.

Source: packages py-clob-client 0.34.6 and py-clob-client-v2 1.2.1, `client.py`, `clob_types.py` and `exceptions.py`, read
2026-11-21.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import anyio

from engine.compat.portal import ClosedError
from engine.compat.shapes import DictAnswer, SyncClient, http_status, told
from engine.core.listing import MOST_WALKS, Page, Walk
from engine.core.outcome import OrderResult, Outcome
from engine.core.quota import Kind, Limits
from engine.core.request import Account, Scope, checked_id
from engine.core.retry import Retry
from engine.core.summary import CancelSummary, Fault
from engine.errors import ConfigError, VenueError, WireError, shown
from engine.journal.journal import Journal
from engine.run import CancelEngine
from engine.secret import Secret
from engine.venues.base import HttpAnswer, HttpRequest
from engine.venues.decoding import json_value, words
from engine.venues.polymarket import PUBLISHED, Polymarket, PolymarketKey, wire
from engine.venues.polymarket.signing import POLYGON
from engine.venues.polymarket.venue import TIMEOUT_S
from engine.venues.wallet import address_of

__all__ = [
    "ApiCreds",
    "ClobClient",
    "ClosedError",
    "OpenOrderParams",
    "OrderMarketCancelParams",
    "OrderPayload",
    "PolyApiException",
    "PolyException",
]


class PolyException(Exception):  # noqa: N818  # the official name
    """The base of what the client raises.

    Attributes:
        msg: What is wrong.
    """

    def __init__(self, msg: str) -> None:
        super().__init__(msg)
        self.msg = msg


class PolyApiException(PolyException):
    """The venue did not do, or did not say, what it was asked for.

    Attributes:
        status_code: The HTTP status, or None where there was none, or none that explains it.
        error_msg: The venue's parsed JSON or its text where there is an answer to show, words of ours otherwise.
        outcome: What became of the order of a single cancel, or None.
        summary: All that the engine knows of a call that cancels, or None.
    """

    def __init__(
        self,
        error_msg: Any,
        *,
        status_code: int | None = None,
        outcome: Outcome | None = None,
        summary: CancelSummary | None = None,
    ) -> None:
        super().__init__(str(error_msg))
        self.status_code = status_code
        self.error_msg = error_msg
        self.outcome = outcome
        self.summary = summary

    def __str__(self) -> str:
        return f"PolyApiException[status_code={self.status_code}, error_message={self.error_msg}]"

    __repr__ = __str__


@dataclass
class ApiCreds:
    """The parts of a key, as text; the repr shows none."""

    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    api_passphrase: str = field(repr=False)


@dataclass
class OpenOrderParams:
    """Which orders to list: all that is given must hold. With an id, that order whatever its status."""

    id: str | None = None
    market: str | None = None
    asset_id: str | None = None


@dataclass
class OrderPayload:
    """Which order to cancel."""

    orderID: str  # noqa: N815  # the official name


@dataclass
class OrderMarketCancelParams:
    """Which market's orders to cancel, or which asset's; given both, those that belong to both."""

    market: str | None = None
    asset_id: str | None = None


class ClobClient(SyncClient):
    """Cancels and reads the orders of one API key.

    Usable from any number of threads; all calls share one engine and its limits. `cancel`, `get_orders` and
    `create_or_derive_api_creds` are the names of py-clob-client; `cancel_order`, `get_open_orders` and `create_or_derive_api_key`
    those of py-clob-client-v2; what both have in common takes either's arguments.

    Args:
        host: The venue's address.
        chain_id: 137, or 80002 for the test chain; needed to be handed credentials alone.
        key: The wallet's private key: its address stands in every request, and it signs for credentials. It is held as a secret.
        creds: Anything with `api_key`, `api_secret` and `api_passphrase`, or a `PolymarketKey`.
        signature_type: Taken and not used, as are all arguments down to `fee_slippage`, and more by position.
        funder: As `signature_type`.
        builder_config: As `signature_type`.
        more: As `signature_type`.
        tick_size_ttl: As `signature_type`.
        use_server_time: As `signature_type`: a clock that the venue refuses is corrected by the venue's own.
        retry_on_error: As `signature_type`.
        fee_slippage: As `signature_type`.
        address: The signer's, for who has credentials and wants no private key here.
        limits: What to keep within; None lifts all.
        tier: The tier that the signer begins with, until the venue names another.
        timeout_s: Bound of one request, answer included.
        allow_http: Lets `host` be `http://` for another machine.
        deadline_s: Each call comes back by then with what is known; without one, when it is done.
        retry: How often, how long; a venue that is away is waited for 30 s unless given.
        journal: Where runs are written down; closed with the client.
        in_flight: Most requests on their way.

    Raises:
        PolyException: an argument cannot be used.
    """

    covers = (
        "cancel",
        "cancel_order",
        "cancel_orders",
        "cancel_all",
        "cancel_market_orders",
        "get_orders",
        "get_open_orders",
        "get_order",
        "get_address",
        "set_api_creds",
        "derive_api_key",
        "create_or_derive_api_creds",
        "create_or_derive_api_key",
    )

    def __init__(
        self,
        host: str,
        chain_id: int | None = None,
        key: str | None = None,
        creds: object = None,
        signature_type: int | None = None,  # noqa: ARG002  # the official argument
        funder: str | None = None,  # noqa: ARG002  # the same
        builder_config: object = None,  # noqa: ARG002  # the same
        *more: object,  # noqa: ARG002  # the same: in the one client `tick_size_ttl`, in the other `use_server_time` and what follows
        tick_size_ttl: float = 300.0,  # noqa: ARG002  # the same
        use_server_time: bool = False,  # noqa: ARG002  # the same
        retry_on_error: bool = False,  # noqa: ARG002  # the same
        fee_slippage: float = 0,  # noqa: ARG002  # the same
        address: str | None = None,
        limits: Limits | None = PUBLISHED,
        tier: str | None = None,
        timeout_s: float = TIMEOUT_S,
        allow_http: bool = False,
        deadline_s: float | None = None,
        retry: Retry | None = None,
        journal: Journal | None = None,
        in_flight: int = 64,
    ) -> None:
        self.chain_id = chain_id
        self._wallet, key = (Secret.of(key) if key else None), None  # from here on no variable shows it
        held, creds = _held(creds), None
        try:
            self._address = address_of(self._wallet) if self._wallet is not None else address
            self._venue = Polymarket(host, limits=limits, tier=tier, timeout_s=timeout_s, allow_http=allow_http)
            self.host = self._venue.base_url
            super().__init__(self._venue, deadline_s=deadline_s, retry=retry, journal=journal, in_flight=in_flight)
        except ConfigError as error:
            raise PolyException(str(error)) from None
        self._allow_http = allow_http
        self._account: Account | None = None
        self._use(held)

    # --- credentials

    def get_address(self) -> str | None:
        """The signer's address, or None without a key."""
        return self._address

    def set_api_creds(self, creds: object) -> None:
        """Use these credentials from now on.

        Raises:
            PolyException: they cannot be used. The message shows none of them.
        """
        held, creds = _held(creds), None
        self._use(held)

    def _use(self, held: tuple[Secret, ...] | PolymarketKey | None) -> None:
        self._account = None
        if isinstance(held, PolymarketKey):
            self._address = self._address or held.address
        if held is None or self._address is None:
            return
        try:
            key = held if isinstance(held, PolymarketKey) else PolymarketKey(self._address, *held)
            self._account = Account("signer", key)
        except ConfigError as error:
            raise PolyException(str(error)) from None

    def derive_api_key(self, nonce: int | None = None) -> ApiCreds:
        """The wallet's credentials that exist for this nonce.

        Raises:
            PolyException: there is no private key; or as `PolyApiException`, no credentials came back.
        """
        return self._handed_out(nonce, create=False)

    def create_or_derive_api_creds(self, nonce: int | None = None) -> ApiCreds:
        """The wallet's credentials for this nonce: those that exist, or else new ones.

        Raises:
            PolyException: there is no private key; or as `PolyApiException`, no credentials came back.
        """
        return self._handed_out(nonce, create=True)

    create_or_derive_api_key = create_or_derive_api_creds

    def _handed_out(self, nonce: int | None, *, create: bool) -> ApiCreds:
        wallet = self._wallet
        if wallet is None:
            raise PolyException("this call needs the wallet's private key")
        number, chain_id = nonce or 0, self.chain_id or POLYGON
        try:
            key = self._portal.read(
                lambda _: PolymarketKey.derive(
                    wallet, base_url=self.host, chain_id=chain_id, nonce=number, create=create, allow_http=self._allow_http
                )
            )
        except ConfigError as error:
            raise PolyException(str(error)) from None
        except VenueError as error:
            raise PolyApiException(str(error), status_code=http_status(error.code)) from None
        return ApiCreds(key.api_key.reveal(), key.secret.reveal(), key.passphrase.reveal())

    # --- cancelling

    def cancel(self, order_id: object) -> DictAnswer:
        """Cancel one order: `canceled` and `not_canceled`, as the venue's own answer.

        Args:
            order_id: The id, or anything with it as `orderID`.

        Raises:
            PolyException: credentials are missing; or as `PolyApiException`, the id cannot be one, or nothing is known of it.
        """
        return self._cancelled_known([getattr(order_id, "orderID", order_id)])

    def cancel_order(self, payload: object) -> DictAnswer:
        """The same, by the name of py-clob-client-v2."""
        return self.cancel(payload)

    def cancel_orders(self, order_ids: Iterable[str]) -> DictAnswer:
        """Cancel these orders, in as many requests as that takes: `canceled`, and `not_canceled` with a reason for each.

        Every id is in one of the two. `canceled` holds what is off the book because it was cancelled, and nothing else. A reason
        is the venue's where the venue gave one that settles the order; otherwise it begins with the outcome, such as `unknown: `.

        Raises:
            PolyException: credentials are missing; or as `PolyApiException`, an id cannot be one, or nothing is known of any of
                them.
        """
        return self._cancelled_known(order_ids)

    def cancel_all(self) -> DictAnswer:
        """Cancel every open order of the key, and look that none is left: `canceled` and `not_canceled`.

        Raises:
            PolyException: credentials are missing; or as `PolyApiException`, the open orders could not be listed to the end. Its
                `summary` says what was cancelled all the same.
        """
        return self._cancelled_scope(Scope())

    def cancel_market_orders(self, market: object = "", asset_id: str | None = "") -> DictAnswer:
        """Cancel every open order of a market, of an asset, or of both at once: `canceled` and `not_canceled`.

        Args:
            market: A condition id, or anything that has both as `market` and `asset_id`.
            asset_id: A token id.

        Raises:
            PolyException: credentials are missing; or as `PolyApiException`, neither is given, or the open orders could not be
                listed to the end.
        """
        if hasattr(market, "market") or hasattr(market, "asset_id"):
            market, asset_id = getattr(market, "market", None), getattr(market, "asset_id", None)
        if not market and not asset_id:
            raise PolyApiException("a market or an asset must be given; without one the venue might cancel everything")
        try:
            scope = Scope(market=market or None, asset=asset_id or None)  # type: ignore[arg-type]  # it is checked there
        except ConfigError as error:
            raise PolyApiException(str(error)) from None
        return self._cancelled_scope(scope)

    def _cancelled_known(self, order_ids: Iterable[Any]) -> DictAnswer:
        account = self._signer()
        try:
            ids = [checked_id(order_id) for order_id in order_ids] if not isinstance(order_ids, str) else None
        except (ConfigError, TypeError) as error:
            raise PolyApiException(str(error)) from None
        if ids is None:
            raise PolyApiException("order ids must come as a list of them, not as one text")
        summary = self._portal.cancel(
            lambda engine, progress: engine.cancel_orders(account, ids, deadline_s=self._deadline_s, progress=progress)
        )
        if ids and not any(map(_is_known, summary.results)):
            result = summary.results[0]
            outcome = result.outcome if len(ids) == 1 else None
            raise PolyApiException(told(result), status_code=http_status(result.code), outcome=outcome, summary=summary)
        return _cancel_answer(summary, ids)

    def _cancelled_scope(self, scope: Scope) -> DictAnswer:
        account = self._signer()
        try:
            summary = self._portal.cancel(
                lambda engine, progress: engine.cancel_all(account, scope, deadline_s=self._deadline_s, progress=progress)
            )
        except ConfigError as error:
            raise PolyApiException(str(error)) from None
        if not summary.listing_complete:
            done = f"; {summary.cancelled} of {summary.total} orders that were seen are cancelled" if summary.total else ""
            why = f"the open orders could not be listed to the end: {summary.listing_error}{done}"
            refused = [http_status(result.code) for result in summary.results if result.outcome.may_be_live]
            status = 401 if summary.fault_code is Fault.CREDENTIALS else next(filter(None, refused), None)
            raise PolyApiException(why, status_code=status, summary=summary)
        return _cancel_answer(summary)

    # --- reading

    def get_orders(self, params: object = None, next_cursor: str | None = wire.FIRST_PAGE) -> list[dict[str, Any]]:
        """Every open order of the key, each once, as the venue writes them.

        Args:
            params: Anything with `id`, `market` and `asset_id`, each of which may be missing or None.
            next_cursor: Where to begin.

        Raises:
            PolyException: credentials are missing; or as `PolyApiException`, an argument cannot be used, or the listing could not
                be read to its end.
        """
        return self._listed(params, next_cursor, is_one_page=False)

    def get_open_orders(
        self,
        params: object = None,
        only_first_page: bool = False,  # noqa: FBT001, FBT002  # the official argument
        next_cursor: str | None = None,
    ) -> list[dict[str, Any]]:
        """The same, by the name of py-clob-client-v2; or the first page alone."""
        return self._listed(params, next_cursor, is_one_page=only_first_page)

    def get_order(self, order_id: str) -> dict[str, Any]:
        """One order as the venue writes it, whatever its status.

        Raises:
            PolyException: credentials are missing; or as `PolyApiException`, the id cannot be one, the venue does not know it
                (404), or gave no order.
        """
        account = self._signer()
        try:
            asked = checked_id(order_id)
        except ConfigError as error:
            raise PolyApiException(str(error)) from None
        reading = _Reading(account)
        row = self._portal.read(
            lambda engine: reading.read(
                engine,
                Kind.READ,
                lambda wall_s: wire.order_request(self.host, account.credentials, asked, wall_s=wall_s),
                lambda answer, wall_s: wire.read_order(answer, asked, wall_s=wall_s),
                deadline_s=self._deadline_s,
            )
        )
        if not isinstance(row, dict) or "id" not in row:
            raise reading.failure(WireError("the venue answers a read without the order", code="bad_answer"))
        return row

    def _listed(self, params: object, next_cursor: str | None, *, is_one_page: bool) -> list[dict[str, Any]]:
        account = self._signer()
        asked = {name: getattr(params, name, None) or None for name in ("id", "market", "asset_id")}
        cursor = next_cursor or wire.FIRST_PAGE
        for name, value in (*asked.items(), ("next_cursor", cursor)):
            if value is not None and (not isinstance(value, str) or not value.isprintable()):
                raise PolyApiException(f"{name} must be text, not {shown(value)}")
        reading = _Reading(account)

        def page_request(at: str, wall_s: float) -> HttpRequest:
            return wire.page_request(
                self.host,
                account.credentials,
                market=asked["market"],
                asset=asked["asset_id"],
                order_id=asked["id"],
                cursor=at,
                wall_s=wall_s,
            )

        async def walk(engine: CancelEngine) -> list[dict[str, Any]]:
            problem = None
            for attempt in range(MOST_WALKS):
                if attempt:
                    await anyio.sleep(0.2 * attempt)
                rows, problem = await self._walked(engine, reading, page_request, cursor, is_one_page=is_one_page)
                if problem is None:
                    return rows
            raise reading.failure(WireError(f"the listing could not be read to its end: {problem}", code="listing_incomplete"))

        return self._portal.read(walk)

    async def _walked(
        self,
        engine: CancelEngine,
        reading: _Reading,
        page_request: Callable[[str, float], HttpRequest],
        cursor: str,
        *,
        is_one_page: bool,
    ) -> tuple[list[dict[str, Any]], str | None]:
        """The rows of one walk, each order once, and why they cannot be believed, or None."""
        walk, rows = Walk(cursor), dict[str, dict[str, Any]]()
        while walk.cursor is not None:
            page, listed = await self._page(engine, reading, page_request, walk.cursor)
            walk.add(page)
            for row in listed:
                order = wire.read_row(row)
                if order is not None:
                    rows.setdefault(order.order_id, row)
            if is_one_page:
                return list(rows.values()), None
        return list(rows.values()), walk.problem

    async def _page(
        self, engine: CancelEngine, reading: _Reading, page_request: Callable[[str, float], HttpRequest], cursor: str
    ) -> tuple[Page, list[Any]]:
        """A page, and its rows as the venue wrote them."""
        pages: list[Page] = []
        body = await reading.read(
            engine,
            Kind.LIST,
            lambda wall_s: page_request(cursor, wall_s),
            lambda answer, wall_s: pages.append(wire.read_page(answer, cursor=cursor, wall_s=wall_s)),
            deadline_s=self._deadline_s,
        )
        return pages[-1], (body.get("data") if isinstance(body, dict) else body) or []

    def _signer(self) -> Account:
        """The account.

        Raises:
            PolyException: the private key or the credentials are missing.
        """
        if self._address is None:
            raise PolyException("this call needs the wallet's private key, or the signer's address")
        if self._account is None:
            raise PolyException("this call needs API credentials")
        return self._account


def _held(creds: object) -> tuple[Secret, ...] | PolymarketKey | None:
    """The parts of credentials, out of anything that has them by the official names."""
    if creds is None or isinstance(creds, PolymarketKey):
        return creds
    return tuple(Secret.of(getattr(creds, name, None)) for name in ("api_key", "api_secret", "api_passphrase"))


class _Reading:
    """Requests that only read, and the answer that the last one brought."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._answer: HttpAnswer | None = None

    async def read(
        self,
        engine: CancelEngine,
        kind: Kind,
        make: Callable[[float], HttpRequest],
        judge: Callable[[HttpAnswer, float], object],
        *,
        deadline_s: float | None,
    ) -> Any:
        """The parsed JSON of a good answer.

        Raises:
            PolyApiException: there is none.
        """

        def make_anew(wall_s: float) -> HttpRequest:
            self._answer = None
            return make(wall_s)

        def decode(answer: HttpAnswer, wall_s: float) -> HttpAnswer:
            self._answer = answer
            judge(answer, wall_s)
            return answer

        try:
            answer = await engine.read(self._account, kind, make_anew, decode, deadline_s=deadline_s)
        except VenueError as error:
            raise self.failure(error) from None
        if not 200 <= answer.status < 300:
            raise self.failure(WireError(f"HTTP {answer.status}", status=answer.status))
        return json_value(answer)

    def failure(self, error: VenueError) -> PolyApiException:
        """What is raised: with the venue's own words where it refused, with ours where its answer is no answer."""
        answer = self._answer
        if answer is None or 200 <= answer.status < 300:
            return PolyApiException(str(error), status_code=None if answer is None else answer.status)
        said = json_value(answer)
        return PolyApiException(
            said if said is not None else words(answer.body.decode("utf-8", "replace")), status_code=answer.status
        )


def _is_known(result: OrderResult) -> bool:
    """Whether the venue has said something of this very order."""
    return not result.outcome.may_be_live or (result.outcome is Outcome.REJECTED and isinstance(result.result, dict))


def _cancel_answer(summary: CancelSummary, ids: Iterable[str] | None = None) -> DictAnswer:
    """Each order once, in the one collection or in the other, by the id that it was asked for."""
    canceled: dict[str, None] = {}
    refused: dict[str, str] = {}
    for order_id, result in zip(ids or [each.order_id for each in summary.results], summary.results, strict=True):
        reason = _reason(result)
        if reason is None:
            canceled[order_id] = None
        else:
            refused[order_id] = reason
    for order_id, why in summary.left.items():
        if not why.is_clear:
            refused[order_id] = f"{Outcome.NOT_SENT.value}: left alone, {why.value}"
    return DictAnswer({"canceled": list(canceled), "not_canceled": refused}, summary)


def _reason(result: OrderResult) -> str | None:
    """Why the order is not among the cancelled ones, or None."""
    given = result.result.get("not_canceled", {}).get(result.order_id) if isinstance(result.result, dict) else None
    if result.outcome is Outcome.ALREADY_CANCELLED and given and result.attempts <= 1:
        return str(given)  # not by this call, which has asked but once
    if result.success:
        return None
    return str(given) if given and not result.outcome.may_be_live else told(result)
