"""Processes that work on a run over HTTP, with a journal, and may be killed on the way. Run as a script, it is their parent.

Starting Python and importing the engine takes most of a second; so one warm process, which does nothing else, forks for each
life, and it alone kills: only ever the child that it has not waited for yet.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import sys
import traceback
from contextlib import asynccontextmanager
from pathlib import Path

from engine import Account, CancelEngine, ConfigError, Progress, Retry, Scope
from engine.core.plain import plain
from engine.journal import Journal
from engine.venues.opinion import PUBLISHED, Opinion, OpinionKey
from engine.venues.polymarket import Polymarket, PolymarketKey

LONGEST_S = 60.0
"""A life that takes longer hangs. A guess: some seconds is what they take."""

QUICK = Retry(first_wait_s=0.01, longest_wait_s=0.05)


# --- the child


def venue_of(life):
    """The engine's side of the venue."""
    if life["venue"] == "polymarket":
        return Polymarket(life["base_url"], limits=None, **life["venue_options"])
    return Opinion(life["base_url"], limits=PUBLISHED if life["is_limited"] else None, **life["venue_options"])


def account_of(name, life):
    """An account, of what opens it."""
    kind = PolymarketKey if life["venue"] == "polymarket" else OpinionKey
    return Account(name, kind(*life["keys"][name]), life["venue"])


def chosen(_order):
    """A predicate: what it is given for cannot be left to the venue's own mass cancel."""
    return True


async def work(life, progress):
    """What the process is there for: the run's report."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, progress.stop)
    accounts = [account_of(name, life) for name in life["keys"]]
    async with CancelEngine(venue_of(life), retry=QUICK, journal=Journal.open(life["journal"])) as engine:
        if life["run_id"] is not None:
            where = chosen if life["call"] == "by id" else None
            return await engine.resume(life["run_id"], accounts, where=where, progress=progress)
        if life["call"] == "known":
            await engine.cancel_orders(accounts[0], life["order_ids"], verify=True, progress=progress)
            return progress.report()
        scope = Scope(where=chosen) if life["call"] == "by id" else Scope()
        return await engine.mass_cancel(accounts, scope, lists_first=life["lists_first"], progress=progress)


def live(life, tell):
    """A whole life: what came of it goes into a file."""
    log = os.open(life["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for ours in (0, 1, 2):
        os.dup2(log, ours)
    os.write(tell, b"!")
    progress = Progress()
    try:
        said = {"report": plain(asyncio.run(work(life, progress)).to_dict())}
    except ConfigError as error:
        said = {"refused": str(error)}
    except KeyboardInterrupt:
        said = {"report": plain(progress.report().to_dict())}
    Path(life["said"]).write_text(json.dumps(said), "utf-8")


# --- its parent


def lines():
    """What is told on standard input; blank once nobody is there to tell anything."""
    rest = b""
    while True:
        line, end, rest = rest.partition(b"\n")
        while not end:
            more = os.read(0, 65_536)
            if not more:
                return
            line, end, rest = (line + more).partition(b"\n")
        yield json.loads(line)


def watch(life, told):
    """Have a child live, and kill it when told to; how it ended."""
    hears, tells = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(hears)
            live(life, tells)
        except BaseException:  # noqa: BLE001  # a child must never come back into the loop of its parent
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    os.close(tells)
    os.read(hears, 1)
    print(json.dumps({"began": pid}), flush=True)
    sent = None
    while True:
        ready, _, _ = select.select([hears] if sent == signal.SIGKILL else [hears, 0], [], [], LONGEST_S)
        if hears in ready or sent == signal.SIGKILL:
            break
        order = next(told, None) if ready else None
        sent = signal.SIGKILL if order is None else order["kill"]
        os.kill(pid, sent)  # it is a child that was not waited for: the number is still its own
    os.close(hears)
    _, status = os.waitpid(pid, 0)
    return {"ended": os.waitstatus_to_exitcode(status)}


def parent():
    """Let one child live after the other, as told, until nobody tells anything any more."""
    told = lines()
    for order in told:
        if "kill" not in order:  # that came too late for its child
            print(json.dumps(watch(order, told)), flush=True)


# --- whoever tells the parent what to do


class Nursery:
    """The way to that parent: one life at a time."""

    def __init__(self, process):
        self._process = process

    async def live(self, life, *, until=None, how=signal.SIGKILL):
        """Have a child live; how it ended: 0 by itself, -9 killed.

        Args:
            life: What it is to do.
            until: A coroutine; when that returns, the child is sent a signal, if it still lives.
            how: That signal.
        """
        self._say(life)
        ended, killing = asyncio.ensure_future(self._heard()), until and asyncio.ensure_future(until)
        try:
            if killing is not None:
                await asyncio.wait({ended, killing}, return_when=asyncio.FIRST_COMPLETED)
                if not ended.done():
                    self._say({"kill": int(how)})
            return await asyncio.wait_for(ended, 2 * LONGEST_S)
        finally:
            for each in filter(None, (ended, killing)):
                each.cancel()

    def _say(self, value):
        self._process.stdin.write(json.dumps(value).encode() + b"\n")

    async def _heard(self):
        for _ in ("began", "ended"):
            line = await self._process.stdout.readline()
            said = json.loads(line)
        return said["ended"]


@asynccontextmanager
async def nursery():
    """A parent of lives; with the block, it ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**22
    )
    try:
        yield Nursery(process)
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 2 * LONGEST_S)


if __name__ == "__main__":
    parent()
