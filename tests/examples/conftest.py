"""The examples as a user has them: processes of their own, on the real clock and loopback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 60.0


def environment(**more: str) -> dict[str, str]:
    """An environment in which the command and the package are those of this checkout, and no setting of the caller's holds."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("CANCEL_ENGINE", "OPINION", "POLYMARKET"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**mine, "PATH": path, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **more}


@pytest.fixture
def started(tmp_path):
    """Start processes in an empty folder; whatever still runs in the end is killed, by its own id."""
    processes: list[subprocess.Popen[str]] = []

    def start(*command: object) -> subprocess.Popen[str]:
        words = [str(word) for word in command]
        processes.append(subprocess.Popen(words, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for each in processes:
        if each.poll() is None:
            each.kill()
        each.communicate(timeout=PATIENCE_S)
