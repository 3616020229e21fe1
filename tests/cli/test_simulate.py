"""What `simulate` promises to the programs that start it."""

import json
import stat
import subprocess
import sys
import time
import urllib.request

import pytest


def test_one_line_says_where_it_answers(simulate):
    """The first line is JSON with address and keys, and the address answers when it comes."""
    venue = simulate("--accounts", 2, "--orders", 3)
    scene = json.loads(venue.line)
    assert set(scene) == {"base_url", "accounts"}
    assert [set(account) for account in scene["accounts"]] == [{"name", "venue", "api_key"}] * 2
    assert scene["base_url"].startswith("http://127.0.0.1:")
    request = urllib.request.Request(f"{scene['base_url']}/openapi/order?page=1&limit=20&chainId=56&status=1")
    request.add_header("apikey", venue.keys[0])
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert json.load(answer)["result"]["total"] == 3


def test_a_polymarket_answers(simulate):
    """A simulated Polymarket names address, key, secret and passphrase of each account, and answers; its clock is ours."""
    venue = simulate("--venue", "polymarket", "--accounts", 2, "--orders", 3)
    scene = json.loads(venue.line)
    assert set(scene) == {"base_url", "accounts"}
    keys = {"name", "venue", "address", "api_key", "secret", "passphrase"}
    assert [set(account) for account in scene["accounts"]] == [keys] * 2
    with urllib.request.urlopen(f"{scene['base_url']}/time", timeout=5) as answer:
        assert abs(json.load(answer) - time.time()) < 10


@pytest.mark.parametrize(("flags", "is_empty"), [((), False), (("--no-limits",), True)], ids=["enforced", "lifted"])
def test_the_tokens_of_polymarket_are_enforced_unless_lifted(cli, simulate, tmp_path, flags, is_empty):
    """Without a flag nobody cancels 300 orders by id in half a second; with --no-limits one request does."""
    venue = simulate("--venue", "polymarket", "--orders", 300, *flags)
    settings = tmp_path / "careless.toml"
    settings.write_text("[venue.polymarket]\nkeep_tokens = false\n")
    use = ("--accounts", venue.accounts_file, "--base-url", venue.base_url)
    ids = [order["order_id"] for order in cli("orders", *use, "--json").document["accounts"]["account-1"]["orders"]]
    cli("cancel", *ids, *use, "--config", settings, "--deadline", 0.5, "--json")
    assert (cli("orders", *use, "--json").document["total"] == 0) == is_empty


@pytest.mark.parametrize("venue", ["opinion", "polymarket"])
@pytest.mark.parametrize("has_file", [True, False], ids=["with a file", "without a file"])
def test_what_it_says_to_type_works(started, ended, tmp_path, venue, has_file):
    """The line after `Try:` can be pasted into a shell as it is; only the question is answered beforehand here."""
    file = ("--accounts-file", tmp_path / "accounts of mine.toml") if has_file else ()
    child = started("simulate", "--venue", venue, "--orders", 3, *file)
    lines = [child.stdout.readline().decode() for _ in range(3)]
    command = lines[2].removeprefix("Try: ").strip().replace("cancel-engine", f"{sys.executable} -m engine") + " --yes"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=20, check=False)
    child.terminate()
    assert ended(child).code == 0
    assert done.returncode == 0, done.stderr
    assert "All 3 orders in scope are off the book" in done.stdout


def test_the_accounts_file_is_its_owners(simulate):
    """The accounts file that it writes can be used as it is, and read by nobody else."""
    venue = simulate()
    assert stat.S_IMODE(venue.accounts_file.stat().st_mode) == 0o600


def test_an_accounts_file_is_never_written_over(cli, accounts_file):
    """A file that is there is left as it is."""
    path = accounts_file("precious")
    ran = cli("simulate", "--accounts-file", path)
    assert ran.code == 2
    assert "not written over" in ran.line
    assert path.read_text() == "precious"


def test_the_same_seed_is_the_same_venue(simulate):
    """Seed decides keys, so that two simulators of one seed can stand in for each other."""
    assert simulate("--seed", 5).keys == simulate("--seed", 5).keys
    assert simulate("--seed", 5).keys != simulate("--seed", 6).keys


def test_limits_hold_unless_lifted(cli, simulate):
    """Without a flag the real limit holds: 16 cancels and their listings take more than a second."""
    settings = ("cancel-all", "--yes", "--json")
    strict = simulate("--orders", 16)
    assert cli(*settings, *strict.use).document["elapsed_s"] > 1


def test_faults_strike_on_request(cli, simulate):
    """A fault that is asked for happens, and the report says what was seen of it."""
    venue = simulate("--orders", 2, "--fault", "key_dead_401", "--no-limits")
    ran = cli("orders", *venue.use, "--json")
    assert ran.code == 1
    assert "401" in ran.document["accounts"]["account-1"]["listing_error"]


def test_a_port_in_use_is_one_line(cli, standing):
    """A port that is taken is one line and exit code 2."""
    port = standing.base_url.rpartition(":")[2]
    ran = cli("simulate", "--port", port)
    assert (ran.code, ran.out) == (2, "")
    assert f"port {port} of 127.0.0.1 cannot be used: Address already in use" in ran.line


def test_people_are_told_what_to_type(started, ended):
    """Without --json the text shows the address and a command to try."""
    child = started("simulate")
    lines = [child.stdout.readline().decode() for _ in range(3)]
    child.terminate()
    assert "answers at http://127.0.0.1:" in lines[0]
    assert "cancel-engine cancel-all --venue opinion" in lines[2]
    assert ended(child).code == 0
