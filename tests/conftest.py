import copy
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings as project
from django.db import connection
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings
from redis import Redis

from tests.databases import django_db_setup, only_what_has_rows_is_emptied
from wedsync_comms.lib.shared_state import PREFIX

__all__ = ["django_db_setup", "only_what_has_rows_is_emptied"]

TESTS = Path(__file__).parent
DATABASE_FIXTURES = {"db", "transactional_db"}

# How quickly inputs are made on a busy machine says nothing about what is tested with them.
hypothesis_settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("suite")


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what a second database can tell something about, and what only asks the sandbox."""
    for item in items:
        if "sandbox" in item.path.relative_to(TESTS).parts:
            item.add_marker("sandbox")
        fixtures = getattr(item, "fixturenames", ())
        if item.get_closest_marker("django_db") or DATABASE_FIXTURES.intersection(fixtures):
            item.add_marker("database")


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """SQLite's test database is a file: one in memory would not be seen by other processes."""
    if connection.vendor == "sqlite":
        folder = Path(connection.settings_dict["NAME"]).parent
        connection.settings_dict["TEST"]["NAME"] = str(folder / f"test-{os.getpid()}.sqlite3")


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def uncollected_static_files(settings: Settings, tmp_path: Path) -> None:
    """Tests run from a checkout, where nobody has collected the static files."""
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **copy.deepcopy(project.STORAGES),
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def clean_redis() -> None:
    """Limits and breakers of one test are no business of the next."""
    if url := os.environ.get("REDIS_URL"):
        with Redis.from_url(url) as client:
            for key in client.scan_iter(f"{PREFIX}*"):
                client.delete(key)


@pytest.fixture
def process_env(
    transactional_db: None,  # noqa: ARG001  # other processes see only what is committed
    settings: Settings,
) -> dict[str, str]:
    """The environment for real processes of ours that see the test's database and Redis.

    Run them in `settings.BASE_DIR`, and end them before the test ends: its tables are emptied then,
    and PostgreSQL waits for their transactions.
    """
    return {
        **environment_of_processes(),
        "DATABASE_URL": database_url(str(connection.settings_dict["NAME"])),
        "REDIS_URL": settings.REDIS_URL,
    }


def environment_of_processes() -> dict[str, str]:
    """The environment without what is for tests only: with a pool, as in production."""
    return {name: value for name, value in os.environ.items() if name != "DATABASE_POOL"}


def database_url(name: str) -> str:
    """DATABASE_URL with another database: the tests' own is called differently."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    folder = "" if connection.vendor == "sqlite" else parts.path.rpartition("/")[0]
    # By hand: urlunsplit makes one slash of the two that begin a socket's folder.
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{folder}/{name}{query}"


@pytest.fixture
def concurrent_writers(transactional_db: None) -> None:  # noqa: ARG001
    """For what several connections write at the same time."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time")
