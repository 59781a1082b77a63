"""Microsoft's events, and ours, in each other's words.

https://learn.microsoft.com/en-us/graph/api/resources/event
"""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from calendars.providers.asking import digest, instant, instant_or_none, malformed
from calendars.providers.microsoft.properties import HASH, KEY, ZONE, as_list, properties
from calendars.vocabulary.events import (
    Attendee,
    EventText,
    Moment,
    RemoteEvent,
    ResponseStatus,
)
from calendars.vocabulary.zones import (
    UnknownZone,
    at_instant,
    iana_zone,
    is_repeated,
    windows_zone,
)
from wedsync_comms.lib.shapes import listed, mapped, text

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


def transaction(key: str, calendar: str, generation: int) -> str:
    return f"{OURS}{key}:{generation}:{digest(calendar).hex()[:12]}"


def key_of(item: Mapping[str, Any]) -> str:
    """It cannot be changed after the event was created, and no copy has it."""
    given = text(item.get("transactionId"))
    return given.removeprefix(OURS).rsplit(":", 2)[0] if given.startswith(OURS) else ""


# --- theirs into ours ---------------------------------------------------------------------------


def completed(item: Mapping[str, Any], master: Mapping[str, Any]) -> dict[str, Any]:
    """A delta tells of an occurrence its times only: the rest is its series'."""
    shared = {name: value for name, value in master.items() if name not in OF_THE_SERIES}
    return {**shared, **item}


def read(item: Mapping[str, Any]) -> RemoteEvent:
    """Raises TransientError for what cannot be understood."""
    found = text(item.get("id"))
    if not found:
        raise malformed("An event without an id.")
    ours = properties(item)
    zone, problem = zone_of(item, ours[ZONE])
    return RemoteEvent(
        id=found,
        etag=text(item.get("@odata.etag")),
        text=text_of(item, zone),
        is_cancelled=item.get("isCancelled") is True,
        is_busy=is_busy(item),
        organizer=address(item.get("organizer")),
        conference_url=text(mapped(item.get("onlineMeeting")).get("joinUrl")),
        ical_uid=text(item.get("iCalUId")),
        series_id=text(item.get("seriesMasterId")),
        updated_at=instant_or_none(item.get("lastModifiedDateTime")),
        key=ours[KEY] or key_of(item),
        written_hash=ours[HASH],
        problem=problem,
        raw=dict(item),
    )


def text_of(item: Mapping[str, Any], zone: str) -> EventText:
    is_all_day = item.get("isAllDay") is True
    return EventText(
        title=text(item.get("subject")),
        start=moment(item.get("start"), zone, is_all_day=is_all_day),
        end=moment(item.get("end"), zone, is_all_day=is_all_day),
        is_all_day=is_all_day,
        description=words(item),
        place=text(mapped(item.get("location")).get("displayName")),
        attendees=attendees(item),
        wants_conference=item.get("isOnlineMeeting") is True,
    )


def zone_of(item: Mapping[str, Any], ours: str) -> tuple[str, str]:
    """The zone it was written in; ours, if that is what it was called there. With the problem."""
    given = text(item.get("originalStartTimeZone")) or UTC_NAME
    try:
        if ours and given in (UTC_NAME, ours, windows_zone(ours)):
            return iana_zone(ours), ""
        return iana_zone(given), ""
    except UnknownZone as error:
        # The times are asked for in UTC, so the instant is right, whatever the zone is called.
        return UTC_NAME, str(error)


def moment(given: Any, zone: str, *, is_all_day: bool) -> Moment:
    """Raises TransientError."""
    value = mapped(given)
    try:
        shown_in = ZoneInfo(iana_zone(text(value.get("timeZone")) or UTC_NAME))
    except UnknownZone as error:
        raise malformed(str(error)) from error
    at = instant(value.get("dateTime"), shown_in)
    shown = at.astimezone(shown_in)
    if is_all_day and shown.time() == time():
        # A day is that day, whatever the zone it is read in.
        return Moment.midnight(shown.date(), zone)
    placed = at_instant(at, zone)
    return Moment.midnight(placed.wall.date(), zone) if is_all_day else placed


def words(item: Mapping[str, Any]) -> str:
    """Exchange ends its lines as mails do, and ends the text with one."""
    return text(mapped(item.get("body")).get("content")).replace("\r\n", "\n").strip()


def attendees(item: Mapping[str, Any]) -> tuple[Attendee, ...]:
    organizer = address(item.get("organizer")).lower()
    return tuple(
        Attendee(
            email=address(one),
            name=named(one),
            answer=ANSWERS.get(
                text(mapped(one.get("status")).get("response")), ResponseStatus.NEEDED
            ),
            is_optional=one.get("type") == "optional",
            is_organizer=address(one).lower() == organizer,
        )
        for one in listed(item.get("attendees"))
    )


def named(recipient: Mapping[str, Any]) -> str:
    """Blank where Graph puts the address for want of a name."""
    name = text(mapped(recipient.get("emailAddress")).get("name"))
    return "" if name.lower() == address(recipient).lower() else name


def address(recipient: Any) -> str:
    return text(mapped(mapped(recipient).get("emailAddress")).get("address"))


def is_busy(item: Mapping[str, Any]) -> bool:
    declined = mapped(item.get("responseStatus")).get("response") == "declined"
    return not (declined or item.get("isCancelled") is True or item.get("showAs") in IDLE)


# --- ours into theirs ---------------------------------------------------------------------------


def content(written: EventText) -> dict[str, Any]:
    return {
        "subject": written.title,
        "body": {"contentType": "text", "content": written.description},
        "location": {"displayName": written.place},
        "start": when(written.start, is_all_day=written.is_all_day),
        "end": when(written.end, is_all_day=written.is_all_day),
        "isAllDay": written.is_all_day,
    }


def when(moment: Moment, *, is_all_day: bool) -> dict[str, str]:
    """Wall time, so that it stays what it is when the rules of the zone change."""
    if not is_all_day and moment.wall.fold and is_repeated(moment):
        # The second of two equal hours has no name in wall time.
        return date_time(moment.instant, UTC_NAME)
    return date_time(moment.wall, windows_zone(moment.zone) or moment.zone)


def date_time(at: datetime, zone: str) -> dict[str, str]:
    return {
        "dateTime": at.replace(tzinfo=None, fold=0).isoformat(timespec="seconds"),
        "timeZone": zone,
    }


def in_utc(at: datetime) -> dict[str, str]:
    return date_time(at.astimezone(UTC), UTC_NAME)


def guests(written: EventText, item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The whole list: Graph replaces it by what it is given. The organizer is no guest here."""
    present = {address(one).lower(): one for one in listed(item.get("attendees"))}
    return [
        guest(one, present.get(one.email.lower(), {}))
        for one in written.attendees
        if not one.is_organizer
    ]


def guest(one: Attendee, present: Mapping[str, Any]) -> dict[str, Any]:
    """What a guest answered is theirs to say; a room stays a room."""
    email = {"address": one.email, **({"name": one.name} if one.name else {})}
    kind = "optional" if one.is_optional else "required"
    if present.get("type") == "resource":
        kind = "resource"
    return {"emailAddress": email, "type": kind}


def marks(written: EventText, key: str, written_hash: str) -> dict[str, str]:
    return {KEY: key, HASH: written_hash, ZONE: written.start.zone}


def created(written: EventText, values: Mapping[str, str]) -> dict[str, Any]:
    """With its properties, because what is added a moment later may be refused.
    https://github.com/microsoftgraph/msgraph-sdk-ruby/issues/38"""
    body = content(written) | {"singleValueExtendedProperties": as_list(values)}
    if written.attendees:
        body["attendees"] = guests(written, {})
    if written.wants_conference:
        body["isOnlineMeeting"] = True
    return body


def changed(written: EventText, present: RemoteEvent, values: Mapping[str, str]) -> dict[str, Any]:
    """What differs, and no more: whatever is written may be told to all the guests, and the text
    of a meeting on line has what it is joined with."""
    before, after = content(present.text), content(written)
    body = {name: value for name, value in after.items() if value != before[name]}
    if body.keys() & {"start", "end", "isAllDay"}:
        body |= {name: after[name] for name in ("start", "end", "isAllDay")}
    if invited(written) != invited(present.text):
        body["attendees"] = guests(written, present.raw)
    if written.wants_conference and not present.text.wants_conference:
        body["isOnlineMeeting"] = True
    return body | {"singleValueExtendedProperties": as_list(values)}


def invited(written: EventText) -> list[tuple[str, str, bool]]:
    """What of the guests is ours to write: their answers are not."""
    return [
        (one.email.lower(), one.name, one.is_optional)
        for one in written.attendees
        if not one.is_organizer
    ]
