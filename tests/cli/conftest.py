"""The command line as a user has it: in a process of its own, or called in this one, against a simulator in another."""

import fcntl
import json
import logging
import os
import pty
import re
import select
import signal
import sqlite3
import struct
import subprocess
import sys
import termios
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.config import VENUES
from engine.config.schema import FILE_VARIABLE, variable_of
from engine.config.schema import KEYS as PATHS

PATIENCE_S = 20.0


TERMINAL_HABITS = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE")
KEYS = [variable for kind in VENUES.values() for variable in (*kind.variables.values(), kind.private_key)]
UNWANTED = (*KEYS, *TERMINAL_HABITS, *map(variable_of, PATHS), FILE_VARIABLE)

LIFTED = {"opinion": "requests_per_s = 10000", "polymarket": "keep_tokens = false\nkeep_windows = false"}
"""Settings with which the engine does not hold back either, where the simulator's limits are lifted."""


@dataclass(frozen=True)
class Ran:
    """What one command came to."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def said(self) -> list[str]:
        """The lines on stderr, but for where the run was recorded and how to go on with it."""
        return [line for line in self.err.splitlines() if not line.startswith(("Recorded: ", "To go on with it"))]

    @property
    def line(self) -> str:
        """The one line on stderr, beside where the run was recorded."""
        lines = self.said
        assert len(lines) == 1, self.err
        return lines[0]


def environment(**more: str) -> dict[str, str]:
    """A clean environment: no key, no terminal habits of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if name not in UNWANTED} | {"TERM": "xterm"} | more


def spawn(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
    """Start the command in a process of its own."""
    options.setdefault("env", environment())
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen([sys.executable, "-m", "engine", *map(str, arguments)], **options)


def run_process(*arguments: object, **options: Any) -> Ran:
    """Run the command in a process of its own, to its end."""
    process = spawn(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    return finish(process)


def finish(process: subprocess.Popen[bytes]) -> Ran:
    """Wait for the end, not for ever."""
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Ran(process.returncode, out.decode(), err.decode())


@pytest.fixture(autouse=True)
def state(tmp_path_factory, monkeypatch):
    """A state folder of the test's own: no run of a test is recorded in that of whoever runs the tests."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    return folder


@pytest.fixture
def until_sent(state):
    """Wait until a run has written down a request: whatever comes next, comes to a run under way."""

    def wait():
        path, end_s = state / "cancel-engine" / "journal.db", time.monotonic() + PATIENCE_S
        while not ask(path, "SELECT count(*) FROM entry WHERE kind IN ('request', 'intent')"):
            assert time.monotonic() < end_s
            time.sleep(0.02)
        time.sleep(0.2)  # it leaves as soon as it is written down

    return wait


@pytest.fixture
def asked():
    """One value of a journal, found behind everybody's back."""
    return ask


def ask(path: Path, query: str) -> Any:
    """One value of a journal, or 0 where it is not there yet."""
    if not path.exists():
        return 0
    connection = sqlite3.connect(path, timeout=10)
    try:
        return connection.execute(query).fetchone()[0]
    except sqlite3.OperationalError:  # its tables are just being made
        return 0
    finally:
        connection.close()


class Simulated:
    """A simulator in a process of its own."""

    def __init__(self, folder: Path, *flags: object) -> None:
        self.accounts_file = folder / f"accounts-{len(list(folder.iterdir()))}.toml"
        self.process = spawn(
            "simulate", "--json", "--accounts-file", self.accounts_file, *flags, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        watchdog = threading.Timer(PATIENCE_S, self.process.kill)
        watchdog.start()
        self.line = self.process.stdout.readline()
        watchdog.cancel()
        scene = json.loads(self.line)
        self.base_url: str = scene["base_url"]
        self.accounts: list[dict[str, str]] = scene["accounts"]
        self._more: tuple[str, ...] = ()
        self.venue: str = self.accounts[0]["venue"]
        if "--no-limits" in flags:
            settings = self.accounts_file.with_suffix(".settings")
            settings.write_text(f"[venue.{self.venue}]\n{LIFTED[self.venue]}\n")
            self._more = ("--config", str(settings))
        self.keys: list[str] = [account["api_key"] for account in self.accounts]

    @property
    def secrets(self) -> list[str]:
        """Everything that must never be shown, of all accounts."""
        public = ("name", "venue", "address")
        return [value for account in self.accounts for key, value in account.items() if key not in public]

    @property
    def use(self) -> tuple[str, ...]:
        """The options that point a verb here."""
        return ("--accounts", str(self.accounts_file), "--base-url", self.base_url, *self._more)

    def stop(self) -> int:
        """End it as an operator would; gives the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        finish(self.process)
        return self.process.returncode


@pytest.fixture
def simulate(tmp_path):
    """Start simulators with these flags; all are stopped in the end."""
    started: list[Simulated] = []

    def start(*flags: object) -> Simulated:
        started.append(Simulated(tmp_path, *flags))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    """A simulator for tests that change nothing: three accounts of 25 orders, no limits: no test waits for another."""
    simulated = Simulated(tmp_path_factory.mktemp("standing"), "--accounts", 3, "--orders", 25, "--no-limits")
    yield simulated
    simulated.stop()


@pytest.fixture(scope="module")
def resting(tmp_path_factory):
    """A Polymarket for tests that change nothing: two accounts of 130 orders."""
    simulated = Simulated(tmp_path_factory.mktemp("resting"), "--venue", "polymarket", "--accounts", 2, "--orders", 130)
    yield simulated
    simulated.stop()


@pytest.fixture(scope="session")
def process():
    """Run the command in a process of its own, to its end."""
    return run_process


@pytest.fixture
def started():
    """Start the command in a process of its own; whatever still runs in the end is killed, by its own id."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        processes.append(spawn(*arguments, **options))
        return processes[-1]

    yield start
    for each in processes:
        if each.poll() is None:
            each.kill()
        each.communicate(timeout=20)


@pytest.fixture
def ended():
    """Wait for the end of a started process, not for ever."""
    return finish


@pytest.fixture
def cli(capsys, monkeypatch):
    """Call the command in this process; quick, and without a terminal."""
    logger = logging.getLogger("engine")
    before = list(logger.handlers), logger.level, logger.propagate
    for name in UNWANTED:
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Ran(code, *capsys.readouterr())

    yield run
    logger.handlers[:], logger.level, logger.propagate = before[0], before[1], before[2]


@pytest.fixture
def accounts_file(tmp_path):
    """Write an accounts file that only its owner can read."""

    def write(text: str | bytes, mode: int = 0o600) -> Path:
        path = tmp_path / "mine.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    return write


class Both:
    """A simulated Opinion and a simulated Polymarket, with one file of accounts and one of settings for both."""

    def __init__(self, folder: Path, simulate: Any, *flags: object, opinion: Any = (), polymarket: Any = ()) -> None:
        self.opinion: Simulated = simulate(*flags, *opinion)
        self.polymarket: Simulated = simulate("--venue", "polymarket", *flags, *polymarket)
        self.accounts_file = folder / "both.toml"
        self.settings = folder / "both.settings"
        texts = (self.opinion.accounts_file.read_text(), self.polymarket.accounts_file.read_text())
        self.accounts_file.write_text(texts[0].replace("account-", "opinion-") + texts[1].replace("account-", "polymarket-"))
        self.accounts_file.chmod(0o600)
        venues = (self.opinion, self.polymarket)
        self.settings.write_text("".join(f'[venue.{venue.venue}]\nbase_url = "{venue.base_url}"\n' for venue in venues))
        self.use = ("--accounts", str(self.accounts_file), "--config", str(self.settings))


@pytest.fixture
def both(tmp_path, simulate):
    """Start a simulator of each venue, with these flags."""
    return lambda *flags, **more: Both(tmp_path, simulate, *flags, **more)


class Terminal:
    """One command with a terminal of its own as stdin, stdout and stderr."""

    def __init__(self, arguments, *, columns=80, term="xterm-256color", **more):
        self.shown = b""
        self._mine, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        # A process becomes the master of its terminal in the child itself: Ctrl-C is then its signal.
        begin = "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from engine.cli import main; sys.exit(main())"
        self.process = subprocess.Popen(
            [sys.executable, "-c", begin, *map(str, arguments)],
            stdin=theirs, stdout=theirs, stderr=theirs, env=environment(**{"TERM": term} | more), start_new_session=True,
        )  # fmt: skip
        os.close(theirs)

    def read_until(self, words=None):
        """Read until the words have been shown, or to the end."""
        end_s = time.monotonic() + PATIENCE_S
        while words is None or words.encode() not in self.shown:
            ready, _, _ = select.select([self._mine], [], [], max(0, end_s - time.monotonic()))
            assert ready, self.text
            try:
                chunk = os.read(self._mine, 65536)
            except OSError:  # the other side is gone
                chunk = b""
            if not chunk:
                assert words is None, self.text
                return
            self.shown += chunk

    def type(self, keys):
        """Type these keys."""
        os.write(self._mine, keys.encode())

    def end(self):
        """Wait for the end; gives the exit code."""
        self.read_until()
        return self.process.wait(timeout=PATIENCE_S)

    def close(self):
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._mine)

    @property
    def text(self):
        """What was shown, without colours and cursor movements."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown.decode()).replace("\r\n", "\n")


@pytest.fixture
def terminal():
    """Open terminals; all are closed in the end."""
    opened = []

    def start(*arguments, **options):
        opened.append(Terminal(arguments, **options))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.fixture
def csv_file(tmp_path):
    """Write a CSV file of accounts that only its owner can read."""

    def write(text, *, name="mine.csv", mode=0o600):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    return write
