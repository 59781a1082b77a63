"""getSchedule: who is free, and when.

https://learn.microsoft.com/en-us/graph/api/calendar-getschedule
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from starlette.responses import Response

from sandbox.lib.faults import Faults
from sandbox.microsoft.errors import RefusedError, bad
from sandbox.microsoft.model import zones
from sandbox.microsoft.model.event import Event
from sandbox.microsoft.model.mailbox import Mailbox
from sandbox.microsoft.model.zones import Wall

from .call import Call, Json

USUAL_INTERVAL, MIN_INTERVAL, MAX_INTERVAL = 30, 5, 1440
MAX_ENTRIES = 1000
MAX_SCHEDULES = 20
DIGITS: Mapping[str, str] = {"free": "0", "tentative": "1", "busy": "2", "oof": "3"}
ELSEWHERE = "4"
# The most is said of a slot that has several.
STRENGTH = "04123"


class ScheduleApi:
    def __init__(self, faults: Faults, mailboxes: Mapping[str, Mailbox]) -> None:
        # Personal accounts have no such call.
        self.refuses_personal = True
        self._faults = faults
        self._mailboxes = mailboxes

    def answer(self, call: Call) -> Response:
        if call.mailbox.user.is_personal and self.refuses_personal:
            raise RefusedError(
                403, "ErrorAccessDenied", "getSchedule is not supported for personal accounts."
            )
        given = call.json()
        start, end = (
            zones.read(given.get("startTime"), "startTime"),
            zones.read(given.get("endTime"), "endTime"),
        )
        interval = given.get("availabilityViewInterval", USUAL_INTERVAL)
        wanted = given.get("schedules")
        _check(wanted, start, end, interval)
        shown = [self._one(call, str(address), start, end, interval) for address in wanted or []]
        context = f"{call.base}/$metadata#Collection(microsoft.graph.scheduleInformation)"
        return call.answer({"@odata.context": context, "value": shown})

    def _one(self, call: Call, address: str, start: Wall, end: Wall, interval: int) -> Json:
        mailbox = self._mailboxes.get(address.casefold())
        if mailbox is None:
            return _problem(
                address,
                "ErrorMailRecipientNotFound",
                f"Unable to resolve e-mail address {address} to an Active Directory object.",
            )
        if self._faults.draw("free_busy_error", address) is not None:
            return _problem(address, "ErrorFreeBusyGenerationFailed", "Unable to read free/busy.")
        seen = mailbox.view(mailbox.calendar.id, start.instant, end.instant)
        if len(seen) > MAX_ENTRIES:
            return _problem(address, "5006", "The result set contains too many calendar entries.")
        return {
            "scheduleId": address,
            "availabilityView": _digits(seen, start.instant, end.instant, interval),
            "scheduleItems": [_item(event, call.prefer.zone) for event in seen],
            "workingHours": _working_hours(mailbox),
        }


def _check(wanted: object, start: Wall, end: Wall, interval: object) -> None:
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= MAX_SCHEDULES:
        raise bad(f"schedules has 1 to {MAX_SCHEDULES} addresses.", "ErrorInvalidParameter")
    if not isinstance(interval, int) or not MIN_INTERVAL <= interval <= MAX_INTERVAL:
        raise bad("The interval is between 5 and 1440.", "ErrorInvalidMergedFreeBusyInterval")
    if end.instant <= start.instant:
        raise bad("The time window is not valid.", "ErrorInvalidTimeWindow")


def _problem(address: str, code: str, message: str) -> Json:
    return {"scheduleId": address, "error": {"message": message, "responseCode": code}}


def _item(event: Event, zone: str) -> Json:
    return {
        "isPrivate": event.fields.get("sensitivity") == "private",
        "status": event.fields.get("showAs") or "busy",
        "subject": event.title,
        "location": (event.fields.get("location") or {}).get("displayName", ""),
        "isMeeting": bool(event.attendees),
        "isRecurring": event.master is not None,
        "isException": event.kind == "exception",
        "isReminderSet": True,
        "start": event.start.shown(zone),
        "end": event.end.shown(zone),
    }


def _digits(seen: list[Event], start: datetime, end: datetime, interval: int) -> str:
    step, digits, at = timedelta(minutes=interval), "", start
    while at < end:
        found = ["0"] + [
            DIGITS.get(str(event.fields.get("showAs") or "busy"), ELSEWHERE)
            for event in seen
            if event.overlaps(at, at + step)
        ]
        digits += max(found, key=STRENGTH.index)
        at += step
    return digits


def _working_hours(mailbox: Mailbox) -> Json:
    return {
        "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
        "startTime": "09:00:00.0000000",
        "endTime": "17:30:00.0000000",
        "timeZone": {"name": mailbox.user.zone},
    }
