"""Filters of the health records."""

from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RadioFilter

from wedsync_comms.lib.admin_kit.filters import ConditionFilter


class IncidentStateFilter(ConditionFilter):
    title = "state"
    parameter_name = "state"
    conditions = {
        "open": ("Open", Q(resolved_at=None)),
        "resolved": ("Resolved", Q(resolved_at__isnull=False)),
    }


class SubjectFilter(RadioFilter):
    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(slug, slug) for slug in (*settings.PROVIDERS, *settings.CALENDARS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return queryset.filter(provider=self.value()) if self.value() else queryset
