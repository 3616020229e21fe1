"""The journal in a server's database, from the command line: the same as in a file, and its password is never shown."""

import re

import pytest


@pytest.fixture
def address(server, monkeypatch):  # the fixture above
    """The address of an empty database, which the environment holds under a name of its own."""
    monkeypatch.setenv("THE_JOURNAL", server.url().reveal())
    yield server.url().reveal()
    server.ask("DROP SCHEMA IF EXISTS cancel_engine CASCADE")


def test_a_server_keeps_runs_and_no_word_shows_its_password(cli, simulate, address, server):
    """A run is recorded, stopped, resumed, listed, verified, reported, told and pruned; no output holds the password."""
    venue = simulate("--orders", 30)
    at = ("--journal", "env:THE_JOURNAL")
    stopped = cli("cancel-all", *venue.use, "--yes", "--deadline", 1, *at)
    resumed = cli("resume", *venue.use, "--json", *at)
    run_id = resumed.document["run_id"]
    again = cli("report", run_id, "--json", *at)
    looked = [cli(*verb, *at) for verb in (("runs",), ("runs", "verify"), ("orders", "--run", run_id), ("runs", "--json"))]
    pruned = cli("runs", "prune", "--older-than", "1h", "--yes", *at)

    assert (1, 0, 0, 30) == (stopped.code, resumed.code, again.code, resumed.document["cancelled"])
    assert resumed.out == again.out
    assert [0, 0, 0, 0, 0] == [ran.code for ran in (*looked, pruned)]
    assert f"cancel-engine resume {run_id} --journal env:THE_JOURNAL" in stopped.err
    said = "".join(ran.out + ran.err for ran in (stopped, resumed, again, *looked, pruned))
    secrets = (server.password, re.search(r":([^:@]+)@", address)[1])
    assert [] == [secret for secret in secrets if secret in said]


def test_an_address_on_the_command_line_is_not_repeated(cli, simulate, address, server):
    """An address with its password is taken, and neither the record's line nor the way to go on repeats it."""
    venue = simulate("--orders", 30)
    ran = cli("cancel-all", *venue.use, "--yes", "--deadline", 1, "--journal", address)
    wrong = cli("cancel-all", *venue.use, "--yes", "--journal", server.url(password="wr0ng word").reveal())

    assert (1, True) == (ran.code, "Recorded: run " in ran.err)
    assert "--journal postgresql://…" in ran.err
    assert (2, "") == (wrong.code, wrong.out)
    assert "--no-journal" in wrong.line
    secrets = (server.password, re.search(r":([^:@]+)@", address)[1], "wr0ng word", "wr0ng%20word")
    assert [] == [secret for secret in secrets if secret in ran.out + ran.err + wrong.err]
