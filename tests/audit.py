"""`make audit`: are the pinned packages known to be vulnerable, or withdrawn? Asks services of the network, so no test runs it.

    python tests/audit.py .venv-audit/bin

pip-audit itself says "No known vulnerabilities found" where it could look up nothing at all. Here, *nothing known* and *could not
look* are different answers: the exit code is 0 where all packages were looked up, 1 for a vulnerable or withdrawn one, and 2
where something could not be looked up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PINS = Path(__file__).parent.parent / "constraints.txt"
CLEAN, FOUND, COULD_NOT = 0, 1, 2
LONGEST_S = 600.0


def judged(document: str, pip_words: str, *, pip_code: int = 0) -> tuple[int, list[str]]:
    """The exit code and the lines to print.

    Args:
        document: What pip-audit wrote as JSON; anything else where it broke off.
        pip_words: What pip said when it was asked to install the same packages.
        pip_code: Its exit code.
    """
    try:
        packages: list[dict[str, Any]] = json.loads(document)["dependencies"]
        blind = [each["name"] for each in packages if "skip_reason" in each]
        found = [f"{each['name']} {each['version']}: {_shown(hole)}" for each in packages for hole in each.get("vulns", ())]
    except (ValueError, TypeError, KeyError):
        packages, blind, found = [], [], []
    withdrawn = [line.strip() for line in pip_words.splitlines() if "yanked" in line.lower()]
    lines = [f"vulnerable: {line}" for line in found] + [f"withdrawn: {line}" for line in withdrawn]
    if not packages:
        lines.append("could not audit: the service for known vulnerabilities gave no answer; nothing was looked up")
    elif blind:
        some = ", ".join(blind[:5]) + (" and more" if len(blind) > 5 else "")
        lines.append(f"could not audit {len(blind)} of {len(packages)} packages: the service does not know {some}")
    if pip_code:
        lines.append("could not look for withdrawn packages: pip could not find them all")
    if found or withdrawn:
        return FOUND, lines
    if not packages or blind or pip_code:
        return COULD_NOT, lines
    return CLEAN, [f"{len(packages)} packages: no known vulnerability, none withdrawn"]


def _shown(hole: dict[str, Any]) -> str:
    return f"{hole['id']}, mended in {', '.join(hole.get('fix_versions', ())) or 'no version yet'}"


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)  # our own
    except (OSError, subprocess.TimeoutExpired):
        return subprocess.CompletedProcess(command, COULD_NOT, "", "")


def main() -> int:
    """Ask both, print what they say."""
    folder, pins = sys.argv[1] if len(sys.argv) > 1 else ".venv-audit/bin", ("--requirement", str(PINS))
    audit = _run(f"{folder}/pip-audit", *pins, "--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off")
    pip = _run(f"{folder}/pip", "install", *pins, "--dry-run", "--ignore-installed", "--no-deps", "--quiet")
    code, lines = judged(audit.stdout, pip.stderr, pip_code=pip.returncode)
    for line in lines:
        print(f"audit: {line}", file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
