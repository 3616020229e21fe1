"""Promise 2: the sums hold, in a summary and over accounts, and what is written down can be read by other programs."""

import json

from hypothesis import given
from hypothesis import strategies as st

from engine import Belongs, CancelSummary, OrderResult, Outcome, RunReport

RISKY = {Outcome.REJECTED, Outcome.UNKNOWN, Outcome.NOT_SENT}


def summary_of(outcomes, *, name="alice", **more):
    """A summary with these outcomes, in this order."""
    results = [
        OrderResult(
            index=index, account=name, order_id=f"order-{index}", outcome=outcome, sent_s=float(index), settled_s=index + 0.5
        )
        for index, outcome in enumerate(outcomes)
    ]
    return CancelSummary(account=name, results=results, **more)


@given(st.lists(st.sampled_from(Outcome), max_size=30))
def test_every_order_is_counted_once(outcomes):
    """Cancelled and failed make the total, the outcomes make it too, and at risk are exactly those that may be live."""
    summary = summary_of(outcomes)

    assert len(outcomes) == summary.total == summary.cancelled + summary.failed == sum(summary.by_outcome.values())
    assert sum(outcome in RISKY for outcome in outcomes) == summary.at_risk
    assert summary.is_clean == (summary.at_risk == 0)


@given(st.lists(st.lists(st.sampled_from(Outcome), max_size=8), max_size=5))
def test_a_report_is_the_sum_of_its_accounts(accounts):
    """Every count of a report is the sum over its summaries, and no result is lost."""
    summaries = {str(number): summary_of(outcomes, name=str(number)) for number, outcomes in enumerate(accounts)}
    report = RunReport(run_id="run", accounts=summaries)
    everything = [outcome for outcomes in accounts for outcome in outcomes]

    assert len(everything) == report.total == report.cancelled + report.failed == sum(report.by_outcome.values())
    assert everything == [result.outcome for result in report.results]
    assert sum(outcome in RISKY for outcome in everything) == report.at_risk
    assert report.is_clean == all(summary.is_clean for summary in summaries.values())


def test_a_report_says_when_it_began_and_ended():
    """The first cancel that left and the last fate that was written, over all accounts; nothing where there was none."""
    report = RunReport(run_id="run", accounts={"alice": summary_of([Outcome.CANCELLED, Outcome.FILLED]), "bob": summary_of([])})
    nothing = RunReport(run_id="run", accounts={})

    assert (0.0, 1.5) == (report.first_cancel_s, report.last_settled_s)
    assert (None, None, True) == (nothing.first_cancel_s, nothing.last_settled_s, nothing.is_clean)


def test_an_incomplete_listing_is_not_clean():
    """Nothing at risk is not enough: what could not be listed may be live."""
    summary = summary_of([], listing_complete=False, listing_error="HTTP 500", verified=False)
    report = RunReport(run_id="run", accounts={"alice": summary})

    assert (False, False, False) == (summary.is_clean, report.is_clean, report.listing_complete)


def test_a_report_is_plain_values():
    """Both can be written as JSON, with the documented keys, and say what was left and why."""
    left = {"x": Belongs.OUT, "y": Belongs.SIDE_UNKNOWN}
    summary = summary_of([Outcome.CANCELLED, Outcome.UNKNOWN], left=left, verified=False)
    told = json.loads(json.dumps(RunReport(run_id="run", accounts={"alice": summary}).to_dict()))

    assert {"run_id": "run", "total_orders": 2, "cancelled": 1, "failed": 1, "at_risk": 1}.items() <= told.items()
    alice = told["accounts"]["alice"]
    assert {"cancelled": 1, "unknown": 1} == alice["by_outcome"]
    assert ({"out of scope": 1, "side not established": 1}, {"y": "side not established"}) == (
        alice["left"],
        alice["left_unclear"],
    )
    assert [0, 1] == [row["index"] for row in alice["results"]]
