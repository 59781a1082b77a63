"""What stands in the vendors' calendars: our appointments, and the time others take."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from calendars.models.accounts import Calendar
from calendars.models.appointments import Appointment


class EventLinkQuerySet(models.QuerySet["EventLink"]):
    def due(self, now: datetime) -> EventLinkQuerySet:
        return self.filter(write_after__lte=now)

    def troubled(self) -> EventLinkQuerySet:
        return self.exclude(problem="", theirs={})


class EventLink(models.Model):
    """An appointment's event in a calendar. The row is the queue as well: it waits to be written
    while `write_after` is set."""

    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="links")
    calendar = models.ForeignKey(Calendar, on_delete=models.CASCADE, related_name="links")
    # Blank until the vendor has it.
    remote_id = models.CharField(max_length=1024, blank=True)
    etag = models.CharField(max_length=255, blank=True)
    ical_uid = models.CharField(max_length=1024, blank=True)
    # What both sides last agreed on, for the three-way merge (`three_way_merge.Content`).
    base = models.JSONField(default=dict, blank=True)
    # What we wrote after that and got no answer about, oldest first: what of it stands there is
    # our own word, and no news.
    sent = models.JSONField(default=list, blank=True)
    # Grows when it is created anew after somebody deleted it.
    generation = models.PositiveIntegerField(default=1)
    # The appointment's version that stands in the calendar.
    written_version = models.PositiveIntegerField(default=0)
    is_removed = models.BooleanField(default=False)
    # Somebody made it repeat there: its occurrences are blocks, and it is moved there.
    is_series = models.BooleanField(default=False, db_default=False)
    # What of the event there could not be understood; blank: all of it was.
    problem = models.TextField(blank=True)
    # An open question: what was said there where both sides changed it and ours was kept.
    theirs = models.JSONField(default=dict, blank=True)
    write_after = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = EventLinkQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["appointment", "calendar"], name="link_once"),
            # Finds the appointment of what a calendar tells.
            models.UniqueConstraint(
                fields=["calendar", "remote_id"],
                condition=~Q(remote_id=""),
                name="link_by_remote_id",
            ),
        ]
        indexes = [
            # The outbox to the vendors.
            models.Index(
                fields=["write_after"],
                condition=Q(write_after__isnull=False),
                name="link_to_write",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.appointment} in {self.calendar}"

    @property
    def trouble(self) -> str:
        fields = ["time" if name == "when" else name for name in self.theirs.get("fields", ())]
        asks = "Changed here and in the calendar: " + ", ".join(fields)
        return " ".join(filter(None, [self.problem, f"{asks}." if self.theirs else ""]))


class BusyBlock(models.Model):
    """An entry that is not ours. Series come as their occurrences."""

    calendar = models.ForeignKey(Calendar, on_delete=models.CASCADE, related_name="blocks")
    remote_id = models.CharField(max_length=1024)
    series_id = models.CharField(max_length=1024, blank=True)
    ical_uid = models.CharField(max_length=1024, blank=True)
    etag = models.CharField(max_length=255, blank=True)
    # Blank where the calendar does not show titles.
    title = models.CharField(max_length=255, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    is_all_day = models.BooleanField(default=False)
    is_busy = models.BooleanField(default=True)

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            # An upsert on it.
            models.UniqueConstraint(fields=["calendar", "remote_id"], name="block_once"),
        ]
        indexes = [
            # Free or not, and the week view.
            models.Index(fields=["calendar", "starts_at"], name="block_by_time"),
            # A series that is gone takes its occurrences with it.
            models.Index(
                fields=["calendar", "series_id"],
                condition=~Q(series_id=""),
                name="block_by_series",
            ),
        ]

    def __str__(self) -> str:
        return self.title or "Busy"
