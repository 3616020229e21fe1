"""Bounded time and memory: the largest input of the worst kinds, in a process of its own that ends if it takes too much."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

MOST_CPU_S = 120
"""Seconds of the processor's time; about 10 are needed. A decoder that takes the square of its input would need hours."""

MOST_MIB = 600
"""Memory; about 200 are needed, most of it for eight MiB of small values in a list."""


@pytest.mark.parametrize("kind", ["answers", "files"])
def test_the_largest_input_of_the_worst_kinds_is_read_or_refused_in_bounded_time_and_memory(kind):
    """No input makes a decoder take the square of its time, recurse without end or fill the memory."""
    done = subprocess.run(
        [sys.executable, str(HERE / "sizes.py"), kind],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S)),
        capture_output=True,
        text=True,
        timeout=1_000,
        check=False,
    )

    assert 0 == done.returncode, f"ended after {done.stdout.splitlines()[-1:]}: {done.stderr[-500:]}"
    assert MOST_MIB > int(done.stdout.splitlines()[-1])
