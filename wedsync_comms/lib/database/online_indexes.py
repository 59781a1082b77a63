"""Indexes that are built while a table is written to."""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddIndex
from django.db.migrations.state import ProjectState
from django.db.utils import NotSupportedError


class AddIndexOnline(AddIndex):
    """Builds an index without keeping anybody from writing to its table, where that is PostgreSQL;
    for migrations with `atomic = False`. Raises NotSupportedError in a transaction.

    One that was interrupted may be run again: what it left behind goes first.

    https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,  # noqa: ARG002 (Django hands it in)
        to_state: ProjectState,
    ) -> None:
        check_outside_transaction(schema_editor)
        drop_index(schema_editor, self.index.name)
        schema: Any = schema_editor
        is_online = {"concurrently": True} if is_postgresql(schema_editor) else {}
        model = to_state.apps.get_model(app_label, self.model_name)
        schema.add_index(model, self.index, **is_online)


def check_outside_transaction(schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.in_atomic_block:
        raise NotSupportedError("Indexes are built online in migrations with atomic = False.")


def drop_index(schema_editor: BaseDatabaseSchemaEditor, name: str) -> None:
    online = "CONCURRENTLY " if is_postgresql(schema_editor) else ""
    schema_editor.execute(
        f"DROP INDEX {online}IF EXISTS {schema_editor.quote_name(name)}", params=None
    )


def is_postgresql(schema_editor: BaseDatabaseSchemaEditor) -> bool:
    return schema_editor.connection.vendor == "postgresql"
