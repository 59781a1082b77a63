"""A file -> looked at, with the reason for every row that cannot be taken -> taken as a whole.

Nothing is half imported: the plan is made again under a lock and carried out in one transaction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from communications.book import contacts, history
from communications.book.contacts import AddressEntry
from communications.book.files import csv_tables, headings, records, vcard_lines, vcards
from communications.book.files.planning import ContactDraft, ImportPlan, Planner
from communications.book.files.records import Rejected
from communications.book.history import Cause
from communications.errors import NotPossible
from communications.models import (
    Address,
    Contact,
    ContactChange,
    Import,
    Organization,
    Origin,
    Pair,
    Verdict,
)
from communications.vocabulary import search_keys
from wedsync_comms.lib.text import sanitise

# Of text: pictures in vCards do not count.
MAX_BYTES = 5 * 1024 * 1024
MAX_UPLOAD_BYTES = 60 * 1024 * 1024
# A file that nobody confirms is forgotten.
KEPT = timedelta(days=2)


@dataclass(frozen=True)
class ImportPreview:
    plan: ImportPlan
    columns: list[str]
    # The first few rows as they are in the file.
    sample: list[dict[str, str]]


def upload_file(organization: Organization, filename: str, content: bytes, *, by: str) -> Import:
    """Keeps the file until somebody confirms it. Raises Rejected with the reason."""
    text = sanitise(csv_tables.decode_table(content[: MAX_UPLOAD_BYTES + 1]))
    is_vcard = vcards.is_vcard(text)
    if is_vcard:
        text = vcard_lines.without_pictures(text)
    if len(content) > MAX_UPLOAD_BYTES or len(text.encode()) > MAX_BYTES:
        raise Rejected([f"At most {MAX_BYTES // 1024 // 1024} MB at a time, without pictures."])
    if is_vcard:
        vcards.split_cards(text)
    mapping = {} if is_vcard else headings.guess_mapping(csv_tables.read_table(text)[0])
    return Import.objects.create(
        organization=organization,
        filename=filename[:200],
        content=text,
        is_vcard=is_vcard,
        mapping=mapping,
        created_by=by,
    )


def choose_columns(row: Import, mapping: Mapping[str, str]) -> None:
    """Says what the columns are."""
    columns, _ = csv_tables.read_table(row.content)
    known = {name: mapping.get(name, "") for name in columns}
    row.mapping = {
        name: target if target in records.TARGETS else "" for name, target in known.items()
    }
    row.save(update_fields=["mapping"])


def preview_import(row: Import) -> ImportPreview:
    """Returns what would happen. Writes nothing."""
    columns, rows = ([], []) if row.is_vcard else csv_tables.read_table(row.content)
    return ImportPreview(plan_import(row, rows), columns, rows[:3])


def plan_import(row: Import, rows: Iterable[Mapping[str, str]]) -> ImportPlan:
    planner = Planner(row.organization)
    if row.is_vcard:
        for number, card in enumerate(vcards.split_cards(row.content), start=1):
            try:
                planner.add(vcards.record_from_card(row.organization, number, card))
            except Rejected as error:
                planner.reject(number, error.reasons)
        return planner.plan
    for number, row_cells in enumerate(rows, start=csv_tables.FIRST_ROW):
        extra = row_cells.get(csv_tables.EXTRA)
        problems = [f"“{extra}” stands beyond the last column."] if extra else []
        try:
            planner.add(
                records.record_from_cells(
                    row.organization, number, row_cells, row.mapping, problems
                )
            )
        except Rejected as error:
            planner.reject(number, error.reasons)
    return planner.plan


def confirm_import(row: Import, *, by: str, without_errors: bool = False) -> dict[str, int]:
    """Takes all of it. `without_errors`: all but the rows that cannot be taken.

    Raises NotPossible if it was taken before, or if there are such rows.
    """
    with transaction.atomic():
        # One import at a time: the plan must still be true while it is carried out. No key, so
        # that what refers to the organization, messages above all, goes on meanwhile.
        Organization.objects.select_for_update(no_key=True).get(pk=row.organization_id)
        row = Import.objects.select_for_update().get(pk=row.pk)
        if row.state != Import.State.WAITING:
            raise NotPossible(f"It is {row.get_state_display()} already.")
        made = preview_import(row).plan
        counts = made.counts()
        if counts["error"] and not without_errors:
            raise NotPossible(
                f"{counts['error']} rows cannot be taken: leave them out, or mend them."
            )
        carry_out_plan(row.organization, made, Cause(Origin.IMPORT, f"{by}: {row.filename}"))
        finish_import(row, Import.State.DONE, counts)
    return counts


def discard_import(row: Import) -> None:
    finish_import(row, Import.State.DISCARDED, {})


def forget_contents() -> int:
    """Files that nobody confirmed."""
    old = Import.objects.filter(
        state=Import.State.WAITING,
        created_at__lt=timezone.now() - KEPT,
    )
    return old.update(state=Import.State.DISCARDED, content="", finished_at=timezone.now())


def finish_import(row: Import, state: Import.State, counts: dict[str, int]) -> None:
    row.state, row.counts, row.content = state, counts, ""
    row.finished_at = timezone.now()
    row.save(update_fields=["state", "counts", "content", "finished_at"])


def wrong_rows(row: Import) -> str:
    """Returns what cannot be taken as a CSV: the rows with their reasons in a column of their own.

    Also rows of which only a cell cannot be taken.
    """
    columns, rows = ([], []) if row.is_vcard else csv_tables.read_table(row.content)
    found = []
    for planned in plan_import(row, rows).rows:
        if planned.is_incomplete:
            given = {} if row.is_vcard else rows[planned.number - csv_tables.FIRST_ROW]
            values = [planned.name] if row.is_vcard else [given.get(name, "") for name in columns]
            why = " ".join([*planned.reasons, *planned.problems])
            found.append([str(planned.number), why, *values])
    named = ["Name"] if row.is_vcard else columns
    return csv_tables.write_table(["Line", "Why it cannot be taken", *named], found)


# --- carrying it out ---


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
