"""fetch_changes -> plan_changes -> verify_deletions -> apply_changes: pulls a calendar's delta.

The cursor and what it brought are stored in one transaction, so that a crash loses nothing and
applies nothing twice. Changes that are announced during a reading cause another one.
"""

from dataclasses import replace
from datetime import timedelta

import structlog
from django.utils import timezone

from calendars import enqueue
from calendars.mailbox.mailbox import open_mailbox
from calendars.models import Account, Calendar
from calendars.models.accounts import HeldDecision
from calendars.models.appointments import AppointmentStatus
from calendars.providers.base import CursorExpired, Gone, Mailbox
from calendars.sync import plan as plans
from calendars.sync.apply import (
    PullContext,
    apply_changes,
    mark_pull_failed,
)
from calendars.sync.apply_event import may_be_own_echo
from calendars.sync.plan import (
    KnownEvents,
    SyncPlan,
)
from calendars.vocabulary.events import (
    EventChanges,
    RemoteEvent,
)
from wedsync_comms.lib.errors import ProviderError
from wedsync_comms.lib.leases.row_lease import acquire_rows

log = structlog.get_logger(__name__)

WINDOW_PAST, WINDOW_FUTURE = timedelta(days=31), timedelta(days=420)
# The window is fixed in the cursor: read anew before its end comes near.
WINDOW_ROLL = timedelta(days=60)
# Whoever reads has so long; then another may.
PULL_LEASE = timedelta(minutes=5)
PULL_BATCH = 200


def pulls_due() -> list[int]:
    """Returns the calendars that were announced or are to be polled, longest waiting first."""
    rows = Calendar.objects.due(timezone.now()).order_by("pull_after", "pk")
    return list(rows.values_list("pk", flat=True)[:PULL_BATCH])


def pull_calendar(key: int) -> bool:
    """Pulls one calendar, and again if more was announced meanwhile.

    Returns False if another process is at it. A failure is stored with the calendar.
    """
    calendar = claim_calendar(key)
    if calendar is None:
        return False
    try:
        pull_once(calendar)
    except Gone as error:
        mark_pull_failed(calendar, error, is_gone=True)
    except ProviderError as error:
        mark_pull_failed(calendar, error)
    except Exception as error:
        mark_pull_failed(calendar, error)
        raise
    if Calendar.objects.due(timezone.now()).filter(pk=key).exists():
        enqueue.enqueue_pull(key)
    return True


def claim_calendar(key: int) -> Calendar | None:
    """Returns the calendar under a lease (no lock may be held across a call), or None.

    Not while the vendor wants patience.
    """
    patient = Account.objects.workable(timezone.now())
    followed = Calendar.objects.followed().filter(pk=key, account__in=patient).values("pk")
    mine = Calendar.objects.filter(pk__in=followed)
    if not acquire_rows(mine, "pulling_until", PULL_LEASE):
        return None
    return Calendar.objects.select_related("account").get(pk=key)


def pull_once(calendar: Calendar) -> None:
    """Reads the delta, plans, and applies it. Raises ProviderError."""
    with open_mailbox(calendar.account) as box:
        reading, changes = fetch_changes(box, calendar)
        plan = plans.plan_changes(changes, known_events(calendar, reading, changes))
        plan = verify_deletions(box, calendar, plan)
        plan = reread_echoes(box, calendar, plan)
    apply_changes(reading, changes, plan)


def fetch_changes(box: Mailbox, calendar: Calendar) -> tuple[PullContext, EventChanges]:
    """Returns what changed since the cursor; all of the window where it expired or is new."""
    now = timezone.now()
    reading = PullContext(
        calendar=calendar,
        cursor=calendar.cursor,
        start=calendar.window_start or now - WINDOW_PAST,
        end=calendar.window_end or now + WINDOW_FUTURE,
        etags=dict(calendar.links.exclude(remote_id="").values_list("remote_id", "etag")),
    )
    if calendar.cursor and reading.end > now + WINDOW_FUTURE - WINDOW_ROLL:
        try:
            return reading, changes_since(box, reading, calendar.cursor)
        except CursorExpired:
            calendar.expiries += 1
            log.info("cursor_expired", calendar=calendar.pk, times=calendar.expiries)
    reading = replace(reading, start=now - WINDOW_PAST, end=now + WINDOW_FUTURE)
    return reading, changes_since(box, reading, "")


def changes_since(box: Mailbox, reading: PullContext, cursor: str) -> EventChanges:
    remote = reading.calendar.remote_id
    return box.changes(remote, cursor, start=reading.start, end=reading.end)


def known_events(calendar: Calendar, reading: PullContext, changes: EventChanges) -> KnownEvents:
    """Returns what we know; for a full answer only what lies within its window can be missing."""
    linked = calendar.links.exclude(remote_id="")
    own = linked.filter(is_removed=False, appointment__status=AppointmentStatus.BOOKED)
    blocks = calendar.blocks.all()
    if changes.is_full:
        own = own.filter(
            appointment__starts_at__lt=reading.end,
            appointment__ends_at__gt=reading.start,
        )
        blocks = blocks.filter(starts_at__lt=reading.end, ends_at__gt=reading.start)
    keys = calendar.links.filter(remote_id="").values_list("appointment_id", flat=True)
    return KnownEvents(
        own=set(own.values_list("remote_id", flat=True)),
        linked=set(linked.values_list("remote_id", flat=True)),
        unconfirmed={key.hex for key in keys},
        blocks=dict(blocks.values_list("remote_id", "series_id")),
    )


def verify_deletions(box: Mailbox, calendar: Calendar, plan: SyncPlan) -> SyncPlan:
    """Asks for each event that is gone: it may only have been moved out of the window."""
    if plan.doubt and calendar.held_decision != HeldDecision.DELETE:
        return plan
    remaining: list[RemoteEvent] = []
    for remote_id in plan.own_gone:
        try:
            remaining.append(box.event(calendar.remote_id, remote_id))
        except Gone:
            continue
    still_there = {event.id for event in remaining}
    return replace(
        plan,
        own=(*plan.own, *remaining),
        own_gone=tuple(remote_id for remote_id in plan.own_gone if remote_id not in still_there),
    )


def reread_echoes(box: Mailbox, calendar: Calendar, plan: SyncPlan) -> SyncPlan:
    """Reads again each event that says just what we wrote once (`may_be_own_echo`)."""
    links = {link.remote_id: link for link in calendar.links.exclude(remote_id="")}
    own: list[RemoteEvent] = []
    for event in plan.own:
        link = links.get(event.id)
        try:
            is_doubtful = link is not None and may_be_own_echo(link, event)
            own.append(box.event(calendar.remote_id, event.id) if is_doubtful else event)
        except Gone:
            # Since it was listed: the next reading tells of it.
            continue
    return replace(plan, own=tuple(own))
