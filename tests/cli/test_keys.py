"""`keys derive`: a wallet's key ends in a file of its owner's, and nowhere else."""

import json
import stat
import subprocess
import sys
import tomllib

import pytest

from engine.config import read_accounts

WALLET = "0x" + "1a" * 32
ADDRESS = "0xef4B70013a5D27da61D71ad716fe1294F748D152"
VARIABLES = {"opinion": "OPINION_PRIVATE_KEY", "polymarket": "POLYMARKET_PRIVATE_KEY"}
NOWHERE = "http://127.0.0.1:9"


def shown(ran):
    """Everything that a command printed."""
    return ran.out + ran.err


def read(path):
    """The accounts of a file."""
    return tomllib.loads(path.read_text("utf-8"))["account"]


@pytest.fixture(params=["opinion", "polymarket"])
def venue(simulate, request):
    """A venue whose simulator hands out keys."""
    return simulate("--venue", request.param, "--orders", 0)


@pytest.fixture
def polymarket(simulate):
    """The one whose keys are numbered, and whose wallets belong to a chain."""
    return simulate("--venue", "polymarket", "--orders", 0)


@pytest.fixture
def opinion(simulate):
    """The one whose credentials are a single key."""
    return simulate("--venue", "opinion", "--orders", 0)


def test_a_derived_key_can_be_used(cli, venue, tmp_path, monkeypatch):
    """The file that is written works with every verb, belongs to its owner alone, and nothing printed holds a secret of it."""
    path = tmp_path / "accounts of mine.toml"
    monkeypatch.setenv(VARIABLES[venue.venue], WALLET)
    ran = cli("keys", "derive", "--venue", venue.venue, "--base-url", venue.base_url, "--out", path, "--name", 'al"ice\\')
    assert (ran.code, ran.err) == (0, "")
    assert str(path) in ran.out
    assert ADDRESS in ran.out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (account,) = read(path)
    secrets = [value for key, value in account.items() if key not in ("name", "venue", "address")]
    assert secrets
    assert not [secret for secret in (*secrets, WALLET, WALLET[2:]) if secret in shown(ran)]
    assert WALLET[2:] not in path.read_text("utf-8")
    listed = cli("orders", "--accounts", path, "--base-url", venue.base_url, "--json")
    assert (listed.code, list(listed.document["accounts"])) == (0, ['al"ice\\'])


def test_programs_are_told_where_it_is(cli, venue, tmp_path, monkeypatch):
    """With --json stdout holds four public values; another variable may hold the private key."""
    path = tmp_path / "accounts.toml"
    monkeypatch.setenv("MY_WALLET", WALLET)
    options = ("--venue", venue.venue, "--base-url", venue.base_url, "--out", path, "--private-key-env", "MY_WALLET", "--json")
    ran = cli("keys", "derive", *options)
    assert ran.code == 0
    assert ran.document == {"accounts_file": str(path), "name": "default", "venue": venue.venue, "address": ADDRESS}


def test_asking_again_gives_the_same_key(cli, venue, tmp_path, monkeypatch):
    """The key that exists is fetched, not replaced: a second file holds the same one."""
    monkeypatch.setenv(VARIABLES[venue.venue], WALLET)
    files = [tmp_path / "one.toml", tmp_path / "two.toml"]
    for path in files:
        assert cli("keys", "derive", "--venue", venue.venue, "--base-url", venue.base_url, "--out", path).code == 0
    assert read(files[0]) == read(files[1])


def test_a_key_of_opinion_is_one_value(cli, opinion, tmp_path, monkeypatch):
    """At Opinion the file holds the one key of the wallet, and can be read as an accounts file; the address is told."""
    path = tmp_path / "accounts.toml"
    monkeypatch.setenv("OPINION_PRIVATE_KEY", WALLET)
    ran = cli("keys", "derive", "--venue", "opinion", "--base-url", opinion.base_url, "--out", path, "--name", "alice")
    (account,) = read_accounts(path, environment={})
    assert (ran.code, ran.err) == (0, "")
    assert ADDRESS in ran.out
    assert account.credentials.api_key.reveal() not in ran.out
    assert read(path) == [{"name": "alice", "venue": "opinion", "api_key": account.credentials.api_key.reveal()}]


def test_each_nonce_is_another_key(cli, polymarket, tmp_path, monkeypatch):
    """At Polymarket, --nonce chooses among the keys of a wallet."""
    monkeypatch.setenv("POLYMARKET_PRIVATE_KEY", WALLET)
    files = [tmp_path / "zero.toml", tmp_path / "one.toml"]
    for nonce, path in enumerate(files):
        ran = cli("keys", "derive", "--venue", "polymarket", "--base-url", polymarket.base_url, "--out", path, "--nonce", nonce)
        assert ran.code == 0
    assert read(files[0])[0]["api_key"] != read(files[1])[0]["api_key"]


def test_a_file_is_never_written_over(cli, tmp_path, monkeypatch):
    """A file that is there stays as it is, and nobody is asked for a key."""
    path = tmp_path / "accounts.toml"
    path.write_text("precious")
    monkeypatch.setenv("POLYMARKET_PRIVATE_KEY", WALLET)
    ran = cli("keys", "derive", "--venue", "polymarket", "--base-url", NOWHERE, "--out", path)
    assert (ran.code, ran.out) == (2, "")
    assert "not written over" in ran.line
    assert path.read_text() == "precious"


@pytest.mark.parametrize("venue", VARIABLES)
def test_a_venue_that_gives_no_key_leaves_no_file(cli, tmp_path, monkeypatch, venue):
    """Where nobody answers, the line says so, the exit code is 1, and no empty file is left behind."""
    path = tmp_path / "accounts.toml"
    monkeypatch.setenv(VARIABLES[venue], WALLET)
    ran = cli("keys", "derive", "--venue", venue, "--base-url", NOWHERE, "--out", path, "--json")
    assert (ran.code, ran.out) == (1, "")
    assert ran.line.startswith("cancel-engine: no key was stored: ")
    assert WALLET[2:] not in ran.line
    assert not path.exists()


def test_a_refused_signature_is_one_line(cli, polymarket, tmp_path, monkeypatch):
    """A signature for another chain is refused by the venue: one line, exit code 1, no file."""
    path = tmp_path / "accounts.toml"
    monkeypatch.setenv("POLYMARKET_PRIVATE_KEY", WALLET)
    ran = cli("keys", "derive", "--venue", "polymarket", "--base-url", polymarket.base_url, "--out", path, "--chain-id", 80002)
    assert (ran.code, ran.out) == (1, "")
    assert ran.line.startswith("cancel-engine: no key was stored: ")
    assert not path.exists()


BAD = {
    "no private key": (("--venue", "polymarket"), {}, "set the environment variable POLYMARKET_PRIVATE_KEY"),
    "no variable of that name": (("--venue", "opinion", "--private-key-env", "NOT_SET_HERE"), {}, "NOT_SET_HERE is not set"),
    "a key for a variable": (("--venue", "opinion", "--private-key-env", WALLET), {}, "no name of an environment variable"),
    "a key in capitals for a variable": (
        ("--venue", "opinion", "--private-key-env", "AB" * 32),
        {},
        "no name of an environment variable",
    ),
    "no hex": (("--venue", "polymarket"), {"POLYMARKET_PRIVATE_KEY": "z" * 64}, "64 hex digits"),
    "empty": (("--venue", "polymarket"), {"POLYMARKET_PRIVATE_KEY": ""}, "64 hex digits"),
    "a line end": (("--venue", "opinion"), {"OPINION_PRIVATE_KEY": f"{WALLET}\n"}, "64 hex digits"),
    "outside of the curve": (("--venue", "opinion"), {"OPINION_PRIVATE_KEY": "0" * 64}, "outside the range"),
    "unknown venue": (("--venue", "polymarkt"), {}, "unknown venue 'polymarkt'"),
    "no venue": ((), {}, "Missing option '--venue'"),
    "a chain for Opinion": (("--venue", "opinion", "--chain-id", 56), {}, "neither --chain-id nor --nonce"),
    "a nonce below zero": (("--venue", "polymarket", "--nonce", -1), {"POLYMARKET_PRIVATE_KEY": WALLET}, "nonce must be"),
    "a name that steers a terminal": (("--venue", "polymarket", "--name", "a\x1b[2J"), {}, "printable"),
    "an address in clear": (
        ("--venue", "polymarket", "--base-url", "http://example.com"),
        {"POLYMARKET_PRIVATE_KEY": WALLET},
        "https://",
    ),
}


@pytest.mark.parametrize(("options", "variables", "hint"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line(cli, tmp_path, monkeypatch, options, variables, hint):
    """What cannot be used is one line and exit code 2, shows no key, and leaves no file."""
    path = tmp_path / "accounts.toml"
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ran = cli("keys", "derive", *options, "--out", path)
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.line
    assert not [secret for secret in (WALLET[2:], "AB" * 32, "z" * 64) if secret in ran.line]
    assert not path.exists()


def test_a_folder_that_is_not_there_is_one_line(cli, tmp_path, monkeypatch):
    """A file that cannot be made is told before anybody is asked for a key."""
    monkeypatch.setenv("POLYMARKET_PRIVATE_KEY", WALLET)
    ran = cli("keys", "derive", "--venue", "polymarket", "--base-url", NOWHERE, "--out", tmp_path / "none" / "a.toml")
    assert (ran.code, ran.out) == (2, "")
    assert "No such file or directory" in ran.line


def test_there_is_no_option_for_a_private_key(cli):
    """Nothing on the command line, which every process of a machine can read, takes a private key."""
    text = cli("keys", "derive", "--help").out
    assert "--private-key-env" in text
    assert "--private-key " not in text


def test_signing_is_loaded_by_those_alone_who_sign():
    """No other verb waits for eth-account to be imported."""
    code = (
        "import sys; from engine.cli import main\n"
        "assert [main([verb, '--help']) for verb in ('orders', 'cancel-all', 'simulate', 'keys')] == [0] * 4\n"
        "print([name for name in sys.modules if name.startswith('eth_')])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=20, capture_output=True, text=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []
