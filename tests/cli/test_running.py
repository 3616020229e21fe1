"""Which event loop a run from the command line gets."""

import asyncio
import sys

import anyio

from engine.cli.running import fastest_loop


async def whose_loop():
    """The package that the running loop is from."""
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


def test_a_run_takes_uvloop_where_it_is_installed_and_the_ordinary_loop_elsewhere(monkeypatch):
    """With the extra `speed` the loop is uvloop's; without it nothing is missing."""
    assert "uvloop" == anyio.run(whose_loop, backend_options=fastest_loop())
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert "asyncio" == anyio.run(whose_loop, backend_options=fastest_loop())
