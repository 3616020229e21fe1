"""The table of breaks is sound, so that it cannot rot in silence, and the script that makes them tells what became of each."""

import subprocess
import sys
from pathlib import Path

import pytest
from mutation.run import DOCUMENT, ROOT, TABLE, main, read_breaks

BREAKS = read_breaks(ROOT / TABLE)
PROMISED_IN = (
    "README.md", "CONTRIBUTING.md", "docs/configuration.md", "docs/html-report.md", "docs/report.md", "docs/journal.md",
    "docs/observability.md", "docs/terminal.md",
)  # fmt: skip
PROMISES = " ".join(" ".join((ROOT / name).read_text("utf-8").split()) for name in PROMISED_IN)


def exists(test):
    """Whether there is this file of tests, or this test in it."""
    file, _, function = test.partition("::")
    return (ROOT / file).is_file() and (not function or f"def {function}(" in (ROOT / file).read_text("utf-8"))


@pytest.mark.parametrize("each", BREAKS, ids=lambda each: each.name)
def test_a_break_can_be_made(each):
    """Its text stands exactly once in its file, what takes its place differs, and the broken file still compiles."""
    assert each.text.strip() != each.becomes.strip()
    compile(each.apply((ROOT / each.file).read_text("utf-8")), each.file, "exec")


def test_a_break_is_no_slip_of_the_pen(tmp_path):
    """No break uses a name that its file does not know: any test would find that."""
    for each in BREAKS:
        (tmp_path / f"{each.name}.py").write_text(each.apply((ROOT / each.file).read_text("utf-8")), "utf-8")
    ruff = (Path(sys.executable).with_name("ruff"), "check", "--isolated", "--no-cache", "--select=F821,F822,F823")
    done = subprocess.run([*ruff, tmp_path], capture_output=True, text=True, timeout=60, check=False)

    assert 0 == done.returncode, done.stdout


def test_a_break_breaks_a_promise():
    """What it breaks is promised in so many words, in the README, in CONTRIBUTING, or in a document of docs."""
    assert [] == [f"{each.name}: {each.promise}" for each in BREAKS if each.promise not in PROMISES]


def test_the_tests_of_a_break_exist():
    """Every file and every function that is to catch a break is there."""
    assert [] == [f"{each.name}: {test}" for each in BREAKS for test in each.tests if not exists(test)]


def test_every_break_is_another_one():
    """No two have the same name, or make the same mistake; and there are more than enough."""
    assert len({each.name for each in BREAKS}) == len(BREAKS) >= 60
    assert len({(each.file, each.text, each.becomes) for each in BREAKS}) == len(BREAKS)


def test_the_document_names_every_break():
    """The results that are written down are those of this table, break for break, each caught by a test that exists."""
    rows = [line.strip("| ").split(" | ") for line in (ROOT / DOCUMENT).read_text("utf-8").splitlines() if line.startswith("| ")]

    assert [[each.name, each.promise, f"`{each.file}`"] for each in BREAKS] == [row[:3] for row in rows[2:]]
    assert [] == [caught_by for *_, caught_by in rows[2:] if caught_by[0] == "`" and not exists(caught_by.strip("`"))]


# --- the script, on a project of a few lines

ENTRY = """
[[break]]
name = "{name}"
promise = "adds"
file = "engine/sums.py"
text = "{text}"
becomes = "{becomes}"
tests = ["tests/test_sums.py"]
{more}
"""

NEGATIVE = ("negative", "a + b", "a - b", "")
UNSEEN = ("unseen", "b: int", "b: float", "")
NO_PROGRAM = ("no-program", "def add", "import nothing_of_that_name\\ndef add", "")
NOT_THERE = ("not-there", "a * b", "a / b", "")
ENDLESS = ("endless", "    return", "    while True: pass\\n    return", "")
ENDLESS_AS_EXPECTED = ("as-expected", "    return", "    while 1: pass\\n    return", "may_hang = true")


@pytest.fixture
def project(tmp_path):
    """Makes a project with these breaks, whose one test expects this sum of one and two."""

    def make(*breaks, expected=3):
        files = {
            "engine/sums.py": "def add(a: int, b: int) -> int:\n    return a + b\n",
            "tests/test_sums.py": f"from engine.sums import add\n\n\ndef test_adds():\n    assert {expected} == add(1, 2)\n",
            str(TABLE): "".join(
                ENTRY.format(name=name, text=text, becomes=becomes, more=more) for name, text, becomes, more in breaks
            ),
            str(DOCUMENT): "nothing yet\n",
        }
        for name, text in files.items():
            Path(tmp_path, name).parent.mkdir(parents=True, exist_ok=True)
            Path(tmp_path, name).write_text(text)
        return tmp_path

    return make


def test_a_caught_break_is_told_with_the_test_that_caught_it(project, capsys):
    """Exit code 0, the test that went red, and the document where it was asked for; the project itself is not touched."""
    root = project(NEGATIVE)

    assert 0 == main(["--write"], root=root)
    assert "tests/test_sums.py::test_adds" in capsys.readouterr().out
    assert "| negative | adds | `engine/sums.py` | `tests/test_sums.py::test_adds` |" in (root / DOCUMENT).read_text()
    assert "a + b" in (root / "engine/sums.py").read_text()


def test_a_break_that_is_not_caught_is_told(project, capsys):
    """Exit code 1 and no document, where the tests passed, where none could run, and where the break could not be made."""
    root = project(NEGATIVE, UNSEEN, NO_PROGRAM, NOT_THERE)

    assert 1 == main(["--write", "--jobs=2"], root=root)
    told = capsys.readouterr().out
    assert "1 of 4 breaks caught; not caught: unseen, no-program, not-there" in told
    for words in ("SURVIVED", "UNSOUND: no test ran", "UNSOUND: not-there: its text stands 0 times"):
        assert words in told
    assert "nothing yet\n" == (root / DOCUMENT).read_text()


def test_tests_that_do_not_end_have_caught_a_break_only_where_it_says_so(project, capsys):
    """Every run is bounded, and one that was cut off proves nothing unless that was expected."""
    assert 1 == main(["--most-s=1", "--jobs=2"], root=project(ENDLESS, ENDLESS_AS_EXPECTED))
    told = capsys.readouterr().out
    assert 2 == told.count("HUNG for 1 s")
    assert "1 of 2 breaks caught; not caught: endless" in told


def test_red_tests_prove_nothing(project, capsys):
    """Where the tests fail without any break, no break is made, and the exit code is 1."""
    assert 1 == main([], root=project(NEGATIVE, expected=4))
    assert "without any break the tests are red" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["no-such-break"], ["negative", "--write"]], ids=" ".join)
def test_arguments_that_cannot_be_used_are_refused(project, arguments):
    """A name that is none, or a document of some breaks only, is exit code 2 before anything is run."""
    with pytest.raises(SystemExit, match="2"):
        main(arguments, root=project(NEGATIVE))
