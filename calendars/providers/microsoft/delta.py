"""What has changed since. https://learn.microsoft.com/en-us/graph/delta-query-events"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from calendars.providers.base import Gone, Mailbox
from calendars.providers.cursors import VendorCursor, continue_cursor
from calendars.providers.microsoft import events
from calendars.providers.microsoft.calls import DELTA, GraphCalls, graph_path, view_window
from calendars.providers.microsoft.properties import EXPAND, FIELD
from calendars.providers.responses import (
    malformed_answer,
    page_items,
)
from calendars.vocabulary.events import (
    EventChanges,
    RemoteEvent,
    Removed,
)
from wedsync_comms.lib.shapes import as_dicts, as_text

# Raise it whenever the question or the headers of it are changed: a link continues one only.
SHAPE = "microsoft-events-1"
# Of more events than this our properties are read with the whole window, and not one by one.
FEW = 10
ETAG = "@odata.etag"


class GraphDelta(Mailbox):
    calls: GraphCalls
    # A day that is told in UTC is a day here.
    zone: str

    def changes(
        self, calendar: str, cursor: str, *, start: datetime, end: datetime
    ) -> EventChanges:
        """Series come as their occurrences. The window is frozen in Graph's links, and what moves
        out of it is removed. A removed occurrence is not always told of before the next full round.
        https://github.com/microsoftgraph/microsoft-graph-docs/issues/11728"""
        since = continue_cursor(cursor, SHAPE, end) if cursor else None
        graph_items, link = self.read_round(calendar, since.token if since else "", start, end)
        onward = VendorCursor(
            shape=SHAPE,
            token=link,
            start=since.start if since else start,
            end=since.end if since else end,
        )
        return EventChanges(
            items=tuple(self.read_items(calendar, graph_items, onward, is_full=since is None)),
            cursor=str(onward),
            is_full=since is None,
        )

    def read_round(
        self, calendar: str, token: str, start: datetime, end: datetime
    ) -> tuple[dict[str, dict[str, Any]], str]:
        """Returns the items by id, as one may come twice and the last counts, and the next link."""
        page = (
            self.calls.follow(token)
            if token
            else self.calls.run(
                "GET",
                f"{graph_path('me', 'calendars', calendar, 'calendarView')}/delta",
                params=view_window(start, end),
            )
        )
        graph_items: dict[str, dict[str, Any]] = {}
        link = ""
        for next_page in self.calls.onward(page):
            link = as_text(next_page.get(DELTA))
            for item in page_items(next_page, "value"):
                # What has no id cannot be known again, nor asked for.
                if remote_id := as_text(item.get("id")):
                    graph_items.pop(remote_id, None)
                    graph_items[remote_id] = item
        if not link:
            raise malformed_answer("The last page has no link for the next time.")
        return graph_items, link

    def read_items(
        self,
        calendar: str,
        graph_items: dict[str, dict[str, Any]],
        cursor: VendorCursor,
        *,
        is_full: bool,
    ) -> Iterator[RemoteEvent | Removed]:
        read_again = self.own_events_by_id(calendar, graph_items, cursor, is_full=is_full)
        masters = {
            id_: graph_event
            for id_, graph_event in graph_items.items()
            if graph_event.get("type") == events.MASTER
        }
        for id_, graph_event in graph_items.items():
            if "@removed" in graph_event:
                yield Removed(id=id_)
            elif graph_event.get("type") == events.OCCURRENCE:
                yield self.read_occurrence(graph_event, masters)
            elif graph_event.get("type") != events.MASTER:
                yield events.read_graph_event({**graph_event, **read_again.get(id_, {})}, self.zone)

    def read_occurrence(
        self, graph_event: Mapping[str, Any], masters: dict[str, dict[str, Any]]
    ) -> RemoteEvent | Removed:
        series = as_text(graph_event.get("seriesMasterId"))
        try:
            if series not in masters:
                masters[series] = self.calls.event_item(series)
        except Gone:
            return Removed(id=as_text(graph_event.get("id")))
        return events.read_graph_event(events.with_series(graph_event, masters[series]), self.zone)

    def own_events_by_id(
        self,
        calendar: str,
        graph_items: dict[str, dict[str, Any]],
        cursor: VendorCursor,
        *,
        is_full: bool,
    ) -> dict[str, dict[str, Any]]:
        """Returns what we created, with our properties, which no delta can be asked for.

        Each is read as a whole: the properties of another moment would belong to other words.
        """
        ours = [
            id_ for id_, graph_event in graph_items.items() if events.transaction_key(graph_event)
        ]
        found: dict[str, dict[str, Any]] = {}
        if is_full and len(ours) > FEW and cursor.start and cursor.end:
            view = self.calls.calendar_view(calendar, cursor.start, cursor.end, "id", expand=EXPAND)
            for graph_event in view:
                id_ = as_text(graph_event.get("id"))
                if graph_event.get(ETAG) == graph_items.get(id_, {}).get(ETAG):
                    found[id_] = {FIELD: as_dicts(graph_event.get(FIELD))}
        missing = [id_ for id_ in ours if id_ not in found]
        return found | {
            id_: graph_event for id_ in missing for graph_event in self.event_items(id_)
        }

    def event_items(self, event: str) -> list[dict[str, Any]]:
        try:
            return [self.calls.event_item(event)]
        except Gone:
            # Since the round was decided: the next one tells of it.
            return []
