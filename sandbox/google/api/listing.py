"""events.list: filters, pages, and what has changed since a cursor.

https://developers.google.com/workspace/calendar/api/v3/reference/events/list
https://developers.google.com/workspace/calendar/api/guides/sync
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.google.errors import CalendarRefusedError
from sandbox.google.model.calendar import Calendar
from sandbox.google.model.cursors import seal, unseal
from sandbox.google.model.event import Event, stamp
from sandbox.lib.clock import Clock

from . import reading
from .showing import show_event, tombstone

Json = dict[str, Any]

USUAL_SIZE, MAX_SIZE = 250, 2500
# These describe a list, but not what the list is of.
FREE = frozenset(
    {"syncToken", "pageToken", "maxResults", "key", "alt", "prettyPrint", "fields", "quotaUser"}
)
NOT_WITH_CURSOR = (
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMax",
    "timeMin",
    "updatedMin",
)
# How long a deletion is remembered.
REMEMBERED = timedelta(days=28)


class Listing:
    """One request for a list."""

    def __init__(self, calendar: Calendar, query: reading.Query, clock: Clock, life: float) -> None:
        self._calendar = calendar
        self._query = query
        self._clock = clock
        self._life = timedelta(days=life)
        self._singles = query.switch("singleEvents")
        self._size = query.number("maxResults", USUAL_SIZE, 1, MAX_SIZE)
        self._zone = query.zone("timeZone")
        self._shape = query.shape(FREE | set(NOT_WITH_CURSOR))
        self._window = (query.moment("timeMin"), query.moment("timeMax"))
        self._cursor = self._read_cursor()
        self._page = self._read_page()

    def answer(self, keep: int | None = None) -> Json:
        """Answers a page; ``keep`` cuts the list short, which no API says of itself."""
        calendar = self._calendar
        found = list(self._found())[:keep]
        start = self._page.get("i", 0)
        shown, left = found[start : start + self._size], found[start + self._size :]
        answer: Json = {
            "kind": "calendar#events",
            "etag": f'"{calendar.epoch}{calendar.revision:08}"',
            "summary": calendar.name,
            "updated": stamp(self._clock.now()),
            "timeZone": self._zone or calendar.zone,
            "defaultReminders": [],
            "items": [self._show(event) for event in shown],
        }
        if left:
            answer["nextPageToken"] = self._next_page(start, shown[-1])
        elif not self._query.get("orderBy"):
            answer["nextSyncToken"] = self._next_cursor()
        return answer

    def _read_cursor(self) -> Json | None:
        token = self._query.get("syncToken")
        if not token:
            return None
        if unfit := [name for name in NOT_WITH_CURSOR if self._query.get(name)]:
            message = f"Sync token cannot be used with {', '.join(unfit)}."
            raise CalendarRefusedError("badRequest", message, location="syncToken")
        if self._query.get("showDeleted") == "false":
            message = "Sync token cannot be used with showDeleted=false."
            raise CalendarRefusedError("badRequest", message, location="syncToken")
        cursor = unseal(token)
        if cursor is None or cursor.get("e") != self._calendar.epoch or self._is_old(cursor):
            raise CalendarRefusedError("fullSyncRequired", location="syncToken")
        if cursor["q"] != self._shape:
            message = "The parameters differ from those of the first request."
            raise CalendarRefusedError("invalid", message, location="syncToken")
        start, end = (at and datetime.fromisoformat(at) for at in cursor["w"])
        self._window = (start, end)
        return cursor

    def _is_old(self, cursor: Json) -> bool:
        return datetime.fromisoformat(cursor["t"]) < self._clock.now() - self._life

    def _read_page(self) -> Json:
        token = self._query.get("pageToken")
        page = unseal(token) if token else {}
        if page is None or (page and page.get("e") != self._calendar.epoch):
            raise CalendarRefusedError("invalid", "Invalid page token value.", location="pageToken")
        return page

    def _next_page(self, start: int, last: Event) -> str:
        where: Json = {"e": self._calendar.epoch, "r": self._first_revision()}
        ordered = self._query.get("orderBy")
        return seal(where | ({"i": start + self._size} if ordered else {"k": last.key()}))

    def _next_cursor(self) -> str:
        """What changes while the pages are read belongs to the next list."""
        return seal(
            {
                "e": self._calendar.epoch,
                "v": self._first_revision(),
                "t": self._clock.now().isoformat(),
                "q": self._shape,
                "w": [at and at.isoformat() for at in self._window],
            }
        )

    def _first_revision(self) -> int:
        return int(self._page.get("r", self._calendar.revision))

    def _found(self) -> Iterator[Event]:
        order = self._query.get("orderBy")
        if order not in (None, "startTime", "updated"):
            raise CalendarRefusedError("invalid", location="orderBy")
        if order == "startTime" and not self._singles:
            message = "The requested ordering is not available for the particular query."
            raise CalendarRefusedError("badRequest", message, location="orderBy")
        events = [event for event in self._candidates() if self._fits(event)]
        if order == "startTime":
            return iter(
                sorted(events, key=lambda event: (event.starts(self._calendar.zone), event.id))
            )
        if order == "updated":
            return iter(sorted(events, key=lambda event: (event.updated, event.id)))
        after = tuple(self._page.get("k", (0, "")))
        return (event for event in sorted(events, key=Event.key) if event.key() > after)

    def _candidates(self) -> Iterator[Event]:
        since = self._cursor["v"] if self._cursor else -1
        for event in list(self._calendar.events.values()):
            if event.version <= since:
                continue
            if not self._singles:
                yield event
            elif event.is_series:
                yield from self._calendar.expand(event, *self._window)
            elif event.vanished or not self._comes_with_series(event, since):
                yield event

    def _comes_with_series(self, event: Event, since: int) -> bool:
        series = self._calendar.events.get(event.series)
        return series is not None and series.version > since

    def _fits(self, event: Event) -> bool:
        if event.vanished and not self._singles:
            return False
        if self._cursor:
            return bool(event.version > self._cursor["v"])
        if event.vanished or (event.deleted and not self._shows_deleted(event)):
            return False
        return event.overlaps(*self._window, self._calendar.zone) and self._matches(event)

    def _shows_deleted(self, event: Event) -> bool:
        """A cancelled occurrence of a living series is part of the series."""
        if self._query.switch("showDeleted") or self._query.get("updatedMin"):
            return True
        series = self._calendar.events.get(event.series)
        return not self._singles and series is not None and not series.deleted

    def _matches(self, event: Event) -> bool:
        content, query = event.content, self._query
        wanted = query.get("iCalUID")
        since = query.moment("updatedMin")
        if since and since < self._clock.now() - REMEMBERED:
            raise CalendarRefusedError("updatedMinTooLongAgo", location="updatedMin")
        return (
            (not wanted or content.get("iCalUID") == wanted)
            and (not since or event.updated >= since)
            and _has_words(content, query.get("q") or "")
            and all(
                _has_property(content.get("extendedProperties", {}).get(kind, {}), pair)
                for kind in ("private", "shared")
                for pair in query.all(f"{kind}ExtendedProperty")
            )
        )

    def _show(self, event: Event) -> Json:
        if event.deleted:
            return tombstone(event, self._calendar, self._zone)
        most = self._query.number("maxAttendees", 0, 0, 10_000)
        return show_event(event, self._calendar, shown_in=self._zone, most=most)


def _has_words(content: Json, words: str) -> bool:
    guests = " ".join(guest.get("email", "") for guest in content.get("attendees") or [])
    seen = (content.get(name, "") for name in ("summary", "description", "location"))
    return words.lower() in " ".join([*seen, guests]).lower()


def _has_property(kept: Mapping[str, str], pair: str) -> bool:
    name, _, value = pair.partition("=")
    return kept.get(name) == value
