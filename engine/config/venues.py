"""The venues that can be used, and how each is opened with its settings. A venue is one entry in `VENUES`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.core.quota import Allowance, Limits, Window
from engine.errors import ConfigError, shown
from engine.venues import opinion, polymarket
from engine.venues.base import Venue
from engine.venues.opinion import Opinion, OpinionKey
from engine.venues.polymarket import Polymarket, PolymarketKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One setting.

    Attributes:
        kind: Which values it takes: a key of `KINDS`.
        says: What it decides, in a sentence or two.
        default: What holds without it; None where nothing does.
        unset: What None means, in words.
        example: A value for documents, where there is no default.
        option: The option of the command line that stands for it; blank for none.
        choices: The only values of a text, where it has such.
        is_path: Whether it names a file, relative to the folder of the file that says so.
        is_secret: Whether it may hold a password.
    """

    kind: str
    says: str
    default: object = None
    unset: str = "off"
    example: object = None
    option: str = ""
    choices: tuple[str, ...] = ()
    is_path: bool = False
    is_secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueKind:
    """What the configuration has to know of a venue.

    Attributes:
        variables: For each key that an account needs, the environment variable that holds it where there is no accounts file.
        credentials: Makes the venue's credentials out of those keys.
        says: What its table in a settings file is for.
        settings: The keys of that table.
        open: Makes the venue out of those settings.
        derive: Asks the venue for the credentials that belong to a wallet's private key.
        private_key: The environment variable that may hold that private key.
        has_chain: Whether `derive` has to be told a chain and a nonce.
        builder: Settings that `--builder` stands for; empty where the venue has no such mode.
    """

    variables: Mapping[str, str]
    credentials: Callable[..., Any]
    says: str
    settings: Mapping[str, Key]
    open: Callable[[Mapping[str, Any]], Venue]
    derive: Callable[..., Awaitable[Any]]
    private_key: str
    has_chain: bool = False
    builder: Mapping[str, Any] = field(default_factory=dict)


def _open_opinion(settings: Mapping[str, Any]) -> Opinion:
    """Opinion with these settings; what is left out is as published, or as `Opinion` has it."""
    values = dict(settings)
    per_account, per_venue = values.pop("requests_per_s", None), values.pop("venue_requests_per_s", None)
    allowance = values.pop("allowance_per_day", None)
    if "open_statuses" in values:
        values["open_statuses"] = tuple(values["open_statuses"])
    limits = Limits(
        per_account=opinion.PUBLISHED.per_account if per_account is None else (Window(per_account, 1.0),),
        per_venue=() if per_venue is None else (Window(per_venue, 1.0),),
        allowance=None if allowance is None else Allowance(allowance),
    )
    return Opinion(**values, limits=limits)


def _open_polymarket(settings: Mapping[str, Any]) -> Polymarket:
    """Polymarket with these settings; what is left out is as published, or as `Polymarket` has it."""
    values, limits = dict(settings), polymarket.PUBLISHED
    if not values.pop("keep_tokens", True):
        limits = replace(limits, tokens=None)
    if not values.pop("keep_windows", True):
        limits = replace(limits, per_account=(), per_venue=())
    return Polymarket(**values, limits=limits)


_OPINION = {
    "base_url": Key(kind="text", says="Where requests go, with or without /openapi at its end.", default=Opinion().base_url),
    "timeout_s": Key(
        kind="seconds", says="Seconds that one request may take, its answer included. A guess.", default=Opinion().timeout_s
    ),
    "requests_per_s": Key(
        kind="count",
        says="Requests of one key in any second: cancels, listings and reads together.",
        default=15,
    ),
    "venue_requests_per_s": Key(
        kind="count", says="Requests of all accounts together in any second.", unset="no bound", example=100
    ),
    "allowance_per_day": Key(
        kind="count",
        says="Cancels a day, of all accounts together; what is over it is not sent. --builder sets it to 2,000.",
        unset="no bound",
        example=2000,
    ),
    "include_group": Key(
        kind="flag", says="Whether --market may also name the group that an order's market belongs to.", default=False
    ),
    "open_statuses": Key(kind="counts", says="Numbers of the order status that count as open: 1 is pending.", default=[1]),
}

_POLYMARKET = {
    "base_url": Key(kind="text", says="Where requests go.", default=Polymarket().base_url),
    "timeout_s": Key(
        kind="seconds", says="Seconds that one request may take, its answer included. A guess.", default=Polymarket().timeout_s
    ),
    "tier": Key(
        kind="text",
        says="The tier that every signer begins with, until the venue names its own: standard, copper, bronze, silver, gold, "
        "platinum, diamond or elite.",
        default="standard",
    ),
    "most_ids": Key(kind="count", says="Most orders of one request.", default=Polymarket().most_ids),
    "strict_ids": Key(
        kind="flag", says="Whether an order id must be 0x and 64 hex digits; another one is not sent.", default=True
    ),
    "both_filters_intersect": Key(
        kind="flag",
        says="Whether --market and --asset together may be one market-wide cancel of the venue's.",
        default=False,
    ),
    "keep_tokens": Key(kind="flag", says="Whether to keep within the signer's tokens.", default=True),
    "keep_windows": Key(kind="flag", says="Whether to keep within the windows by address.", default=True),
}

VENUES: Mapping[str, VenueKind] = {
    "opinion": VenueKind(
        variables={"api_key": "OPINION_API_KEY"},
        credentials=OpinionKey,
        says="The venue Opinion; configs/opinion.toml names the source of each value.",
        settings=_OPINION,
        open=_open_opinion,
        derive=OpinionKey.derive,
        private_key="OPINION_PRIVATE_KEY",
        builder={} if opinion.BUILDER.allowance is None else {"allowance_per_day": opinion.BUILDER.allowance.cancels},
    ),
    "polymarket": VenueKind(
        variables={
            "address": "POLYMARKET_ADDRESS",
            "api_key": "POLYMARKET_API_KEY",
            "secret": "POLYMARKET_SECRET",
            "passphrase": "POLYMARKET_PASSPHRASE",
        },
        credentials=PolymarketKey,
        says="The venue Polymarket; configs/polymarket.toml names the source of each value.",
        settings=_POLYMARKET,
        open=_open_polymarket,
        derive=PolymarketKey.derive,
        private_key="POLYMARKET_PRIVATE_KEY",
        has_chain=True,
    ),
}
"""Every venue that can be used."""


def check_venue(name: str) -> None:
    """Refuse a venue that cannot be used.

    Raises:
        ConfigError: it is not in `VENUES`.
    """
    if name not in VENUES:
        raise ConfigError(f"unknown venue {shown(name)}; available: {', '.join(VENUES)}")


def open_venue(name: str, settings: Mapping[str, Any], *, builder: bool = False, base_url: str | None = None) -> Venue:
    """The venue with these settings; what the caller says beside them comes before them.

    Raises:
        ConfigError: a setting cannot be used.
    """
    kind = VENUES[name]
    if builder and not kind.builder:
        raise ConfigError(f"venue {name} has no builder mode")
    chosen = {**settings, **(kind.builder if builder else {})}
    return kind.open(chosen if base_url is None else {**chosen, "base_url": base_url})
