"""What a record tells, event after event; and that whatever stands in a record that was spoilt is an error of one kind."""

import json

import pytest
from support import account_of, engine_for, simulated, simulated_polymarket

from engine.journal import Journal
from engine.journal.entries import ANSWER, FATE, INTENT, REQUEST, TEXT
from engine.journal.replay import replay
from engine.journal.story import LOST, OPEN, story
from engine.simulator import FaultRule
from engine.simulator.opinion import FAULTS

pytestmark = pytest.mark.anyio


async def recorded(simulator, path, **options):
    """The report of a run over everything of alice's, and its entries."""
    async with engine_for(simulator, journal=Journal.open(path, in_loop=True)) as engine:
        report = await engine.mass_cancel([account_of(simulator)], **options)
    with Journal.open(path, in_loop=True) as journal:
        return report, journal.entries(report.run_id)


def faulty(name, **conditions):
    """An Opinion of 30 orders at which this goes wrong."""
    return simulated(orders=30, faults=[FaultRule(FAULTS[name], **conditions)], latency_s=0.05)


async def test_a_story_has_an_event_for_each_entry(tmp_path):
    """Nothing is left out but texts, which others refer to, and times never go back; one of several requests has one for each."""
    report, entries = await recorded(faulty("http_503", share=0.1), tmp_path / "journal.db", reason="5", requested_by="the desk")
    events = list(story(entries))

    assert [entry.seq for entry in entries if entry.kind != TEXT] == [*dict.fromkeys(event.seq for event in events)]
    assert sorted(event.at_ms for event in events) == [event.at_ms for event in events]
    assert "asked for by the desk because: emergency action (FIX 2675=5)" in events[0].words
    assert {result.order_id for result in report.results} == {order for event in events for order in event.orders}
    json.dumps([event.to_dict() for event in events], allow_nan=False)


async def test_the_story_of_an_order_ends_as_the_report_says(tmp_path):
    """Of each order it tells when it was found, each attempt with its answer, and in the end the outcome of the report."""
    report, entries = await recorded(faulty("drop_after", routes={"cancel"}, share=0.3), tmp_path / "journal.db")
    events = list(story(entries))
    for result in report.results:
        mine = [event for event in events if event.concerns("alice", result.order_id) and event.orders]
        fates = [event for event in mine if event.what == FATE]
        tried = [event for event in mine if event.what == INTENT]
        answers = [event for event in mine if event.what == ANSWER]
        asked = [event for event in mine if event.what in (INTENT, REQUEST)]
        assert (result.outcome.value, True) == (fates[-1].facts["outcome"], fates[-1].facts["is_settled"])
        assert result.attempts == sum(answer.facts["has_left"] for answer in answers if answer.facts["kind"] == "cancel_one")
        assert sorted(event.seq for event in asked) == sorted(answer.facts["asked"] for answer in answers)
        assert mine[0].words.startswith("the order is found: open, ")
        assert tried
    assert any("brings no usable answer" in event.words for event in events)


async def test_a_mass_cancel_belongs_to_the_story_of_every_order(tmp_path):
    """What a venue's own cancel asked for and brought stands with each order; a page of a listing does not."""
    simulator = simulated_polymarket(orders=20)
    report, entries = await recorded(simulator, tmp_path / "journal.db")
    order_id = next(iter(report.results)).order_id
    mine = [event for event in story(entries) if event.concerns("alice", order_id)]

    assert any("the venue's cancel of everything is answered" in event.words and "it names " in event.words for event in mine)
    assert not [event for event in mine if event.what == REQUEST and event.facts["kind"] == "list"]
    assert not [event for event in story(entries) if event.concerns("bob", None) and event.account == "alice"]


async def test_what_no_answer_is_on_record_for_is_told(tmp_path):
    """Wherever a record is cut off, each cancel without an answer is told as one that may have reached the venue."""
    _, entries = await recorded(faulty("http_503", share=0.05), tmp_path / "journal.db")
    for end in range(1, len(entries), 7):
        events = list(story(entries[:end]))
        asked = {(event.seq, event.orders) for event in events if event.what == INTENT}
        answered = {(event.facts["asked"], event.orders) for event in events if event.what == ANSWER}
        assert asked - answered == {(event.facts["asked"], event.orders) for event in events if event.what == LOST}
        assert OPEN == events[-1].what


SPOILT = ("null", "[]", "{}", "[1]", '"x"', "7", "[1,2,3,4,5,6,7]", "[[[1]]]", '{"stop": 5}', "nonsense", "[" * 5000)


def problem_of(read):
    """What is wrong in words, or nothing; any other error than a `ValueError` is raised."""
    try:
        read()
    except ValueError as error:
        return str(error)
    return "it cannot be read: no, it can"


@pytest.mark.parametrize("body", SPOILT, ids=range(len(SPOILT)))
async def test_a_spoilt_entry_is_an_error_that_names_it(tmp_path, body):
    """Whatever stands in an entry, reading it gives a report and a story, or one ValueError; nothing else."""
    _, entries = await recorded(faulty("drop", share=0.05), tmp_path / "journal.db", deadline_s=1.0)
    for at in range(0, len(entries), 3):
        spoilt = [*entries[:at], entries[at]._replace(body=body), *entries[at + 1 :]]
        assert "cannot be read: " in problem_of(lambda spoilt=spoilt: replay(spoilt).report().to_dict())
        assert "cannot be read: " in problem_of(lambda spoilt=spoilt: list(story(spoilt)))


@pytest.mark.parametrize("drop", [0, 1, 2, -1])
async def test_a_missing_entry_is_survived(tmp_path, drop):
    """Without its first entry there is no record; without another one, what is left is told, or that it cannot be."""
    _, entries = await recorded(simulated(orders=3), tmp_path / "journal.db")
    del entries[drop]
    assert "cannot be read: " in problem_of(lambda: replay(entries).report())
    assert "cannot be read: " in problem_of(lambda: list(story(entries)))
    assert drop or "entry 1 cannot be read" in problem_of(lambda: replay(entries))


async def test_a_refusal_that_says_how_long_to_wait_is_told_with_that(tmp_path):
    """HTTP 429 with Retry-After is part of the story like any other failure, and so are the milliseconds that it asked for."""
    simulator = simulated(orders=3, latency_s=0.01, faults=[FaultRule(FAULTS["rate_429_retry_1"], times=1, routes={"cancel"})])
    async with engine_for(simulator, journal=Journal.open(tmp_path / "journal.db", in_loop=True)) as engine:
        report = await engine.mass_cancel([account_of(simulator)])
    with Journal.open(tmp_path / "journal.db", in_loop=True) as journal:
        failures = [event.to_dict()["facts"] for event in story(journal.entries(report.run_id)) if event.facts.get("failure")]

    assert [("ThrottledError", 1_000)] == [(each["failure"], each["retry_after_ms"]) for each in failures]
