"""The plan of an import -> contacts, addresses, their history, and pairs to be judged."""

from collections.abc import Iterable
from typing import Any

from django.db import DataError, IntegrityError
from django.utils import timezone

from communications.book import contacts, history
from communications.book.contacts import AddressEntry
from communications.book.files.planning import ContactDraft, ImportPlan
from communications.book.history import Cause
from communications.models import (
    Address,
    Contact,
    ContactChange,
    Organization,
    Pair,
    Verdict,
)
from communications.vocabulary import search_keys

# What one person of a plan may be the reason for: somebody took an address meanwhile, or we
# refuse what we planned.
FAILURES = (IntegrityError, DataError, ValueError)


def carry_out_plan(organization: Organization, made: ImportPlan, cause: Cause) -> None:
    fresh = [draft for draft in made.drafts if draft.contact is None]
    create_contacts(organization, fresh, cause)
    for draft in made.drafts:
        if draft not in fresh and draft.contact is not None:
            contacts.change_contact(
                draft.contact, addresses=draft.entries, cause=cause, **draft.facts
            )
    queue_pairs(organization, made)


def create_contacts(organization: Organization, drafts: list[ContactDraft], cause: Cause) -> None:
    rows = [Contact(organization=organization, **draft.facts) for draft in drafts]
    for row, draft in zip(rows, drafts, strict=True):
        contacts.set_search_keys(row, [Address(value=entry.value) for entry in draft.entries])
    for row, draft in zip(Contact.objects.bulk_create(rows), drafts, strict=True):
        draft.contact = row
    addresses = {draft.key: list(addresses_of(draft)) for draft in drafts}
    Address.objects.bulk_create([contact for listed in addresses.values() for contact in listed])
    now = timezone.now()
    log: list[ContactChange] = []
    for draft in drafts:
        if draft.contact is not None:
            after = history.snapshot_contact(draft.contact, addresses[draft.key])
            log += history.contact_changes(draft.contact, {}, after, cause, now)
    ContactChange.objects.bulk_create(log)


def addresses_of(draft: ContactDraft) -> Iterable[Address]:
    chosen = contacts.primary_positions(draft.entries)
    for number, entry in enumerate(draft.entries):
        yield planned_address(draft.contact, entry, is_primary=number in chosen)


def planned_address(contact: Any, entry: AddressEntry, *, is_primary: bool) -> Address:
    return Address(
        organization_id=contact.organization_id,
        contact=contact,
        channel=entry.channel,
        value=entry.value,
        label=entry.label[:40],
        is_primary=is_primary,
        hint=search_keys.address_hint(entry.value),
    )


def queue_pairs(organization: Organization, made: ImportPlan) -> None:
    for draft, other, judgement in made.pairs:
        if draft.contact is None or other.contact is None or draft.contact.pk == other.contact.pk:
            continue
        first, second = sorted([draft.contact, other.contact], key=lambda contact: contact.pk)
        Pair.objects.get_or_create(
            one=first,
            other=second,
            defaults={
                "organization": organization,
                "score": judgement.score,
                "reasons": list(judgement.reasons),
                "verdict": Verdict.OPEN,
                "found_at": timezone.now(),
            },
        )
