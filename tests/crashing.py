"""Power cuts in simulated time: what was not on disk is gone, what was on its way may or may not arrive."""

import asyncio

import anyio
from support import engine_for

from engine.drill.dying import MortalStore, MortalTransport, Process
from engine.journal import Journal


async def live(simulator, place, call, *, steps=None, away_s=5.0, **options):
    """One life of a process: what its call gives, or None where the power was cut after so many steps.

    Args:
        simulator: The venue.
        place: Where the journal is kept.
        call: What to do with the engine.
        steps: Steps of tasks after which the power is cut; None for never.
        away_s: How long the power is away: what was on its way arrives meanwhile, or never does.
        options: For the engine.
    """
    process = Process()
    journal = Journal(lambda: MortalStore(place.new_store(), process), if_lost="go on", patience_s=2.0, in_loop=True)
    gave = None

    def cut():
        if gave is None:
            process.is_dead = True
            tasks.cancel_scope.cancel()

    if steps is not None:
        asyncio.get_running_loop().after_steps(steps, cut)
    async with anyio.create_task_group() as tasks, engine_for(simulator, journal=journal, **options) as engine:
        engine._desk.transport = MortalTransport(engine._desk.transport, process)
        made = await call(engine)
        gave = None if process.is_dead else made
    asyncio.get_running_loop().set_task_factory(None)
    if gave is None:
        await anyio.sleep(away_s)
    return gave


async def lives(simulator, place, first, again, cuts, **options):
    """A run of several lives: the power is cut after so many steps of each but the last, which comes to its end.

    Returns:
        What its last life gives, and how many it took; nothing where the power went before there was a run.
    """
    call = first
    for number, steps in enumerate([*cuts, None], start=1):
        gave = await live(simulator, place, call, steps=steps, **options)
        if gave is not None:
            return gave, number
        with Journal.open(place.where, in_loop=True) as journal:
            runs = [run for run in journal.runs() if run.header["call"] is not None]
        if not runs:
            return None, number

        async def call(engine, run_id=runs[0].run_id):
            return await again(engine, run_id)

    raise AssertionError("the last life was not cut")
