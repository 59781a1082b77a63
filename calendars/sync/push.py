"""Pushes appointments into the vendors' calendars: exactly once, whatever gets lost.

The link's row waits while `write_after` is set. A claim pushes that forward; whoever dies gives the
link back by doing nothing, and what was written without being noted is found by its key.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from calendars.appointments import transitions
from calendars.appointments.transitions import Actor
from calendars.content import conversion
from calendars.content.three_way_merge import (
    Content,
    merge_contents,
)
from calendars.mailbox.mailbox import (
    MAILBOX_BACKOFF_S,
    open_mailbox,
)
from calendars.models import Account, Appointment, Calendar, EventLink
from calendars.models.accounts import AccountStatus
from calendars.models.appointments import AppointmentStatus
from calendars.providers.base import Changed, Gone, GrantGone, Mailbox
from calendars.sync import moves
from calendars.sync.apply import recreate_event
from calendars.sync.apply_event import (
    MAX_URL,
    apply_event,
    cancel_from_remote,
    record_base,
)
from calendars.vocabulary.events import (
    EventText,
    Notify,
    RemoteEvent,
)
from wedsync_comms.lib.backoff import backoff_delay
from wedsync_comms.lib.errors import PermanentError, ProviderError
from wedsync_comms.lib.turns.rows import in_turns

log = structlog.get_logger(__name__)

PUSH_LEASE = timedelta(seconds=90)
# While its account waits for a new permission; linking it again makes it due at once.
RELINK_WAIT = timedelta(hours=1)
PUSH_BATCH = 200
# Somebody who edits faster than we merge is left for later.
MERGE_ROUNDS = 5


def links_due() -> list[int]:
    """Returns the links that wait to be written: of each organization in its turn those that have
    waited longest."""
    due = EventLink.objects.due(timezone.now())
    rows = in_turns(due, "calendar__account__organization", first=[F("write_after").asc()])
    return list(rows.values_list("pk", flat=True)[:PUSH_BATCH])


def push_appointment(key: int) -> bool:
    """Writes one appointment into one calendar.

    Returns False if it is not due, or another process is at it. A failure is scheduled anew.
    """
    link = claim_link(key)
    if link is None:
        return False
    try:
        with open_mailbox(link.calendar.account) as box:
            push_with_retry(box, link)
    except ProviderError as error:
        reschedule_push(link, error)
    return True


def claim_link(key: int) -> EventLink | None:
    """Returns the link under a lease, or None; not while the vendor wants patience."""
    now = timezone.now()
    patient = Calendar.objects.filter(account__in=Account.objects.workable(now))
    mine = EventLink.objects.due(now).filter(pk=key, calendar__in=patient)
    if not mine.update(write_after=now + PUSH_LEASE):
        return None
    return EventLink.objects.select_related("calendar__account", "appointment").get(pk=key)


def push_with_retry(box: Mailbox, link: EventLink) -> None:
    """Writes until what stands there is what we mean, also when others write at the same time.

    Each conflict (another etag) is merged, and the result pushed again. Raises PermanentError after
    MERGE_ROUNDS of them.
    """
    for _ in range(MERGE_ROUNDS):
        try:
            push_once(box, link)
        except Changed:
            reread_event(box, link)
        except Gone:
            on_remote_delete(box, link)
        link = EventLink.objects.select_related("calendar__account", "appointment").get(pk=link.pk)
        if link.write_after is None or link.written_version >= link.appointment.version:
            return
    raise PermanentError("It changes over there faster than it can be merged.")


def push_once(box: Mailbox, link: EventLink) -> None:
    """Writes the appointment as it is now: creates, updates or cancels its event.

    What is sent is stored before the call (`record_intent`), and what the vendor made of it after
    it (`record_result`): a lost answer is told from somebody else's change. Raises Changed where
    the event has another etag, and Gone where it was deleted.
    """
    appointment = Appointment.objects.get(pk=link.appointment_id)
    if appointment.status == AppointmentStatus.CANCELLED:
        cancel_event(box, link, appointment)
        return
    sent = conversion.content_of_appointment(appointment)
    is_certain = not link.sent
    if is_certain and link.base and conversion.load_content(link.base) == sent:
        finish_unchanged(link, appointment)
        return
    if link.problem and was_moved(box, link):
        return
    record_intent(link, sent)
    if link.remote_id:
        text = conversion.event_text(sent, wants_conference=appointment.wants_conference)
        written = box.update(
            link.calendar.remote_id,
            link.remote_id,
            text,
            before=agreed_text(link, text),
            etag=link.etag,
            written_hash=conversion.content_fingerprint(sent),
            notify=Notify.ALL,
        )
    else:
        written = create_event(box, link, appointment, sent, Notify.ALL)
    if link.remote_id or is_certain:
        record_result(link, appointment, sent, written)
    else:
        # Perhaps it is what an earlier call made, and somebody has changed it since.
        absorb_remote(link, written)


def agreed_text(link: EventLink, written: EventText) -> EventText:
    """Returns what both sides know to stand there; with nothing known, nothing of ours."""
    if not link.base:
        return replace(written, title="", description="", place="", attendees=())
    return conversion.event_text(conversion.load_content(link.base), wants_conference=False)


def create_event(
    box: Mailbox,
    link: EventLink,
    appointment: Appointment,
    sent: Content,
    notify: Notify,
) -> RemoteEvent:
    return box.create(
        link.calendar.remote_id,
        conversion.event_text(sent, wants_conference=appointment.wants_conference),
        key=appointment.key,
        generation=link.generation,
        written_hash=conversion.content_fingerprint(sent),
        notify=notify,
    )


def record_intent(link: EventLink, sent: Content) -> None:
    """Stores what is about to be sent: if the answer is lost, it may stand there by our word."""
    sent_content = conversion.dump_content(sent)
    if sent_content not in link.sent:
        link.sent = [*link.sent, sent_content]
        EventLink.objects.filter(pk=link.pk, etag=link.etag).update(sent=link.sent)


def cancel_event(box: Mailbox, link: EventLink, appointment: Appointment) -> None:
    """Cancels the event there; also one whose creation was never answered."""
    remote_id = link.remote_id
    if not remote_id and link.sent:
        # It may be there: our last try was not answered. Its key finds it.
        sent = conversion.load_content(link.sent[0])
        remote_id = create_event(box, link, appointment, sent, Notify.NOBODY).id
    if remote_id:
        # Somebody may have put it into another calendar, and nobody has read that yet.
        where = moves.calendar_of_event(box, link) if link.remote_id else ""
        box.cancel(where or link.calendar.remote_id, remote_id, notify=Notify.ALL)
    EventLink.objects.filter(pk=link.pk).update(
        remote_id=remote_id,
        is_removed=True,
        sent=[],
        problem="",
        theirs={},
        written_version=appointment.version,
        write_after=None,
        tries=0,
        error="",
    )


def record_result(
    link: EventLink, appointment: Appointment, sent: Content, written: RemoteEvent
) -> None:
    """Stores what stands there now, and takes over the words that the vendor put it into."""
    with locked_link(link) as row:
        current = Appointment.objects.select_for_update().get(pk=link.appointment_id)
        theirs = conversion.content_of_remote(written, sent)
        if row.etag == link.etag:
            record_base(row, written, theirs)
            adopt_normalisation(current, sent, theirs)
        if 0 < len(written.conference_url) <= MAX_URL and not current.conference_url:
            current.conference_url = written.conference_url
            current.save(update_fields=["conference_url"])
        mark_in_sync(row, current, appointment)
    log.info("written", link=link.pk, appointment=str(appointment.pk), version=appointment.version)


def finish_unchanged(link: EventLink, appointment: Appointment) -> None:
    """Marks it in sync without a call: what is to be written stands there already."""
    with locked_link(link) as row:
        if row.etag == link.etag:
            mark_in_sync(row, Appointment.objects.get(pk=link.appointment_id), appointment)


def mark_in_sync(row: EventLink, current: Appointment, written: Appointment) -> None:
    """Ends the wait, or schedules the next push if the appointment changed during this one."""
    row.written_version = written.version
    row.write_after = None if current.version == written.version else timezone.now()
    row.tries, row.error = 0, ""
    row.save()


def adopt_normalisation(appointment: Appointment, sent: Content, theirs: Content) -> None:
    """Takes over the vendor's wording: no history, no version, no notification."""
    ours = conversion.content_of_appointment(appointment)
    adopted = merge_contents(sent, ours, theirs, ours_wins=True).content
    if adopted != ours:
        transitions.store_content(appointment, adopted, adopted, Actor())
        transitions.store_people(appointment, ours, adopted, Actor())


def reread_event(box: Mailbox, link: EventLink) -> None:
    """Reads the event that somebody else changed, and merges it. Raises Gone."""
    absorb_remote(link, box.event(link.calendar.remote_id, link.remote_id))


def absorb_remote(link: EventLink, event: RemoteEvent) -> None:
    """Merges an event that was read just now."""
    with locked_link(link) as row:
        apply_event(row, event, account_of_link(row))


def on_remote_delete(box: Mailbox, link: EventLink) -> None:
    """Cancels the appointment of an event that was deleted there; follows one that was moved.

    Of one that was never confirmed, an older generation was deleted, and its id stays taken: it is
    written as a new one.
    """
    found = moves.find_event(box, link) if link.remote_id else None
    if found:
        follow_event(link, *found)
        return
    with locked_link(link) as row:
        if not row.remote_id:
            recreate_event(row)
            return
        account = account_of_link(row)
        cancel_from_remote(row, Actor(source=account.vendor, by=account.email))


def was_moved(box: Mailbox, link: EventLink) -> bool:
    """Returns whether the event stands in another calendar: then that is followed, or asked about.

    Outlook writes an event wherever it stands. What was asked about it is no consent to that.
    """
    found = moves.find_event(box, link) if link.remote_id else None
    if found is None or found[0] == link.calendar.remote_id:
        return False
    follow_event(link, *found)
    return True


def follow_event(link: EventLink, where: str, event: RemoteEvent) -> None:
    """Follows the event to the calendar with the remote id `where`, or asks about it."""
    moved = moves.moved_event(link, where, event)
    keys = {link.calendar_id, *([moved.target.pk] if moved.target else [])}
    with transaction.atomic():
        for key in sorted(keys):
            transitions.lock_calendar(key)
        moves.follow_move(moved, account_of_link(link), notifies=True)


@contextmanager
def locked_link(link: EventLink) -> Iterator[EventLink]:
    """Yields the link as it stands now, under its calendar's lock, in a transaction."""
    with transaction.atomic():
        transitions.lock_calendar(link.calendar_id)
        yield EventLink.objects.select_for_update().get(pk=link.pk)


def account_of_link(link: EventLink) -> Account:
    """Returns the account as it stands now."""
    return Account.objects.get(calendars=link.calendar_id)


def reschedule_push(link: EventLink, error: ProviderError) -> None:
    """Stores when a failed push is tried again; never, where the vendor refuses it for good."""
    now = timezone.now()
    account = account_of_link(link)
    wait = backoff_delay(link.tries + 1, MAILBOX_BACKOFF_S)
    at: datetime | None = max(now + wait, account.retry_at or now)
    if isinstance(error, GrantGone) or account.status != AccountStatus.LINKED:
        at = now + RELINK_WAIT
    elif isinstance(error, PermanentError) and link.tries >= MERGE_ROUNDS:
        Appointment.objects.filter(pk=link.appointment_id).update(
            problem=f"It could not be written into {link.calendar}: {error}",
        )
        at = None
    EventLink.objects.filter(pk=link.pk, write_after__isnull=False).update(
        write_after=at,
        tries=link.tries + 1,
        error=f"{type(error).__name__}: {error}",
    )
    log.info("not_written", link=link.pk, outcome=type(error).__name__, tries=link.tries + 1)
