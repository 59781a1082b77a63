"""Who is notified of a change, and which notifications there were."""

from __future__ import annotations

from datetime import datetime, time

from django.db import models
from django.db.models import Q

from calendars.models.appointments import Appointment, Participant
from communications.models import Message, Organization, Template


class Occasion(models.TextChoices):
    BOOKED = "booked"
    MOVED = "moved"
    CANCELLED = "cancelled"
    DECLINED = "declined"
    DUE = "due", "due soon"


class Rule(models.Model):
    """When something happens to an appointment, a text goes to its participants."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    name = models.CharField(max_length=120)
    occasion = models.CharField(max_length=9, choices=Occasion.choices)
    hours_before = models.PositiveSmallIntegerField(
        default=24,
        help_text="For what is due soon: how long before the start.",
    )
    roles = models.JSONField(
        default=list,
        blank=True,
        help_text="Whom it goes to. Empty: everybody who takes part.",
    )
    template = models.ForeignKey(Template, on_delete=models.CASCADE)
    fallback = models.JSONField(
        default=list,
        blank=True,
        help_text="Further templates' names by channel, tried in this order for people who "
        "have no address on the template's channel.",
    )
    quiet_seconds = models.PositiveIntegerField(
        default=120,
        help_text="So long nothing may change before it is told: edits in a row are one message.",
    )
    quiet_from = models.TimeField(default=time(21))
    quiet_until = models.TimeField(default=time(8))
    is_urgent = models.BooleanField(default=False, help_text="Also during the quiet hours.")
    attaches_ics = models.BooleanField(
        "attaches .ics",
        default=True,
        help_text="E-mails carry the appointment, so that any calendar can add and follow it.",
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["occasion", "name"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="rule_name_is_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class NotificationState(models.TextChoices):
    WAITING = "waiting"
    TOLD = "told"
    # A later change took its place, or took it back.
    DROPPED = "dropped"
    REFUSED = "refused"


class NoticeQuerySet(models.QuerySet["Notice"]):
    def due(self, now: datetime) -> NoticeQuerySet:
        return self.filter(tell_after__lte=now)

    def waiting(self) -> NoticeQuerySet:
        return self.filter(state=NotificationState.WAITING)


class Notice(models.Model):
    """A notification of one participant of one change: written with the change, in its transaction.
    It waits while `tell_after` is set."""

    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="notices")
    rule = models.ForeignKey(Rule, on_delete=models.CASCADE)
    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="notices")
    # The change it is about; for what is due soon, the start it is about.
    occasion_key = models.CharField(max_length=40)
    # How it was before the first of the changes that this tells.
    before = models.JSONField(default=dict)
    state = models.CharField(
        max_length=8,
        choices=NotificationState.choices,
        default=NotificationState.WAITING,
    )
    tell_after = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    message = models.ForeignKey(Message, null=True, blank=True, on_delete=models.SET_NULL)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            # Exactly once.
            models.UniqueConstraint(
                fields=["rule", "participant", "occasion_key"],
                name="told_once",
            ),
        ]
        indexes = [
            # The outbox to people.
            models.Index(
                fields=["tell_after"],
                condition=Q(tell_after__isnull=False),
                name="notice_to_tell",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} to {self.participant}"
