"""Calendars and events. https://developers.google.com/workspace/calendar/api/v3/reference"""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from calendars.providers.base import Changed, CursorExpired, Gone, Mailbox
from calendars.providers.cursors import VendorCursor, continue_cursor
from calendars.providers.google import events
from calendars.providers.google.calls import GoogleCalls
from calendars.providers.google.errors import EventIdTaken
from calendars.providers.responses import (
    malformed_answer,
    page_items,
    token_pages,
)
from calendars.vocabulary.events import (
    EventChanges,
    EventText,
    Notify,
    RemoteCalendar,
    RemoteEvent,
)
from wedsync_comms.lib.errors import PermanentError
from wedsync_comms.lib.shapes import text

# Raise it whenever `asked` is changed: a sync token continues nothing but the question it answered.
SHAPE = "google-events-1"
PAGE = 2500
ONWARD, CURSOR = "nextPageToken", "nextSyncToken"
WRITERS = {"owner", "writer"}
UPDATES = {Notify.ALL: "all", Notify.NOBODY: "none"}
GONE = 410


class GoogleCalendars(Mailbox):
    calls: GoogleCalls

    @property
    def api(self) -> Any:
        return self.calls.calendar

    def calendars(self) -> list[RemoteCalendar]:
        entries = self.api.calendarList()
        found = token_pages(
            lambda token: self.calls.run(entries.list(maxResults=250, pageToken=token or None)),
            ONWARD,
        )
        return [
            google_calendar(one)
            for page in found
            for one in page_items(page, "items")
            if one.get("deleted") is not True
        ]

    # --- reading --------------------------------------------------------------------------------

    def changes(
        self, calendar: str, cursor: str, *, start: datetime, end: datetime
    ) -> EventChanges:
        """Series come as their occurrences, as Google itself expands them.

        Masters alone would be less to fetch when a whole series moves. But every occurrence blocks
        time of its own, each is known by an id that is there in both vendors, and nobody but Google
        expands a rule exactly as Google does.
        """
        since = (
            continue_cursor(cursor, SHAPE, end)
            if cursor
            else VendorCursor(shape=SHAPE, token="", start=start, end=end)
        )
        found, last = [], {}
        for last in token_pages(lambda page: self.page(calendar, since, page), ONWARD):
            zone = text(last.get("timeZone"))
            found += [events.read_google_event(one, zone) for one in page_items(last, "items")]
        token = text(last.get(CURSOR))
        if not token:
            raise malformed_answer("The last page has no sync token.")
        onward = VendorCursor(shape=SHAPE, token=token, start=since.start, end=since.end)
        return EventChanges(items=tuple(found), cursor=str(onward), is_full=not cursor)

    def page(self, calendar: str, since: VendorCursor, page: str) -> dict[str, Any]:
        try:
            return self.calls.run(self.api.events().list(**events_query(calendar, since, page)))
        except Gone as error:
            if error.response.get("status") == GONE:
                raise CursorExpired(str(error), code=error.code) from error
            raise

    def event(self, calendar: str, event: str) -> RemoteEvent:
        item = self.calls.run(self.api.events().get(calendarId=calendar, eventId=event))
        return self.living(calendar, item)

    def living(self, calendar: str, item: Mapping[str, Any]) -> RemoteEvent:
        """Raises Gone: Google goes on showing what was deleted."""
        zone = "" if events.names_zone(item) else self.zones.get(calendar, "")
        found = events.read_google_event(item, zone)
        if not isinstance(found, RemoteEvent) or found.is_cancelled:
            raise Gone("The event was deleted.", code="deleted")
        return found

    @cached_property
    def zones(self) -> dict[str, str]:
        """Of every calendar; a day in it begins at midnight there."""
        return {one.id: one.zone for one in self.calendars()}

    # --- writing --------------------------------------------------------------------------------

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
        """The event's id follows from the key: a second one is refused, also after a deletion."""
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
            return self.ours(calendar, own, key)
        return self.living(calendar, item)

    def ours(self, calendar: str, event: str, key: str) -> RemoteEvent:
        """An earlier call created it, and its answer was lost."""
        found = self.event(calendar, event)
        if found.key != key:
            raise PermanentError("Another event has the id of ours.", code="duplicate")
        return found

    def update(
        self,
        calendar: str,
        event: str,
        text: EventText,
        *,
        etag: str,
        written_hash: str,
        notify: Notify,
    ) -> RemoteEvent:
        present = self.event(calendar, event)
        if present.etag != etag:
            raise Changed("Somebody changed it meanwhile.", code="conditionNotMet")
        patch = self.api.events().patch(
            calendarId=calendar,
            eventId=event,
            body=events.patch_body(text, present, written_hash),
            sendUpdates=UPDATES[notify],
            conferenceDataVersion=1,
        )
        return self.living(calendar, self.calls.run(patch, etag=etag))

    def cancel(self, calendar: str, event: str, *, notify: Notify) -> None:
        delete = self.api.events().delete(
            calendarId=calendar, eventId=event, sendUpdates=UPDATES[notify]
        )
        try:
            self.calls.do(delete)
        except Gone:
            return


def events_query(calendar: str, since: VendorCursor, page: str) -> dict[str, Any]:
    """With a sync token nothing may differ from the first question but the window, which is in the
    token. https://developers.google.com/workspace/calendar/api/v3/reference/events/list"""
    same = {"calendarId": calendar, "singleEvents": True, "maxResults": PAGE}
    if page:
        same["pageToken"] = page
    if since.token:
        return same | {"syncToken": since.token}
    window = {"timeMin": since.start, "timeMax": since.end}
    return same | {name: at.isoformat() for name, at in window.items() if at}


def google_calendar(one: Mapping[str, Any]) -> RemoteCalendar:
    return RemoteCalendar(
        id=text(one.get("id")),
        name=text(one.get("summaryOverride")) or text(one.get("summary")),
        zone=text(one.get("timeZone")),
        may_write=one.get("accessRole") in WRITERS,
        is_primary=one.get("primary") is True,
    )
