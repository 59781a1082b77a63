"""What a benchmark runs against: databases, Redis, a sandbox, and processes as in the Procfile.

All of it listens on 127.0.0.1 only, and is gone with its data when the block is left.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import unquote

import django
import psycopg
import requests
from psycopg import sql

from tests import servers
from tests.sandbox_server import SandboxServer

P = ParamSpec("P")
T = TypeVar("T")
Environment = Mapping[str, str]

ROOT = Path(__file__).parents[2]
SECRET = "whsec_dGhlLWJlbmNobWFya3Mtb2Ytd2Vkc3luYw=="
API_KEY = "re_benchmarks"
ACCOUNT_SID = "AC" + "b0" * 16
AUTH_TOKEN = "twilio_benchmarks"
PATIENCE = 60.0

COMMON = {
    "DJANGO_SETTINGS_MODULE": "wedsync_comms.settings",
    "DEBUG": "off",
    "SECRET_KEY": "only-for-the-benchmarks-" * 3,
    "ALLOWED_HOSTS": "127.0.0.1",
    "PUBLIC_URL": "http://127.0.0.1:8000",
    "RESEND_API_KEY": API_KEY,
    "RESEND_WEBHOOK_SECRET": SECRET,
    # Never the limit: what is measured is ours.
    "RESEND_RATE_PER_SECOND": "100000",
    "EMAIL_FROM": "Ever After <hello@everafter.example>",
    "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
    "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    "TWILIO_FROM": "+447700900000",
    "TWILIO_RATE_PER_SECOND": "100",
    # As in production, into a file.
    "LOG_LEVEL": "INFO",
    "LOG_FORMAT": "json",
    "WEB_WORKERS": "2",
    # Of the tools that the Procfile names.
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
}


def enter(env: Environment) -> None:
    """Makes this process one of the product's, in that environment."""
    os.environ.update(env)
    django.setup()


@dataclass(frozen=True)
class Stack:
    """One installation of the product: a database, Redis or none, and a process to work in it."""

    name: str
    env: dict[str, str]
    logs: Path
    sandbox: SandboxServer
    worker: ProcessPoolExecutor

    def start(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Runs it in the other process, one thing after the other."""
        return self.worker.submit(work, *args, **kwargs)

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return self.start(work, *args, **kwargs).result()

    @contextmanager
    def running(self, line: str, **variables: str) -> Iterator[None]:
        """A process of the Procfile by its name, or any other command."""
        command = ["/bin/sh", "-c", f"exec {procfile().get(line, line)}"]
        with (
            (self.logs / f"{self.name}.log").open("ab") as log,
            servers.started(
                command,
                cwd=ROOT,
                env={**os.environ, **self.env, **variables},
                stdout=log,
                stderr=subprocess.STDOUT,
            ),
        ):
            yield

    @contextmanager
    def serving(self, line: str) -> Iterator[int]:
        """A web server of the Procfile; yields its port once it answers."""
        port = servers.free_port()
        with self.running(line, PORT=str(port), LIVE_PORT=str(port)):
            wait_for(lambda: answers(f"http://127.0.0.1:{port}/health/live"))
            yield port


class Machine:
    """Starts what is asked for, once, and ends it with the block it was made in."""

    def __init__(self, exits: ExitStack) -> None:
        self.exits = exits
        self.folder = Path(
            exits.enter_context(tempfile.TemporaryDirectory(prefix="wedsync-bench-"))
        )
        self.databases = 0

    @cached_property
    def postgres(self) -> str:
        return self.exits.enter_context(servers.postgres())

    @cached_property
    def redis(self) -> str:
        return self.exits.enter_context(servers.redis())

    @cached_property
    def sqlite(self) -> Path:
        """A migrated file, to be copied."""
        path = self.folder / "empty.sqlite3"
        migrate(f"sqlite:///{path}")
        return path

    @cached_property
    def template(self) -> str:
        """The name of a migrated database, to be copied."""
        migrate(self._created("template1"))
        return f"bench_{self.databases}"

    def postgres_with_redis(self, name: str = "PostgreSQL + Redis") -> Stack:
        return self._stack(name, self._created(self.template), self.redis)

    def postgres_alone(self, name: str = "PostgreSQL") -> Stack:
        return self._stack(name, self._created(self.template), "")

    def sqlite_alone(self, name: str = "SQLite") -> Stack:
        self.databases += 1
        path = shutil.copy(self.sqlite, self.folder / f"bench_{self.databases}.sqlite3")
        return self._stack(name, f"sqlite:///{path}", "")

    def close(self) -> None:
        """Ends the stacks, not the servers: the next benchmark begins with idle ones."""
        self._stacks.close()
        del self._stacks

    @cached_property
    def _stacks(self) -> ExitStack:
        return self.exits.enter_context(ExitStack())

    def _stack(self, name: str, database: str, redis: str) -> Stack:
        sandbox = self._stacks.enter_context(
            SandboxServer(
                resend_api_key=API_KEY,
                twilio_account_sid=ACCOUNT_SID,
                twilio_auth_token=AUTH_TOKEN,
            ),
        )
        # No limit, and no receipts but those a benchmark posts itself.
        sandbox.control("PATCH", "/resend", {"rate_per_second": None, "auto_receipts": False})
        sandbox.control("PATCH", "/twilio", {"auto_receipts": False})
        env = {
            **COMMON,
            "DATABASE_URL": database,
            "REDIS_URL": redis,
            "RESEND_API_URL": f"{sandbox.url}/resend",
            "TWILIO_API_URL": f"{sandbox.url}/twilio",
        }
        worker = ProcessPoolExecutor(
            1,
            mp_context=get_context("spawn"),
            initializer=enter,
            initargs=({**env, "LOG_LEVEL": "ERROR"},),
        )
        return Stack(name, env, self.folder, sandbox, self._stacks.enter_context(worker))

    def _created(self, template: str) -> str:
        """The URL of a new database that is a copy of another."""
        self.databases += 1
        name = f"bench_{self.databases}"
        with psycopg.connect(conninfo(self.postgres), autocommit=True) as connection:
            create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        return f"{self.postgres.rpartition('/')[0]}/{name}"


def conninfo(url: str) -> str:
    """For psycopg, which wants a socket's folder as its host."""
    folder, _, name = url.partition("@/")[2].rpartition("/")
    return f"host={unquote(folder)} user=postgres dbname={name}"


def migrate(database: str) -> None:
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    env = {**os.environ, **COMMON, "DATABASE_URL": database, "REDIS_URL": ""}
    subprocess.run(command, cwd=ROOT, env=env, check=True)


def procfile() -> dict[str, str]:
    lines = (line.partition(":") for line in (ROOT / "Procfile").read_text().splitlines())
    return {name.strip(): command.strip() for name, _, command in lines}


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE, look: float = 0.05) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not within {seconds:.0f} s: {condition}")
        time.sleep(look)
