"""Time belongs to the test: every asynchronous test runs on a loop whose clock jumps to the next timer.

Folders whose tests use real sockets bring their own `anyio_backend`. Properties are tried with the same examples each time,
however slow the machine is; what looks for more is `make fuzz` and `make soak`.
"""

import os

import hypothesis
import pytest

from engine.simulator import new_virtual_clock_loop

pytest_plugins = ["places"]

hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def _no_state(tmp_path_factory):
    """No test writes into the state folder of whoever runs it, nor into a journal that this one has named."""
    before = {name: os.environ.pop(name, None) for name in ("XDG_STATE_HOME", "CANCEL_ENGINE_JOURNAL")}
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    yield
    del os.environ["XDG_STATE_HOME"]
    os.environ.update({name: value for name, value in before.items() if value is not None})


@pytest.fixture
def anyio_backend():
    """The loop that a test runs on."""
    return "asyncio", {"loop_factory": new_virtual_clock_loop}
