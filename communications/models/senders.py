"""What each provider makes of the identities that organizations write as."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from communications.models.organizations import Organization


class SenderStandingQuerySet(models.QuerySet["SenderStanding"]):
    def closed(self) -> SenderStandingQuerySet:
        return self.filter(closed_at__isnull=False)


class SenderStanding(models.Model):
    """Whether a provider takes an organization's sender: it did, or it refused it.

    Of the organization also where the sender is the installation's: a refusal may be about what
    this one sends, and must not stop another.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    provider = models.CharField(max_length=40)
    # As the provider was told it; blank where it picks one from a pool.
    sender = models.CharField(max_length=320, blank=True)
    # The country, in two letters, to whose numbers alone it is closed; blank: what is said here is
    # true of all.
    region = models.CharField(max_length=2, blank=True, default="", db_default="")
    # When it was taken for the first time. Until then it shares no call with other senders.
    accepted_at = models.DateTimeField(null=True)
    # Refused since, and why.
    closed_at = models.DateTimeField(null=True)
    # Only for now: it has sent all it may.
    is_busy = models.BooleanField(default=False, db_default=False)
    error_code = models.CharField(max_length=80, blank=True)
    detail = models.TextField(blank=True)
    # When one message tries whether it is taken again, and how often that was done. What waits
    # for it has the same time in `Message.send_after`.
    retry_at = models.DateTimeField(null=True)
    trials = models.PositiveSmallIntegerField(default=0)

    objects = SenderStandingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "provider", "sender", "region"],
                name="sender_stands_once_by_region",
            ),
        ]
        indexes = [
            # What the claims and the incidents ask for; hardly ever more than a few rows.
            models.Index(
                fields=["organization", "provider"],
                condition=Q(closed_at__isnull=False),
                name="sender_closed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sender} at {self.provider}"
