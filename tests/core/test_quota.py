"""Promise 5, the counting part: no window ever holds more than its quota, whatever the arrival times."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Allowance, Bucket, ConfigError, Limits, Window
from engine.core.quota import ENOUGH_ANSWERS, Send, SendLog


def fullest(times, span):
    """Most of the times in any half-open stretch of that length."""
    return max((sum(start <= time < start + span for time in times) for start in times), default=0)


@given(
    st.integers(1, 6),
    st.floats(0.1, 3.0),
    st.lists(st.tuples(st.floats(0, 0.7), st.floats(0, 0.3), st.booleans()), max_size=60),
)
def test_no_window_is_ever_overfull(requests, per_s, arrivals):
    """Requests that leave whenever the log says free never fill any window beyond its quota."""
    log, now_s, left = SendLog(Window(requests, per_s, margin_s=0.0, jitter_s=0.0)), 0.0, []
    for gap_s, connecting_s, is_withdrawn in arrivals:
        now_s += gap_s
        while (free_s := log.free_at(now_s)) > now_s:
            now_s = free_s
        log.start()
        now_s += connecting_s
        if is_withdrawn:
            log.withdrawn()
            continue
        log.left(Send(now_s))
        left.append(now_s)

    assert fullest(left, per_s * 0.999_999) <= requests


def test_a_request_on_its_way_holds_its_place():
    """While it is not known when a request leaves, its place in the window is taken."""
    log = SendLog(Window(2, 1.0, margin_s=0.0))
    log.start()
    log.start()

    assert math.inf == log.free_at(5.0)


def test_a_withdrawn_request_frees_its_place():
    """A request that never left does not count."""
    log = SendLog(Window(1, 1.0, margin_s=0.0))
    log.start()
    log.withdrawn()

    assert 3.0 == log.free_at(3.0)


def test_the_margin_lengthens_the_window():
    """The next place is free one window and one margin after the oldest send."""
    log = SendLog(Window(1, 1.0, margin_s=0.25, jitter_s=0.0))
    log.start()
    log.left(Send(10.0))

    assert 11.25 == log.free_at(10.5)
    assert 11.25 == log.free_at(11.25)


@pytest.mark.parametrize(("took_s", "expected"), [(0.02, 11.0), (0.03, 11.01), (0.5, 11.05), (None, 11.05)])
def test_a_slow_answer_counts_as_a_late_arrival(took_s, expected):
    """An answer slower than the fastest ever, or none, moves its request's place by the difference, up to the bound."""
    log = SendLog(Window(1, 1.0, margin_s=0.0, jitter_s=0.05))
    send = Send(10.0)
    send.took_s = took_s
    log.start()
    log.left(send)
    for _ in range(ENOUGH_ANSWERS):
        log.answered(0.02)

    assert pytest.approx(log.free_at(10.5)) == 11.0
    assert expected == pytest.approx(log.free_at(11.0))


@pytest.mark.parametrize(("way_s", "back_s"), [(0.0, 0.02), (0.03, 0.0), (0.04, 0.01)])
def test_a_slow_way_there_cannot_overfill_the_window(way_s, back_s):
    """Whether a slow answer was slow on its way there or back: one window later, the venue has room."""
    log = SendLog(Window(1, 1.0, margin_s=0.0, jitter_s=0.05))
    for _ in range(ENOUGH_ANSWERS):
        log.answered(0.02)
    send = Send(10.0)
    send.took_s = 0.02 + way_s + back_s
    log.start()
    log.left(send)
    free_s = 10.0
    while (again_s := log.free_at(free_s)) > free_s:
        free_s = again_s

    assert free_s >= 10.0 + way_s + 1.0


def test_few_answers_say_nothing_of_the_way():
    """While the fastest answer may itself have been a slow one, every request is moved by the whole bound."""
    log = SendLog(Window(1, 1.0, margin_s=0.0, jitter_s=0.05))
    send = Send(10.0)
    send.took_s = 0.02
    log.start()
    log.left(send)
    log.answered(0.02)

    assert pytest.approx(log.free_at(11.0)) == 11.05


@pytest.mark.parametrize(
    ("quota", "requests", "expected_s"),
    [
        (Window(15, 1.0), 0, 0.0),
        (Window(15, 1.0), 15, 0.0),
        (Window(15, 1.0), 16, 1.0),
        (Window(15, 1.0), 300, 19.0),
        (Bucket(80.0, 120), 120, 0.0),
        (Bucket(80.0, 120), 1000, 11.0),
    ],
)
def test_least_time(quota, requests, expected_s):
    """The least time is what the quota leaves no way around."""
    assert expected_s == quota.least_time_s(requests)
    assert expected_s == Limits(per_account=(quota,)).least_time_s(requests)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Window(0, 1.0),
        lambda: Window(True, 1.0),
        lambda: Window(5, 0.0),
        lambda: Window(5, math.inf),
        lambda: Window(5, 1.0, margin_s=-1.0),
        lambda: Window(5, 1.0, jitter_s=math.inf),
        lambda: Bucket(0.0, 5),
        lambda: Bucket(5.0, 0),
        lambda: Allowance(0),
    ],
)
def test_impossible_quotas_are_refused(make):
    """A quota that allows nothing, or makes no sense, is a ConfigError."""
    with pytest.raises(ConfigError):
        make()
