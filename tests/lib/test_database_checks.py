"""`check --deploy` compares what all processes may open with what PostgreSQL allows."""

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import Settings

from tests.servers import free_port
from wedsync_comms.lib.checks import database_checks
from wedsync_comms.lib.checks.database_checks import (
    allowed_connections,
    check_connections,
    check_database,
    check_migrations,
    check_pool,
    check_replicas,
)


@pytest.fixture(autouse=True)
def sizes(settings: Settings) -> Settings:
    settings.DATABASE_POOL_SIZE, settings.WEB_WORKERS, settings.WEB_THREADS = 12, 2, 12
    settings.REDIS_URL, settings.REPLICAS = "redis://", {}
    return settings


@pytest.fixture
def postgresql(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(connection, "vendor", "postgresql")
    return monkeypatch


@pytest.mark.parametrize(
    ("changed", "total"),
    [
        ({}, 24 + 12 + 12 + 17),
        ({"REDIS_URL": ""}, 24 + 12 + 14 + 17),
        ({"REPLICAS": {"web": 2, "worker": 3}}, 48 + 12 + 12 + 51),
        ({"REPLICAS": {"live": 0}}, 24 + 12 + 17),
        ({"DATABASE_POOL_SIZE": 5, "WEB_WORKERS": 3}, 15 + 5 + 5 + 10),
        ({"WEB_THREADS": 4}, 8 + 12 + 12 + 17),
    ],
)
def test_more_connections_than_are_allowed_are_complained_about(
    sizes: Settings, postgresql: pytest.MonkeyPatch, changed: dict[str, object], total: int
) -> None:
    for name, value in changed.items():
        setattr(sizes, name, value)
    postgresql.setattr(database_checks, "allowed_connections", lambda: total)
    assert check_connections() == []
    postgresql.setattr(database_checks, "allowed_connections", lambda: total - 1)
    (warning,) = check_connections()
    assert warning.id == "wedsync.W002"
    assert f"may open {total} connections" in warning.msg
    assert f"PostgreSQL allows {total - 1}." in warning.msg


def test_the_defaults_fit_a_server_as_it_comes(postgresql: pytest.MonkeyPatch) -> None:
    postgresql.setattr(database_checks, "allowed_connections", lambda: 100 - 3)
    assert check_connections() == []


def test_why_a_database_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = {"host": "127.0.0.1", "port": free_port(), "user": "nobody", "dbname": "nothing"}
    monkeypatch.setattr(connection, "vendor", "postgresql")
    monkeypatch.setattr(connection, "get_connection_params", lambda: nowhere)
    (warning,) = check_database()
    assert warning.id == "wedsync.W001"
    assert "Connection refused Is the server running" in warning.msg


@pytest.mark.django_db
def test_the_least_of_all_limits_counts() -> None:
    if connection.vendor != "postgresql":
        assert check_database() == check_pool() == []
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('max_connections')::int")
        (most,) = cursor.fetchone()
        assert 0 < allowed_connections() < most
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        cursor.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 7")
        assert allowed_connections() == 7
        cursor.execute("ALTER ROLE CURRENT_USER CONNECTION LIMIT 5")
        assert allowed_connections() == 5


def test_going_without_a_pool_is_said(sizes: Settings, postgresql: pytest.MonkeyPatch) -> None:
    options = sizes.DATABASES["default"]["OPTIONS"]
    postgresql.delitem(options, "pool", raising=False)
    assert [warning.id for warning in check_pool()] == ["wedsync.W003"]
    postgresql.setitem(options, "pool", {"max_size": 12})
    assert check_pool() == []


def test_a_process_that_does_not_exist_is_said(sizes: Settings) -> None:
    assert check_replicas() == []
    sizes.REPLICAS = {"web": 2, "wrkr": 1}
    (warning,) = check_replicas()
    assert "wrkr" in warning.msg


@pytest.mark.django_db
def test_what_was_not_migrated_is_said() -> None:
    assert check_migrations() == []
    MigrationRecorder(connection).record_unapplied("health", "0001_health")
    (warning,) = check_migrations()
    assert (warning.id, warning.msg[-3:]) == ("wedsync.W005", " 1.")
