"""Two accounts at a real Resend stand-in, each a server of its own, and nothing mocked."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.conf import settings as project
from django.db import connection
from pytest_django import Settings

from communications.models import Organization
from communications.providers.resend.transport import CLIENT
from tests import factories
from tests.communications.engine.mailing import Json, Mailing, account, mail_account
from tests.communications.providers.mailserver import mailserver
from tests.conftest import database_url
from tests.sandbox_server import SandboxServer
from tests.servers import started

Together = Callable[..., list[Any]]


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, SandboxServer]]:
    with (
        SandboxServer(resend_api_key="re_first") as first,
        SandboxServer(resend_api_key="re_second") as second,
    ):
        yield {"first": first, "second": second}


@pytest.fixture
def mailing(servers: dict[str, SandboxServer], settings: Settings) -> Iterator[Mailing]:
    """One account on the route; `mailing.two_accounts()` puts the other behind it."""
    settings.PROVIDERS = {slug: account(server, slug) for slug, server in servers.items()}
    settings.ROUTES = {"email": ["first"]}
    yield Mailing(servers["first"], servers["second"], settings)
    for server in servers.values():
        server.control("POST", "/reset")
        server.control("PATCH", "/resend", {"rate_per_second": 100_000})


@pytest.fixture
def overloaded() -> Iterator[Json]:
    """An account at a mail server that is there, and takes nothing at the moment."""
    with mailserver(greeting="421 Too busy") as post:
        yield mail_account(post.port)


@pytest.fixture
def venue(db: None) -> Organization:  # noqa: ARG001
    return factories.organization()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """One second for an answer instead of ten."""
    monkeypatch.setattr(CLIENT.client, "_timeout", (3.0, 1.0))


@pytest.fixture(scope="session")
def worker_processes(django_db_setup: None) -> Iterator[list[subprocess.Popen[str]]]:  # noqa: ARG001
    """Three processes of ours; to start them costs more than what they do."""
    env = {**os.environ, "DATABASE_URL": database_url(str(connection.settings_dict["NAME"]))}
    command = [sys.executable, "-m", f"{__package__}.hammer"]
    pipe = subprocess.PIPE
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                started(command, env=env, cwd=project.BASE_DIR, stdin=pipe, stdout=pipe, text=True),
            )
            for _ in range(3)
        ]


@pytest.fixture
def at_once(worker_processes: list[subprocess.Popen[str]], transactional_db: None) -> Together:  # noqa: ARG001
    """Has deeds of `hammer` done by as many processes, which begin in the same instant."""

    def run(*deeds: list[Any]) -> list[Any]:
        chosen = worker_processes[: len(deeds)]
        for process, deed in zip(chosen, deeds, strict=True):
            assert process.stdin
            process.stdin.write(f"{json.dumps(deed, default=str)}\n")
            process.stdin.flush()
        return [json.loads(answer_of(process)) for process in chosen]

    return run


def answer_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()
