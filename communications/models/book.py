"""What happened to the address book: who changed what, who is the same person, what came in."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from communications.models.contacts import Contact
from communications.models.organizations import Organization


class Origin(models.TextChoices):
    """Where a change came from."""

    STAFF = "staff"
    API = "api", "API"
    INBOUND = "inbound", "a message"
    IMPORT = "import"
    SYNC = "sync", "synchronisation"
    MERGE = "merge"
    SYSTEM = "system", "WedSync"


class ContactChange(models.Model):
    """One field of one contact, before and after. Appended, never changed."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="changes")
    field = models.CharField(max_length=40)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    source = models.CharField(max_length=8, choices=Origin.choices)
    # Who, or which account or file.
    by = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["contact", "-at", "-id"], name="contact_history")]

    def __str__(self) -> str:
        return f"{self.field} of contact {self.contact_id}"


class Merge(models.Model):
    """Two contacts became one. Holds what was moved and what was there before, to undo it."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    kept = models.ForeignKey(Contact, null=True, on_delete=models.SET_NULL, related_name="merges")
    gone = models.ForeignKey(Contact, null=True, on_delete=models.SET_NULL, related_name="+")
    is_automatic = models.BooleanField(default=False)
    reasons = models.JSONField(default=list)
    # The kept contact's fields before and after, and the rows that changed hands, by model.
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    moved = models.JSONField(default=dict)
    # The addresses that the other one had, in case they are lost with the kept one.
    addresses = models.JSONField(default=list)
    by = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"merge {self.pk}"


class Verdict(models.TextChoices):
    OPEN = "open", "to decide"
    LATER = "later"
    APART = "apart", "two people"
    MERGED = "merged", "one person"


class Pair(models.Model):
    """Two contacts that may be one person: the review queue."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    # The older one first.
    one = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    other = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    score = models.PositiveSmallIntegerField(default=0)
    reasons = models.JSONField(default=list)
    verdict = models.CharField(max_length=8, choices=Verdict.choices, default=Verdict.OPEN)
    found_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = "possible duplicate"
        ordering = ["-score", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["one", "other"], name="pair_is_judged_once"),
            models.CheckConstraint(condition=Q(one__lt=F("other")), name="pair_is_ordered"),
        ]
        indexes = [
            # The queue.
            models.Index(
                fields=["organization", "-score", "id"],
                condition=Q(verdict="open"),
                name="pair_to_decide",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.one} and {self.other}"


class Import(models.Model):
    """A file of contacts: first looked at, then taken.

    A small one in one transaction, a large one by the worker in parts:

        reading -> waiting -> running -> done
           └────────┴─> discarded └─> cancelled, failed: what was taken stays
    """

    class State(models.TextChoices):
        READING = "reading", "being looked at"
        WAITING = "waiting", "to be confirmed"
        RUNNING = "running", "being imported"
        DONE = "done", "imported"
        CANCELLED = "cancelled", "cancelled"
        FAILED = "failed", "stopped by an error"
        DISCARDED = "discarded"

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    filename = models.CharField(max_length=200)
    # Emptied once it is done with.
    content = models.TextField(blank=True)
    is_vcard = models.BooleanField(default=False)
    # Column of the file -> field of ours.
    mapping = models.JSONField(default=dict)
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    # How many rows became what.
    counts = models.JSONField(default=dict)
    # What would happen, or what was left out, as the page shows it; emptied some days later.
    findings = models.JSONField(null=True, blank=True)
    # Of how many rows the worker has looked at or taken how many.
    total = models.PositiveIntegerField(default=0, db_default=0)
    position = models.PositiveIntegerField(default=0, db_default=0)
    # How often a worker began the present part.
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    # Until when a worker has it.
    leased_until = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.filename
