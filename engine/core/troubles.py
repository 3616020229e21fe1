"""What went wrong in a run, each thing once: what needs a person first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.core.summary import CancelSummary, Fault, Outage

STORM = 3
"""Refused keys of one venue that are a storm, if they are a fifth of its accounts as well. A guess."""

STORM_SHARE = 0.2
"""See `STORM`."""

MOST_NAMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that went wrong.

    Attributes:
        kind: What, in one word: a `Fault`, or one of storm, outage, listing, unverified, uncounted, stop.
        text: The same in a sentence.
        venue: Where; None where it is the run's.
        accounts: Names of all accounts that it concerns, in input order.
    """

    kind: str
    text: str
    venue: str | None = None
    accounts: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The trouble as plain values."""
        return {"kind": self.kind, "text": self.text, "venue": self.venue, "accounts": list(self.accounts)}


def troubles_of(summaries: Sequence[CancelSummary], outages: Sequence[Outage], stop: str | None) -> tuple[Trouble, ...]:
    """Everything that went wrong, each once, what concerns most accounts first within its kind."""
    found = [Trouble(kind="stop", text=f"The run ended early: {stop}.")] if stop is not None else []
    found += [_of_outage(outage, summaries) for outage in outages]
    for venue in dict.fromkeys(summary.venue for summary in summaries):
        mine = [summary for summary in summaries if summary.venue == venue]
        is_away = any(outage.venue == venue and outage.ended_s is None for outage in outages)
        found += _of_faults(venue, mine, is_away=is_away)
        found += _of_listings(venue, [summary for summary in mine if summary.fault is None], is_stopped=stop is not None)
    return tuple(found)


def _of_outage(outage: Outage, summaries: Iterable[CancelSummary]) -> Trouble:
    lasted = f"from {outage.began_s:.1f} s on" + ("" if outage.ended_s is None else f" until {outage.ended_s:.1f} s")
    whose = [each for each in summaries if each.venue == outage.venue and each.fault_code is Fault.UNREACHABLE]
    return Trouble(
        kind="outage",
        text=f"{outage.venue} gave no usable answer to anybody {lasted}: {outage.text}.",
        venue=outage.venue,
        accounts=_names(whose) if outage.ended_s is None else (),
    )


def _of_faults(venue: str, summaries: Sequence[CancelSummary], *, is_away: bool) -> list[Trouble]:
    """One for each kind of fault; what an outage explains is told with it."""
    by_code: dict[Fault, list[CancelSummary]] = {}
    for summary in summaries:
        if summary.fault_code is not None and not (is_away and summary.fault_code is Fault.UNREACHABLE):
            by_code.setdefault(summary.fault_code, []).append(summary)
    found = []
    for code, stopped in sorted(by_code.items(), key=lambda item: -len(item[1])):
        is_storm = code is Fault.CREDENTIALS and len(stopped) >= max(STORM, STORM_SHARE * len(summaries))
        text = f"{_count(stopped)} of {len(summaries):,} at {venue} stopped early ({_some(stopped)}): {stopped[0].fault}."
        if is_storm:
            text = (
                f"{venue} refuses the keys of {len(stopped):,} of {len(summaries):,} accounts ({_some(stopped)}), so many that "
                f"a revoked builder or a blocked place is likelier than single bad keys. The first: {stopped[0].fault}."
            )
        found.append(Trouble(kind="storm" if is_storm else code.value, text=text, venue=venue, accounts=_names(stopped)))
    return found


def _of_listings(venue: str, summaries: Sequence[CancelSummary], *, is_stopped: bool) -> list[Trouble]:
    """Accounts that went on to their end and still left something unproved; a stop of the run explains what it cut short."""
    blind = [] if is_stopped else [each for each in summaries if not each.listing_complete]
    doubtful = [] if is_stopped else [each for each in summaries if each.listing_complete and each.verified is False]
    uncounted = [each for each in summaries if each.is_uncounted]
    found = []
    if blind:
        text = f"The listing of {_count(blind)} at {venue} is incomplete ({_some(blind)}): {blind[0].listing_error}."
        found.append(Trouble(kind="listing", text=text, venue=venue, accounts=_names(blind)))
    if doubtful:
        text = f"{_count(doubtful)} at {venue} not proved empty ({_some(doubtful)}): something is left in scope, or may be."
        found.append(Trouble(kind="unverified", text=text, venue=venue, accounts=_names(doubtful)))
    if uncounted:
        whose = f"{_count(uncounted)} at {venue} ({_some(uncounted)})"
        text = f"The answer to a mass cancel was lost for {whose}: what it cancelled may be missing."
        found.append(Trouble(kind="uncounted", text=text, venue=venue, accounts=_names(uncounted)))
    return found


def _count(summaries: Sequence[CancelSummary]) -> str:
    return f"{len(summaries):,} account{'' if len(summaries) == 1 else 's'}"


def _names(summaries: Iterable[CancelSummary]) -> tuple[str, ...]:
    return tuple(summary.account for summary in summaries)


def _some(summaries: Sequence[CancelSummary]) -> str:
    more = f" and {len(summaries) - MOST_NAMES:,} more" if len(summaries) > MOST_NAMES else ""
    return ", ".join(_names(summaries[:MOST_NAMES])) + more
