"""Opinion as the stages see it: the wire, the limits and the caller's choices, put together. Sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.core.listing import Page
from engine.core.order import OpenOrder, Side
from engine.core.outcome import Verdict
from engine.core.quota import Feedback, Kind, Limits
from engine.core.request import Account, Belongs, Scope, checked_seconds
from engine.errors import ConfigError, shown
from engine.secret import Secret
from engine.venues.base import HttpAnswer, HttpRequest, MassWord, Transport
from engine.venues.decoding import is_printable_ascii
from engine.venues.opinion import keys, wire
from engine.venues.opinion.limits import PUBLISHED, UNLIMITED

PRODUCTION = "https://openapi.opinion.trade"
"""Source: "Production server" of the developer guide, opinion-open-api/auth (read 2026-11-20). The SDK's README names
https://proxy.opinion.trade:8443 instead; both are documented, and `base_url` takes either."""


@dataclass(frozen=True, slots=True, init=False)
class OpinionKey:
    """The key of one user. Never the builder's key, which cannot cancel.

    Attributes:
        api_key: Given as text, held as a `Secret`.

    Raises:
        ConfigError: blank, or not what an HTTP header can carry. The message does not show the key.
    """

    api_key: Secret = field(repr=False)

    def __init__(self, api_key: str | Secret) -> None:
        api_key = Secret.of(api_key)  # from here on no variable shows it
        if not api_key.reveal().strip():
            raise ConfigError("an Opinion key must be text that is not blank")
        if not is_printable_ascii(api_key):
            raise ConfigError("an Opinion key must be printable ASCII without spaces; check for a stray line end")
        object.__setattr__(self, "api_key", api_key)

    @classmethod
    async def derive(
        cls,
        private_key: str | Secret,
        *,
        base_url: str = PRODUCTION,
        create: bool = True,
        transport: Transport | None = None,
        timeout_s: float = 10.0,
        wall_clock: Callable[[], float] | None = None,
        allow_http: bool = False,
    ) -> OpinionKey:
        """The key of this wallet: the one that exists, or else a new one, which works only after some 15 seconds.

        The private key signs, and does not leave this process. An existing key is never replaced: something may use it.

        Args:
            private_key: 64 hex digits, with or without 0x.
            base_url: The venue's address, with or without `/openapi` at its end.
            create: Whether to have a new key made if there is none.
            transport: Carries the requests, and is left open; one of its own unless given.
            timeout_s: Bound of one request, answer included; at most three are sent.
            wall_clock: Unix time in seconds; `time.time` unless given. The venue accepts it for five minutes.
            allow_http: Lets `base_url` be `http://` for another machine.

        Raises:
            ConfigError: an argument cannot be used.
            CredentialError: the venue refuses the signature, or this place.
            VenueError: no key came back, and why: a `TransportError` if asking again may help. A key that may have been made
                without its answer arriving is found by asking again.
        """
        private_key = Secret.of(private_key)
        api_key = await keys.derive(
            private_key,
            base_url=base_url,
            create=create,
            transport=transport,
            timeout_s=timeout_s,
            wall_clock=wall_clock,
            allow_http=allow_http,
        )
        return cls(api_key)


class Opinion:
    """The venue Opinion.

    Args:
        base_url: With or without `/openapi` at its end.
        limits: What to keep within; `limits.PUBLISHED` unless given, `limits.BUILDER` for builder mode, None for no limits.
        timeout_s: Bound of one request, answer included.
        open_statuses: Status numbers that count as open; more than 1 (pending) only if the venue has told you so.
        side_numbers: What `side` means as a number in listings.
        include_group: Whether `Scope(market=...)` may also name the group (root market) that an order's market belongs to.
            Whether the venue itself matches them is not documented, so the listing is then not narrowed by market at all.
        allow_http: Lets `base_url` be `http://` for another machine, where something else keeps the key secret on the way.

    Raises:
        ConfigError: an argument cannot be used.
    """

    name = "opinion"
    first_cursor = wire.FIRST_PAGE
    page_rows = wire.PAGE_SIZE
    most_ids = 1
    no_order_id = "00000000-0000-0000-0000-000000000000"

    def __init__(
        self,
        base_url: str = PRODUCTION,
        *,
        limits: Limits | None = PUBLISHED,
        timeout_s: float = 10.0,
        open_statuses: tuple[int, ...] = (1,),
        side_numbers: Mapping[int, Side] = wire.SIDES,
        include_group: bool = False,
        allow_http: bool = False,
    ) -> None:
        self.base_url = wire.checked_base_url(base_url, allow_http=allow_http)
        self.limits = UNLIMITED if limits is None else limits
        self.timeout_s = checked_seconds("timeout_s", timeout_s) or 10.0
        if not open_statuses or any(type(status) is not int or not 0 < status < 1_000 for status in open_statuses):
            raise ConfigError(f"open_statuses must be the venue's status numbers, not {shown(open_statuses)}")
        self._open_statuses = tuple(open_statuses)
        self._side_numbers = dict(side_numbers)
        self._include_group = include_group

    def __repr__(self) -> str:
        return f"Opinion({self.base_url!r})"

    def check(self, account: Account, scope: Scope | None = None) -> None:
        """Refuse credentials that are not an `OpinionKey`, and conditions that can match nothing here.

        Raises:
            ConfigError: see above.
        """
        if not isinstance(account.credentials, OpinionKey):
            kind = type(account.credentials).__name__
            raise ConfigError(f"account {shown(account.name)} needs an OpinionKey for Opinion, not {kind}")
        if scope is None:
            return
        market = scope.market
        if market is not None and not (isinstance(market, str) and market.isascii() and market.isdigit() and int(market) > 0):
            raise ConfigError(f"a market of Opinion is a positive number, not {shown(market)}")
        if scope.asset is not None and str(scope.asset).lower() not in ("yes", "no"):
            raise ConfigError(f"an asset of Opinion is 'yes' or 'no', not {shown(scope.asset)}")

    def identity(self, account: Account) -> Hashable:
        """The key: the venue counts by key."""
        return self._key(account)

    def secrets(self, account: Account) -> tuple[Secret, ...]:
        """The key."""
        return (self._key(account),)

    def belongs(self, scope: Scope, order: OpenOrder) -> Belongs:
        """Whether the order belongs to the scope; a market is named by its own id, and by its group's if so chosen."""
        return scope.belongs(order, markets=(order.market, order.group) if self._include_group else None)

    def plain_id(self, order_id: str) -> str:
        """The id: the venue has one spelling of each."""
        return order_id

    def problem_of(self, order_id: str) -> str | None:
        """None: the venue says nothing of what its ids look like."""
        return None

    def mass_cancels(self, scope: Scope) -> tuple[Kind, ...]:
        """None: Opinion has no cancel but the one of a single order."""
        return ()

    def cancel_request(self, account: Account, order_ids: Sequence[str], *, wall_s: float) -> HttpRequest:
        """The request that cancels the one order; Opinion has no other cancel."""
        (order_id,) = order_ids
        return wire.cancel_request(self.base_url, self._key(account), order_id)

    def read_cancel(self, answer: HttpAnswer, order_ids: Sequence[str], *, wall_s: float) -> Mapping[str, Verdict]:
        """The word on that order, or a `VenueError`."""
        (order_id,) = order_ids
        return {order_id: wire.read_cancel(answer, wall_s=wall_s)}

    def mass_request(self, account: Account, scope: Scope, kind: Kind, *, wall_s: float) -> HttpRequest:
        """Never asked for, because `mass_cancels` names none."""
        raise AssertionError("Opinion has no mass cancel")

    def read_mass(self, answer: HttpAnswer, *, wall_s: float) -> MassWord:
        """Never asked for, because `mass_cancels` names none."""
        raise AssertionError("Opinion has no mass cancel")

    def page_request(self, account: Account, scope: Scope, cursor: str, *, wall_s: float) -> HttpRequest:
        """The request for one page of the open orders, narrowed by market."""
        market = None if self._include_group or scope.market is None else str(scope.market)
        statuses = ",".join(map(str, self._open_statuses))
        return wire.page_request(self.base_url, self._key(account), page=cursor, market=market, statuses=statuses)

    def read_page(self, answer: HttpAnswer, cursor: str, *, wall_s: float) -> Page:
        """That page, or a `VenueError`."""
        return wire.read_page(answer, page=cursor, wall_s=wall_s, side_numbers=self._side_numbers)

    def cursor_at(self, position: int, rows: int) -> str:
        """Number of the page that holds the row at this position."""
        return str(position // rows + 1)

    def order_request(self, account: Account, order_id: str, *, wall_s: float) -> HttpRequest:
        """The request that reads one order."""
        return wire.order_request(self.base_url, self._key(account), order_id)

    def read_order(self, answer: HttpAnswer, order_id: str, *, wall_s: float) -> Verdict:
        """The word on that order and the order itself, or a `VenueError`."""
        return wire.read_order(answer, order_id, wall_s=wall_s, side_numbers=self._side_numbers)

    def feedback(self, answer: HttpAnswer) -> Feedback | None:
        """None: the venue says nothing of its count."""
        return None

    def time_request(self) -> HttpRequest | None:
        """None: no request carries a time."""
        return None

    def read_time(self, answer: HttpAnswer) -> float:
        """Never asked for."""
        raise AssertionError("Opinion's requests carry no time")

    def tier_request(self, account: Account, *, wall_s: float) -> HttpRequest:
        """Never asked for, because its limits have no tokens."""
        raise AssertionError("Opinion has no tiers")

    def read_tier(self, answer: HttpAnswer) -> str | None:
        """Never asked for."""
        raise AssertionError("Opinion has no tiers")

    @staticmethod
    def _key(account: Account) -> Secret:
        key: Secret = account.credentials.api_key
        return key
