import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from redis import Redis, RedisError

from tests import servers

COMMAND = [sys.executable, "-m", "tests.servers"]
SHOW = 'echo "$DATABASE_URL $REDIS_URL"'
# Without them the servers of this very run would be the ones "of yours".
OWN = {name: value for name, value in os.environ.items() if not name.startswith("TEST_")}


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *command],
        env={**OWN, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def socket_folder(url: str) -> Path:
    return Path(urlsplit(url).path[1:]).parent


def test_they_are_real_and_gone_afterwards_with_their_data() -> None:
    with servers.postgres(durable=False) as database_url:
        folder = socket_folder(database_url)
        with psycopg.connect(host=str(folder), user="postgres") as connection:
            row = connection.execute("SHOW max_connections").fetchone()
    assert row == ("200",)
    assert not folder.exists()
    with servers.redis() as redis_url, Redis.from_url(redis_url) as client:
        assert client.ping()
    with Redis.from_url(redis_url) as client, pytest.raises(RedisError):
        client.ping()


def test_the_command_gets_their_addresses_and_its_exit_code_is_passed_on() -> None:
    done = run("--", "sh", "-c", f"{SHOW}; exit 7")
    database_url, redis_url = done.stdout.split()
    assert done.returncode == 7
    assert database_url.startswith("postgres://")
    assert redis_url.startswith("redis://127.0.0.1:")
    assert not socket_folder(database_url).exists()


def test_servers_of_ones_own_are_used_instead() -> None:
    done = run("sh", "-c", SHOW, TEST_DATABASE_URL="sqlite:////tmp/mine", TEST_REDIS_URL="")
    assert done.stdout == "sqlite:////tmp/mine \n"


def test_asked_to_end_they_take_everything_with_them() -> None:
    with servers.started(
        [*COMMAND, "sh", "-c", f"{SHOW}; exec sleep 60"],
        env=OWN,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        folder = socket_folder(first_line(process).split()[0])
        assert folder.exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
    assert not folder.exists()


def test_without_a_command_it_says_how_to_use_it() -> None:
    done = run()
    assert (done.returncode, "python -m tests.servers" in done.stderr) == (2, True)


def test_a_process_that_ignores_being_asked_is_made_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "PATIENCE", 0.5)
    script = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=1); time.sleep(60)"
    )
    began = time.monotonic()
    with servers.started([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        first_line(process)
    assert process.returncode == -signal.SIGKILL
    assert time.monotonic() - began < 10


def test_a_redis_that_does_not_start_is_an_error() -> None:
    with (
        servers.started(["sh", "-c", "exit 3"]) as process,
        pytest.raises(RuntimeError, match="exit code 3"),
    ):
        servers._wait_for_redis("redis://127.0.0.1:1/0", process)
