"""What a migration keeps waiting: nothing that is in use."""

import pytest
from django.db import connection, migrations
from django.db.migrations.loader import MigrationLoader

from wedsync_comms.lib.database.online_indexes import AddIndexOnline

# The tables that grow without end.
GROWING = {"message", "attempt", "event", "webhookdelivery"}
# Those before have run wherever there is anything to wait for.
FIRST_UNRELEASED = "0007"


def migrations_since_the_release() -> list[migrations.Migration]:
    disk = MigrationLoader(None).disk_migrations
    return [
        migration
        for (app, name), migration in sorted(disk.items())
        if app == "communications" and name >= FIRST_UNRELEASED
    ]


def test_no_index_is_built_while_its_table_is_locked() -> None:
    for migration in migrations_since_the_release():
        for operation in migration.operations:
            if isinstance(operation, migrations.AddIndex) and operation.model_name_lower in GROWING:
                assert isinstance(operation, AddIndexOnline), migration
                assert not migration.atomic, migration


@pytest.mark.django_db(transaction=True)
def test_an_interrupted_index_is_built_again() -> None:
    loader = MigrationLoader(connection)
    key = ("communications", "0017_conversations_by_their_mails")
    migration = loader.get_migration(*key)
    state = loader.project_state(migration.dependencies)
    with connection.schema_editor(atomic=False) as editor:
        migration.apply(state.clone(), editor)
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "communications_message")
    made = [
        operation for operation in migration.operations if isinstance(operation, AddIndexOnline)
    ]
    assert {operation.index.name for operation in made} <= set(found)
