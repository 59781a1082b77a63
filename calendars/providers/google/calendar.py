"""Calendars and events. https://developers.google.com/workspace/calendar/api/v3/reference"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from calendars.providers.base import Changed, Gone, Mailbox
from calendars.providers.google import events
from calendars.providers.google.calls import GoogleCalls
from calendars.providers.google.errors import EventIdTaken
from calendars.providers.responses import (
    page_items,
    token_pages,
)
from calendars.vocabulary.events import (
    EventText,
    Notify,
    RemoteCalendar,
    RemoteEvent,
)
from wedsync_comms.lib.errors import PermanentError
from wedsync_comms.lib.shapes import as_text

ONWARD = "nextPageToken"
WRITERS = {"owner", "writer"}
UPDATES = {Notify.ALL: "all", Notify.NOBODY: "none"}


class GoogleCalendars(Mailbox):
    calls: GoogleCalls

    @property
    def api(self) -> Any:
        return self.calls.calendar

    def calendars(self) -> list[RemoteCalendar]:
        entries = self.api.calendarList()
        pages = token_pages(
            lambda token: self.calls.run(entries.list(maxResults=250, pageToken=token or None)),
            ONWARD,
        )
        return [
            google_calendar(item)
            for page in pages
            for item in page_items(page, "items")
            if item.get("deleted") is not True
        ]

    def event(self, calendar: str, event: str) -> RemoteEvent:
        item = self.calls.run(self.api.events().get(calendarId=calendar, eventId=event))
        return self.undeleted_event(calendar, item)

    def find_event(self, event: str, calendars: Sequence[str]) -> str:
        """Asks one by one: an event that is moved keeps its id.
        https://developers.google.com/workspace/calendar/api/v3/reference/events/move"""
        for calendar in calendars:
            try:
                self.event(calendar, event)
            except Gone:
                continue
            return calendar
        return ""

    def undeleted_event(self, calendar: str, item: Mapping[str, Any]) -> RemoteEvent:
        """Raises Gone: Google goes on showing what was deleted."""
        zone = "" if events.names_zone(item) else self.zones.get(calendar, "")
        remote_event = events.read_google_event(item, zone)
        if not isinstance(remote_event, RemoteEvent) or remote_event.is_cancelled:
            raise Gone("The event was deleted.", code="deleted")
        return remote_event

    @cached_property
    def zones(self) -> dict[str, str]:
        """Returns the zone of every calendar; a day in it begins at midnight there."""
        return {calendar.id: calendar.zone for calendar in self.listed_calendars}

    def create(
        self,
        calendar: str,
        text: EventText,
        *,
        key: str,
        generation: int,
        written_hash: str,
        notify: Notify,
    ) -> RemoteEvent:
        """Creates it under an id from the key: Google refuses a second, also after a deletion."""
        own = events.google_event_id(key, calendar, generation)
        insert = self.api.events().insert(
            calendarId=calendar,
            body=events.insert_body(text, key, written_hash) | {"id": own},
            sendUpdates=UPDATES[notify],
            conferenceDataVersion=1,
        )
        try:
            item = self.calls.run(insert)
        except EventIdTaken:
            return self.existing_event(calendar, own, key)
        return self.undeleted_event(calendar, item)

    def existing_event(self, calendar: str, event: str, key: str) -> RemoteEvent:
        """Returns the event an earlier call created, whose answer was lost.

        Raises Gone if it was deleted since, and PermanentError if the event is not ours."""
        existing = self.event(calendar, event)
        if existing.key != key:
            raise PermanentError("Another event has the id of ours.", code="duplicate")
        return existing

    def update(
        self,
        calendar: str,
        event: str,
        text: EventText,
        *,
        etag: str,
        written_hash: str,
        notify: Notify,
        before: EventText | None = None,
    ) -> RemoteEvent:
        present = self.event(calendar, event)
        if present.etag != etag:
            raise Changed("Somebody changed it meanwhile.", code="conditionNotMet")
        patch = self.api.events().patch(
            calendarId=calendar,
            eventId=event,
            body=events.patch_body(text, present, written_hash, before),
            sendUpdates=UPDATES[notify],
            conferenceDataVersion=1,
        )
        return self.undeleted_event(calendar, self.calls.run(patch, etag=etag))

    def cancel(self, calendar: str, event: str, *, notify: Notify) -> None:
        delete = self.api.events().delete(
            calendarId=calendar, eventId=event, sendUpdates=UPDATES[notify]
        )
        try:
            self.calls.do(delete)
        except Gone:
            return


def google_calendar(entry: Mapping[str, Any]) -> RemoteCalendar:
    return RemoteCalendar(
        id=as_text(entry.get("id")),
        name=as_text(entry.get("summaryOverride")) or as_text(entry.get("summary")),
        zone=as_text(entry.get("timeZone")),
        may_write=entry.get("accessRole") in WRITERS,
        is_primary=entry.get("primary") is True,
    )
