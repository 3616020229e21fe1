"""How much a job may touch: what exceeds a bound is cancelled only if its number is typed on a terminal."""

import re
import signal
import time
from decimal import Decimal

import pytest

from engine import AccountPlan, OpenOrder, Plan
from engine.cli.guard import Guard, most_worth

ACCOUNTS = ("--no-limits", "--accounts", 3, "--orders", 7)

REFUSED = {
    "accounts": (("--max-accounts", 2), "the job touches 3 accounts, more than --max-accounts 2 allows"),
    "orders": (("--max-orders", 20), "the job touches 21 orders, more than --max-orders 20 allows"),
    "notional": (("--max-notional", "0.5"), "in all, more than --max-notional 0.5 allows"),
    "two of them": (
        ("--max-orders", 3, "--max-notional", 1),
        "more than --max-orders 3 allows; the job touches orders for",
    ),
}


@pytest.mark.parametrize(("options", "why"), REFUSED.values(), ids=REFUSED)
def test_without_a_terminal_too_much_is_refused(cli, simulate, options, why):
    """Without a terminal what exceeds a bound is refused with the numbers, --yes or not, and not one order is touched."""
    venue = simulate(*ACCOUNTS)
    ran = cli("cancel-all", *venue.use, *options, "--yes", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert why in ran.line
    assert "nothing was cancelled" in ran.line
    assert "(3 accounts (account-1, account-2, account-3) at 127.0.0.1:" in ran.line
    assert "--yes does not confirm it" in ran.line
    assert cli("orders", *venue.use, "--json").document["total"] == 21


def test_what_is_within_the_bounds_goes_ahead(cli, simulate):
    """At a bound, or below it, --yes suffices."""
    venue = simulate(*ACCOUNTS)
    ran = cli("cancel-all", *venue.use, "--max-accounts", 3, "--max-orders", 21, "--max-notional", "1e6", "--yes", "--json")
    assert (ran.code, ran.document["cancelled"]) == (0, 21)


def test_the_bound_counts_the_scope(cli, simulate):
    """Only orders in scope count: 12 buys are within a bound that 21 orders exceed."""
    venue = simulate(*ACCOUNTS)
    ran = cli("cancel-all", *venue.use, "--side", "buy", "--max-orders", 12, "--yes", "--json")
    assert (ran.code, ran.document["cancelled"]) == (0, 12)


def test_accounts_are_counted_before_anything_is_sent(cli, standing):
    """Too many accounts are refused without a single request, also where nobody listens."""
    use = ("--accounts", standing.accounts_file, "--base-url", "http://127.0.0.1:9")
    ran = cli("cancel-all", *use, "--max-accounts", 1, "--yes")
    assert ran.code == 2
    assert "3 accounts, more than --max-accounts 1 allows" in ran.line


def test_what_cannot_be_looked_at_cannot_be_checked(cli, simulate):
    """Where the listing is incomplete, the bound cannot be checked: refused, with the reason."""
    venue = simulate("--orders", 3, "--fault", "key_dead_401")
    ran = cli("cancel-all", *venue.use, "--max-orders", 100, "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert "the open orders of 1 account were not listed to the end (account-1: " in ran.line
    assert "0 orders could be seen" in ran.line


def test_the_look_and_the_cancel_keep_the_limits_together(cli, simulate):
    """The look and the cancel share one engine: 15 requests a second hold over both, and the venue refuses none."""
    venue = simulate("--orders", 14)
    begun_s = time.monotonic()
    ran = cli("cancel-all", *venue.use, "--max-orders", 14, "--yes", "--json", "--log-level", "debug")
    assert (ran.code, ran.document["cancelled"]) == (0, 14)
    assert time.monotonic() - begun_s > 1.0
    assert '"status": 429' not in ran.err


def test_a_deadline_holds_for_look_and_cancel_together(cli, simulate):
    """What the look has taken is gone from the deadline."""
    venue = simulate("--orders", 60, "--latency", 300)
    begun_s = time.monotonic()
    ran = cli("cancel-all", *venue.use, "--max-orders", 100, "--yes", "--json", "--deadline", 2.5)
    assert ran.code == 1
    assert ran.document["elapsed_s"] < 2.0
    assert time.monotonic() - begun_s < 4.5


def test_a_dry_run_tells_what_would_be_refused(cli, standing):
    """A dry run is not refused; it says that the job would be."""
    ran = cli("cancel-all", *standing.use, "--max-accounts", 2, "--max-orders", 74, "--dry-run")
    assert ran.code == 0
    last = ran.out.splitlines()[-1]
    assert "It would be refused: the job touches 3 accounts, more than --max-accounts 2 allows; the job touches 75 orders" in last


# --- on a terminal


@pytest.mark.parametrize("option", ["--max-accounts", "--max-orders", "--max-notional"])
def test_the_number_typed_goes_ahead(terminal, simulate, option):
    """On a terminal the exact number that exceeds, with or without commas, lets the job go on, --yes or not."""
    venue = simulate("--no-limits", "--accounts", 2, "--orders", 600)
    screen = terminal("cancel-all", *venue.use, option, 1, "--yes", columns=200)
    screen.read_until("to go on: ")
    number = re.search(r"The job touches (?:orders for )?([\d,]+) ", screen.text)[1]
    screen.type(f"{number}\n")
    assert screen.end() == 0
    assert "All 1,200 orders in scope are off the book; verified by a later listing." in screen.text
    assert ("What would be done" in screen.text) == (option != "--max-accounts")


@pytest.mark.parametrize("answer", ["13\n", "y\n", "\n", "\x04"], ids=["another number", "yes", "nothing", "end of input"])
def test_anything_but_the_number_cancels_nothing(terminal, cli, simulate, answer):
    """Any answer but the number sends no cancel, and exits with 2."""
    venue = simulate("--no-limits", "--orders", 14)
    screen = terminal("cancel-all", *venue.use, "--max-orders", 5, "--yes")
    screen.read_until("to go on: ")
    screen.type(answer)
    assert screen.end() == 2
    assert "not confirmed; nothing was cancelled" in screen.text
    assert cli("orders", *venue.use, "--json").document["total"] == 14


def test_what_cannot_be_checked_can_be_confirmed(terminal, simulate):
    """Where an account cannot be listed, the number of orders seen lets the job go on, and its report tells what was not seen."""
    venue = simulate("--orders", 3, "--fault", "key_dead_401")
    screen = terminal("cancel-all", *venue.use, "--max-orders", 5, "--yes", columns=200)
    screen.read_until("Type 0 to go on: ")
    assert "--max-orders cannot be checked" in screen.text
    screen.type("0\n")
    assert screen.end() == 1
    assert "Could not look at every open order of 1 account" in screen.text


def test_leaving_the_question_for_the_number_cancels_nothing(terminal, cli, simulate):
    """Ctrl-C at that question sends no cancel, and exits with 130."""
    venue = simulate("--no-limits", "--orders", 14)
    screen = terminal("cancel-all", *venue.use, "--max-orders", 5, "--yes")
    screen.read_until("to go on: ")
    screen.type("\x03")
    assert screen.end() == 130
    assert "Traceback" not in screen.text
    assert cli("orders", *venue.use, "--json").document["total"] == 14


# --- stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_during_the_look_is_one_line(cli, simulate, started, ended, number):
    """A look that is interrupted ends with 130 and a line: no cancel was sent, so there is nothing to report."""
    venue = simulate("--orders", 100, "--latency", 600)
    child = started("cancel-all", *venue.use, "--max-orders", 500, "--yes", "--json")
    time.sleep(1.5)
    child.send_signal(number)
    ran = ended(child)
    assert (ran.code, ran.out) == (130, "")
    assert ran.err == "cancel-engine: interrupted\n"
    assert cli("orders", *venue.use, "--json").document["total"] == 100


def test_the_second_signal_during_the_look_leaves_at_once(simulate, started, ended):
    """Two signals end the process at once, as one or the other: 130 to a shell, whatever the look waits for."""
    venue = simulate("--fault", "hang", "--orders", 5)
    child = started("cancel-all", *venue.use, "--max-orders", 500, "--yes", "--json")
    time.sleep(1.5)
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGINT)
    assert ended(child).code in (130, -signal.SIGINT)


def test_a_signal_after_the_look_brings_the_report(simulate, started, ended):
    """Once the cancels are under way, the first signal stops the run with its report, as without a bound."""
    venue = simulate("--orders", 60)
    child = started("cancel-all", *venue.use, "--max-orders", 500, "--yes")
    assert b"cancelled" in child.stderr.readline()
    child.send_signal(signal.SIGINT)
    ran = ended(child)
    assert ran.code == 1
    assert "may still be live in 1 account" in ran.out.splitlines()[-1]


# --- what an order is worth


@pytest.mark.parametrize(
    ("order", "worth"),
    [
        ({"price": Decimal("0.4"), "size": Decimal(10), "filled": Decimal(5)}, Decimal(2)),
        ({"price": Decimal("0.4"), "size": Decimal(10)}, Decimal(4)),
        ({"size": Decimal(10), "filled": Decimal(4)}, Decimal(6)),
        ({"price": Decimal("0.4")}, None),
        ({"size": Decimal(1), "filled": Decimal(2)}, None),
        ({"price": Decimal(-1), "size": Decimal(2)}, None),
    ],
)
def test_an_order_is_worth_at_most(order, worth):
    """Price times what rests; without a price a share counts as 1; without a size, or below zero, nobody knows."""
    assert worth == most_worth(OpenOrder(order_id="x", **order))


def test_what_cannot_be_known_is_refused():
    """A value that cannot be known is a reason by itself, and the number of orders is what confirms it."""
    plan = Plan(accounts={"a": AccountPlan(account="a", orders=(OpenOrder(order_id="x"), OpenOrder(order_id="y")))})
    (excess,) = Guard(notional=Decimal(5)).exceeded_by_plan(plan)
    assert excess.says == "--max-notional cannot be checked: what 2 orders of 2 rests for cannot be known"
    assert excess.number == 2
    assert Guard(orders=2).exceeded_by_plan(plan) == []
    assert Guard().exceeded_by_plan(plan) == []


def test_a_notional_is_rounded_up():
    """The number to type is the value as a whole number, never below the value."""
    orders = (OpenOrder(order_id="x", price=Decimal("0.5"), size=Decimal("4.5")), OpenOrder(order_id="y", size=Decimal(3)))
    plan = Plan(accounts={"a": AccountPlan(account="a", orders=orders)})
    (excess,) = Guard(notional=Decimal(5)).exceeded_by_plan(plan)
    assert (excess.says, excess.number) == ("the job touches orders for 6 in all, more than --max-notional 5 allows", 6)
    assert Guard(notional=Decimal("5.25")).exceeded_by_plan(plan) == []
