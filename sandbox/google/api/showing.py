"""Resources as Google words them."""

from typing import Any

from sandbox.google.model.calendar import Calendar
from sandbox.google.model.event import Event, show_moment, stamp

Json = dict[str, Any]

# What is left of a deleted event.
TOMBSTONE = ("recurringEventId", "originalStartTime")
MOMENTS = ("start", "end", "originalStartTime")


def show_event(event: Event, calendar: Calendar, *, shown_in: str = "", most: int = 0) -> Json:
    zone = calendar.zone
    if event.deleted and not event.content.get("start"):
        return _bare(event, zone, shown_in or zone)
    shown: Json = {
        "kind": "calendar#event",
        "etag": event.etag,
        "id": event.id,
        "status": "confirmed",
        "htmlLink": f"https://www.google.com/calendar/event?eid={event.id}",
        "created": stamp(event.created),
        "updated": stamp(event.updated),
        **event.content,
        "sequence": event.sequence,
        "reminders": event.content.get("reminders", {"useDefault": True}),
    }
    if event.deleted:
        shown["status"] = "cancelled"
    for name in MOMENTS:
        if name in shown:
            shown[name] = show_moment(shown[name], shown_in or zone, zone)
    _show_people(shown, calendar, most)
    return {name: value for name, value in {**shown, **event.told}.items() if value is not None}


def _bare(event: Event, zone: str, shown_in: str) -> Json:
    kept = {name: event.content[name] for name in TOMBSTONE if name in event.content}
    if "originalStartTime" in kept:
        kept["originalStartTime"] = show_moment(kept["originalStartTime"], shown_in, zone)
    return {
        "kind": "calendar#event",
        "etag": event.etag,
        "id": event.id,
        "status": "cancelled",
        **kept,
    }


def tombstone(event: Event, calendar: Calendar, shown_in: str = "") -> Json:
    """Shows a deleted event, which in a list is little more than its id."""
    return _bare(event, calendar.zone, shown_in or calendar.zone)


def _show_people(shown: Json, calendar: Calendar, most: int) -> None:
    mine = {calendar.id, calendar.owner}
    for name in ("organizer", "creator"):
        if name in shown:
            shown[name] = shown[name] | ({"self": True} if shown[name]["email"] in mine else {})
    guests = [_guest(guest, shown, mine) for guest in shown.pop("attendees", None) or []]
    if most and len(guests) > most:
        guests = [attendee for attendee in guests if attendee.get("self")] or guests[:most]
        shown["attendeesOmitted"] = True
    if guests:
        shown["attendees"] = guests


def _guest(json: Json, shown: Json, mine: set[str]) -> Json:
    organizes = json["email"] == shown.get("organizer", {}).get("email")
    return {
        **json,
        **({"self": True} if json["email"] in mine else {}),
        **({"organizer": True} if organizes else {}),
    }


def show_entry(calendar: Calendar, role: str, version: int) -> Json:
    """Shows a calendar in somebody's list."""
    shown: Json = {
        "kind": "calendar#calendarListEntry",
        "etag": f'"{version:016}"',
        "id": calendar.id,
        "summary": calendar.name,
        "timeZone": calendar.zone,
        "colorId": "14",
        "backgroundColor": "#9fe1e7",
        "foregroundColor": "#000000",
        "selected": True,
        "accessRole": role,
        "defaultReminders": [{"method": "popup", "minutes": 30}],
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    }
    if calendar.primary:
        shown["primary"] = True
    if calendar.deleted:
        shown["deleted"] = True
    return shown


def show_calendar(calendar: Calendar) -> Json:
    return {
        "kind": "calendar#calendar",
        "etag": f'"{calendar.epoch}"',
        "id": calendar.id,
        "summary": calendar.name,
        "timeZone": calendar.zone,
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    }
