"""Google's events, and ours, in each other's words.

https://developers.google.com/workspace/calendar/api/v3/reference/events
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from calendars.providers.event_times import EventTimes, event_times, keepable_day
from calendars.providers.google.descriptions import description_of_text, text_of_description
from calendars.providers.google.properties import (
    HASH,
    KEY,
    ZONE,
    extended_properties,
    private_properties,
)
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
    Removed,
    ResponseStatus,
)
from calendars.vocabulary.zones import (
    UnknownZone,
    at_instant,
    iana_zone,
)
from wedsync_comms.lib.errors import PermanentError
from wedsync_comms.lib.shapes import as_dict, as_dicts, as_text

ANSWERS = {
    "needsAction": ResponseStatus.NEEDED,
    "accepted": ResponseStatus.ACCEPTED,
    "tentative": ResponseStatus.TENTATIVE,
    "declined": ResponseStatus.DECLINED,
}
SAID = {answer: word for word, answer in ANSWERS.items()}
# They are in the calendar and take no time.
IDLE_TYPES = {"workingLocation", "birthday"}
VIDEO = "video"
TOO_MANY_GUESTS = "Google does not tell all of its guests: change them in the calendar itself."


@dataclass(frozen=True)
class EventZone:
    """A wall time's zone where an event names none that is known."""

    zone: str
    problem: str = ""


def google_event_id(key: str, calendar: str, generation: int) -> str:
    """Letters a to v and digits, in lower case."""
    return base64.b32hexencode(parts_digest(key, calendar, generation)).decode().rstrip("=").lower()


# --- theirs into ours ---------------------------------------------------------------------------


def read_google_event(item: Mapping[str, Any], zone: str) -> RemoteEvent | Removed:
    """Reads an event. `zone` is the calendar's, for days and for times that name none.

    Raises TransientError for what cannot be understood.
    """
    remote_id = as_text(item.get("id"))
    if not remote_id:
        raise malformed_answer("An event without an id.")
    # Of what was deleted, no more than the id is sure to be there.
    if item.get("status") == "cancelled" and not item.get("start"):
        return Removed(id=remote_id, series_id=as_text(item.get("recurringEventId")))
    return google_remote_event(item, zone)


def google_remote_event(item: Mapping[str, Any], zone: str) -> RemoteEvent:
    private = private_properties(item)
    place = google_zone(as_dict(item.get("start")), as_text(private.get(ZONE)) or zone)
    times = google_times(item, place.zone)
    return RemoteEvent(
        id=as_text(item.get("id")),
        etag=as_text(item.get("etag")),
        text=google_event_text(item, times),
        is_cancelled=item.get("status") == "cancelled",
        is_busy=is_opaque(item),
        organizer=as_text(as_dict(item.get("organizer")).get("email")),
        conference_url=conference_url(item),
        ical_uid=as_text(item.get("iCalUID")),
        series_id=as_text(item.get("recurringEventId")),
        updated_at=instant_or_none(item.get("updated")),
        key=as_text(private.get(KEY)),
        written_hash=as_text(private.get(HASH)),
        problem=place.problem,
        time_problem=times.problem,
        is_timeless=times.is_unknown,
        is_series=bool(item.get("recurrence")),
        has_all_guests=item.get("attendeesOmitted") is not True,
        raw=dict(item),
    )


def google_times(item: Mapping[str, Any], zone: str) -> EventTimes:
    start, end = as_dict(item.get("start")), as_dict(item.get("end"))
    return event_times(
        lambda: google_moment(start, zone), lambda: google_moment(end, zone), "date" in start
    )


def google_event_text(item: Mapping[str, Any], times: EventTimes) -> EventText:
    return EventText(
        title=as_text(item.get("summary")),
        start=times.start,
        end=times.end,
        is_all_day=times.is_all_day,
        description=text_of_description(as_text(item.get("description"))),
        place=as_text(item.get("location")),
        attendees=tuple(google_attendee(attendee) for attendee in as_dicts(item.get("attendees"))),
        wants_conference=bool(conference_url(item)),
    )


def google_zone(start: Mapping[str, Any], zone: str) -> EventZone:
    """Returns its zone: of a day the one we gave it, of an hour that names none the calendar's."""
    named = as_text(start.get("timeZone"))
    try:
        return EventZone(iana_zone(named if named and "dateTime" in start else zone))
    except UnknownZone as error:
        # Google gives the offset, so the instant is right, whatever the zone is called.
        return EventZone("UTC", str(error))


def google_moment(given: Mapping[str, Any], zone: str) -> Moment:
    """Raises TransientError."""
    if "date" in given:
        try:
            return Moment.midnight(keepable_day(date.fromisoformat(str(given["date"]))), zone)
        except ValueError as error:
            raise malformed_answer(f"This is no day: {given['date']!r}.") from error
    return at_instant(parse_instant(given.get("dateTime")), zone)


def google_attendee(attendee: Mapping[str, Any]) -> Attendee:
    return Attendee(
        email=as_text(attendee.get("email")),
        name=as_text(attendee.get("displayName")),
        answer=ANSWERS.get(as_text(attendee.get("responseStatus")), ResponseStatus.NEEDED),
        is_optional=attendee.get("optional") is True,
        is_organizer=attendee.get("organizer") is True,
        is_self=attendee.get("self") is True,
    )


def is_opaque(item: Mapping[str, Any]) -> bool:
    declined = any(
        attendee.get("self") is True and attendee.get("responseStatus") == "declined"
        for attendee in as_dicts(item.get("attendees"))
    )
    idle = item.get("transparency") == "transparent" or item.get("eventType") in IDLE_TYPES
    return not (declined or idle or item.get("status") == "cancelled")


def conference_url(item: Mapping[str, Any]) -> str:
    entries = as_dicts(as_dict(item.get("conferenceData")).get("entryPoints"))
    videos = [
        as_text(entry.get("uri")) for entry in entries if entry.get("entryPointType") == VIDEO
    ]
    return next(filter(None, videos), "") or as_text(item.get("hangoutLink"))


# --- ours into theirs ---------------------------------------------------------------------------


def google_event_fields(written: EventText) -> dict[str, Any]:
    return {
        "summary": written.title,
        "description": description_of_text(written.description),
        "location": written.place,
        "start": google_date_time(written.start, is_all_day=written.is_all_day),
        "end": google_date_time(written.end, is_all_day=written.is_all_day),
    }


def names_zone(item: Mapping[str, Any]) -> bool:
    private = private_properties(item)
    start = as_dict(item.get("start"))
    return bool(private.get(ZONE) or ("dateTime" in start and start.get("timeZone")))


def google_date_time(moment: Moment, *, is_all_day: bool) -> dict[str, Any]:
    if is_all_day:
        return {"date": moment.wall.date().isoformat()}
    # The zone keeps the wall time, the offset tells a repeated hour apart.
    local = moment.instant.astimezone(ZoneInfo(moment.zone))
    return {"dateTime": local.isoformat(timespec="seconds"), "timeZone": moment.zone}


def google_guest(attendee: Attendee) -> dict[str, Any]:
    guest: dict[str, Any] = {
        "email": attendee.email,
        "responseStatus": SAID[attendee.answer],
    }
    if attendee.name:
        guest["displayName"] = attendee.name
    if attendee.is_optional:
        guest["optional"] = True
    return guest


def google_guests(
    written: EventText, before: EventText, item: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Returns the whole list, as Google replaces it: theirs, with what is different in ours.

    Whoever is in neither of ours stays: the calendar's owner, guests without an address.
    """
    then = {attendee.email.lower(): attendee for attendee in before.attendees}
    now = {attendee.email.lower(): attendee for attendee in written.attendees}
    guests: list[dict[str, Any]] = []
    for present in as_dicts(item.get("attendees")):
        email = as_text(present.get("email")).lower()
        wanted = now.pop(email, None)
        if wanted is not None:
            guests.append(changed_guest(present, then.get(email), wanted))
        elif not email or email not in then or is_calendar_owner(google_attendee(present)):
            guests.append(dict(present))
    return guests + [google_guest(attendee) for attendee in now.values()]


def changed_guest(
    present: Mapping[str, Any], before: Attendee | None, wanted: Attendee
) -> dict[str, Any]:
    """Returns a guest as Google has them, but for what we changed."""
    ours = {
        "displayName": (wanted.name, before and before.name),
        "optional": (wanted.is_optional, before and before.is_optional),
        "responseStatus": (SAID[wanted.answer], before and SAID[before.answer]),
    }
    different = {name: now for name, (now, then) in ours.items() if before and now != then}
    return {"responseStatus": SAID[wanted.answer], **present, **different}


def google_invitations(written: EventText) -> list[tuple[str, str, bool, ResponseStatus]]:
    """Returns what of the guests can differ."""
    return [
        (attendee.email.lower(), attendee.name, attendee.is_optional, attendee.answer)
        for attendee in written.attendees
        if not is_calendar_owner(attendee)
    ]


def is_calendar_owner(attendee: Attendee) -> bool:
    """Returns whether it is the calendar's owner, who is no guest, though Google lists them."""
    return attendee.is_organizer or attendee.is_self


def conference_request(key: str) -> dict[str, Any]:
    """Returns the same request, so the same conference, each time that it is asked for."""
    return {
        "createRequest": {
            "requestId": parts_digest(key, "conference").hex(),
            "conferenceSolutionKey": {"type": "hangoutsMeet"},
        },
    }


def insert_body(written: EventText, key: str, written_hash: str) -> dict[str, Any]:
    body = google_event_fields(written) | {
        "extendedProperties": extended_properties(written, key, written_hash)
    }
    if written.attendees:
        body["attendees"] = [google_guest(attendee) for attendee in written.attendees]
    if written.wants_conference:
        body["conferenceData"] = conference_request(key)
    return body


def patch_body(
    written: EventText,
    present: RemoteEvent,
    written_hash: str,
    before: EventText | None = None,
) -> dict[str, Any]:
    """Returns what we changed since `before`, and no more: whatever is written may be told to all
    the guests, and of what we did not change Google may hold more than we do.

    Raises PermanentError where guests are to be changed of whom Google does not tell all.
    """
    before = before or present.text
    then, after = google_event_fields(before), google_event_fields(written)
    now = google_event_fields(present.text)
    body = {
        name: value for name, value in after.items() if value != then[name] and value != now[name]
    }
    if body.keys() & {"start", "end"} and present.time_problem:
        body |= {name: after[name] for name in ("start", "end")}
    if body.keys() & {"start", "end"} and written.is_all_day != present.text.is_all_day:
        other = "dateTime" if written.is_all_day else "date"
        body |= {name: {**after[name], other: None} for name in ("start", "end")}
    if google_invitations(written) != google_invitations(before):
        if not present.has_all_guests:
            raise PermanentError(TOO_MANY_GUESTS, code="attendeesOmitted")
        body["attendees"] = google_guests(written, before, present.raw)
    if written.wants_conference and not present.conference_url:
        body["conferenceData"] = conference_request(present.key or present.id)
    return body | {"extendedProperties": extended_properties(written, present.key, written_hash)}
