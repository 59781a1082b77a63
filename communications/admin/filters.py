"""Filters of the pages of messages, deliveries and contacts."""

from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RadioFilter

from communications.book import search
from communications.models import Attempt, Part
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.admin_kit.filters import ConditionFilter

# What one attempt came to. A message may have several, through several providers.
OUTCOMES = {
    "accepted": ~Q(provider_id=""),
    "failed": ~Q(error_class="") | Q(status__in=[Status.FAILED, Status.BOUNCED]),
}
UNDER_WAY = Attempt.objects.filter(
    message=OuterRef("pk"),
    status=Status.QUEUED,
    call__repeat_after__isnull=False,
)


class DeliveryStateFilter(ConditionFilter):
    title = "state"
    parameter_name = "state"
    # A delivery is in exactly one of these.
    conditions = {
        "applied": ("Applied", Q(apply_after=None, applied_at__isnull=False)),
        "waiting": ("Waiting", Q(apply_after__isnull=False)),
        "failed": ("Failed", Q(apply_after=None, applied_at=None)),
    }


class InForceFilter(ConditionFilter):
    title = "in force"
    parameter_name = "in_force"
    conditions = {
        "yes": ("Closed now", Q(lifted_at=None)),
        "no": ("Lifted", Q(lifted_at__isnull=False)),
    }


class OutboxFilter(ConditionFilter):
    title = "outbox"
    parameter_name = "outbox"
    conditions = {
        "due": ("Due now", lambda now: Q(send_after__lte=now)),
        "scheduled": ("Later", lambda now: Q(send_after__gt=now)),
        "in_flight": ("At a provider now", Q(Exists(UNDER_WAY))),
    }


class ReviewFilter(ConditionFilter):
    title = "to review"
    parameter_name = "to_review"
    conditions = {
        "yes": ("Nobody has looked at them", Q(to_review=True)),
        "no": ("Looked at", Q(to_review=False)),
    }


class ProviderFilter(RadioFilter):
    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(slug, slug) for slug in settings.PROVIDERS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return queryset.filter(provider=self.value()) if self.value() else queryset


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
        condition = self.condition()
        if condition is None:
            return queryset
        return queryset.filter(Exists(Attempt.objects.filter(condition, message=OuterRef("pk"))))

    def condition(self) -> Q | None:
        condition = Q()
        if self.value():
            condition &= Q(provider=self.value())
        if outcome := OUTCOMES.get(self.used_parameters.get("outcome", "")):
            condition &= outcome
        if code := self.used_parameters.get("code"):
            condition &= Q(error_code=code) | Q(error_class=code)
        return condition or None


class PartFilter(RadioFilter):
    title = "role"
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(value, str(label)) for value, label in Part.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() not in Part.values:
            return queryset
        return search.tagged_contacts(queryset, "roles", self.value())
