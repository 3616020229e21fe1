"""A report as one HTML page. Values in, text out: no file is written here, and nothing is asked of anybody.

What venues and callers say is hostile: every word that is put into the page is first made harmless (no sign that steers, reorders
or cannot be written) and then escaped, whoever forgets it. Only the page's own style and script come in as they are, and the page
allows no others, no network and no form.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from engine.core.advice import advice_of
from engine.core.outcome import OrderResult, Outcome
from engine.core.plain import plain
from engine.core.report import RunReport
from engine.core.summary import CancelSummary
from engine.core.verdicts import LEAST_LOCK_OUT_S, NOTHING_SAID, WORDS, say_run, say_unrecorded, state_of
from engine.core.words import clean, counted, in_moment, in_seconds, short_id
from engine.page.charts import HEIGHT, WIDTH, bars_of, fall_of, parts_of, race_of, time_axis
from engine.page.figures import comparisons_of, latency_of, paces_of

MOST_ACCOUNTS = 500
"""Accounts that the page shows one by one, those that need a person first. A guess: a page of so many rows opens at once."""

MOST_ORDERS = 1_000
"""Orders that it shows one by one, those that may be live first. A guess, for the same reason."""

MOST_CONCERNS = 12
"""Accounts that one piece of advice names one by one; all of them stand in the table of accounts."""

LONGEST_WORDS = 300
"""Most characters of what a venue said of one order; the files beside the page have all of it."""

LONGEST_NAME = 80
"""Most characters of a name or an id. A guess: Polymarket's ids have 66, its assets 78."""


def page_of(report: RunReport, *, verdict: str | None = None, table: str | None = None, document: str | None = None) -> str:
    """The report as one HTML page that needs no other file and no network. The same report gives the same page.

    Args:
        report: Of the run, as it is or loaded back.
        verdict: The judgement in a sentence, for who knows the scope of the run; else what the report alone says.
        table: Name of the file beside it that has a row for each order, or None where there is none.
        document: Name of the one that holds the report itself, likewise.
    """
    style, script = _asset("page.css"), _asset("page.js")
    allowed = f"style-src {_hash(style)}; script-src {_hash(script)}"
    words = {
        "verdict": (say_run(report, None) + say_unrecorded(report)) if verdict is None else verdict,
        "table": table,
        "document": document,
        "style": Markup(style),  # noqa: S704  # our own file
        "script": Markup(script),  # noqa: S704  # the same
        "policy": f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'",
    }
    return _environment().get_template("page.html").render(_facts(report) | words)


def _asset(name: str) -> str:
    return resources.files("engine.page").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    """What the page's policy calls this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        finalize=_harmless,
        loader=FunctionLoader(_asset),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "amount": _amount,
        "count": lambda number: f"{number:,}",
        "counted": counted,
        "seconds": _seconds,
        "tenths": lambda seconds: f"{round(seconds, 3):,.1f}",
        "took": lambda seconds: "-" if seconds is None else in_seconds(round(seconds, 3)),
    }
    return environment


def _harmless(value: object) -> object:
    """What is put into the page, as a page can hold it: autoescape alone lets marks through that turn the text around them."""
    if isinstance(value, Markup):
        return value
    return "".join(sign if sign.isprintable() else " " if sign.isspace() else "?" for sign in str(value))


# --- what the page says


def _facts(report: RunReport) -> dict[str, Any]:
    advice = advice_of(report)
    summaries = sorted(report.accounts.values(), key=lambda summary: summary.is_fine)
    orders, others = _orders(report), report.total - report.by_outcome.get(Outcome.CANCELLED, 0)
    told = {each.text for each in advice}
    return {
        "report": report,
        "is_risky": bool(report.at_risk) or not report.listing_complete,
        "began": None if report.started_at is None else in_moment(report.started_at),
        "is_finished": all(summary.is_finished for summary in report.accounts.values()),
        "advice": advice,
        "most_concerns": MOST_CONCERNS,
        "remarks": [*(each.text for each in report.troubles if each.text not in told), *_locked_out(report)],
        "closed": sum(
            count for outcome, count in report.by_outcome.items() if not outcome.is_success and not outcome.may_be_live
        ),
        "requests": sum(summary.requests for summary in report.accounts.values()),
        "outcomes": _outcomes(report),
        "accounts": [_account(summary) for summary in summaries[:MOST_ACCOUNTS]],
        "accounts_hidden": max(0, len(summaries) - MOST_ACCOUNTS),
        "orders": orders,
        "orders_hidden": others - len(orders),
        "reasons": report.by_reason[:MOST_CONCERNS],
        "reasons_hidden": max(0, len(report.by_reason) - MOST_CONCERNS),
        "comparisons": comparisons_of(report),
        "box": f"0 0 {WIDTH:g} {HEIGHT:g}",
        "outcome_words": WORDS,
        **_charts(report),
    }


def _charts(report: RunReport) -> dict[str, Any]:
    paces = paces_of(report)
    ends = [round(report.elapsed_s, 3), report.curve[-1].at_s, *(pace.step_s * len(pace.by_id) for pace in paces)]
    x = time_axis(max(ends))
    latency = latency_of(report.results)
    return {
        "curve": report.curve,
        "fall": fall_of(report.curve, x) if report.total else None,
        "races": [(pace, race_of(pace, x)) for pace in paces],
        "latency": latency,
        "before": None if latency is None else bars_of(latency, latency.before),
        "wire": None if latency is None else bars_of(latency, latency.wire),
        "halves": parts_of([round(report.waited_s * 1_000), round(report.wire_s * 1_000)]),
    }


def _locked_out(report: RunReport) -> list[str]:
    locked = [each for each in report.accounts.values() if each.locked_out_s >= LEAST_LOCK_OUT_S]
    if not locked:
        return []
    names = ", ".join(each.account for each in locked[:5]) + (f" and {len(locked) - 5:,} more" if len(locked) > 5 else "")
    longest_s = max(each.locked_out_s for each in locked)
    return [f"When the run ended, the venue admitted no further cancel for up to {in_seconds(round(longest_s, 3))}: {names}."]


@dataclass(frozen=True, slots=True)
class _Share:
    """One outcome's part of all orders: its bar, its name, its count, and how it is drawn."""

    bar: tuple[float, float, float, float]
    outcome: Outcome
    word: str
    count: int
    look: str


def _outcomes(report: RunReport) -> list[_Share]:
    by_outcome = report.by_outcome
    looks = {outcome: "risk" if outcome.may_be_live else "done" if outcome.is_success else "closed" for outcome in Outcome}
    bars = parts_of(list(by_outcome.values()))
    return [
        _Share(bar, outcome, WORDS[outcome], count, looks[outcome])
        for bar, (outcome, count) in zip(bars, by_outcome.items(), strict=True)
    ]


def _account(summary: CancelSummary) -> dict[str, Any]:
    by_outcome = summary.by_outcome
    failed = [f"{count:,} {WORDS[outcome]}" for outcome, count in by_outcome.items() if not outcome.is_success]
    state = state_of(summary)
    return {
        "name": clean(summary.account, longest=LONGEST_NAME),
        "venue": summary.venue,
        "state": "" if state == NOTHING_SAID else state,
        "is_fine": summary.is_fine,
        "is_risky": not summary.is_clean,
        "total": summary.total,
        "cancelled": summary.cancelled,
        "failed": summary.failed,
        "failed_words": ", ".join(failed),
        "at_risk": summary.at_risk,
        "requests": summary.requests,
        "expected": summary.expected,
        "waited_s": summary.waited_s,
        "wire_s": summary.wire_s,
        "elapsed_s": summary.elapsed_s,
        "why": clean(summary.fault or summary.listing_error or "", longest=LONGEST_WORDS),
    }


def _orders(report: RunReport) -> list[dict[str, Any]]:
    """The orders that were not simply cancelled: what may be live, what ended otherwise, what was cancelled already."""
    ranks: tuple[list[tuple[CancelSummary, OrderResult]], ...] = ([], [], [])
    for summary in report.accounts.values():
        if summary.by_outcome.get(Outcome.CANCELLED, 0) == summary.total:
            continue
        for result in summary.results:
            outcome = result.outcome
            if outcome is not Outcome.CANCELLED:
                rank = ranks[0 if outcome.may_be_live else 2 if outcome.is_success else 1]
                if len(rank) < MOST_ORDERS:
                    rank.append((summary, result))
    return [_order(summary, result) for summary, result in (*ranks[0], *ranks[1], *ranks[2])[:MOST_ORDERS]]


def _order(summary: CancelSummary, result: OrderResult) -> dict[str, Any]:
    order = result.order
    return {
        "id": clean(result.order_id, longest=LONGEST_NAME),
        "account": clean(result.account, longest=LONGEST_NAME),
        "venue": summary.venue,
        "outcome": WORDS[result.outcome],
        "is_risky": result.outcome.may_be_live,
        "code": "" if result.code is None else clean(str(result.code), longest=40),
        "words": clean(_words_of(result), longest=LONGEST_WORDS),
        "attempts": result.attempts,
        "sent_s": result.sent_s,
        "settled_s": result.settled_s,
        "side": "" if order is None or order.side is None else order.side.value,
        "price": None if order is None else order.price,
        "market": "" if order is None or order.market is None else short_id(clean(order.market)),
        "notional": None if order is None else order.notional,
    }


def _words_of(result: OrderResult) -> str:
    if result.error is not None:
        return result.error
    return "" if result.result is None else json.dumps(plain(result.result), ensure_ascii=False, default=str)


# --- how numbers are written: times from the milliseconds that a file has, so that a report that was kept gives the same page


def _seconds(seconds: float | None) -> str:
    """Seconds as they are written down, for a table."""
    return "-" if seconds is None else f"{seconds:,.3f}"


def _amount(amount: Decimal | None) -> str:
    """Money, to the hundredth; a venue may write 1e999999, which would fill the memory when written out."""
    if amount is None:
        return "-"
    return f"{amount:,.2f}" if amount.is_finite() and abs(amount.adjusted()) < 20 else f"{amount:.3e}"
