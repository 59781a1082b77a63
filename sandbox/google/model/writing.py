"""check -> conference -> invitations -> store: what a write does to an event."""

import copy
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sandbox.google.errors import CalendarRefusedError
from sandbox.lib.clock import Clock

from . import conference, rules
from .calendar import Calendar
from .event import Event, new_id
from .invitations import Invitations

Json = dict[str, Any]

# Google's own fields: written by nobody else, and not an error either.
READ_ONLY = frozenset(
    {
        "attendeesOmitted",
        # Written only with conferenceDataVersion=1, and in a way of its own.
        "conferenceData",
        "created",
        "creator",
        "etag",
        "eventType",
        "hangoutLink",
        "htmlLink",
        "iCalUID",
        "id",
        "kind",
        "locked",
        "organizer",
        "originalStartTime",
        "privateCopy",
        "recurringEventId",
        "sequence",
        "updated",
    }
)
# What belongs to each copy of an event, and what to all of them.
PRIVATE = frozenset({"reminders", "colorId", "transparency", "visibility", "attendees"})
# What makes it another appointment in the eyes of iCalendar.
SEQUENCED = ("start", "end", "recurrence", "location")
VANISHED_WITHIN = timedelta(days=400)


@dataclass(frozen=True)
class How:
    """``updates`` says whom Google writes to about it, as ``sendUpdates`` does."""

    updates: str = "none"
    conferences: bool = False


class Writer:
    """A hand in one calendar. ``me`` is who organizes what is made here."""

    def __init__(
        self,
        calendar: Calendar,
        me: Json,
        *,
        creator: str,
        clock: Clock,
        invitations: Invitations,
    ) -> None:
        self._calendar = calendar
        self.me = me
        self._creator = creator
        self._clock = clock
        self._invitations = invitations

    def insert(self, given: Json, how: How) -> Event:
        wanted = rules.own_id(given["id"]) if given.get("id") else new_id()
        if wanted in self._calendar.events:
            raise CalendarRefusedError("duplicate")
        content = _pruned(_writable(given))
        rules.check(content, self._calendar.zone)
        content |= {
            "organizer": given.get("organizer") or self.me,
            "creator": {"email": self._creator},
            "iCalUID": given.get("iCalUID") or f"{wanted}@google.com",
            "eventType": given.get("eventType") or "default",
        }
        return self._store(None, self._new(wanted, content), given, how)

    def patch(self, event: Event, given: Json, how: How) -> Event:
        self._guard(event, given)
        content = _merge(event.content, _writable(given))
        return self._change(event, content, given, how)

    def update(self, event: Event, given: Json, how: How) -> Event:
        self._guard(event, given)
        kept = {name: value for name, value in event.content.items() if name in READ_ONLY}
        content = _pruned(_writable(given)) | kept
        given = {"conferenceData": None, **given}
        return self._change(event, content, given, how)

    def overwrite(self, event: Event, fields: Json, how: How) -> Event:
        """Writes as a person in Google's own calendar does, whom no API stands in the way."""
        return self._change(event, copy.deepcopy(event.content | fields), {}, how)

    def delete(self, event: Event, updates: str) -> None:
        if event.deleted:
            raise CalendarRefusedError("deleted")
        gone = replace(event, deleted=True, updated=self._clock.now())
        self._invitations.tell(self._calendar.id, event, gone, updates)
        exceptions = [] if event.series else self._calendar.exceptions(event.id)
        self._calendar.put(gone, *(replace(exception, deleted=True) for exception in exceptions))

    def _change(self, event: Event, content: Json, given: Json, how: How) -> Event:
        rules.check(content, self._calendar.zone)
        changed = {
            name
            for name in {*content, *event.content}
            if content.get(name) != event.content.get(name)
        }
        after = replace(event, content=content, deleted=False)
        # Google leaves the time alone when nothing but the reminders differ.
        if changed != {"reminders"}:
            after.updated = self._clock.now()
        after.sequence += any(name in changed for name in SEQUENCED)
        if content.get("status") == "cancelled":
            self.delete(event, how.updates)
            return self._calendar.events[event.id]
        return self._store(event, after, given, how)

    def _store(self, before: Event | None, after: Event, given: Json, how: How) -> Event:
        after.content["attendees"] = [_answering(guest) for guest in after.attendees()]
        if how.conferences and "conferenceData" in given:
            conference.apply(after, given["conferenceData"])
        self._invitations.tell(self._calendar.id, before, after, how.updates)
        self._calendar.put(after, *self._vanished(before, after))
        return after

    def _vanished(self, before: Event | None, after: Event) -> list[Event]:
        """The occurrences that a changed series no longer has."""
        if before is None or not before.is_series:
            return []
        until = self._clock.now() + VANISHED_WITHIN
        expand = self._calendar.expand
        left = (
            {occurrence.id for occurrence in expand(after, end=until)} if after.is_series else set()
        )
        self._calendar.bring_back(after.id, left)
        return [
            replace(occurrence, deleted=True, vanished=True)
            for occurrence in expand(before, end=until)
            if occurrence.id not in left and not occurrence.deleted
        ]

    def _guard(self, event: Event, given: Json) -> None:
        """A guest may answer, and change their own copy."""
        mine = event.content.get("organizer", {}).get("email") == self.me["email"]
        shared = set(_writable(given)) - PRIVATE - {"extendedProperties"}
        different = [name for name in shared if given[name] != event.content.get(name)]
        if different and not mine and not event.content.get("guestsCanModify"):
            raise CalendarRefusedError("forbiddenForNonOrganizer")

    def _new(self, wanted: str, content: Json) -> Event:
        now = self._clock.now()
        return Event(wanted, copy.deepcopy(content), created=now, updated=now)


def _writable(given: Json) -> Json:
    return {name: value for name, value in given.items() if name not in READ_ONLY}


def _pruned(given: Json) -> Json:
    """A copy without what is null, which says as much as leaving it out."""
    return {
        name: _pruned(value) if isinstance(value, dict) else copy.deepcopy(value)
        for name, value in given.items()
        if value is not None
    }


def _answering(attendee: Json) -> Json:
    return {"responseStatus": "needsAction", **attendee}


def _merge(present: Json, given: Json) -> Json:
    """As PATCH does it: objects are merged, lists are replaced, null removes."""
    merged = copy.deepcopy(present)
    for name, value in given.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            inner = merged.get(name)
            merged[name] = _merge(inner if isinstance(inner, dict) else {}, value)
        else:
            merged[name] = copy.deepcopy(value)
    return merged
