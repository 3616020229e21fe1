"""Each example runs as it stands, in a process of its own, against a simulated venue."""

import configparser
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest

from engine import Journal, RunReport
from engine.cli import cli

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
UNIT = EXAMPLES / "cancel-all-on-death.service"
PATIENCE_S = 60.0


def line_with(process, words):
    """The next line that holds these words; a process that never says them is ended, and the wait with it."""
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            if words in line:
                return line.rstrip()
        pytest.fail(f"it never said {words!r}")
    finally:
        watchdog.cancel()


@pytest.fixture
def venue(started, tmp_path):
    """Start a simulated Opinion; gives its address and the file of its accounts."""

    def start(*, accounts, orders):
        file = tmp_path / "accounts.toml"
        flags = ("--accounts", accounts, "--orders", orders, "--accounts-file", file, "--json")
        process = started(sys.executable, "-m", "engine", "simulate", *flags)
        return json.loads(line_with(process, "base_url"))["base_url"], file

    return start


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_an_example_is_short(path):
    """An example has fewer than 80 lines."""
    assert 80 > len(path.read_text("utf-8").splitlines())


# --- market_maker.py


def test_the_market_maker_pulls_its_quotes(started):
    """It pulls when the price jumps, quotes again, pulls on SIGTERM, and leaves an empty book."""
    maker = started(sys.executable, EXAMPLES / "market_maker.py")
    jumps = [line_with(maker, "price jump") for _ in range(2)]
    maker.send_signal(signal.SIGTERM)
    told, _ = maker.communicate(timeout=PATIENCE_S)

    assert ["price jump: 6 cancelled, 0 at risk"] * 2 == [line.partition(" in ")[0] for line in jumps]
    assert re.search(r"^shutdown: 6 cancelled, 0 at risk in ", told, re.MULTILINE)
    assert told.endswith("the venue's own book has 0 open orders\n")
    assert 0 == maker.returncode


# --- nightly.py


def test_the_nightly_clean_up_of_a_thousand_users(started, venue, tmp_path):
    """Every order of a thousand users is off the book in one run, with a record that is whole and a report that loads back."""
    base_url, accounts = venue(accounts=1000, orders=2)
    night = started(sys.executable, EXAMPLES / "nightly.py", accounts, "--base-url", base_url)
    told, _ = night.communicate(timeout=3 * PATIENCE_S)

    assert "1000 users, 2000 orders cancelled, 0 may be live\n" in told
    assert 0 == night.returncode
    (written,) = (tmp_path / "reports").glob("*.json")
    report = RunReport.from_dict(json.loads(written.read_text("utf-8")))
    assert (1000, 2000) == (len(report.accounts), report.cancelled)
    assert written.with_suffix(".html").read_text("utf-8").startswith("<!doctype html>")
    assert 0o600 == written.stat().st_mode & 0o777
    with Journal.open(tmp_path / "nightly.db") as journal:
        assert [] == journal.verify(report.run_id)


def test_a_night_that_is_cut_off_is_finished_by_the_next(started, venue, tmp_path):
    """After `kill -9` in the middle the next night goes on with the record, and no order is left."""
    base_url, accounts = venue(accounts=4, orders=60)
    command = (sys.executable, EXAMPLES / "nightly.py", accounts, "--base-url", base_url)
    first = started(*command)
    line_with(first, "cleaning up")
    with pytest.raises(subprocess.TimeoutExpired):
        first.wait(2)  # 15 requests a second: the work is under way, and far from its end
    first.kill()
    first.wait()
    second = started(*command)
    told, _ = second.communicate(timeout=PATIENCE_S)

    assert 0 == second.returncode
    with Journal.open(tmp_path / "nightly.db") as journal:
        new, old = journal.runs()
    assert f"going on with {old.run_id}\n4 users, 240 orders cancelled, 0 may be live\n" in told
    assert told.endswith("4 users, 0 orders cancelled, 0 may be live\n")
    assert [("finished", 2), ("finished", 1)] == [(run.state, run.lives) for run in (old, new)]


def test_a_night_that_is_stopped_reports(started, venue):
    """SIGTERM ends it in order: a report that names what may be live, and exit code 1."""
    base_url, accounts = venue(accounts=2, orders=100)
    night = started(sys.executable, EXAMPLES / "nightly.py", accounts, "--base-url", base_url)
    line_with(night, "cleaning up")
    with pytest.raises(subprocess.TimeoutExpired):
        night.wait(2)
    night.send_signal(signal.SIGTERM)
    told, _ = night.communicate(timeout=PATIENCE_S)

    assert re.search(r"^2 users, \d+ orders cancelled, [1-9]\d* may be live$", told, re.MULTILINE)
    assert 1 == night.returncode


# --- cancel-all-on-death.service


def unit():
    """The unit file, its keys as they are written."""
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str
    parser.read(UNIT, "utf-8")
    return parser


def commands():
    """The command lines: that of the unit, and that which it proposes for the trading process's unit."""
    proposed = re.findall(r"^#\s+ExecStopPost=(/.*)$", UNIT.read_text("utf-8"), re.MULTILINE)
    return [unit()["Service"]["ExecStart"], *proposed]


def test_the_unit_has_two_command_lines():
    """The unit runs a command, and proposes one for the unit of the trading process, beside an OnFailure= that names itself."""
    assert 2 == len(commands())
    assert f"#     OnFailure={UNIT.name}\n" in UNIT.read_text("utf-8")
    assert "2" == unit()["Service"]["RestartPreventExitStatus"]


@pytest.mark.parametrize("command", commands(), ids=["the unit's", "the trading unit's"])
def test_the_command_line_of_a_unit_is_ours(command):
    """Our command line takes it, it never asks, and its deadline is shorter than systemd's."""
    program, verb, *arguments = shlex.split(command)
    with click.Context(cli) as above:
        subcommand = cli.get_command(above, verb)
        parsed = subcommand.make_context(verb, arguments, parent=above, resilient_parsing=False)

    assert ("cancel-engine", "cancel-all") == (Path(program).name, verb)
    assert parsed.params["yes"] is True
    assert float(unit()["Service"]["TimeoutStartSec"]) > parsed.params["deadline"]


@pytest.mark.parametrize("command", commands(), ids=["the unit's", "the trading unit's"])
def test_the_command_line_of_a_unit_cancels(command, started, venue, tmp_path):
    """Run as it stands, but with a simulator's address and accounts, it takes everything off the book."""
    base_url, accounts = venue(accounts=2, orders=10)
    words = shlex.split(command.replace("/etc/cancel-engine/accounts.toml", str(accounts)))
    words = [sys.executable, "-m", "engine", *words[1:], "--base-url", base_url, "--journal", tmp_path / "j.db", "--json"]
    process = started(*words)
    told, _ = process.communicate(timeout=PATIENCE_S)

    assert 0 == process.returncode
    assert (20, 0) == (json.loads(told)["cancelled"], json.loads(told)["at_risk"])


def test_systemd_takes_the_unit(tmp_path):
    """The checks of systemd find nothing wrong with the unit, but for the program that is not installed here."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze on the path")
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text("utf-8").replace("ExecStart=/opt/cancel-engine/bin/cancel-engine", "ExecStart=/bin/true"))
    done = subprocess.run([analyze, "verify", path], capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    assert (0, "") == (done.returncode, done.stderr)
