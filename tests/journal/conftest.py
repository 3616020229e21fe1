"""Stores of both kinds, with real files, real threads and the real clock."""

import pytest


@pytest.fixture
def anyio_backend():
    """The loop that a test here runs on."""
    return "asyncio"
