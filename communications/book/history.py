"""Every change of a contact, field by field, with where it came from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from communications.book.facts import FACTS
from communications.models import Address, Contact, ContactChange, Origin

FIELDS = (*FACTS, "to_review")
# The beginning of a history: everything at once.
CREATED = "created"
Snapshot = dict[str, Any]


@dataclass(frozen=True)
class Cause:
    """Where a change comes from, and who or what made it."""

    source: Origin
    by: str = ""


SYSTEM = Cause(Origin.SYSTEM)


def snapshot_contact(contact: Contact, addresses: Iterable[Address] | None = None) -> Snapshot:
    """Returns a contact's facts and addresses as JSON, for comparing with later ones."""
    rows = contact.addresses.all() if addresses is None else addresses
    return {
        **{name: getattr(contact, name) for name in FIELDS},
        "addresses": [address_snapshot(address) for address in rows],
    }


def address_snapshot(address: Address) -> dict[str, Any]:
    return {
        "channel": str(address.channel),
        "value": address.value,
        "label": address.label,
        "is_primary": address.is_primary,
    }


def record_changes(
    contact: Contact, before: Mapping[str, Any], after: Snapshot, cause: Cause
) -> int:
    """Appends what differs. `before` is empty for a contact that is new."""
    rows = contact_changes(contact, before, after, cause, timezone.now())
    ContactChange.objects.bulk_create(rows)
    return len(rows)


def contact_changes(
    contact: Contact,
    before: Mapping[str, Any],
    after: Snapshot,
    cause: Cause,
    at: datetime,
) -> list[ContactChange]:
    """Returns a row of history, unsaved, for each fact that differs; one for a new contact."""
    if before:
        differing = {
            name: (before.get(name), value)
            for name, value in after.items()
            if (before.get(name) or None) != (value or None)
        }
    else:
        differing = {CREATED: (None, {name: value for name, value in after.items() if value})}
    return [
        ContactChange(
            organization_id=contact.organization_id,
            contact=contact,
            field=name,
            before=old,
            after=new,
            source=cause.source,
            by=cause.by[:200],
            at=at,
        )
        for name, (old, new) in differing.items()
    ]
