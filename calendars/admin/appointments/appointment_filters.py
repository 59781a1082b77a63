"""Filters that an index can serve."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import RadioFilter

from calendars.admin.choices import calendar_label, followed_calendars
from calendars.models import EventLink
from wedsync_comms.lib.admin_kit.scope import scope_of


class WhenFilter(RadioFilter):
    title = "when"
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [("coming", "Coming"), ("past", "Past")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        now = timezone.now()
        if self.value() == "past":
            return queryset.filter(ends_at__lte=now).order_by("-starts_at", "pk")
        return queryset.filter(ends_at__gt=now) if self.value() == "coming" else queryset


class CalendarFilter(RadioFilter):
    title = "calendar"
    parameter_name = "calendar"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [
            (str(calendar.pk), calendar_label(calendar))
            for calendar in followed_calendars(scope_of(request))
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        value = self.value() or ""
        return queryset.filter(calendar=int(value)) if value.isdecimal() else queryset


class TroubleFilter(RadioFilter):
    title = "to look at"
    parameter_name = "trouble"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [("yes", "Has a problem"), ("no", "Is fine")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        fine = Q(problem="") & ~Q(pk__in=EventLink.objects.troubled().values("appointment"))
        if self.value() == "yes":
            return queryset.exclude(fine)
        return queryset.filter(fine) if self.value() == "no" else queryset
