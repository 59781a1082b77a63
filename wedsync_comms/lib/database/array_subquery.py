"""The ids that a subquery finds, as one value of a row, on PostgreSQL and on SQLite."""

import json
from typing import Any
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Subquery
from django.db.models.sql.compiler import SQLCompiler


class UuidList(Field):  # type: ignore[type-arg]  # what a query returns, and no column
    """What `UuidsOf` returns: an array from PostgreSQL, from SQLite a text of JSON."""

    def from_db_value(self, value: Any, *_: object) -> list[UUID]:
        return value if isinstance(value, list) else [UUID(pk) for pk in json.loads(value)]


class UuidsOf(Subquery):
    """All rows of a subquery of ids, with an `OuterRef`, for each row of the query around it.

    The subquery may have a limit, which a join cannot have, and lock what it finds.
    """

    # https://www.postgresql.org/docs/current/sql-expressions.html#SQL-SYNTAX-ARRAY-CONSTRUCTORS
    template = "ARRAY(%(subquery)s)"
    output_field = UuidList()

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        # https://www.sqlite.org/json1.html#jgrouparray
        template = "(SELECT json_group_array(id) FROM (%(subquery)s))"
        return self.as_sql(compiler, connection, template=template)
