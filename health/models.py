"""What health keeps: traffic in small sums, what probes found, and what went wrong."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

from communications.models import Organization
from health.vocabulary.readings import Severity


class Rollup(models.Model):
    """What one provider did in five minutes, for one organization; without one, for all of them.

    Recomputed from the events as long as any of its minutes may still change.
    """

    at = models.DateTimeField()
    provider = models.CharField(max_length=40)
    organization = models.ForeignKey(Organization, null=True, on_delete=models.CASCADE)
    accepted = models.PositiveIntegerField(default=0)
    # By the provider's fault, also where its answer was lost.
    failed = models.PositiveIntegerField(default=0)
    # For the message's own sake.
    refused = models.PositiveIntegerField(default=0)
    throttled = models.PositiveIntegerField(default=0)
    retries = models.PositiveIntegerField(default=0)
    failovers = models.PositiveIntegerField(default=0)
    # Events that came by webhook, and those we had to ask for.
    receipts = models.PositiveIntegerField(default=0)
    polled = models.PositiveIntegerField(default=0)
    # Taken, and reported as failed or bounced later.
    undelivered = models.PositiveIntegerField(default=0)
    # Counts by slot of `histogram.BOUNDS`: how long calls took, and receipts after their calls.
    latency = models.JSONField(default=list)
    delay = models.JSONField(default=list)
    # "ServerFailed 503" -> how often.
    reasons = models.JSONField(default=dict)
    last_accepted_at = models.DateTimeField(null=True)
    last_failed_at = models.DateTimeField(null=True)
    last_receipt_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["at"]
        constraints = [
            # Also how charts are read.
            models.UniqueConstraint(
                fields=["organization", "provider", "at"],
                name="rollup_of_an_organization",
            ),
            models.UniqueConstraint(
                fields=["provider", "at"],
                condition=Q(organization=None),
                name="rollup_of_all",
            ),
        ]
        # Recomputing and pruning.
        indexes = [models.Index(fields=["at"], name="rollup_by_age")]

    def __str__(self) -> str:
        return f"{self.provider} at {self.at:%d %b %H:%M}"


class Probe(models.Model):
    """The last answer to one question: does the provider answer us, does our own address."""

    class Kind(models.TextChoices):
        ACCOUNT = "account"
        ENDPOINT = "endpoint", "webhook endpoint"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    # A provider's slug, or whatever else was registered to be probed.
    subject = models.CharField(max_length=80)
    # Whose account it is; blank: the platform's.
    organization = models.ForeignKey(
        Organization,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
    )
    ok = models.BooleanField()
    # It works, but: a sentence in `reason`.
    is_warning = models.BooleanField(default=False)
    # How many in a row went the same way, this one included.
    streak = models.PositiveIntegerField(default=1)
    latency_ms = models.FloatField(null=True)
    reason = models.TextField(blank=True)
    # The name of a class in lib.errors, which is the remedy.
    error_class = models.CharField(max_length=40, blank=True)
    facts = models.JSONField(default=dict)
    checked_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject"], name="probe_of_a_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} ({self.get_kind_display()})"


class IncidentQuerySet(models.QuerySet["Incident"]):
    def unresolved(self) -> IncidentQuerySet:
        """Open ones and mere suspicions."""
        return self.filter(resolved_at=None)

    def open(self) -> IncidentQuerySet:
        return self.filter(resolved_at=None, opened_at__isnull=False)

    def resolved(self) -> IncidentQuerySet:
        return self.filter(resolved_at__isnull=False)

    def worst_first(self) -> IncidentQuerySet:
        # "critical" comes before "warning" by the alphabet.
        return self.order_by("severity", "opened_at")


class Incident(models.Model):
    """Something is wrong, from one cause. Until it has lasted it is a suspicion: `opened_at` is
    not set, nobody is shown it, and it goes without a trace if it was nothing."""

    cause = models.CharField(max_length=120)
    kind = models.CharField(max_length=30)
    severity = models.CharField(max_length=10, choices=Severity.choices)
    # Says no numbers: an organization is shown it too.
    title = models.CharField(max_length=200)
    provider = models.CharField(max_length=40, blank=True)
    # Whose alone it is; blank: the platform's.
    organization = models.ForeignKey(Organization, null=True, blank=True, on_delete=models.CASCADE)
    evidence = models.JSONField(default=dict)
    did = models.TextField("what the system did by itself", blank=True)
    advice = models.TextField("what a person can do", blank=True)
    link = models.CharField(max_length=300, blank=True)
    suspected_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["cause"],
                condition=Q(resolved_at=None),
                name="incident_once_per_cause",
            ),
        ]
        indexes = [models.Index(fields=["-resolved_at"], name="incident_by_end")]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        return self.opened_at is not None and self.resolved_at is None


class IncidentEvent(models.Model):
    """A line of an incident's history: by the system, or by somebody."""

    class Kind(models.TextChoices):
        OPENED = "opened"
        ESCALATED = "escalated"
        ACKNOWLEDGED = "acknowledged"
        COMMENT = "comment"
        RESOLVED = "resolved"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="history")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    by = models.CharField(max_length=150, blank=True)
    text = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.kind} {self.by}".strip()


class AlertQuerySet(models.QuerySet["Alert"]):
    def due(self, now: datetime) -> AlertQuerySet:
        return self.filter(send_after__lte=now)

    def failing(self) -> AlertQuerySet:
        return self.filter(send_after__isnull=False).exclude(error="")


class Alert(models.Model):
    """What administrators are told, once per incident, kind and channel. The outbox holds it while
    `send_after` is set."""

    class Kind(models.TextChoices):
        OPENED = "opened"
        ESCALATED = "escalated"
        RECOVERED = "recovered"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    # The address of the channel without its secrets, and which of ALERT_URLS that is.
    channel = models.CharField(max_length=200)
    channel_key = models.CharField(max_length=16)
    send_after = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "kind", "channel_key"],
                name="alert_once_per_incident",
            ),
        ]
        indexes = [
            models.Index(
                fields=["send_after"],
                condition=Q(send_after__isnull=False),
                name="alert_outbox",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.channel}"


class Failure(models.Model):
    """Everything that failed at one provider for one reason, with the last exchange as it was,
    redacted. For one organization; without one, for all of them."""

    fingerprint = models.CharField(max_length=32)
    organization = models.ForeignKey(Organization, null=True, on_delete=models.CASCADE)
    provider = models.CharField(max_length=40)
    error_class = models.CharField(max_length=40, blank=True)
    error_code = models.CharField(max_length=80, blank=True)
    text = models.TextField(blank=True)
    # Ids and the provider's redacted answer; no addresses, no texts of messages.
    exchange = models.JSONField(default=dict)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()

    class Meta:
        ordering = ["-last_seen"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "fingerprint"],
                name="failure_of_an_organization",
            ),
            models.UniqueConstraint(
                fields=["fingerprint"],
                condition=Q(organization=None),
                name="failure_of_all",
            ),
        ]
        indexes = [models.Index(fields=["organization", "-last_seen"], name="failure_newest")]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.provider, self.error_class, self.error_code)))


class Action(models.Model):
    """Who did what about it, and when. Appended, never changed."""

    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    # The name as it was: a login may go, what it did stays.
    by_name = models.CharField(max_length=150)
    organization = models.ForeignKey(Organization, null=True, on_delete=models.CASCADE)
    verb = models.CharField(max_length=30)
    subject = models.CharField(max_length=120, blank=True)
    detail = models.TextField(blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["organization", "-id"], name="action_newest")]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject} by {self.by_name}"
