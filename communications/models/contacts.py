"""People, how to reach them, and where we may not."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

from communications.models.organizations import Organization
from communications.vocabulary.events import Reason
from communications.vocabulary.phone_numbers import number_variants


class Channel(models.TextChoices):
    EMAIL = "email", "e-mail"
    SMS = "sms", "SMS"
    WHATSAPP = "whatsapp", "WhatsApp"


class Part(models.TextChoices):
    """What somebody is to a wedding."""

    COUPLE = "couple"
    GUEST = "guest"
    SUPPLIER = "supplier"
    VENUE = "venue"


class ContactManager(models.Manager["Contact"]):
    """Those that were merged into others are hidden."""

    def get_queryset(self) -> models.QuerySet[Contact]:
        return super().get_queryset().filter(merged_at=None)


class Contact(models.Model):
    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        related_name="contacts",
    )
    # As it is shown; the parts are known where somebody told them apart.
    name = models.CharField(max_length=200)
    given_name = models.CharField(max_length=100, blank=True)
    family_name = models.CharField(max_length=100, blank=True)
    company = models.CharField(max_length=200, blank=True)
    roles = models.JSONField(default=list, blank=True)
    weddings = models.JSONField(default=list, blank=True)
    language = models.CharField(max_length=35, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    preferred_channel = models.CharField(max_length=8, choices=Channel.choices, blank=True)
    notes = models.TextField(blank=True)
    custom = models.JSONField("custom fields", default=dict, blank=True)
    # Made by a machine, and not looked at by anybody yet.
    to_review = models.BooleanField(default=False)
    # What `book.search` looks in, and by what similar names are found (`personal_names`).
    search = models.TextField(blank=True, editable=False)
    sounds = models.CharField(max_length=200, blank=True, editable=False)
    # When it was last compared with the others; emptied by every change.
    compared_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Hidden since, because it is the same person as another contact.
    merged_at = models.DateTimeField(null=True, blank=True, editable=False)
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        editable=False,
        # Who deletes the other one does not delete this one, which can still be taken out again.
        on_delete=models.SET_NULL,
        related_name="merged",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ContactManager()
    everyone = models.Manager["Contact"]()

    class Meta:
        ordering = ["name", "pk"]
        indexes = [
            models.Index(fields=["organization", "name"], name="contact_by_name"),
            # Finds people of similar names.
            models.Index(fields=["organization", "sounds"], name="contact_by_sound"),
            models.Index(
                fields=["organization", "created_at"],
                condition=Q(to_review=True),
                name="contact_to_review",
            ),
            # What the search for duplicates goes through.
            models.Index(
                fields=["organization", "id"],
                condition=Q(compared_at=None, merged_at=None),
                name="contact_to_compare",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def reachable_at(self, channel: str) -> str:
        """Returns where the contact is written to on a channel; blank if nowhere.

        Who hides the number from us is written to by the id that WhatsApp gives us instead.
        """
        if address := self.addresses.filter(channel=channel).first():
            return address.value
        handle = self.handles.order_by("-pk").first() if channel == Channel.WHATSAPP else None
        return handle.value if handle else ""


class Address(models.Model):
    """One reachable identity: an e-mail address, an E.164 number. `value` is normalised."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="addresses")
    channel = models.CharField(max_length=8, choices=Channel.choices)
    value = models.CharField(max_length=320)
    # Like “work” or “home”.
    label = models.CharField(max_length=40, blank=True)
    is_primary = models.BooleanField("primary", default=False)
    # A person insists on a number that no network is known to have.
    is_confirmed = models.BooleanField(
        "sure of the number",
        default=False,
        db_default=False,
        help_text="Tick it for a number that is refused although it is right.",
    )
    # What similar addresses have in common: the same mailbox with other dots, an older form of
    # the number. It makes two contacts worth comparing and says nothing about identity.
    hint = models.CharField(max_length=320, blank=True, editable=False)
    # Since then, and for a day, WhatsApp takes free text for this person.
    window_opened_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name_plural = "addresses"
        # The first of a channel is the one that is written to.
        ordering = ["-is_primary", "pk"]
        indexes = [
            models.Index(fields=["organization", "hint"], name="address_by_hint"),
            # Finds who knows somebody that writes to an address several organizations share.
            models.Index(fields=["value"], name="address_by_value"),
            # Finds one whatever its case.
            models.Index(Upper("value"), name="address_in_any_case"),
        ]
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


class Handle(models.Model):
    """What WhatsApp calls a person who may hide the number: an id that only our business knows."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="handles")
    value = models.CharField(max_length=200)
    # As an address has it.
    window_opened_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "value"],
                name="handle_belongs_to_one_contact",
            ),
        ]

    def __str__(self) -> str:
        return self.value


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def in_force(self) -> SuppressionQuerySet:
        return self.filter(lifted_at=None)

    def on(self, channel: str, values: Iterable[str]) -> SuppressionQuerySet:
        """In every form of a number: who said STOP from one of them meant all of them."""
        forms = {form for value in values for form in number_variants(value)}
        return self.in_force().filter(channel=channel, value__in=forms)


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
