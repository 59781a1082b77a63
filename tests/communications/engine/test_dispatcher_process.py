"""`manage.py dispatcher`, as it runs in production: processes, signals, a database that goes."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import connection

from communications.models import Call, Message, Organization
from tests import factories
from tests.communications.engine import rows
from tests.communications.engine.mailing import Mailing, status
from tests.processes.running import Running, eventually, running


@pytest.fixture
def processes(
    process_env: dict[str, str],
    mailing: Mailing,
    tmp_path: Path,
) -> Iterator["Processes"]:
    mailing.settings.PROVIDERS = {"resend": mailing.settings.PROVIDERS["first"]}
    mailing.settings.ROUTES = {"email": ["resend"]}
    env = {
        **process_env,
        "RESEND_API_KEY": "re_first",
        "RESEND_API_URL": f"{mailing.first.url}/resend",
        "RESEND_RATE_PER_SECOND": "100000",
        "LEASE_SECONDS": "3",
    }
    with ExitStack() as stack:
        yield Processes(stack, env, tmp_path)


class Processes:
    def __init__(self, stack: ExitStack, env: dict[str, str], folder: Path) -> None:
        self.stack, self.env, self.folder = stack, env, folder

    def start(self, name: str = "dispatcher") -> Running:
        log = self.folder / f"{name}.log"
        command = ["dispatcher", "--threads", "6"]
        return self.stack.enter_context(running(command, self.env, log))


def all_sent() -> bool:
    return not Message.objects.exclude(status="sent").exists()


def test_it_sends_and_stops_when_it_is_told_to(
    processes: Processes,
    venue: Organization,
    mailing: Mailing,
) -> None:
    message = factories.message(venue)
    process = processes.start()
    eventually(lambda: status(message) == "sent")

    mailing.breaks("latency", seconds=1.0)
    last = factories.message(venue)
    eventually(lambda: Call.objects.count() == 2)
    began = time.monotonic()
    process.process.send_signal(signal.SIGTERM)

    assert process.process.wait(30) == 0
    assert time.monotonic() - began < 8
    assert status(last) == "sent"
    assert "Traceback" not in process.output


def test_two_at_once_send_each_message_once(
    processes: Processes,
    venue: Organization,
    mailing: Mailing,
) -> None:
    for name in ("one", "two"):
        processes.start(name)
    messages = rows.outbox(venue, 60)

    eventually(all_sent)

    tags = mailing.first.control("GET", "/resend/stats?tag=message")["tags"]
    assert tags == {str(message.pk): 1 for message in messages}


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no server to lose")
def test_it_survives_losing_its_connections_to_the_database(
    processes: Processes,
    venue: Organization,
) -> None:
    process = processes.start()
    first = factories.message(venue)
    eventually(lambda: status(first) == "sent")

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        assert cursor.fetchone()[0] >= 2
    messages = [factories.message(venue) for _ in range(5)]

    eventually(all_sent)
    assert process.process.poll() is None
    assert [status(message) for message in messages] == ["sent"] * 5
