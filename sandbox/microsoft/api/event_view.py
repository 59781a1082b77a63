"""An event as Graph shows it.

https://learn.microsoft.com/en-us/graph/api/resources/event
"""

import re
from collections.abc import Mapping
from html import escape, unescape
from typing import Any

from sandbox.microsoft.model import zones
from sandbox.microsoft.model.event import Event
from sandbox.microsoft.model.stamps import stamp
from sandbox.microsoft.model.users import User
from sandbox.microsoft.model.zones import Wall

from .call import Prefer

Json = dict[str, Any]

NEVER = "0001-01-01T00:00:00Z"
# What an event has that nobody has said anything about.
USUAL: Mapping[str, Any] = {
    "subject": "",
    "importance": "normal",
    "sensitivity": "normal",
    "showAs": "busy",
    "categories": [],
    "isReminderOn": True,
    "reminderMinutesBeforeStart": 15,
    "isAllDay": False,
    "isCancelled": False,
    "isDraft": False,
    "hasAttachments": False,
    "hideAttendees": False,
    "responseRequested": True,
    "allowNewTimeProposals": True,
    "isOnlineMeeting": False,
    "onlineMeetingProvider": "unknown",
    "onlineMeeting": None,
    "onlineMeetingUrl": None,
    "transactionId": None,
    "location": {"displayName": "", "locationType": "default", "uniqueIdType": "unknown"},
    "locations": [],
    "attendees": [],
}


def show(event: Event, user: User, prefer: Prefer) -> Json:
    body = _body(event.fields.get("body") or {}, plain=prefer.plain_text)
    shown = {
        "@odata.etag": event.etag,
        "id": event.shown_id(immutable=prefer.immutable),
        "createdDateTime": stamp(event.created_at),
        "lastModifiedDateTime": stamp(event.modified_at),
        "changeKey": event.change_key,
        **USUAL,
        **event.fields,
        "body": body,
        "bodyPreview": _plain(body["content"])[:255],
        "start": _moment(event, event.start, prefer.zone),
        "end": _moment(event, event.end, prefer.zone),
        "originalStartTimeZone": event.start.zone,
        "originalEndTimeZone": event.end.zone,
        "originalStart": stamp(_original(event).instant) if event.master else None,
        "iCalUId": event.ical_uid,
        "type": event.kind,
        "seriesMasterId": _master_id(event, prefer),
        "recurrence": event.recurrence,
        "isOrganizer": event.organizer is None,
        "organizer": {"emailAddress": event.organizer or user.as_address()},
        "responseStatus": _own_answer(event),
        "webLink": f"https://outlook.office365.com/owa/?itemid={event.id}",
    }
    missing = {name for name, value in event.told.items() if value is None}
    return {name: v for name, v in {**shown, **event.told}.items() if name not in missing}


def show_occurrence(event: Event, prefer: Prefer) -> Json:
    """Shows what change tracking tells of an occurrence that is like its series."""
    return {
        "@odata.type": "#microsoft.graph.event",
        "id": event.shown_id(immutable=prefer.immutable),
        "type": event.kind,
        "seriesMasterId": _master_id(event, prefer),
        "start": _moment(event, event.start, prefer.zone),
        "end": _moment(event, event.end, prefer.zone),
    }


def join_url(event: Event) -> str:
    return f"https://teams.microsoft.com/l/meetup-join/19%3ameeting_{event.uid}%40thread.v2/0"


def _moment(event: Event, wall: Wall, zone: str) -> Json:
    """A whole day is that day, whatever the zone it is read in."""
    return zones.show(wall.local, zone) if event.is_all_day else wall.shown(zone)


def _original(event: Event) -> Wall:
    master = event.master or event
    day = event.original or event.start.local.date()
    at = event.start.local.replace(year=day.year, month=day.month, day=day.day)
    return Wall(at.replace(hour=master.start.local.hour, minute=master.start.local.minute),
                master.start.zone)  # fmt: skip


def _master_id(event: Event, prefer: Prefer) -> str | None:
    return event.master.shown_id(immutable=prefer.immutable) if event.master else None


def _own_answer(event: Event) -> Json:
    if event.organizer is None:
        return {"response": "organizer", "time": NEVER}
    found: Json = event.fields.get("responseStatus") or {"response": "notResponded", "time": NEVER}
    return found


def _body(stored: Json, *, plain: bool) -> Json:
    """HTML, unless plain text is preferred."""
    content, kind = str(stored.get("content") or ""), str(stored.get("contentType") or "html")
    is_html = kind.casefold() == "html"
    if plain:
        return {"contentType": "text", "content": _plain(content) if is_html else content}
    if content and not is_html:
        lines = escape(content).replace("\n", "<br>")
        content = f'<html><body><div class="PlainText">{lines}</div></body></html>'
    return {"contentType": "html", "content": content}


def _plain(html: str) -> str:
    lines = re.sub(r"(?i)<br\s*/?>|</(?:div|p)>", "\n", html)
    return unescape(re.sub(r"<[^>]+>", "", lines)).strip()
