"""The part of Opinion's official Python clients that cancels and reads orders, with this engine behind it.

Change the import, and what is called stays as it is:

    from engine.compat.opinion import BuilderClient, Client, OrderSide

What the calls take and give back is the official clients'; where those say what is not so, these say what is. The differences,
each with its reason, stand in `docs/compat.md`.

Source: package opinion-clob-sdk 0.7.0, `builder_sdk.py` and `sdk.py` (read 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine.compat.opinion_shapes import (
    ApiError,
    ApiException,
    BadRequestException,
    BuilderError,
    CancelWord,
    ConflictException,
    ForbiddenException,
    InvalidParamError,
    NotFoundException,
    OpenApiError,
    OrderData,
    OrderDetail,
    OrderList,
    OrderSide,
    Response,
    ServiceException,
    UnauthorizedException,
    UnprocessableEntityException,
    kind_of,
)
from engine.compat.portal import ClosedError
from engine.compat.shapes import DictAnswer, ListAnswer, SyncClient, http_status, told
from engine.core.order import Side
from engine.core.outcome import OrderResult, Outcome
from engine.core.quota import Kind, Limits
from engine.core.request import Account, Scope, checked_id
from engine.core.retry import Retry
from engine.core.summary import CancelSummary, Fault
from engine.errors import ConfigError, VenueError, shown
from engine.journal.journal import Journal
from engine.secret import Secret
from engine.venues.base import HttpAnswer, HttpRequest
from engine.venues.decoding import json_object, words
from engine.venues.opinion import PUBLISHED, Opinion, OpinionKey, wire

__all__ = [
    "CHAIN_ID_BNB_MAINNET",
    "ApiError",
    "ApiException",
    "BadRequestException",
    "BuilderClient",
    "BuilderError",
    "Client",
    "ClosedError",
    "ConflictException",
    "ForbiddenException",
    "InvalidParamError",
    "NotFoundException",
    "OpenApiError",
    "OrderData",
    "OrderSide",
    "Response",
    "ServiceException",
    "UnauthorizedException",
    "UnprocessableEntityException",
]

CHAIN_ID_BNB_MAINNET = 56
"""The only chain that the venue accepts."""

NO_CODE = -1
"""Stands in `errno` for what is no success and has no code of the venue's, which are not negative."""

SIDES = {int(OrderSide.BUY): Side.BUY, int(OrderSide.SELL): Side.SELL}

_BAD_ID = "order_id must be a non-empty string"


class _OpinionClient(SyncClient):
    """What both clients do, for the key of any user."""

    def __init__(
        self,
        host: str,
        chain_id: object,
        *,
        limits: Limits | None,
        timeout_s: float,
        allow_http: bool,
        deadline_s: float | None,
        retry: Retry | None,
        journal: Journal | None,
        in_flight: int,
    ) -> None:
        if chain_id != CHAIN_ID_BNB_MAINNET:
            raise InvalidParamError(f"chain_id must be {CHAIN_ID_BNB_MAINNET}, not {shown(chain_id)}")
        self.host = host
        self.chain_id = CHAIN_ID_BNB_MAINNET
        try:
            self._venue = Opinion(host, limits=limits, timeout_s=timeout_s, allow_http=allow_http)
            super().__init__(self._venue, deadline_s=deadline_s, retry=retry, journal=journal, in_flight=in_flight)
        except ConfigError as error:
            raise InvalidParamError(str(error)) from error

    def _cancelled(self, account: Account, order_ids: Sequence[str]) -> CancelSummary:
        return self._portal.cancel(
            lambda engine, progress: engine.cancel_orders(account, order_ids, deadline_s=self._deadline_s, progress=progress)
        )

    def _cancelled_one(self, account: Account, order_id: object) -> CancelSummary:
        """The summary of one cancel.

        Raises:
            InvalidParamError: the id cannot be one.
            ApiException: nothing is known of the order, or the venue refused the request itself.
        """
        problem = _problem_of(order_id)
        if problem is not None:
            raise InvalidParamError(problem)
        summary = self._cancelled(account, [str(order_id)])
        result = summary.results[0]
        is_refused = summary.fault_code is not None or http_status(result.code) is not None
        if result.outcome.may_be_live and (is_refused or result.outcome is not Outcome.REJECTED):
            raise _failure(summary)
        return summary

    def _batch(self, account: Account, order_ids: object, result_of: Callable[[OrderResult], object]) -> ListAnswer:
        """One item for each id, in their order; those that cannot be ids are not sent.

        Raises:
            InvalidParamError: no list, or an empty one.
        """
        if not order_ids or not isinstance(order_ids, list):
            raise InvalidParamError("order_ids must be a non-empty list")
        problems = [_problem_of(order_id) for order_id in order_ids]
        good = [order_id for order_id, problem in zip(order_ids, problems, strict=True) if problem is None]
        summary = self._cancelled(account, good)
        results = iter(summary.results)
        items = [
            _failed(index, f"{Outcome.NOT_SENT.value}: {problem}", order_id)
            if problem is not None
            else _item(index, next(results), order_id, result_of)
            for index, (order_id, problem) in enumerate(zip(order_ids, problems, strict=True))
        ]
        return ListAnswer(items, summary)

    def _cancelled_all(
        self, account: Account, market_id: object, side: object, result_of: Callable[[OrderResult], object]
    ) -> DictAnswer:
        """The documented dictionary.

        Raises:
            InvalidParamError: a condition cannot be used.
            ApiException: the open orders could not be listed to the end. Its `summary` says what was cancelled all the same.
        """
        scope = Scope(market=_market(market_id), side=_side(side))
        summary = self._portal.cancel(
            lambda engine, progress: engine.cancel_all(account, scope, deadline_s=self._deadline_s, progress=progress)
        )
        if not summary.listing_complete:
            raise _not_listed(summary)
        items = [_item(index, result, result.order_id, result_of) for index, result in enumerate(summary.results)]
        doubtful = [(order_id, why) for order_id, why in summary.left.items() if not why.is_clear]
        items += [
            _failed(len(items) + place, f"{Outcome.NOT_SENT.value}: left alone, {why.value}", order_id)
            for place, (order_id, why) in enumerate(doubtful)
        ]
        cancelled = sum(item["success"] for item in items)
        counts = {"total_orders": len(items), "cancelled": cancelled, "failed": len(items) - cancelled}
        return DictAnswer({**counts, "results": items}, summary)

    def _orders(self, account: Account, market_id: object, status: object, limit: object, page: object) -> Response:
        """A page as the venue wrote it.

        Raises:
            InvalidParamError: an argument cannot be used.
            ApiException: the venue gave no page, and no code for that.
        """
        if not isinstance(status, str) or not status.isprintable():
            raise InvalidParamError(f"status must be text, such as '1' or '1,2,3', not {shown(status)}")
        for name, number in (("limit", limit), ("page", page)):
            if type(number) is not int or not 0 <= number < 10**9:
                raise InvalidParamError(f"{name} must be a whole number, not {shown(number)}")
        market, rows, key = _market(market_id), int(str(limit)), account.credentials.api_key
        base_url, of_page = self._venue.base_url, str(page)
        answer = self._read(
            account,
            Kind.LIST,
            lambda: wire.page_request(base_url, key, page=of_page, market=market, statuses=status, rows=rows),
            lambda answer, wall_s: wire.read_page(answer, page=of_page or "1", wall_s=wall_s, side_numbers=wire.SIDES),
        )
        result = answer.result if isinstance(answer.result, dict) else None
        if result is None:
            return answer
        listed = result.get("list")
        answer.result = OrderList(
            list=[OrderData.of(row) for row in listed] if isinstance(listed, list) else None, total=result.get("total")
        )
        return answer

    def _order(self, account: Account, order_id: object) -> Response:
        """One order as the venue wrote it.

        Raises:
            InvalidParamError: the id cannot be one.
            ApiException: the venue does not know it, by HTTP 404; or gave no order, and no code for that.
        """
        problem = _problem_of(order_id)
        if problem is not None:
            raise InvalidParamError(problem)
        asked, key, base_url = str(order_id), account.credentials.api_key, self._venue.base_url
        answer = self._read(
            account,
            Kind.READ,
            lambda: wire.order_request(base_url, key, asked),
            lambda answer, wall_s: wire.read_order(answer, asked, wall_s=wall_s, side_numbers=wire.SIDES),
        )
        if isinstance(answer.result, dict):
            answer.result = OrderDetail(order_data=OrderData.of(answer.result.get("orderData") or answer.result.get("data")))
        return answer

    def _read(
        self,
        account: Account,
        kind: Kind,
        make: Callable[[], HttpRequest],
        judge: Callable[[HttpAnswer, float], object],
    ) -> Response:
        """The envelope of a good answer, or of one with HTTP 200 and a code of the venue's; its `result` is parsed JSON.

        Raises:
            ApiException: there is neither.
        """
        seen: list[HttpAnswer] = []

        def make_anew(_wall_s: float) -> HttpRequest:
            seen.clear()
            return make()

        def decode(answer: HttpAnswer, wall_s: float) -> HttpAnswer:
            seen.append(answer)
            judge(answer, wall_s)
            return answer

        try:
            answer = self._portal.read(lambda engine: engine.read(account, kind, make_anew, decode, deadline_s=self._deadline_s))
        except VenueError as error:
            refused = seen[-1] if seen else None
            envelope = None if refused is None or not _is_good(refused) else _envelope(refused)
            if envelope is None or not envelope.errno:
                raise _unread(error, refused) from error
            return envelope
        envelope = _envelope(answer)
        if not _is_good(answer) or envelope is None:
            raise _unread(VenueError(f"HTTP {answer.status}", code=answer.status), answer)
        return envelope


class BuilderClient(_OpinionClient):
    """Cancels and reads the orders of a builder's users, each by the user's own key.

    Usable from any number of threads; all calls share one engine, and each user's key keeps its own limits.

    Args:
        host: The venue's address.
        builder_apikey: Taken and not used, as it cancels nothing.
        chain_id: 56.
        rpc_url: Taken and not used.
        use_beta: Taken and not used.
        contract_addresses: Taken and not used.
        limits: What to keep within; `engine.venues.opinion.BUILDER` counts the day's free transactions as well, None lifts all.
        timeout_s: Bound of one request, answer included.
        allow_http: Lets `host` be `http://` for another machine.
        deadline_s: Each call comes back by then with what is known; without one, when it is done.
        retry: How often, how long; a venue that is away is waited for 30 s unless given.
        journal: Where runs are written down; closed with the client.
        in_flight: Most requests on their way for one user.

    Raises:
        InvalidParamError: an argument cannot be used.
    """

    covers = ("cancel_order_for_user", "cancel_orders_batch_for_user", "cancel_all_orders_for_user", "get_user_orders")

    def __init__(
        self,
        host: str,
        builder_apikey: str,
        chain_id: int,
        rpc_url: str = "",  # noqa: ARG002  # the same
        use_beta: bool = False,  # noqa: ARG002, FBT001, FBT002  # the same
        contract_addresses: dict[str, str] | None = None,  # noqa: ARG002  # the same
        *,
        limits: Limits | None = PUBLISHED,
        timeout_s: float = 10.0,
        allow_http: bool = False,
        deadline_s: float | None = None,
        retry: Retry | None = None,
        journal: Journal | None = None,
        in_flight: int = 64,
    ) -> None:
        del builder_apikey  # no error is to show it
        super().__init__(
            host,
            chain_id,
            limits=limits,
            timeout_s=timeout_s,
            allow_http=allow_http,
            deadline_s=deadline_s,
            retry=retry,
            journal=journal,
            in_flight=in_flight,
        )

    def cancel_order_for_user(self, user_apikey: str, order_id: str) -> DictAnswer:
        """Cancel one order: `{"result": True}`, and nothing else is returned.

        Raises:
            InvalidParamError: an argument cannot be used.
            ApiException: the order is not cancelled, or it is not known whether it is; `outcome` says which.
        """
        key, user_apikey = Secret.of(user_apikey), ""  # from here on no variable shows it; so in all that follow
        summary = self._cancelled_one(_user(key), order_id)
        if not summary.results[0].success:
            raise _failure(summary)
        return DictAnswer({"result": True}, summary)

    def cancel_orders_batch_for_user(self, user_apikey: str, order_ids: list[str]) -> ListAnswer:
        """Cancel these orders: an item for each, with `index`, `success`, `order_id`, and `result` or `error`.

        `success` is true of an order that is off the book because it was cancelled, and of no other. Whatever else became of an
        order, `error` begins with its outcome, such as `unknown: ` or `filled: `.

        Raises:
            InvalidParamError: no key, no list, or an empty one. Nothing else: a refusal is an item.
        """
        key, user_apikey = Secret.of(user_apikey), ""
        return self._batch(_user(key), order_ids, lambda _: {"result": True})

    def cancel_all_orders_for_user(
        self, user_apikey: str, market_id: int | None = None, side: OrderSide | None = None
    ) -> DictAnswer:
        """Cancel every open order, of one market or side if that is said: `total_orders`, `cancelled`, `failed`, `results`.

        Raises:
            InvalidParamError: an argument cannot be used.
            ApiException: the open orders could not be listed to the end. Its `summary` says what was cancelled all the same.
        """
        key, user_apikey = Secret.of(user_apikey), ""
        return self._cancelled_all(_user(key), market_id, side, lambda _: {"result": True})

    def get_user_orders(self, user_apikey: str, market_id: int = 0, status: str = "", limit: int = 10, page: int = 1) -> Response:
        """A page of the user's orders: `errno`, `errmsg`, `result.list` and `result.total`.

        Raises:
            InvalidParamError: an argument cannot be used.
            ApiException: the venue gave no page, and no code for that.
        """
        key, user_apikey = Secret.of(user_apikey), ""
        return self._orders(_user(key), market_id, status, min(limit, wire.PAGE_SIZE) if type(limit) is int else limit, page)


class Client(_OpinionClient):
    """Cancels and reads the orders of one user.

    Args:
        host: The venue's address.
        apikey: The user's key.
        chain_id: 56.
        rpc_url: Taken and not used, as are all arguments down to `market_cache_ttl`: no wallet is needed to cancel.
        private_key: Taken and not kept.
        multi_sig_addr: As `rpc_url`.
        conditional_tokens_addr: As `rpc_url`.
        multisend_addr: As `rpc_url`.
        fee_manager_addr: As `rpc_url`.
        enable_trading_check_interval: As `rpc_url`.
        quote_tokens_cache_ttl: As `rpc_url`.
        market_cache_ttl: As `rpc_url`.
        limits: As of `BuilderClient`, like all that follow.
        timeout_s: Bound of one request, answer included.
        allow_http: Lets `host` be `http://` for another machine.
        deadline_s: Each call comes back by then with what is known; without one, when it is done.
        retry: How often, how long; a venue that is away is waited for 30 s unless given.
        journal: Where runs are written down; closed with the client.
        in_flight: Most requests on their way.

    Raises:
        InvalidParamError: an argument cannot be used.
    """

    covers = ("cancel_order", "cancel_orders_batch", "cancel_all_orders", "get_my_orders", "get_order_by_id")

    def __init__(
        self,
        host: str = "",
        apikey: str = "",
        chain_id: int | None = None,
        rpc_url: str = "",  # noqa: ARG002  # the official argument
        private_key: str = "",
        multi_sig_addr: str = "",  # noqa: ARG002  # the same
        conditional_tokens_addr: str | None = None,  # noqa: ARG002  # the same
        multisend_addr: str | None = None,  # noqa: ARG002  # the same
        fee_manager_addr: str | None = None,  # noqa: ARG002  # the same
        enable_trading_check_interval: int = 3600,  # noqa: ARG002  # the same
        quote_tokens_cache_ttl: int = 3600,  # noqa: ARG002  # the same
        market_cache_ttl: int = 300,  # noqa: ARG002  # the same
        *,
        limits: Limits | None = PUBLISHED,
        timeout_s: float = 10.0,
        allow_http: bool = False,
        deadline_s: float | None = None,
        retry: Retry | None = None,
        journal: Journal | None = None,
        in_flight: int = 64,
    ) -> None:
        key, apikey = Secret.of(apikey), ""  # no error is to show it
        del private_key  # nor this
        self._account = _user(key)
        super().__init__(
            host,
            chain_id,
            limits=limits,
            timeout_s=timeout_s,
            allow_http=allow_http,
            deadline_s=deadline_s,
            retry=retry,
            journal=journal,
            in_flight=in_flight,
        )

    def cancel_order(self, order_id: str) -> Response:
        """Cancel one order: `errno` 0 and `result.result` true if it is cancelled.

        Another word of the venue's on the order comes with `result.result` false; `errno` is the venue's code, or -1.

        Raises:
            InvalidParamError: the id cannot be one.
            ApiException: the venue refused the request itself, or it is not known what became of the order.
        """
        return _word_on(self._cancelled_one(self._account, order_id).results[0])

    def cancel_orders_batch(self, order_ids: list[str]) -> ListAnswer:
        """Cancel these orders: an item for each, with `index`, `success`, `order_id`, and `result` or `error`.

        `success` is true of an order that is off the book because it was cancelled, and of no other. Whatever else became of an
        order, `error` begins with its outcome, such as `unknown: ` or `filled: `.

        Raises:
            InvalidParamError: no list, or an empty one. Nothing else: a refusal is an item.
        """
        return self._batch(self._account, order_ids, _word_on)

    def cancel_all_orders(self, market_id: int | None = None, side: OrderSide | None = None) -> DictAnswer:
        """Cancel every open order, of one market or side if that is said: `total_orders`, `cancelled`, `failed`, `results`.

        Raises:
            InvalidParamError: an argument cannot be used.
            ApiException: the open orders could not be listed to the end. Its `summary` says what was cancelled all the same.
        """
        return self._cancelled_all(self._account, market_id, side, _word_on)

    def get_my_orders(self, market_id: int = 0, status: str = "", limit: int = 10, page: int = 1) -> Response:
        """A page of one's own orders: `errno`, `errmsg`, `result.list` and `result.total`.

        Raises:
            InvalidParamError: an argument cannot be used.
            ApiException: the venue gave no page, and no code for that.
        """
        return self._orders(self._account, market_id, status, limit, page)

    def get_order_by_id(self, order_id: str) -> Response:
        """One order with its trades: `errno`, `errmsg` and `result.order_data`.

        Raises:
            InvalidParamError: the id cannot be one.
            ApiException: the venue does not know it, by HTTP 404; or gave no order, and no code for that.
        """
        return self._order(self._account, order_id)


def _user(key: Secret) -> Account:
    """The account of a key.

    Raises:
        InvalidParamError: it cannot be one. The message does not show it.
    """
    try:
        return Account("user", OpinionKey(key))
    except ConfigError as error:
        raise InvalidParamError(f"the user's API key is required: {error}") from None


def _market(market_id: object) -> str | None:
    """The market, or None for every one, which 0 stands for as well."""
    if market_id is None or (type(market_id) is int and market_id == 0):
        return None
    if type(market_id) is not int or not 0 < market_id < 10**18:
        raise InvalidParamError(f"market_id must be a positive whole number, or 0 for every market, not {shown(market_id)}")
    return str(market_id)


def _side(side: object) -> Side | None:
    """The side that an enumeration's member, its value or our own `Side` stands for."""
    value = getattr(side, "value", side)
    if value is None:
        return None
    if isinstance(side, Side):
        return side
    if type(value) is int and value in SIDES:
        return SIDES[value]
    raise InvalidParamError(f"side must be OrderSide.BUY or OrderSide.SELL, not {shown(side)}")


def _problem_of(order_id: object) -> str | None:
    """Why this cannot be an order's id, or None."""
    if not order_id or not isinstance(order_id, str):
        return _BAD_ID
    try:
        checked_id(order_id)
    except ConfigError as error:
        return str(error)
    return None


def _item(index: int, result: OrderResult, order_id: object, result_of: Callable[[OrderResult], object]) -> dict[str, Any]:
    if not result.success:
        return _failed(index, told(result), order_id)
    return {"index": index, "success": True, "result": result_of(result), "order_id": order_id}


def _failed(index: int, error: str, order_id: object) -> dict[str, Any]:
    return {"index": index, "success": False, "error": error, "order_id": order_id}


def _word_on(result: OrderResult) -> Response:
    """The fate of one order in the envelope of a cancel."""
    if result.success:
        return Response(errno=0, errmsg="", result=CancelWord(result=True))
    errno = result.code if isinstance(result.code, int) and result.code else NO_CODE
    return Response(errno=errno, errmsg=told(result), result=CancelWord(result=False))


def _failure(summary: CancelSummary) -> ApiException:
    """What is raised for the one order that is not known to be cancelled."""
    result = summary.results[0]
    status = _refused_key(summary) or http_status(result.code)
    return kind_of(status)(status, told(result), outcome=result.outcome, summary=summary)


def _not_listed(summary: CancelSummary) -> ApiException:
    """What is raised where the open orders could not be listed to the end."""
    done = f"; {summary.cancelled} of {summary.total} orders that were seen are cancelled" if summary.total else ""
    why = f"the open orders could not be listed to the end: {summary.listing_error}{done}"
    status = _refused_key(summary)
    return kind_of(status)(status, why, summary=summary)


def _refused_key(summary: CancelSummary) -> int | None:
    """The HTTP status that stands for a refused key or place, whether or not the venue has used it."""
    if summary.fault_code is not Fault.CREDENTIALS:
        return None
    return 403 if any(f"(code {code})" in (summary.fault or "") for code in wire.PLACE_CODES) else 401


def _unread(error: VenueError, answer: HttpAnswer | None) -> ApiException:
    """What is raised where nothing could be read."""
    status = http_status(error.code) if answer is None else answer.status
    body = None if answer is None else answer.body.decode("utf-8", "replace")
    return kind_of(status)(status, str(error), body=body)


def _is_good(answer: HttpAnswer) -> bool:
    return 200 <= answer.status < 300


def _envelope(answer: HttpAnswer) -> Response | None:
    """The envelope in either dialect, or None where the body has none."""
    body = json_object(answer)
    if body is None:
        return None
    code, text = (body.get(a) if body.get(a) is not None else body.get(b) for a, b in (("errno", "code"), ("errmsg", "msg")))
    if type(code) is not int:
        return None
    return Response(errno=code, errmsg=words(text) if isinstance(text, str) else None, result=body.get("result"))
