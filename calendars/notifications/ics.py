"""An appointment as a file that every calendar program can add and follow."""

from datetime import date, datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from icalendar import Calendar, Event, vCalAddress, vText

from calendars.models import Appointment, EventLink, Participant
from calendars.models.appointments import AppointmentStatus
from calendars.vocabulary.events import ResponseStatus

PARTSTAT = {
    ResponseStatus.NEEDED: "NEEDS-ACTION",
    ResponseStatus.ACCEPTED: "ACCEPTED",
    ResponseStatus.TENTATIVE: "TENTATIVE",
    ResponseStatus.DECLINED: "DECLINED",
}


def ics_method(appointment: Appointment) -> str:
    return "CANCEL" if appointment.status == AppointmentStatus.CANCELLED else "REQUEST"


def ics_uid(appointment: Appointment) -> str:
    """Returns the vendor's UID, if any: its invitation and our file are one entry then."""
    link = EventLink.objects.filter(appointment=appointment).exclude(ical_uid="").first()
    own = f"{appointment.key}@{urlsplit(settings.PUBLIC_URL).hostname}"
    return link.ical_uid if link else own


def ics_file(appointment: Appointment) -> bytes:
    """Returns the appointment as iCalendar (RFC 5545), a request or a cancellation."""
    calendar = Calendar()
    calendar.add("prodid", "-//WedSync//Communications//EN")
    calendar.add("version", "2.0")
    calendar.add("method", ics_method(appointment))
    calendar.add_component(ics_event(appointment))
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def ics_event(appointment: Appointment) -> Event:
    event = Event()
    event.add("uid", ics_uid(appointment))
    # Grows with every change: programs keep the highest.
    event.add("sequence", appointment.version)
    event.add("dtstamp", appointment.updated_at)
    event.add("dtstart", ics_time(appointment, appointment.wall_start))
    event.add("dtend", ics_time(appointment, appointment.wall_end))
    event.add("summary", appointment.title)
    is_cancelled = appointment.status == AppointmentStatus.CANCELLED
    event.add("status", "CANCELLED" if is_cancelled else "CONFIRMED")
    optional = {
        "description": appointment.description,
        "location": appointment.place,
        "url": appointment.conference_url,
    }
    for name, value in optional.items():
        if value:
            event.add(name, value)
    event.add("organizer", vCalAddress(f"mailto:{appointment.calendar.account.email}"))
    for participant in appointment.participants.exclude(email=""):
        event.add("attendee", ics_attendee(participant), encode=False)
    return event


def ics_time(appointment: Appointment, wall: datetime) -> datetime | date:
    return (
        wall.date() if appointment.is_all_day else wall.replace(tzinfo=ZoneInfo(appointment.zone))
    )


def ics_attendee(participant: Participant) -> vCalAddress:
    address = vCalAddress(f"mailto:{participant.email}")
    address.params["CN"] = vText(participant.name or participant.email)
    address.params["ROLE"] = vText(
        "OPT-PARTICIPANT" if participant.is_optional else "REQ-PARTICIPANT"
    )
    address.params["PARTSTAT"] = vText(PARTSTAT[ResponseStatus(participant.answer)])
    address.params["RSVP"] = vText("TRUE")
    return address
