"""Calendars and events. https://learn.microsoft.com/en-us/graph/api/resources/calendar-overview"""

from collections.abc import Sequence

from calendars.providers.base import Changed, Gone, Mailbox
from calendars.providers.microsoft import events
from calendars.providers.microsoft.calls import GraphCalls, graph_path
from calendars.providers.microsoft.errors import DuplicateTransaction
from calendars.providers.microsoft.properties import query_by_key, with_properties
from calendars.providers.responses import page_items
from calendars.vocabulary.events import (
    EventText,
    Notify,
    RemoteCalendar,
    RemoteEvent,
)
from wedsync_comms.lib.shapes import as_text


class GraphCalendars(Mailbox):
    calls: GraphCalls
    # A day that is told in UTC is a day here.
    zone: str

    def calendars(self) -> list[RemoteCalendar]:
        return [
            RemoteCalendar(
                id=as_text(item.get("id")),
                name=as_text(item.get("name")),
                may_write=item.get("canEdit") is True,
                is_primary=item.get("isDefaultCalendar") is True,
            )
            for page in self.calls.pages("/me/calendars")
            for item in page_items(page, "value")
        ]

    def event(self, calendar: str, event: str) -> RemoteEvent:  # noqa: ARG002
        return events.read_graph_event(self.calls.event_item(event), self.zone)

    def find_event(self, event: str, calendars: Sequence[str]) -> str:  # noqa: ARG002
        """Asks the event: its immutable id stays what it is wherever it is moved to.
        https://learn.microsoft.com/en-us/graph/outlook-immutable-id"""
        try:
            calendar = self.calls.run("GET", f"{graph_path('me', 'events', event)}/calendar")
        except Gone:
            return ""
        return as_text(calendar.get("id"))

    def create(
        self,
        calendar: str,
        text: EventText,
        *,
        key: str,
        generation: int,
        written_hash: str,
        notify: Notify,  # noqa: ARG002
    ) -> RemoteEvent:
        """Looks for it first: how long Graph remembers a transaction is not published."""
        if existing := self.find_by_key(calendar, key):
            return existing
        values = events.event_properties(text, key, written_hash)
        body = events.create_body(text, values)
        body["transactionId"] = events.transaction_id(key, calendar, generation)
        try:
            item = self.calls.run(
                "POST", graph_path("me", "calendars", calendar, "events"), json=body
            )
        except DuplicateTransaction as error:
            if existing := self.find_by_key(calendar, key):
                return existing
            raise Gone("The event was deleted.", code="deleted") from error
        return events.read_graph_event(with_properties(item, values), self.zone)

    def find_by_key(self, calendar: str, key: str) -> RemoteEvent | None:
        start = graph_path("me", "calendars", calendar, "events")
        for page in self.calls.pages(start, **query_by_key(key)):
            for item in page_items(page, "value"):
                return events.read_graph_event(item, self.zone)
        return None

    def update(
        self,
        calendar: str,
        event: str,
        text: EventText,
        *,
        etag: str,
        written_hash: str,
        notify: Notify,  # noqa: ARG002
        before: EventText | None = None,
    ) -> RemoteEvent:
        """Updates it. Graph tells guests of whatever they can see, and cannot be asked not to."""
        present = self.event(calendar, event)
        if present.etag != etag:
            raise Changed("Somebody changed it meanwhile.", code="etag")
        values = events.event_properties(text, present.key, written_hash)
        body = events.update_body(text, present, values, before)
        if "body" in body and present.conference_url:
            html = self.calls.body_html(event)
            body = events.with_meeting_kept(body, present, html)
        item = self.calls.run("PATCH", graph_path("me", "events", event), json=body, etag=etag)
        return events.read_graph_event(with_properties(item, values), self.zone)

    def cancel(self, calendar: str, event: str, *, notify: Notify) -> None:  # noqa: ARG002
        """Deletes it: an organizer's is a cancellation, a guest's takes it out of the calendar."""
        try:
            self.calls.run("DELETE", graph_path("me", "events", event))
        except Gone:
            return
