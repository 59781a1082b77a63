"""Microsoft's events, and ours, in each other's words.

https://learn.microsoft.com/en-us/graph/api/resources/event
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from calendars.providers.event_times import EventTimes, event_times
from calendars.providers.microsoft.meeting_body import (
    html_with_meeting,
    meeting_url,
    text_without_meeting,
)
from calendars.providers.microsoft.properties import HASH, KEY, ZONE, own_properties, property_list
from calendars.providers.responses import (
    instant_or_none,
    malformed_answer,
    parse_instant,
    parts_digest,
)
from calendars.vocabulary.events import (
    Attendee,
    EventText,
    Moment,
    RemoteEvent,
    ResponseStatus,
)
from calendars.vocabulary.zones import (
    WINDOWS,
    UnknownZone,
    at_instant,
    iana_zone,
    is_repeated,
    is_utc,
    windows_zone,
    windows_zone_at,
)
from wedsync_comms.lib.errors import PermanentError
from wedsync_comms.lib.shapes import as_dict, as_dicts, as_text

ANSWERS = {
    "none": ResponseStatus.NEEDED,
    "notResponded": ResponseStatus.NEEDED,
    "organizer": ResponseStatus.ACCEPTED,
    "accepted": ResponseStatus.ACCEPTED,
    "tentativelyAccepted": ResponseStatus.TENTATIVE,
    "declined": ResponseStatus.DECLINED,
}
# A place to work at takes no time, and neither does what is marked as free.
IDLE = {"free", "workingElsewhere"}
MASTER, OCCURRENCE = "seriesMaster", "occurrence"
# What an occurrence does not take from its series.
OF_THE_SERIES = {
    "id",
    "type",
    "start",
    "end",
    "recurrence",
    "iCalUId",
    "transactionId",
    "@odata.type",
}
# Begins the transaction's id of what we created, which is the one trace of ours in a delta.
OURS = "wedsync:"
UTC_NAME = "UTC"
# Exchange takes no longer one.
MAX_SUBJECT = 255
TIMES = ("start", "end", "isAllDay")
HIDDEN_GUESTS = "Outlook does not tell all of its guests: change them in the calendar itself."


def transaction_id(key: str, calendar: str, generation: int) -> str:
    return f"{OURS}{key}:{generation}:{parts_digest(calendar).hex()[:12]}"


def transaction_key(item: Mapping[str, Any]) -> str:
    """Returns the key in its transaction, which nobody can change later and no copy has."""
    given = as_text(item.get("transactionId"))
    return given.removeprefix(OURS).rsplit(":", 2)[0] if given.startswith(OURS) else ""


# --- theirs into ours ---------------------------------------------------------------------------


def with_series(item: Mapping[str, Any], master: Mapping[str, Any]) -> dict[str, Any]:
    """Returns it with its series' content, since a delta tells an occurrence's times only."""
    shared = {name: value for name, value in master.items() if name not in OF_THE_SERIES}
    return {**shared, **item}


def read_graph_event(item: Mapping[str, Any], home: str = UTC_NAME) -> RemoteEvent:
    """Reads an event. `home` is the zone of the mailbox's owner.

    Raises TransientError for one without an id.
    """
    remote_id = as_text(item.get("id"))
    if not remote_id:
        raise malformed_answer("An event without an id.")
    ours = own_properties(item)
    zone, problem = graph_zone(item, ours[ZONE], home)
    times = graph_times(item, zone)
    return RemoteEvent(
        id=remote_id,
        etag=as_text(item.get("@odata.etag")),
        text=graph_event_text(item, times),
        is_cancelled=item.get("isCancelled") is True,
        is_busy=shows_as_busy(item),
        organizer=graph_address(item.get("organizer")),
        conference_url=meeting_url(item),
        ical_uid=as_text(item.get("iCalUId")),
        series_id=as_text(item.get("seriesMasterId")),
        updated_at=instant_or_none(item.get("lastModifiedDateTime")),
        key=ours[KEY] or transaction_key(item),
        written_hash=ours[HASH],
        problem=problem,
        time_problem=times.problem,
        is_timeless=times.is_unknown,
        is_series=item.get("type") == MASTER,
        title_width=MAX_SUBJECT,
        # Whoever organizes it sees them all.
        has_all_guests=item.get("hideAttendees") is not True or item.get("isOrganizer") is True,
        raw=dict(item),
    )


def graph_times(item: Mapping[str, Any], zone: str) -> EventTimes:
    is_all_day = item.get("isAllDay") is True
    return event_times(
        lambda: graph_moment(item.get("start"), zone, is_all_day=is_all_day),
        lambda: graph_moment(item.get("end"), zone, is_all_day=is_all_day),
        is_all_day,
    )


def graph_event_text(item: Mapping[str, Any], times: EventTimes) -> EventText:
    return EventText(
        title=as_text(item.get("subject")),
        start=times.start,
        end=times.end,
        is_all_day=times.is_all_day,
        description=graph_body_text(item),
        place=as_text(as_dict(item.get("location")).get("displayName")),
        attendees=graph_attendees(item),
        wants_conference=item.get("isOnlineMeeting") is True,
    )


def graph_zone(item: Mapping[str, Any], ours: str, home: str) -> tuple[str, str]:
    """Returns the zone it was written in, ours if it is that one there, and the problem.

    A whole day that programs write in UTC is a day at home.
    """
    given = as_text(item.get("originalStartTimeZone")) or UTC_NAME
    nowhere = home if item.get("isAllDay") is True else UTC_NAME
    try:
        if ours and given in (UTC_NAME, ours, *graph_zone_names(ours)):
            return iana_zone(ours), ""
        zone = iana_zone(given)
    except UnknownZone as error:
        # The times are asked for in UTC, so the instant is right, whatever the zone is called.
        return nowhere, str(error)
    return (nowhere if is_utc(zone) else zone), ""


def graph_zone_names(zone: str) -> Collection[str]:
    """Returns the names under which a zone of ours may stand there. Raises UnknownZone."""
    return {name} if (name := windows_zone(zone)) else set(WINDOWS)


def graph_moment(given: Any, zone: str, *, is_all_day: bool) -> Moment:
    """Raises TransientError."""
    value = as_dict(given)
    try:
        shown_in = ZoneInfo(iana_zone(as_text(value.get("timeZone")) or UTC_NAME))
    except UnknownZone as error:
        raise malformed_answer(str(error)) from error
    at = parse_instant(value.get("dateTime"), shown_in)
    shown = at.astimezone(shown_in)
    if is_all_day and shown.time() == time():
        # A day is that day, whatever the zone it is read in.
        return Moment.midnight(shown.date(), zone)
    placed = at_instant(at, zone)
    return Moment.midnight(placed.wall.date(), zone) if is_all_day else placed


def graph_body_text(item: Mapping[str, Any]) -> str:
    """Returns the text; Exchange ends its lines as mails do, and the text with an empty one."""
    text = as_text(as_dict(item.get("body")).get("content")).replace("\r\n", "\n").strip()
    return text_without_meeting(text, item)


def graph_attendees(item: Mapping[str, Any]) -> tuple[Attendee, ...]:
    organizer = graph_address(item.get("organizer")).lower()
    return tuple(
        Attendee(
            email=graph_address(attendee),
            name=graph_name(attendee),
            answer=ANSWERS.get(
                as_text(as_dict(attendee.get("status")).get("response")), ResponseStatus.NEEDED
            ),
            is_optional=attendee.get("type") == "optional",
            is_organizer=graph_address(attendee).lower() == organizer,
        )
        for attendee in as_dicts(item.get("attendees"))
    )


def graph_name(recipient: Mapping[str, Any]) -> str:
    """Returns the name; blank where Graph puts the address for want of one."""
    name = as_text(as_dict(recipient.get("emailAddress")).get("name"))
    return "" if name.lower() == graph_address(recipient).lower() else name


def graph_address(recipient: Any) -> str:
    return as_text(as_dict(as_dict(recipient).get("emailAddress")).get("address"))


def shows_as_busy(item: Mapping[str, Any]) -> bool:
    declined = as_dict(item.get("responseStatus")).get("response") == "declined"
    return not (declined or item.get("isCancelled") is True or item.get("showAs") in IDLE)


# --- ours into theirs ---------------------------------------------------------------------------


def graph_event_fields(written: EventText) -> dict[str, Any]:
    return {
        "subject": written.title[:MAX_SUBJECT],
        "body": {"contentType": "text", "content": written.description},
        "location": {"displayName": written.place},
        "start": graph_date_time(written.start, is_all_day=written.is_all_day),
        "end": graph_date_time(written.end, is_all_day=written.is_all_day),
        "isAllDay": written.is_all_day,
    }


def graph_date_time(moment: Moment, *, is_all_day: bool) -> dict[str, str]:
    """Returns wall time, which stays what it is when the rules of the zone change."""
    if not is_all_day and moment.wall.fold and is_repeated(moment):
        # The second of two equal hours has no name in wall time.
        return date_time(moment.instant, UTC_NAME)
    if name := windows_zone(moment.zone):
        return date_time(moment.wall, name)
    if is_all_day:
        # Both ends in one zone; whose day it is, our own property says.
        return date_time(moment.wall, UTC_NAME)
    if name := windows_zone_at(moment):
        return date_time(moment.wall, name)
    return date_time(moment.instant, UTC_NAME)


def date_time(at: datetime, zone: str) -> dict[str, str]:
    return {
        "dateTime": at.replace(tzinfo=None, fold=0).isoformat(timespec="seconds"),
        "timeZone": zone,
    }


def in_utc(at: datetime) -> dict[str, str]:
    return date_time(at.astimezone(UTC), UTC_NAME)


def graph_guests(
    written: EventText, item: Mapping[str, Any], before: EventText | None = None
) -> list[dict[str, Any]]:
    """Returns the whole list, as Graph replaces it: theirs, with what is different in ours.

    Whoever is in neither of ours stays, such as rooms and guests without an address. The organizer
    is no guest here.
    """
    organizer = graph_address(item.get("organizer")).lower()
    then = {a.email.lower() for a in before.attendees if not a.is_organizer} if before else set()
    now = {a.email.lower(): a for a in written.attendees if not a.is_organizer}
    guests: list[dict[str, Any]] = []
    for present in as_dicts(item.get("attendees")):
        email = graph_address(present).lower()
        wanted = now.pop(email, None)
        if wanted is not None:
            guests.append(graph_guest(wanted, present))
        elif not email or (email not in then and email != organizer):
            guests.append(told_guest(present))
    return guests + [graph_guest(attendee, {}) for attendee in now.values()]


def told_guest(present: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a guest as Graph told of them, without their answer, which is theirs."""
    return {name: present[name] for name in ("emailAddress", "type") if name in present}


def graph_guest(attendee: Attendee, present: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the guest for Graph, without their answer, which is theirs; a room stays a room.

    A name that is wider than ours stays as Graph has it.
    """
    name = graph_name(present)
    if not name.startswith(attendee.name) or not attendee.name:
        name = attendee.name
    email = {"address": attendee.email, **({"name": name} if name else {})}
    kind = "optional" if attendee.is_optional else "required"
    if present.get("type") == "resource":
        kind = "resource"
    return {"emailAddress": email, "type": kind}


def event_properties(written: EventText, key: str, written_hash: str) -> dict[str, str]:
    return {KEY: key, HASH: written_hash, ZONE: written.start.zone}


def create_body(written: EventText, values: Mapping[str, str]) -> dict[str, Any]:
    """Returns it with its properties, since what is added a moment later may be refused.
    https://github.com/microsoftgraph/msgraph-sdk-ruby/issues/38"""
    body = graph_event_fields(written) | {"singleValueExtendedProperties": property_list(values)}
    if written.attendees:
        body["attendees"] = graph_guests(written, {})
    if written.wants_conference:
        body["isOnlineMeeting"] = True
    return body


def update_body(
    written: EventText,
    present: RemoteEvent,
    values: Mapping[str, str],
    before: EventText | None = None,
) -> dict[str, Any]:
    """Returns what we changed since `before`, and no more: whatever is written may be told to all
    the guests, and of what we did not change Outlook may hold more than we do.

    Raises PermanentError where guests are to be changed of whom Graph does not tell all.
    """
    before = before or present.text
    then, after = graph_event_fields(before), graph_event_fields(written)
    now = graph_event_fields(present.text)
    body = {
        name: value for name, value in after.items() if value != then[name] and value != now[name]
    }
    if body.keys() & TIMES:
        body |= {name: after[name] for name in TIMES}
    if graph_invitations(written) != graph_invitations(before):
        if not present.has_all_guests:
            raise PermanentError(HIDDEN_GUESTS, code="hideAttendees")
        body["attendees"] = graph_guests(written, present.raw, before)
    if written.wants_conference and not present.text.wants_conference:
        body["isOnlineMeeting"] = True
    return body | {"singleValueExtendedProperties": property_list(values)}


def with_meeting_kept(body: dict[str, Any], present: RemoteEvent, html: str) -> dict[str, Any]:
    """Returns the update with the meeting's part of the present body (`html`) below ours."""
    text = as_text(as_dict(body.get("body")).get("content"))
    content = html_with_meeting(text, html, present.conference_url)
    return {**body, "body": {"contentType": "html", "content": content}}


def graph_invitations(written: EventText) -> list[tuple[str, str, bool]]:
    """Returns what of the guests is ours to write: their answers are not."""
    return [
        (attendee.email.lower(), attendee.name, attendee.is_optional)
        for attendee in written.attendees
        if not attendee.is_organizer
    ]
