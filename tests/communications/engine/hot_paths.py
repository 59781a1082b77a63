"""The paths that each message takes, run one by one with their SQL written down."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import connection

Execute = Callable[[str, Any, Any, Any], Any]
APPS = ("communications", "calendars", "health", "lib", "wedsync_comms")
# The tables that do not grow with each message; every other one does, and has to say how it is
# found on one of many machines (docs/scaling.md).
COLD = {
    # With organizations, their people and settings.
    "communications.Organization",
    "communications.Membership",
    "communications.SenderStanding",
    "communications.Template",
    # With changes of the address book.
    "communications.Handle",
    "communications.ContactChange",
    "communications.Merge",
    "communications.Pair",
    "communications.Import",
    # With calendars, and what is entered in them.
    *(f"calendars.{model.__name__}" for model in apps.get_app_config("calendars").get_models()),
    # With what goes wrong, and who looks after it.
    "health.Probe",
    "health.Incident",
    "health.IncidentEvent",
    "health.Alert",
    "health.Action",
    # With processes, limits and what waits for its turn.
    "lib.SharedState",
    "lib.Heartbeat",
    "lib.WaitingTask",
}
HOT = {
    model._meta.db_table: model._meta.label
    for app in APPS
    for model in apps.get_app_config(app).get_models(include_auto_created=True)
    if model._meta.label not in COLD
}
TABLE = re.compile(r'(?:FROM|JOIN|UPDATE|INTO)\s+"(\w+)"')
# In a condition, or among the columns of an INSERT.
OF_ONE = re.compile(
    r'"organization_id"\s+(?:= %s|IN \()|INSERT INTO "\w+" \([^)]*"organization_id"'
)
# Which value a row gets is no condition.
CHOICE = re.compile(r"CASE WHEN .*? END")


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
        if not OF_ONE.search(CHOICE.sub("", sql)):
            verb = sql.split(maxsplit=1)[0].lower()
            self.across.setdefault(name, set()).add(f"{verb} {tables[0].partition('.')[2]}")
