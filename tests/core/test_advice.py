"""What to do after a run: every account that needs a person is named once, and no command reaches further than the run did."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import CancelSummary, Fault, OrderResult, Outage, Outcome, RunReport
from engine.core.advice import MOST_IDS, MOST_NAMES, REMEDIES, advice_of
from engine.core.troubles import URGENCY

C, U = Outcome.CANCELLED, Outcome.UNKNOWN
CLEAN = {"listing_complete": True, "verified": True}
BLIND = {"listing_complete": False, "listing_error": "HTTP 502", "verified": False}


def summary_of(name, *outcomes, **more):
    """A summary with one order for each outcome."""
    results = [
        OrderResult(
            index=index, account=name, order_id=f"{name}-{index}", outcome=outcome, error=None if outcome is C else "lost"
        )
        for index, outcome in enumerate(outcomes)
    ]
    return CancelSummary(account=name, venue="opinion", results=results, **CLEAN | more)


def advice(*summaries, **more):
    """What to do after a run with these summaries."""
    return advice_of(RunReport(run_id="0123456789ab", accounts={each.account: each for each in summaries}, **more))


def test_after_a_clean_run_there_is_nothing_to_do():
    """No advice where nothing is at risk and all was proved, nor for an outage that is over and cost nothing."""
    over = Outage(venue="opinion", began_s=1.0, ended_s=2.0, text="HTTP 502")

    assert () == advice(summary_of("a", C), summary_of("b"))
    assert () == advice(summary_of("a", C), outages=(over,))


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_its_advice(fault):
    """An account that was stopped is named with the reason in its own words, whatever stopped it."""
    (one,) = advice(summary_of("a", U, fault="in its own words", fault_code=fault, verified=False), summary_of("b", C))

    assert (fault.value, REMEDIES[fault.value], ["a"]) == (one.kind, one.todo, [each.account for each in one.concerns])
    assert ("in its own words", 1, False) == (one.concerns[0].why, one.concerns[0].at_risk, one.concerns[0].is_blind)


def test_there_is_advice_for_every_kind_of_trouble():
    """Nothing that needs a person is without a word on what to do."""
    assert {*URGENCY, "stop", "at_risk"} == REMEDIES.keys()


@given(st.lists(st.sampled_from([(), (C,), (U,), (C, U, U)]), max_size=6), st.lists(st.booleans(), min_size=6, max_size=6))
def test_every_account_that_needs_a_person_is_named_once(orders, blind):
    """Accounts that are not fine, and no others, stand in exactly one piece of advice, with all that is at risk in them."""
    summaries = [
        summary_of(
            f"a{number}",
            *outcomes,
            **(BLIND if is_blind else {}),
            **({} if U not in outcomes or is_blind else {"verified": None}),
        )
        for number, (outcomes, is_blind) in enumerate(zip(orders, blind, strict=False))
    ]
    named = [(each.account, each.at_risk, each.is_blind) for one in advice(*summaries) for each in one.concerns]

    assert sorted((each.account, each.at_risk, not each.listing_complete) for each in summaries if not each.is_fine) == sorted(
        named
    )


def test_those_with_most_at_risk_come_first():
    """Within one piece of advice the worst account is named first."""
    (one,) = advice(*(summary_of(name, *[U] * count, verified=False) for name, count in (("a", 1), ("b", 3), ("c", 2))))

    assert ["b", "c", "a"] == [each.account for each in one.concerns]


# --- commands


def test_few_orders_are_cancelled_by_their_ids():
    """Where these are all that may be live, the command names them and nothing else."""
    (one,) = advice(summary_of("a", C, U, U, verified=False))

    assert ("cancel-engine cancel a-1 a-2 --venue opinion --accounts accounts.toml --only a --verify",) == one.commands


@pytest.mark.parametrize(
    "summary",
    [summary_of("a", U, **BLIND), summary_of("a", *[U] * (MOST_IDS + 1), verified=False)],
    ids=["there may be more", "too many to name"],
)
def test_what_no_ids_can_name_is_looked_at_and_never_cancelled_blindly(summary):
    """The report does not know the scope, so that a cancel-all is proposed as a dry run alone."""
    (one,) = advice(summary)

    assert (
        "cancel-engine orders --venue opinion --accounts accounts.toml --only a",
        "cancel-engine cancel-all --venue opinion --accounts accounts.toml --only a --dry-run",
    ) == one.commands


@pytest.mark.parametrize("cut", [{"stop": "the deadline came first"}, {}], ids=["stopped", "cut off"])
def test_a_run_without_an_end_of_its_own_is_gone_on_with(cut):
    """Its record knows the scope, and what was done already."""
    (one,) = advice(summary_of("a", U, is_finished=bool(cut), **BLIND), **cut)

    assert ("cancel-engine resume 0123456789ab --accounts accounts.toml",) == one.commands


def test_a_refused_key_is_not_mended_by_going_on():
    """Also in a run that was stopped, an account with a bad key needs another key first."""
    key, rest = advice(
        summary_of("a", U, fault="401", fault_code=Fault.CREDENTIALS, verified=False),
        summary_of("b", U, **BLIND),
        stop="the deadline",
    )

    assert ("credentials", "stop") == (key.kind, rest.kind)
    assert [False, True] == [any(" resume " in each for each in one.commands) for one in (key, rest)]


@given(st.text(min_size=1, max_size=12), st.text(min_size=1, max_size=12))
def test_a_command_is_what_it_looks_like(name, order_id):
    """Whatever an account or an order is called, a shell reads words that name this account alone, and plain ids."""
    results = [OrderResult(index=0, account=name, order_id=order_id, outcome=U, error="lost")]
    (one,) = advice(CancelSummary(account=name, venue="opinion", results=results, verified=False))

    for command in one.commands:
        words = shlex.split(command)
        assert command.isprintable()
        assert [name] == words[words.index("--only") + 1].split(",")
        assert "cancel" != words[1] or [order_id] == words[2 : words.index("--venue")]
        assert words[1] in ("cancel", "orders") or "--dry-run" == words[-1]
        assert not any(word.startswith("-") and not word.startswith("--") for word in words)


def test_many_accounts_are_in_no_command():
    """A command that would name too many is left to whoever has their file."""
    few, many = (
        advice(*(summary_of(f"a{number}", U, verified=False) for number in range(count)))
        for count in (MOST_NAMES, MOST_NAMES + 1)
    )

    assert (2, 0) == (len(few[0].commands), len(many[0].commands))
