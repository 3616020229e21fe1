"""What no file of the engine does, read from its source: run text, unpickle, start a program, widen a mode, trust anybody."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "engine").rglob("*.py"))

CALLS = {"eval", "exec", "compile", "__import__", "breakpoint", "input"}
"""Built-in functions that run text, or stop a program for somebody at a terminal."""

MODULES = {
    "code", "codeop", "ctypes", "dill", "ftplib", "imp", "marshal", "multiprocessing", "pdb", "pickle", "pickletools", "pty",
    "runpy", "shelve", "smtplib", "subprocess", "telnetlib", "wsgiref", "xml", "xmlrpc", "yaml",
}  # fmt: skip
"""Modules that run text or foreign objects, start programs, or open other ways out than `venues/http.py`."""

ATTRIBUTES = {
    "system", "popen", "fork", "execv", "execve", "execvp", "spawnl", "spawnv", "startfile",  # programs
    "chmod", "fchmod", "lchmod", "chown", "umask", "mktemp",  # a file is made with the mode that it keeps
    "_create_unverified_context", "CERT_NONE", "CERT_OPTIONAL", "load_module", "import_module", "exec_module",
}  # fmt: skip

KEYWORDS = {
    ("shell", True), ("verify", False), ("verify_ssl", False), ("ssl", False), ("check_hostname", False), ("trust_env", True),
    ("allow_redirects", True), ("unsafe", True), ("show_locals", True), ("capture_locals", True),
}  # fmt: skip
"""Options that give up a protection: `trust_env` would send keys through a proxy that the environment names."""

REVEALS = {
    "engine/cli/accounts_file.py": "writes an accounts file for its owner alone",
    "engine/cli/journals.py": "opens a database whose address a setting holds",
    "engine/compat/polymarket.py": "hands out derived credentials as text, as the official client does",
    "engine/config/accounts.py": "reads accounts files",
    "engine/config/files.py": "parses what it has read",
    "engine/config/secrets.py": "follows references, and knows a blank secret",
    "engine/config/settings.py": "reads variables and options, which may hold a password",
    "engine/drill/staging.py": "remembers the simulators' keys, to look for them in what a drill brings out",
    "engine/journal/postgres.py": "connects to a database by a URL that holds a password",
    "engine/secret.py": "finds secrets in what a venue says",
    "engine/simulator/venue.py": "is the other side, and reads what arrives",
    "engine/venues/base.py": "gives headers to a transport",
    "engine/venues/decoding.py": "says whether a header can carry a key",
    "engine/venues/http.py": "sends headers",
    "engine/venues/opinion/venue.py": "says whether a key is blank",
    "engine/venues/opinion/wire.py": "says whether what was handed out is a key",
    "engine/venues/polymarket/signing.py": "signs",
    "engine/venues/wallet.py": "signs with a private key",
}
"""The files in which a secret is text for a moment, and why."""


EXCUSED = {
    "engine/config/secrets.py": {".import_module": "the function of a vault, which the operator names in a file of their own"},
    "engine/cli/__init__.py": {".import_module": "a verb of its own, out of a table; a name from outside must be in that table"},
    "engine/cli/drilling.py": {"trace.write_bytes": "a drill's own account of itself; simulated keys open nothing"},
    "engine/drill/soaking.py": {
        "from multiprocessing": "starts this very program, and hands over numbers of drills",
        "fresh.write_text": "how many drills are done",
    },
    "engine/drill/staging.py": {"an assert, which -O takes away": "tells the type checker which of two simulators it is"},
}
"""What a file does all the same, and why it may."""


def unexcused(path, search):
    """What the search finds in a file, but for what it may do."""
    excused = EXCUSED.get(str(path.relative_to(ROOT)), {})
    return [each for each in search(ast.parse(path.read_text("utf-8"))) if each.partition(": ")[2] not in excused]


def problems(tree):
    """What a file must not do, and where it does."""
    for node in ast.walk(tree):
        found = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            found = f"{node.func.id}()"
        elif isinstance(node, ast.Import) and MODULES & {alias.name.partition(".")[0] for alias in node.names}:
            found = "a module"
        elif isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in MODULES:
            found = f"from {node.module}"
        elif isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
            found = f".{node.attr}"
        elif isinstance(node, ast.ImportFrom) and ATTRIBUTES & {alias.name for alias in node.names}:
            found = "a name"
        elif isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant) and (node.arg, node.value.value) in KEYWORDS:
            found = f"{node.arg}={node.value.value}"
        elif isinstance(node, ast.Assert):
            found = "an assert, which -O takes away"
        if found is not None:
            yield f"line {node.lineno}: {found}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_gives_up_a_protection(path):
    """No text is run, no object unpickled, no program started, no mode widened, no certificate unchecked, nothing asserted."""
    assert [] == unexcused(path, problems)


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')", "import pickle", "import os, subprocess", "from yaml import load", "import xml.etree", "os.system('ls')",
        "run('ls', shell=True)", "assert key", "path.chmod(0o600)", "from os import chmod", "get(url, ssl=False)",
        "Session(trust_env=True)", "context.verify_mode = ssl.CERT_NONE", "__import__('os')", "tempfile.mktemp()",
    ],
)  # fmt: skip
def test_each_of_them_would_be_found(source):
    """The search finds each of these in a file of one line."""
    assert 1 == len(list(problems(ast.parse(source))))


def test_secrets_are_text_in_few_places():
    """Only these files ask a secret for its text, each for a reason; whoever adds one says why."""
    asking = {
        str(path.relative_to(ROOT))
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("reveal", "revealed_headers")
    }

    assert REVEALS.keys() == asking


def written(tree):
    """Calls that make a file without saying who may read it: all but `os.open` with 0600, and what `tempfile` makes so itself."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        given = [ast.unparse(each) for each in (*node.args, *(keyword.value for keyword in node.keywords))]
        if called.endswith((".write_text", ".write_bytes", ".touch")):
            yield f"line {node.lineno}: {called}"
        elif called == "os.open" and "384" not in given:
            yield f"line {node.lineno}: {called} without 0o600"
        elif (
            called.endswith("open")
            and called not in ("os.open", "os.fdopen")
            and {"'w'", "'a'", "'x'", "'wb'", "'w+'"} & {*given}
        ):
            yield f"line {node.lineno}: {called} to write"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_made_for_its_owner_alone(path):
    """Whatever makes a file says at that moment that nobody else may read it."""
    assert [] == unexcused(path, written)


@pytest.mark.parametrize("source", ["p.write_text('x')", "open(p, 'w')", "p.open(mode='a')", "os.open(p, os.O_CREAT, 0o644)"])
def test_a_file_for_everybody_would_be_found(source):
    """The search finds each of these in a file of one line."""
    assert 1 == len(list(written(ast.parse(source))))


def test_what_the_document_refers_to_is_there():
    """Every file, folder and test that docs/security.md names exists."""
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    named = re.findall(r"`((?:engine|tests)/[\w/.]+|test_\w+)`", text)
    tests = {name for path in ROOT.glob("tests/**/test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text("utf-8"))}

    assert len(named) > 10
    assert [] == [name for name in named if name not in tests and not (ROOT / name).exists()]
