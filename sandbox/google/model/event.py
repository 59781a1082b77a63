"""One entry of a calendar, or one occurrence of it.

https://developers.google.com/workspace/calendar/api/v3/reference/events
"""

import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.lib.times import iso

Json = dict[str, Any]

# Base32hex, which is what an id may be made of.
ALPHABET = "0123456789abcdefghijklmnopqrstuv"


def new_id() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(26))


@dataclass
class Event:
    """``content`` is what was written; the rest is Google's."""

    id: str
    content: Json
    created: datetime
    updated: datetime
    version: int = 0
    sequence: int = 0
    deleted: bool = False
    # An occurrence that its series no longer has; only those who expand series hear of it.
    vanished: bool = False
    seen_conferences: set[str] = field(default_factory=set)
    # What is shown in place of what is known: whatever Google's schema allows (null: nothing).
    told: Json = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f'"{int(self.created.timestamp() * 1000)}{self.version:06}"'

    @property
    def series(self) -> str:
        return str(self.content.get("recurringEventId", ""))

    @property
    def is_series(self) -> bool:
        return bool(self.content.get("recurrence"))

    @property
    def is_all_day(self) -> bool:
        return "date" in self.content.get("start", {})

    def starts(self, zone: str) -> datetime:
        return instant(self.content["start"], zone)

    def ends(self, zone: str) -> datetime:
        return instant(self.content["end"], zone)

    def overlaps(self, start: datetime | None, end: datetime | None, zone: str) -> bool:
        """Returns whether it overlaps; a tombstone without times lies everywhere."""
        if "start" not in self.content:
            return True
        return (end is None or self.starts(zone) < end) and (
            start is None or self.ends(zone) > start
        )

    def attendees(self) -> list[Json]:
        given: list[Json] = self.content.get("attendees") or []
        return given

    def key(self) -> tuple[int, str]:
        """Returns the place in a list without an order: by change, so that paging loses nothing."""
        return (self.version, self.id)

    def occurrence(self, start: datetime | date, zone: str) -> "Event":
        """Returns an occurrence of the series, as yet without a difference of its own."""
        length = self.ends(zone) - self.starts(zone)
        first = moment(start, self.zone(zone))
        content = {
            **{name: value for name, value in self.content.items() if name != "recurrence"},
            "start": first,
            "end": moment(_later(start, self, length), self.zone(zone)),
            "recurringEventId": self.id,
            "originalStartTime": first,
        }
        return replace(self, id=occurrence_id(self.id, first, zone), content=content)

    def zone(self, usual: str) -> str:
        return str(self.content["start"].get("timeZone") or usual)


def _later(start: datetime | date, event: Event, length: timedelta) -> datetime | date:
    if not isinstance(start, datetime):
        days = date.fromisoformat(event.content["end"]["date"]) - date.fromisoformat(
            event.content["start"]["date"]
        )
        return start + days
    return (start.astimezone(UTC) + length).astimezone(start.tzinfo)


def occurrence_id(series: str, start: Json, zone: str) -> str:
    if "date" in start:
        return f"{series}_{start['date'].replace('-', '')}"
    return f"{series}_{instant(start, zone).strftime('%Y%m%dT%H%M%SZ')}"


def moment(at: datetime | date, zone: str) -> Json:
    if isinstance(at, datetime):
        return {"dateTime": at.isoformat(timespec="seconds"), "timeZone": zone}
    return {"date": at.isoformat()}


def instant(given: Json, zone: str) -> datetime:
    """Returns the instant of ``start`` or ``end``; days begin at the calendar's midnight."""
    if "date" in given:
        day = date.fromisoformat(given["date"])
        return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
    at = datetime.fromisoformat(given["dateTime"])
    if at.tzinfo is None:
        at = at.replace(tzinfo=ZoneInfo(given.get("timeZone") or zone))
    return at.astimezone(UTC)


def show_moment(given: Json, shown_in: str, zone: str) -> Json:
    """Shows it with the offset of the answer's zone, beside the zone it was written with."""
    if "date" in given:
        return {"date": given["date"]}
    at = instant(given, zone).astimezone(ZoneInfo(shown_in))
    named = given.get("timeZone") or zone
    return {"dateTime": at.isoformat(timespec="seconds").replace("+00:00", "Z"), "timeZone": named}


def stamp(at: datetime) -> str:
    return iso(at)
