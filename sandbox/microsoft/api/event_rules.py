"""What Graph demands of an event that is written, and what it makes of it."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from sandbox.microsoft.errors import bad
from sandbox.microsoft.model import recurrence, zones
from sandbox.microsoft.model.event import Event
from sandbox.microsoft.model.item import read_properties
from sandbox.microsoft.model.users import User
from sandbox.microsoft.model.zones import Wall

from . import shapes
from .event_view import NEVER, join_url
from .join_block import has_join_block, with_join_block

Json = dict[str, Any]

MAX_ATTENDEES = 500
# Told, but not to be told: silently left as they are.
READ_ONLY = frozenset({
    "id", "createdDateTime", "lastModifiedDateTime", "changeKey", "bodyPreview", "iCalUId", "uid",
    "type", "seriesMasterId", "isOrganizer", "organizer", "responseStatus", "webLink",
    "originalStartTimeZone", "originalEndTimeZone", "originalStart", "isCancelled", "isDraft",
    "onlineMeeting", "onlineMeetingUrl", "hasAttachments",
})  # fmt: skip
KINDS: Mapping[str, type] = {
    "subject": str,
    "body": dict,
    "location": dict,
    "locations": list,
    "attendees": list,
    "categories": list,
    "importance": str,
    "sensitivity": str,
    "showAs": str,
    "isAllDay": bool,
    "isOnlineMeeting": bool,
    "isReminderOn": bool,
    "responseRequested": bool,
    "allowNewTimeProposals": bool,
    "hideAttendees": bool,
    "reminderMinutesBeforeStart": int,
    "onlineMeetingProvider": str,
    "transactionId": str,
}
SHOWS_AS = {"free", "tentative", "busy", "oof", "workingElsewhere", "unknown"}
# Handled by themselves.
APART = {"start", "end", "recurrence", "singleValueExtendedProperties"}


def read_new(given: Json, *, calendar: str, user: User, at: datetime) -> Event:
    start, end = zones.read(given.get("start"), "start"), zones.read(given.get("end"), "end")
    event = Event(folder=calendar, fields={}, created_at=at, modified_at=at, start=start, end=end)
    apply(event, given, user=user)
    return event


def apply(event: Event, given: Json, *, user: User) -> None:
    """Applies all of it or, by a RefusedError, nothing."""
    fields = _read_fields(event, given, user)
    start = zones.read(given["start"], "start") if "start" in given else event.start
    end = zones.read(given["end"], "end") if "end" in given else event.end
    check_times(start, end, all_day=bool(fields.get("isAllDay")))
    series = _read_series(given, start) if "recurrence" in given else event.recurrence
    properties = read_properties(given.get("singleValueExtendedProperties", []))
    _check_order(event, start)
    event.fields, event.start, event.end, event.recurrence = fields, start, end, series
    event.properties = {**event.properties, **properties}


def check_times(start: Wall, end: Wall, *, all_day: bool) -> None:
    if end.instant < start.instant:
        raise bad("At least one property failed validation.", "ErrorPropertyValidationFailure")
    midnights = start.local.time() == end.local.time() == time()
    if all_day and not (midnights and end.local > start.local and start.zone == end.zone):
        raise bad(
            "The Event.Start and Event.End properties of an all-day event need to be set to "
            "midnight, in the same time zone.",
        )


def _read_fields(event: Event, given: Json, user: User) -> Json:
    shapes.check(given, KINDS, READ_ONLY | APART, "microsoft.graph.event")
    fields = {**event.fields, **{k: v for k, v in given.items() if k in KINDS}}
    if given.get("showAs", "busy") not in SHOWS_AS:
        raise bad("Requested value of showAs was not found.", "RequestBodyRead")
    if "transactionId" in given and event.sequence:
        raise bad("The property transactionId cannot be changed.")
    if "attendees" in given:
        fields["attendees"] = _attendees(given["attendees"] or [], event.attendees)
    if "location" in given and "locations" not in given:
        fields["location"] = _location(given["location"])
        fields["locations"] = [fields["location"]] if fields["location"]["displayName"] else []
    return _with_meeting(event, given, fields, user)


def _with_meeting(event: Event, given: Json, fields: Json, user: User) -> Json:
    """Once it is a meeting on line, it stays one while its part of the body does.

    Personal accounts have none.
    https://learn.microsoft.com/en-us/graph/api/event-update#notes-for-updating-specific-properties
    """
    was = bool(event.fields.get("onlineMeeting"))
    if not (fields.get("isOnlineMeeting") or was):
        return fields
    if user.is_personal:
        return {**fields, "isOnlineMeeting": False}
    if was and "body" in given and not has_join_block(given["body"], join_url(event)):
        return {**fields, "isOnlineMeeting": False, "onlineMeeting": None}
    meeting = {"joinUrl": join_url(event), "conferenceId": "", "tollNumber": None}
    body = fields.get("body") or {}
    if not was:
        body = with_join_block(body, join_url(event))
    return {
        **fields,
        "body": body,
        "isOnlineMeeting": True,
        "onlineMeetingProvider": "teamsForBusiness",
        "onlineMeeting": meeting,
    }


def _location(given: Json | None) -> Json:
    name = str((given or {}).get("displayName") or "")
    usual = {"locationType": "default", "uniqueId": name, "uniqueIdType": "private"}
    return {**usual, **(given or {}), "displayName": name}


def _attendees(given: list[Any], present: list[Json]) -> list[Json]:
    """Their answers are theirs: what is written about them counts for nothing."""
    if len(given) > MAX_ATTENDEES:
        raise bad("An event has 500 attendees at most.", "ErrorExceededMaxRecipientLimit")
    answers = {address_of(guest): guest["status"] for guest in present}
    unasked = {"response": "none", "time": NEVER}
    found: dict[str, Json] = {}
    for attendee in given:
        address = address_of(attendee)
        if "@" not in address:
            raise bad("At least one recipient is not valid.", "ErrorInvalidRecipients")
        email = attendee["emailAddress"]
        found[address] = {
            "type": attendee.get("type") or "required",
            "status": answers.get(address, unasked),
            "emailAddress": {"name": email.get("name") or email["address"], **email},
        }
    return list(found.values())


def address_of(attendee: Any) -> str:
    email = attendee.get("emailAddress") if isinstance(attendee, dict) else None
    return str(email.get("address", "")).casefold() if isinstance(email, dict) else ""


def _read_series(given: Json, start: Wall) -> Json | None:
    series = given["recurrence"]
    if series is None:
        return None
    recurrence.check(series)
    limits = {"recurrenceTimeZone": start.zone, "numberOfOccurrences": 0, **series["range"]}
    return {"pattern": series["pattern"], "range": limits}


def _check_order(event: Event, start: Wall) -> None:
    """An occurrence cannot go past its neighbours."""
    if event.master is None or event.original is None:
        return
    reach = event.start.instant + timedelta(days=370)
    others = [occurrence for occurrence in event.master.occurrences(reach) if occurrence.original]
    days = [other.original for other in others]
    place = days.index(event.original)
    day = start.local.date()
    earlier = others[place - 1].start.local.date() if place else None
    later = others[place + 1].start.local.date() if place + 1 < len(others) else None
    if (earlier and day <= earlier) or (later and day >= later):
        raise bad(
            "Modified occurrence is crossing or overlapping adjacent occurrence.",
            "ErrorOccurrenceCrossingBoundary",
        )
