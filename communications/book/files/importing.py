"""Files of contacts: given, looked at with the reason for everything that cannot be taken, taken.

A plan writes nothing, and is made again under a lock when it is carried out. A small file is taken
in the request, in one transaction; a large one by the worker in parts (`import_jobs`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from communications.book.files import (
    carrying_out,
    csv_tables,
    headings,
    import_findings,
    records,
    vcard_lines,
    vcards,
)
from communications.book.files.planning import ImportPlan, PlannedRow, Planner
from communications.book.files.records import Rejected
from communications.book.files.vcard_lines import Card
from communications.book.history import Cause
from communications.errors import NotPossible
from communications.models import Contact, Import, Organization, Origin
from wedsync_comms.lib.text import sanitise

# Of text: pictures in vCards do not count.
MAX_BYTES = 5 * 1024 * 1024
MAX_UPLOAD_BYTES = 60 * 1024 * 1024
# How Excel's own files and archives begin.
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
# A larger file would keep whoever gives it waiting for the page.
MAX_ROWS_AT_ONCE = 1_000
# A file that nobody confirms is forgotten, and so is what was left out of one that was taken.
KEPT = timedelta(days=2)
# A row of a table, or a card.
Source = Mapping[str, str] | Card


@dataclass(frozen=True)
class ImportPreview:
    plan: ImportPlan
    columns: list[str]
    # The first few rows as they are in the file.
    sample: list[dict[str, str]]


def upload_file(organization: Organization, filename: str, content: bytes, *, by: str) -> Import:
    """Keeps the file until somebody confirms it. Raises Rejected with the reason."""
    if content.startswith(WORKBOOKS):
        raise Rejected(["This is a workbook or an archive: save the list as CSV, in UTF-8."])
    text = sanitise(csv_tables.decode_table(content[: MAX_UPLOAD_BYTES + 1]))
    is_vcard = vcards.is_vcard(text)
    if is_vcard:
        text = vcard_lines.without_pictures(text)
    if len(content) > MAX_UPLOAD_BYTES or len(text.encode()) > MAX_BYTES:
        raise Rejected([f"At most {MAX_BYTES // 1024 // 1024} MB at a time, without pictures."])
    if is_vcard:
        mapping, total = {}, len(vcards.split_cards(text))
    else:
        columns, rows = csv_tables.read_table(text)
        mapping, total = headings.guess_mapping(columns), len(rows)
    row = Import.objects.create(
        organization=organization,
        filename=filename[:200],
        content=text,
        is_vcard=is_vcard,
        mapping=mapping,
        total=total,
        created_by=by,
    )
    look_at(row)
    return row


def look_at(row: Import) -> None:
    """Has a large file looked at by the worker. What a small one would do is seen on its page."""
    if row.total > MAX_ROWS_AT_ONCE:
        row.state, row.position, row.findings = Import.State.READING, 0, None
        row.save(update_fields=["state", "position", "findings"])
        enqueue_imports()


def enqueue_imports() -> None:
    """Wakes the worker. A schedule finds what is lost."""
    transaction.on_commit(partial(async_task, "communications.tasks.run_imports"), robust=True)


def choose_columns(row: Import, mapping: Mapping[str, str]) -> None:
    """Says what the columns are. Raises NotPossible for a file that is not to be confirmed."""
    columns, _ = csv_tables.read_table(row.content)
    known = {name: mapping.get(name, "") for name in columns}
    with transaction.atomic():
        # Somebody else may have confirmed it since the page was shown.
        require_state(Import.objects.select_for_update().get(pk=row.pk), Import.State.WAITING)
        row.mapping = {
            name: target if target in records.TARGETS else "" for name, target in known.items()
        }
        row.save(update_fields=["mapping"])
        look_at(row)


# --- looking at it ---


def preview_import(row: Import) -> ImportPreview:
    """Returns what would happen. Writes nothing."""
    columns, rows = read_columns(row)
    return ImportPreview(plan_records(row, numbered_sources(row)), columns, rows[:3])


def read_columns(row: Import) -> tuple[list[str], list[dict[str, str]]]:
    return ([], []) if row.is_vcard else csv_tables.read_table(row.content)


def numbered_sources(row: Import) -> list[tuple[int, Source]]:
    """Returns the rows or cards of a file, each with the line or place it stands in."""
    if row.is_vcard:
        return list(enumerate(vcards.split_cards(row.content), start=1))
    return list(csv_tables.read_numbered_table(row.content)[1])


def plan_records(
    row: Import, sources: Sequence[tuple[int, Source]], planner: Planner | None = None
) -> ImportPlan:
    """Returns the plan for some rows; with a planner, for these after those it has seen."""
    return plan_read_rows(row, read_rows(row, sources), planner)


# Of each row its number, and the person in it, or why there is none.
ReadRow = tuple[int, records.ContactRecord | Rejected]


def read_rows(row: Import, sources: Sequence[tuple[int, Source]]) -> list[ReadRow]:
    """Returns what stands in some rows. Looks at nothing but the file."""
    return [(number, read_or_rejected(row, number, source)) for number, source in sources]


def read_or_rejected(row: Import, number: int, source: Source) -> records.ContactRecord | Rejected:
    try:
        return read_record(row, number, source)
    except Rejected as error:
        return error


def plan_read_rows(
    row: Import, found: Sequence[ReadRow], planner: Planner | None = None
) -> ImportPlan:
    """Returns the plan for rows that are read; without a planner, for these alone."""
    planner = planner or Planner(
        row.organization,
        [record for _, record in found if isinstance(record, records.ContactRecord)],
    )
    for number, record in found:
        if isinstance(record, Rejected):
            planner.reject(number, record.reasons)
        else:
            planner.add(record)
    return planner.plan


def read_record(row: Import, number: int, source: Source) -> records.ContactRecord:
    """Raises Rejected."""
    if isinstance(source, Card):
        return vcards.record_from_card(row.organization, number, source)
    extra = source.get(csv_tables.EXTRA)
    problems = [f"“{extra}” stands beyond the last column."] if extra else []
    return records.record_from_cells(row.organization, number, source, row.mapping, problems)


def wrong_rows(row: Import) -> str:
    """Returns what cannot be taken as a CSV: the rows with their reasons in a column of their own.

    Also rows of which only a cell cannot be taken.
    """
    findings = row.findings or import_findings.findings_of(preview_import(row).plan)
    has_table = row.content and not row.is_vcard
    columns, rows = csv_tables.read_numbered_table(row.content) if has_table else ([], [])
    cells_of_line = dict(rows)
    found = []
    for number, name, why in findings["incomplete"]:
        given = cells_of_line.get(number, {})
        found.append([str(number), why, *([given.get(column, "") for column in columns] or [name])])
    return csv_tables.write_table(["Line", "Why it cannot be taken", *(columns or ["Name"])], found)


# --- taking it ---


def request_import(row: Import, *, by: str, without_errors: bool = False) -> dict[str, int] | None:
    """Takes a small file now and returns how many rows became what; leaves a large one to the
    worker and returns None. `without_errors`: all but the rows that cannot be taken.

    Raises NotPossible if it was taken before, or if there are such rows.
    """
    if row.total <= MAX_ROWS_AT_ONCE:
        return confirm_import(row, by=by, without_errors=without_errors)
    with transaction.atomic():
        row = Import.objects.select_for_update().get(pk=row.pk)
        require_state(row, Import.State.WAITING)
        refuse_errors((row.findings or {})["counts"], without_errors=without_errors)
        row.state, row.position, row.confirmed_by, row.counts = Import.State.RUNNING, 0, by, {}
        row.save(update_fields=["state", "position", "confirmed_by", "counts"])
        enqueue_imports()
    return None


def confirm_import(row: Import, *, by: str, without_errors: bool = False) -> dict[str, int]:
    """Takes all of it. `without_errors`: all but the rows that cannot be taken.

    Raises NotPossible if it was taken before, or if there are such rows. A row that fails only
    while it is taken is left out and listed.
    """
    with transaction.atomic():
        row = lock_import(row)
        require_state(row, Import.State.WAITING, Import.State.READING)
        plan = plan_records(row, numbered_sources(row))
        refuse_errors(plan.counts(), without_errors=without_errors)
        take_plan(row, plan, by=by)
        row.findings = import_findings.findings_of(plan)
        finish_import(row, Import.State.DONE, plan.counts())
    return plan.counts()


def lock_import(row: Import) -> Import:
    """Returns the row, locked. One import of an organization at a time: its plan must still be true
    while it is carried out.
    """
    # No key, so that what refers to the organization, messages above all, goes on meanwhile.
    Organization.objects.select_for_update(no_key=True).get(pk=row.organization_id)
    # Its content may be of megabytes, which nobody reads while others wait for the lock.
    return Import.objects.select_for_update().defer("content").get(pk=row.pk)


def require_state(row: Import, *states: Import.State) -> None:
    if row.state not in states:
        raise NotPossible(f"It is {row.get_state_display()} already.")


def refuse_errors(counts: Mapping[str, int], *, without_errors: bool) -> None:
    if counts["error"] and not without_errors:
        raise NotPossible(f"{counts['error']} rows cannot be taken: leave them out, or mend them.")


def take_plan(row: Import, plan: ImportPlan, *, by: str) -> list[PlannedRow]:
    """Takes some rows. One that fails costs none of the others.

    Returns those that failed; they are errors of the plan from then on.
    """
    cause = Cause(Origin.IMPORT, f"{by}: {row.filename}")
    return carrying_out.carry_out_plan(row.organization, plan, cause)


def added_counts(*counts: Mapping[str, int]) -> dict[str, int]:
    names = dict.fromkeys(name for found in counts for name in found)
    return {name: sum(found.get(name, 0) for found in counts) for name in names}


def discard_import(row: Import) -> None:
    """Throws a file away, or stops taking it: what was taken stays. Raises NotPossible."""
    with transaction.atomic():
        row = Import.objects.select_for_update().get(pk=row.pk)
        require_state(row, *OPEN_STATES)
        if row.state == Import.State.RUNNING:
            finish_import(row, Import.State.CANCELLED, row.counts)
        else:
            row.findings = None
            finish_import(row, Import.State.DISCARDED, {})


OPEN_STATES = (Import.State.READING, Import.State.WAITING, Import.State.RUNNING)


def finish_import(row: Import, state: Import.State, counts: dict[str, int]) -> None:
    if row.findings and state in (Import.State.CANCELLED, Import.State.FAILED):
        row.findings = import_findings.reached_findings(row.findings)
    row.state, row.counts, row.content = state, counts, ""
    row.finished_at, row.leased_until = timezone.now(), None
    row.save(
        update_fields=["state", "counts", "content", "findings", "finished_at", "leased_until"]
    )


def forget_contents() -> int:
    """Forgets files that nobody confirmed, and what was left out of those that were taken."""
    old = timezone.now() - KEPT
    Import.objects.filter(finished_at__lt=old, findings__isnull=False).update(findings=None)
    unconfirmed = Import.objects.filter(
        state__in=[Import.State.READING, Import.State.WAITING], created_at__lt=old
    )
    return unconfirmed.update(
        state=Import.State.DISCARDED, content="", findings=None, finished_at=timezone.now()
    )


def forget_left_out(contact: Contact) -> None:
    """Forgets what was left out of the files that have anything of a contact in it."""
    words = [contact.name, *contact.addresses.values_list("value", flat=True)]
    finished = Import.objects.filter(
        organization=contact.organization_id, finished_at__isnull=False, findings__isnull=False
    )
    for row in finished:
        shown = "\n".join(import_findings.texts_in(row.findings))
        if any(word in shown for word in words if word):
            row.findings = None
            row.save(update_fields=["findings"])
