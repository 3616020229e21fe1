"""What a person does after a run: which accounts need one, why, and the command to run next. Pure.

No command here cancels more than the run was for: a report does not hold the scope, so what is not named by id is looked at
first, and a cancel-all is only proposed as a dry run. `resume` knows the scope out of the record.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.core.report import RunReport
from engine.core.summary import CancelSummary
from engine.core.words import clean, counted

MOST_IDS = 8
"""Orders that a command names. A guess: what still fits a terminal's few lines."""

MOST_NAMES = 20
"""Accounts that a command names. A guess, for the same reason."""

AT_RISK = "at_risk"
"""The kind of advice for orders that may be live although nothing else went wrong."""

_PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""Ids that a shell, and this command line, take for nothing else. An id is the venue's word, and may be hostile."""

REMEDIES: Mapping[str, str] = {
    "storm": "Ask whoever runs the builder, or the venue, whether access was revoked or this place is blocked. Until then, "
    "cancel by hand on the venue's own page. Then put the new keys into the accounts file.",
    "outage": "Look at the venue's status page. Once it answers again, look what is open.",
    "credentials": "Cancel by hand on the venue's own page, or put a good key into the accounts file and look what is open.",
    "internal": "This is a mistake in the engine: please report it, with the log. Then look what is open.",
    "journal": "Free the disk or mend the database, and keep this report: it knows what the record does not.",
    "unreachable": "Try again, from another network if need be.",
    "fault": "Read why, mend that, and look what is open.",
    "pace": "Stop what else uses these keys at the same time, then try again.",
    "allowance": "Cancel by hand on the venue's own page, or try again once the venue's next day has begun.",
    "listing": "Look what is open: what was not listed was not cancelled.",
    "unverified": "Look what is open: something was still there when this run looked last.",
    "uncounted": "Look what is open. The counts may be too low: the venue cancelled more than its answer could say.",
    "stop": "Go on with the run. That needs its record, which the command line keeps unless it is told not to.",
    AT_RISK: "Try these orders again.",
}
"""What to do, by the kind of trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """An account that needs a person.

    Attributes:
        account: Its name.
        venue: Name of its venue.
        at_risk: How many of its orders may be live.
        is_blind: Whether there may be more, because its open orders could not be listed to the end.
        why: In the words of the summary.
    """

    account: str
    venue: str
    at_risk: int
    is_blind: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing to do.

    Attributes:
        kind: The kind of trouble behind it; see `REMEDIES`.
        text: What went wrong, in a sentence.
        todo: What to do about it.
        concerns: The accounts that it is about, those with most at risk first.
        commands: To run next, in this order; `accounts.toml` in them stands for the caller's own file.
    """

    kind: str
    text: str
    todo: str
    concerns: tuple[Concern, ...] = ()
    commands: tuple[str, ...] = ()


def advice_of(report: RunReport) -> tuple[Advice, ...]:
    """What to do after this run, the most urgent first; nothing where nobody has to do anything."""
    found: list[Advice] = []
    named: set[str] = set()
    for trouble in report.troubles:
        if trouble.is_over and not trouble.accounts:
            continue  # it needs nobody, unless accounts were given up in it
        found.append(_advice(trouble.kind, trouble.text, [report.accounts[name] for name in trouble.accounts], report))
        named.update(trouble.accounts)
    by_venue: dict[str, list[CancelSummary]] = {}
    for summary in report.accounts.values():
        if summary.at_risk and summary.account not in named:
            by_venue.setdefault(summary.venue, []).append(summary)
    for venue, summaries in by_venue.items():
        live = sum(summary.at_risk for summary in summaries)
        where = f"in {counted(len(summaries), 'account')}{f' at {venue}' if venue else ''}"
        found.append(_advice(AT_RISK, f"{counted(live, 'order')} may still be live {where}.", summaries, report))
    return tuple(found)


def _advice(kind: str, text: str, summaries: Sequence[CancelSummary], report: RunReport) -> Advice:
    concerns = sorted((_concern_of(each) for each in summaries), key=lambda each: -each.at_risk)
    return Advice(
        kind=kind, text=text, todo=REMEDIES[kind], concerns=tuple(concerns), commands=_commands(kind, summaries, report)
    )


def _concern_of(summary: CancelSummary) -> Concern:
    why = summary.fault or summary.listing_error
    if why is None and summary.at_risk:
        why = next(result.error for result in summary.results if result.outcome.may_be_live)
    return Concern(
        account=summary.account,
        venue=summary.venue,
        at_risk=summary.at_risk,
        is_blind=not summary.listing_complete,
        why=why or "",
    )


# --- commands


_GONE_ON = frozenset({"stop", AT_RISK, "outage", "unreachable", "listing", "unverified"})
"""Kinds for which a run that came to no end of its own is gone on with: its record knows the scope."""


def _commands(kind: str, summaries: Sequence[CancelSummary], report: RunReport) -> tuple[str, ...]:
    if kind in _GONE_ON and (report.stop is not None or not all(each.is_finished for each in report.accounts.values())):
        return (
            (f"cancel-engine resume {shlex.quote(report.run_id)} --accounts accounts.toml",) if _is_plain(report.run_id) else ()
        )
    venues = {summary.venue for summary in summaries}
    named = _only(summary.account for summary in summaries)
    if len(venues) != 1 or named is None or not _is_plain(*venues):
        return ()
    common = f"--venue {shlex.quote(venues.pop())} --accounts accounts.toml --only {named}"
    ids = _ids_at_risk(summaries)
    if ids is not None:
        return (f"cancel-engine cancel {' '.join(ids)} {common} --verify",)
    return (f"cancel-engine orders {common}", f"cancel-engine cancel-all {common} --dry-run")


def _only(names: Iterable[str]) -> str | None:
    """The accounts for `--only`, or None where they cannot be written there."""
    names = list(names)
    is_writable = all("," not in name and not name.startswith("-") and name == clean(name) for name in names)
    return shlex.quote(",".join(names)) if is_writable and 0 < len(names) <= MOST_NAMES else None


def _ids_at_risk(summaries: Sequence[CancelSummary]) -> list[str] | None:
    """The orders of one account that may be live, if these are all and a command can name them."""
    if len(summaries) != 1 or not summaries[0].listing_complete or not 0 < summaries[0].at_risk <= MOST_IDS:
        return None
    ids = list(dict.fromkeys(result.order_id for result in summaries[0].results if result.outcome.may_be_live))
    return ids if _is_plain(*ids) else None


def _is_plain(*texts: str) -> bool:
    return all(_PLAIN_ID.fullmatch(text) for text in texts)
