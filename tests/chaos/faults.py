"""An installation as in production, a client that insists, and what may break around them."""

import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import requests
from django.conf import settings
from psycopg import sql

from tests import servers
from tests.benchmarks.stack import conninfo, procfile
from tests.chaos.broken_tls import BrokenTls, broken_tls
from tests.chaos.killing import FINAL, WEATHER, WEBHOOK, Victim
from tests.chaos.survival import Survival
from tests.conftest import environment_of_processes
from tests.environment import SECRET
from tests.processes.running import eventually
from tests.sandbox_server import SandboxServer, free_port

PATIENCE = 180
# A client waits so long between two tries, and is so patient with one.
PAUSE_S, TIMEOUT_S = 0.5, 30


@dataclass
class House:
    """PostgreSQL and Redis of its own, the sandbox, and what the Procfile starts but `live`."""

    folder: Path
    database: servers.Postgres
    redis: servers.RestartableRedis
    sandbox: SandboxServer
    port: int
    env: dict[str, str]
    tls: BrokenTls
    token: str = ""
    processes: dict[str, Victim] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env=self.env,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def furnish(self) -> None:
        """Migrates, makes an organization with a token, and starts the processes."""
        self.manage("migrate", "--verbosity", "0")
        said = self.manage("create_organization", "Chaos", "--owner", "a@example.com", "--token")
        self.token = re.findall(r"\b[0-9a-f]{40}\b", said)[-1]
        for name in ("web", "dispatcher", "worker"):
            command = ["/bin/sh", "-c", f"exec {procfile()[name]}"]
            self.processes[name] = Victim(command, self.env, self.folder / f"{name}.log")
        eventually(self.is_answering, PATIENCE)

    def is_answering(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"{self.url}/health/live", timeout=2).ok
        return False

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(conninfo(self.database.url), autocommit=True) as connection:
            return connection.execute(statement.encode()).fetchall()

    def execute(self, statement: sql.SQL | sql.Composed) -> None:
        with psycopg.connect(conninfo(self.database.url), autocommit=True) as connection:
            connection.execute(statement)

    def statuses(self) -> dict[str, str]:
        rows = self.query("SELECT id::text, status FROM communications_message")
        return dict(rows)

    def close(self) -> None:
        for process in self.processes.values():
            process.end()


@contextmanager
def house(folder: Path, data: Path | None = None) -> Iterator[House]:
    """`data`: where PostgreSQL keeps its files, if that is to be a disk of its own."""
    port = free_port()
    with ExitStack() as exits:
        database = exits.enter_context(servers.postgres_server(data))
        redis = exits.enter_context(servers.restartable_redis())
        sandbox = exits.enter_context(
            SandboxServer(
                resend_api_key="re_chaos",
                resend_webhook_url=f"http://127.0.0.1:{port}{WEBHOOK}",
                resend_webhook_secret=SECRET,
                # What found nobody is posted again after 0.1, 6 and 36 seconds, and so on.
                retry_factor=0.02,
            )
        )
        sandbox.control("PUT", "/resend/faults", WEATHER)
        tls, through_tls = exits.enter_context(broken_tls(urlsplit(sandbox.url).port or 0, folder))
        env = {
            **environment_of_processes(),
            "DATABASE_URL": database.url,
            "REDIS_URL": redis.url,
            "PORT": str(port),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "RESEND_API_KEY": "re_chaos",
            **through_tls,
            "RESEND_WEBHOOK_SECRET": SECRET,
            "RESEND_RATE_PER_SECOND": "100000",
            "LEASE_SECONDS": "5",
            "PATH": f"{Path(sys.executable).parent}:{environment_of_processes()['PATH']}",
        }
        found = House(folder, database, redis, sandbox, port, env, tls)
        exits.callback(found.close)
        found.furnish()
        yield found


class Client(threading.Thread):
    """Composes one message after the other, and repeats with the same key what was not taken."""

    def __init__(self, house: House, count: int) -> None:
        super().__init__()
        self.house, self.count = house, count
        self.promised: list[str] = []
        self.refusals: Counter[str] = Counter()
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Token {house.token}"

    def run(self) -> None:
        for number in range(self.count):
            while not self.is_taken(number):
                time.sleep(PAUSE_S)
            time.sleep(0.05)

    def is_taken(self, number: int) -> bool:
        body = {"channel": "email", "to": f"guest-{number}@example.com", "body": "Soon."}
        try:
            answer = self.session.post(
                f"{self.house.url}/api/messages/",
                json={**body, "subject": "Your day"},
                headers={"Idempotency-Key": f"chaos-{number}"},
                timeout=TIMEOUT_S,
            )
        except requests.RequestException as error:
            self.refusals[type(error).__name__] += 1
            return False
        if answer.status_code == 201:
            self.promised.append(answer.json()["id"])
            return True
        self.refusals[str(answer.status_code)] += 1
        return False


def survive(house: House, fault: str, strike: Callable[[House], None], messages: int) -> Survival:
    """Strikes while a client composes and messages leave; counts when all that can end has."""
    client = Client(house, messages)
    client.start()
    eventually(lambda: len(client.promised) >= messages // 4, PATIENCE)
    strike(house)
    client.join(PATIENCE)
    with suppress(AssertionError):  # what never ends is counted
        eventually(lambda: set(house.statuses().values()) <= FINAL, PATIENCE)
    statuses = house.statuses()
    sent = house.sandbox.control("GET", "/resend/stats?tag=message")["tags"]
    promised = set(client.promised)
    return Survival(
        fault=fault,
        times=1,
        messages=len(promised),
        lost=len(promised - set(sent)) + messages - len(promised),
        doubled=sum(times - 1 for times in sent.values()) + len(statuses) - len(promised),
        stuck=sum(status not in FINAL for status in statuses.values()),
        meanwhile=in_words(client.refusals, house.tls.broken),
    )


def in_words(refusals: Counter[str], broken: int) -> str:
    told = [f"{count} × {kind}" for kind, count in sorted(refusals.items())]
    client = f"the client repeated: {', '.join(told)}" if told else "nothing was refused"
    return f"{client}; {broken} connections broke" if broken else client


# --- What may break ---


def restart_postgresql(house: House) -> None:
    house.database.stop()
    time.sleep(4)
    house.database.start()


def kill_all(house: House) -> None:
    """As a machine that is switched off; they are started again at once."""
    for process in house.processes.values():
        process.kill()


def cut_redis(house: House) -> None:
    house.redis.kill()
    time.sleep(6)
    house.redis.start()


def break_tls(house: House) -> None:
    """Every second connection to the provider, at each step in turn."""
    house.tls.is_breaking = True
    time.sleep(15)
    house.tls.is_breaking = False


def make_read_only(house: House) -> None:
    """As a standby is, or a managed database that has run out of its room."""
    name = sql.SQL("ALTER DATABASE postgres SET default_transaction_read_only = {}")
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    house.execute(name.format(sql.SQL("on")))
    house.query(f"{others} AND backend_type = 'client backend'")
    time.sleep(5)
    house.execute(sql.SQL("SET default_transaction_read_only = off"))
    with psycopg.connect(
        f"{conninfo(house.database.url)} options='-c default_transaction_read_only=off'",
        autocommit=True,
    ) as connection:
        connection.execute(name.format(sql.SQL("off")))
    house.query(f"{others} AND backend_type = 'client backend'")


def fill_disk(disk: Path) -> Callable[[House], None]:
    """Leaves no byte on the disk that has PostgreSQL's files; gives it back after a while."""

    def strike(_: House) -> None:
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"\0" * 65_536):
                pass
        time.sleep(8)
        filler.unlink()

    return strike
