"""Whether a holder lives: what is read from the system, and what is believed of another machine."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.journal.holding import YOUNG_MS, lives, this_process

NOW_MS = 1_700_000_000_000
LONG_AGO_MS = NOW_MS - 10**9

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def holder_of(pid):
    """A holder as a process of this machine would name itself."""
    words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return this_process()._replace(pid=pid, started=words[19].decode())


def test_this_process_lives():
    """The process that asks names itself the same each time, and lives however long ago it wrote."""
    assert this_process() == this_process()
    assert os.getpid() == this_process().pid
    assert lives(this_process(), LONG_AGO_MS, NOW_MS) or not sys.platform.startswith("linux")


@linux
def test_a_holder_says_all_that_can_be_known():
    """On Linux a holder has the name of its machine and of its space of processes, the machine's start and its own."""
    found = this_process()

    assert str(Path("/proc/self/ns/pid").readlink()) in found.host
    assert os.uname().nodename in found.host
    assert found.boot
    assert found.started.isdecimal()


@linux
@pytest.mark.parametrize("name", ["sleep", "a) Z 1 (b", "(((", "a b c"])
def test_a_process_is_known_by_its_start_whatever_it_is_called(tmp_path, name):
    """A command's name with spaces and parentheses in it does not hide when it started."""
    program = tmp_path / name
    program.symlink_to("/bin/sleep")
    process = subprocess.Popen([str(program), "60"])
    try:
        holder = holder_of(process.pid)
        assert lives(holder, LONG_AGO_MS, NOW_MS)
        assert not lives(holder._replace(started=str(int(holder.started) + 1)), NOW_MS, NOW_MS)
    finally:
        process.kill()
        process.wait()

    assert not lives(holder, NOW_MS, NOW_MS)


@linux
def test_a_process_that_nobody_has_waited_for_is_dead():
    """A process that has ended, and whose parent has not asked for it, does not live."""
    process = subprocess.Popen(["/bin/sleep", "60"])
    holder = holder_of(process.pid)
    process.kill()
    until_s = time.monotonic() + 5
    while lives(holder, NOW_MS, NOW_MS) and time.monotonic() < until_s:
        time.sleep(0.01)

    assert Path(f"/proc/{process.pid}").exists()
    assert not lives(holder, NOW_MS, NOW_MS)
    process.wait()


@linux
def test_another_boot_is_dead():
    """A process from before the machine was started anew does not live, whoever has its number now."""
    assert not lives(this_process()._replace(boot="another"), NOW_MS, NOW_MS)


@pytest.mark.parametrize(("age_ms", "expected"), [(0, True), (YOUNG_MS - 1, True), (YOUNG_MS, False), (-5000, True)])
def test_another_machine_is_believed_by_its_beat(age_ms, expected):
    """A process elsewhere lives for half a minute after its last beat; a clock that is behind does not make it old."""
    holder = this_process()._replace(host="another", pid=1)

    assert expected is lives(holder, NOW_MS - age_ms, NOW_MS)


@pytest.mark.parametrize("unknown", ["boot", "started"])
def test_where_little_is_known_the_number_and_the_beat_decide(unknown):
    """Without a boot or a start, a number that nobody has is dead, and one that somebody has lives by its beat."""
    mine = this_process()._replace(**{unknown: ""})

    assert lives(mine, NOW_MS, NOW_MS)
    assert not lives(mine, LONG_AGO_MS, NOW_MS)
    assert not lives(mine._replace(pid=2**22 + 1), NOW_MS, NOW_MS)
    assert lives(mine._replace(pid=1), NOW_MS, NOW_MS)


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1, 2**40, 2**100])
def test_a_number_that_no_process_has_is_dead(pid):
    """No number, however odd, asks a whole group of processes or raises an error."""
    assert lives(this_process()._replace(pid=pid), NOW_MS, NOW_MS) is False
    assert lives(this_process()._replace(pid=pid, started=""), NOW_MS, NOW_MS) is False
