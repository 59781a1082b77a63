"""What has changed since: incremental synchronisation with Google's sync tokens.

https://developers.google.com/workspace/calendar/api/guides/sync
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from calendars.providers.base import CursorExpired, Gone, Mailbox
from calendars.providers.cursors import VendorCursor, continue_cursor
from calendars.providers.google.calls import GoogleCalls
from calendars.providers.google.events import read_google_event
from calendars.providers.responses import EndlessPages, malformed_answer, page_items, token_pages
from calendars.vocabulary.events import EventChanges, RemoteEvent, Removed
from wedsync_comms.lib.shapes import as_text

# Raise it whenever `events_query` is changed: a sync token continues nothing but the question it
# answered.
SHAPE = "google-events-1"
PAGE = 2500
ONWARD, CURSOR = "nextPageToken", "nextSyncToken"
GONE = 410


class GoogleDelta(Mailbox):
    calls: GoogleCalls

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
        items: list[RemoteEvent | Removed] = []
        token = ""
        for last in self.pages(calendar, since):
            zone = as_text(last.get("timeZone"))
            # What has no id cannot be known again, nor asked for.
            known = [item for item in page_items(last, "items") if as_text(item.get("id"))]
            items += [read_google_event(item, zone) for item in known]
            token = as_text(last.get(CURSOR))
        if not token:
            raise malformed_answer("The last page has no sync token.")
        onward = VendorCursor(shape=SHAPE, token=token, start=since.start, end=since.end)
        return EventChanges(items=tuple(items), cursor=str(onward), is_full=not cursor)

    def pages(self, calendar: str, since: VendorCursor) -> Iterator[dict[str, Any]]:
        """Yields the pages. Raises CursorExpired where they have no end."""
        try:
            yield from token_pages(lambda page: self.page(calendar, since, page), ONWARD)
        except EndlessPages as error:
            raise CursorExpired(str(error), code=error.code) from error

    def page(self, calendar: str, since: VendorCursor, page: str) -> dict[str, Any]:
        try:
            return self.calls.run(
                self.calls.calendar.events().list(**events_query(calendar, since, page))
            )
        except Gone as error:
            if error.response.get("status") == GONE:
                raise CursorExpired(str(error), code=error.code) from error
            raise


def events_query(calendar: str, since: VendorCursor, page: str) -> dict[str, Any]:
    """Builds the question. With a sync token nothing may differ from the first one but the window,
    which is in the token. https://developers.google.com/workspace/calendar/api/v3/reference/events/list"""
    same = {"calendarId": calendar, "singleEvents": True, "maxResults": PAGE}
    if page:
        same["pageToken"] = page
    if since.token:
        return same | {"syncToken": since.token}
    window = {"timeMin": since.start, "timeMax": since.end}
    return same | {name: at.isoformat() for name, at in window.items() if at}
