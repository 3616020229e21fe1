"""What a drill plays: venues, accounts, faults, events and calls, as plain values. Equal scenes play equally."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal, Self

from engine.core.order import Side
from engine.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueScene:
    """One simulated venue.

    Attributes:
        name: Of the venue.
        rules: How it behaves when nothing is wrong, as its simulator names them.
        options: What the engine's side of the venue is told, such as `side_numbers`.
        shared_per_s: Requests a second that the engine is to keep to for all accounts together, or None.
        is_tight: Whether it secretly allows less than it publishes.
    """

    name: str
    rules: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    shared_per_s: int | None = None
    is_tight: bool = False

    @property
    def lag_s(self) -> float:
        """How old its listing is."""
        return float(self.rules.get("list_lag_s", 0.0))

    @property
    def travel_s(self) -> float:
        """Longest way there, in seconds."""
        return float(self.rules.get("latency_s", 0.0) + self.rules.get("latency_jitter_s", 0.0)) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountScene:
    """One account and its book; `wallet_of` names another account whose signer it shares."""

    name: str
    venue: str
    orders: int
    weight: float = 1.0
    wallet_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultScene:
    """One rule of a fault plan; see `engine.simulator.FaultRule`."""

    venue: str
    name: str
    conditions: Mapping[str, Any] = field(default_factory=dict)


class Happening(StrEnum):
    """What can befall a book or a key by itself."""

    FILL = "fill"
    EXPIRE = "expire"
    CANCEL_ELSEWHERE = "cancel_elsewhere"
    REVIVE = "revive"
    NEWCOMER = "newcomer"
    DELAYED = "delayed"
    REVOKE_KEY = "revoke_key"
    CLOCK_JUMP = "clock_jump"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventScene:
    """Something that happens at a moment.

    Attributes:
        at_s: When.
        what: What.
        account: To whom.
        number: Which of the account's orders, counted round; for a jump of the venue's clock, seconds.
    """

    at_s: float
    what: Happening
    account: str
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeScene:
    """A scope that both the engine and the judge can be told.

    Attributes:
        side: That side only.
        market: The n-th market of the venue only.
        asset: The n-th asset of that market only.
        is_large: Those of 100 shares and more only, by a predicate.
        only: Those at these places of each account's book only, by id.
        spared: Not those at these places of each account's book, by id.
    """

    side: Side | None = None
    market: int | None = None
    asset: int | None = None
    is_large: bool = False
    only: tuple[int, ...] | None = None
    spared: tuple[int, ...] = ()


CutKind = Literal["stop", "cancel", "raise"]
CutUnit = Literal["seconds", "steps", "results"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CutScene:
    """How a call is cut short.

    Attributes:
        how: Stopped by its progress, by cancelling its task, or by an error of the stream's reader.
        at: When, in `unit`; an error of the reader always comes at so many results.
        unit: Seconds, steps of any task (the places between two awaits), or results.
    """

    how: CutKind
    at: float
    unit: CutUnit = "seconds"


CallKind = Literal["mass_cancel", "stream", "cancel_all", "cancel_orders", "cancel_order"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallScene:
    """One call of the engine.

    Attributes:
        kind: Which.
        accounts: Names, in order; one for the calls that take one.
        scope: Which orders.
        named: Places in the account's book, for the calls that name ids; -1 stands for an id that nobody has, -2 for one of
            another account where there is one.
        options: Keyword arguments as they are, but for `priority`, which is a name.
        after_s: Seconds to wait before.
        cut: How it is cut short, or None.
        dawdles: Whether the reader of a stream takes its time.
    """

    kind: CallKind
    accounts: tuple[str, ...]
    scope: ScopeScene = ScopeScene()
    named: tuple[int, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    after_s: float = 0.0
    cut: CutScene | None = None
    dawdles: bool = False

    @property
    def is_listing(self) -> bool:
        """Whether it looks for orders by itself."""
        return self.kind in ("mass_cancel", "stream", "cancel_all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that a drill plays.

    Attributes:
        seed: What it was drawn from.
        engine: Options of the engine.
        retry: Options of its retry.
        is_gentle: Whether nothing in it keeps the venues from serving in the end, so that everything has to be closed.
        listens: Whether somebody listens to the engine's log at debug level.
        is_recorded: Whether the engine has a journal.
        power: Where there is one call and a journal: the process dies after so many steps of its tasks, and the call is resumed
            by the next, which dies after so many of its own, and so on; the last one lives.
    """

    seed: int
    venues: tuple[VenueScene, ...]
    accounts: tuple[AccountScene, ...]
    faults: tuple[FaultScene, ...] = ()
    events: tuple[EventScene, ...] = ()
    calls: tuple[CallScene, ...] = ()
    engine: Mapping[str, Any] = field(default_factory=dict)
    retry: Mapping[str, Any] = field(default_factory=dict)
    is_gentle: bool = False
    listens: bool = False
    is_recorded: bool = False
    power: tuple[int, ...] = ()

    def venue(self, name: str) -> VenueScene:
        """The venue of this name."""
        return next(venue for venue in self.venues if venue.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What of a drawn scene is played: everything, unless places are named. Its text form replays a shrunk scene exactly.

    Attributes:
        accounts: Places of the accounts that stay.
        faults: Places of the faults that stay.
        events: Places of the events that stay.
        calls: Places of the calls that stay.
        orders: Most orders of an account.
        plain: Parts that are left out: `cut`, `options` of calls, `scope`, `engine` options, `rules` of venues, `power` cuts, the
            `journal`.
    """

    accounts: tuple[int, ...] | None = None
    faults: tuple[int, ...] | None = None
    events: tuple[int, ...] | None = None
    calls: tuple[int, ...] | None = None
    orders: int | None = None
    plain: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"{name}={_places(getattr(self, name))}" for name in PLACES if getattr(self, name) is not None]
        parts += [] if self.orders is None else [f"orders={self.orders}"]
        parts += [f"plain={','.join(self.plain)}"] if self.plain else []
        return "/".join(parts)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form.

        Raises:
            ConfigError: it is none.
        """
        found: dict[str, Any] = {}
        for part in text.split("/") if text else ():
            name, _, value = part.partition("=")
            try:
                found[name] = _read(name, value)
            except ValueError as error:
                example = "accounts=0,2/orders=5/faults=1/events=none/calls=0/plain=cut"
                raise ConfigError(
                    f"{part!r} selects nothing of a drill; use a line that a drill printed, such as {example}"
                ) from error
        return cls(**found)

    def with_places(self, name: str, places: tuple[int, ...]) -> Self:
        """The same with other places of accounts, faults, events or calls."""
        changes: dict[str, Any] = {name: places}
        return replace(self, **changes)

    def of(self, scene: Scene) -> Scene:
        """The scene as far as it is selected. What names an account that is left out is left out with it."""
        accounts = tuple(
            replace(account, orders=account.orders if self.orders is None else min(account.orders, self.orders))
            for account in _chosen(scene.accounts, self.accounts)
        )
        names = {account.name for account in accounts}
        venues = {account.venue for account in accounts}
        calls = [replace(call, accounts=tuple(name for name in call.accounts if name in names)) for call in scene.calls]
        return replace(
            scene,
            accounts=tuple(account if account.wallet_of in names else replace(account, wallet_of=None) for account in accounts),
            venues=tuple(self._plain_venue(venue) for venue in scene.venues if venue.name in venues),
            faults=tuple(fault for fault in _chosen(scene.faults, self.faults) if fault.venue in venues),
            events=tuple(event for event in _chosen(scene.events, self.events) if event.account in names),
            calls=tuple(self._plain_call(call) for call in _chosen(tuple(calls), self.calls) if call.accounts),
            engine={} if "engine" in self.plain else scene.engine,
            power=() if {"power", "journal"} & set(self.plain) else scene.power,
            is_recorded=scene.is_recorded and "journal" not in self.plain,
        )

    def _plain_venue(self, venue: VenueScene) -> VenueScene:
        if "rules" not in self.plain:
            return venue
        rules = {name: value for name, value in venue.rules.items() if name.startswith("latency")}
        return replace(venue, rules=rules, options={}, shared_per_s=None, is_tight=False)

    def _plain_call(self, call: CallScene) -> CallScene:
        plain: dict[str, Any] = {}
        if "cut" in self.plain:
            plain |= {"cut": None, "options": {name: value for name, value in call.options.items() if name != "deadline_s"}}
        if "options" in self.plain:
            plain |= {"options": {name: value for name, value in call.options.items() if name == "deadline_s"}, "dawdles": False}
        if {"cut", "options"} <= set(self.plain):
            plain["options"] = {}
        if "scope" in self.plain:
            plain["scope"] = ScopeScene()
        return replace(call, **plain)


PLACES = ("accounts", "faults", "events", "calls")
PLAIN = ("cut", "options", "scope", "engine", "rules", "power", "journal")


def _places(places: tuple[int, ...]) -> str:
    return ",".join(map(str, places)) or "none"


def _chosen(things: tuple[Any, ...], places: Iterable[int] | None) -> tuple[Any, ...]:
    return things if places is None else tuple(things[place] for place in places if 0 <= place < len(things))


def _read(name: str, text: str) -> tuple[int, ...] | tuple[str, ...] | int:
    """The value of one part of a selection's text form; `ValueError` where it is none."""
    if name in PLACES:
        return () if text == "none" else tuple(int(place) for place in text.split(","))
    if name == "orders":
        return int(text)
    names = tuple(text.split(","))
    if name != "plain" or not set(names) <= set(PLAIN):
        raise ValueError(text)
    return names
