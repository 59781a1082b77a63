"""Rows that a single process works on: a column says until when they are taken.

A lease, because no lock may be held across a call, and a process that dies in it gives way.
"""

from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

M = TypeVar("M", bound=Model)


def is_unleased(column: str, now: datetime) -> Q:
    """Returns the condition that nobody holds the row, or not any more."""
    return Q(**{column: None}) | Q(**{f"{column}__lte": now})


def acquire_rows(rows: QuerySet[M], column: str, lease: timedelta, **values: Any) -> int:
    """Takes those of the rows that are free, by one UPDATE, and sets `values` along with it.

    Returns how many it got: with several processes at it, each row is only one's.
    """
    now = timezone.now()
    return rows.filter(is_unleased(column, now)).update(**{column: now + lease}, **values)


def acquire_batch(rows: QuerySet[M], column: str, lease: timedelta, limit: int) -> list[M]:
    """Takes the first of the rows, leaving out what another process is taking at this moment."""
    with transaction.atomic():
        taken = list(rows.select_for_update(skip_locked=True)[:limit])
        found = rows.model._base_manager.filter(pk__in=[row.pk for row in taken])  # noqa: SLF001 (documented)
        found.update(**{column: timezone.now() + lease})
    return taken
