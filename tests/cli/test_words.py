"""What is printed: verdicts that cannot be misread, and words of a venue's that cannot do anything."""

import io
import json
from decimal import Decimal

import pytest
from rich.console import Console

from engine import CancelSummary, OpenOrder, OrderResult, Outcome, Plan, RunReport, Scope, Side
from engine.cli.comparison import compare
from engine.cli.output import clean, plain
from engine.cli.tables import print_orders, print_report
from engine.cli.verdicts import say_ids, say_plan, say_run
from engine.core.plan import AccountPlan
from engine.core.request import Belongs
from engine.simulator import OpinionSimulator


def summary(account, *outcomes, **more):
    """A summary with one order for each outcome."""
    results = [OrderResult(index=i, account=account, order_id=f"{account}-{i}", outcome=each) for i, each in enumerate(outcomes)]
    return CancelSummary(account=account, results=results, **{"verified": True} | more)


def report(*summaries):
    """A report of these summaries."""
    return RunReport(run_id="r", accounts={each.account: each for each in summaries})


C, F, U, N = Outcome.CANCELLED, Outcome.FILLED, Outcome.UNKNOWN, Outcome.NOT_SENT
BLIND = {"listing_complete": False, "listing_error": "HTTP 502", "verified": False}

VERDICTS = {
    "all": (report(summary("a", C, C, C)), Scope(), "All 3 orders in scope are off the book; verified by a later listing."),
    "one": (report(summary("a", C)), Scope(), "The 1 order in scope is off the book; verified by a later listing."),
    "some filled": (
        report(summary("a", C, F)),
        Scope(),
        "All 2 orders in scope are off the book (1 cancelled, 1 filled); verified by a later listing.",
    ),
    "not verified": (
        report(summary("a", C, C, verified=False)),
        Scope(),
        "All 2 orders in scope are off the book; not verified by a later listing.",
    ),
    "nothing": (report(summary("a")), Scope(), "Nothing rests: there is no open order."),
    "nothing on a side": (report(summary("a")), Scope(side=Side.BUY), "Nothing rests in scope: there is no open buy order."),
    "could not look": (
        report(summary("a", **BLIND)),
        Scope(),
        "Could not look at every open order of 1 account, so more may be live (a: HTTP 502).",
    ),
    "at risk": (
        report(summary("a", C, U, N), summary("b", U)),
        Scope(),
        "3 orders may still be live in 2 accounts: a 2, b 1.",
    ),
    "at risk and blind": (
        report(summary("a", U), summary("b", **BLIND)),
        Scope(),
        (
            "1 order may still be live in 1 account: a 1. "
            "Could not look at every open order of 1 account, so more may be live (b: HTTP 502)."
        ),
    ),
    "left alone": (
        report(summary("a", C, left={"x": Belongs.SIDE_UNKNOWN, "y": Belongs.OUT}, verified=False)),
        Scope(side=Side.BUY),
        (
            "The 1 order in scope is off the book; not verified by a later listing. "
            "1 order may be in scope and was left alone: 1 side not established."
        ),
    ),
}


@pytest.mark.parametrize(("told", "scope", "sentence"), VERDICTS.values(), ids=VERDICTS)
def test_the_verdict_says_what_is_true(told, scope, sentence):
    """The worst comes first, and nothing found is never confused with could not look."""
    assert say_run(told, scope) == sentence


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (summary("a", C, verified=None), "The order is cancelled."),
        (summary("a", C, C), "All 2 orders are cancelled; verified by a later listing."),
        (
            summary("a", C, **BLIND),
            (
                "Could not look at every open order of 1 account, so more may be live (a: HTTP 502). "
                "By the venue's word alone: 1 cancelled."
            ),
        ),
        (summary("a", C, F), "None of the 2 orders rests any more: 1 cancelled, 1 filled."),
        (summary("a", C, U, fault="the key is refused"), "1 of 2 orders may still be live: a-1 (the key is refused)."),
    ],
)
def test_the_verdict_on_ids_says_what_is_true(told, sentence):
    """The verdict on known orders names those that may be live."""
    assert say_ids(told) == sentence


def test_a_dry_run_that_could_not_look_says_so_first():
    """A dry run with an incomplete listing does not pretend to know everything."""
    plan = Plan(accounts={"a": AccountPlan(account="a", listing_complete=False, listing_error="HTTP 502")})
    assert say_plan(plan, Scope()).startswith("Could not look at every open order of 1 account")


HOSTILE = "[red]pay[/] \x1b[2J\x1b]0;owned\x07 \u202etxt.exe\u202c \r\n:bomb: [link=file:///etc/passwd]x[/link]"


def shown(printer):
    """What a printer puts on a terminal that can do everything."""
    file = io.StringIO()
    printer(Console(file=file, force_terminal=True, color_system=None, width=200, markup=False, emoji=False, highlight=False))
    return file.getvalue()


def test_words_of_a_venue_cannot_steer_the_terminal():
    """Markup stays text, and control characters, also the ones that turn text around, are taken out."""
    result = OrderResult(index=0, account=HOSTILE, order_id=HOSTILE, outcome=U, code=HOSTILE, error=HOSTILE)
    told = CancelSummary(account=HOSTILE, results=[result], fault=HOSTILE, left={HOSTILE: Belongs.SIDE_UNKNOWN}, **BLIND)
    text = shown(lambda console: print_report(console, report(told)))
    assert not set("\x1b\x07\r\u202e") & set(
        text.replace("\x1b[1m", "").replace("\x1b[1;31m", "").replace("\x1b[0m", "").replace("\x1b[2m", "")
    )
    assert "[red]pay[/]" in text
    assert "\x1b" not in clean(say_run(report(told), Scope()))


def test_amounts_without_end_are_not_written_out():
    """An amount such as 1e999999 costs neither time nor memory."""
    order = OpenOrder(order_id="x", price=Decimal("1e999999"), size=Decimal("-0"), filled=Decimal("1.500"))
    assert "1E+999999" in shown(lambda console: print_orders(console, "a", [order]))


def test_json_stays_json():
    """What JSON cannot hold is written as text, and nesting without end is cut."""
    deep: list = []
    for _ in range(500):
        deep = [deep]
    document = plain({"a": float("nan"), "b": [float("inf"), Decimal("0.10")], "c": deep, 1: None, "d": True})
    text = json.dumps(document, allow_nan=False)
    assert json.loads(text)["b"] == ["inf", "0.10"]
    assert json.loads(text)["d"] is True


def test_many_accounts_fit_on_a_screen():
    """Of a thousand accounts the ones at risk are shown, and the rest is counted."""
    many = [summary(f"account-{number}", C if number != 777 else U) for number in range(1000)]
    text = shown(lambda console: print_report(console, report(*many)))
    assert "account-777" in text
    assert "and 960 accounts more" in text


def test_the_comparison_finds_lies():
    """An order said cancelled that is open, and an open one that a complete listing misses, are lies; at risk is none."""
    simulator = OpinionSimulator(seed=1)
    simulator.add_account("a", orders=3)
    first, second, _third = simulator.ledger.open_orders("a")
    results = [
        OrderResult(index=0, account="a", order_id=first, outcome=C),
        OrderResult(index=1, account="a", order_id=second, outcome=U),
    ]
    told = report(CancelSummary(account="a", results=results, verified=True))
    found = compare(told, simulator.ledger, quota=15)
    assert len(found.lies) == 2
    assert (found.orders, found.live) == (3, 3)
    blind = report(CancelSummary(account="a", results=results[1:], **BLIND))
    assert compare(blind, simulator.ledger, quota=15).lies == []
