"""`--report`: the report as files beside whatever is printed."""

import json
import os
import stat

import pytest


@pytest.mark.parametrize("verb", ["cancel-all", "cancel"])
def test_the_report_is_written(cli, simulate, tmp_path, verb):
    """The file holds the report of the run, its owner alone can read it, and its path is named on stderr."""
    venue = simulate("--orders", 3, "--no-limits")
    directory = tmp_path / "reports" / "today"
    what = ("cancel-all", "--yes") if verb == "cancel-all" else ("cancel", "no-such-order")
    ran = cli(*what, *venue.use, "--report", directory, "--json")
    (path,) = directory.glob("*.json")
    assert (ran.code, ran.line) == (0, f"report written to {path}")
    written = json.loads(path.read_text())
    assert (written["total"], stat.S_IMODE(path.stat().st_mode)) == (ran.document["total"], 0o600)
    assert list(written["accounts"]) == ["account-1"]
    assert not [key for key in venue.secrets if key in path.read_text()]


def test_a_directory_that_cannot_be_had_is_refused_before_anything_is_sent(cli, simulate, tmp_path):
    """Where no report can be written, nothing is cancelled: exit code 2, and the orders rest."""
    venue = simulate("--orders", 3, "--no-limits")
    (tmp_path / "taken").write_text("a file")
    ran = cli("cancel-all", *venue.use, "--yes", "--report", tmp_path / "taken")
    assert (ran.code, ran.out) == (2, "")
    assert str(tmp_path / "taken") in ran.line
    assert cli("orders", *venue.use, "--json").document["total"] == 3


@pytest.mark.parametrize("as_json", [True, False], ids=["JSON", "tables"])
def test_a_report_that_cannot_be_written_is_still_shown(simulate, started, ended, tmp_path, as_json):
    """If writing fails after the run, the result is shown all the same, a line says so, and the exit code is 1."""
    venue = simulate("--orders", 20)
    directory = tmp_path / "reports"
    child = started("cancel-all", *venue.use, "--yes", "--report", directory, *(["--json"] if as_json else []))
    while not directory.exists():
        assert child.poll() is None
    directory.rmdir()
    ran = ended(child)
    assert ran.code == 1
    assert f"the report could not be written to {directory}: No such file or directory" in ran.err
    assert ran.document["cancelled"] == 20 if as_json else "All 20 orders in scope are off the book" in ran.out


def test_a_dry_run_writes_no_report(cli, standing, tmp_path):
    """A dry run has no report, and makes no directory."""
    assert cli("cancel-all", *standing.use, "--dry-run", "--report", tmp_path / "none").code == 0
    assert not os.path.lexists(tmp_path / "none")


def test_a_pause_before_the_second_listing_is_accepted(cli, simulate):
    """--settle is handed on, and everything comes off."""
    venue = simulate("--orders", 3, "--no-limits")
    assert cli("cancel-all", *venue.use, "--yes", "--settle", "0.2", "--json").document["cancelled"] == 3
