"""Large files, by the worker: looked at as a whole, taken in parts, until somebody cancels it.

Each part is one short transaction together with the place where the next begins. So a worker that
dies, or a task that comes twice, takes nobody twice and loses nobody.
"""

import time
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from communications.book.files import import_findings, importing
from communications.book.files.planning import ImportPlan, Planner
from communications.models import Import
from wedsync_comms.lib.leases.row_lease import acquire_rows, is_unleased

logger = structlog.get_logger(__name__)

# SQLite has one writer at a time, and everybody else waits for the end of a part.
PART = 50
# So that those get their turn: they ask again every 100 ms,
# https://www.sqlite.org/c3ref/busy_timeout.html
PAUSE = timedelta(milliseconds=200)
# A part takes a fraction of a second; a worker that is silent for longer is dead.
LEASE = timedelta(minutes=2)
# Whatever keeps a worker from ending a part will not go away by itself.
MAX_ATTEMPTS = 3
# Below the time after which django-q2 ends a task.
BUDGET = timedelta(seconds=40)


def run_imports() -> int:
    """Works on the imports that wait for it and returns how many parts it did."""
    started = timezone.now()
    done = 0
    due = Import.objects.filter(state__in=[Import.State.READING, Import.State.RUNNING])
    for row in due.filter(is_unleased("leased_until", started)).order_by("pk"):
        mine = Import.objects.filter(pk=row.pk, state=row.state)
        if not acquire_rows(mine, "leased_until", LEASE, attempts=row.attempts + 1):
            continue
        if row.attempts >= MAX_ATTEMPTS:
            give_up(row)
        elif row.state == Import.State.READING:
            done += read_file(row)
        else:
            done += take_file(row, started)
    return done


def give_up(row: Import) -> None:
    """Ends an import that kept workers from ending it."""
    logger.error("import_given_up", id=row.pk, position=row.position)
    importing.finish_import(row, Import.State.FAILED, row.counts)


def read_file(row: Import) -> int:
    """Looks at a whole file and keeps what it would do. Returns in how many parts."""
    sources = importing.numbered_sources(row)
    planner = Planner(row.organization)
    parts = 0
    for start in range(0, len(sources), PART):
        importing.plan_records(row, sources[start : start + PART], planner)
        parts += 1
        if not note_progress(row, start + PART):
            # Somebody threw it away.
            return parts
    Import.objects.filter(pk=row.pk, state=Import.State.READING).update(
        state=Import.State.WAITING,
        findings=import_findings.findings_of(planner.plan),
        position=0,
        attempts=0,
        leased_until=None,
    )
    return parts


def note_progress(row: Import, position: int) -> bool:
    """Says how far reading is, and returns whether it is still wanted."""
    reading = Import.objects.filter(pk=row.pk, state=Import.State.READING)
    until = timezone.now() + LEASE
    return bool(reading.update(position=min(position, row.total), leased_until=until))


def take_file(row: Import, started: datetime) -> int:
    """Takes part after part until it is done, cancelled or time for others. Returns how many."""
    sources = importing.numbered_sources(row)
    parts = 0
    while take_part(row, sources):
        parts += 1
        time.sleep(PAUSE.total_seconds())
        if timezone.now() - started > BUDGET:
            Import.objects.filter(pk=row.pk).update(leased_until=None)
            importing.enqueue_imports()
            break
    return parts


def take_part(row: Import, sources: list[tuple[int, importing.Source]]) -> bool:
    """Takes the next part, and returns whether there was one."""
    start = Import.objects.values_list("position", flat=True).get(pk=row.pk)
    part = importing.read_rows(row, sources[start : start + PART])
    with transaction.atomic():
        row = importing.lock_import(row)
        # Somebody cancelled it, or another worker took the part.
        if row.state != Import.State.RUNNING or row.position != start:
            return False
        plan = importing.plan_read_rows(row, part)
        failed = importing.take_plan(row, plan, by=row.confirmed_by)
        found = row.findings or import_findings.findings_of(ImportPlan())
        row.findings = import_findings.with_taken_rows(found, plan, failed)
        row.counts = importing.added_counts(row.counts, plan.counts())
        row.position, row.attempts = row.position + len(part), 0
        row.leased_until = timezone.now() + LEASE
        row.save(update_fields=["counts", "findings", "position", "attempts", "leased_until"])
        if row.position >= len(sources):
            importing.finish_import(row, Import.State.DONE, row.counts)
    return bool(part)
