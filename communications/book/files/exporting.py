"""The address book as files, and everything there is about one person."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from communications.book import history
from communications.book.files import csv_tables, vcards
from communications.models import (
    Address,
    Channel,
    Contact,
    ContactChange,
    Direction,
    Message,
    Suppression,
)
from communications.vocabulary.phone_numbers import number_variants

COLUMNS = (
    "name",
    "given_name",
    "family_name",
    "company",
    "email",
    "sms",
    "whatsapp",
    "roles",
    "weddings",
    "language",
    "time_zone",
    "preferred_channel",
    "notes",
)


def contacts_as_csv(contacts: Iterable[Contact]) -> str:
    """Returns a CSV that our import reads back without being told what the columns are."""
    rows = list(contacts)
    custom = list(dict.fromkeys(name for contact in rows for name in contact.custom))
    lines = [
        [*contact_cells(contact), *(str(contact.custom.get(name, "")) for name in custom)]
        for contact in rows
    ]
    return csv_tables.write_table([*COLUMNS, *custom], lines)


def contact_cells(contact: Contact) -> list[str]:
    addresses = list(contact.addresses.all())
    found = []
    for name in COLUMNS:
        if name in Channel.values:
            found.append(
                "; ".join(address.value for address in addresses if address.channel == name)
            )
        else:
            value = getattr(contact, name)
            found.append("; ".join(value) if isinstance(value, list) else str(value))
    return found


def contacts_as_vcards(contacts: Iterable[Contact], version: str = "3.0") -> str:
    return vcards.write_cards(contacts, version)


# --- one person ---


def everything_about(contact: Contact) -> dict[str, Any]:
    """Returns all that is kept about somebody, also under contacts merged into this one."""
    ids = [contact.pk, *merged_ids(contact)]
    addresses = list(contact.addresses.all())
    messages = messages_of(contact, ids).order_by("created_at", "pk")
    return {
        "contact": {"id": contact.pk, "created_at": contact.created_at}
        | history.snapshot_contact(contact, addresses),
        "whatsapp_ids": list(contact.handles.values_list("value", flat=True)),
        "messages": [
            message_summary(message) for message in messages.prefetch_related("attempts", "events")
        ],
        "suppressions": list(
            suppressions_of(contact, addresses).values(
                "channel",
                "value",
                "sender",
                "marketing_only",
                "reason",
                "detail",
                "created_at",
                "lifted_at",
                "lifted_by",
            ),
        ),
        "changes": list(
            ContactChange.objects.filter(contact__in=ids)
            .order_by("at", "pk")
            .values("field", "before", "after", "source", "by", "at"),
        ),
    }


def merged_ids(contact: Contact) -> list[int]:
    """Returns the ids of whoever became this contact, in however many steps."""
    found: list[int] = []
    front = [contact.pk]
    while front:
        front = list(
            Contact.everyone.filter(merged_into__in=front)
            .exclude(pk__in=found)
            .values_list("pk", flat=True),
        )
        found += front
    return found


def messages_of(contact: Contact, ids: Iterable[int]) -> QuerySet[Message]:
    """Returns the messages of somebody under all their ids, and what they wrote in groups.

    That is in nobody's thread, and is known by who wrote it.
    """
    in_groups = Message.objects.exclude(group="").filter(
        organization=contact.organization_id,
        contact=None,
        direction=Direction.INBOUND,
        sender__in=known_values(contact, contact.addresses.all(), Channel.WHATSAPP),
    )
    return Message.objects.filter(contact__in=ids) | in_groups


def known_values(contact: Contact, addresses: Iterable[Address], channel: str) -> list[str]:
    """Returns what somebody may be called on a channel: each address in all its forms, and ids."""
    values = [
        form
        for address in addresses
        if address.channel == channel
        for form in number_variants(address.value)
    ]
    if channel == Channel.WHATSAPP:
        # Who hides the number is known by the id that WhatsApp gives us instead.
        values += contact.handles.values_list("value", flat=True)
    return values


def suppressions_of(contact: Contact, addresses: Iterable[Address]) -> Any:
    """Returns the suppressions of all addresses of a contact."""
    found = Suppression.objects.none()
    for channel in Channel.values:
        found |= Suppression.objects.filter(
            organization=contact.organization_id,
            channel=channel,
            value__in=known_values(contact, addresses, channel),
        )
    return found


def message_summary(message: Message) -> dict[str, Any]:
    return {
        **{name: getattr(message, name) for name in MESSAGE},
        "attempts": [
            {name: getattr(attempt, name) for name in ATTEMPT} for attempt in message.attempts.all()
        ],
        "events": [
            {name: getattr(event, name) for name in EVENT} for event in message.events.all()
        ],
    }


MESSAGE = (
    "id",
    "direction",
    "channel",
    "group",
    "sender",
    "to",
    "subject",
    "body",
    "html",
    "media",
    "content",
    "edits",
    "reactions",
    "deleted_at",
    "reply_to",
    "internet_message_id",
    "references",
    "metadata",
    "status",
    "created_at",
    "opened_at",
    "clicked_at",
    "complained_at",
)
ATTEMPT = ("number", "to", "provider", "provider_id", "status", "started_at", "finished_at")
EVENT = ("kind", "source", "status", "detail", "occurred_at")
