"""The demo: what a newcomer sees first must be true, quick to read, and the same every time."""

from pathlib import Path

import pytest

from engine.cli.demonstration import DEFAULT, read_demo

CONFIGS = Path(__file__).parents[2] / "configs"

SMALL = """
seed = 5
latency_ms = 5
[[account]]
name = "alice"
orders = 25
[[account]]
name = "dave"
orders = 12
[[fault]]
name = "key_dead_401"
accounts = ["dave"]
from_request = 7
[[fault]]
name = "cancels_ignored"
routes = ["cancel"]
share = 0.1
[[fault]]
name = "result_false"
routes = ["cancel"]
share = 0.1
[[fault]]
name = "drop_after"
routes = ["cancel"]
share = 0.1
"""


@pytest.fixture
def demos(tmp_path, started, ended):
    """A demo of three seconds, for people and for programs side by side."""
    path = tmp_path / "demo.toml"
    path.write_text(SMALL)
    children = [started("demo", "--config", path, *more) for more in ((), ("--json",))]
    return [ended(child) for child in children]


def test_the_explained_settings_are_the_ones_that_hold():
    """configs/demo.toml says what the demo does without it."""
    assert read_demo(CONFIGS / "demo.toml") == DEFAULT


def test_the_demo_agrees_with_the_ledger(demos):
    """The demo shows progress, tables and comparison, and exits with 0 although orders are at risk; --json is one document."""
    ran, for_programs = demos
    assert ran.code == 0
    last = ran.out.splitlines()[-1]
    assert last.startswith("The report agrees with the simulator's ledger in all 37 orders: 0 lies, and no key sent more than")
    assert "`cancel-all` would exit with 1" in last
    assert "the venue refuses the key" in ran.out
    assert "s, " in ran.err
    assert max(len(line) for line in ran.out.splitlines() if line.startswith(("alice", "dave"))) <= 80
    assert for_programs.code == 0
    document = for_programs.document
    assert document["ledger"]["lies"] == []
    assert document["ledger"]["orders"] == 37
    assert all(pace["most_in_a_second"] > 0 for pace in document["ledger"]["pace"].values())
    assert document["accounts"]["dave"]["fault"]


BAD = {
    "unknown key": ("sede = 1\n", "did you mean 'seed'?"),
    "unknown fault": ('[[account]]\nname = "a"\norders = 1\n[[fault]]\nname = "hangg"\n', "near ones: hang"),
    "unknown account": ('[[account]]\nname = "a"\norders = 1\n[[fault]]\nname = "hang"\naccounts = ["b"]\n', "no account 'b'"),
    "route that the fault does not know": (
        '[[account]]\nname = "a"\norders = 1\n[[fault]]\nname = "list_null_list"\nroutes = ["cancel"]\n',
        "can be used for list only",
    ),
    "no accounts": ("seed = 1\n", "no accounts"),
    "share above one": ('[[account]]\nname = "a"\norders = 1\n[[fault]]\nname = "hang"\nshare = 7\n', "from 0 to 1"),
}


@pytest.mark.parametrize(("text", "hint"), BAD.values(), ids=BAD)
def test_a_bad_demo_file_is_one_line(cli, tmp_path, text, hint):
    """A demo file that cannot be used is one line, exit code 2."""
    path = tmp_path / "demo.toml"
    path.write_text(text)
    ran = cli("demo", "--config", path)
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.line
