"""Time belongs to the test: every asynchronous test runs on a loop whose clock jumps to the next timer.

Folders whose tests use real sockets bring their own `anyio_backend`.
"""

import pytest
from hypothesis import settings

from engine.simulator import new_virtual_clock_loop

# A machine that is busy elsewhere makes no example wrong.
settings.register_profile("patient", settings(deadline=None))
settings.load_profile("patient")


@pytest.fixture
def anyio_backend():
    """The loop that a test runs on."""
    return "asyncio", {"loop_factory": new_virtual_clock_loop}
