"""How errors quote what they were given: briefly, on one line, and whatever it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import shown

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.builds(pow, st.just(10), st.just(5_000)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Unshowable:
    """Raises an error where others have a repr."""

    def __repr__(self):
        raise RuntimeError("no")


@given(ANYTHING)
def test_anything_can_be_quoted(value):
    """No value makes the words of an error long, or steers a terminal."""
    assert shown(value).isprintable()
    assert len(shown(value)) <= 240


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("alice", "'alice'"),
        ("a\x1b[2J", "'a\\x1b[2J'"),
        (7, "7"),
        (10**5_000, "<a whole number of 16610 bits>"),
        ([10**5_000], "[<a whole number of 16610 bits>]"),
        (None, "None"),
    ],
    ids=["text", "steering text", "number", "huge number", "huge number in a list", "nothing"],
)
def test_a_short_value_is_quoted_as_it_is(value, expected):
    """What fits is written as Python would write it."""
    assert expected == shown(value)


def test_a_long_text_keeps_its_beginning_and_its_end():
    """Of a million characters a line is shown."""
    quoted = shown("a" * 1_000_000 + "z")

    assert quoted.startswith("'aaa")
    assert quoted.endswith("z'")
    assert 120 >= len(quoted)


def test_a_value_that_cannot_be_written_is_told_by_its_type():
    """A repr that fails does not take the error's place."""
    assert shown(Unshowable()).startswith("<Unshowable instance at")
