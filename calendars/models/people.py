"""Address books that are kept equal to ours, and who is who in them."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models
from django.db.models import F, Q

from calendars.models.accounts import Account, AccountStatus, Policy
from communications.models import Contact
from wedsync_comms.lib.leases.row_lease import is_unleased


class SyncDirection(models.TextChoices):
    READ = "read", "read only"
    WRITE = "write", "write only"
    BOTH = "both", "read and write"


class QuarantineDecision(models.TextChoices):
    """What a person says about many contacts that are gone at once."""

    DELETE = "delete", "they are gone: remove them here too"
    KEEP = "keep", "keep them here"


class ContactBookQuerySet(models.QuerySet["ContactBook"]):
    def followed(self) -> ContactBookQuerySet:
        return self.filter(is_active=True, account__status=AccountStatus.LINKED)

    def due(self, now: datetime) -> ContactBookQuerySet:
        """Selects what was announced, or whose time has come; and nobody is at it."""
        wanted = Q(sync_after__lte=now) | Q(account__people_dirty__gt=F("seen_dirty"))
        free = is_unleased("syncing_until", now)
        patient = Q(account__retry_at=None) | Q(account__retry_at__lte=now)
        return self.followed().filter(wanted, free, patient)


class ContactBook(models.Model):
    """The contacts of one account."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="contact_book")
    is_active = models.BooleanField("in use", default=True)
    direction = models.CharField(
        max_length=5,
        choices=SyncDirection.choices,
        default=SyncDirection.READ,
        help_text="Whether their contacts come to us, ours go to them, or both.",
    )
    # Ids of groups or folders; empty: all contacts. What we add goes into the first one.
    groups = models.JSONField(default=list, blank=True)
    policy = models.CharField(
        "conflicts",
        max_length=6,
        choices=Policy.choices,
        default=Policy.NEWEST,
        help_text="Who is right where both sides changed the same field of a contact.",
    )
    # Where reading goes on, by group; none: from the start.
    cursors = models.JSONField(default=dict, blank=True, editable=False)
    seen_dirty = models.PositiveBigIntegerField(default=0, editable=False)
    sync_after = models.DateTimeField(null=True, blank=True, editable=False)
    # Whoever has it is the only one that reads and writes: vendors want changes one by one.
    syncing_until = models.DateTimeField(null=True, blank=True, editable=False)
    # What is being done, how much of it is done, and of how much, where that is known.
    stage = models.CharField(max_length=40, blank=True, editable=False)
    done = models.PositiveIntegerField(default=0, editable=False)
    total = models.PositiveIntegerField(null=True, blank=True, editable=False)
    is_cancelled = models.BooleanField(default=False, editable=False)
    last_synced_at = models.DateTimeField(null=True, blank=True, editable=False)
    # What the last run that found anything to do did: read, written, removed, …
    outcome = models.JSONField(default=dict, blank=True, editable=False)
    expiries = models.PositiveIntegerField(default=0, editable=False)
    # Who could not be taken over: remote id -> name, reason and group.
    unapplied = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        db_default=models.Value({}, models.JSONField()),
    )
    # Too many are gone at once to be believed: a person decides, and until then none is removed.
    held_at = models.DateTimeField(null=True, blank=True, editable=False)
    held_reason = models.TextField(blank=True, editable=False)
    held_decision = models.CharField(
        max_length=6,
        choices=QuarantineDecision.choices,
        blank=True,
        editable=False,
    )
    error = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ContactBookQuerySet.as_manager()

    class Meta:
        verbose_name = "synchronised address book"
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"Contacts of {self.account}"

    @property
    def reads(self) -> bool:
        return self.direction != SyncDirection.WRITE

    @property
    def writes(self) -> bool:
        return self.direction != SyncDirection.READ

    @property
    def remaining(self) -> int | None:
        return None if self.total is None else max(0, self.total - self.done)


class ContactLinkQuerySet(models.QuerySet["ContactLink"]):
    def living(self) -> ContactLinkQuerySet:
        return self.filter(removed_at=None)


class ContactLink(models.Model):
    """A contact of ours and a person of theirs. It outlives both, or what was deleted on one side
    would come back from the other."""

    book = models.ForeignKey(ContactBook, on_delete=models.CASCADE, related_name="links")
    # None: we deleted it.
    contact = models.ForeignKey(Contact, null=True, on_delete=models.SET_NULL, related_name="links")
    # Ours, put into what we create there: however often it is asked for, it is created once.
    key = models.CharField(max_length=32, unique=True, editable=False)
    remote_id = models.CharField(max_length=512, blank=True)
    etag = models.CharField(max_length=512, blank=True)
    # Versions that are over: vendors go on showing them for minutes after a change of ours.
    past_etags = models.JSONField(default=list)
    # How the two sides looked when they last agreed, each in its own words.
    ours = models.JSONField(default=dict)
    theirs = models.JSONField(default=dict)
    # Addresses as they stand there, also those that we cannot read.
    raw = models.JSONField(default=dict)
    group = models.CharField(max_length=512, blank=True)
    # There, it differs from what it should be.
    must_write = models.BooleanField(default=False)
    # Gone on their side. A contact with a life of its own stays here, and is not written again.
    removed_at = models.DateTimeField(null=True, blank=True)
    written_at = models.DateTimeField(null=True, blank=True)
    synced_at = models.DateTimeField()
    error = models.TextField(blank=True)

    objects = ContactLinkQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "remote_id"],
                condition=~Q(remote_id=""),
                name="remote_person_linked_once",
            ),
        ]
        indexes = [
            # What is to be written.
            models.Index(
                fields=["book"],
                condition=Q(must_write=True, removed_at=None),
                name="contact_link_to_write",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contact} in {self.book}"


def new_key() -> str:
    return uuid.uuid4().hex


class ContactConflict(models.Model):
    """Both sides changed the same field, and a person is to say who is right."""

    link = models.ForeignKey(ContactLink, on_delete=models.CASCADE, related_name="conflicts")
    field = models.CharField(max_length=20)
    ours = models.JSONField(null=True)
    theirs = models.JSONField(null=True)
    found_at = models.DateTimeField()
    decision = models.CharField(max_length=6, choices=Policy.choices, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=150, blank=True)

    class Meta:
        verbose_name = "conflicting change of a contact"
        verbose_name_plural = "conflicting changes of contacts"
        ordering = ["-found_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["link", "field"],
                condition=Q(decision=""),
                name="contact_conflict_open_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.field} of {self.link.contact}"
