"""What the engine stands on: declared, needed, pinned, satisfied and licensed. Read from what is installed, without a network."""

import ast
import importlib.util
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib import metadata
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
NAME = "cancel-engine"

EXTRAS = sorted(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"].keys() - {"dev"})
"""What a user may install beside the engine."""

ALLOWED = {
    "MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "PSF-2.0", "CNRI-Python", "BSD", "Public Domain",
}  # fmt: skip
"""Licences that a program under MIT may stand on without taking on duties beyond naming them."""

OLD_NAMES = {
    "Apache 2.0": "Apache-2.0", "Apache Software License": "Apache-2.0", "MIT License": "MIT", "BSD License": "BSD",
    "Python Software Foundation License": "PSF-2.0", "BSD, Public Domain": "BSD AND Public Domain",
}  # fmt: skip
"""How packages write a licence that do not yet write it as an expression of SPDX."""


def pins():
    """What constraints.txt says: name and version."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def own(extra: str | None = None) -> list[str]:
    """What pyproject.toml declares: what is installed may be of yesterday."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared: list[str] = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    return declared


def requirements(name: str, extras: frozenset[str], *, here: bool = True) -> Iterator[Requirement]:
    """What a distribution asks for with these extras: in this environment, or in any."""
    mine = name == NAME
    for text in [*own(), *(each for extra in extras for each in own(extra))] if mine else metadata.requires(name) or ():
        asked = Requirement(text)
        wanted = [{"extra": extra} for extra in (*extras, "")]
        if asked.marker is None or any(map(asked.marker.evaluate, wanted)) or not (here or "extra" in str(asked.marker)):
            yield asked


def closure(*extras: str, here: bool = True) -> dict[str, list[Requirement]]:
    """Everything that is needed, down to the last, each with what is asked of it."""
    found: dict[str, list[Requirement]] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(NAME, frozenset(extras))]
    while waiting:
        step = waiting.pop()
        if step in seen:
            continue
        seen.add(step)
        for asked in requirements(*step, here=here):
            name = canonicalize_name(asked.name)
            if name != NAME:  # one of its extras may ask for another one
                found.setdefault(name, []).append(asked)
            if here or is_installed(name):
                waiting.append((name, frozenset(asked.extras)))
    return found


def is_installed(name: str) -> bool:
    """Whether there is such a distribution."""
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def imported(folder: str) -> set[str]:
    """The distributions whose modules are imported below a folder."""
    known = metadata.packages_distributions()
    modules: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) and not node.level else []
            modules |= {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names}
    return {canonicalize_name(name) for module in modules for name in homes(module, known)} - {NAME}


def homes(module: str, known: Mapping[str, list[str]]) -> list[str]:
    """The distributions that a module may come from: where several share its first name, those that hold its file."""
    shared = known.get(module.partition(".")[0], [])
    path = module.replace(".", "/")
    places = (f"{path}.py", f"{path}/__init__.py")
    held = [name for name in set(shared) if any(str(each) in places for each in metadata.files(name) or ())]
    return held if len(set(shared)) > 1 and held else shared


def test_what_the_engine_imports_is_what_it_declares():
    """Every package that is imported is declared, and every one that is declared is imported: none by luck, none in vain."""
    assert {canonicalize_name(Requirement(each).name) for each in [*own(), *chain.from_iterable(map(own, EXTRAS))]} == imported(
        "engine"
    )


def test_what_is_declared_for_development_is_used():
    """Every package of the extra `dev` is imported by a test, or is a command or an option of the Makefile."""
    declared = {canonicalize_name(Requirement(each).name) for each in own("dev")}
    told = (ROOT / "Makefile").read_text("utf-8")
    scripts = {(name, entry.name) for name in declared for entry in metadata.distribution(name).entry_points}
    commands = {name for name, script in {*scripts, *zip(declared, declared, strict=True)} if f"$(BIN)/{script}" in told}
    options = {"pytest-cov"} if "--cov" in told else set()

    assert declared - commands - options <= imported("tests")


def test_what_is_installed_satisfies_all_that_is_declared():
    """No package is older or newer than any other one of them asks for."""
    wrong = [
        f"{asked} but {metadata.version(name)}"
        for name, asks in closure("dev").items()
        for asked in asks
        if not asked.specifier.contains(metadata.version(name), prereleases=True)
    ]

    assert [] == wrong


def test_every_package_is_pinned_to_what_is_installed():
    """constraints.txt names each package that is needed, at the version that the tests run with; none without need."""
    pinned = pins()

    assert {name: metadata.version(name) for name in closure("dev")}.items() <= pinned.items()
    assert set() == pinned.keys() - closure("dev", here=False).keys()


def licence_of(name):
    """A package's licence in the names of SPDX, from its metadata."""
    told = metadata.metadata(name)
    classes = [each.rpartition(" :: ")[2] for each in told.get_all("Classifier") or () if each.startswith("License :: OSI")]
    said = told.get("License-Expression") or told.get("License") or ""
    if not said or "\n" in said:
        said = " AND ".join(OLD_NAMES.get(each, each) for each in classes)
    return OLD_NAMES.get(said, said)


def is_allowed(licence):
    """Whether one of the choices that it leaves is made of allowed ones alone."""
    choices = re.sub(r"[()]", "", licence).split(" OR ")
    return any(set(choice.split(" AND ")) <= ALLOWED for choice in choices)


def test_every_package_that_the_engine_needs_may_be_used():
    """The licence of each package that a user installs with the engine is on the list."""
    wrong = {name: licence_of(name) for name in closure() if not is_allowed(licence_of(name))}

    assert {} == wrong


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("", False),
        ("(MIT AND BSD-3-Clause)", True),
    ],
)
def test_a_licence_is_allowed_by_its_parts(licence, allowed):
    """Of several that all hold each must be on the list, of several to choose from one; none at all is not allowed."""
    assert allowed is is_allowed(licence)


def audit():
    """The script behind `make audit`."""
    spec = importlib.util.spec_from_file_location("audit", ROOT / "tests" / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def told(*packages):
    """What pip-audit writes."""
    return json.dumps({"dependencies": packages, "fixes": []})


GOOD = {"name": "a", "version": "1", "vulns": []}
HOLE = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"], "aliases": [], "description": ""}]}
BLIND = {"name": "c", "skip_reason": "Dependency not found on PyPI and could not be audited: c (1)"}
YANKED = "WARNING: The candidate selected for download or install is a yanked version: 'a' candidate (version 1)"


@pytest.mark.parametrize(
    ("document", "pip", "code", "words"),
    [
        (told(GOOD, GOOD), ("", 0), 0, "2 packages: no known vulnerability, none withdrawn"),
        (told(GOOD, HOLE), ("", 0), 1, "vulnerable: b 2: PYSEC-1, mended in 3"),
        (told(GOOD, BLIND, HOLE), ("", 0), 1, "vulnerable: b 2: PYSEC-1, mended in 3"),
        (told(GOOD), (YANKED, 0), 1, f"withdrawn: {YANKED}"),
        (told(GOOD, BLIND), ("", 0), 2, "could not audit 1 of 2 packages: the service does not know c"),
        (told(), ("", 0), 2, "could not audit: the service for known vulnerabilities gave no answer; nothing was looked up"),
        ("", ("", 0), 2, "could not audit: the service for known vulnerabilities gave no answer; nothing was looked up"),
        ("{}", ("", 0), 2, "could not audit: the service for known vulnerabilities gave no answer; nothing was looked up"),
        ("null", ("", 0), 2, "could not audit: the service for known vulnerabilities gave no answer; nothing was looked up"),
        (told(GOOD), ("", 1), 2, "could not look for withdrawn packages: pip could not find them all"),
    ],
    ids=[
        "good",
        "a hole",
        "a hole and a blind spot",
        "yanked",
        "a blind spot",
        "nothing",
        "no network",
        "no list",
        "null",
        "no pip",
    ],
)
def test_an_audit_that_could_not_look_is_no_good_audit(document, pip, code, words):
    """*Nothing known* is said of what was all looked up, and of nothing else."""
    found, lines = audit().judged(document, pip[0], pip_code=pip[1])

    assert code == found
    assert words == lines[0]
