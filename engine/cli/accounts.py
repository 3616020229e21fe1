"""The options that the verbs share, and what they come to: a venue, its accounts, a scope. Reads files and the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from engine.cli.logs import LEVELS, listen
from engine.cli.output import clean, counted
from engine.cli.settings import settings_now, settings_options
from engine.config import VENUES, Settings, open_venue, read_accounts
from engine.core.order import Side
from engine.core.request import Account, Scope, checked_ids, checked_seconds
from engine.errors import ConfigError
from engine.venues.base import Venue, problem_everywhere

Verb = Callable[..., int]

MOST_NAMES = 5
"""Names of accounts that a question shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the shared options come to, checked.

    Attributes:
        venues: Those of the accounts, by name, open and with their limits.
        accounts: In the order of their file, each naming its venue.
        deadline_s: Seconds that the verb may take, or None.
        as_json: Whether stdout holds one JSON document.
        bounds: What an engine is made with beside its venues.
    """

    venues: Mapping[str, Venue]
    accounts: list[Account]
    deadline_s: float | None
    as_json: bool
    bounds: Mapping[str, Any] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Where the requests go."""
        return " and ".join(urlsplit(venue.base_url).netloc for venue in self.venues.values())

    def venue_of(self, account: Account) -> Venue:
        """The account's venue."""
        return self.venues[account.venue or ""]

    @property
    def named(self) -> str:
        """The accounts, for a sentence."""
        names = ", ".join(account.name for account in self.accounts[:MOST_NAMES])
        more = len(self.accounts) - MOST_NAMES
        return f"{counted(len(self.accounts), 'account')} ({names}{f' and {more} more' if more > 0 else ''})"

    @property
    def touched(self) -> str:
        """Whose orders, and where, for a sentence."""
        return f"{self.named} at {self.host}"

    def check(self, scope: Scope | None = None) -> None:
        """Refuse what the venue cannot use, before anybody is asked or anything is sent.

        Raises:
            ConfigError: an account or a condition is not this venue's.
        """
        for account in self.accounts:
            try:
                self.venue_of(account).check(account, scope)
            except ConfigError as error:
                where = f"account {account.name!r}, for {account.venue}: " if len(self.venues) > 1 else ""
                raise ConfigError(f"{where}{error}") from error


def venues_begun(_context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """The venues that begin so, for the completion of a shell."""
    return [name for name in VENUES if name.startswith(begun)]


_LOG_LEVEL = click.option(
    "--log-level", type=click.Choice(LEVELS), default="warning", show_default=True, help="Events on stderr, as lines of JSON."
)
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, and nothing else there.")

_ACCOUNT_OPTIONS = (
    click.option(
        "--venue",
        metavar="|".join(VENUES),
        shell_complete=venues_begun,
        help="Only accounts of this venue; may be left out if the accounts say theirs.",
    ),
    click.option("--base-url", metavar="URL", help="The one venue's address; its production one if left out."),
    click.option(
        "--accounts",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="TOML or CSV file of accounts; without it, the one account whose keys are in the environment: "
        f"{'; or '.join(', '.join(kind.variables.values()) for kind in VENUES.values())}.",
    ),
    click.option("--only", metavar="A,B", multiple=True, help="Only the accounts of these names."),
    click.option("--exclude", metavar="A,B", multiple=True, help="Not the accounts of these names."),
    settings_options,
    click.option("--builder", is_flag=True, help="Opinion's builder mode: keep within its 2,000 free cancels a day."),
    click.option("--deadline", metavar="SECONDS", type=float, help="Come back by then with what is known."),
    _AS_JSON,
    _LOG_LEVEL,
)

_SCOPE_OPTIONS = (
    click.option("--market", metavar="ID", help="Only orders in this market."),
    click.option("--asset", metavar="A", help="Only orders for this outcome: yes or no at Opinion, a token id at Polymarket."),
    click.option("--side", type=click.Choice(["buy", "sell"], case_sensitive=False), help="Only orders on this side."),
    click.option("--keep", metavar="ID,ID", multiple=True, help="Not these orders, whatever else is chosen."),
)


def json_option(verb: Verb) -> Verb:
    """Give the verb `--json`."""
    return _AS_JSON(verb)


def log_option(verb: Verb) -> Verb:
    """Give the verb `--log-level`, which is obeyed before the verb begins."""

    @wraps(verb)
    def wrapped(*, log_level: str, **others: Any) -> int:
        listen(log_level)
        return verb(**others)

    return _LOG_LEVEL(wrapped)


def account_options(verb: Verb) -> Verb:
    """Give the verb all options about venue and accounts; it gets them as one `Wanted`."""

    @wraps(verb)
    def wrapped(*, deadline: float | None, as_json: bool, log_level: str, **others: Any) -> int:
        listen(log_level)
        chosen = {name: others.pop(name) for name in ("venue", "base_url", "accounts", "only", "exclude", "builder")}
        settings = settings_now()
        venues, accounts = _open(settings, **chosen)
        deadline_s = checked_seconds("--deadline", deadline)
        wanted = Wanted(venues=venues, accounts=accounts, deadline_s=deadline_s, as_json=as_json, bounds=settings.bounds)
        wanted.check()
        return verb(wanted, **others)

    return _with(_ACCOUNT_OPTIONS, wrapped)


def scope_options(verb: Verb) -> Verb:
    """Give the verb the options about which orders; it gets them as one `Scope`."""

    @wraps(verb)
    def wrapped(
        wanted: Wanted, *, market: str | None, asset: str | None, side: str | None, keep: tuple[str, ...], **others: Any
    ) -> int:
        kept = _kept(wanted, listed("--keep", keep, noun="order"))
        scope = Scope(market=market, asset=asset, side=None if side is None else Side(side.lower()), except_ids=kept)
        wanted.check(scope)
        return verb(wanted, scope, **others)

    return _with(_SCOPE_OPTIONS, wrapped)


def _open(
    settings: Settings,
    *,
    venue: str | None,
    base_url: str | None,
    accounts: Path | None,
    only: tuple[str, ...],
    exclude: tuple[str, ...],
    builder: bool,
) -> tuple[Mapping[str, Venue], list[Account]]:
    found = read_accounts(
        accounts,
        environment=os.environ,
        venue=venue,
        only=listed("--only", only),
        exclude=listed("--exclude", exclude),
        keyring_service=settings["secrets.keyring_service"],
        vault=settings["secrets.vault"],
    )
    names = list(dict.fromkeys(str(account.venue) for account in found))
    if len(names) > 1 and (builder or base_url is not None):
        option = "--builder" if builder else "--base-url"
        raise click.UsageError(
            f"{option} is one venue's, and the accounts are for {' and '.join(names)}; choose one with --venue, "
            "or write it into the settings file that --config names",
            click.get_current_context(),
        )
    venues = {name: open_venue(name, settings.venue(name), builder=builder, base_url=base_url) for name in names}
    return venues, found


def _kept(wanted: Wanted, order_ids: list[str]) -> list[str] | None:
    """The ids, if each can be an order's at one of the venues; with a typing error in it, it would spare nothing.

    Raises:
        ConfigError: one can be no venue's.
    """
    for order_id in checked_ids(order_ids):
        problem = problem_everywhere(order_id, wanted.venues.values())
        if problem is not None:
            raise ConfigError(f"--keep {clean(order_id, longest=80)} would keep nothing: {problem}")
    return order_ids or None


def listed(option: str, texts: tuple[str, ...], *, noun: str = "account") -> list[str]:
    """What an option lists, with commas, or given more than once."""
    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    if texts and not names:
        raise click.UsageError(f"{option} names no {noun}", click.get_current_context())
    return names


def _with(options: tuple[Callable[[Verb], Verb], ...], verb: Verb) -> Verb:
    for option in reversed(options):
        verb = option(verb)
    return verb
