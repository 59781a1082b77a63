"""One running stack for all, its schema, and a demo organization that has something to show."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.e2e.stack import Stack, eventually

HERE = Path(__file__).parent
NODE_MODULES = HERE / "node_modules"
# Nothing is asked or told outside.
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
NUMBER = "+447700900101"  # the demo's Amelia
# A calendar to book in, a login that may only look, and one that belongs to no organization.
PREPARE = """
from urllib.parse import parse_qsl, urlsplit
import requests
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
from calendars.linking import accounts
from communications.models import Membership, Organization, Role

organization = Organization.objects.get()
started = accounts.start_linking("google", "http://localhost/callback")
answer = requests.get(started.url, allow_redirects=False, timeout=10)
query = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
accounts.finish_linking(organization, started.kept, query)
viewer = User.objects.create_user("viewer")
Membership.objects.create(user=viewer, organization=organization, role=Role.VIEWER)
print(Token.objects.create(user=viewer).key)
"""


def run_node(tool: str, *arguments: str | Path) -> str:
    """Runs a program of a package; returns what it printed. Fails with it, if it failed."""
    done = subprocess.run(
        [NODE_MODULES / ".bin" / tool, *arguments],
        cwd=HERE,
        env={**os.environ, **QUIET},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def run_client(command: Sequence[str | Path], folder: Path, arguments: Sequence[str]) -> str:
    """Runs a client that makes the main calls; returns what it printed."""
    done = subprocess.run(
        [*command, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        running.sandbox("PATCH", "/resend", {"receipt_delay": 0.1})
        running.sandbox("PATCH", "/google", {"auto_consent": True})
        yield running


@pytest.fixture(scope="session")
def viewer(stack: Stack) -> str:
    """The token of a login that may only look; there is more in the demo organization then."""
    token = stack.python(PREPARE)
    stack.send("amelia@hart-wedding.example", "Your day", metadata={"wedding": 7})
    sms = {"channel": "sms", "to": NUMBER, "body": "See you soon."}
    stack.api("POST", "/messages/", sms)
    eventually(lambda: stack.arrived(NUMBER), "the SMS")
    stack.writes("sms", NUMBER, "STOP")
    stack.writes("whatsapp", NUMBER, "How lovely!")
    inbound = "/messages/?direction=inbound"
    eventually(lambda: len(stack.api("GET", inbound)["results"]) > 1, "the answers")
    stack.api("POST", "/messages/", sms)
    return token


@pytest.fixture(scope="session")
def schema_path(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the schema, as the running stack answers it."""
    answer = stack.session.get(
        f"{stack.url}/api/schema/", headers={"Accept": "application/json"}, timeout=30
    )
    path = tmp_path_factory.mktemp("schema") / "schema.json"
    path.write_text(json.dumps(answer.json()))
    return path


@pytest.fixture(scope="session")
def python_client(schema_path: Path) -> Path:
    """The folder of a generated package: `wedsync_client`."""
    folder = schema_path.parent
    program = "from openapi_python_client.cli import app; app()"
    options: list[str | Path] = [
        "--path",
        schema_path,
        "--config",
        HERE / "python-client.yaml",
        "--meta",
        "none",
    ]
    options += ["--output-path", folder / "wedsync_client"]
    subprocess.run(
        [sys.executable, "-c", program, "generate", "--fail-on-warning", *options],
        check=True,
        capture_output=True,
    )
    return folder
