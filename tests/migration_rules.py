"""What a migration may do while the release before it runs beside it: expand now, contract later.

Each rule looks at one operation and says what is to be done instead. (django-migration-linter reads
the SQL of a migration as a whole, in which one column's default hides that another has none.)
"""

import re
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState

from wedsync_comms.lib.database.brief_migrations import BriefMigration
from wedsync_comms.lib.database.online_indexes import AddIndexOnline

Key = tuple[str, str]

# The tables that grow without end.
GROWING = {"message", "attempt", "event", "webhookdelivery"}
# Those that nobody may wait for: what is sent and received needs them.
HOT = GROWING | {"attachment", "call", "organization"}
ALTERING = (
    operations.AddField,
    operations.AlterField,
    operations.RemoveField,
    operations.AddConstraint,
    operations.RemoveConstraint,
)
DATA = (operations.RunPython, operations.RunSQL)
# Which types hold all that another one holds.
WIDER = {
    "EmailField": {"CharField", "TextField"},
    "CharField": {"TextField"},
    "PositiveSmallIntegerField": {"PositiveIntegerField"},
}
DROPPED_COLUMN = re.compile(r"ALTER TABLE (\S+) DROP COLUMN (?:IF EXISTS )?(\w+)", re.IGNORECASE)
DROPPED_TABLE = re.compile(r"DROP TABLE (?:IF EXISTS )?(\w+)", re.IGNORECASE)
CONTRACTS = re.compile(r"\b(DROP|RENAME|SET NOT NULL|TYPE)\b", re.IGNORECASE)

NO_DEFAULT = "the release before inserts without it: give it a db_default, or null=True"
NO_OTHERS = "the release before may write what this refuses"
IN_USE = (
    "the release before uses it: take it out of the models alone "
    "(SeparateDatabaseAndState, state_operations), and drop it a release later with RunSQL"
)
UNEXPECTED_NULL = "the release before expects no NULL when it reads: give it a db_default instead"
NEW_NAME = "the release before knows the old name: add, copy, and drop the old a release later"
NARROWER = "the release before writes what this does not hold: add another column"
LOCKS = "nobody writes to the table meanwhile: AddIndexOnline, with atomic = False"
WAITS = "behind a backup it would wait, and everybody behind it: BriefMigration, atomic"
TABLES = "it keeps one table locked while it waits for the other: a migration for each"
MIXED = "move rows in a migration of their own, apart from the schema"


@dataclass
class History:
    """The models as they are before an operation, and as the released code knows them."""

    now: ProjectState = field(default_factory=ProjectState)
    released: dict[Key, ModelState] = field(default_factory=dict)

    def old_field(self, app: str, model: str, name: str) -> Any:
        """Returns the column as it is, if the released code has it; else None."""
        known = self.released.get((app, model.lower()))
        return self.now.models[app, model.lower()].fields[name] if has(known, name) else None

    def has_table(self, table: str, column: str | None = None) -> bool:
        """Says whether the released code uses the table, or the column in it."""
        return any(
            column is None or column in columns_of(model)
            for key, model in self.released.items()
            if model.options.get("db_table", "_".join(key)) == table
        )


def has(model: ModelState | None, name: str) -> bool:
    return model is not None and name in model.fields


def columns_of(model: ModelState) -> set[str]:
    relations = (models.ForeignKey, models.OneToOneField)
    return {
        column.db_column or (f"{name}_id" if isinstance(column, relations) else name)
        for name, column in model.fields.items()
    }


def find_problems(released: AbstractSet[Key], apps: AbstractSet[str]) -> list[str]:
    """Returns a sentence for each thing that the code of the newest release would not survive.

    `released` are the migrations that were in a release, `apps` those whose migrations are ours.
    """
    graph = MigrationLoader(None).graph
    plan = graph._generate_plan(graph.leaf_nodes(), at_end=True)
    history = History()
    for node in (node for node in plan if node[0] not in apps or node in released):
        graph.nodes[node].mutate_state(history.now, preserve=False)
    history.released = {key: model.clone() for key, model in history.now.models.items()}
    ours = (graph.nodes[node] for node in plan if node[0] in apps and node not in released)
    return [problem for migration in ours for problem in judge(migration, history)]


def judge(migration: Migration, history: History) -> Iterator[str]:
    """Yields the problems of a migration, and takes it into the history."""
    if len({isinstance(operation, DATA) for operation in migration.operations}) > 1:
        yield f"{migration}: {MIXED}"
    altered = hot_tables(migration, history)
    if altered and not (isinstance(migration, BriefMigration) and migration.atomic):
        yield f"{migration}: {WAITS}"
    if len(altered) > 1:
        yield f"{migration}: {TABLES}"
    for operation in migration.operations:
        for problem in about(operation, migration, history):
            yield f"{migration}: {operation.describe()}: {problem}"
        operation.state_forwards(migration.app_label, history.now)


def hot_tables(migration: Migration, history: History) -> set[str]:
    """Returns which tables in use the migration locks for everybody."""
    altered: set[str] = {
        operation.model_name_lower
        for operation in migration.operations
        if isinstance(operation, ALTERING)
    }
    return {name for name in altered & HOT if (migration.app_label, name) in history.released}


def about(operation: Operation, migration: Migration, history: History) -> Iterator[str]:
    for kind, rule in RULES.items():
        if isinstance(operation, kind):
            yield from rule(operation, migration, history)


def about_parts(operation: Any, migration: Migration, history: History) -> Iterator[str]:
    """What the database does is judged as ever; what the models lose alone may stay behind."""
    for inner in operation.database_operations:
        yield from about(inner, migration, history)
    for inner in operation.state_operations:
        if isinstance(inner, operations.RemoveField):
            yield from about_left_column(inner, migration, history)


def about_left_column(operation: Any, migration: Migration, history: History) -> Iterator[str]:
    """A column that only the released code knows: ours inserts without it."""
    column = history.now.models[migration.app_label, operation.model_name_lower].fields[
        operation.name
    ]
    if not column.null and not has_default(column):
        yield "the new code inserts without it: first give it a db_default, or null=True"


def about_new_column(operation: Any, migration: Migration, history: History) -> Iterator[str]:
    column = operation.field
    if (migration.app_label, operation.model_name_lower) not in history.released:
        return
    if column.many_to_many or column.null or getattr(column, "generated", False):
        return
    if column.unique:
        yield NO_OTHERS
    elif not has_default(column):
        yield NO_DEFAULT


def about_changed_column(operation: Any, migration: Migration, history: History) -> Iterator[str]:
    old = history.old_field(migration.app_label, operation.model_name, operation.name)
    new = operation.field
    if old is None:
        return
    if not is_as_wide(old, new):
        yield NARROWER
    if (old.null and not new.null) or (new.unique and not old.unique):
        yield NO_OTHERS
    yield from about_nothing_given(old, new)
    if old.db_column != new.db_column:
        yield NEW_NAME


def about_nothing_given(old: Any, new: Any) -> Iterator[str]:
    if has_default(old) and not has_default(new):
        yield NO_DEFAULT
    if new.null and not old.null:
        yield UNEXPECTED_NULL


def has_default(column: Any) -> bool:
    """Whether the database fills it in; Django takes db_default=None for a default as well."""
    return column.has_db_default() and column.db_default is not None


def is_as_wide(old: Any, new: Any) -> bool:
    before, after = type(old).__name__, type(new).__name__
    if before != after:
        return after in WIDER.get(before, ())
    return old.max_length is None or (new.max_length or 0) >= old.max_length


def about_removed_column(operation: Any, migration: Migration, history: History) -> Iterator[str]:
    if history.old_field(migration.app_label, operation.model_name, operation.name):
        yield IN_USE


def about_removed_model(operation: Any, migration: Migration, history: History) -> Iterator[str]:
    if (migration.app_label, operation.name_lower) in history.released:
        yield IN_USE


def about_renamed_column(operation: Any, migration: Migration, history: History) -> Iterator[str]:
    if history.old_field(migration.app_label, operation.model_name, operation.old_name):
        yield NEW_NAME


def about_renamed_model(operation: Any, migration: Migration, history: History) -> Iterator[str]:
    name = getattr(operation, "old_name_lower", None) or operation.name_lower
    if (migration.app_label, name) in history.released:
        yield NEW_NAME


def about_new_constraint(operation: Any, migration: Migration, history: History) -> Iterator[str]:
    """One that replaces another of its name, which refused more, is a person's to judge."""
    replaced = {
        other.name
        for other in migration.operations
        if isinstance(other, operations.RemoveConstraint)
    }
    known = (migration.app_label, operation.model_name_lower) in history.released
    if known and operation.constraint.name not in replaced:
        yield NO_OTHERS


def about_unique_together(operation: Any, migration: Migration, history: History) -> Iterator[str]:
    if operation.option_value and (migration.app_label, operation.name_lower) in history.released:
        yield NO_OTHERS


def about_index(operation: Any, migration: Migration, _history: History) -> Iterator[str]:
    is_online = isinstance(operation, AddIndexOnline) and not migration.atomic
    if operation.model_name_lower in GROWING and not is_online:
        yield LOCKS


def about_sql(operation: Any, _migration: Migration, history: History) -> Iterator[str]:
    sql = str(operation.sql).replace('"', "")
    columns, tables = DROPPED_COLUMN.findall(sql), DROPPED_TABLE.findall(sql)
    if any(history.has_table(*found) for found in columns):
        yield IN_USE
    if any(history.has_table(table) for table in tables):
        yield IN_USE
    if CONTRACTS.search(DROPPED_TABLE.sub("", DROPPED_COLUMN.sub("", sql))):
        yield "only a column or a table that no release uses may be dropped, one a statement"


RULES: dict[type[Operation], Callable[[Any, Migration, History], Iterator[str]]] = {
    operations.AddField: about_new_column,
    operations.AlterField: about_changed_column,
    operations.RemoveField: about_removed_column,
    operations.DeleteModel: about_removed_model,
    operations.RenameField: about_renamed_column,
    operations.RenameModel: about_renamed_model,
    operations.AlterModelTable: about_renamed_model,
    operations.AddConstraint: about_new_constraint,
    operations.AlterUniqueTogether: about_unique_together,
    operations.AddIndex: about_index,
    operations.RunSQL: about_sql,
    operations.SeparateDatabaseAndState: about_parts,
}
