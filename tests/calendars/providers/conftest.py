"""Google and Microsoft by real HTTP to their sandbox."""

from collections.abc import Iterator

import pytest

from tests.sandbox.receiver import Receiver
from tests.sandbox_server import SandboxServer


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def endpoint() -> Iterator[Receiver]:
    """Where pushes go, and what answers Graph's question whether it is there."""
    receiver = Receiver()
    yield receiver
    receiver.close()
