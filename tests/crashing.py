"""Power cuts in simulated time: what was not on disk is gone, what was on its way may or may not arrive."""

import asyncio
import sqlite3
from pathlib import Path

import anyio
from support import engine_for

from engine.errors import TransportError
from engine.journal import Journal
from engine.simulator import MemoryTransport


class Mortal(MemoryTransport):
    """A way to the venue that ends with its process."""

    is_dead = False

    async def send(self, request, *, on_sent):
        """See `MemoryTransport`."""
        if self.is_dead:
            raise TransportError("the process is dead", sent=False)
        return await super().send(request, on_sent=on_sent)


def orphaned(path):
    """Let the runs in this file look like those of a process that is gone."""
    connection = sqlite3.connect(path)
    connection.execute("UPDATE run SET pid = 0, boot = 'another one'")
    connection.commit()
    connection.close()


async def live(simulator, path, call, *, steps=None, **options):
    """One life of a process: its report, or where the power was cut after so many steps, the path of the journal as it was then.

    Args:
        simulator: The venue.
        path: The journal.
        call: What to do with the engine.
        steps: Steps of tasks after which the power is cut; None for never.
        options: For the engine.
    """
    transport, left = Mortal(simulator), Path(f"{path}+")
    report = None
    was_cut = False

    def cut():
        nonlocal was_cut
        if report is None:
            was_cut = transport.is_dead = True
            for end in ("", "-wal"):
                if Path(f"{path}{end}").exists():
                    Path(f"{left}{end}").write_bytes(Path(f"{path}{end}").read_bytes())
            tasks.cancel_scope.cancel()

    if steps is not None:
        asyncio.get_running_loop().after_steps(steps, cut)
    async with (
        anyio.create_task_group() as tasks,
        engine_for(simulator, journal=Journal.open(path, in_loop=True), **options) as engine,
    ):
        engine._desk.transport = transport
        made = await call(engine)
        report = made
    asyncio.get_running_loop().set_task_factory(None)
    if not was_cut:
        return report, path
    await anyio.sleep(5)  # what was on its way arrives, or never does
    orphaned(left)
    return None, left


async def lives(simulator, path, first, again, cuts, **options):
    """A run of several lives: the power is cut after so many steps of each but the last, which comes to its end.

    Returns:
        The report, the path of its journal, and how many lives it took; no report where the power went before there was a run.
    """
    call = first
    for number, steps in enumerate([*cuts, None], start=1):
        report, path = await live(simulator, path, call, steps=steps, **options)
        if report is not None:
            return report, path, number
        with Journal.open(path, in_loop=True) as journal:
            runs = journal.runs()
        if not runs:
            return None, path, number

        async def call(engine, run_id=runs[0].run_id):
            return await again(engine, run_id)

    raise AssertionError("the last life was not cut")
