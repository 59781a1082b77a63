"""The whole way through real processes: what they log, and the command that tries the endpoint."""

import json
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command
from pytest_django import Settings

from communications.models import Message, WebhookDelivery
from communications.vocabulary.statuses import Status
from health.collecting import probes
from tests import factories
from tests.communications.edges.servers import Live, dispatcher, live
from tests.communications.providers.test_resend import OTHER_SECRET
from tests.environment import SECRET
from tests.processes.running import eventually
from tests.sandbox_server import SandboxServer
from tests.servers import free_port

API_KEY = "re_a_very_secret_key"
WEBHOOKS = "/api/webhooks/communications/resend"


def lines(log: Path) -> list[dict[str, Any]]:
    text = log.read_text()
    assert "Traceback" not in text
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def events(log: Path, name: str) -> list[dict[str, Any]]:
    return [line for line in lines(log) if line["event"] == name]


@pytest.mark.usefixtures("transactional_db")
def test_logs_have_a_line_per_attempt_and_delivery_with_ids_and_without_secrets(
    process_env: dict[str, str],
) -> None:
    env = {**process_env, "LOG_FORMAT": "json", "LOG_LEVEL": "INFO", "RESEND_API_KEY": API_KEY}
    user = factories.member()
    token = factories.token(user)
    mail = {"channel": "email", "to": "amelia@example.com", "subject": "Hush", "body": "Whisper"}
    with (
        live(env) as server,
        SandboxServer(
            resend_api_key=API_KEY,
            resend_webhook_url=server.http + WEBHOOKS,
            resend_webhook_secret=SECRET,
        ) as sandbox,
        dispatcher({**env, "RESEND_API_URL": f"{sandbox.url}/resend"}) as log,
    ):
        made = requests.post(
            f"{server.http}/api/messages/",
            json=mail,
            headers={"Authorization": f"Token {token}"},
            timeout=10,
        ).json()
        eventually(lambda: Message.objects.get().status == Status.DELIVERED)
        eventually(lambda: WebhookDelivery.objects.filter(applied_at=None).count() == 0)
        # A receipt can be faster than the answer's way into the database, and into the log.
        eventually(lambda: len(events(log, "attempt")) == 1 and len(events(log, "applied")) == 2)
        requests.post(server.http + WEBHOOKS, json={}, timeout=10)
        (attempt,), applied = events(log, "attempt"), events(log, "applied")
        received = lines(server.log)
        everything = log.read_text() + server.log.read_text()
    provider_id = Message.objects.get().provider_id
    assert attempt["message"] == made["id"]
    assert (attempt["provider"], attempt["outcome"]) == ("resend", "accepted")
    assert (attempt["provider_id"], attempt["number"]) == (provider_id, 1)
    assert attempt["organization"] == user.membership.organization_id
    assert {"attempt", "call", "timestamp", "level", "logger"} <= set(attempt)
    stored = [line for line in received if line.get("outcome") == "stored"]
    for found in (stored, applied):
        assert sorted(line["delivery"] for line in found) == sorted(
            WebhookDelivery.objects.values_list("pk", flat=True),
        )
    assert {line["type"] for line in applied} == {"email.sent", "email.delivered"}
    (refused,) = [line for line in received if line.get("outcome") == "refused"]
    assert refused["status"] == 403
    for secret in (API_KEY, SECRET, token, env["SECRET_KEY"], "Whisper", "Hush"):
        assert secret not in everything


# --- manage.py send_test_webhook ----------------------------------------------------------------


@pytest.fixture
def public(settings: Settings, server: Live) -> Iterator[Settings]:
    settings.PUBLIC_URL = server.http
    return settings


def try_endpoint(provider: str = "resend", event: str = "email.delivered") -> str:
    said = StringIO()
    call_command("send_test_webhook", provider, event, stdout=said)
    return said.getvalue()


def test_where_the_public_name_leads_nowhere_we_are_asked_inside(
    settings: Settings, server: Live
) -> None:
    # Behind TLS's end, as compose.yaml has it: what is plain HTTP would be redirected.
    settings.PUBLIC_URL = f"https://127.0.0.1:{free_port()}"
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SELF_TEST_URL = server.http
    assert try_endpoint() == "Webhook processed successfully\n"
    probes.probe_calendar_webhook()


@pytest.mark.usefixtures("public")
def test_a_good_endpoint_is_praised() -> None:
    assert try_endpoint() == "Webhook processed successfully\n"
    assert WebhookDelivery.objects.count() == 1


def test_a_wrong_secret_is_said(public: Settings) -> None:
    resend = public.PROVIDERS["resend"]
    options = {**resend["OPTIONS"], "webhook_secrets": [OTHER_SECRET]}
    public.PROVIDERS = {"resend": {**resend, "OPTIONS": options}}
    with pytest.raises(CommandError, match=r"answered 403: .*signature"):
        try_endpoint()


def test_a_server_that_is_down_is_said(settings: Settings) -> None:
    settings.PUBLIC_URL = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(CommandError, match="does not answer"):
        try_endpoint()


def test_an_unknown_event_or_provider_is_said_with_those_there_are(settings: Settings) -> None:
    with pytest.raises(CommandError, match=r"no such event.*email\.delivered"):
        try_endpoint(event="email.eaten")
    with pytest.raises(CommandError, match="Configured: resend"):
        try_endpoint(provider="acme")
    resend = settings.PROVIDERS["resend"]
    options = {**resend["OPTIONS"], "webhook_secrets": []}
    settings.PROVIDERS = {"resend": {**resend, "OPTIONS": options}}
    with pytest.raises(CommandError, match="RESEND_WEBHOOK_SECRET"):
        try_endpoint()


def test_the_command_line_says_so_by_its_exit_code(
    settings: Settings,
    server: Live,
    process_env: dict[str, str],
) -> None:
    for event, code, said in (
        ("email.delivered", 0, "Webhook processed successfully"),
        ("email.eaten", 1, "no such event"),
    ):
        done = subprocess.run(
            [sys.executable, "manage.py", "send_test_webhook", "resend", event],
            cwd=settings.BASE_DIR,
            env={**process_env, "PUBLIC_URL": server.http},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code
        assert said in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
