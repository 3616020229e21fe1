"""Time belongs to the test: every asynchronous test runs on a loop whose clock jumps to the next timer.

Folders whose tests use real sockets bring their own `anyio_backend`.
"""

import logging

import pytest
import structlog

from engine.simulator import new_virtual_clock_loop


@pytest.fixture
def anyio_backend():
    """The loop that a test runs on."""
    return "asyncio", {"loop_factory": new_virtual_clock_loop}


@pytest.fixture
def events(caplog):
    """Every structured event of the engine, at debug level, as (event, fields)."""
    caplog.set_level(logging.DEBUG, logger="engine")
    yield caplog.records
    structlog.reset_defaults()
