"""No key in any output at any log level; events as lines of JSON on stderr, never on stdout; files for their owner alone."""

import json
import os
import stat
import subprocess
import sys

import pytest
from support import everything_told

from engine import ConfigError
from engine.config import read_accounts, read_settings

KEY = "k3y0123456789abcdef-secret"
ADDRESS = "0x" + "A1" * 20

FAULTS = {
    "no fault": (),
    "refused": ("--fault", "http_401"),
    "redirect": ("--fault", "redirect_307"),
    "no answer": ("--fault", "drop"),
    "other shapes": ("--fault", "broken_json"),
}


@pytest.mark.parametrize("house", ["opinion", "polymarket"])
@pytest.mark.parametrize("flags", FAULTS.values(), ids=FAULTS)
def test_no_key_in_any_output(cli, simulate, flags, house):
    """Whatever goes wrong, and however much is logged, no key, secret or passphrase is written."""
    venue = simulate("--venue", house, "--orders", 3, "--no-limits", *flags)
    for verb in (("orders", "--json"), ("cancel-all", "--yes"), ("cancel", "0x" + "0" * 64), ("cancel-all", "--dry-run")):
        ran = cli(*verb, *venue.use, "--log-level", "debug", "--deadline", 0.4)
        assert ran.code in (0, 1)
        assert venue.secrets
        assert not [secret for secret in venue.secrets if secret in ran.out + ran.err]


def test_events_are_lines_of_json(cli, simulate):
    """Every event is one JSON object on a line of stderr, with time, level and what happened."""
    venue = simulate("--orders", 3, "--no-limits")
    ran = cli("cancel-all", "--yes", "--json", *venue.use, "--log-level", "debug")
    events = [json.loads(line) for line in ran.said]
    assert {"request", "order settled", "run"} <= {event["event"] for event in events}
    assert all(event["level"] in ("debug", "info") and event["time"] for event in events)
    assert ran.document["cancelled"] == 3


def test_info_has_one_event_for_the_run(cli, simulate):
    """At info level there is one event for the run."""
    venue = simulate("--orders", 3, "--no-limits")
    ran = cli("cancel-all", "--yes", "--json", *venue.use, "--log-level", "info")
    assert json.loads(ran.line)["event"] == "run"


def test_by_default_nothing_is_logged(cli, standing):
    """Without --log-level a good run leaves stderr empty."""
    assert cli("orders", *standing.use, "--json").err == ""


@pytest.mark.parametrize("house", ["opinion", "polymarket"])
@pytest.mark.parametrize("flags", FAULTS.values(), ids=FAULTS)
def test_no_key_is_in_a_report_and_it_is_its_owners_alone(cli, simulate, tmp_path, flags, house):
    """The files of a report hold no key, and neither they nor a folder that is made for them can be read by others."""
    venue = simulate("--venue", house, "--orders", 3, "--no-limits", *flags)
    folder = tmp_path / "reports"
    ran = cli("cancel-all", "--yes", *venue.use, "--deadline", 0.4, "--report", folder)
    files = sorted(folder.iterdir())
    assert ran.code in (0, 1)
    assert [".csv", ".html", ".json"] == [path.suffix for path in files]
    assert [0o600, 0o600, 0o600, 0o700] == [stat.S_IMODE(path.stat().st_mode) for path in (*files, folder)]
    assert not [secret for path in files for secret in venue.secrets if secret in path.read_text("utf-8")]


GOOD = f'[[account]]\nname = "alice"\nvenue = "opinion"\napi_key = "{KEY}"\n'
SIGNER = f'[[account]]\nname = "bob"\nvenue = "polymarket"\naddress = "{ADDRESS}"\n'
BAD_FILES = {
    "no TOML": GOOD + "api_key ?",
    "no UTF-8": GOOD.encode() + b"# \xff",
    "too large": GOOD + "#" * (16 * 1024 * 1024),
    "nested without end": GOOD + "a = " + "[" * 5000,
    "a list of keys": f'account = ["{KEY}"]',
    "account as text": f'account = "{KEY}"',
    "another table": GOOD.replace("account", "acount"),
    "key misspelt": GOOD.replace("api_key", "api_kye"),
    "no name": GOOD.replace("name", "#"),
    "a list for a key": GOOD.replace(f'"{KEY}"', f'["{KEY}"]'),
    "key with a space": GOOD.replace(KEY, f"a {KEY}"),
    "key after env:": GOOD.replace(KEY, f"env:{KEY}"),
    "a variable that is not set": GOOD + '[[account]]\nname = "bob"\nvenue = "opinion"\napi_key = "env:NOT_SET"\n',
    "two of one name": GOOD + GOOD,
    "a key for a venue": GOOD.replace("opinion", KEY),
    "a key for a weight": GOOD + f'weight = "{KEY}"',
    "no address": GOOD.replace("opinion", "polymarket"),
    "no base64": SIGNER + f'api_key = "{KEY}"\nsecret = "{KEY}!"\npassphrase = "{KEY}"\n',
    "no passphrase": SIGNER + f'api_key = "{KEY}"\nsecret = "c2VjcmV0"\n',
    "a table without a header": f"alice,opinion,{KEY}\n",
    "a table with other separators": f"name;venue;api_key\nalice;opinion;{KEY}\n",
    "a table with too many cells": f"name,venue,api_key\nalice,opinion,{KEY},{KEY}\n",
    "a table with open quotes": f'name,venue,api_key\nalice,opinion,"{KEY}\n',
    "a table with a broken line": f'name,venue,api_key\nalice,opinion,"{KEY}\n{KEY}"\n',
    "a table with a space in a key": f"name,venue,api_key\nalice,opinion,a {KEY}\n",
    "a table with a key for a venue": f"name,venue,api_key\nalice,{KEY},{KEY}\n",
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_no_traceback_shows_what_an_accounts_file_holds(csv_file, accounts_file, name):
    """What refuses a file has its keys in no word and in no variable, nor those of the environment, however deep one looks."""
    text = BAD_FILES[name]
    path = csv_file(text) if name.startswith("a table") else accounts_file(text)
    with pytest.raises(ConfigError) as caught:
        read_accounts(path, environment={"SOME_KEY": KEY, "OTHER_KEY": KEY})

    assert KEY not in everything_told(caught.value)


def test_no_traceback_shows_the_environment():
    """Without a file, what is missing is named, and the variables that are set are in no variable of a frame."""
    with pytest.raises(ConfigError, match="POLYMARKET_SECRET") as caught:
        read_accounts(None, environment={"POLYMARKET_API_KEY": KEY, "PATH_OF_NOBODY": KEY})

    assert KEY not in everything_told(caught.value)


@pytest.mark.parametrize("mode", [0o600, 0o644], ids=oct)
def test_a_link_is_as_private_as_what_it_leads_to(accounts_file, tmp_path, mode):
    """What counts is the file that is opened, not the link to it, whose own mode says nothing."""
    link = tmp_path / "link.toml"
    link.symlink_to(accounts_file(GOOD, mode))
    if mode == 0o600:
        assert ["alice"] == [account.name for account in read_accounts(link, environment={})]
    else:
        with pytest.raises(ConfigError, match="chmod 600"):
            read_accounts(link, environment={})


def test_a_link_to_nowhere_and_a_ring_of_links_are_refused(tmp_path):
    """A link that leads to no file is one line, like a missing file."""
    (tmp_path / "ring.toml").symlink_to(tmp_path / "ring.toml")
    (tmp_path / "gone.toml").symlink_to(tmp_path / "nothing.toml")
    for name in ("ring.toml", "gone.toml"):
        with pytest.raises(ConfigError, match="cannot read the accounts file"):
            read_accounts(tmp_path / name, environment={})


@pytest.mark.parametrize("mode", [0o600, 0o644], ids=oct)
def test_a_pipe_is_read_if_it_is_its_owners_alone(tmp_path, mode):
    """A pipe with a name has a mode like a file, and is judged by it."""
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    pipe.chmod(mode)
    code = f"import sys; open(sys.argv[1], 'w').write({GOOD!r})"
    writer = subprocess.Popen([sys.executable, "-c", code, str(pipe)])
    try:
        if mode == 0o600:
            assert ["alice"] == [account.name for account in read_accounts(pipe, environment={})]
        else:
            with pytest.raises(ConfigError, match="chmod 600"):
                read_accounts(pipe, environment={})
        assert 0 == writer.wait(20)
    finally:
        writer.kill()
        writer.wait(20)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o602, 0o666], ids=oct)
def test_settings_that_anybody_may_change_do_not_say_where_keys_are_sent(tmp_path, mode):
    """An address from a file that others may write is refused, with the command that mends it; other settings are taken."""
    path = tmp_path / "settings.toml"
    path.write_text('[venue.opinion]\nbase_url = "https://venue.test"\n')
    path.chmod(mode)
    if mode & 0o002:
        with pytest.raises(ConfigError, match="chmod o-w"):
            read_settings(path)
        path.write_text("[venue.opinion]\ntimeout_s = 5\n")
    assert read_settings(path).venue("opinion")
