"""The paths that each message takes, run one by one with their SQL written down."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import connection

Execute = Callable[[str, Any, Any, Any], Any]
# The tables that grow with each message.
HOT = {
    apps.get_model(label)._meta.db_table: label
    for label in (
        "communications.Message",
        "communications.Attempt",
        "communications.Call",
        "communications.Event",
        "communications.WebhookDelivery",
        "communications.Attachment",
        "communications.Contact",
        "communications.Address",
        "communications.Suppression",
        "health.Rollup",
        "health.Failure",
    )
}
TABLE = re.compile(r'(?:FROM|JOIN|UPDATE|INTO)\s+"(\w+)"')
# In a condition, or among the columns of an INSERT.
OF_ONE = re.compile(
    r'"organization_id"\s+(?:= %s|IN \()|INSERT INTO "\w+" \([^)]*"organization_id"'
)


@dataclass
class Paths:
    """What was asked of which hot table without the organization's name, by path."""

    across: dict[str, set[str]] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def path(self, name: str) -> Iterator[None]:
        def look(execute: Execute, sql: str, params: Any, many: Any, context: Any) -> Any:
            self.note(name, sql)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(look):
            yield

    def note(self, name: str, sql: str) -> None:
        tables = [HOT[table] for table in TABLE.findall(sql) if table in HOT]
        if not tables:
            return
        self.asked[name] = self.asked.get(name, 0) + 1
        if not OF_ONE.search(sql):
            verb = sql.split(maxsplit=1)[0].lower()
            self.across.setdefault(name, set()).add(f"{verb} {tables[0].partition('.')[2]}")
