"""The command at a terminal, 80 columns wide: questions, the live display, Ctrl-C from the keyboard."""

import os
import pty
import re
import subprocess
import sys
import time

import pytest

from engine.cli.output import clean

PATIENCE_S = 20.0


def test_cancelling_everything_is_asked_first(terminal, cli, simulate):
    """On a terminal the question names accounts, host and scope, and yes goes ahead."""
    venue = simulate("--no-limits", "--accounts", 2)
    screen = terminal("cancel-all", *venue.use, "--side", "buy", "--market", "123")
    screen.read_until("[y/N]")
    host = venue.base_url.removeprefix("http://")
    assert f"Cancel every open buy order in market 123 of 2 accounts (account-1, account-2) at {host}?" in clean(screen.text)
    screen.type("y\n")
    assert screen.end() == 0
    assert "All 20 orders in scope are off the book; verified by a later listing." in screen.text
    assert cli("orders", *venue.use, "--json").document["total"] == 20


@pytest.mark.parametrize("answer", ["n\n", "\n", "yep\n", "\x04"], ids=["no", "nothing", "something else", "end of input"])
def test_anything_but_yes_cancels_nothing(terminal, standing, answer):
    """Any answer but yes sends nothing, and exits with 2."""
    screen = terminal("cancel-all", *standing.use)
    screen.read_until("[y/N]")
    screen.type(answer)
    assert screen.end() == 2
    assert "not confirmed; nothing was sent" in screen.text


def test_leaving_the_question_cancels_nothing(terminal, standing):
    """Ctrl-C at the question sends nothing, and exits with 130."""
    screen = terminal("cancel-all", *standing.use)
    screen.read_until("[y/N]")
    screen.type("\x03")
    assert screen.end() == 130
    assert "interrupted" in screen.text


def test_a_private_key_is_asked_for_and_not_shown(terminal, simulate, tmp_path):
    """At a terminal the private key is asked for; what is typed is not shown, and the key of the wallet is stored."""
    venue = simulate("--venue", "polymarket")
    path = tmp_path / "accounts.toml"
    screen = terminal("keys", "derive", "--venue", "polymarket", "--base-url", venue.base_url, "--out", path)
    screen.read_until("(it is not shown): ")
    wallet = "0x" + "1a" * 32
    screen.type(f"{wallet}\n")
    assert screen.end() == 0
    assert wallet[2:] not in screen.text
    assert "0xef4B70013a5D27da61D71ad716fe1294F748D152" in screen.text
    assert 'venue = "polymarket"' in path.read_text()


def test_leaving_the_question_for_a_key_leaves_no_file(terminal, tmp_path):
    """Ctrl-C instead of a private key: exit code 130, and no file."""
    path = tmp_path / "accounts.toml"
    screen = terminal("keys", "derive", "--venue", "opinion", "--out", path)
    screen.read_until("(it is not shown): ")
    screen.type("\x03")
    assert screen.end() == 130
    assert not path.exists()


def test_progress_is_live_and_leaves_no_trace(terminal, simulate):
    """The display counts while the run goes on, hides and gives back the cursor, and fits into 80 columns."""
    venue = simulate("--accounts", 2, "--orders", 30)
    screen = terminal("cancel-all", *venue.use, "--yes")
    assert screen.end() == 0
    assert "working" in screen.text
    assert re.search(r"\d+ found, \d+ cancelled, \d+ failed, \d+ at risk", screen.text)
    assert screen.shown.count(b"\x1b[?25l") == screen.shown.count(b"\x1b[?25h") > 0
    assert max(len(line) for line in screen.text.replace("\r", "\n").split("\n")) <= 80


def test_ctrl_c_from_the_keyboard_brings_the_report(terminal, simulate):
    """Ctrl-C once: the run stops, the tables come, the exit code is 1."""
    venue = simulate("--orders", 60)
    screen = terminal("cancel-all", *venue.use, "--yes")
    screen.read_until("at risk")
    screen.type("\x03")
    assert screen.end() == 1
    assert "Accounts" in screen.text
    assert "Traceback" not in screen.text


def test_ctrl_c_twice_gives_the_cursor_back(terminal, simulate, until_sent):
    """Ctrl-C twice: out at once with 130, and the cursor is there again."""
    venue = simulate("--fault", "hang")
    screen = terminal("cancel-all", *venue.use, "--yes")
    screen.read_until("at risk")
    until_sent()  # what hangs has left by then: the first signal waits for it
    screen.type("\x03")
    time.sleep(0.1)
    screen.type("\x03")
    assert screen.end() == 130
    assert screen.shown.rindex(b"\x1b[?25h") > screen.shown.rindex(b"\x1b[?25l")


def test_colours_can_be_turned_off(terminal, simulate):
    """With NO_COLOR nothing is coloured."""
    venue = simulate("--no-limits")
    screen = terminal("cancel-all", *venue.use, "--yes", NO_COLOR="1")
    assert screen.end() == 0
    assert not re.search(rb"\x1b\[[0-9;]*3[0-7]m", screen.shown)


def test_a_dumb_terminal_gets_plain_lines(terminal, simulate):
    """A terminal that cannot move its cursor gets lines, and not one control sequence."""
    venue = simulate("--orders", 25)
    screen = terminal("cancel-all", *venue.use, "--yes", term="dumb")
    assert screen.end() == 0
    assert b"\x1b" not in screen.shown
    assert "found, " in screen.text


def test_json_at_a_terminal_still_is_one_document(simulate, tmp_path):
    """With --json at a terminal the progress is shown, and stdout, sent elsewhere, holds the document alone."""
    venue = simulate("--orders", 5)
    path = tmp_path / "out.json"
    arguments = " ".join(map(str, ("cancel-all", *venue.use, "--yes", "--json")))
    command = f"{sys.executable} -m engine {arguments} > {path}"
    mine, theirs = pty.openpty()
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command], stdin=theirs, stderr=theirs, stdout=theirs, timeout=PATIENCE_S, check=False
        )
    finally:
        os.close(theirs)
        os.close(mine)
    assert done.returncode == 0
    assert path.read_text().startswith("{")
    assert path.read_text().rstrip().endswith("}")


@pytest.mark.parametrize(("typed", "code"), [("25\r", 0), ("y\r", 2), ("24\r", 2), ("\r", 2)])
def test_a_job_that_is_too_large_goes_on_only_with_its_number(simulate, terminal, typed, code):
    """The exact number of orders has to be typed; anything else sends no cancel."""
    venue = simulate("--orders", 25, "--no-limits")
    screen = terminal("cancel-all", *venue.use, "--yes", "--max-orders", 10)
    screen.read_until("Type 25 to go on:")
    screen.type(typed)
    assert screen.end() == code
    assert ("All 25 orders in scope are off the book" in screen.text) == (code == 0)
    assert ("nothing was cancelled" in screen.text) == (code == 2)


def test_ctrl_c_leaves_the_question_about_the_number(simulate, terminal):
    """Ctrl-C at the question is an answer, too: nothing was cancelled."""
    venue = simulate("--orders", 25, "--no-limits")
    screen = terminal("cancel-all", *venue.use, "--yes", "--max-orders", 10)
    screen.read_until("Type 25 to go on:")
    screen.type("\x03")
    assert screen.end() == 130
    assert "off the book" not in screen.text
