"""Going on from the command line after a crash: the child that is killed is the one that was started, by its own id."""

import json
import signal
import sqlite3
import time

import pytest

from engine.journal.sqlite import SqliteStore
from engine.journal.store import Holder

SLOW = ("--orders", 40)
"""Forty orders at 15 a second take three seconds."""

GONE = Holder("another machine", 1, "", "")


@pytest.fixture
def journal(state):
    """Where runs are recorded unless something else is said."""
    return state / "cancel-engine" / "journal.db"


@pytest.fixture
def under_way(started, journal, asked):
    """Begin a run, and give its process once so many of its orders stand at this outcome."""

    def begin(*arguments, outcome="cancelled", least=5):
        known = asked(journal, "SELECT count(*) FROM run")
        child = started(*arguments, "--json")
        end_s = time.monotonic() + 20
        there = f"SELECT count(*) FROM fate WHERE run = (SELECT max(run) FROM run) AND outcome = '{outcome}'"
        while asked(journal, "SELECT count(*) FROM run") == known or asked(journal, there) < least:
            assert child.poll() is None
            assert time.monotonic() < end_s
            time.sleep(0.02)
        return child

    return begin


@pytest.fixture
def cut(under_way, journal, asked):
    """Begin a run, kill it with SIGKILL when so many of its orders stand at this outcome, and give its id."""

    def kill(*arguments, **until):
        child = under_way(*arguments, **until)
        child.kill()
        child.wait(20)
        return asked(journal, "SELECT run_id FROM run ORDER BY run DESC LIMIT 1")

    return kill


def change(path, statement, *values):
    """Change a journal behind everybody's back."""
    connection = sqlite3.connect(path, timeout=10)
    assert connection.execute(statement, values).rowcount
    connection.commit()
    connection.close()


def test_a_killed_run_is_resumed_without_naming_it(cli, simulate, cut):
    """After kill -9, `resume` without an argument says what it goes on with, takes off what is left, and reports on the whole."""
    venue = simulate(*SLOW)
    run_id = cut("cancel-all", *venue.use, "--yes", least=12)
    left = cli("orders", *venue.use, "--json").document["total"]
    (line,) = cli("runs", "--json").document["runs"]
    assert (run_id, "cut off", True) == (line["run_id"], line["state"], 0 < left < 30)

    ran = cli("resume", *venue.use, "--json", "--requested-by", "the night shift")
    assert (0, run_id) == (ran.code, ran.document["run_id"])
    assert ran.said[0].startswith(f"Run {run_id} of 20")
    assert "cancel-all: every open order, cut off: 0 of 1 account done; " in ran.said[0]
    assert (40, 40, 0, True) == tuple(ran.document[key] for key in ("total", "cancelled", "at_risk", "listing_complete"))
    assert 0 == cli("orders", *venue.use, "--json").document["total"]
    assert ran.out == cli("report", run_id, "--json").out
    assert 0 == cli("runs", "verify").code


def test_a_run_that_is_cut_off_is_told_as_it_stands(cli, simulate, cut):
    """`report` says first that the run was cut off and how to go on, and exits with 1: what is not known to be off is at risk."""
    venue = simulate(*SLOW)
    run_id = cut("cancel-all", *venue.use, "--yes")
    ran = cli("report", run_id)

    assert 1 == ran.code
    assert f"Run {run_id} was cut off" in ran.out.splitlines()[0]
    assert f"cancel-engine resume {run_id}" in ran.out.splitlines()[0]
    assert "may still be live in 1 account" in ran.out.splitlines()[-1]
    document = cli("report", run_id, "--json")
    assert (1, "the run was cut off") == (document.code, document.document["stop"])
    assert document.said[0].startswith(f"Run {run_id} was cut off")
    told = cli("orders", "--run", run_id)
    assert "here the record ends: the run was cut off, or is under way" in told.out


def test_what_was_on_its_way_is_in_the_story(cli, simulate, cut):
    """An order whose cancel was under way at the kill is told as such, and after the resumption what became of it."""
    venue = simulate("--orders", 40, "--latency", 500)
    run_id = cut("cancel-all", *venue.use, "--yes", outcome="unknown")
    events = cli("orders", "--run", run_id, "--json").document["events"]
    (order_id, *_) = next(event["orders"] for event in events if event["what"] == "lost")
    before = cli("orders", "--run", run_id, "--order", order_id)
    assert "it may have reached the venue" in before.out
    assert "unknown" in before.out.splitlines()[-1]

    assert 0 == cli("resume", *venue.use).code
    after = cli("orders", "--run", run_id, "--order", order_id)
    words = ["it may have reached the venue", "the run is resumed", "a read of the order is answered", "the order is settled as"]
    places = [after.out.index(each) for each in words]
    assert sorted(places) == places
    assert after.out.splitlines()[-1].startswith("How it stands in the record: ")


@pytest.mark.parametrize("house", ["opinion", "polymarket"])
def test_known_ids_are_resumed(cli, simulate, cut, house):
    """A `cancel` that was killed is resumed with its ids, each at its place, and its document is the account's summary."""
    venue = simulate("--venue", house, "--orders", 30, "--latency", 400)
    ids = [order["order_id"] for order in cli("orders", *venue.use, "--json").document["accounts"]["account-1"]["orders"]]
    cut("cancel", *ids, ids[0], *venue.use, outcome="unknown", least=1)
    ran = cli("resume", *venue.use, "--json")

    assert 0 == ran.code
    assert [*ids, ids[0]] == [result["order_id"] for result in ran.document["results"]]
    assert {"cancelled", "already_cancelled"} >= {result["outcome"] for result in ran.document["results"]}
    assert 0 == cli("orders", *venue.use, "--json").document["total"]


def test_two_at_once_are_refused(cli, simulate, cut, started, ended):
    """While one process goes on with a run, another one that wants to is told so in a sentence, and sends nothing."""
    venue = simulate(*SLOW)
    run_id = cut("cancel-all", *venue.use, "--yes")
    child = started("resume", *venue.use, "--json")
    assert b"Going on" in child.stderr.readline()
    while cli("runs", "--json").document["runs"][0]["state"] != "running":
        time.sleep(0.05)
    named, unnamed = cli("resume", run_id, *venue.use), cli("resume", *venue.use)

    assert (2, 2, "", "") == (named.code, unnamed.code, named.out, unnamed.out)
    assert f"run {run_id} is under way in another process" in named.line
    assert run_id in unnamed.line
    seen = cli("report", run_id)
    assert f"Run {run_id} is under way" in seen.out.splitlines()[0]
    assert 0 == ended(child).code


def test_two_that_begin_in_the_same_moment_are_one(simulate, cut, started, ended):
    """Of two that are started together exactly one goes on with the run; the other ends with 2 or finds it finished."""
    venue = simulate(*SLOW)
    run_id = cut("cancel-all", *venue.use, "--yes")
    children = [started("resume", run_id, *venue.use, "--json") for _ in range(2)]
    codes = sorted(ended(child).code for child in children)

    assert [0, 2] == codes


def test_ctrl_c_says_how_to_go_on(cli, simulate, started, ended):
    """A run that Ctrl-C stopped names the command that goes on with it, and that command does."""
    venue = simulate(*SLOW)
    child = started("cancel-all", *venue.use, "--yes")
    child.stderr.readline()
    child.send_signal(signal.SIGINT)
    ran = ended(child)
    (line,) = [line for line in ran.err.splitlines() if line.startswith("To go on with it")]
    again = cli(*line.partition("cancel-engine ")[2].split(), *venue.use, "--json")

    assert (1, 0, 40) == (ran.code, again.code, again.document["cancelled"])


def test_the_second_ctrl_c_says_it_too(simulate, under_way, ended):
    """Left at once, the run can be resumed, and the last words say how."""
    venue = simulate("--orders", 5, "--latency", 3000)
    child = under_way("cancel", *"abcde", *venue.use, outcome="unknown")
    child.send_signal(signal.SIGINT)
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    ran = ended(child)

    assert (130, True) == (ran.code, ran.err.rstrip().endswith("with the same accounts: cancel-engine resume"))


def test_several_that_are_not_finished_are_named(cli, simulate, cut):
    """With two runs that can be resumed, `resume` alone does neither, and lists both, the newest first."""
    venue = simulate("--orders", 60)
    first = cut("cancel-all", *venue.use, "--yes")
    second = cut("cancel-all", *venue.use, "--yes", "--side", "buy")
    ran = cli("resume", *venue.use)

    assert (2, "") == (ran.code, ran.out)
    assert ran.line.index(second) < ran.line.index(first)
    assert "may be live" in ran.line
    assert 0 == cli("resume", first[:6], *venue.use).code
    assert 0 == cli("resume", *venue.use).code
    none = cli("resume", *venue.use)
    assert (2, True) == (none.code, "all came to their end" in none.line)


def test_a_finished_run_gives_its_report_again(cli, simulate):
    """Resuming what is finished sends nothing, says so, prints the report and exits as it says."""
    venue = simulate("--no-limits", "--orders", 5)
    ran = cli("cancel-all", *venue.use, "--yes", "--json")
    venue.stop()
    again = cli("resume", ran.document["run_id"], *venue.use, "--json")

    assert (0, ran.out) == (again.code, again.out)
    assert "finished already" in again.line


def test_another_key_is_refused_unless_it_is_said(cli, simulate, cut, accounts_file):
    """An account with another key than when the run began is refused before anything is sent; --new-keys takes it."""
    venue = simulate(*SLOW)
    cut("cancel-all", *venue.use, "--yes")
    other = accounts_file(venue.accounts_file.read_text().replace(venue.keys[0], "f" * 48))
    use = ("--accounts", other, *venue.use[2:])
    refused = cli("resume", *use)
    taken = cli("resume", *use, "--new-keys", "--json")

    assert (2, "") == (refused.code, refused.out)
    assert "--new-keys" in refused.said[-1]
    assert 1 == taken.code
    assert "refuses the key" in taken.said[-1]


def test_an_account_that_is_missing_is_named(cli, simulate, cut):
    """Without the credentials of an account that the run is not done with, nothing is sent, and the account is named."""
    venue = simulate("--accounts", 2, *SLOW)
    cut("cancel-all", *venue.use, "--yes")
    ran = cli("resume", *venue.use, "--only", "account-2")

    assert (2, "") == (ran.code, ran.out)
    assert "account-1" in ran.said[-1]
    assert 0 == cli("resume", *venue.use).code


def test_a_resumption_can_be_stopped_and_resumed(cli, simulate, cut):
    """A deadline ends a resumption like any run, with its report and exit code 1, and the next one goes on."""
    venue = simulate(*SLOW)
    run_id = cut("cancel-all", *venue.use, "--yes")
    stopped = cli("resume", *venue.use, "--deadline", 1, "--json")
    ran = cli("resume", *venue.use, "--json")
    (line,) = cli("runs", "--json").document["runs"]

    assert (1, "the deadline came first") == (stopped.code, stopped.document["stop"])
    assert f"To go on with it, with the same accounts: cancel-engine resume {run_id}" in stopped.err
    assert (0, 40, 3, "finished") == (ran.code, ran.document["cancelled"], line["lives"], line["state"])


def test_a_run_that_a_function_chose_needs_its_program(cli, simulate, cut, journal):
    """Orders that a function of a program chose cannot be chosen again here, so it is refused in one line."""
    venue = simulate(*SLOW)
    cut("cancel-all", *venue.use, "--yes")
    change(journal, "UPDATE entry SET body = replace(body, '\"where\":false', '\"where\":true') WHERE kind = 'run'")
    ran = cli("resume", *venue.use)

    assert (2, "") == (ran.code, ran.out)
    assert "where=" in ran.line


def test_a_run_of_which_nothing_was_recorded_is_left_alone(cli, simulate, journal):
    """A run that was cut off before its first entry sent nothing: it is listed, and neither resumed nor reported."""
    venue = simulate("--no-limits", "--orders", 2)
    assert 0 == cli("cancel-all", *venue.use, "--yes").code
    store = SqliteStore(journal)
    store.begin("feedfeed0000", 1_000, GONE)
    store.close()

    assert "nothing of it was recorded" in " ".join(cli("runs").out.split()) or "cut off" in cli("runs").out
    for verb in (("resume", "feed", *venue.use), ("report", "feed"), ("orders", "--run", "feed")):
        ran = cli(*verb)
        assert (verb, 2, "") == (verb, ran.code, ran.out)
        assert "before anything was sent" in ran.line
    assert "all came to their end" in cli("resume", *venue.use).line


@pytest.mark.parametrize("given", ["", "ab", "no-such-run", "a\x1b[2Jbc"])
def test_a_run_that_is_not_there_is_one_line(cli, simulate, given):
    """An id that nothing is called is one line and exit code 2."""
    venue = simulate("--no-limits", "--orders", 2)
    assert 0 == cli("cancel-all", *venue.use, "--yes").code
    ran = cli("resume", given, *venue.use)
    assert (2, "", False) == (ran.code, ran.out, "\x1b" in ran.line)


def test_a_deadline_report_of_a_resumption_is_written(cli, simulate, cut, tmp_path):
    """--report writes the files of the whole run, which load back."""
    venue = simulate(*SLOW)
    run_id = cut("cancel-all", *venue.use, "--yes")
    assert 0 == cli("resume", *venue.use, "--report", tmp_path / "reports").code
    document = json.loads((tmp_path / "reports" / f"{run_id}.json").read_text())

    assert (40, run_id) == (document["cancelled"], document["run_id"])
