"""What is printed: verdicts that cannot be misread, and words of a venue's that cannot do anything."""

import io
import json
from decimal import Decimal

import pytest
from rich.console import Console

from engine import CancelSummary, OpenOrder, OrderResult, Outcome, Plan, RunReport, Scope, Side, largest, oldest
from engine.cli.comparison import Rate, compare, joined
from engine.cli.failing import explain_run
from engine.cli.output import clean
from engine.cli.tables import print_orders, print_plan, print_report
from engine.core.plain import plain
from engine.core.plan import AccountPlan, Tactic
from engine.core.quota import Kind
from engine.core.request import Belongs
from engine.core.summary import Fault
from engine.core.verdicts import NOTHING_SAID, STOPPED, say_ids, say_plan, say_report, say_run, state_of
from engine.simulator import Ledger, OpinionSimulator, RequestRecord


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
    "one of two not verified": (
        report(summary("a", C), summary("b", C, verified=False)),
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
    "locked out": (
        report(summary("a", C, locked_out_s=2.34), summary("b", C, locked_out_s=0.04), summary("c", C, locked_out_s=120.0)),
        Scope(),
        (
            "All 3 orders in scope are off the book; verified by a later listing. "
            "Until its tokens are back, the venue admits no further cancel: a 2.3 s, c 120 s."
        ),
    ),
    "at risk and locked out": (
        report(summary("a", U, locked_out_s=0.05)),
        Scope(),
        ("1 order may still be live in 1 account: a 1. Until its tokens are back, the venue admits no further cancel: a 0.1 s."),
    ),
    "nothing seen, and an answer lost": (
        report(summary("a", is_uncounted=True)),
        Scope(),
        (
            "Nothing rests: there is no open order. "
            "The answer to a mass cancel was lost (a): orders that it cancelled may be missing from the count."
        ),
    ),
    "ids that fill a line": (
        report(summary("a")),
        Scope(market="0x" + "5f" * 32, asset="7" * 78, side=Side.BUY),
        (
            "Nothing rests in scope: there is no open buy order in market 0x5f5f…5f5f for 777777…7777 "
            "(the venue does not say whether that market exists)."
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
        (
            summary("a", C, locked_out_s=1.0),
            (
                "The order is cancelled; verified by a later listing. "
                "Until its tokens are back, the venue admits no further cancel: a 1.0 s."
            ),
        ),
        (summary("a", C, F), "None of the 2 orders rests any more: 1 cancelled, 1 filled."),
        (summary("a", C, U, fault="the key is refused"), "1 of 2 orders may still be live: a-1 (the key is refused)."),
    ],
)
def test_the_verdict_on_ids_says_what_is_true(told, sentence):
    """The verdict on known orders names those that may be live."""
    assert say_ids(told) == sentence


@pytest.mark.parametrize("error", [RuntimeError("a mistake"), ExceptionGroup("of one", [RuntimeError("a mistake")])], ids=repr)
def test_a_mistake_in_the_engine_is_no_clean_end(error, capsys):
    """What should never have been raised ends with exit code 1, and one line that says that orders may be live."""
    assert 1 == explain_run(error)
    assert "internal error: RuntimeError: a mistake; orders may still be live" in capsys.readouterr().err


def test_a_dry_run_that_could_not_look_says_so_first():
    """A dry run with an incomplete listing does not pretend to know everything."""
    plan = Plan(accounts={"a": AccountPlan(account="a", listing_complete=False, listing_error="HTTP 502")})
    assert say_plan(plan, Scope()).startswith("Could not look at every open order of 1 account")


MASS = Tactic(kind=Kind.CANCEL_ALL, requests=1, tokens=1, charged=300, locked_out_s=2.275, why="one cancel-all")
BY_ID = Tactic(kind=Kind.CANCEL_MANY, requests=3, tokens=150, least_time_s=0.375, why="150 cancels by id")


def planned(name, tactic, **more):
    """The plan of one account with as many orders as the tactic spends tokens on."""
    orders = tuple(OpenOrder(order_id=f"{name}-{number}") for number in range(tactic.charged or tactic.tokens))
    more = {"by_kind": {Kind.LIST: 5}, "least_time_s": tactic.least_time_s, "tier": "standard"} | more
    return AccountPlan(account=name, orders=orders, tactic=tactic, **more)


def test_a_plan_says_what_it_costs():
    """The verdict on a plan names requests, tokens, the least time, and how long no cancel is admitted afterwards."""
    plan = Plan(accounts={"a": planned("a", MASS), "b": planned("b", BY_ID)})
    assert say_plan(plan, Scope()) == (
        "Dry run: would cancel 450 orders in 2 accounts with 10 requests and 451 tokens, in 0.4 s at the least, "
        "and then no cancel for up to 2.3 s; no cancel was sent."
    )


def test_a_plan_without_tokens_speaks_of_none():
    """Where cancels cost no tokens, neither sentence nor table mentions any."""
    tactic = Tactic(kind=Kind.CANCEL_ONE, requests=3, tokens=0, least_time_s=0.0, why="3 cancels by id")
    orders = tuple(OpenOrder(order_id=str(number)) for number in range(3))
    plan = Plan(accounts={"a": AccountPlan(account="a", orders=orders, tactic=tactic, by_kind={Kind.LIST: 5})})
    text = shown(lambda console: print_plan(console, plan)) + say_plan(plan, Scope())
    assert "a: 3 cancels by id" in text
    assert "token" not in text
    assert "tier" not in text


def test_a_plan_explains_itself():
    """The tactic of each account is told in words, once for all that share it, with the tier that was counted with."""
    accounts = {f"a{number}": planned(f"a{number}", MASS) for number in range(7)} | {"z": planned("z", BY_ID, tier="gold")}
    text = shown(lambda console: print_plan(console, Plan(accounts=accounts)))
    assert "a0, a1, a2, a3, a4 and 2 more: one cancel-all (counted with the tier standard)" in text
    assert "z: 150 cancels by id (counted with the tier gold)" in text
    assert text.count("one cancel-all") == 1


def test_a_plan_fits_eighty_columns():
    """The widest numbers of a plan do not fold the table at 80 columns."""
    wide = Tactic(kind=Kind.CANCEL_ALL, requests=1, tokens=1, charged=100_000, locked_out_s=1234.0, why="one cancel-all")
    part = AccountPlan(account="market-maker", by_kind={Kind.LIST: 1_004}, least_time_s=1_234.5, tactic=wide, tier="standard")
    text = shown(lambda console: print_plan(console, Plan(accounts={"market-maker": part})), width=80)
    line = next(line for line in text.splitlines() if line.startswith("market-maker "))
    assert "100,001" in line
    assert "complete" in line


def test_ranks_put_the_largest_and_the_oldest_first():
    """What a venue does not say of an order puts it last, not first."""
    old = OpenOrder(order_id="old", price=Decimal("0.5"), size=Decimal(10), created_at_ms=1_000)
    large = OpenOrder(order_id="large", price=Decimal("0.5"), size=Decimal(30), created_at_ms=2_000)
    bare = OpenOrder(order_id="bare")
    assert max(old, large, key=largest) is large
    assert max(old, large, key=oldest) is old
    assert (largest(bare), oldest(bare)) == (None, None)


LONG = OpenOrder(order_id="0x" + "a1" * 32, market="0x" + "b2" * 32, asset="9" * 78, side=Side.BUY, price=Decimal("0.45"))


def test_a_long_id_stays_in_one_piece():
    """An order id of 66 characters can be copied from a terminal of 80 columns; market and asset are cut."""
    lines = shown(lambda console: print_orders(console, "a", [LONG]), width=80).splitlines()
    assert LONG.order_id in [line.strip() for line in lines]
    assert any("market 0xb2b2…b2b2, asset 999999…9999" in line for line in lines)
    assert max(map(len, lines)) <= 80


HOSTILE = "[red]pay[/] \x1b[2J\x1b]0;owned\x07 \u202etxt.exe\u202c \r\n:bomb: [link=file:///etc/passwd]x[/link]"


def shown(printer, width=200):
    """What a printer puts on a terminal that can do everything."""
    file = io.StringIO()
    printer(Console(file=file, force_terminal=True, color_system=None, width=width, markup=False, emoji=False, highlight=False))
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
    for order_id in ("x", HOSTILE):
        order = OpenOrder(order_id=order_id, market=HOSTILE, asset="\x1b[2J")
        listed = shown(lambda console, order=order: print_orders(console, "a", [order]))
        assert not [steering for steering in ("\x1b[2J", "\x1b]0", "\x07", "\u202e") if steering in listed]
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


def rows(text):
    """The lines of a table by their first word, each line in single spaces."""
    return {line.split()[0]: " ".join(line.split()) for line in text.splitlines() if line.strip()}


def test_many_accounts_fit_on_a_screen():
    """Of a thousand accounts only those that need a person are shown; the rest is one row with its sums, and so are all."""
    many = [summary(f"account-{number}", C, F) if number != 777 else summary("account-777", U, C) for number in range(1000)]
    text = shown(lambda console: print_report(console, report(*many)))
    table = rows(text.split("Not cancelled")[0])
    assert [name for name in table if name.startswith("account-")] == ["account-777"]
    assert table["and"] == "and 999 more 1,998 999 0 999 filled 0 clean 0 0.0 s"
    assert table["all"] == "all 1,000 2,000 1,000 0 999 filled 1 look at 1 0 0.0 s"


def test_accounts_that_need_a_person_come_first():
    """Rows begin with the accounts that a person has to look at, in input order, each with why; the sums say how many."""
    told = report(
        summary("fine", C),
        summary("blind", C, **BLIND),
        summary("stopped", N, fault="the key is refused", fault_code=Fault.CREDENTIALS, **BLIND),
        summary("doubtful", C, verified=False),
        summary("lost", C, is_uncounted=True),
    )
    table = rows(shown(lambda console: print_report(console, told)).split("Not cancelled")[0])
    assert list(table)[-6:] == ["blind", "stopped", "doubtful", "lost", "fine", "all"]
    words = {name: line.split(" 0 0.0 s")[0].split()[-1] for name, line in table.items()}
    assert {name: words[name] for name in ("blind", "stopped", "doubtful", "lost", "fine")} == {
        "blind": "incomplete",
        "stopped": "key",
        "doubtful": "unverified",
        "lost": "uncounted",
        "fine": "verified",
    }
    assert "look at 4" in table["all"]


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_its_word(fault):
    """Whatever stops an account, the table of 80 columns has a word for it, and no row is folded."""
    told = report(
        summary("market-maker", *[C] * 3, fault="words", fault_code=fault, venue="polymarket"), summary("b", venue="opinion")
    )
    text = shown(lambda console: print_report(console, told), width=80)
    line = next(line for line in text.splitlines() if line.startswith("market-maker "))
    assert STOPPED[fault]
    assert line.rstrip().endswith(f" {STOPPED[fault]}")
    assert len(line.rstrip()) <= 80


def test_a_venue_has_its_column_where_there_are_several():
    """With several venues each row names its own, also at 80 columns; with one, no column repeats it."""
    two = report(summary("a", C, venue="opinion"), summary("b", C, venue="polymarket"))
    table = rows(shown(lambda console: print_report(console, two), width=80))
    assert (table["a"].split()[1], table["b"].split()[1]) == ("opinion", "polymarket")
    one = report(summary("a", C, venue="opinion"), summary("b", C, venue="opinion"))
    assert "opinion" not in shown(lambda console: print_report(console, one))


def test_one_account_needs_no_sums():
    """The sums of a single account would be its own row again."""
    assert "all 1" not in shown(lambda console: print_report(console, report(summary("a", C))))


def test_the_same_trouble_is_told_once():
    """Three hundred refused keys are one sentence with their number and a few names, in the verdict as below the table."""
    told = report(
        *(
            summary(f"a{number}", fault="the venue refuses the key", fault_code=Fault.CREDENTIALS, venue="opinion", **BLIND)
            for number in range(300)
        )
    )
    sentence = say_run(told, Scope())
    assert "300 accounts" in sentence
    assert "a0, a1, a2 and 297 more: the venue refuses the key" in sentence
    assert sentence.count("refuses the key") == 1
    notes = shown(lambda console: print_report(console, told)).split("all 300")[1]
    assert notes.count("opinion refuses the keys of 300 of 300 accounts") == 1
    assert "a5" not in notes


def test_a_plan_of_many_accounts_fits_on_a_screen():
    """Of many accounts a plan shows those that could not be listed, and the sums of the others and of all."""
    accounts = {f"a{number}": planned(f"a{number}", BY_ID) for number in range(50)}
    accounts["a7"] = AccountPlan(account="a7", listing_complete=False, listing_error="HTTP 502")
    table = rows(shown(lambda console: print_plan(console, Plan(accounts=accounts))).split("a0, a1")[0])
    assert [name for name in table if name.startswith("a") and name[1:].isdigit()] == ["a7"]
    assert table["and"].startswith("and 49 more 7,350 0 0 245 7,350 - 0.4 s complete")
    assert table["all"].startswith("all 50 7,350 0 0 245 7,350 - 0.4 s incomplete")


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
    rate = Rate(venue="opinion", unit="request", per_s=15)
    found = compare(told, simulator.ledger, rate=rate)
    assert len(found.lies) == 2
    assert (found.orders, found.live) == (3, 3)
    blind = report(CancelSummary(account="a", results=results[1:], **BLIND))
    assert compare(blind, simulator.ledger, rate=rate).lies == []


def record(number, time_s, route, ids=0, **more):
    """A request that arrived."""
    names = tuple(str(each) for each in range(ids))
    return RequestRecord(number=number, time_s=time_s, connection=1, account="a", route=route, order_ids=names, **more)


def test_tokens_are_counted_as_the_venue_counts_them():
    """A token for each order named, one for a mass cancel, none for what only reads or was refused; most in any second."""
    ledger = Ledger()
    for each in (
        record(1, 0.0, "list"),
        record(2, 0.1, "cancel_many", 120),
        record(3, 0.5, "cancel_many", 900, refused_for_pace=True),
        record(4, 0.9, "cancel", 1),
        record(5, 1.05, "cancel_all", 300),
        record(6, 1.2, "cancel_many", 40),
    ):
        ledger.note(each)
    rate = Rate(venue="polymarket", unit="token", per_s=200, by_weight=True)
    found = compare(report(summary("a")), ledger, rate=rate)
    assert (found.pace["a"].most, found.pace["a"].requests, found.pace["a"].refused) == (122, 6, 1)
    assert not found.pace["a"].is_kept
    assert found.in_words() == "no account sent more than 122 tokens in any second at Polymarket"


def test_comparisons_are_summed():
    """Two venues' comparisons are one: orders, lies and live ones add up, and every account keeps its pace."""
    simulator = OpinionSimulator(seed=1)
    simulator.add_account("a", orders=3)
    rate = Rate(venue="opinion", unit="request", per_s=15)
    one = compare(report(summary("a")), simulator.ledger, rate=rate)
    both = joined([one, compare(report(summary("b")), simulator.ledger, rate=rate)])
    assert (both.orders, len(both.lies), both.live) == (one.orders, len(one.lies), one.live) == (3, 3, 3)
    assert list(both.pace) == ["a", "b"]


STATES = {
    "stopped, and nobody knows how": (summary("a", fault="why"), "stopped"),
    "stopped": (summary("a", fault="why", fault_code=Fault.PACE), "too fast"),
    "not listed": (summary("a", **BLIND), "incomplete"),
    "counted too low": (summary("a", is_uncounted=True), "uncounted"),
    "nothing asked": (summary("a", verified=None), NOTHING_SAID),
    "proved": (summary("a"), "verified"),
    "something left": (summary("a", verified=False), "unverified"),
}


@pytest.mark.parametrize(("told", "state"), STATES.values(), ids=STATES)
def test_an_account_has_one_state(told, state):
    """The first thing for which a person has to look at it, or else what its listing proves."""
    assert state == state_of(told)


def test_a_report_is_judged_by_what_is_known_of_its_scope():
    """With its scope, for known orders, and without either: it is never said what the report alone does not know."""
    nothing = report(summary("a"))

    assert say_report(nothing, Scope(market=7)).startswith("Nothing rests in market 7")
    assert say_run(nothing, None) == "Nothing rests in scope."
    assert say_report(report(summary("a", C)), None) == "The order is cancelled; verified by a later listing."
