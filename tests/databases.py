"""The tests' databases: migrated once a run, copied for each worker, emptied of what was written.

Fixtures and hooks of `tests/conftest.py`, for which the usual ones are too slow: migrations take
ten seconds, and a TRUNCATE of seventy tables a quarter of one, however few of them have rows.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection, transaction
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

WORKER = os.environ.get("PYTEST_XDIST_WORKER")
# What migrating itself has written, and no test changes.
KEPT = {model._meta.db_table for model in (ContentType, Permission)}


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[None]:
    """Makes the first worker migrate, and every worker work on a copy of what that made.

    Alone, without workers, it is pytest-django's own, with its --reuse-db.
    """
    if WORKER is None:
        request.getfixturevalue("django_db_setup")
        yield
        return
    request.getfixturevalue("django_test_environment")
    request.getfixturevalue("django_db_modify_db_settings")
    creation: Any = connection.creation
    with django_db_blocker.unblock():
        with alone(tmp_path_factory.getbasetemp().parent / "migrated") as migrated:
            if not migrated.exists():
                creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
                migrated.write_text(connection.settings_dict["NAME"])
            connection.close()
            connection.settings_dict["NAME"] = migrated.read_text()
            creation.clone_test_db(suffix=WORKER, verbosity=0)
            copy = creation.get_test_db_clone_settings(WORKER)["NAME"]
        connection.settings_dict["NAME"] = copy
    yield
    # PostgreSQL may still believe in a process that was killed; then it goes with its server.
    with django_db_blocker.unblock(), suppress(DatabaseError):
        creation.destroy_test_db(verbosity=0)


@contextmanager
def alone(path: Path) -> Iterator[Path]:
    """Lets one process at a time into the block, of all that name the same path."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path


@pytest.fixture(scope="session", autouse=True)
def only_what_has_rows_is_emptied() -> Iterator[None]:
    """After a test that commits; it used to be Django's `flush`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: empty_database())
        yield


def empty_database() -> None:
    """Deletes every row that a test committed; waits for the transactions of others, as TRUNCATE.

    Foreign keys are checked when it commits, so the order of the tables does not matter.
    """
    quoted = connection.ops.quote_name
    tables = sorted(set(connection.introspection.django_table_names(only_existing=True)) - KEPT)
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"LOCK TABLE {', '.join(map(quoted, tables))}")
        have_rows = [
            f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {quoted(table)})"  # noqa: S608
            for table in tables
        ]
        cursor.execute(" UNION ALL ".join(have_rows))
        for (table,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {quoted(table)}")  # noqa: S608
