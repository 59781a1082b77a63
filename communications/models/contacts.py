"""People, how to reach them, and where we may not."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from django.db.models import Q

from communications.events import Reason
from communications.models.organizations import Organization


class Channel(models.TextChoices):
    EMAIL = "email", "e-mail"
    SMS = "sms", "SMS"
    WHATSAPP = "whatsapp", "WhatsApp"


class Contact(models.Model):
    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        related_name="contacts",
    )
    name = models.CharField(max_length=200)
    notes = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "pk"]
        indexes = [models.Index(fields=["organization", "name"], name="contact_by_name")]

    def __str__(self) -> str:
        return self.name


class Address(models.Model):
    """One reachable identity: an e-mail address, an E.164 number. `value` is normalised."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="addresses")
    channel = models.CharField(max_length=8, choices=Channel.choices)
    value = models.CharField(max_length=320)
    # Since then, and for a day, WhatsApp takes free text for this person.
    window_opened_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name_plural = "addresses"
        ordering = ["pk"]
        constraints = [
            # Also finds the contact of an inbound message.
            models.UniqueConstraint(
                fields=["organization", "channel", "value"],
                name="address_belongs_to_one_contact",
                violation_error_message="Another contact has this address already.",
            ),
        ]

    def __str__(self) -> str:
        return self.value


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def in_force(self) -> SuppressionQuerySet:
        return self.filter(lifted_at=None)

    def on(self, channel: str, values: Iterable[str]) -> SuppressionQuerySet:
        return self.in_force().filter(channel=channel, value__in=values)


class Suppression(models.Model):
    """An address that may not be written to. Lifted, never deleted."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    value = models.CharField("address", max_length=320)
    sender = models.CharField(
        max_length=320,
        blank=True,
        help_text="Which of our identities may not write to it. Blank: none of them may.",
    )
    marketing_only = models.BooleanField(
        default=False,
        help_text="Closed for advertising; what a customer asked for may still be sent.",
    )
    reason = models.CharField(max_length=10, choices=Reason.choices)
    detail = models.TextField(blank=True)
    message = models.ForeignKey(
        "communications.Message",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        help_text="The message whose receipt closed the address.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=150, blank=True)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            # Asked before every send.
            models.UniqueConstraint(
                fields=["organization", "channel", "value", "sender", "marketing_only"],
                condition=Q(lifted_at=None),
                name="suppressed_once_at_a_time",
                violation_error_message="This address is suppressed already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.value} ({self.get_reason_display()})"
