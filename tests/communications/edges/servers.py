"""Real processes of ours: the live server, and the dispatcher."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from django.conf import settings

from tests.servers import free_port, started

READY_WITHIN = 90.0


@dataclass(frozen=True)
class Live:
    port: int
    log: Path

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/status/"

    @property
    def is_up(self) -> bool:
        try:
            return requests.get(f"{self.http}/health/live", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False


@contextmanager
def live(env: Mapping[str, str]) -> Iterator[Live]:
    """`live` of the Procfile: WebSockets, and HTTP as well."""
    port = free_port()
    command = ["uvicorn", "--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    command += ["--timeout-graceful-shutdown", "2", "wedsync_comms.asgi:application"]
    with serving(command, env, port) as server:
        yield server


@contextmanager
def web(env: Mapping[str, str]) -> Iterator[Live]:
    """`web` of the Procfile, with one worker."""
    port = free_port()
    command = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    with serving([*command, "wedsync_comms.wsgi:application"], env, port) as server:
        yield server


@contextmanager
def serving(command: Sequence[str], env: Mapping[str, str], port: int) -> Iterator[Live]:
    with running(["-m", *command], env) as (process, log):
        server = Live(port, log)
        deadline = time.monotonic() + READY_WITHIN
        while not server.is_up:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield server


@contextmanager
def dispatcher(env: Mapping[str, str]) -> Iterator[Path]:
    """Yields its log."""
    with running(["manage.py", "dispatcher"], env) as (_, log):
        yield log


@contextmanager
def running(
    arguments: Sequence[str],
    env: Mapping[str, str],
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    with tempfile.TemporaryDirectory(prefix="wedsync-process-") as folder:
        log = Path(folder) / "log"
        with (
            log.open("wb") as output,
            started(
                [sys.executable, *arguments],
                env=dict(env),
                cwd=settings.BASE_DIR,
                stdout=output,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            yield process, log
