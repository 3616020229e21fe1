"""What holds for the project as a whole: its walls, its front door, and the form of its tests."""

import ast
import logging
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import engine

ROOT = Path(__file__).parent.parent


HEAVY = (
    "aiohttp", "anyio", "asyncio", "click", "eth_account", "jinja2", "keyring", "matplotlib", "opentelemetry",
    "prometheus_client", "psycopg", "pydantic", "rich", "sqlite3", "structlog", "engine.cli", "engine.compat", "engine.config",
    "engine.drill", "engine.run", "engine.simulator",
)  # fmt: skip
"""What takes long to import, of others and of our own."""


def run(*command):
    """Run a command in the project's folder."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_the_walls_stand():
    """No import crosses a wall: pure core, stages without venues, one file for each foreign client."""
    done = run(str(Path(sys.executable).with_name("lint-imports")))

    assert 0 == done.returncode, done.stdout


def test_the_front_door_is_sorted_and_whole():
    """Everything in `__all__` is there, and stands in order."""
    assert sorted(engine.__all__) == engine.__all__
    assert all(hasattr(engine, name) for name in engine.__all__)


def test_importing_the_engine_is_silent_and_light():
    """`import engine` warns of nothing, and brings nothing that takes long to import and that not every caller uses."""
    code = f"import engine, sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = run(sys.executable, "-W", "error", "-c", code)

    assert (0, "[]\n", "") == (done.returncode, done.stdout, done.stderr)


def test_the_engine_itself_is_imported_without_a_simulator():
    """Who takes the engine and a venue from the package gets no command line, no simulator, no eth-account and no database."""
    unused = tuple(
        name for name in HEAVY if name not in ("aiohttp", "anyio", "asyncio", "rich", "sqlite3", "structlog", "engine.run")
    )
    code = (
        "from engine import CancelEngine, Journal, Progress, ResultStream, RunLine\n"
        "from engine.venues.opinion import Opinion\n"
        f"CancelEngine(Opinion())\nimport sys; print([name for name in {unused} if name in sys.modules])"
    )
    done = run(sys.executable, "-W", "error", "-c", code)

    assert (0, "[]\n", "") == (done.returncode, done.stdout, done.stderr)


def test_what_is_imported_late_is_listed_early():
    """`dir(engine)` names the whole front door before any of it was used, and a name that is not there is an AttributeError."""
    code = "import engine; print([name for name in engine.__all__ if name not in dir(engine)], hasattr(engine, 'Engine'))"
    done = run(sys.executable, "-c", code)

    assert (0, "[] False\n", "") == (done.returncode, done.stdout, done.stderr)


def test_every_file_that_the_engine_reads_is_packed():
    """What lies beside the code, such as the page of a report, is among the files that an installation gets."""
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    patterns = {(package.replace(".", "/"), pattern) for package, patterns in packed.items() for pattern in patterns}
    beside = [
        path.relative_to(ROOT)
        for path in (ROOT / "engine").rglob("*")
        if path.is_file() and path.suffix not in (".md", ".py", ".pyc")
    ]

    assert {"page.css", "page.html", "page.js"} < {path.name for path in beside}
    assert [] == [
        path for path in beside if not any(str(path.parent) == folder and path.match(each) for folder, each in patterns)
    ]


def test_the_engine_configures_no_logging():
    """A library leaves the root logger and the levels alone."""
    assert [logging.NullHandler] == [type(handler) for handler in logging.getLogger("engine").handlers]
    assert logging.NOTSET == logging.getLogger("engine").level


@pytest.mark.parametrize("path", sorted(ROOT.glob("tests/**/test_*.py")), ids=lambda path: path.name)
def test_every_test_states_its_promise(path):
    """Every test has a docstring, and none mocks."""
    tree = ast.parse(path.read_text("utf-8"))
    silent = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert [] == silent
    assert "unittest.mock" not in imported
