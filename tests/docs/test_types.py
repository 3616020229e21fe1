"""What docs/typing.md says that an editor shows is what the type checkers say."""

import json
import re
import subprocess
import sys

import pyright
import pytest
from documents import DOCUMENTS, ROOT, blocks

PATIENCE_S = 240
FOUND = blocks(DOCUMENTS["docs/typing.md"].read_text("utf-8"), "python", "text")
EXAMPLES = list(zip(FOUND[::2], FOUND[1::2], strict=True))
API = ROOT / "tests" / "typing" / "api.py"


def told_by_mypy(path):
    """What mypy says of a file in its strict mode, without the names of modules, in the order of lines."""
    command = (sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context", path)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert "" == done.stderr
    lines = [line.partition(".py:")[2] for line in done.stdout.splitlines() if "defined in" not in line]
    return "".join(re.sub(r"\b(?:engine|typing)(?:\.\w+)*\.(?=[A-Z])", "", line) + "\n" for line in lines)


@pytest.fixture(scope="module")
def asked_pyright():
    """Ask pyright about files; skipped where it has no Node, and cannot get one."""

    def ask(*paths):
        options = ("--outputjson", "--pythonpath", sys.executable)
        done = pyright.run(*options, *map(str, paths), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
        if not done.stdout.startswith("{"):
            pytest.skip(f"pyright cannot run here: {(done.stderr or done.stdout).strip()[-200:]}")
        return json.loads(done.stdout)["generalDiagnostics"]

    return ask


@pytest.mark.parametrize(("example", "told"), EXAMPLES, ids=[f"line {example.line}" for example, _ in EXAMPLES])
def test_what_the_page_shows_is_what_mypy_says(example, told, tmp_path):
    """Each example gets from mypy, in its strict mode, what stands below it, to the letter."""
    path = tmp_path / "example.py"
    path.write_text(example.text, "utf-8")

    assert told.text == told_by_mypy(path)


def test_pyright_says_the_same_of_the_page(asked_pyright, tmp_path):
    """It reveals something in the same lines, and finds the same lines wrong."""
    paths = {str(tmp_path / f"example{number}.py"): text for number, text in enumerate(EXAMPLES)}
    for path, (example, _) in paths.items():
        (tmp_path / path).write_text(example.text, "utf-8")
    said = asked_pyright(*paths)

    for path, (_, told) in paths.items():
        mine = [each for each in said if each["file"] == path]
        lines = {each["range"]["start"]["line"] + 1: each["severity"] for each in mine}
        kinds = {"note": "information", "error": "error"}
        assert {int(number): kinds[kind] for number, kind in re.findall(r"^(\d+): (\w+):", told.text, re.MULTILINE)} == lines


def test_pyright_takes_the_public_api(asked_pyright):
    """The file that calls everything as a user does has no error for pyright, but where it says that there is one."""
    expected = {number for number, line in enumerate(API.read_text("utf-8").splitlines(), 1) if "# type: ignore" in line}
    wrong = {each["range"]["start"]["line"] + 1: each["message"] for each in asked_pyright(API) if each["severity"] == "error"}

    assert {} == {line: message for line, message in wrong.items() if line not in expected}
