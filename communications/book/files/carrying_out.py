"""The plan of an import -> contacts, addresses, their history, and pairs to be judged."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import structlog
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from communications.book import contacts, history
from communications.book.contacts import AddressEntry
from communications.book.files.planning import ContactDraft, ImportPlan, PlannedRow
from communications.book.history import Cause
from communications.errors import InvalidAddress, Refused
from communications.models import (
    Address,
    Contact,
    ContactChange,
    Organization,
    Pair,
    Verdict,
)
from communications.vocabulary import search_keys

logger = structlog.get_logger(__name__)

# What one person of a plan may be the reason for: somebody took an address meanwhile, or we
# refuse what we planned.
FAILURES = (IntegrityError, DataError, ValueError)


def carry_out_plan(organization: Organization, made: ImportPlan, cause: Cause) -> list[PlannedRow]:
    """Stores the drafts of a plan, each that fails costing none of the others.

    Returns the rows that it costs; they are errors of the plan from then on.
    """
    failed = dict(store_drafts(organization, made.drafts, cause))
    queue_pairs(organization, made)
    return made.fail(failed)


def store_drafts(
    organization: Organization, drafts: Sequence[ContactDraft], cause: Cause
) -> Iterator[tuple[ContactDraft, str]]:
    """Stores all at once, or half by half where one fails.

    Yields those that cannot be stored, with the reason.
    """
    try:
        store_together(organization, drafts, cause)
    except FAILURES as error:
        if len(drafts) == 1:
            logger.exception("person_not_imported", organization=organization.pk)
            yield drafts[0], reason_of_failure(error)
            return
    else:
        return
    middle = len(drafts) // 2
    for half in (drafts[:middle], drafts[middle:]):
        yield from store_drafts(organization, half, cause)


def store_together(
    organization: Organization, drafts: Sequence[ContactDraft], cause: Cause
) -> None:
    """Stores all of them or none. Raises one of FAILURES."""
    fresh = [draft for draft in drafts if draft.contact is None]
    known = [(draft, draft.contact) for draft in drafts if draft.contact is not None]
    try:
        with transaction.atomic():
            create_contacts(organization, fresh, cause)
            for draft, contact in known:
                contacts.change_contact(
                    contact, addresses=draft.entries, cause=cause, **draft.facts
                )
    except FAILURES:
        for draft in fresh:
            draft.contact = None
        raise


def reason_of_failure(error: Exception) -> str:
    """Returns the reason for a person; the log has all of it."""
    if isinstance(error, Refused | InvalidAddress):
        return str(error)
    if isinstance(error, IntegrityError):
        return "Somebody else was given one of its addresses meanwhile: import it again."
    if isinstance(error, DataError):
        return "Something in it is too long to be kept."
    return "It could not be stored."


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
