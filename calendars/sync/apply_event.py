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
from calendars.models import Account, Appointment, EventLink
from calendars.models.accounts import Policy
from calendars.models.appointments import AppointmentStatus
from calendars.vocabulary.events import RemoteEvent
from wedsync_comms.lib.text import as_sentence

log = structlog.get_logger(__name__)


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
    actor = Actor(source=account.vendor, by=event.organizer or account.email, notifies=notifies)
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
    link.remote_id, link.etag, link.ical_uid = event.id, event.etag, event.ical_uid
    link.base, link.sent = conversion.dump_content(theirs), []
    link.is_removed, link.problem = False, zone_problem(event)
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
    theirs = remote_content(event, base)
    wins = ours_wins(account.conflicts, appointment.updated_at, event.updated_at)
    merged = merge_contents(base, ours, theirs, ours_wins=wins)
    changed = transitions.change_content(appointment, merged.content, actor, merged.conflicts)
    if merged.conflicts and account.conflicts == Policy.ASK:
        fields = [conflict.field for conflict in merged.conflicts]
        link.theirs = {"fields": fields, "content": conversion.dump_content(theirs)}
    if event.conference_url:
        appointment.conference_url = event.conference_url
        appointment.save(update_fields=["conference_url"])
    if merged.content != theirs and appointment.status == AppointmentStatus.BOOKED:
        link.write_after = timezone.now()
        enqueue.enqueue_push(link.pk)
    record_base(link, event, theirs)
    return changed


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
            base = advance_content_base(base, content, remote_content(event, base))
    return base


def remote_content(event: RemoteEvent, base: Content) -> Content:
    """Returns the event's content; in the zone it had before, where the new one is in no table.

    The instant is right all the same, and `zone_problem` asks a person to look.
    """
    content = conversion.content_of_event(event.text, base)
    if not event.problem or content.when.is_all_day or content.when == base.when:
        return content
    return replace(content, when=conversion.in_zone(content.when, base.when.zone))


def zone_problem(event: RemoteEvent) -> str:
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
