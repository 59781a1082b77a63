"""freeBusy: https://developers.google.com/workspace/calendar/api/v3/reference/freebusy/query"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.google.errors import CalendarRefusedError
from sandbox.google.model.calendar import Calendar
from sandbox.google.model.event import Event

from .reading import moment

Json = dict[str, Any]

# Not in the documents; longer ranges have been seen refused.
LONGEST = timedelta(days=92)
MOST_CALENDARS = 50
NOT_BUSY = ("workingLocation", "birthday")


def answer(given: Json, find: Callable[[str], Calendar | None], broken: str = "") -> Json:
    """Answers; ``broken`` is the error that every calendar has instead of an answer."""
    start, end = _range(given)
    zone = ZoneInfo(given.get("timeZone") or "UTC")
    items = [str(item.get("id")) for item in given.get("items") or []]
    most = min(int(given.get("calendarExpansionMax") or MOST_CALENDARS), MOST_CALENDARS)
    calendars: Json = {}
    for place, wanted in enumerate(items):
        calendar = find(wanted)
        reason = broken or ("" if calendar else "notFound")
        if place >= most:
            reason = "tooManyCalendarsRequested"
        if reason or calendar is None:
            calendars[wanted] = {"errors": [{"domain": "global", "reason": reason}], "busy": []}
        else:
            calendars[wanted] = {"busy": busy(calendar, start, end, zone)}
    return {
        "kind": "calendar#freeBusy",
        "timeMin": _text(start, zone),
        "timeMax": _text(end, zone),
        "calendars": calendars,
    }


def _range(given: Json) -> tuple[datetime, datetime]:
    start, end = moment(given.get("timeMin"), "timeMin"), moment(given.get("timeMax"), "timeMax")
    if end <= start:
        raise CalendarRefusedError("timeRangeEmpty", location="timeMax")
    if end - start > LONGEST:
        raise CalendarRefusedError("timeRangeTooLong", location="timeMax")
    return start, end


def busy(calendar: Calendar, start: datetime, end: datetime, zone: ZoneInfo) -> list[Json]:
    """Returns the busy times; those that touch or overlap are one."""
    merged: list[list[datetime]] = []
    taken = [event for event in calendar.live(start, end) if _blocks(event, calendar)]
    for event in sorted(taken, key=lambda entry: entry.starts(calendar.zone)):
        first = max(event.starts(calendar.zone), start)
        last = min(event.ends(calendar.zone), end)
        if merged and first <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return [{"start": _text(first, zone), "end": _text(last, zone)} for first, last in merged]


def _blocks(event: Event, calendar: Calendar) -> bool:
    content = event.content
    declined = any(
        guest["email"] == calendar.owner and guest.get("responseStatus") == "declined"
        for guest in event.attendees()
    )
    free = content.get("transparency") == "transparent" or content.get("eventType") in NOT_BUSY
    return not declined and not free


def _text(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "Z")
