"""The tables of docs/compat.md, and the tests that compare: neither tells a difference that the other does not."""

import re
from pathlib import Path

import pytest
from vendor import test_drop_in_opinion as opinion
from vendor import test_drop_in_polymarket as polymarket

import engine.compat.opinion
import engine.compat.polymarket

DOCUMENT = (Path(__file__).parent.parent.parent / "docs" / "compat.md").read_text("utf-8")


def rows(heading):
    """The names of the rows in the table below a heading."""
    section = DOCUMENT.split(f"### {heading}\n")[1].split("\n### ")[0]
    return re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)


@pytest.mark.parametrize(("heading", "tests"), [("Opinion", opinion), ("Polymarket", polymarket)])
def test_the_table_and_the_tests_tell_the_same_differences(heading, tests):
    """Each row has a test, each difference that a test asserts has a row, and none stands twice."""
    told = rows(heading)

    assert sorted({case.differs for _, case in tests.DIFFERENT} | set(tests.ALONE)) == sorted(told)


@pytest.mark.parametrize("tests", [opinion, polymarket])
def test_what_is_equal_is_no_difference(tests):
    """No case that is compared for equality says that it differs, and none that differs expects the same of both."""
    assert [] == [case.name for case in tests.SAME if case.differs]
    assert [] == [case.name for _, case in tests.DIFFERENT if case.theirs == case.ours and not case.is_false]


@pytest.mark.parametrize(
    "client",
    [engine.compat.opinion.BuilderClient, engine.compat.opinion.Client, engine.compat.polymarket.ClobClient],
)
def test_every_call_is_named_in_the_document(client):
    """What a client says that it covers, it has, and the document names it."""
    assert client.covers
    for name in client.covers:
        assert callable(getattr(client, name))
        assert f"`{name}`" in DOCUMENT
