"""The port between the stages and a venue. A venue turns intentions into requests and answers into values; it never sends.

Rules that every venue follows:

1. A decoder returns a value or raises a `VenueError`; any bytes at all are allowed in.
2. An answer that does not have the documented shape is a `WireError`, never a value shaped like success.
3. `read_cancel` and `read_mass` say `CANCELLED` only for the venue's documented acknowledgement of that order.
4. What an answer does not mention is not settled by it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from engine.core.listing import Page
from engine.core.order import OpenOrder
from engine.core.outcome import Verdict
from engine.core.quota import Feedback, Kind, Limits
from engine.core.request import Account, Belongs, Scope
from engine.secret import Mask, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request, ready to be sent: the bytes are final, so that a signature over them stays true.

    `url` is absolute and already escaped, and holds no secret. Headers that do are `Secret` until they are sent.
    """

    method: str
    url: str
    headers: Mapping[str, str | Secret] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Those of its headers."""
        return tuple(value for value in self.headers.values() if isinstance(value, Secret))

    def revealed_headers(self) -> dict[str, str]:
        """The headers in the clear: for a transport, at the moment of sending."""
        return {name: value.reveal() if isinstance(value, Secret) else value for name, value in self.headers.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """One complete answer. Header names are in lower case. The repr has neither these nor the body: they may repeat a key."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def masked(self, secrets: Mask) -> HttpAnswer:
        """The answer without these secrets, should it repeat them; the same one if it does not."""
        together = "\n".join(self.headers.values()).encode("utf-8", "surrogatepass") + b"\n" + self.body
        if secrets.hide_in(together) is together:
            return self
        headers = {name: secrets.hide_in_text(value) for name, value in self.headers.items()}
        return HttpAnswer(status=self.status, headers=headers, body=secrets.hide_in(self.body))


class MassWord(NamedTuple):
    """What the answer to a mass cancel says.

    Attributes:
        orders: The word on every order that it names.
        is_whole: Whether everything that it calls cancelled could be read as an id; otherwise it may have cancelled more.
    """

    orders: Mapping[str, Verdict]
    is_whole: bool


class Transport(Protocol):
    """Moves one request and its answer. Has no opinion about either, does not retry, does not follow redirects."""

    async def send(self, request: HttpRequest, *, on_sent: Callable[[], None]) -> HttpAnswer:
        """Send the request and wait for the whole answer, for as long as the caller lets it.

        `on_sent` is called once, at the moment the request starts to leave on a connection that is already open; what
        fails before that moment has not reached the venue.

        Raises:
            TransportError: no complete answer came back; `.sent` says whether the request may have arrived. Nothing else,
                except the cancellation of the caller.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection. Sending afterwards is a mistake of the caller."""
        ...


class Venue(Protocol):
    """What the stages need to know of a venue. `wall_s` is Unix time, for what a venue dates; nothing else here has a clock.

    A request is made only when its turn has come, and anew for every attempt: where it carries a time, it is fresh.

    Attributes:
        most_ids: Most orders that one cancel can name.
        page_rows: Rows of a full page, as far as is known.
        no_order_id: An id of the right form that no order has; reading it shows whether the venue is there.
    """

    name: str
    base_url: str
    limits: Limits
    timeout_s: float
    first_cursor: str
    page_rows: int
    most_ids: int
    no_order_id: str

    def check(self, account: Account, scope: Scope | None = None) -> None:
        """Refuse what this venue cannot use.

        Raises:
            ConfigError: the account's credentials, or a condition of the scope, are not this venue's.
        """
        ...

    def plain_id(self, order_id: str) -> str:
        """The one spelling of an id that the venue may accept in several; every decoder gives ids in it."""
        ...

    def problem_of(self, order_id: str) -> str | None:
        """Why this cannot be an order id of the venue's, so that it must not be sent; None where it can."""
        ...

    def identity(self, account: Account) -> Hashable:
        """Equal for accounts that share their limits."""
        ...

    def secrets(self, account: Account) -> tuple[Secret, ...]:
        """What must never be shown, should an answer repeat it."""
        ...

    def belongs(self, scope: Scope, order: OpenOrder) -> Belongs:
        """Whether the order belongs to the scope, as this venue names its markets."""
        ...

    def mass_cancels(self, scope: Scope) -> tuple[Kind, ...]:
        """The venue's own mass cancels that hit exactly this scope, and never more; empty where there is none."""
        ...

    def cancel_request(self, account: Account, order_ids: Sequence[str], *, wall_s: float) -> HttpRequest:
        """The request that cancels these orders: at least 1, at most `most_ids`."""
        ...

    def read_cancel(self, answer: HttpAnswer, order_ids: Sequence[str], *, wall_s: float) -> Mapping[str, Verdict]:
        """The word on each of these orders, also on one that the answer does not mention; or a `VenueError` for all."""
        ...

    def mass_request(self, account: Account, scope: Scope, kind: Kind, *, wall_s: float) -> HttpRequest:
        """The request for a mass cancel that `mass_cancels` named for this scope."""
        ...

    def read_mass(self, answer: HttpAnswer, *, wall_s: float) -> MassWord:
        """The word on every order that the answer mentions; or a `VenueError`."""
        ...

    def page_request(self, account: Account, scope: Scope, cursor: str, *, wall_s: float) -> HttpRequest:
        """The request for one page of the open orders, narrowed to the scope as far as the venue can."""
        ...

    def read_page(self, answer: HttpAnswer, cursor: str, *, wall_s: float) -> Page:
        """That page, or a `VenueError`."""
        ...

    def cursor_at(self, position: int, rows: int) -> str:
        """Cursor of the page that holds the row at this position (from 0), pages holding `rows` rows."""
        ...

    def order_request(self, account: Account, order_id: str, *, wall_s: float) -> HttpRequest:
        """The request that reads one order."""
        ...

    def read_order(self, answer: HttpAnswer, order_id: str, *, wall_s: float) -> Verdict:
        """The word on that order and the order itself, or a `VenueError`."""
        ...

    def feedback(self, answer: HttpAnswer) -> Feedback | None:
        """What the answer says of the account's tokens, whatever its status; None where it says nothing that can be used."""
        ...

    def time_request(self) -> HttpRequest | None:
        """The request that reads the venue's clock; None where no request carries a time."""
        ...

    def read_time(self, answer: HttpAnswer) -> float:
        """That clock, in Unix seconds, or a `VenueError`."""
        ...

    def tier_request(self, account: Account, *, wall_s: float) -> HttpRequest:
        """The request that reads the account's tier. Asked only of a venue whose limits have tokens."""
        ...

    def read_tier(self, answer: HttpAnswer) -> str | None:
        """That tier, in lower case, None where the answer names none that is known; or a `VenueError`."""
        ...


def problem_everywhere(order_id: str, venues: Iterable[Venue]) -> str | None:
    """Why this can be an order id at none of these venues, so that to leave it alone would spare nothing; None where it can."""
    problems = [venue.problem_of(order_id) for venue in venues]
    return None if None in problems else problems[0]
