"""Time belongs to the test: every asynchronous test runs on a loop whose clock jumps to the next timer.

Folders whose tests use real sockets bring their own `anyio_backend`. Properties are tried with the same examples each time,
however slow the machine is; what looks for more is `make fuzz` and `make soak`.
"""

import hypothesis
import pytest

from engine.simulator import new_virtual_clock_loop

hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture
def anyio_backend():
    """The loop that a test runs on."""
    return "asyncio", {"loop_factory": new_virtual_clock_loop}
