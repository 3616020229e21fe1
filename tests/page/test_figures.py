"""The figures behind the page's charts: every order is counted once, and bars never promise what was not sent."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import CancelSummary, OrderResult, Outcome, RunReport
from engine.core.measures import CurvePoint
from engine.core.plan import Expected
from engine.page.charts import HEIGHT, WIDTH, fall_of, height_axis, parts_of, race_of, time_axis
from engine.page.figures import EDGES_S, MOST_BARS, latency_of, paces_of

C = Outcome.CANCELLED
seconds = st.floats(0, 100_000)


def report_of(times, *, expected=None, elapsed_s=10.0, venue="opinion"):
    """A report of one account whose orders were sent and settled at these times."""
    results = [
        OrderResult(index=index, account="a", order_id=str(index), outcome=C, sent_s=sent_s, settled_s=settled_s)
        for index, (sent_s, settled_s) in enumerate(times)
    ]
    summary = CancelSummary(account="a", venue=venue, results=results, expected=expected, elapsed_s=elapsed_s)
    return RunReport(run_id="run", accounts={"a": summary}, elapsed_s=elapsed_s)


@given(st.lists(seconds, min_size=1, max_size=50))
def test_every_cancel_that_left_is_in_one_bar(times):
    """The bars, each as long as it stands for, come to the number of orders; there are never too many of them."""
    (pace,) = paces_of(report_of([(at_s, at_s) for at_s in times]))

    assert len(times) == pytest.approx(sum(pace.by_id) * pace.step_s)
    assert len(pace.by_id) <= MOST_BARS


def test_orders_that_no_purse_could_pay_at_once_left_with_a_mass_cancel():
    """300 orders at one moment, where 120 tokens are the most, are one request; where nothing costs tokens there is no such."""
    expected = Expected(requests=1, least_s=0.0, per_s=80.0, burst=120)
    (pace,) = paces_of(report_of([(0.1, 0.2)] * 300 + [(1.5, 1.6)] * 100, expected=expected))

    (without,) = paces_of(report_of([(0.1, 0.2)] * 300, expected=Expected(requests=1, least_s=0.0, per_s=80.0)))

    assert ((0.0, 100.0), (300.0, 0.0)) == (pace.by_id, pace.by_mass)
    assert ((300.0,), (0.0,)) == (without.by_id, without.by_mass)


def test_an_order_that_was_never_sent_is_in_no_bar():
    """What never left counts nowhere, beside what did."""
    (pace,) = paces_of(report_of([(0.5, 1.0), (None, 1.0), (1.5, None)]))

    assert (1.0, 1.0) == pace.by_id


def test_what_is_allowed_is_drawn_as_steps():
    """A line from bar to bar, as far as the bars go."""
    expected = Expected(requests=1, least_s=0.0, per_s=2.0)
    (pace,) = paces_of(report_of([(0.5, 1.0), (1.5, 2.0), (2.5, 3.0)], expected=expected, elapsed_s=1.9))
    race = race_of(pace, time_axis(4))

    assert ((2.0, 2.0, 0.0), "M0 0.0H250.0V0.0H500.0V300.0H750.0") == (pace.allowed, race.allowed)


def test_nothing_that_was_sent_has_no_pace():
    """A run that sent no cancel has no chart of them."""
    assert [] == paces_of(report_of([]))
    assert [] == paces_of(RunReport(run_id="run", accounts={}))


def test_what_is_allowed_is_the_rate_of_those_at_work():
    """15 a second until the account is done; where a window is all there is, nothing is saved up."""
    expected = Expected(requests=1, least_s=0.0, per_s=15.0)
    done_early = CancelSummary(account="b", venue="opinion", expected=expected, elapsed_s=1.5)
    report = report_of([(number / 2, 9.0) for number in range(8)], expected=expected, elapsed_s=3.9)
    (pace,) = paces_of(RunReport(run_id="run", accounts={**report.accounts, "b": done_early}))

    assert (30.0, 30.0, 15.0, 15.0) == pace.allowed


def test_tokens_are_spent_and_come_back():
    """A full purse of 120 and 80 a second allow 200 at first; what was spent is missing, and what was not comes back."""
    expected = Expected(requests=1, least_s=0.0, per_s=80.0, burst=120)
    times = [(0.1, 1)] * 120 + [(0.9, 1)] * 60 + [(1.5, 2)] * 100 + [(5.2, 6)]
    (pace,) = paces_of(report_of(times, expected=expected))

    assert (200.0, 100.0, 80.0, 160.0, 200.0, 200.0) == pace.allowed


def test_a_limit_that_all_share_bounds_all():
    """Accounts together are allowed no more than what they share."""
    expected = Expected(requests=1, least_s=0.0, per_s=15.0, shared_per_s=12.0)

    assert (12.0,) == paces_of(report_of([(0.1, 0.2)], expected=expected))[0].allowed


@pytest.mark.parametrize("expected", [None, Expected(requests=1, least_s=0.0)], ids=["not known", "no limit"])
def test_what_is_not_known_to_be_allowed_is_not_drawn(expected):
    """Without a plan, or without a limit, there is no line."""
    assert () == paces_of(report_of([(0.1, 0.2)], expected=expected))[0].allowed


@given(st.lists(st.tuples(seconds, seconds), min_size=1, max_size=50))
def test_every_cancelled_order_is_in_one_bar_of_each_part(times):
    """Both parts hold every order that a request cancelled, and each bar those between its edge and the next."""
    latency = latency_of(report_of([(a, a + b) for a, b in times]).results)

    assert [len(times)] * 2 == [sum(latency.before.counts), sum(latency.wire.counts)]
    assert len(latency.edges_s) == len(latency.before.counts) == len(latency.wire.counts)
    for part, told in ((0, latency.before), (1, latency.wire)):
        for place, edge_s in enumerate(latency.edges_s):
            following = EDGES_S[EDGES_S.index(edge_s) + 1] if edge_s != EDGES_S[-1] else math.inf
            lowest = -1.0 if edge_s == EDGES_S[0] else edge_s
            inside = sum(lowest <= round(round(a + b, 3) - round(a, 3) if part else round(a, 3), 3) < following for a, b in times)
            assert inside == told.counts[place]


def test_waiting_is_told_apart_from_the_wire():
    """An order that waited ten seconds, and then took fifty milliseconds, has each in its own part."""
    latency = latency_of(report_of([(10.0, 10.05)]).results)

    assert (10.0, 0.05) == (latency.before.seconds.p99, latency.wire.seconds.p99)
    assert (0.05, 10.0) == (latency.edges_s[0], latency.edges_s[-1])


def test_a_run_in_which_no_request_cancelled_anything_has_no_latency():
    """Orders that somebody else cancelled were not waited for."""
    assert latency_of(report_of([(None, 1.0)]).results) is None


@given(st.floats(0, 1e15))
def test_an_axis_holds_what_is_drawn_on_it(most):
    """It ends at or above the highest value, not far above it, and begins at nothing."""
    for axis in (time_axis(most), height_axis(most)):
        assert axis.end >= most * (1 - 1e-9)
        assert axis.end <= max(10.0, most * 2.1)
        assert axis.labels[0].startswith("0")


points = st.lists(st.tuples(st.floats(0, 1_000), st.integers(0, 1_000)), min_size=1, max_size=20)


@given(points)
def test_the_curve_stays_in_its_box(rows):
    """Every step of the line lies in the box, and what stays has the height of the line's end."""
    times, counts = sorted(at_s for at_s, _ in rows), sorted((count for _, count in rows), reverse=True)
    curve = [CurvePoint(at_s=at_s, orders=count, notional=0) for at_s, count in zip(times, counts, strict=True)]
    fall = fall_of(curve, time_axis(times[-1]))
    steps = [step.partition("V") for step in fall.line[3:].split("H")]
    heights = [float(step[2]) for step in steps if step[2]]

    assert not fall.is_money
    assert all(0 <= height <= HEIGHT for height in heights)
    assert all(0 <= float(across) <= WIDTH for across, _, _ in steps[1:])
    assert (fall.stays is None) == (not counts[-1])


def test_a_limit_far_above_all_bars_is_told_and_not_drawn():
    """Fifteen thousand a second allowed and two sent: bars that nobody can see would say nothing."""
    expected = Expected(requests=1, least_s=0.0, per_s=15_000.0)
    (pace,) = paces_of(report_of([(0.1, 0.2)] * 2, expected=expected))
    race = race_of(pace, time_axis(10))

    assert (None, 2.0) == (race.allowed, race.y.end)
    assert HEIGHT == race.by_id[0][3]


@given(st.lists(st.integers(0, 10**9), max_size=8))
def test_the_parts_of_a_bar_fill_it(counts):
    """Side by side, each as wide as its share, they come to the whole width."""
    parts = parts_of(counts)

    assert len(counts) == len(parts)
    assert sum(width for _, _, width, _ in parts) == pytest.approx(WIDTH if any(counts) else 0.0, abs=0.1)
