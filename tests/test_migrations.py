"""What a migration keeps waiting, and whom it breaks: nothing that is in use, and nobody."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection, migrations, models
from django.db.migrations import operations as ops
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState

from tests.migration_rules import (
    IN_USE,
    LOCKS,
    MIXED,
    NARROWER,
    NEW_NAME,
    NO_DEFAULT,
    NO_OTHERS,
    TABLES,
    UNEXPECTED_NULL,
    WAITS,
    History,
    find_problems,
    judge,
)
from tests.releases import released_migrations
from wedsync_comms.lib.database import brief_migrations
from wedsync_comms.lib.database.brief_migrations import BriefMigration, TableInUse
from wedsync_comms.lib.database.online_indexes import AddIndexOnline

OURS = {app.label for app in apps.get_app_configs() if "site-packages" not in app.path}
# Constraints that a person found the newest release to obey, each with the reason.
OBEYED = {
    "sending_weight_is_in_range": "0.1.0 knows no weights: the column has its default, 1.",
    "content on attachment": "An older dispatcher raises before it asks a provider, and its lease "
    "gives the mail to another one; with a default it would send an empty file.",
}

NAME_INDEX = models.Index(fields=["id"], name="by_id")
ONE_TABLE = models.UniqueConstraint(fields=["table"], name="one_table")


def test_the_newest_release_runs_beside_the_migrations_since() -> None:
    problems = find_problems(released_migrations(), OURS)
    assert [found for found in problems if not any(name in found for name in OBEYED)] == []


def test_a_column_that_was_exchanged_in_one_step_would_have_been_refused() -> None:
    exchanged = ("calendars", "0005_what_was_sent_and_not_answered")
    before = {key for key in released_migrations() if key[0] != "calendars" or key < exchanged}
    found = [problem for problem in find_problems(before, OURS) if exchanged[1] in problem]
    assert [problem.endswith(why) for problem, why in zip(found, (IN_USE, NO_DEFAULT), strict=True)]


def problems_of(
    *operations: Operation, atomic: bool = True, kind: type[migrations.Migration] = BriefMigration
) -> list[str]:
    """What is said of a migration, where a release has the table `shop_guest`."""
    guest = ModelState(
        "shop",
        "Guest",
        [
            ("id", models.BigAutoField(primary_key=True)),
            ("name", models.CharField(max_length=50)),
            ("table", models.IntegerField(null=True)),
            ("seat", models.IntegerField(default=0, db_default=0)),
        ],
    )
    history = History()
    history.now.add_model(guest)
    seating: list[tuple[str, Any]] = [
        ("id", models.BigAutoField(primary_key=True)),
        ("table", models.IntegerField()),
    ]
    history.now.add_model(ModelState("shop", "Seating", seating, {"constraints": [ONE_TABLE]}))
    for name in ("Message", "Organization"):
        history.now.add_model(ModelState("shop", name, [("id", models.BigAutoField())]))
    history.released = {key: model.clone() for key, model in history.now.models.items()}
    migration: Any = kind("0002_more", "shop")
    migration.operations, migration.atomic = list(operations), atomic
    return list(judge(migration, history))


def text(**options: Any) -> Any:
    return models.CharField(**{"max_length": 50} | options)


@pytest.mark.parametrize(
    ("operation", "problem"),
    [
        (ops.AddField("Guest", "diet", text(default="")), NO_DEFAULT),
        (ops.AddField("Guest", "diet", text(db_default=None)), NO_DEFAULT),
        (ops.AddField("Guest", "code", text(db_default="", unique=True)), NO_OTHERS),
        (ops.AlterField("Guest", "name", text(max_length=20)), NARROWER),
        (ops.AlterField("Guest", "name", models.IntegerField()), NARROWER),
        (ops.AlterField("Guest", "name", text(unique=True)), NO_OTHERS),
        (ops.AlterField("Guest", "name", text(null=True)), UNEXPECTED_NULL),
        (ops.AlterField("Guest", "name", text(db_column="called")), NEW_NAME),
        (ops.AlterField("Guest", "table", models.IntegerField(default=0)), NO_OTHERS),
        (ops.AlterField("Guest", "seat", models.IntegerField(default=0)), NO_DEFAULT),
        (ops.RemoveField("Guest", "name"), IN_USE),
        (ops.DeleteModel("Guest"), IN_USE),
        (ops.RenameField("Guest", "name", "called"), NEW_NAME),
        (ops.RenameModel("Guest", "Person"), NEW_NAME),
        (ops.AlterModelTable("Guest", "people"), NEW_NAME),
        (ops.AddConstraint("Guest", ONE_TABLE), NO_OTHERS),
        (ops.AlterUniqueTogether("Guest", {("name", "table")}), NO_OTHERS),
        (ops.AddIndex("Message", NAME_INDEX), LOCKS),
        (ops.RunSQL('ALTER TABLE "shop_guest" DROP COLUMN "name"'), IN_USE),
        (ops.RunSQL("DROP TABLE shop_guest"), IN_USE),
    ],
)
def test_what_the_release_before_would_not_survive_is_refused(
    operation: Operation, problem: str
) -> None:
    [found] = problems_of(operation)
    assert found.endswith(problem)


def test_a_safe_column_hides_no_unsafe_one() -> None:
    unsafe = ops.AddField("Guest", "diet", text(default=""))
    safe = ops.AddField("Guest", "song", text(default="", db_default=""))
    [alone] = problems_of(unsafe)
    assert problems_of(unsafe, safe) == problems_of(safe, unsafe) == [alone]


def test_rows_are_moved_in_a_migration_of_their_own() -> None:
    column = ops.AddField("Guest", "diet", text(null=True))
    [found] = problems_of(column, ops.RunPython(ops.RunPython.noop))
    assert found.endswith(MIXED)


def test_a_column_is_taken_out_of_the_models_first_and_keeps_a_default() -> None:
    def forgotten(name: str) -> Operation:
        return ops.SeparateDatabaseAndState(state_operations=[ops.RemoveField("Guest", name)])

    assert problems_of(forgotten("seat")) == problems_of(forgotten("table")) == []
    assert len(problems_of(forgotten("name"))) == 1


@pytest.mark.parametrize(
    "operation",
    [
        ops.AddField("Guest", "diet", text(default="", db_default="")),
        ops.AddField("Guest", "diet", text(null=True)),
        ops.AlterField("Guest", "name", text(max_length=80)),
        ops.AlterField("Guest", "name", models.TextField()),
        ops.CreateModel("Gift", [("id", models.BigAutoField(primary_key=True)), ("name", text())]),
        ops.AddIndex("Guest", NAME_INDEX),
        ops.RunSQL("ALTER TABLE shop_guest DROP COLUMN long_gone"),
        ops.RunSQL("UPDATE shop_guest SET seat = 1"),
    ],
)
def test_what_the_release_before_does_not_notice_is_allowed(operation: Operation) -> None:
    assert problems_of(operation) == []


def test_a_constraint_may_be_replaced_by_one_of_its_name() -> None:
    new = ops.AddConstraint("Seating", ONE_TABLE)
    assert problems_of(ops.RemoveConstraint("Seating", "one_table"), new) == []


def test_an_index_of_a_growing_table_is_built_online_and_outside_a_transaction() -> None:
    online = AddIndexOnline("Message", NAME_INDEX)
    assert problems_of(online, atomic=False) == []
    assert len(problems_of(online, atomic=True)) == 1


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


def test_tables_that_everybody_needs_are_altered_briefly_and_one_at_a_time() -> None:
    message = ops.AddField("Message", "note", text(default="", db_default=""))
    owner = ops.AddField("Organization", "note", text(default="", db_default=""))
    assert problems_of(message) == problems_of(owner) == []
    [waits] = problems_of(message, kind=migrations.Migration)
    assert waits.endswith(WAITS)
    [outside] = problems_of(message, atomic=False)
    assert outside.endswith(WAITS)
    [both] = problems_of(message, owner)
    assert both.endswith(TABLES)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no locks of tables")
@pytest.mark.django_db(transaction=True)
def test_a_migration_gives_up_soon_behind_a_backup_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(brief_migrations, "LOCK_TIMEOUT_S", 0.1)
    loader = MigrationLoader(connection)
    migration: Any = loader.get_migration("communications", "0026_turns_in_the_inbox")
    before = loader.project_state(migration.dependencies)
    backup = connection.copy()
    try:
        with backup.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE communications_webhookdelivery IN ACCESS SHARE MODE")
        with (
            pytest.raises(TableInUse, match=r"run `python manage.py migrate` again"),
            connection.schema_editor() as editor,
        ):
            migration.unapply(before.clone(), editor)
    finally:
        backup.close()
    with connection.schema_editor() as editor:
        migration.unapply(before.clone(), editor)
    with connection.schema_editor() as editor:
        migration.apply(before.clone(), editor)
