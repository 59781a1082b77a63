"""What vendors announce to us, and until when."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from calendars.models.accounts import Account, Calendar
from calendars.vocabulary.events import RemoteSubscription


class SubscriptionState(models.TextChoices):
    # Written down before the vendor is asked, because its first message may beat its answer.
    PENDING = "pending"
    LIVE = "live"
    # Not wanted any more, and told so until the vendor has understood.
    STOPPING = "stopping"


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def live(self) -> SubscriptionQuerySet:
        return self.filter(state=SubscriptionState.LIVE)

    def due(self, now: datetime) -> SubscriptionQuerySet:
        return self.filter(act_after__lte=now)


class Subscription(models.Model):
    """Deleted only when the vendor surely sends nothing for it any more."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="subscriptions")
    # None: the account's contacts.
    calendar = models.ForeignKey(
        Calendar,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="subscriptions",
    )
    # What the vendor sends along. At first an id of ours, which not every vendor takes.
    remote_id = models.CharField(max_length=255, unique=True)
    resource_id = models.CharField(max_length=1024, blank=True)
    # SHA-256 of a random secret of 256 bits, which nobody but the vendor has.
    secret_hash = models.CharField(max_length=64, editable=False)
    state = models.CharField(
        max_length=8,
        choices=SubscriptionState.choices,
        default=SubscriptionState.PENDING,
    )
    starts_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    # When it is to be renewed, or to be stopped.
    act_after = models.DateTimeField(null=True, blank=True)
    last_message_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [
            # What needs care next.
            models.Index(
                fields=["act_after"],
                condition=Q(act_after__isnull=False),
                name="subscription_to_act",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.calendar or 'contacts'} of {self.account}"

    def as_push(self) -> RemoteSubscription:
        """Returns it as the vendor knows it."""
        return RemoteSubscription(
            id=self.remote_id,
            resource_id=self.resource_id,
            expires_at=self.expires_at or self.created_at,
        )
