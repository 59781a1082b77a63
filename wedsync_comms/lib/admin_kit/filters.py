"""Filters of lists that an index can serve."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import RadioFilter

PERIODS = {
    "hour": ("last hour", timedelta(hours=1)),
    "two_hours": ("last 2 hours", timedelta(hours=2)),
    "day": ("last 24 hours", timedelta(days=1)),
    "week": ("last 7 days", timedelta(days=7)),
    "month": ("last 30 days", timedelta(days=30)),
}
# What rows have to be, where need be by the present time.
Condition = Q | Callable[[datetime], Q]


class ConditionFilter(RadioFilter):
    """Offers a few choices, each by its title, and keeps the rows of the chosen one."""

    conditions: Mapping[str, tuple[str, Condition]] = {}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(key, title) for key, (title, _) in self.conditions.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() not in self.conditions:
            return queryset
        _, condition = self.conditions[self.value()]
        return queryset.filter(
            condition if isinstance(condition, Q) else condition(timezone.now()),
        )


class CreatedFilter(RadioFilter):
    title = "created"
    parameter_name = "created"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(key, title) for key, (title, _) in PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() not in PERIODS:
            return queryset
        return queryset.filter(created_at__gte=timezone.now() - PERIODS[self.value()][1])
