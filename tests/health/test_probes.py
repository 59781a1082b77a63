"""What a load balancer and a supervisor are told."""

from pathlib import Path
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from health import views
from wedsync_comms.lib import heartbeats
from wedsync_comms.lib.models import Heartbeat

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def static_root(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path


@pytest.fixture
def all_beating() -> None:
    for process in ("dispatcher", "worker", "evaluator"):
        heartbeats.record_beat(process, "here:1")


def ready() -> tuple[int, dict[str, str]]:
    answer = Client().get("/health/ready")
    body: dict[str, Any] = answer.json()
    assert body["status"] == ("ok" if answer.status_code == 200 else "unavailable")
    return answer.status_code, body["checks"]


def test_alive_needs_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        answer = Client().get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.usefixtures("all_beating")
def test_ready_means_everything_answers() -> None:
    assert ready() == (
        200,
        dict.fromkeys(
            ("database", "migrations", "redis", "dispatcher", "worker", "evaluator"),
            "ok",
        ),
    )


def test_a_fresh_installation_says_what_to_start() -> None:
    status, checks = ready()
    assert status == 503
    assert checks["dispatcher"] == "no heartbeat: start manage.py dispatcher"
    assert checks["worker"] == "no heartbeat: start manage.py worker"
    assert checks["database"] == checks["migrations"] == "ok"


@pytest.mark.usefixtures("all_beating")
def test_a_heart_that_stopped_is_noticed() -> None:
    Heartbeat.objects.filter(process="worker").update(beat_at=timezone.now() - views.BEAT_WITHIN)
    status, checks = ready()
    assert status == 503
    assert "worker" in checks["worker"]
    assert checks["dispatcher"] == "ok"


@pytest.mark.usefixtures("all_beating")
def test_a_missing_migration_says_what_to_do() -> None:
    last = MigrationRecorder.Migration.objects.filter(app="communications").latest("id")
    last.delete()
    status, checks = ready()
    assert status == 503
    assert checks["migrations"].endswith("run manage.py migrate")


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_is_away_is_said_and_not_raised(error: type[Exception]) -> None:
    def unplugged(*_: object) -> None:
        raise error("the server closed the connection")

    with connection.execute_wrapper(unplugged):
        status, checks = ready()
    assert status == 503
    assert checks["database"] == checks["dispatcher"] == "does not answer"


@pytest.mark.usefixtures("all_beating")
def test_a_redis_that_is_away_is_said_and_not_raised(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    status, checks = ready()
    assert (status, checks["redis"]) == (503, "does not answer")
    assert checks["database"] == "ok"


@pytest.mark.usefixtures("all_beating")
def test_nobody_is_told_more_than_that(caplog: pytest.LogCaptureFixture) -> None:
    def unplugged(*_: object) -> None:
        raise OperationalError("password=secret")

    with connection.execute_wrapper(unplugged):
        answer = Client().get("/health/ready")
    assert "secret" not in answer.content.decode()
    assert caplog.records


@pytest.mark.usefixtures("all_beating")
def test_nobody_watching_is_said_and_turns_no_caller_away() -> None:
    Heartbeat.objects.filter(process="evaluator").delete()
    status, checks = ready()
    assert status == 200
    assert checks["evaluator"].startswith("nobody applies the rules")
