"""Behind a PgBouncer that lends a connection for one transaction, everything goes on working."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import environ
import pytest
import requests
from django.core.checks import CheckMessage
from django.db import connection, connections
from django.db.utils import ConnectionHandler
from django_q.models import Failure, OrmQ
from django_q.tasks import async_task
from pytest_django import Settings

from communications.models import Message, Organization, WebhookDelivery
from tests import factories
from tests.communications.edges.listening import listening, session_headers
from tests.communications.edges.servers import dispatcher, live, web
from tests.environment import SECRET
from tests.pgbouncer import pgbouncer
from tests.processes.running import eventually, running
from tests.sandbox_server import SandboxServer
from tests.servers import free_port
from wedsync_comms.lib.checks import database_checks
from wedsync_comms.lib.database.database_settings import database_settings
from wedsync_comms.lib.wakeup import WakeupListener, wake

WEBHOOK = "/api/webhooks/communications/resend"
MESSAGES, PAGES = 5, 8

pytestmark = pytest.mark.skipif(
    not os.environ["DATABASE_URL"].startswith("postgres"), reason="PgBouncer is PostgreSQL's"
)


@pytest.fixture(scope="module")
def port(django_db_setup: None) -> Iterator[int]:  # noqa: ARG001
    with pgbouncer(connection.get_connection_params()) as listening_at:
        yield listening_at


@pytest.fixture
def url(port: int) -> str:
    return f"postgres://any:thing@127.0.0.1:{port}/{connection.settings_dict['NAME']}"


@pytest.fixture
def pooled(url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """This process finds PgBouncer at DATABASE_URL, and has no Redis."""
    settings.REDIS_URL, settings.DATABASE_DIRECT = "", None
    given = settings_of(url)
    monkeypatch.setitem(settings.DATABASES, "default", given)
    parameters = opened(url).get_connection_params()
    monkeypatch.setattr(connections["default"], "get_connection_params", lambda: parameters)
    return given


def settings_of(url: str) -> dict[str, Any]:
    return database_settings(environ.Env.db_url_config(url), pool_size=0)


def opened(url: str) -> Any:
    """A connection of Django's with the settings that the URL makes."""
    return ConnectionHandler({"default": settings_of(url)})["default"]


def direct() -> dict[str, Any]:
    """What DATABASE_DIRECT_URL would say of the tests' own server."""
    return {**connection.settings_dict, "OPTIONS": {}}


def ids(messages: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in messages]


@pytest.mark.django_db(transaction=True)
def test_a_result_is_read_to_its_end_while_another_takes_the_connection(url: str) -> None:
    for _ in range(3):
        factories.organization()
    connections["reader"], other = opened(url), opened(url)
    rows = Organization.objects.using("reader").iterator(chunk_size=1)
    try:
        next(rows)
        other.set_autocommit(False)
        other.cursor().execute("SELECT 1")
        assert len(list(rows)) == 2
    finally:
        other.close()
        connections["reader"].close()
        del connections["reader"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("pooled")
def test_nobody_listens_in_vain_and_a_way_around_wakes(settings: Settings) -> None:
    with WakeupListener("messages") as listener:
        wake("messages")
        assert not listener.wait(0.1)
    settings.DATABASE_DIRECT = direct()
    with WakeupListener("messages") as listener:
        wake("messages")
        assert listener.wait(10)


@pytest.mark.django_db(transaction=True)
def test_the_checks_say_what_a_pooler_cannot_do(pooled: dict[str, Any], settings: Settings) -> None:
    assert database_checks.check_database() == []
    assert ids(database_checks.check_wakeups()) == ["wedsync.W006"]
    settings.DATABASE_DIRECT = direct()
    assert database_checks.check_wakeups() == []
    settings.DATABASE_DIRECT |= {"HOST": "127.0.0.1", "PORT": free_port()}
    [warning] = database_checks.check_wakeups()
    assert "DATABASE_DIRECT_URL" in str(warning.hint)
    settings.REDIS_URL = "redis://"
    assert database_checks.check_wakeups() == []
    pooled["OPTIONS"]["prepare_threshold"] = 5
    pooled["DISABLE_SERVER_SIDE_CURSORS"] = False
    [error] = database_checks.check_database()
    assert (error.id, error.is_serious()) == ("wedsync.E001", True)
    assert "prepare_threshold, DISABLE_SERVER_SIDE_CURSORS=false" in error.msg


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("pooled")
def test_options_that_a_pooler_refuses_are_given_to_the_user_instead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parameters = {**connection.get_connection_params(), "options": "-c statement_timeout=5000"}
    monkeypatch.setattr(connections["default"], "get_connection_params", lambda: parameters)
    [warning] = database_checks.check_database()
    assert warning.id == "wedsync.W001"
    assert "ALTER ROLE" in str(warning.hint)


# Four processes of ours start, which takes the time; nothing less shows that they work together.
def test_all_processes_do_their_work(process_env: dict[str, str], url: str, tmp_path: Path) -> None:
    member = factories.member(is_superuser=True)
    env = {**process_env, "DATABASE_URL": url, "LOG_LEVEL": "WARNING", "RESEND_API_KEY": "re_key"}
    # DEBUG, because nobody has collected the static files of the pages.
    env |= {"RESEND_WEBHOOK_SECRET": SECRET, "RESEND_RATE_PER_SECOND": "1000", "DEBUG": "on"}
    with (
        web(env) as pages,
        SandboxServer(
            resend_api_key="re_key",
            resend_webhook_url=pages.http + WEBHOOK,
            resend_webhook_secret=SECRET,
        ) as sandbox,
        live(env) as stream,
        dispatcher({**env, "RESEND_API_URL": f"{sandbox.url}/resend"}) as sent_log,
        running(["worker"], env, tmp_path / "worker.log") as worker,
        listening(stream, member, since=0) as ear,
    ):
        for number in range(MESSAGES):
            answer = requests.post(
                f"{pages.http}/api/messages/",
                json={"channel": "email", "to": f"g{number}@e.com", "subject": "Hi", "body": "Hi"},
                headers={"Authorization": f"Token {factories.token(member)}"},
                timeout=10,
            )
            assert answer.status_code == 201
        mail = {"from": "g@e.com", "to": ["hello@everafter.example"], "subject": "?", "text": "?"}
        sandbox.control("POST", "/resend/inbound", mail)
        async_task("communications.tasks.find_duplicates")
        task = OrmQ.objects.latest("pk")
        headers = session_headers(member)

        def page(_: int) -> int:
            return requests.get(
                f"{pages.http}/admin/health/", headers=headers, timeout=20
            ).status_code

        with ThreadPoolExecutor(4) as readers:
            assert set(readers.map(page, range(PAGES))) == {200}
        eventually(lambda: requests.get(f"{pages.http}/health/ready", timeout=10).ok)
        frames = ear.until(lambda frame: frame.get("status") == "delivered", 60)
        eventually(lambda: Message.objects.filter(status="delivered").count() == MESSAGES + 1)
        eventually(lambda: not WebhookDelivery.objects.unapplied().exists())
        eventually(lambda: not OrmQ.objects.filter(pk=task.pk).exists())
        logs = [pages.log.read_text(), stream.log.read_text(), sent_log.read_text(), worker.output]
    assert {frame["type"] for frame in frames} >= {"status"}
    assert not Failure.objects.exists()
    assert [log for log in logs if "Traceback" in log or '"error"' in log] == []
