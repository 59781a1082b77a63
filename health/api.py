"""`GET /api/health/`: the summary as JSON, for the caller's organization; for platform
administrators, of everything."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from communications.models import Membership
from health.reporting import summary
from health.vocabulary.readings import (
    Severity,
    State,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class MayReadHealth(BasePermission):
    """Members, and platform administrators."""

    message = "This login belongs to no organization."

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002
        user: User = request.user  # type: ignore[assignment]
        found = Membership.objects.of(user)
        request.membership = found  # type: ignore[attr-defined]
        return found is not None or bool(user.is_active and user.is_superuser)


class BreakerSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=["closed", "open", "half-open"])
    reason = serializers.CharField()
    opened_at = serializers.DateTimeField(allow_null=True)
    retry_at = serializers.DateTimeField(allow_null=True)
    paused = serializers.BooleanField()
    held = serializers.BooleanField(help_text="Paused by a person, until a person resumes it.")


class RateLimitSerializer(serializers.Serializer[Any]):
    per_second = serializers.FloatField()
    headroom = serializers.FloatField(help_text="The share of the rate not used lately, 0 to 1.")
    held_for = serializers.FloatField(help_text="Seconds, because the provider said stop.")
    origin = serializers.ChoiceField(
        choices=["vendor", "learned", "configured"],
        help_text="Whose figure it is: the vendor's word, learned from its refusals, or ours.",
    )
    said = serializers.FloatField(help_text="Requests a second by its word, or as configured.")


class CheckSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField(allow_null=True, help_text="null: never asked.")
    checked_at = serializers.DateTimeField(allow_null=True)
    latency_ms = serializers.FloatField(allow_null=True)
    reason = serializers.CharField()
    facts = serializers.DictField(child=serializers.CharField())


class CalendarHealthSerializer(serializers.Serializer[Any]):
    linked = serializers.IntegerField(source="accounts")
    reconnect = serializers.IntegerField(source="reconnect.count")
    failing = serializers.IntegerField(source="failing.count")
    calendars = serializers.IntegerField(source="followed", help_text="Kept up to date.")
    last_push_at = serializers.DateTimeField(allow_null=True)
    last_poll_at = serializers.DateTimeField(allow_null=True)
    next_expiry_at = serializers.DateTimeField(
        allow_null=True,
        help_text="When the next subscription ends, unless it is renewed before.",
    )
    held = serializers.IntegerField(source="held.count", help_text="Calendars that wait for you.")
    unwritten = serializers.IntegerField(source="waiting")


class ProviderHealthSerializer(serializers.Serializer[Any]):
    provider = serializers.CharField()
    channel = serializers.CharField()
    status = serializers.ChoiceField(choices=State.choices)
    reason = serializers.CharField()
    breaker = BreakerSerializer(allow_null=True, help_text="null: a calendar vendor.")
    success_rate = serializers.FloatField(
        allow_null=True,
        help_text="Of the last 15 minutes, 0 to 1; null without traffic.",
    )
    latency_p50_ms = serializers.FloatField(allow_null=True)
    latency_p95_ms = serializers.FloatField(allow_null=True)
    last_success_at = serializers.DateTimeField(allow_null=True)
    last_failure_at = serializers.DateTimeField(allow_null=True)
    last_webhook_at = serializers.DateTimeField(allow_null=True)
    webhook_expected_by = serializers.DateTimeField(allow_null=True)
    rate_limit = RateLimitSerializer(allow_null=True)
    webhook_endpoint = CheckSerializer()
    probe = CheckSerializer()
    accounts = CalendarHealthSerializer(allow_null=True, help_text="Of a calendar vendor.")


class QueueSerializer(serializers.Serializer[Any]):
    due = serializers.IntegerField()
    scheduled = serializers.IntegerField()
    in_flight = serializers.IntegerField()
    unknown = serializers.IntegerField()
    unapplied = serializers.IntegerField()
    stuck_deliveries = serializers.IntegerField()
    oldest_age = serializers.DictField(
        child=serializers.FloatField(),
        help_text="Seconds that the oldest due message waits, by priority.",
    )
    counted_up_to = serializers.IntegerField()


class ProcessSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    instance = serializers.CharField()
    last_beat = serializers.DateTimeField()
    alive = serializers.BooleanField()


class IncidentSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.CharField()
    severity = serializers.ChoiceField(choices=Severity.choices)
    title = serializers.CharField()
    provider = serializers.CharField()
    opened_at = serializers.DateTimeField()
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    evidence = serializers.DictField()
    did = serializers.CharField()
    advice = serializers.CharField()


class HealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=State.choices)
    at = serializers.DateTimeField()
    providers = ProviderHealthSerializer(many=True)
    queue = QueueSerializer()
    workers = ProcessSerializer(many=True)
    incidents = IncidentSerializer(many=True)
    evaluated_at = serializers.DateTimeField(allow_null=True)
    watched = serializers.BooleanField(help_text="Whether the rules are being applied.")


class HealthView(APIView):
    permission_classes = (MayReadHealth,)

    @extend_schema(responses={200: HealthSerializer}, operation_id="health_retrieve")
    def get(self, request: Request) -> Response:
        """How the providers, the queue and the processes are, and what is wrong."""
        found = request.membership  # type: ignore[attr-defined]
        seen = summary.build_summary(found.organization if found else None)
        return Response(HealthSerializer(seen).data)
