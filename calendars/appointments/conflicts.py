"""What people decide: whether much that vanished is gone, what may stay as it is, how a calendar
is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from calendars import enqueue
from calendars.appointments import (
    rescheduling,
    transitions,
)
from calendars.appointments.transitions import Actor
from calendars.content import conversion
from calendars.content.three_way_merge import (
    Content,
    with_remote_fields,
)
from calendars.models import Account, Appointment, BusyBlock, Calendar, EventLink
from calendars.models.accounts import HeldDecision, Policy
from communications.errors import NotPossible

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, kw_only=True)
class SyncPreferences:
    """How one calendar is treated."""

    shows_titles: bool
    buffer_minutes: int


def decide_deletions(calendar: Calendar, decision: HeldDecision) -> None:
    """Stores what becomes of quarantined deletions; the next pull does it. Raises NotPossible."""
    held = Calendar.objects.filter(pk=calendar.pk, held_at__isnull=False)
    now = timezone.now()
    if not held.update(held_decision=decision, pull_after=now):
        raise NotPossible("Nothing is held back any more: what was missing is there again.")
    enqueue.enqueue_pull(calendar.pk)


def accept_as_is(appointment: Appointment) -> None:
    """Closes the appointment's open questions: it may stay as it is. Raises NotPossible."""
    with transaction.atomic():
        transitions.lock_calendar(appointment.calendar_id)
        troubled = Appointment.objects.filter(pk=appointment.pk).exclude(problem="")
        open_links = appointment.links.troubled()
        if troubled.update(problem="") + open_links.update(problem="", theirs={}) == 0:
            raise NotPossible("Nothing is to be looked at any more.")


def accept_remote(appointment: Appointment, *, by: "User | None" = None) -> Appointment:
    """Takes what the calendar said, where ours was kept in a conflict, and writes it there again.

    Raises NotPossible, NotFree and Stale.
    """
    link = appointment.links.exclude(theirs={}).first()
    if link is None:
        raise NotPossible("Nothing is to be decided any more.")
    rescheduling.check_changeable(appointment, None)
    content = content_with_remote(appointment, link)
    actor = Actor(by=by.get_username() if by else "")
    changed = rescheduling.apply_edit(
        appointment, content, rescheduling.AppointmentEdit(), None, actor
    )
    appointment.links.filter(pk=link.pk, theirs=link.theirs).update(theirs={})
    return changed


def content_with_remote(appointment: Appointment, link: EventLink) -> Content:
    """Returns what it would become."""
    ours, kept = conversion.content_of_appointment(appointment), link.theirs
    return with_remote_fields(ours, conversion.load_content(kept["content"]), kept["fields"])


@transaction.atomic
def save_preferences(
    account: Account, policy: Policy, preferences: Mapping[int, SyncPreferences]
) -> None:
    Account.objects.filter(pk=account.pk).update(conflicts=policy)
    for calendar in account.calendars.filter(pk__in=preferences):
        store_preferences(transitions.lock_calendar(calendar.pk), preferences[calendar.pk])


def store_preferences(calendar: Calendar, preferences: SyncPreferences) -> None:
    columns = ["shows_titles", "buffer_minutes"]
    if preferences.shows_titles != calendar.shows_titles:
        # Titles are forgotten at once; a full reading brings them where they may be shown.
        BusyBlock.objects.filter(calendar=calendar).update(title="", etag="")
        calendar.unapplied = {
            remote_id: {**entry, "title": ""} for remote_id, entry in calendar.unapplied.items()
        }
        calendar.cursor = ""
        calendar.pull_after = timezone.now() if calendar.is_followed else None
        columns += ["unapplied", "cursor", "pull_after"]
    calendar.shows_titles = preferences.shows_titles
    calendar.buffer_minutes = preferences.buffer_minutes
    calendar.save(update_fields=columns)
