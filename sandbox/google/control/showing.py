"""What the control API shows of calendars and contacts: in the same words for every vendor."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.google.model.accounts import Account, World
from sandbox.google.model.book import Snapshot, groups_of
from sandbox.google.model.calendar import Calendar
from sandbox.google.model.event import Event

Json = dict[str, Any]

SHOWN_BEFORE, SHOWN_AFTER = timedelta(days=60), timedelta(days=180)
ANSWERS = {
    "needsAction": "needed",
    "accepted": "accepted",
    "tentative": "tentative",
    "declined": "declined",
}


def calendars(world: World) -> list[Json]:
    now = world.clock.now()
    window = now - SHOWN_BEFORE, now + SHOWN_AFTER
    return [
        {
            "id": calendar.id,
            "name": calendar.name,
            "zone": calendar.zone,
            "account": calendar.owner,
            "writable": calendar.pushes,
            "events": [
                event(found, calendar, world.key_property) for found in _shown(calendar, window)
            ],
        }
        for calendar in world.calendars.values()
        if not calendar.deleted
    ]


def _shown(calendar: Calendar, window: tuple[datetime, datetime]) -> list[Event]:
    """Every occurrence by itself; what was cancelled stays to be seen."""
    live = list(calendar.live(*window))
    gone = [
        event
        for event in calendar.events.values()
        if event.deleted and not event.vanished and not event.is_series and "start" in event.content
    ]
    return sorted([*live, *gone], key=lambda entry: (entry.starts(calendar.zone), entry.id))


def event(entry: Event, calendar: Calendar, key_property: str) -> Json:
    content = entry.content
    return {
        "id": entry.id,
        "title": content.get("summary", ""),
        "start": _wall(entry, calendar, "start"),
        "end": _wall(entry, calendar, "end"),
        "zone": entry.zone(calendar.zone),
        "all_day": entry.is_all_day,
        "cancelled": entry.deleted,
        "organizer": content.get("organizer", {}).get("email", ""),
        "attendees": [attendee(guest) for guest in entry.attendees()],
        "place": content.get("location", ""),
        "key": event_key(entry, key_property),
        "calendar": calendar.id,
        "series": entry.series or (entry.id if entry.is_series else ""),
        "conference": content.get("hangoutLink", ""),
    }


def event_key(entry: Event, key_property: str) -> str:
    """Returns what the product calls it."""
    private = entry.content.get("extendedProperties", {}).get("private", {})
    return str(private.get(key_property, ""))


def attendee(guest: Json) -> Json:
    return {
        "email": guest["email"],
        "name": guest.get("displayName", ""),
        "answer": ANSWERS.get(guest.get("responseStatus", ""), "needed"),
    }


def _wall(entry: Event, calendar: Calendar, name: str) -> str:
    """In the event's own zone, as the people in it would say it."""
    given = entry.content[name]
    if "date" in given:
        return str(given["date"])
    zone = ZoneInfo(entry.zone(calendar.zone))
    at = entry.starts(calendar.zone) if name == "start" else entry.ends(calendar.zone)
    return at.astimezone(zone).replace(tzinfo=None).isoformat(timespec="minutes")


def person(contact: Snapshot, account: Account, key_property: str) -> Json:
    fields = contact.fields
    name = (fields.get("names") or [{}])[0]
    given, family = name.get("givenName", ""), name.get("familyName", "")
    return {
        "id": contact.id,
        "name": f"{given} {family}".strip() or name.get("unstructuredName", ""),
        "given_name": given,
        "family_name": family,
        "emails": [email.get("value", "") for email in fields.get("emailAddresses", [])],
        "phones": [number.get("value", "") for number in fields.get("phoneNumbers", [])],
        "company": (fields.get("organizations") or [{}])[0].get("name", ""),
        "notes": (fields.get("biographies") or [{}])[0].get("value", ""),
        "groups": [account.book.groups.get(group, group) for group in groups_of(fields)],
        "key": person_key(contact, key_property),
        "account": account.email,
        "updated_at": contact.at.isoformat(timespec="seconds"),
    }


def person_key(contact: Snapshot, key_property: str) -> str:
    """Returns what the product calls it, as kept in the data that only its client sees."""
    kept = contact.fields.get("clientData", [])
    return next(
        (str(entry.get("value", "")) for entry in kept if entry.get("key") == key_property), ""
    )
