"""What was agreed, with whom, and everything that happened to it."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from calendars.models.accounts import Calendar
from calendars.models.fields import WallField
from calendars.vocabulary.events import (
    Moment,
    ResponseStatus,
)
from communications.models import Contact, Organization


class AppointmentStatus(models.TextChoices):
    # Kept free while the calendars are asked; gone after `held_until`.
    HELD = "held"
    BOOKED = "booked"
    CANCELLED = "cancelled"


# Those that take their time.
LIVE = (AppointmentStatus.HELD, AppointmentStatus.BOOKED)


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    def live(self) -> AppointmentQuerySet:
        return self.filter(status__in=LIVE)

    def known(self) -> AppointmentQuerySet:
        """Selects what people see: no holds."""
        return self.exclude(status=AppointmentStatus.HELD)

    def overlapping(self, start: datetime, end: datetime) -> AppointmentQuerySet:
        return self.live().filter(starts_at__lt=end, ends_at__gt=start)


class Appointment(models.Model):
    """Kept as wall time and zone, from which the instants are computed.

    PostgreSQL excludes overlaps of one calendar by a constraint of the first migration; SQLite
    by the lock on the calendar's row under which all of this is written.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    # The organizer's. RESTRICT: a calendar goes only together with its organization.
    calendar = models.ForeignKey(
        Calendar,
        on_delete=models.RESTRICT,
        related_name="appointments",
    )
    # As wide as what the vendors hold: what is cut here stays whole there.
    title = models.CharField(max_length=1024)
    description = models.TextField(blank=True)
    place = models.CharField(max_length=4096, blank=True)
    wall_start = WallField()
    # Exclusive; for whole days midnight after the last one.
    wall_end = WallField()
    zone = models.CharField(max_length=64)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    is_all_day = models.BooleanField(default=False)
    status = models.CharField(
        max_length=9,
        choices=AppointmentStatus.choices,
        default=AppointmentStatus.BOOKED,
    )
    held_until = models.DateTimeField(null=True, blank=True, editable=False)
    wants_conference = models.BooleanField(default=False)
    conference_url = models.URLField(max_length=2000, blank=True)
    # Of the wedding it belongs to.
    tags = models.JSONField(default=list, blank=True)
    # Grows with every change; also the SEQUENCE of its .ics.
    version = models.PositiveIntegerField(default=1)
    # Somebody moved it onto another one in their own calendar: true, and to be looked at.
    overlaps = models.BooleanField(default=False)
    # What a person should look at; blank: all is well.
    problem = models.TextField(blank=True)
    idempotency_key = models.CharField(max_length=200, null=True, blank=True, editable=False)  # noqa: DJ001 (NULLs do not collide)
    request_hash = models.CharField(max_length=64, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.CheckConstraint(
                # Calendars have entries that take no time.
                condition=Q(ends_at__gte=F("starts_at")),
                name="appointment_ends_not_before_it_starts",
            ),
            models.UniqueConstraint(
                fields=["organization", "idempotency_key"],
                name="appointment_booked_once_per_key",
            ),
        ]
        indexes = [
            # Pages and the week view.
            models.Index(fields=["organization", "starts_at"], name="appointment_by_time"),
            # Free or not: asked before every booking.
            models.Index(
                fields=["calendar", "starts_at"],
                condition=Q(status__in=["held", "booked"]),
                name="appointment_taking_time",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def key(self) -> str:
        """Returns what the vendors' events carry, so that we know them again."""
        return self.id.hex

    @property
    def trouble(self) -> str:
        """Returns all that a person should look at, here and in the calendar; blank: nothing."""
        problems = [self.problem, *(row.trouble for row in self.links.all())]
        return " ".join(dict.fromkeys(filter(None, problems)))

    @property
    def start(self) -> Moment:
        return Moment(wall=self.wall_start, zone=self.zone)

    @property
    def end(self) -> Moment:
        return Moment(wall=self.wall_end, zone=self.zone)


class ParticipantRole(models.TextChoices):
    COUPLE = "couple"
    GUEST = "guest"
    SUPPLIER = "supplier"
    VENUE = "venue"
    COLLEAGUE = "colleague"


class Participant(models.Model):
    """Somebody who was asked to come: a contact, or just an address."""

    appointment = models.ForeignKey(
        Appointment,
        on_delete=models.CASCADE,
        related_name="participants",
    )
    contact = models.ForeignKey(Contact, null=True, blank=True, on_delete=models.SET_NULL)
    # Lower case. Blank: somebody without e-mail, whom no vendor can invite.
    email = models.CharField(max_length=320, blank=True)
    name = models.CharField(max_length=200, blank=True)
    role = models.CharField(
        max_length=9,
        choices=ParticipantRole.choices,
        default=ParticipantRole.GUEST,
    )
    is_optional = models.BooleanField(default=False)
    answer = models.CharField(
        max_length=9, choices=ResponseStatus.choices, default=ResponseStatus.NEEDED
    )
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            # Vendors know participants by their address alone.
            models.UniqueConstraint(
                fields=["appointment", "email"],
                condition=~Q(email=""),
                name="participant_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email


class What(models.TextChoices):
    BOOKED = "booked"
    MOVED = "moved"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    ANSWERED = "answered"
    # Two sides changed the same thing, or somebody should know; nothing was lost.
    CONFLICT = "conflict"


class AppointmentChange(models.Model):
    """Append-only. `before` and `after` hold only what is different."""

    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="changes")
    version = models.PositiveIntegerField()
    what = models.CharField(max_length=9, choices=What.choices)
    # "here", a vendor's slug, or "participant".
    source = models.CharField(max_length=40)
    by = models.CharField(max_length=320, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.get_what_display()} ({self.source})"
