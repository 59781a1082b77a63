"""Verified requests of providers, kept as they came."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from communications.models.organizations import Organization


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    def unapplied(self) -> WebhookDeliveryQuerySet:
        return self.filter(apply_after__isnull=False)

    def due(self, now: datetime) -> WebhookDeliveryQuerySet:
        return self.filter(apply_after__lte=now)


class WebhookDelivery(models.Model):
    """Stored means safe: from here on, a bug or a crash only delays.

    The inbox holds it while `apply_after` is set.
    """

    provider = models.CharField(max_length=40)
    event_id = models.CharField(max_length=255)
    # Known once something in it was applied; one delivery never spans two tenants by its own word.
    organization = models.ForeignKey(Organization, null=True, on_delete=models.SET_NULL)
    # What a person looks for: the vendor's own type, for example "email.bounced".
    type = models.CharField(max_length=80, blank=True)
    url = models.TextField()
    headers = models.JSONField()
    body = models.BinaryField()
    # Who takes turns with it in the inbox: for the order only, it may be a guess.
    fairness_key = models.CharField(max_length=120, blank=True, default="", db_default="")
    received_at = models.DateTimeField()
    apply_after = models.DateTimeField(null=True)
    applied_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "webhook deliveries"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "event_id"],
                name="delivery_stored_once",
            ),
        ]
        indexes = [
            # The inbox: what is still to be applied.
            models.Index(
                fields=["apply_after"],
                condition=Q(apply_after__isnull=False),
                name="delivery_unapplied",
            ),
            # Whose is due, and what of theirs is first: what is new, and what failed how often.
            models.Index(
                fields=["tries", "fairness_key", "apply_after", "id"],
                condition=Q(apply_after__isnull=False),
                name="delivery_turns",
            ),
            # What a person has to replay.
            models.Index(
                fields=["received_at"],
                condition=Q(apply_after=None, applied_at=None),
                name="delivery_given_up",
            ),
            models.Index(fields=["received_at"], name="delivery_by_age"),
            # What retention goes through, from the oldest on.
            models.Index(fields=["organization", "received_at"], name="delivery_of_organization"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.type or self.event_id}"
