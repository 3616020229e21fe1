"""What `drill` promises to who runs it."""

import json
import time

import pytest

from engine.cli.drilling import drill_many, drill_one
from engine.drill import LAWS, Performance, Selection, perform
from engine.drill.soaking import Failure, Tally

BROKEN = Performance(
    seed=7, selection=Selection(), broken=("no lie: a: order x is said to be cancelled and is open",), requests=9, orders=3
)


def test_one_drill_says_what_it_played(cli):
    """Every part of the scene with its place, what came of it, and exit code 0 where all laws hold."""
    ran = cli("drill", "--seed", 3)

    assert 0 == ran.code
    assert [line.split(":")[0] for line in ran.out.splitlines()][:3] == ["venue opinion", "account 0", "account 1"]
    assert f"All {len(LAWS)} laws hold." in ran.out
    assert perform(3, with_trace=True).digest in ran.out


def test_one_drill_as_json(cli):
    """One document: the seed, what was broken, and the digest by which two machines can compare."""
    ran = cli("drill", "--seed", 3, "--json")

    assert 0 == ran.code
    assert (3, [], None, perform(3, with_trace=True).digest) == tuple(
        ran.document[name] for name in ("seed", "broken", "smallest", "trace_digest")
    )


def test_a_part_of_a_drill_is_played_alone(cli):
    """`--select` plays what a line names."""
    whole, part = cli("drill", "--seed", 3), cli("drill", "--seed", 3, "--select", "accounts=1/orders=1")

    assert ("account 1" in whole.out, "account 1" in part.out) == (True, False)
    assert "orders=1" in part.out


def test_the_trace_is_written(cli, tmp_path):
    """`--trace` writes lines of JSON, the same each time."""
    for name in ("a", "b"):
        assert 0 == cli("drill", "--seed", 3, "--trace", tmp_path / name).code

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == perform(3, with_trace=True).trace
    assert {"scene"} == set(json.loads((tmp_path / "a").read_text().splitlines()[0]))


def test_a_broken_law_is_exit_code_1_with_the_line_that_plays_it_again(capsys):
    """The law, what broke it, and the command for the drill and for its smallest part."""
    code = drill_one(7, "", trace=None, as_json=False, play=lambda *_args, **_options: BROKEN)
    out = capsys.readouterr().out

    assert 1 == code
    assert "BROKEN  no lie: a: order x is said to be cancelled and is open" in out
    assert "plays it again:  cancel-engine drill --seed 7\n" in out


def test_many_drills_are_counted(cli):
    """How many, how much, how fast, and which laws held."""
    ran = cli("drill", "--runs", 30, "--jobs", 1)

    assert 0 == ran.code
    assert ran.out.startswith("30 drills: ")
    assert "simulated requests a second in each process" in ran.out
    assert f"No law was broken; there are {len(LAWS)}: no lie, " in ran.out


def test_many_drills_as_json(cli):
    """One document with the counts and every failure."""
    ran = cli("drill", "--runs", 30, "--jobs", 1, "--json")

    assert (0, 30, []) == (ran.code, ran.document["runs"], ran.document["failures"])
    assert ran.document["requests"] > 100


def test_many_drills_go_on_where_they_stopped(cli, tmp_path):
    """With `--resume`, what is counted is not played again, and the words say how much was."""
    path = tmp_path / "soak.json"
    first, second = (cli("drill", "--runs", 30, "--jobs", 1, "--resume", path) for _ in range(2))

    assert "30 drills: " in first.out
    assert "30 drills (0 of them now): " in second.out


def test_nothing_goes_on_once_it_is_killed(started):
    """Killed, it leaves no process behind: each holds its output open, and that ends."""
    child = started("drill", "--runs", 100_000, "--jobs", 2)
    time.sleep(3.0)
    child.kill()
    out, _ = child.communicate(timeout=20)

    assert b"" == out


@pytest.mark.parametrize("as_json", [True, False])
def test_failures_among_many_are_told_one_by_one(capsys, as_json):
    """Exit code 1, and for each failure the line that plays it again, and the smallest part."""
    failure = Failure(
        line="cancel-engine drill --seed 9",
        broken=("pace: x",),
        smallest="cancel-engine drill --seed 9 --select orders=1",
        still_broken=("pace: y",),
    )
    tally = Tally(runs=2, requests=10, orders=5, simulated_s=7200.0, work_s=2.0, failures=[failure])
    code = drill_many(8, 2, jobs=1, resume=None, as_json=as_json, plays=lambda *_args, **_options: tally)
    out = capsys.readouterr().out

    assert 1 == code
    if as_json:
        assert ["cancel-engine drill --seed 9"] == [each["line"] for each in json.loads(out)["failures"]]
    else:
        assert "BROKEN  pace: x" in out
        assert "the smallest:    cancel-engine drill --seed 9 --select orders=1" in out
        assert "2 drills: 10 requests and 5 orders, 2.0 hours of the simulated clock in " in out
        assert "1 drill broke a law." in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--select", "nonsense"), "selects nothing of a drill; use a line that a drill printed"),
        (("--runs", "2", "--select", "orders=1"), "--select and --trace are for one drill: leave out --runs and --resume"),
        (("--runs", "0"), "Invalid value for '--runs'"),
        (("--seed", "-1"), "Invalid value for '--seed'"),
        (("--trace", "/nowhere/at/all"), "the trace cannot be written to /nowhere/at/all"),
        (("--runs", "2", "--resume", "/nowhere/at/all"), "the count cannot be kept in /nowhere/at/all"),
    ],
)
def test_what_cannot_be_used_is_one_line(cli, arguments, words):
    """Exit code 2, and what to do."""
    ran = cli("drill", *arguments)

    assert 2 == ran.code
    assert words in ran.line
