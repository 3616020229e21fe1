"""What is installed: the wheel has the engine with its data and its command, and neither tests nor tools of ours."""

import configparser
import email
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
LEAST = Version("77")
"""Of setuptools, as `[build-system]` has it."""

NOT_PACKAGED = {".py", ".pyc", ".md"}
"""Kinds of files below `engine/` that are modules, left over, or for who reads the sources."""


def builder():
    """A Python that can build the wheel without a network, or None."""
    if (ROOT / ".venv-wheel" / ".ready").exists():
        return ROOT / ".venv-wheel" / "bin" / "python"
    try:
        return Path(sys.executable) if Version(metadata.version("setuptools")) >= LEAST else None
    except metadata.PackageNotFoundError:
        return None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy: setuptools leaves its work behind."""
    python = builder()
    if python is None:
        pytest.skip(f"no setuptools of at least {LEAST} to build with: make wheel")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist"))
    command = (python, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, source)
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as opened:
        yield opened


def test_the_wheel_holds_the_engine_and_nothing_else(wheel):
    """Every module of the engine is in it, and beside the engine nothing but its metadata: no tests, no configs."""
    names = wheel.namelist()
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "engine").rglob("*.py")}

    assert modules == {name for name in names if name.endswith(".py")}
    assert {"engine"} == {name.partition("/")[0] for name in names if ".dist-info/" not in name}


def test_the_wheel_holds_the_data_of_the_engine(wheel):
    """What modules read beside themselves is in it, such as the mark that says that the engine is typed."""
    files = [path for path in (ROOT / "engine").rglob("*") if path.is_file() and path.suffix not in NOT_PACKAGED]
    data = {str(path.relative_to(ROOT)) for path in files}

    assert "engine/py.typed" in data
    assert data <= set(wheel.namelist())


def test_the_wheel_brings_the_command_and_each_extra(wheel):
    """It has the command `cancel-engine`, its licence, and its extras; without an extra it asks for nothing that one brings."""
    about = next(name for name in wheel.namelist() if name.endswith("dist-info/METADATA"))
    told = email.message_from_bytes(wheel.read(about))
    scripts = configparser.ConfigParser()
    scripts.read_string(wheel.read(about.replace("METADATA", "entry_points.txt")).decode())
    asked = [Requirement(each) for each in told.get_all("Requires-Dist")]
    always = {each.name for each in asked if each.marker is None}

    assert "engine.cli:main" == scripts["console_scripts"]["cancel-engine"]
    assert ["LICENSE"] == told.get_all("License-File")
    assert {"keyring", "postgres"} <= {*told.get_all("Provides-Extra")}
    assert not {"keyring", "psycopg", "pytest"} & always
