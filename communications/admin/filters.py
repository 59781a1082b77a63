"""Filters that an index can serve."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import RadioFilter

from communications.book import search
from communications.models import Attempt, Part
from communications.vocabulary.statuses import Status

PERIODS = {
    "hour": ("last hour", timedelta(hours=1)),
    "two_hours": ("last 2 hours", timedelta(hours=2)),
    "day": ("last 24 hours", timedelta(days=1)),
    "week": ("last 7 days", timedelta(days=7)),
    "month": ("last 30 days", timedelta(days=30)),
}
# An inbox row is in exactly one of these.
STATES = {
    "applied": Q(apply_after=None, applied_at__isnull=False),
    "waiting": Q(apply_after__isnull=False),
    "failed": Q(apply_after=None, applied_at=None),
}

# What one attempt came to. A message may have several, through several providers.
OUTCOMES = {
    "accepted": ~Q(provider_id=""),
    "failed": ~Q(error_class="") | Q(status__in=[Status.FAILED, Status.BOUNCED]),
}
OUTBOX: dict[str, tuple[str, Callable[[datetime], Q]]] = {
    "due": ("Due now", lambda now: Q(send_after__lte=now)),
    "scheduled": ("Later", lambda now: Q(send_after__gt=now)),
    "in_flight": (
        "At a provider now",
        lambda _now: Q(
            Exists(
                Attempt.objects.filter(
                    message=OuterRef("pk"),
                    status=Status.QUEUED,
                    call__repeat_after__isnull=False,
                ),
            ),
        ),
    ),
}


class CreatedFilter(RadioFilter):
    title = "created"
    parameter_name = "created"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(key, title) for key, (title, _) in PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() not in PERIODS:
            return queryset
        return queryset.filter(created_at__gte=timezone.now() - PERIODS[self.value()][1])


class StateFilter(RadioFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(key, key.capitalize()) for key in STATES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return queryset.filter(STATES[self.value()]) if self.value() in STATES else queryset


class ProviderFilter(RadioFilter):
    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(slug, slug) for slug in settings.PROVIDERS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return queryset.filter(provider=self.value()) if self.value() else queryset


class InForceFilter(RadioFilter):
    title = "in force"
    parameter_name = "in_force"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [("yes", "Closed now"), ("no", "Lifted")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() not in {"yes", "no"}:
            return queryset
        return queryset.filter(lifted_at__isnull=self.value() == "yes")


class AttemptFilter(RadioFilter):
    """Which provider was tried, and with which outcome: all of it about the same attempt.

    `code` is an error's code or class. Nobody chooses one here; links from elsewhere do.
    """

    title = "tried through"
    parameter_name = "through"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in ("outcome", "code"):
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]

    def expected_parameters(self) -> list[str]:
        return [self.parameter_name, "outcome", "code"]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(slug, slug) for slug in settings.PROVIDERS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        asked = self.asked()
        if asked is None:
            return queryset
        return queryset.filter(Exists(Attempt.objects.filter(asked, message=OuterRef("pk"))))

    def asked(self) -> Q | None:
        asked = Q()
        if self.value():
            asked &= Q(provider=self.value())
        if outcome := OUTCOMES.get(self.used_parameters.get("outcome", "")):
            asked &= outcome
        if code := self.used_parameters.get("code"):
            asked &= Q(error_code=code) | Q(error_class=code)
        return asked or None


class OutboxFilter(RadioFilter):
    title = "outbox"
    parameter_name = "outbox"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(key, title) for key, (title, _) in OUTBOX.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() not in OUTBOX:
            return queryset
        return queryset.filter(OUTBOX[self.value()][1](timezone.now()))


class PartFilter(RadioFilter):
    title = "role"
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(value, str(label)) for value, label in Part.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() not in Part.values:
            return queryset
        return search.tagged(queryset, "roles", self.value())


class ReviewFilter(RadioFilter):
    title = "to review"
    parameter_name = "to_review"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [("yes", "Nobody has looked at them"), ("no", "Looked at")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() not in {"yes", "no"}:
            return queryset
        return queryset.filter(to_review=self.value() == "yes")
