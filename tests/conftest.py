"""Time belongs to the test: every asynchronous test runs on a loop whose clock jumps to the next timer.

Folders whose tests use real sockets bring their own `anyio_backend`.
"""

import pytest

from engine.simulator import new_virtual_clock_loop


@pytest.fixture
def anyio_backend():
    """The loop that a test runs on."""
    return "asyncio", {"loop_factory": new_virtual_clock_loop}
