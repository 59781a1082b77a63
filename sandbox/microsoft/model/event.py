"""One event, a series of them, and what an occurrence takes from its series."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

from . import recurrence
from .item import Item, Json
from .zones import Wall

FORESEEN = timedelta(days=730)
OCCURRENCE = re.compile(r"(?P<base>.+)\.(?P<day>\d{8})=")


def new_uid() -> str:
    return uuid4().hex.upper()


@dataclass(kw_only=True)
class Event(Item):
    start: Wall
    end: Wall
    # Empty: the owner of the mailbox.
    organizer: Json | None = None
    recurrence: Json | None = None
    master: "Event | None" = None
    # The day an occurrence was on before it was changed.
    original: date | None = None
    exceptions: dict[date, "Event"] = field(default_factory=dict)
    skipped: set[date] = field(default_factory=set)
    uid: str = field(default_factory=new_uid)
    # What is shown in place of what is known: whatever Graph's schema allows (null: nothing).
    told: Json = field(default_factory=dict)

    @property
    def kind(self) -> str:
        if self.recurrence is not None:
            return "seriesMaster"
        if self.master is None:
            return "singleInstance"
        return "exception" if self.original in self.master.exceptions else "occurrence"

    @property
    def is_gone(self) -> bool:
        """Returns whether it is gone; an occurrence goes with its series."""
        if self.master is None:
            return self.removed
        return self.master.removed or self.original in self.master.skipped

    @property
    def is_all_day(self) -> bool:
        return bool(self.fields.get("isAllDay"))

    @property
    def attendees(self) -> list[Json]:
        """Returns the attendees, which a series and its occurrences share but for exceptions."""
        found: list[Json] = self.fields.setdefault("attendees", [])
        return found

    @property
    def title(self) -> str:
        return str(self.fields.get("subject") or "")

    def overlaps(self, start: datetime, end: datetime) -> bool:
        own_start, own_end = self.start.instant, self.end.instant
        return own_start < end and (own_end > start or own_start == own_end >= start)

    def seen_within(self, start: datetime, end: datetime) -> "list[Event]":
        """Returns itself, or those of its occurrences that are in the window."""
        found = [self] if self.recurrence is None else self.occurrences(end)
        return [occurrence for occurrence in found if occurrence.overlaps(start, end)]

    def foreseen(self, now: datetime) -> "dict[str, Event]":
        """Returns the occurrences that anybody may know of, by id; none if it is no series."""
        if self.recurrence is None:
            return {}
        return {occurrence.id: occurrence for occurrence in self.occurrences(now + FORESEEN)}

    def occurrences(self, until: datetime) -> "Iterator[Event]":
        for day in recurrence.days(self.recurrence or {}, (until + timedelta(days=1)).date()):
            if day not in self.skipped:
                yield self.exceptions.get(day) or self.occurrence(day)

    def occurrence(self, day: date) -> "Event":
        start = datetime.combine(day, self.start.local.time())
        return Event(
            folder=self.folder,
            fields=self.fields,
            created_at=self.created_at,
            modified_at=self.modified_at,
            id=occurrence_id(self.id, day),
            immutable_id=occurrence_id(self.immutable_id, day),
            sequence=self.sequence,
            properties=self.properties,
            start=Wall(start, self.start.zone),
            end=Wall(start + (self.end.local - self.start.local), self.end.zone),
            organizer=self.organizer,
            master=self,
            original=day,
            uid=self.uid,
        )

    @property
    def ical_uid(self) -> str:
        """Differs between the occurrences of a series."""
        day = self.original.strftime("%Y%m%d") if self.original else "00000000"
        return f"040000008200E00074C5B7101A82E008{day}{self.uid}"


def occurrence_id(master: str, day: date) -> str:
    return f"{master.removesuffix('=')}.{day:%Y%m%d}="


def split_occurrence(id_: str) -> tuple[str, date] | None:
    """Returns the id of the series and the day, if it is an occurrence's."""
    found = OCCURRENCE.fullmatch(id_)
    if found is None:
        return None
    return found["base"] + "=", datetime.strptime(found["day"], "%Y%m%d").replace(tzinfo=UTC).date()
