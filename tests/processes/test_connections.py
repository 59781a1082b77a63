"""However many ask at once, no process has more connections to PostgreSQL than its pool."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection

from communications.models import WebhookDelivery
from tests.benchmarks.client import Poster, delivered
from tests.benchmarks.stack import COMMON, SECRET, answers, procfile
from tests.processes.running import eventually
from tests.servers import free_port, started

AT_ONCE = 200
EACH = 2
# Of the processes of one line in the Procfile: `web` has two.
PROCESSES = {"web": 2, "live": 1}
POOL = 2
ROLE = f"scarce_{os.getpid()}"

pytestmark = pytest.mark.skipif(
    not os.environ["DATABASE_URL"].startswith("postgres"), reason="PostgreSQL counts connections"
)


@pytest.fixture
def scarce(process_env: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment of processes whose user may have no connection more than their pools."""
    limit = max(PROCESSES.values()) * POOL
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE}' CONNECTION LIMIT {limit}")
        for kind in ("TABLES", "SEQUENCES"):
            cursor.execute(f"GRANT ALL ON ALL {kind} IN SCHEMA public TO {ROLE}")
    netloc = urlsplit(process_env["DATABASE_URL"]).netloc
    own = f"{ROLE}:{ROLE}@{netloc.rpartition('@')[2]}"
    yield process_env | {
        "DATABASE_URL": process_env["DATABASE_URL"].replace(netloc, own, 1),
        "DATABASE_POOL_SIZE": str(POOL),
        "LOG_LEVEL": "INFO",
        "RESEND_WEBHOOK_SECRET": SECRET,
        # Of the tools that the Procfile names.
        "PATH": COMMON["PATH"],
    }
    with connection.cursor() as cursor:
        cursor.execute(f"DROP OWNED BY {ROLE}")
        cursor.execute(f"DROP ROLE {ROLE}")


def connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [ROLE])
        (count,) = cursor.fetchone()
    return int(count)


async def crowd(port: int) -> None:
    """200 deliver at once, and again; as many hang up before they are answered."""
    posters = [await Poster.connected(port) for _ in range(AT_ONCE)]
    impatient = [await Poster.connected(port) for _ in range(AT_ONCE)]
    for poster in impatient:
        poster.writer.write(delivered(f"msg_{uuid4()}", provider_id=str(uuid4())))
    for poster in impatient:
        await poster.writer.drain()
        poster.close()

    async def post(poster: Poster) -> None:
        for _ in range(EACH):
            # Raises for any answer but 200.
            await poster.post(delivered(f"msg_{uuid4()}", provider_id=str(uuid4())))

    await asyncio.gather(*map(post, posters))
    for poster in posters:
        poster.close()


@pytest.mark.parametrize("line", PROCESSES)
def test_a_crowd_of_webhooks_is_taken_with_the_connections_of_the_pool(
    scarce: dict[str, str], line: str, tmp_path: Path
) -> None:
    port = free_port()
    ports = {"PORT": str(port), "LIVE_PORT": str(port)}
    command = ["/bin/sh", "-c", f"exec {procfile()[line]}"]
    with (
        (tmp_path / "log").open("wb") as log,
        started(command, cwd=settings.BASE_DIR, env=scarce | ports, stdout=log, stderr=log),
    ):
        eventually(lambda: answers(f"http://127.0.0.1:{port}/health/live"))
        asyncio.run(crowd(port))
        assert WebhookDelivery.objects.count() >= AT_ONCE * EACH
        # What is left is closed one by one, and the last within a minute.
        left = connections()
        assert left <= PROCESSES[line] * POOL
        eventually(lambda: connections() < max(left, 1))
    eventually(lambda: connections() == 0)
    # Which connection serves which request is no news.
    assert "psycopg.pool" not in (tmp_path / "log").read_text()
