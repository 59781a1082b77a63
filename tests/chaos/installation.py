"""An installation as a release leaves it: its code, a database and a sandbox."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.db import connection

from tests.chaos.killing import WEATHER, WEBHOOK, Victim
from tests.environment import SECRET
from tests.releases import FOLDER, released_versions
from tests.sandbox_server import SandboxServer, free_port

SCRIPT = Path(__file__).with_name("previous_release.py")
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


def newest_release(folder: Path) -> Path:
    """Returns the folder with the newest release's code: the commit that listed its migrations."""
    listed = str(FOLDER / f"{released_versions()[-1]}.sha256")
    commit = git("log", "--diff-filter=A", "--format=%H", "--", listed).decode().strip()
    assert commit, "The history does not have the newest release: fetch all of it."
    code = folder / "previous"
    with tarfile.open(fileobj=BytesIO(git("archive", "--format=tar", commit))) as files:
        files.extractall(code, filter="data")
    return code


def git(*arguments: str) -> bytes:
    return subprocess.run(
        ["git", *arguments],  # noqa: S607 (git is wherever it is)
        cwd=settings.BASE_DIR,
        capture_output=True,
        check=True,
    ).stdout


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

    def processes(self, code: Path, *, with_worker: bool, port: int = 0) -> list[Victim]:
        web = ["-m", "uvicorn", "--port", str(port or self.port), "--no-access-log"]
        commands = {
            "web": [*web, "wedsync_comms.asgi:application"],
            "dispatcher": ["manage.py", "dispatcher", "--threads", "8"],
            "worker": ["manage.py", "worker"],
        }
        if not with_worker:
            del commands["worker"]
        return [
            Victim([sys.executable, *command], self.env, self.log(code, name), code)
            for name, command in commands.items()
        ]

    def log(self, code: Path, name: str) -> Path:
        return self.logs / f"{code.name}-{name}.log"

    def fill(self, code: Path, *counts: int) -> dict[str, Any]:
        """Has the code compose and book by itself; returns what it says of it."""
        filled = subprocess.run(
            [sys.executable, SCRIPT, *map(str, counts)],
            cwd=code,
            env=self.env,
            check=True,
            capture_output=True,
            text=True,
        )
        said: dict[str, Any] = json.loads(filled.stdout.strip().splitlines()[-1])
        return said

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
