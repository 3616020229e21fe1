"""What the figures were measured on: the class of the machine, never its name."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path


def machine() -> dict[str, str]:
    """Kind of machine, memory, system, Python, and the packages that the figures depend on most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = {
        "machine": f"{cores} shared cores of {_processor()}",
        "memory": _memory(),
        "system": f"{platform.system()} {_release()}",
    }
    found["load average"] = f"{os.getloadavg()[1]:.1f}"  # of the last five minutes, the benchmarks' own work included
    found["Python"] = platform.python_version()
    for name in ("aiohttp", "anyio", "uvloop", "orjson"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else 'an unknown processor'} ({platform.machine()})"


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def _release() -> str:
    return ".".join(platform.release().split(".")[:2])
