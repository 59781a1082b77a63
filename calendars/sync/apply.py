"""Stores what a delta brought: the changes and the cursor behind them, in one transaction."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db import DataError, IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from calendars import enqueue
from calendars.appointments import transitions
from calendars.appointments.transitions import Actor
from calendars.models import Account, BusyBlock, Calendar, EventLink
from calendars.models.accounts import HeldDecision
from calendars.sync import polling
from calendars.sync.apply_event import (
    apply_event,
    cancel_from_remote,
)
from calendars.sync.moves import follow_move
from calendars.sync.plan import SyncPlan
from calendars.sync.unapplied import Unapplied, mark_link_unapplied
from calendars.vocabulary.events import (
    EventChanges,
    RemoteEvent,
)

log = structlog.get_logger(__name__)

MAX_UID = 1024
BLOCK_COLUMNS = [
    "series_id",
    "ical_uid",
    "etag",
    "title",
    "starts_at",
    "ends_at",
    "is_all_day",
    "is_busy",
]


@dataclass(frozen=True, kw_only=True)
class PullContext:
    """What one pull asked of the vendor, and what we knew before it."""

    calendar: Calendar
    cursor: str
    start: datetime
    end: datetime
    # Etags as they were before: what we write meanwhile is not judged by what was read before.
    etags: dict[str, str]

    def is_still(self, link: EventLink) -> bool:
        """Returns whether the link was not written during the pull; then the event comes again."""
        return not link.remote_id or link.etag == self.etags.get(link.remote_id, "")


def apply_changes(reading: PullContext, changes: EventChanges, plan: SyncPlan) -> None:
    """Applies the plan and stores the cursor, all or nothing.

    Does nothing if another process pulled the calendar meanwhile.
    """
    before = reading.calendar
    with transaction.atomic():
        calendar = lock_all(before, plan)
        if (calendar.pulling_until, calendar.cursor) != (before.pulling_until, reading.cursor):
            return
        decision = calendar.held_decision
        deletes = not plan.doubt or decision == HeldDecision.DELETE
        unapplied = Unapplied(shows_titles=calendar.shows_titles)
        account = Account.objects.get(pk=calendar.account_id)
        news = apply_plan(reading, plan, account, unapplied, deletes=deletes)
        calendar.unapplied = unapplied.kept(calendar.unapplied, {item.id for item in changes.items})
        if plan.doubt and decision == HeldDecision.RESTORE:
            recreate_deleted(calendar, plan)
        if plan.doubt and not decision:
            quarantine_deletions(calendar, plan)
            # The safety net looks once a minute, which would be too late.
            enqueue.schedule_pull(calendar.pk, polling.ask_again_soon(calendar, before))
        else:
            advance_cursor(calendar, reading, changes)
            polling.schedule_next_pull(calendar, before, news=news, is_full=changes.is_full)
        calendar.save()


def lock_all(calendar: Calendar, plan: SyncPlan) -> Calendar:
    """Locks the calendar, and those its events were moved from or into.

    In the order of their ids, whichever of them is pulled: a move announces both at once.
    """
    links = EventLink.objects.filter(pk__in=[moved.link for moved in plan.moved])
    targets = [moved.calendar.pk for moved in plan.moved if moved.calendar]
    keys = {calendar.pk, *links.values_list("calendar", flat=True), *targets}
    locked = {key: transitions.lock_calendar(key) for key in sorted(keys)}
    return locked[calendar.pk]


def quarantine_deletions(calendar: Calendar, plan: SyncPlan) -> None:
    """Keeps the cursor, so that the deletions come again and a person decides about them."""
    if calendar.held_at is None:
        calendar.held_at = timezone.now()
        log.error("calendar_held", calendar=calendar.pk, reason=plan.doubt)
    calendar.held_reason = plan.doubt
    calendar.held_links = sorted(links_to_cancel(calendar, plan).values_list("pk", flat=True))


def advance_cursor(calendar: Calendar, reading: PullContext, changes: EventChanges) -> None:
    """Moves the calendar on to what was read, and ends its quarantine."""
    calendar.cursor = changes.cursor
    calendar.held_at, calendar.held_reason, calendar.held_decision = None, "", ""
    calendar.held_links = []
    calendar.window_start, calendar.window_end = reading.start, reading.end
    if changes.is_full:
        calendar.blocks.filter(ends_at__lt=reading.start).delete()


def links_to_cancel(calendar: Calendar, plan: SyncPlan) -> QuerySet[EventLink]:
    """Returns the links whose appointments the plan would cancel."""
    cancelled = [event.id for event in plan.own if event.is_cancelled]
    return calendar.links.filter(remote_id__in=[*plan.own_gone, *cancelled])


def recreate_deleted(calendar: Calendar, plan: SyncPlan) -> None:
    """Writes deleted events again, as new ones: a person said that they should be there."""
    for link in links_to_cancel(calendar, plan):
        recreate_event(link)


def recreate_event(link: EventLink) -> None:
    """Has the event created anew. The id of a deleted one stays taken: a generation has its own."""
    link.generation += 1
    link.remote_id, link.etag, link.base, link.sent = "", "", {}, []
    link.problem, link.theirs, link.is_series = "", {}, False
    link.is_removed, link.write_after = False, timezone.now()
    link.save()
    enqueue.enqueue_push(link.pk)


def apply_plan(
    reading: PullContext,
    plan: SyncPlan,
    account: Account,
    unapplied: Unapplied,
    *,
    deletes: bool,
) -> int:
    """Applies each change, and returns how many of them were new to us."""
    calendar = reading.calendar
    # What the first reading finds is old.
    notifies = calendar.last_pulled_at is not None
    ours = Q(remote_id__in=plan.linked_ids) | Q(remote_id="")
    rows = list(calendar.links.filter(ours)) if plan.linked_ids else []
    links = {row.remote_id: row for row in rows if row.remote_id}
    by_key = {row.appointment_id.hex: row for row in rows if not row.remote_id}
    news = 0
    for event in plan.own:
        link = links.get(event.id) or by_key.get(event.key)
        if link and (deletes or not event.is_cancelled) and reading.is_still(link):
            change = partial(apply_event, link, event, account, notifies=notifies)
            news += unapplied.attempt(event, change)
            if event.id in unapplied.entries:
                mark_link_unapplied(link, unapplied.entries[event.id]["reason"])
    for moved in plan.moved:
        change = partial(follow_move, moved, account, notifies=notifies)
        news += unapplied.attempt(moved.event, change)
    others = without_first_times(calendar, plan.others)
    news += upsert_blocks(calendar, others, unapplied)
    if deletes:
        actor = Actor(source=account.vendor, by=account.email, notifies=notifies)
        news += sum(
            cancel_from_remote(links[remote_id], actor)
            for remote_id in plan.own_gone
            if remote_id in links
        )
        news += calendar.blocks.filter(remote_id__in=plan.others_gone).delete()[0]
    return news


def without_first_times(
    calendar: Calendar, events: tuple[RemoteEvent, ...]
) -> tuple[RemoteEvent, ...]:
    """Returns the entries without those times of our own series at which the appointment is."""
    series = calendar.links.filter(is_series=True).values_list(
        "remote_id", "appointment__starts_at"
    )
    first = set(series) if events else set()
    return tuple(
        event for event in events if (event.series_id, event.text.start.instant) not in first
    )


def upsert_blocks(calendar: Calendar, events: tuple[RemoteEvent, ...], unapplied: Unapplied) -> int:
    """Stores others' entries, and returns how many were not known in just this form.

    Those that no database takes are stored without the others noticing.
    """
    etags = dict(calendar.blocks.values_list("remote_id", "etag"))
    fresh = [event for event in events if not event.etag or etags.get(event.id) != event.etag]
    for event in fresh:
        if event.is_timeless:
            unapplied.add(event, event.time_problem)
    timed = [event for event in fresh if not event.is_timeless]
    try:
        with transaction.atomic():
            store_blocks(calendar, timed)
    except (DataError, IntegrityError, ValueError):
        for event in timed:
            unapplied.attempt(event, partial(store_blocks, calendar, [event]))
    return len(fresh)


def store_blocks(calendar: Calendar, events: list[RemoteEvent]) -> bool:
    BusyBlock.objects.bulk_create(
        [busy_block(calendar, event) for event in events],
        update_conflicts=True,
        unique_fields=["calendar", "remote_id"],
        update_fields=BLOCK_COLUMNS,
    )
    return True


def busy_block(calendar: Calendar, event: RemoteEvent) -> BusyBlock:
    return BusyBlock(
        calendar=calendar,
        remote_id=event.id,
        series_id=event.series_id,
        ical_uid=event.ical_uid[:MAX_UID],
        etag=event.etag,
        title=event.text.title[:255] if calendar.shows_titles else "",
        starts_at=event.text.start.instant,
        ends_at=event.text.end.instant,
        is_all_day=event.text.is_all_day,
        is_busy=event.is_busy,
    )


def mark_pull_failed(calendar: Calendar, error: Exception, *, is_gone: bool = False) -> None:
    """Schedules the next pull after a failure. What was announced stays announced."""
    pause = polling.with_jitter(timedelta(seconds=calendar.poll_seconds), random.random())  # noqa: S311 (not a secret)
    Calendar.objects.filter(pk=calendar.pk, pulling_until=calendar.pulling_until).update(
        pulling_until=None,
        pull_after=timezone.now() + pause,
        is_gone=is_gone,
        error=f"{type(error).__name__}: {error}",
    )
    log.info("calendar", calendar=calendar.pk, outcome=type(error).__name__)
