"""What passes between a simulated venue and whoever carries its bytes: the request understood, the reply and its manners.

Knows no venue, no socket and no clock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from engine.venues.base import HttpAnswer

MOST_NESTED = 10_000


class Manner(StrEnum):
    """How a reply behaves on the wire."""

    ANSWER = "answer"
    """A complete, orderly answer."""
    HANG = "hang"
    """The request is read and never answered; the connection stays open."""
    REFUSE = "refuse"
    """Nothing is listening: no connection comes about."""
    UNRESOLVED = "unresolved"
    """The host's name leads nowhere: no connection comes about."""
    NO_TLS = "no_tls"
    """The certificate, or the handshake, is no good: nothing is sent over the connection."""
    DROP = "drop"
    """The connection is closed without a byte."""
    DROP_HEADERS = "drop_headers"
    """The connection is closed after the headers."""
    DROP_BODY = "drop_body"
    """The connection is closed in the middle of the body."""
    DRIP = "drip"
    """The body comes one byte at a time."""
    LENGTH_SMALL = "length_small"
    """`Content-Length` names half of the bytes that are sent; after the rest the connection is closed."""
    LENGTH_LARGE = "length_large"
    """`Content-Length` names more bytes than are sent, and the connection stays open."""


NEVER_STANDS = frozenset({Manner.REFUSE, Manner.UNRESOLVED, Manner.NO_TLS})
NEVER_ANSWERS = frozenset({Manner.HANG, Manner.LENGTH_LARGE})
BREAKS_OFF = frozenset({Manner.DROP, Manner.DROP_HEADERS, Manner.DROP_BODY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One reply: what would be said, and how it is said.

    Attributes:
        headers: As sent, without `Content-Length`, which whoever carries the reply adds.
        delay_s: Seconds between the venue's own work and the first byte.
        byte_delay_s: Seconds before each byte of the body, for `Manner.DRIP`.
        refused_for_pace: Whether it is the venue's own refusal of a request beyond its quota.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    manner: Manner = Manner.ANSWER
    delay_s: float = 0.0
    byte_delay_s: float = 0.0
    refused_for_pace: bool = False

    @property
    def visible_status(self) -> int | None:
        """The HTTP status that the caller gets to see, or None where no status line is sent."""
        return None if self.manner in NEVER_STANDS | {Manner.HANG, Manner.DROP} else self.status

    @property
    def visible_body(self) -> bytes:
        """The bytes of the body that a client takes for the body."""
        return self.body[: len(self.body) // 2] if self.manner is Manner.LENGTH_SMALL else self.body

    @property
    def visible_json(self) -> Any:
        """What a client reads out of the body, if it is JSON that can be read without fear for the stack; else None."""
        if self.visible_body.count(b"[") + self.visible_body.count(b"{") > MOST_NESTED:
            return None
        try:
            return json.loads(self.visible_body)
        except (ValueError, RecursionError):
            return None

    def as_answer(self) -> HttpAnswer:
        """Give the answer as a client reads it off a healthy connection."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.status != 204:
            headers["content-length"] = str(len(self.visible_body))
        return HttpAnswer(status=self.status, headers=headers, body=self.visible_body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request as the venue understood it.

    Attributes:
        number: 1 for the first request that this venue ever received.
        route: The venue's word for what is asked, such as "cancel", "list" or "read"; "unknown" for no such route.
        account: Name of the owner of the key, also of a dead one; None for a key that was never given out.
        order_ids: The orders named by the request, in its order.
        page: The page asked for, where the route has pages.
        hits: The orders that a cancel without ids would hit.
        wire: Method, path, query and body, for the venue's own handlers; not shown, because it may hold secrets.
    """

    number: int
    now_s: float
    connection: int
    route: str
    account: str | None = None
    order_ids: tuple[str, ...] = ()
    page: int | None = None
    hits: tuple[str, ...] = ()
    redirect_url: str = ""
    wire: WireRequest = field(repr=False)

    @property
    def order_id(self) -> str | None:
        """The first order named, or None."""
        return self.order_ids[0] if self.order_ids else None


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """A request taken apart.

    Attributes:
        path: Still escaped.
        query: Unescaped; of a repeated name, the last value.
        headers: Names in lower case.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
