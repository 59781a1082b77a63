"""Whose calendars we may use, and how far we have read them."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from communications.models import Organization
from wedsync_comms.lib.leases.row_lease import is_unleased


class AccountStatus(models.TextChoices):
    LINKED = "linked"
    # The permission is gone: only its owner can give it again.
    RECONNECT = "reconnect", "reconnect needed"
    DISCONNECTED = "disconnected"


class Policy(models.TextChoices):
    """Who is right where both sides changed the same thing."""

    THEIRS = "theirs", "the calendar"
    OURS = "ours", "this system"
    NEWEST = "newest", "whoever changed it last"
    ASK = "ask", "keep ours, and ask"


class AccountQuerySet(models.QuerySet["Account"]):
    def linked(self) -> AccountQuerySet:
        return self.filter(status=AccountStatus.LINKED)

    def workable(self, now: datetime) -> AccountQuerySet:
        """Selects those whose vendor has not asked us to wait."""
        return self.linked().filter(Q(retry_at=None) | Q(retry_at__lte=now))


class Account(models.Model):
    """One person's account at a vendor, and what they allowed us. Disconnected, never deleted:
    its appointments stay."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    linked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
    )
    # A key of settings.CALENDARS.
    vendor = models.CharField(max_length=40)
    email = models.CharField(max_length=320, blank=True)
    # The vendor's own, unchanging id of its owner.
    subject = models.CharField(max_length=255)
    # Sealed (`wedsync_comms.lib.secrets`); blank while we have none.
    grant = models.TextField(blank=True, editable=False)
    scopes = models.JSONField(default=list, blank=True)
    status = models.CharField(
        max_length=12,
        choices=AccountStatus.choices,
        default=AccountStatus.LINKED,
    )
    why = models.TextField(blank=True)
    conflicts = models.CharField(
        max_length=6,
        choices=Policy.choices,
        default=Policy.THEIRS,
        help_text="Who is right where both sides changed the same thing of an appointment.",
    )
    # The last thing that went wrong, and how often in a row.
    error = models.TextField(blank=True)
    error_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    # Nothing is asked of the vendor for it before then.
    retry_at = models.DateTimeField(null=True, blank=True)
    # Somebody refreshes the grant until then; everybody else waits for what comes out of it.
    refreshing_until = models.DateTimeField(null=True, blank=True, editable=False)
    # How many changes of contacts were announced. Who reads contacts remembers where it was.
    people_dirty = models.PositiveBigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        ordering = ["vendor", "email", "pk"]
        constraints = [
            # Who links a second time gets the account they had.
            models.UniqueConstraint(
                fields=["organization", "vendor", "subject"],
                name="account_linked_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email or self.subject} ({self.vendor})"


class HeldDecision(models.TextChoices):
    """What a person says about much that is gone at once."""

    DELETE = "delete", "it is gone: cancel it here too"
    RESTORE = "restore", "it should be there: write it again"


class CalendarQuerySet(models.QuerySet["Calendar"]):
    def followed(self) -> CalendarQuerySet:
        return self.filter(
            is_followed=True,
            is_gone=False,
            account__status=AccountStatus.LINKED,
        )

    def due(self, now: datetime) -> CalendarQuerySet:
        """Selects what is to be read: announced, or its time has come; and nobody is at it.

        What was not believed stays announced, and is asked for again in its time.
        """
        wanted = Q(pull_after__lte=now) | Q(dirty__gt=F("pulled"), held_at=None)
        free = is_unleased("pulling_until", now)
        patient = Q(account__retry_at=None) | Q(account__retry_at__lte=now)
        return self.followed().filter(wanted, free, patient)


class Calendar(models.Model):
    """One calendar of an account. Its row is also the lock under which it is booked."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="calendars")
    remote_id = models.CharField(max_length=512)
    name = models.CharField(max_length=255)
    zone = models.CharField(max_length=64, blank=True)
    is_followed = models.BooleanField(
        default=False,
        help_text="Read, kept up to date, and asked before a booking.",
    )
    may_write = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False, help_text="Bookings go here unless told.")
    shows_titles = models.BooleanField(
        default=True,
        help_text="What others put into it is shown by its title; otherwise only as busy.",
    )
    buffer_minutes = models.PositiveSmallIntegerField(
        default=0,
        help_text="Kept free before and after what is in it, when slots are offered.",
    )
    # The vendor does not list it any more.
    is_gone = models.BooleanField(default=False)

    # Where reading goes on, and the window it was begun with; blank: from the start.
    cursor = models.TextField(blank=True, editable=False)
    window_start = models.DateTimeField(null=True, blank=True, editable=False)
    window_end = models.DateTimeField(null=True, blank=True, editable=False)
    # Announced changes, and how many of them were known when the last reading began. Two numbers
    # and no flag, so that what is announced during a reading causes another one.
    dirty = models.PositiveBigIntegerField(default=0, editable=False)
    pulled = models.PositiveBigIntegerField(default=0, editable=False)
    pull_after = models.DateTimeField(null=True, blank=True, editable=False)
    pulling_until = models.DateTimeField(null=True, blank=True, editable=False)
    last_pulled_at = models.DateTimeField(null=True, blank=True)
    last_pushed_at = models.DateTimeField(null=True, blank=True)
    poll_only = models.BooleanField(default=False)
    # Readings in a row that found changes nobody had announced; and in all.
    misses = models.PositiveIntegerField(default=0)
    misses_total = models.PositiveIntegerField(default=0)
    poll_seconds = models.PositiveIntegerField(default=900)
    # Cursors that expired in a row: a calendar whose cursors never hold is read more rarely.
    expiries = models.PositiveIntegerField(default=0)
    # Too much is gone at once to be believed; a person decides. Until then nothing is deleted.
    held_at = models.DateTimeField(null=True, blank=True)
    held_reason = models.TextField(blank=True)
    # The links of those that would be cancelled.
    held_links = models.JSONField(default=list, blank=True, editable=False)
    held_decision = models.CharField(max_length=7, choices=HeldDecision.choices, blank=True)
    # What could not be taken over: remote id -> its title, and the reason. It is asked for again.
    unapplied = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        db_default=models.Value({}, models.JSONField()),
    )
    error = models.TextField(blank=True)

    objects = CalendarQuerySet.as_manager()

    class Meta:
        ordering = ["account", "name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["account", "remote_id"], name="calendar_once"),
            models.UniqueConstraint(
                fields=["account"],
                condition=Q(is_default=True),
                name="one_default_calendar",
            ),
        ]
        indexes = [
            # What is to be read next, asked every few seconds.
            models.Index(
                fields=["pull_after"],
                condition=Q(is_followed=True),
                name="calendar_to_pull",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Hours(models.Model):
    """When appointments may be offered, in the calendar's own zone. A calendar without any has
    the usual ones (`availability.DEFAULT_HOURS`)."""

    calendar = models.ForeignKey(Calendar, on_delete=models.CASCADE, related_name="hours")
    weekday = models.PositiveSmallIntegerField(
        choices=list(
            enumerate(
                ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
            ),
        ),
    )
    opens = models.TimeField()
    closes = models.TimeField()

    class Meta:
        verbose_name_plural = "hours"
        ordering = ["calendar", "weekday", "opens"]
        constraints = [
            models.CheckConstraint(
                condition=Q(closes__gt=F("opens")),
                name="hours_close_after_they_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.opens:%H:%M} to {self.closes:%H:%M}"
