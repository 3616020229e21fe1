"""A run in one sentence. The worst comes first, and *nothing found* is never said where *could not look* is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from engine.core.outcome import Outcome
from engine.core.plan import Plan
from engine.core.report import RunReport
from engine.core.request import Scope
from engine.core.summary import CancelSummary, Fault
from engine.core.words import counted, in_seconds, in_words, short_id

MOST_NAMED = 3
"""Accounts or orders that a sentence names."""

LEAST_LOCK_OUT_S = 0.05
"""A shorter one is over before anybody could send a cancel."""

WORDS = {
    Outcome.CANCELLED: "cancelled",
    Outcome.ALREADY_CANCELLED: "already cancelled",
    Outcome.FILLED: "filled",
    Outcome.EXPIRED: "expired",
    Outcome.NOT_FOUND: "not found",
    Outcome.REJECTED: "rejected",
    Outcome.UNKNOWN: "unknown",
    Outcome.NOT_SENT: "not sent",
}


STOPPED = {
    Fault.CREDENTIALS: "bad key",
    Fault.ALLOWANCE: "allowance",
    Fault.LISTING: "no listing",
    Fault.PACE: "too fast",
    Fault.UNREACHABLE: "unreachable",
    Fault.JOURNAL: "no record",
    Fault.INTERNAL: "our mistake",
}
"""Why an account was stopped, short enough for a table of 80 columns."""

NOTHING_SAID, VERIFIED = "-", "verified"
"""The states of accounts that nobody has to look at: without a listing there is nothing to say, with one it proves something."""


def state_of(summary: CancelSummary) -> str:
    """Why a person has to look at the account; else what its listing proves."""
    if summary.fault is not None:
        return "stopped" if summary.fault_code is None else STOPPED[summary.fault_code]
    if not summary.listing_complete:
        return "incomplete"
    if summary.is_uncounted:
        return "uncounted"
    if summary.verified is None:
        return NOTHING_SAID
    return VERIFIED if summary.verified else "unverified"


def say_report(report: RunReport, scope: Scope | None) -> str:
    """The verdict on a run for this scope, or, without one, for known orders of one account; and on its record."""
    verdict = say_ids(next(iter(report.accounts.values()))) if scope is None else say_run(report, scope)
    return verdict + say_unrecorded(report)


def say_counts(by_outcome: dict[Outcome, int]) -> str:
    """The outcomes in words: `143 cancelled, 2 filled`."""
    return ", ".join(f"{count:,} {WORDS[outcome]}" for outcome, count in by_outcome.items())


def say_run(report: RunReport, scope: Scope | None) -> str:
    """The verdict on a cancel-all; without a scope where it is not known what that was, as of a report that was kept."""
    summaries = list(report.accounts.values())
    blind = [summary for summary in summaries if not summary.listing_complete]
    if report.at_risk:
        words = [_say_risk(report, summaries), *([_say_blind(blind)] if blind else [])]
    elif blind:
        known = [f"The {counted(report.total, 'order')} it found: {say_counts(report.by_outcome)}."] if report.total else []
        words = [_say_blind(blind), *known]
    else:
        words = [_say_done(report, summaries) if report.total else _say_nothing(scope), *_say_left(summaries)]
    return " ".join([*words, *_say_uncounted(summaries), *_say_locked_out(summaries)])


def say_ids(summary: CancelSummary) -> str:
    """The verdict on cancelling known orders."""
    return " ".join([_say_fates(summary), *_say_uncounted([summary]), *_say_locked_out([summary])])


def say_unrecorded(report: RunReport) -> str:
    """A sentence behind the verdict on a run that is not wholly recorded; else nothing."""
    return "" if report.unrecorded is None else f" The record of this run is INCOMPLETE: {report.unrecorded.rstrip('.')}."


def _say_fates(summary: CancelSummary) -> str:
    total, live = summary.total, [result for result in summary.results if result.outcome.may_be_live]
    if live:
        ids = _listed(dict.fromkeys(result.order_id for result in live))
        why = f" ({summary.fault})" if summary.fault else ""
        return f"{len(live):,} of {counted(total, 'order')} may still be live: {ids}{why}."
    if not summary.listing_complete:
        return f"{_say_blind([summary])} By the venue's word alone: {say_counts(summary.by_outcome)}."
    if summary.cancelled == total:
        proof = "; verified by a later listing" if summary.verified else ""
        return f"The order is cancelled{proof}." if total == 1 else f"All {total:,} orders are cancelled{proof}."
    which = "The order does not rest" if total == 1 else f"None of the {total:,} orders rests"
    return f"{which} any more: {say_counts(summary.by_outcome)}."


def say_plan(plan: Plan, scope: Scope) -> str:
    """What a cancel-all would do."""
    blind = [(name, each.listing_error) for name, each in plan.accounts.items() if not each.listing_complete]
    if not plan.total and not blind:
        return f"{_say_nothing(scope)} Dry run: no cancel was sent."
    tokens = f" and {counted(plan.tokens, 'token')}" if plan.tokens else ""
    locked_out_s = max((each.tactic.locked_out_s for each in plan.accounts.values() if each.tactic is not None), default=0.0)
    after = f", and then no cancel for up to {in_seconds(locked_out_s)}" if locked_out_s >= LEAST_LOCK_OUT_S else ""
    words = (
        f"Dry run: would cancel {counted(plan.total, 'order')} in {counted(len(plan.accounts), 'account')} with "
        f"{counted(plan.requests, 'request')}{tokens}, in {in_seconds(plan.least_time_s)} at the least{after}; "
        "no cancel was sent."
    )
    return f"{say_unlisted(blind)} {words}" if blind else words


def say_unlisted(blind: Sequence[tuple[str, str | None]]) -> str:
    """Whose open orders could not be listed to the end, and why."""
    names: dict[str, list[str]] = {}
    for name, reason in blind:
        names.setdefault((reason or "not finished").rstrip("."), []).append(name)
    reasons = "; ".join(f"{_listed(whose)}: {reason}" for reason, whose in list(names.items())[:MOST_NAMED])
    more = f"; and {len(names) - MOST_NAMED} other reasons" if len(names) > MOST_NAMED else ""
    return f"Could not look at every open order of {counted(len(blind), 'account')}, so more may be live ({reasons}{more})."


def _say_risk(report: RunReport, summaries: Iterable[CancelSummary]) -> str:
    counts = {summary.account: summary.at_risk for summary in summaries if summary.at_risk}
    where = _listed(f"{name} {count:,}" for name, count in counts.items())
    return f"{counted(report.at_risk, 'order')} may still be live in {counted(len(counts), 'account')}: {where}."


def _say_blind(blind: Sequence[CancelSummary]) -> str:
    return say_unlisted([(summary.account, summary.fault or summary.listing_error) for summary in blind])


def _say_done(report: RunReport, summaries: Iterable[CancelSummary]) -> str:
    total = "The 1 order" if report.total == 1 else f"All {report.total:,} orders"
    counts = "" if report.cancelled == report.total else f" ({say_counts(report.by_outcome)})"
    proof = "verified by a later listing" if all(summary.verified for summary in summaries) else "not verified by a later listing"
    return f"{total} in scope {'is' if report.total == 1 else 'are'} off the book{counts}; {proof}."


def _say_nothing(scope: Scope | None) -> str:
    if scope is None:
        return "Nothing rests in scope."
    unsure = " (the venue does not say whether that market exists)" if scope.market is not None else ""
    if scope.side is None and scope.asset is None and scope.except_ids is None:
        where = f" in market {short_id(str(scope.market))}" if scope.market is not None else ": there is no open order"
        return f"Nothing rests{where}{unsure}."
    return f"Nothing rests in scope: there is no {in_words(scope)}{unsure}."


def _say_left(summaries: Iterable[CancelSummary]) -> list[str]:
    """A sentence about orders that were left alone because it is not clear whether they belong."""
    unclear = Counter(why for summary in summaries for why in summary.left.values() if not why.is_clear)
    if not unclear:
        return []
    reasons = ", ".join(f"{count:,} {why.value}" for why, count in unclear.items())
    were = "was" if unclear.total() == 1 else "were"
    return [f"{counted(unclear.total(), 'order')} may be in scope and {were} left alone: {reasons}."]


def _say_uncounted(summaries: Iterable[CancelSummary]) -> list[str]:
    """A sentence about a mass cancel whose answer was lost: the count may be too low, whatever the listing shows now."""
    whose = [summary.account for summary in summaries if summary.is_uncounted]
    if not whose:
        return []
    return [f"The answer to a mass cancel was lost ({_listed(whose)}): orders that it cancelled may be missing from the count."]


def _say_locked_out(summaries: Iterable[CancelSummary]) -> list[str]:
    """A sentence about accounts that cannot cancel for a while: what a mass cancel cancelled is charged afterwards."""
    locked = {summary.account: summary.locked_out_s for summary in summaries if summary.locked_out_s >= LEAST_LOCK_OUT_S}
    if not locked:
        return []
    times = _listed(f"{name} {in_seconds(seconds)}" for name, seconds in locked.items())
    return [f"Until its tokens are back, the venue admits no further cancel: {times}."]


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
