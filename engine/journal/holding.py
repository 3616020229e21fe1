"""Who holds a run, and whether that process still lives: what decides whether somebody else may take the run over.

On the same machine the process itself decides. Of another machine nothing is known but when the process last wrote; machines that
share a database need names of their own, and clocks that agree within seconds.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from engine.journal.store import Holder

YOUNG_MS = 30_000
"""A holder that cannot be looked at lives as long as its last beat is younger. A guess: a few beats may be late."""

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def this_process() -> Holder:
    """The process that asks."""
    pid = os.getpid()
    found = _looked_up(pid)
    return Holder(_host(), pid, _boot() if found else "", found[1] if found else "")


def lives(holder: Holder, beat_ms: int, now_ms: int) -> bool:
    """Whether the process lives that last wrote at `beat_ms`; where it cannot be looked at, whether that is under 30 s ago."""
    is_young = now_ms - beat_ms < YOUNG_MS
    if holder.host != _host():
        return is_young
    boot = _boot()
    if holder.boot and holder.started and boot:
        if holder.boot != boot:
            return False
        found = _looked_up(holder.pid)
        if found is not None:
            state, started = found
            return started == holder.started and state not in "ZXx"
    return is_young and _may_exist(holder.pid)


def _host() -> str:
    """The machine's name, and the space in which its process numbers count: a container has one of its own."""
    try:
        return f"{platform.node()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _boot() -> str:
    try:
        return _BOOT.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def _looked_up(pid: int) -> tuple[str, str] | None:
    """The state of a process, and the tick at which it started; None where that cannot be known.

    Source: proc(5), fields 3 and 22. The second field is the command's name in parentheses, which may hold any sign: the last
    closing one ends it.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return fields[0].decode("ascii"), fields[19].decode("ascii")
    except (OSError, ValueError, IndexError):
        return None


def _may_exist(pid: int) -> bool:
    """Whether there may be a process of this number: asked without a signal, and never on Windows, where that would end it."""
    if os.name != "posix" or pid <= 0:
        return os.name != "posix"
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # it is somebody else's
    return True
