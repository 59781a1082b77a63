"""fetch_changes -> plan_changes -> verify_deletions -> apply_changes: pulls a calendar's delta.

The cursor and what it brought are stored in one transaction, so that a crash loses nothing and
applies nothing twice. Changes that are announced during a reading cause another one.
"""

from dataclasses import replace
from datetime import timedelta

import structlog
from django.db.models import F
from django.utils import timezone

from calendars import enqueue
from calendars.mailbox.mailbox import open_mailbox
from calendars.models import Account, Calendar, EventLink
from calendars.models.accounts import HeldDecision
from calendars.models.appointments import AppointmentStatus
from calendars.providers.base import CursorExpired, Gone, Mailbox
from calendars.sync import moves
from calendars.sync import plan as plans
from calendars.sync.apply import (
    PullContext,
    apply_changes,
    mark_pull_failed,
)
from calendars.sync.apply_event import may_be_own_echo
from calendars.sync.moves import MovedEvent
from calendars.sync.plan import (
    KnownEvents,
    SyncPlan,
)
from calendars.sync.unapplied import with_unapplied
from calendars.vocabulary.events import (
    EventChanges,
    RemoteEvent,
)
from wedsync_comms.lib.errors import ProviderError
from wedsync_comms.lib.leases.row_lease import acquire_rows
from wedsync_comms.lib.turns.rows import in_turns

log = structlog.get_logger(__name__)

WINDOW_PAST, WINDOW_FUTURE = timedelta(days=31), timedelta(days=420)
# The window is fixed in the cursor: read anew before its end comes near.
WINDOW_ROLL = timedelta(days=60)
# Whoever reads has so long; then another may.
PULL_LEASE = timedelta(minutes=5)
PULL_BATCH = 200


def pulls_due() -> list[int]:
    """Returns the calendars that were announced or are to be polled: of each organization in its
    turn those that waited longest."""
    due = Calendar.objects.due(timezone.now())
    rows = in_turns(due, "account__organization", first=[F("pull_after").asc()])
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
        changes = with_unapplied(box, calendar, changes)
        plan = plans.plan_changes(changes, known_events(calendar, reading, changes))
        plan = verify_deletions(box, calendar, plan)
        plan = find_arrivals(box, calendar, plan)
        plan = reread_doubtful(box, calendar, plan)
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
        doubt=calendar.held_reason,
    )


def verify_deletions(box: Mailbox, calendar: Calendar, plan: SyncPlan) -> SyncPlan:
    """Asks where each event is that is gone: it may have been moved out of the window, or into
    another calendar."""
    if plan.doubt and calendar.held_decision != HeldDecision.DELETE:
        return plan
    links = links_by_id(calendar, plan)
    own = {event.id: event for event in plan.own}
    moved: list[MovedEvent] = []
    gone: list[str] = []
    cancelled = [event.id for event in plan.own if event.is_cancelled and event.id in links]
    for remote_id in (*plan.own_gone, *cancelled, *plan.series_doubted):
        found = moves.find_event(box, links[remote_id]) if remote_id in links else None
        if found and found[0] != calendar.remote_id:
            own.pop(remote_id, None)
            moved.append(moves.moved_event(links[remote_id], *found))
        elif found:
            own.setdefault(remote_id, found[1])
        elif remote_id not in own:
            gone.append(remote_id)
    return replace(plan, own=tuple(own.values()), own_gone=tuple(gone), moved=tuple(moved))


def find_arrivals(box: Mailbox, calendar: Calendar, plan: SyncPlan) -> SyncPlan:
    """Takes out of the others' entries those that are ours and come from another calendar."""
    arrived = moves.find_arrivals(box, calendar, list(plan.others))
    ids = {moved.event.id for moved in arrived}
    others = tuple(event for event in plan.others if event.id not in ids)
    return replace(plan, others=others, moved=(*plan.moved, *arrived))


def reread_doubtful(box: Mailbox, calendar: Calendar, plan: SyncPlan) -> SyncPlan:
    """Reads again each event that says just what we wrote once (`may_be_own_echo`), and each of
    ours that was made a series: of that only the occurrences are told."""
    links = links_by_id(calendar, plan)
    own: dict[str, RemoteEvent] = {event.id: event for event in plan.own}
    series = {event.series_id for event in plan.others if event.series_id in links}
    echoes = {
        event.id
        for event in plan.own
        # A cancellation is never ours: what we cancelled is removed already.
        if not event.is_cancelled and event.id in links and may_be_own_echo(links[event.id], event)
    }
    for remote_id in sorted(echoes | (series - own.keys())):
        try:
            own[remote_id] = box.event(calendar.remote_id, remote_id)
        except Gone:
            # Since it was listed: the next reading tells of it.
            own.pop(remote_id, None)
    return replace(plan, own=tuple(own.values()))


def links_by_id(calendar: Calendar, plan: SyncPlan) -> dict[str, EventLink]:
    """Returns the links of the calendar that the plan is about, by remote id."""
    links = calendar.links.filter(remote_id__in=plan.linked_ids).select_related("calendar__account")
    return {link.remote_id: link for link in links} if plan.linked_ids else {}
