"""What went wrong in a run, each thing once: what needs a person first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.core.outcome import rounded
from engine.core.summary import CancelSummary, Fault, Outage

STORM = 3
"""Refused keys of one venue that are a storm, if they are a fifth of its accounts as well. A guess."""

STORM_SHARE = 0.2
"""See `STORM`."""

MOST_NAMES = 5

URGENCY = (
    "storm",
    "outage",
    "credentials",
    "internal",
    "journal",
    "unreachable",
    "fault",
    "pace",
    "allowance",
    "listing",
    "unverified",
    "uncounted",
)
"""Kinds of trouble that need a person, first what the person can mend at once for many accounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that went wrong.

    Attributes:
        kind: What, in one word: a `Fault`, or one of storm, outage, fault, listing, unverified, uncounted, journal, stop.
        text: The same in a sentence.
        venue: Where; None where it is the run's.
        accounts: Names of all accounts that it concerns, in input order.
        is_over: Whether it is an outage that has ended.
    """

    kind: str
    text: str
    venue: str | None = None
    accounts: tuple[str, ...] = ()
    is_over: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The trouble as plain values."""
        return {"kind": self.kind, "text": self.text, "venue": self.venue, "accounts": list(self.accounts)}


def troubles_of(
    summaries: Sequence[CancelSummary], outages: Sequence[Outage], stop: str | None, unrecorded: str | None = None
) -> tuple[Trouble, ...]:
    """Everything that went wrong, each once: in the order of `URGENCY`, and of one kind what concerns most accounts first.

    What needs nobody any more stands last: that the run was stopped, and outages that are over.
    """
    away = [_of_outage(outage, summaries, outages) for outage in outages]
    found = [trouble for trouble, outage in zip(away, outages, strict=True) if outage.ended_s is None]
    if unrecorded is not None:
        found.append(Trouble(kind="journal", text=f"The journal does not hold the whole run: {unrecorded}."))
    for venue in dict.fromkeys(summary.venue for summary in summaries):
        mine = [summary for summary in summaries if summary.venue == venue]
        found += _of_faults(venue, mine, outages)
        found += _of_listings(venue, [summary for summary in mine if summary.fault is None], is_stopped=stop is not None)
    found.sort(key=lambda trouble: (URGENCY.index(trouble.kind), -len(trouble.accounts)))
    over = [trouble for trouble, outage in zip(away, outages, strict=True) if outage.ended_s is not None]
    return (*found, *([] if stop is None else [_of_stop(stop, summaries)]), *over)


def _of_stop(stop: str, summaries: Iterable[CancelSummary]) -> Trouble:
    """The end of the run explains what it cut short: that is told with it."""
    unproved = [each for each in summaries if each.fault is None and (not each.listing_complete or each.verified is False)]
    names = f" Not proved empty: {_count(unproved)} ({_some(unproved)})." if unproved else ""
    return Trouble(kind="stop", text=f"The run ended early: {stop}.{names}", accounts=_names(unproved))


def _of_outage(outage: Outage, summaries: Iterable[CancelSummary], outages: Sequence[Outage]) -> Trouble:
    lasted = f"from {_in_words(outage.began_s)} on" + ("" if outage.ended_s is None else f" until {_in_words(outage.ended_s)}")
    return Trouble(
        kind="outage",
        text=f"{outage.venue} gave no usable answer to anybody {lasted}: {outage.text}.",
        venue=outage.venue,
        accounts=_names(each for each in summaries if _outage_behind(each, outages) is outage),
        is_over=outage.ended_s is not None,
    )


def _outage_behind(summary: CancelSummary, outages: Iterable[Outage]) -> Outage | None:
    """The outage for which the account was given up: its venue was away at that moment."""
    if summary.fault_code is not Fault.UNREACHABLE:
        return None
    for outage in outages:
        # To the millisecond, for the reason of `_in_words`: a loaded report names the same accounts.
        began_s, gave_up_s, ended_s = round(outage.began_s, 3), round(summary.elapsed_s, 3), rounded(outage.ended_s)
        if outage.venue == summary.venue and began_s <= gave_up_s and (ended_s is None or gave_up_s <= ended_s):
            return outage
    return None


def _of_faults(venue: str, summaries: Sequence[CancelSummary], outages: Sequence[Outage]) -> list[Trouble]:
    """One for each kind of fault; what an outage explains is told with it."""
    by_kind: dict[str, list[CancelSummary]] = {}
    for summary in summaries:
        if summary.fault is not None and _outage_behind(summary, outages) is None:
            kind = "fault" if summary.fault_code is None else summary.fault_code.value
            by_kind.setdefault(kind, []).append(summary)
    found = []
    for kind, stopped in by_kind.items():
        is_storm = kind == Fault.CREDENTIALS and len(stopped) >= max(STORM, STORM_SHARE * len(summaries))
        text = f"{_count(stopped)} of {len(summaries):,} at {venue} stopped early ({_some(stopped)}): {stopped[0].fault}."
        if is_storm:
            text = (
                f"{venue} refuses the keys of {len(stopped):,} of {len(summaries):,} accounts ({_some(stopped)}), so many that "
                f"a revoked builder or a blocked place is likelier than single bad keys. The first: {stopped[0].fault}."
            )
        found.append(Trouble(kind="storm" if is_storm else kind, text=text, venue=venue, accounts=_names(stopped)))
    return found


def _of_listings(venue: str, summaries: Sequence[CancelSummary], *, is_stopped: bool) -> list[Trouble]:
    """Accounts that went on to their end and still left something unproved; what a stop cut short is told with it."""
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


def _in_words(seconds: float) -> str:
    """The seconds as they are written down, so that a loaded report says the same, with one digit of them."""
    return f"{round(seconds, 3):.1f} s"


def _count(summaries: Sequence[CancelSummary]) -> str:
    return f"{len(summaries):,} account{'' if len(summaries) == 1 else 's'}"


def _names(summaries: Iterable[CancelSummary]) -> tuple[str, ...]:
    return tuple(summary.account for summary in summaries)


def _some(summaries: Sequence[CancelSummary]) -> str:
    more = f" and {len(summaries) - MOST_NAMES:,} more" if len(summaries) > MOST_NAMES else ""
    return ", ".join(_names(summaries[:MOST_NAMES])) + more
