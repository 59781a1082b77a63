"""The calls that carry messages to providers, and everything that happened to a message."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q

from communications.models.messages import STATUSES, Message
from communications.models.organizations import Organization
from communications.vocabulary.events import (
    Kind,
    Source,
)
from communications.vocabulary.statuses import Status


class CallQuerySet(models.QuerySet["Call"]):
    def due(self, now: datetime) -> CallQuerySet:
        return self.filter(repeat_after__lte=now)


class Call(models.Model):
    """A request to a provider, with the messages it carries. Its id is the idempotency key.

    Until its outcome is known it has `repeat_after`: first as the lease of the process that sends
    it, then as the time to ask again with the same key and the same bytes.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.CharField(max_length=40)
    repeat_after = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    # How often its provider refused to say what became of it, once a minute at most, and when that
    # was counted last.
    refusals = models.PositiveSmallIntegerField(default=0, db_default=0)
    refused_at = models.DateTimeField(null=True)

    objects = CallQuerySet.as_manager()

    class Meta:
        indexes = [
            # The dispatcher's poll for answers that never came.
            models.Index(
                fields=["repeat_after"],
                condition=Q(repeat_after__isnull=False),
                name="call_unanswered",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Attempt(models.Model):
    """One try to hand a message to a provider, and its outcome."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attempts")
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    leg = models.PositiveSmallIntegerField(default=0)
    # Frozen: a repeated call must have the same bytes. Blank: the vendor picks one from its pool,
    # or it was made by 0.1.0 as the installation.
    sender = models.CharField(max_length=320, blank=True)
    to = models.CharField(max_length=320)
    # The message's place in a call that carries many; the same in every repetition.
    position = models.PositiveSmallIntegerField(default=0)
    provider = models.CharField(max_length=40)
    status = models.CharField(max_length=10, choices=STATUSES, default=Status.QUEUED)
    provider_id = models.CharField(max_length=255, blank=True)
    error = models.TextField(blank=True)
    error_code = models.CharField(max_length=80, blank=True)
    # The name of the class in lib.errors, which is the remedy.
    error_class = models.CharField(max_length=40, blank=True)
    response = models.JSONField(default=dict, blank=True)
    # When a provider was last asked about it, where its receipts are overdue.
    polled_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["message", "number"], name="attempt_number_is_unique"),
        ]
        indexes = [
            # Finds the attempt that a receipt is about.
            models.Index(
                fields=["provider", "provider_id"],
                condition=~Q(provider_id=""),
                name="attempt_by_provider_id",
            ),
            # Sent, and no receipt yet: what receipt polling goes through.
            models.Index(
                fields=["started_at"],
                condition=Q(status="sent"),
                name="attempt_without_receipt",
            ),
            models.Index(
                fields=["started_at"],
                condition=Q(status="unknown"),
                name="attempt_unknown",
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} through {self.provider}"

    @property
    def channel(self) -> str:
        return self.message.channel_of(self.leg)


class Event(models.Model):
    """What happened to a message: appended, never changed. The live stream is its tail."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="events")
    attempt = models.ForeignKey(Attempt, null=True, on_delete=models.SET_NULL)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    source = models.CharField(max_length=8, choices=Source.choices)
    # What the event itself says; blank where it says nothing about delivery.
    status = models.CharField(max_length=10, choices=Status.choices, blank=True)
    # Where the message stood once this was known: what a browser shows.
    message_status = models.CharField(max_length=10, choices=Status.choices)
    # Whether the message's status is another one since.
    changed = models.BooleanField(default=False)
    provider = models.CharField(max_length=40, blank=True)
    # Theirs: makes a repeated delivery harmless. NULLs do not collide.
    event_id = models.CharField(max_length=255, null=True)  # noqa: DJ001
    error_code = models.CharField(max_length=80, blank=True)
    detail = models.TextField(blank=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "event_id", "message"],
                name="event_recorded_once",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "id"], name="event_stream"),
            # Pruning goes through it from its oldest end.
            models.Index(fields=["recorded_at"], name="event_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.source})"
