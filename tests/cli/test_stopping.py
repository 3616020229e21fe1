"""Ctrl-C and SIGTERM at a run under way: the child that is signalled is the one that was started, by its own id."""

import json
import signal
import time

import pytest

SLOW = ("--orders", 60)
"""Sixty orders at 15 a second take four seconds."""


def under_way(child):
    """Wait until the run says on stderr that it moves."""
    return child.stderr.readline()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_the_first_signal_brings_the_report(cli, simulate, started, ended, number):
    """The first signal stops the run; the report still comes, true in what it says, with exit code 1."""
    venue = simulate(*SLOW)
    child = started("cancel-all", *venue.use, "--yes")
    assert b"cancelled" in under_way(child)
    child.send_signal(number)
    begun_s = time.monotonic()
    ran = ended(child)
    assert time.monotonic() - begun_s < 5
    assert ran.code == 1
    assert "may still be live in 1 account" in ran.out.splitlines()[-1]
    assert "Traceback" not in ran.err
    left = cli("orders", *venue.use, "--json").document["total"]
    assert 0 < left < 60


def test_a_stopped_run_still_is_one_document(simulate, started, ended, until_sent):
    """With --json, a stopped run prints its one document."""
    venue = simulate(*SLOW)
    child = started("cancel-all", *venue.use, "--yes", "--json")
    until_sent()
    child.send_signal(signal.SIGINT)
    ran = ended(child)
    report = json.loads(ran.out)
    assert ran.code == 1
    assert report["at_risk"] > 0 or not report["listing_complete"]


def test_the_second_signal_leaves_at_once(simulate, started, ended, until_sent):
    """The second signal ends the process with 130, without a report and without waiting for an answer."""
    venue = simulate("--fault", "hang", "--orders", 5)
    child = started("cancel-all", *venue.use, "--yes", "--json")
    until_sent()
    child.send_signal(signal.SIGINT)
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    ran = ended(child)
    assert (ran.code, ran.out) == (130, "")
    assert "interrupted twice" in ran.err
    assert "Traceback" not in ran.err


def test_a_signal_ends_a_listing_with_what_was_read(simulate, started, ended):
    """A listing that is stopped says that it is not complete."""
    venue = simulate("--orders", 100, "--latency", 600)
    child = started("orders", *venue.use, "--json")
    time.sleep(1.0)
    child.send_signal(signal.SIGINT)
    ran = ended(child)
    assert ran.code == 1
    assert json.loads(ran.out)["accounts"]["account-1"]["listing_complete"] is False


def test_a_signal_during_a_dry_run_is_one_line(simulate, started, ended):
    """A dry run that is interrupted ends with 130 and a line: there is nothing to report."""
    venue = simulate("--orders", 100, "--latency", 600)
    child = started("cancel-all", *venue.use, "--dry-run", "--json")
    time.sleep(1.0)
    child.send_signal(signal.SIGINT)
    ran = ended(child)
    assert (ran.code, ran.out) == (130, "")
    assert ran.err.split("\n")[-2:] == ["cancel-engine: interrupted", ""]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_simulator_stops_cleanly(started, ended, number):
    """A simulator ends with 0 on either signal, also with a hanging request under way."""
    child = started("simulate", "--json")
    child.stdout.readline()
    child.send_signal(number)
    assert ended(child).code == 0


def test_a_closed_pipe_does_not_stop_the_run(cli, simulate, started):
    """Whoever reads the progress may go away: the orders still come off the book."""
    venue = simulate("--orders", 25)
    child = started("cancel-all", *venue.use, "--yes")
    child.stderr.close()
    child.stdout.close()
    assert child.wait(timeout=20) == 1
    assert cli("orders", *venue.use, "--json").document["total"] == 0
