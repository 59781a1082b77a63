"""An event that somebody put into another calendar: found again, and followed with its appointment.

Nothing was cancelled, so nobody is told. A calendar that is not followed is asked about.
"""

import uuid
from contextlib import suppress
from dataclasses import dataclass

import structlog

from calendars.appointments import transitions
from calendars.appointments.transitions import Actor
from calendars.mailbox.mailbox import open_mailbox
from calendars.models import Account, Appointment, BusyBlock, Calendar, EventLink, What
from calendars.providers.base import Gone, Mailbox
from calendars.sync.apply_event import apply_event
from calendars.vocabulary.events import RemoteEvent
from wedsync_comms.lib.errors import ProviderError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class MovedEvent:
    """A link's event, and the calendar it stands in now; None: one that is unknown here."""

    link: int
    event: RemoteEvent
    calendar: Calendar | None
    # Where the link was, and its etag, before the event was read.
    left: int
    etag: str

    def is_still(self, link: EventLink) -> bool:
        """Returns whether the link was not written since the event was read."""
        return (link.calendar_id, link.etag) == (self.left, self.etag)

    @property
    def target(self) -> Calendar | None:
        """Returns the calendar to which the appointment can follow."""
        return self.calendar if self.calendar and self.calendar.is_followed else None


def find_event(box: Mailbox, link: EventLink) -> tuple[str, RemoteEvent] | None:
    """Returns the calendar's remote id, and the event as it stands there; None: it is gone.

    Asks the link's own calendar first, then the account's others.
    """
    where = calendar_of_event(box, link)
    if not where:
        return None
    try:
        event = box.event(where, link.remote_id)
    except Gone:
        return None
    is_other = bool(event.key) and event.key != link.appointment_id.hex
    return None if is_other else (where, event)


def calendar_of_event(box: Mailbox, link: EventLink) -> str:
    """Returns the remote id of the calendar in which the link's event stands; blank: in none."""
    calendar = link.calendar
    others = calendar.account.calendars.filter(is_gone=False, may_write=True)
    known = list(others.exclude(pk=calendar.pk).values_list("remote_id", flat=True))
    if where := box.find_event(link.remote_id, [calendar.remote_id, *known]):
        return where
    # It may stand in one that was made since they were listed.
    listed = [entry.id for entry in box.listed_calendars if entry.may_write]
    new = [remote for remote in listed if remote not in {calendar.remote_id, *known}]
    return box.find_event(link.remote_id, new) if new else ""


def moved_event(link: EventLink, where: str, event: RemoteEvent) -> MovedEvent:
    """Returns the link's event as it was found; the link must be as it was before that."""
    calendar = Calendar.objects.filter(account=link.calendar.account_id, remote_id=where).first()
    return event_in_calendar(link, event, calendar)


def event_in_calendar(link: EventLink, event: RemoteEvent, calendar: Calendar | None) -> MovedEvent:
    return MovedEvent(
        link=link.pk, event=event, calendar=calendar, left=link.calendar_id, etag=link.etag
    )


def find_arrivals(box: Mailbox, calendar: Calendar, events: list[RemoteEvent]) -> list[MovedEvent]:
    """Returns those of the events that are our appointments from other calendars.

    Copies carry our key as well: it is the appointment's event only where the link's own one is
    not there any more.
    """
    keyed = {event.key: event for event in events if is_key(event.key) and not event.series_id}
    links = EventLink.objects.filter(
        appointment__in=[uuid.UUID(key) for key in keyed],
        appointment__organization=calendar.account.organization_id,
    ).exclude(calendar=calendar)
    arrivals = []
    for link in links.exclude(remote_id="").select_related("calendar__account"):
        event = keyed[link.appointment_id.hex]
        if has_left(box, link, event, calendar):
            # It was told before the link was read, and perhaps we have written since.
            with suppress(Gone):
                event = box.event(calendar.remote_id, event.id)
                arrivals.append(event_in_calendar(link, event, calendar))
    return arrivals


def is_key(key: str) -> bool:
    try:
        return bool(key) and uuid.UUID(key).hex == key
    except ValueError:
        return False


def has_left(box: Mailbox, link: EventLink, event: RemoteEvent, now_in: Calendar) -> bool:
    """Returns whether the link's event left its calendar for this one."""
    if link.is_removed and link.remote_id != event.id:
        # It was cancelled here before, and people were told so.
        return False
    left = link.calendar
    if left.account_id == now_in.account_id:
        where = box.find_event(link.remote_id, [left.remote_id])
        return where in ("", now_in.remote_id)
    # A shared calendar has one id in all the accounts that follow it.
    return left.remote_id != now_in.remote_id and is_gone_from_other_account(link)


def is_gone_from_other_account(link: EventLink) -> bool:
    """Returns whether the link's event is not in its calendar any more; no where nobody can say.

    What is wrong with that account is noted with it, and must not count as wrong with another one.
    """
    try:
        with open_mailbox(link.calendar.account) as other:
            return not other.find_event(link.remote_id, [link.calendar.remote_id])
    except ProviderError as error:
        log.info("move_not_verified", link=link.pk, outcome=type(error).__name__)
        return False


def follow_move(moved: MovedEvent, account: Account, *, notifies: bool) -> bool:
    """Moves the link and its appointment to where the event is; or asks. Under both locks.

    Returns whether that was new to us. Nothing where the link was written meanwhile: what stands
    there then comes again.
    """
    link = EventLink.objects.select_for_update().get(pk=moved.link)
    if not moved.is_still(link):
        return False
    target = moved.target
    if target is None:
        return ask_about_move(link, moved.calendar)
    if link.calendar_id != target.pk:
        move_link(link, target, moved.event, account)
    apply_event(link, moved.event, account, notifies=notifies)
    return True


def ask_about_move(link: EventLink, calendar: Calendar | None) -> bool:
    name = f"“{calendar}”" if calendar else "another calendar"
    problem = (
        f"Its event was moved into {name}, which is not followed here, and nobody was told. "
        "Follow that calendar, move the event back there, or cancel the appointment here."
    )
    EventLink.objects.filter(pk=link.pk).update(problem=problem, write_after=None)
    return link.problem != problem


def move_link(link: EventLink, target: Calendar, event: RemoteEvent, account: Account) -> None:
    appointment = Appointment.objects.select_for_update().get(pk=link.appointment_id)
    source = Calendar.objects.get(pk=link.calendar_id)
    target.links.filter(appointment=appointment).delete()
    BusyBlock.objects.filter(calendar=target, remote_id=event.id).delete()
    link.calendar, link.remote_id = target, event.id
    # Its etag may be the same there, and all of it is to be looked at.
    link.etag = ""
    link.save()
    appointment.calendar = target
    transitions.flag_overlap(appointment)
    appointment.save()
    transitions.record_change(
        appointment,
        What.CHANGED,
        Actor(source=account.vendor, by=account.email),
        before={"calendar": source.name},
        after={"calendar": target.name},
    )
