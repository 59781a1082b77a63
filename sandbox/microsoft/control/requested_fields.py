"""What the control API is asked for, put in Graph's words."""

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.exceptions import HTTPException

from sandbox.microsoft.model import zones
from sandbox.microsoft.model.event import Event
from sandbox.microsoft.model.item import OUR_NAME
from sandbox.microsoft.model.mailbox import Mailbox
from sandbox.microsoft.model.zones import Wall

Json = dict[str, Any]

OUR_PROPERTY = f"String {{00020329-0000-0000-C000-000000000046}} Name {OUR_NAME}"
# Ours -> Graph's.
SIMPLE: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "title": ("subject", str),
    "all_day": ("isAllDay", bool),
    "place": ("location", lambda value: {"displayName": str(value)}),
    "description": ("body", lambda value: {"contentType": "text", "content": str(value)}),
    "recurrence": ("recurrence", lambda value: value),
    "key": (
        "singleValueExtendedProperties",
        lambda value: [{"id": OUR_PROPERTY, "value": str(value)}],
    ),
}
PERSON: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "name": ("displayName", str),
    "given_name": ("givenName", str),
    "family_name": ("surname", str),
    "company": ("companyName", str),
    "notes": ("personalNotes", str),
    "groups": ("categories", list),
    "emails": ("emailAddresses", lambda value: [{"name": "", "address": item} for item in value]),
    "key": SIMPLE["key"],
}
HOUR = timedelta(hours=1)


def event(given: Json, mailbox: Mailbox, present: Event | None = None) -> Json:
    wanted = {name: read(given[ours]) for ours, (name, read) in SIMPLE.items() if ours in given}
    if "attendees" in given:
        wanted["attendees"] = [_attendee(guest) for guest in given["attendees"] or []]
    if present is None or {"start", "end", "zone", "all_day"} & set(given):
        wanted |= _walls(given, mailbox, present)
    return wanted


def person(given: Json) -> Json:
    wanted = {name: read(given[ours]) for ours, (name, read) in PERSON.items() if ours in given}
    if "phones" in given:
        phones = [str(number) for number in given["phones"] or []]
        wanted["mobilePhone"] = phones[0] if phones else None
        wanted["businessPhones"], wanted["homePhones"] = phones[1:3], phones[3:5]
    if "displayName" not in wanted and {"givenName", "surname"} & set(wanted):
        wanted["displayName"] = None
    return wanted


def _attendee(given: Any) -> Json:
    email = given if isinstance(given, str) else str(given.get("email", ""))
    name = "" if isinstance(given, str) else str(given.get("name") or "")
    return {"type": "required", "emailAddress": {"address": email, "name": name or email}}


def _walls(given: Json, mailbox: Mailbox, present: Event | None) -> Json:
    """Moved without a new end, it takes as long as before."""
    zone = str(given.get("zone") or (present.start.zone if present else mailbox.user.zone))
    all_day = given.get("all_day", present.is_all_day if present else False)
    usual = timedelta(days=1) if all_day else HOUR
    length = present.end.local - present.start.local if present else usual
    start = _local(given["start"], zone) if given.get("start") else _start(present)
    end = _local(given["end"], zone) if given.get("end") else start + length
    if all_day:
        start = datetime.combine(start, time())
        end = max(datetime.combine(end, time()), start + timedelta(days=1))
    return {"start": Wall(start, zone), "end": Wall(end, zone)}


def _start(present: Event | None) -> datetime:
    if present is None:
        raise HTTPException(422, "An event has a start such as 2026-06-20T14:00.")
    return present.start.local


def _local(text: Any, zone: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
        there = ZoneInfo(zones.iana(zone))
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise HTTPException(422, f"{text} in {zone} is no moment.") from error
    return moment.astimezone(there).replace(tzinfo=None) if moment.tzinfo else moment
