"""What an event must look like to be taken.

https://developers.google.com/workspace/calendar/api/v3/reference/events/insert
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from sandbox.google.errors import CalendarRefusedError

from . import recurrence
from .event import instant

Json = dict[str, Any]

OWN_ID = re.compile(r"[a-v0-9]{5,1024}")
EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+")
MAX_PROPERTIES, MAX_PROPERTY_BYTES = 300, 32 * 1024
MAX_PROPERTY_KEY, MAX_PROPERTY_VALUE = 44, 1024
ANSWERS = ("needsAction", "declined", "tentative", "accepted")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "status": ("confirmed", "tentative", "cancelled"),
    "transparency": ("opaque", "transparent"),
    "visibility": ("default", "public", "private", "confidential"),
}
KINDS: Mapping[str, type] = {
    "summary": str,
    "description": str,
    "location": str,
    "attendees": list,
    "recurrence": list,
    "extendedProperties": dict,
    "conferenceData": dict,
    "reminders": dict,
    "guestsCanModify": bool,
}


def own_id(given: Any) -> str:
    if not isinstance(given, str) or not OWN_ID.fullmatch(given):
        raise CalendarRefusedError("invalid", "Invalid resource id value.", location="resource.id")
    return given


def check(content: Json, zone: str) -> None:
    for check_one in CHECKS:
        check_one(content, zone)


def _check_kinds(content: Json, _: str) -> None:
    for name, kind in KINDS.items():
        if name in content and not isinstance(content[name], kind):
            raise CalendarRefusedError("parseError", f"Invalid value for: {name}")
    for name, choices in CHOICES.items():
        if name in content and content[name] not in choices:
            raise CalendarRefusedError("invalid", f"Invalid value for: {name}", location=name)


def _check_times(content: Json, zone: str) -> None:
    for name in ("start", "end"):
        _check_moment(content.get(name), name)
    if ("date" in content["start"]) != ("date" in content["end"]):
        raise CalendarRefusedError(
            "invalid", "Start and end times must either both be date or dateTime."
        )
    if instant(content["end"], zone) < instant(content["start"], zone):
        raise CalendarRefusedError("timeRangeEmpty", location="timeMax")


def _check_moment(given: Any, name: str) -> None:
    if not isinstance(given, dict) or not (given.get("date") or given.get("dateTime")):
        raise CalendarRefusedError("required", f"Missing {name} time.", location=name)
    if given.get("date") and given.get("dateTime"):
        raise CalendarRefusedError("invalid", f"Invalid {name} time.", location=name)
    named = given.get("timeZone")
    if named is not None and not is_zone(named):
        raise CalendarRefusedError("invalid", f"Invalid time zone definition for {name} time.")
    try:
        naive = _is_naive(given)
    except (TypeError, ValueError):
        raise CalendarRefusedError("invalid", "Invalid value for: time", location=name) from None
    if naive and not named:
        raise CalendarRefusedError("required", f"Missing time zone definition for {name} time.")


def _is_naive(given: Json) -> bool:
    if given.get("date"):
        date.fromisoformat(given["date"])
        return False
    return datetime.fromisoformat(given["dateTime"]).tzinfo is None


def is_zone(name: Any) -> bool:
    return isinstance(name, str) and name in _zones()


@cache
def _zones() -> frozenset[str]:
    """Looked up once: it walks through hundreds of files."""
    return frozenset(available_timezones())


def _check_recurrence(content: Json, zone: str) -> None:
    lines = content.get("recurrence")
    if not lines:
        return
    if "dateTime" in content["start"] and not content["start"].get("timeZone"):
        raise CalendarRefusedError("required", "Missing time zone definition for start time.")
    own = ZoneInfo(content["start"].get("timeZone") or zone)
    start = instant(content["start"], zone).astimezone(own).replace(tzinfo=None)
    try:
        recurrence.check(lines, start)
    except (AttributeError, TypeError, ValueError):
        raise CalendarRefusedError("invalid", "Invalid recurrence rule.") from None


def _check_attendees(content: Json, _: str) -> None:
    for guest in content.get("attendees") or []:
        if not isinstance(guest, dict) or not guest.get("email"):
            raise CalendarRefusedError("required", "Missing attendee email.")
        if not isinstance(guest["email"], str) or not EMAIL.fullmatch(guest["email"]):
            raise CalendarRefusedError("invalid", "Invalid attendee email.")
        if guest.get("responseStatus", "needsAction") not in ANSWERS:
            raise CalendarRefusedError("invalid", "Invalid attendee response status.")


def _check_properties(content: Json, _: str) -> None:
    pairs = [
        (key, value)
        for kept in (content.get("extendedProperties") or {}).values()
        for key, value in kept.items()
    ]
    if not all(isinstance(value, str) for _, value in pairs):
        raise CalendarRefusedError("invalid", "Invalid extended property value.")
    too_long = any(
        len(key) > MAX_PROPERTY_KEY or len(value) > MAX_PROPERTY_VALUE for key, value in pairs
    )
    size = sum(len(key.encode()) + len(value.encode()) for key, value in pairs)
    if too_long or len(pairs) > MAX_PROPERTIES or size > MAX_PROPERTY_BYTES:
        raise CalendarRefusedError("invalid", "Extended properties are too large.")


CHECKS: tuple[Callable[[Json, str], None], ...] = (
    _check_kinds,
    _check_times,
    _check_recurrence,
    _check_attendees,
    _check_properties,
)
