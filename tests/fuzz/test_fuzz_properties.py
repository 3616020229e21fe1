"""Any bytes give a value or the documented error, and the laws of the value hold: the targets under chosen and mutated input."""

import pytest
from fuzz import strategies
from fuzz.targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FUZZED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""The same examples in every run; the coverage-guided fuzzer of `make fuzz` looks further."""

MANY = settings(FUZZED, max_examples=600)
"""For what may say that a live order is cancelled."""


@pytest.mark.parametrize("target", TARGETS)
@FUZZED
@given(st.data())
def test_any_bytes_are_survived(target, data):
    """Bytes, texts and known words in any order get nothing else out of a decoder than what it documents."""
    TARGETS[target](data.draw(strategies.raw(target)))


@pytest.mark.parametrize("target", ["opinion", "polymarket", "report", "values"])
@FUZZED
@given(st.data())
def test_known_names_over_any_value_are_survived(target, data):
    """Documented names over values of wrong types, sizes and encodings mean nothing that is not documented."""
    TARGETS[target](data.draw(strategies.shaped(target)))


@pytest.mark.parametrize("target", ["opinion", "polymarket"])
@MANY
@given(st.data())
def test_a_real_answer_with_one_place_changed_is_read_as_it_is_documented(target, data):
    """An answer, changed in a place or two, is read as the second opinion reads it, or refused."""
    TARGETS[target](data.draw(strategies.changed(target)))


@pytest.mark.parametrize("target", sorted(TARGETS.keys() - {"opinion", "polymarket"}))
@FUZZED
@given(st.data())
def test_good_input_with_one_place_changed_is_survived(target, data):
    """A file, a report or a text, changed in a place or two, is read or refused, and the laws of what is read hold."""
    TARGETS[target](data.draw(strategies.changed(target)))
