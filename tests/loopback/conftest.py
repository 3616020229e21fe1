"""Real sockets need the real clock."""

import pytest


@pytest.fixture
def anyio_backend():
    """The loop that a test here runs on."""
    return "asyncio"
