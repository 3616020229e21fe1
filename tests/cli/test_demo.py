"""The demo: what a newcomer sees first must be true, quick to read, and the same every time."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.cli.demo_settings import DEFAULT, read_demo

CONFIGS = Path(__file__).parents[2] / "configs"

SMALL = """
seed = 5
latency_ms = 5
[[opinion.account]]
name = "alice"
orders = 25
[[opinion.account]]
name = "dave"
orders = 12
[[opinion.fault]]
name = "key_dead_401"
accounts = ["dave"]
from_request = 7
[[opinion.fault]]
name = "cancels_ignored"
accounts = ["alice"]
routes = ["cancel"]
share = 0.1
[[opinion.fault]]
name = "result_false"
routes = ["cancel"]
share = 0.1
[[opinion.fault]]
name = "drop_after"
routes = ["cancel"]
share = 0.1
[[polymarket.account]]
name = "erin"
orders = 250
[[polymarket.account]]
name = "frank"
orders = 300
side = "buy"
[[polymarket.account]]
name = "grace"
orders = 10
[[polymarket.fault]]
name = "restart_425"
accounts = ["grace"]
routes = ["cancel_all"]
times = 1
[[polymarket.fault]]
name = "reason_ambiguous"
accounts = ["frank"]
routes = ["cancel_many"]
times = 1
"""

ORDERS = 25 + 12 + 250 + 150 + 10


@pytest.fixture(scope="module")
def demos(process, tmp_path_factory):
    """A demo of three seconds, for people and for programs side by side."""
    path = tmp_path_factory.mktemp("demo") / "demo.toml"
    path.write_text(SMALL)
    with ThreadPoolExecutor() as side_by_side:
        return list(side_by_side.map(lambda more: process("demo", "--config", path, *more), [(), ("--json",)]))


def test_the_explained_settings_are_the_ones_that_hold():
    """configs/demo.toml says what the demo does without it."""
    assert read_demo(CONFIGS / "demo.toml") == DEFAULT


def test_the_demo_agrees_with_the_ledgers(demos):
    """The demo shows progress, tables and comparison of both venues, and exits with 0 although orders are at risk."""
    ran, _ = demos
    assert ran.code == 0
    last = ran.out.splitlines()[-1]
    begins = f"The reports agree with the simulators' ledgers in all {ORDERS} orders: 0 lies, and no account sent more than"
    assert last.startswith(begins)
    assert re.search(r"more than \d+ requests in any second at Opinion or \d+ tokens in any second at Polymarket\.", last)
    assert "`cancel-all` would exit with 1" in last
    assert "the venue refuses the key" in ran.out
    assert "s, " in ran.err
    names = ("alice", "dave", "erin", "frank", "grace")
    assert max(len(line) for line in ran.out.splitlines() if line.startswith(names) and ": " not in line) <= 80


def test_the_demo_says_what_it_does(demos):
    """Before anything is cancelled: both addresses, what each venue allows, which side is asked for, and what goes wrong."""
    ran, _ = demos
    assert re.search(r"A simulated Opinion at http://127\.0\.0\.1:\d+: 2 accounts, 37 open orders, 15 requests a second", ran.out)
    assert re.search(
        r"A simulated Polymarket at http://127\.0\.0\.1:\d+: 3 accounts, 560 open orders, 120 cancels at once", ran.out
    )
    assert "of frank only the buys are cancelled" in ran.out
    assert re.search(r"100%  grace, once +425, plain text", ran.out)


def test_the_demo_is_one_document(demos):
    """With --json the demo of both venues is one document, whose sums are those of its venues."""
    _, ran = demos
    document = ran.document
    assert ran.code == 0
    assert document["ledger"]["lies"] == []
    assert document["ledger"]["orders"] == document["total"] == ORDERS
    assert all(pace["most_in_a_second"] > 0 for pace in document["ledger"]["pace"].values())
    assert document["accounts"]["dave"]["fault"]
    assert {name: part["accounts"] for name, part in document["venues"].items()} == {
        "opinion": ["alice", "dave"],
        "polymarket": ["erin", "frank", "grace"],
    }
    assert sum(part["ledger"]["orders"] for part in document["venues"].values()) == ORDERS


def test_a_mass_cancel_costs_a_lock_out(demos):
    """One request takes erin's orders off, and locks her out; frank's side goes by id, and is not charged afterwards."""
    _, ran = demos
    accounts, pace = ran.document["accounts"], ran.document["ledger"]["pace"]
    assert (accounts["erin"]["cancelled"], accounts["frank"]["cancelled"]) == (250, 150)
    assert pace["erin"]["most_in_a_second"] == 1
    assert pace["frank"]["most_in_a_second"] > 100
    assert accounts["erin"]["locked_out_s"] > 1 > accounts["frank"]["locked_out_s"]
    assert accounts["grace"]["elapsed_s"] > 0.5


def test_the_same_seed_is_the_same_demo(process, tmp_path):
    """A demo of one venue alone is possible, and its seed can be chosen."""
    path = tmp_path / "demo.toml"
    path.write_text('[opinion]\n[[polymarket.account]]\nname = "a"\norders = 5\n')
    documents = [process("demo", "--config", path, "--seed", seed, "--json").document for seed in (1, 1, 2)]
    assert [list(document["venues"]) for document in documents] == [["polymarket"]] * 3
    assert [document["seed"] for document in documents] == [1, 1, 2]
    ids = [{result["order_id"] for result in document["accounts"]["a"]["results"]} for document in documents]
    assert ids[0] == ids[1] != ids[2]


ONE = '[[opinion.account]]\nname = "a"\norders = 1\n'

BAD = {
    "unknown key": ("sede = 1\n", "did you mean 'seed'?"),
    "unknown fault": (f'{ONE}[[opinion.fault]]\nname = "hangg"\n', "near ones: hang"),
    "unknown account": (
        f'{ONE}[[opinion.fault]]\nname = "hang"\naccounts = ["b"]\n',
        "no account 'b'",
    ),
    "route that the fault does not know": (
        f'{ONE}[[opinion.fault]]\nname = "list_null_list"\nroutes = ["cancel"]\n',
        "can be used for list only",
    ),
    "no accounts": ("seed = 1\n", "no accounts"),
    "a venue without accounts": ("[polymarket]\n", "no accounts"),
    "an account outside of a venue": ('[[account]]\nname = "a"\norders = 1\n', "unknown key 'account'"),
    "two of one name": (
        f'{ONE}[[polymarket.account]]\nname = "a"\norders = 1\n',
        "a name of its own",
    ),
    "a side that is none": ('[[polymarket.account]]\nname = "a"\norders = 1\nside = "up"\n', "side must be buy or sell"),
    "a fault of the other venue": (
        '[[polymarket.account]]\nname = "a"\norders = 1\n[[polymarket.fault]]\nname = "result_false"\n',
        "there is no fault 'result_false'",
    ),
    "no number of orders": ('[[polymarket.account]]\nname = "a"\n', "needs name and orders"),
    "share above one": (
        f'{ONE}[[opinion.fault]]\nname = "hang"\nshare = 7\n',
        "from 0 to 1",
    ),
}


@pytest.mark.parametrize(("text", "hint"), BAD.values(), ids=BAD)
def test_a_bad_demo_file_is_one_line(cli, tmp_path, text, hint):
    """A demo file that cannot be used is one line, exit code 2."""
    path = tmp_path / "demo.toml"
    path.write_text(text)
    ran = cli("demo", "--config", path)
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.line
