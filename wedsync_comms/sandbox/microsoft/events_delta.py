"""calendarView/delta: what has changed in a window of a calendar.

https://learn.microsoft.com/en-us/graph/delta-query-events
"""

from collections.abc import Iterator
from datetime import datetime

from starlette.responses import Response

from . import event_view, odata, zones
from .call import Call, Json
from .event import Event
from .history import Tombstone
from .item import Item
from .mailbox import Folder, Mailbox
from .tracking import Entry, Tracked, Tracking, Window

Seen = tuple[datetime, datetime]
KIND = "microsoft.graph.event"


class EventsDelta:
    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    def answer(self, call: Call, calendar: str | None = None) -> Response:
        odata.refuse_options(call, "$select", "$expand", "$filter", "$orderby", "$search", "$top")
        folder = call.mailbox.calendar_of(calendar)
        path = f"me/calendars/{calendar}/calendarView" if calendar else "me/calendarView"

        def window() -> Window:
            return (
                zones.read_instant(call.query.get("startDateTime"), "startDateTime"),
                zones.read_instant(call.query.get("endDateTime"), "endDateTime"),
            )

        def look(since: int, seen: Window) -> list[Entry]:
            return changes(call.mailbox, folder, since, _demanded(seen))

        def show(item: Item) -> Json:
            if isinstance(item, Event) and item.kind != "occurrence":
                return event_view.show(item, call.mailbox.user, call.prefer)
            return event_view.show_occurrence(_event(item), call.prefer)

        return self._tracking.answer(call, Tracked(f"{path}/delta", KIND, look, show), window)


def changes(mailbox: Mailbox, folder: Folder, since: int, window: Seen) -> list[Entry]:
    found: list[Entry] = []
    for event in mailbox.events_in(folder.id):
        found.extend(_changes_of(event, since, window))
    if since:
        found.extend(mailbox.history.buried(folder.id, since))
    return sorted(found, key=lambda one: one.sequence)


def _changes_of(event: Event, since: int, window: Seen) -> Iterator[Entry]:
    """What lies outside the window is reported as deleted, if it was reported before or not."""
    seen = event.seen_within(*window)
    if event.sequence > since:
        if event.recurrence is not None and seen:
            yield event
        yield from seen
        if not seen and since:
            yield _removed(event)
        return
    for day in event.exceptions.values():
        if day.sequence > since:
            yield day if day in seen else _removed(day)


def _removed(event: Event) -> Tombstone:
    return Tombstone(event.sequence, event.folder, event.id, event.immutable_id)


def _demanded(window: Window) -> Seen:
    if window is None:
        raise zones.missing_window()
    return window


def _event(item: Item) -> Event:
    if not isinstance(item, Event):
        raise TypeError(item)
    return item
