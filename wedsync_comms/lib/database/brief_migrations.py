"""Migrations that alter a table which everybody reads and writes."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import OperationalError
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

# How long everybody else waits at most behind a migration that waits itself.
LOCK_TIMEOUT_S = 2
LOCK_NOT_AVAILABLE = "55P03"


class TableInUse(CommandError):
    """A migration gave up waiting for a table, and has done nothing."""


class BriefMigration(Migration):
    """Alters one table, soon or not at all.

    An ALTER TABLE waits for all who read the table, a backup for example, and whoever comes next
    waits behind it: no message would leave as long as the backup takes. So it gives up soon, and is
    run again. One table, because what it has locked stays so while it waits for another.

    https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-LOCK-TIMEOUT
    """

    def apply(
        self,
        project_state: ProjectState,
        schema_editor: BaseDatabaseSchemaEditor,
        collect_sql: bool = False,  # noqa: FBT001, FBT002 (Django hands it in)
    ) -> ProjectState:
        """Applies it. Raises TableInUse if somebody else has the table for too long."""
        with limited_wait(self, schema_editor):
            return super().apply(project_state, schema_editor, collect_sql)

    def unapply(
        self,
        project_state: ProjectState,
        schema_editor: BaseDatabaseSchemaEditor,
        collect_sql: bool = False,  # noqa: FBT001, FBT002 (Django hands it in)
    ) -> ProjectState:
        """Takes it back. Raises TableInUse as well."""
        with limited_wait(self, schema_editor):
            return super().unapply(project_state, schema_editor, collect_sql)


@contextmanager
def limited_wait(migration: Migration, schema_editor: BaseDatabaseSchemaEditor) -> Iterator[None]:
    if schema_editor.connection.vendor == "postgresql":
        # Of this transaction alone.
        schema_editor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'", params=None)
    try:
        yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE:
            raise
        raise TableInUse(
            f"{migration} was not applied: another connection, maybe a backup, has had its table "
            f"for {LOCK_TIMEOUT_S} seconds. Everybody would have waited behind it. Nothing was "
            "changed by it: run `python manage.py migrate` again, best when the backup is over."
        ) from error
