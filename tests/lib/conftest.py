import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pytest_django import Settings

from tests.servers import started

BACKENDS = ["redis", "database"] if os.environ.get("REDIS_URL") else ["database"]

StartWorkers = Callable[..., "ConcurrentWorkers"]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, settings: Settings) -> str:
    """Where the shared state lives. With Redis at hand, both ways are tested."""
    name: str = request.param
    if name == "database":
        settings.REDIS_URL = ""
    return name


class ConcurrentWorkers:
    """A running `tests.lib.concurrent_workers`, which answers with one line of JSON."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def answer(self) -> Any:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def concurrent_workers(
    backend: str,  # noqa: ARG001  # before the environment is read
    process_env: dict[str, str],
    settings: Settings,
) -> Iterator[StartWorkers]:
    """Starts `tests.lib.concurrent_workers` in processes of its own."""
    with ExitStack() as processes:

        def start(*arguments: object) -> ConcurrentWorkers:
            command = [sys.executable, "-m", "tests.lib.concurrent_workers", *map(str, arguments)]
            process = started(
                command,
                env=process_env,
                cwd=settings.BASE_DIR,
                stdout=subprocess.PIPE,
                text=True,
            )
            return ConcurrentWorkers(processes.enter_context(process))

        yield start
