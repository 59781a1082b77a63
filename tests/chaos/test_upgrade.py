"""An installation of the previous release becomes this one while its queue is full."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from tests.chaos.killing import WEATHER, WEBHOOK, Victim
from tests.environment import SECRET
from tests.processes.running import eventually
from tests.sandbox_server import SandboxServer, free_port

# The newest commit of the release before this one.
PREVIOUS = "0c66e7d"
SCRIPT = Path(__file__).with_name("previous_release.py")
MESSAGES, LATER, APPOINTMENTS = 200, 10, 6
PATIENCE = 240
# What is left at the end, by the installation's own word.
STANDING = """
import json
from collections import Counter
from django_q.models import Failure, OrmQ
from calendars.models import Appointment
from communications.models import Attempt, Message, WebhookDelivery
print(json.dumps({
    "messages": Counter(Message.objects.values_list("status", flat=True)),
    "attempts": Attempt.objects.count(),
    "unapplied": WebhookDelivery.objects.unapplied().count(),
    "booked": Appointment.objects.filter(status="booked").count(),
    "tasks": OrmQ.objects.count(),
    "failed_tasks": list(Failure.objects.values_list("func", flat=True)),
}))
"""


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    """The previous release's code, as the repository's history has it."""
    archive = subprocess.run(
        ["git", "archive", "--format=tar", PREVIOUS],  # noqa: S607 (git is wherever it is)
        cwd=settings.BASE_DIR,
        capture_output=True,
        check=True,
    ).stdout
    folder = tmp_path / "previous"
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


@contextmanager
def blank_database(folder: Path) -> Iterator[str]:
    """The URL of a database in which nothing was migrated yet."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{folder / 'upgraded.sqlite3'}"
        return
    server, name = urlsplit(os.environ["DATABASE_URL"]), f"upgraded_{os.getpid()}"
    folder_of_socket = server.path.rpartition("/")[0]
    options = {**connection.get_connection_params(), "dbname": "postgres", "autocommit": True}
    known = {key: options[key] for key in ("host", "port", "user", "password") if options.get(key)}
    with psycopg.connect(dbname="postgres", autocommit=True, **known) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(server._replace(path=f"{folder_of_socket}/{name}")).replace(
                ":/%2F", "://%2F"
            )
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


class Installation:
    """One database and one sandbox, and whichever release's code runs on them."""

    def __init__(self, env: dict[str, str], port: int, logs: Path) -> None:
        self.env, self.port, self.logs = env, port, logs

    def manage(self, code: Path, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=code,
            env=self.env,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def processes(self, code: Path, *, with_worker: bool) -> list[Victim]:
        web = ["-m", "uvicorn", "--port", str(self.port), "--no-access-log"]
        commands = {
            "web": [*web, "wedsync_comms.asgi:application"],
            "dispatcher": ["manage.py", "dispatcher", "--threads", "8"],
            "worker": ["manage.py", "worker"],
        }
        if not with_worker:
            del commands["worker"]
        return [
            Victim([sys.executable, *command], self.env, self.logs / f"{name}.log", code)
            for name, command in commands.items()
        ]

    def standing(self, code: Path) -> dict[str, Any]:
        output = self.manage(code, "shell", "--verbosity", "0", "-c", STANDING)
        found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
        return found

    def is_settled(self, code: Path) -> bool:
        found = self.standing(code)
        left = {"queued", "sent", "unknown"} & set(found["messages"])
        return not left and not found["unapplied"]


@contextmanager
def installation(env: dict[str, str], folder: Path) -> Iterator[tuple[Installation, SandboxServer]]:
    port = free_port()
    with (
        blank_database(folder) as database,
        SandboxServer(
            resend_api_key="re_chaos",
            resend_webhook_url=f"http://127.0.0.1:{port}{WEBHOOK}",
            resend_webhook_secret=SECRET,
            retry_factor=0.005,
        ) as sandbox,
    ):
        sandbox.control("PUT", "/resend/faults", WEATHER)
        sandbox.control("PATCH", "/google", {"auto_consent": True})
        google = f"{sandbox.url}/google"
        yield (
            Installation(
                {
                    **env,
                    "DATABASE_URL": database,
                    "RESEND_API_KEY": "re_chaos",
                    "RESEND_API_URL": f"{sandbox.url}/resend",
                    "RESEND_WEBHOOK_SECRET": SECRET,
                    "RESEND_RATE_PER_SECOND": "100000",
                    "GOOGLE_CLIENT_ID": "google_sandbox.apps.googleusercontent.com",
                    "GOOGLE_CLIENT_SECRET": "google_sandbox",
                    "GOOGLE_API_URL": google,
                    "GOOGLE_TOKEN_URL": f"{google}/token",
                    "GOOGLE_AUTH_URL": f"{google}/o/oauth2/v2/auth",
                    "LEASE_SECONDS": "3",
                    "DJANGO_SETTINGS_MODULE": "wedsync_comms.settings",
                },
                port,
                folder,
            ),
            sandbox,
        )


def titles_in_google(sandbox: SandboxServer) -> list[str]:
    """Of our appointments, in every calendar there is."""
    calendars = sandbox.control("GET", "/google/calendars")["calendars"]
    events = [event for calendar in calendars for event in calendar["events"]]
    return sorted(event["title"] for event in events if event["key"] and not event["cancelled"])


def sent_mails(sandbox: SandboxServer) -> int:
    counters = sandbox.control("GET", "/")["resend"]["counters"]
    return int(counters.get("mails", 0))


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_an_upgrade_amid_a_full_queue_loses_and_doubles_nothing(
    process_env: dict[str, str],
    previous: Path,
    tmp_path: Path,
) -> None:
    here = settings.BASE_DIR
    with installation(process_env, tmp_path) as (installed, sandbox):
        installed.manage(previous, "migrate", "--verbosity", "0")
        filled = subprocess.run(
            [sys.executable, SCRIPT, str(MESSAGES), str(LATER), str(APPOINTMENTS)],
            cwd=previous,
            env=installed.env,
            check=True,
            capture_output=True,
            text=True,
        )
        composed = json.loads(filled.stdout.strip().splitlines()[-1])
        old = installed.processes(previous, with_worker=False)
        eventually(lambda: sent_mails(sandbox) >= MESSAGES // 3, PATIENCE)
        for process in old:
            process.end(9)
        before = installed.standing(previous)
        installed.manage(here, "migrate", "--verbosity", "0")
        new = installed.processes(here, with_worker=True)
        try:
            eventually(partial(installed.is_settled, here), PATIENCE)
            eventually(lambda: len(titles_in_google(sandbox)) >= APPOINTMENTS, PATIENCE)
            eventually(lambda: not installed.standing(here)["tasks"], PATIENCE)
        finally:
            for process in new:
                process.end()
        after = installed.standing(here)
        times_sent = sandbox.control("GET", "/resend/stats?tag=message")["tags"]
        titles = titles_in_google(sandbox)

    sys.stdout.write(f"\nbefore {before}\nafter  {after}\n")
    assert before["messages"].get("queued", 0) > LATER
    assert before["tasks"] > 0
    assert set(composed) == set(times_sent), "lost"
    assert set(times_sent.values()) == {1}, "sent twice"
    assert after["messages"] == {"delivered": MESSAGES + LATER}
    assert titles == sorted(f"Tasting {number}" for number in range(APPOINTMENTS))
    assert after["failed_tasks"] == []
