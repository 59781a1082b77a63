"""Decides what a vendor's event does to our appointment: moved, changed, answered or deleted.

Three-way merge of `base` (what both sides agreed on), ours and theirs. Runs under the calendar's
lock, for a delta (`sync.apply`) as for an event that was read again (`sync.push`).
"""

from dataclasses import replace

import structlog
from django.utils import timezone

from calendars import enqueue
from calendars.appointments import transitions
from calendars.appointments.transitions import Actor
from calendars.content import conversion
from calendars.content.three_way_merge import (
    Content,
    advance_content_base,
    merge_contents,
    ours_wins,
)
from calendars.models import Account, Appointment, BusyBlock, EventLink, What
from calendars.models.accounts import Policy
from calendars.models.appointments import AppointmentStatus
from calendars.vocabulary.events import RemoteEvent
from wedsync_comms.lib.text import as_sentence

log = structlog.get_logger(__name__)

MAX_UID, MAX_URL, MAX_BY = 1024, 2000, 320


def apply_event(
    link: EventLink,
    event: RemoteEvent,
    account: Account,
    *,
    notifies: bool = True,
) -> bool:
    """Applies one event to its appointment. Returns whether anything was new to us.

    Cancelled there: cancelled here. Our own write, read back: nothing. Anything else, such as a
    new time: merged with what was changed here. `notifies`: whether participants are told of the
    change.
    """
    if event.etag == link.etag and not link.is_removed:
        return False
    by = (event.organizer or account.email)[:MAX_BY]
    actor = Actor(source=account.vendor, by=by, notifies=notifies)
    appointment = Appointment.objects.select_for_update().get(pk=link.appointment_id)
    if event.is_cancelled:
        return cancel_from_remote(link, actor, appointment)
    was_removed, link.is_removed = link.is_removed, False
    if was_removed and appointment.status == AppointmentStatus.CANCELLED:
        transitions.mark_rebooked(appointment, actor)
    changed = merge_event(link, event, account, appointment, actor)
    return changed or was_removed


def may_be_own_echo(link: EventLink, event: RemoteEvent) -> bool:
    """Returns whether it is exactly what we wrote once, and not what we know to stand there.

    Either it is old, read before our last write; or somebody took back there what they had changed.
    The two look alike, and only the event itself, read again, tells them apart.
    """
    if not (event.written_hash and link.base) or event.etag == link.etag:
        return False
    base = conversion.load_content(link.base)
    content = conversion.content_of_event(event.text, base)
    return content != base and conversion.content_fingerprint(content) == event.written_hash


def record_base(link: EventLink, event: RemoteEvent, theirs: Content) -> None:
    """Stores what stands there as what both sides agreed on, and forgets our pending writes."""
    link.remote_id, link.etag = event.id, event.etag
    link.ical_uid = event.ical_uid if len(event.ical_uid) <= MAX_UID else ""
    link.base, link.sent = conversion.dump_content(theirs), []
    link.is_removed, link.problem = False, event_problem(event)
    if link.is_series and not event.is_series:
        BusyBlock.objects.filter(calendar=link.calendar_id, series_id=event.id).delete()
    link.is_series = event.is_series
    link.save()


def merge_event(
    link: EventLink,
    event: RemoteEvent,
    account: Account,
    appointment: Appointment,
    actor: Actor,
) -> bool:
    """Merges what theirs and ours changed since the base. Returns whether the appointment changed.

    Where the result is not what stands there, it is written next.
    """
    ours = conversion.content_of_appointment(appointment)
    base = merge_base(link, event, ours)
    theirs = conversion.content_of_remote(event, base)
    wins = ours_wins(account.conflicts, appointment.updated_at, event.updated_at)
    merged = merge_contents(base, ours, theirs, ours_wins=wins)
    changed = transitions.change_content(appointment, merged.content, actor, merged.conflicts)
    if merged.conflicts and account.conflicts == Policy.ASK:
        fields = [conflict.field for conflict in merged.conflicts]
        link.theirs = {"fields": fields, "content": conversion.dump_content(theirs)}
    keep_conference(appointment, event)
    if event.is_series != link.is_series:
        repeats = {"before": {"repeats": link.is_series}, "after": {"repeats": event.is_series}}
        transitions.record_change(appointment, What.CHANGED, actor, **repeats)
    if merged.content != theirs and appointment.status == AppointmentStatus.BOOKED:
        link.write_after = timezone.now()
        enqueue.enqueue_push(link.pk)
    record_base(link, event, theirs)
    return changed


def keep_conference(appointment: Appointment, event: RemoteEvent) -> None:
    """Stores where the conference is; one that was removed there is not made again."""
    url = event.conference_url if len(event.conference_url) <= MAX_URL else ""
    if url == appointment.conference_url:
        return
    if appointment.conference_url and not event.conference_url:
        appointment.wants_conference = False
    appointment.conference_url = url
    appointment.save(update_fields=["conference_url", "wants_conference"])


def merge_base(link: EventLink, event: RemoteEvent, ours: Content) -> Content:
    """Returns what both sides last knew.

    A write of ours that was never confirmed is our own word as far as it stands there. An event
    that carries its hash had all of it, whatever was changed there since, also back again.
    """
    sent = [conversion.load_content(content) for content in link.sent]
    for content in reversed(sent):
        if conversion.content_fingerprint(content) == event.written_hash:
            return content
    base = conversion.load_content(link.base) if link.base else (sent or [ours])[0]
    if not event.written_hash:
        for content in sent:
            like = replace(base, title=content.title)
            base = advance_content_base(base, content, conversion.content_of_remote(event, like))
    return base


def event_problem(event: RemoteEvent) -> str:
    """Returns what of the event could not be taken over, and what to do; blank: all of it was."""
    if event.time_problem:
        return (
            f"Its time in the calendar cannot be taken over: {as_sentence(event.time_problem)} "
            "Here it stays where it was: give it another time there, or move it here."
        )
    if event.is_series:
        return (
            "It was made a series in the calendar: what comes after the first time is shown as "
            "taken. Move it there; to cancel it here cancels all of it."
        )
    if not event.problem:
        return ""
    return (
        f"{as_sentence(event.problem)} The moment is right all the same: compare it with the "
        "calendar, and choose a usual time zone there, or move it here."
    )


def cancel_from_remote(
    link: EventLink, actor: Actor, appointment: Appointment | None = None
) -> bool:
    """Cancels the appointment of an event that is gone, without writing there.

    Returns False where it was cancelled before.
    """
    if appointment is None:
        appointment = Appointment.objects.select_for_update().get(pk=link.appointment_id)
    link.is_removed, link.write_after = True, None
    link.problem, link.theirs = "", {}
    link.save()
    return transitions.mark_cancelled(appointment, actor)
