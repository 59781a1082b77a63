"""`check --deploy` says what the surroundings lack, and ends whatever does not answer."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings as project
from django.db import connection
from pytest_django import Settings

from tests.servers import free_port
from wedsync_comms.lib.checks import database_checks, environment_checks
from wedsync_comms.lib.checks.environment_checks import (
    check_files,
    check_public_url,
    check_redis,
    check_sqlite,
)
from wedsync_comms.lib.storage.storage_settings import storage_settings


@pytest.mark.parametrize(
    "url",
    [
        "http://comms.example.com",
        "http://127.0.0.1:8000",
        "comms.example.com",
        "https://",
        "https://[",
        "",
    ],
)
def test_an_address_without_tls_is_said(url: str, settings: Settings) -> None:
    settings.PUBLIC_URL = url
    (warning,) = check_public_url()
    assert (warning.id, f"“{url}”" in warning.msg) == ("wedsync.W008", True)


def test_an_address_with_tls_is_fine(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://comms.example.com"
    assert check_public_url() == []


def test_redis_that_is_there_or_not_wanted_is_fine(settings: Settings) -> None:
    assert check_redis() == []
    settings.REDIS_URL = ""
    assert check_redis() == []


@pytest.mark.parametrize("url", ["redis://127.0.0.1:{port}/0", "http://127.0.0.1:{port}/0"])
def test_redis_that_is_away_is_said(url: str, settings: Settings) -> None:
    settings.REDIS_URL = url.format(port=free_port())
    (warning,) = check_redis()
    assert warning.id == "wedsync.W007"


def test_redis_that_never_answers_is_not_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment_checks, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        (warning,) = check_redis()
    assert "Timeout" in warning.msg


def test_a_file_in_a_container_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "vendor", "sqlite")
    monkeypatch.setattr(environment_checks, "CONTAINER_FILES", ())
    monkeypatch.delenv(environment_checks.CONTAINER_VARIABLE, raising=False)
    assert check_sqlite() == []
    monkeypatch.setenv(environment_checks.CONTAINER_VARIABLE, "10.0.0.1")
    assert [warning.id for warning in check_sqlite()] == ["wedsync.W009"]


def test_files_that_go_with_the_container_are_said(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STORAGES = {"files": storage_settings(str(tmp_path / "not" / "yet"))}
    monkeypatch.setattr(environment_checks, "CONTAINER_FILES", ())
    monkeypatch.delenv(environment_checks.CONTAINER_VARIABLE, raising=False)
    monkeypatch.setattr(environment_checks, "CONTAINER_ROOT", tmp_path)
    assert check_files() == []
    monkeypatch.setenv(environment_checks.CONTAINER_VARIABLE, "10.0.0.1")
    assert [warning.id for warning in check_files()] == ["wedsync.W010"]
    # Another file system than the container's own: a volume.
    monkeypatch.setattr(environment_checks, "CONTAINER_ROOT", Path("/proc"))
    assert check_files() == []


def test_files_in_a_bucket_are_fine(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(environment_checks.CONTAINER_VARIABLE, "10.0.0.1")
    settings.STORAGES = {"files": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {}}}
    assert check_files() == []


def test_a_server_outside_of_the_container_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "vendor", "postgresql")
    monkeypatch.setenv(environment_checks.CONTAINER_VARIABLE, "10.0.0.1")
    assert check_sqlite() == []


def test_podman_and_docker_are_known_by_their_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(environment_checks.CONTAINER_VARIABLE, raising=False)
    monkeypatch.setattr(environment_checks, "CONTAINER_FILES", (str(tmp_path / "mark"),))
    assert not environment_checks.is_container()
    (tmp_path / "mark").touch()
    assert environment_checks.is_container()


def test_a_database_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_checks, "CONNECT_TIMEOUT_S", 2)
    monkeypatch.setattr(connection, "vendor", "postgresql")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        nowhere = {"host": "127.0.0.1", "port": silent.getsockname()[1], "user": "u", "dbname": "d"}
        monkeypatch.setattr(connection, "get_connection_params", lambda: nowhere)
        began = time.monotonic()
        (warning,) = database_checks.check_database()
    assert warning.id == "wedsync.W001"
    assert time.monotonic() - began < 8


# A process of its own, because the settings are read there; everything in it is away at once.
def test_the_command_ends_with_a_sentence_for_each() -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    names = ("PATH", "HOME", "LANG", "VIRTUAL_ENV")
    env = {name: os.environ[name] for name in names if name in os.environ} | {
        "SECRET_KEY": "only-for-the-tests-" * 4,
        "DATABASE_URL": f"postgres://user:secret@{nowhere}/wedsync",
        "REDIS_URL": f"redis://{nowhere}/0",
        "PUBLIC_URL": "http://comms.example.com",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        cwd=project.BASE_DIR,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stderr + done.stdout
    assert "Traceback" not in said
    assert "secret" not in said
    wanted = ("wedsync.W001", "wedsync.W007", "wedsync.W008", "communications.W002")
    assert [name for name in wanted if said.count(f"({name})") != 1] == []
