"""A real PgBouncer between a test and its PostgreSQL: one connection for each transaction."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.servers import free_port, started

MISSING = "PgBouncer is not installed: apt-get install pgbouncer, or `make pgbouncer` as root"
# Fewer than a process has threads, so that they do get each other's.
SERVER_CONNECTIONS = 4
PATIENCE_S = 20.0


def require_pgbouncer() -> str:
    """Returns the command. Without it the test is skipped, and fails where CI must have it."""
    if found := shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin"):
        return found
    if os.environ.get("CI"):
        pytest.fail(MISSING)
    pytest.skip(MISSING)


@contextmanager
def pgbouncer(server: Mapping[str, Any]) -> Iterator[int]:
    """The port of a PgBouncer in front of the server that libpq's parameters name."""
    port = free_port()
    wanted = {name: server[name] for name in ("host", "port", "user", "password") if name in server}
    target = " ".join(f"{name}={value}" for name, value in wanted.items())
    lines = f"""
        [databases]
        * = {target}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = any
        pool_mode = transaction
        default_pool_size = {SERVER_CONNECTIONS}
        max_client_conn = 200
    """
    with tempfile.TemporaryDirectory(prefix="wedsync-pgbouncer-") as folder:
        path = Path(folder) / "pgbouncer.ini"
        path.write_text("\n".join(line.strip() for line in lines.splitlines()))
        command = [require_pgbouncer(), "--quiet", str(path)]
        if os.geteuid() == 0:
            # It does not run as root; whoever may reach the server's socket is right.
            host = Path(str(server.get("host", "")))
            owner = host.owner() if host.is_dir() else "nobody"
            shutil.chown(folder, owner)
            command[1:1] = ["--user", owner]
        with started(command):
            wait_until_open(port, str(server["dbname"]))
            yield port


def wait_until_open(port: int, name: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=port, user="any", dbname=name).close()
            return
        time.sleep(0.02)
    raise TimeoutError("PgBouncer did not start.")
