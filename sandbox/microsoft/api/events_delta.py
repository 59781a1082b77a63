"""calendarView/delta: what has changed in a window of a calendar.

https://learn.microsoft.com/en-us/graph/delta-query-events
"""

from collections.abc import Iterator
from datetime import datetime

from starlette.responses import Response

from sandbox.microsoft.model import zones
from sandbox.microsoft.model.event import Event
from sandbox.microsoft.model.history import Tombstone
from sandbox.microsoft.model.item import Item
from sandbox.microsoft.model.mailbox import Folder, Mailbox
from sandbox.microsoft.model.tracking import Entry, Tracked, Tracking, Window

from . import event_view, odata
from .call import Call, Json

Seen = tuple[datetime, datetime]
KIND = "microsoft.graph.event"


class EventsDelta:
    def __init__(self, tracking: Tracking) -> None:
        # Whether it is told that an occurrence was taken out of its series.
        self.tells_of_occurrences = True
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
            told = self.tells_of_occurrences
            window = _demanded(seen)
            return changes(call.mailbox, folder, since, window, occurrences_told=told)

        def show(item: Item) -> Json:
            if isinstance(item, Event) and item.kind != "occurrence":
                return event_view.show(item, call.mailbox.user, call.prefer)
            return event_view.show_occurrence(_event(item), call.prefer)

        return self._tracking.answer(call, Tracked(f"{path}/delta", KIND, look, show), window)


def changes(
    mailbox: Mailbox, folder: Folder, since: int, window: Seen, *, occurrences_told: bool = True
) -> list[Entry]:
    found: list[Entry] = []
    for event in mailbox.events_in(folder.id):
        found.extend(_changes_of(event, since, window))
    if since:
        buried = mailbox.history.buried(folder.id, since)
        found.extend(
            tombstone for tombstone in buried if _is_told(tombstone, window, told=occurrences_told)
        )
    return sorted(found, key=lambda entry: entry.sequence)


def _changes_of(event: Event, since: int, window: Seen) -> Iterator[Entry]:
    """What lies outside the window is reported as deleted, if it was reported before or not."""
    is_changed = event.sequence > since
    if is_changed:
        yield from _whole(event, since, window)
    for day in event.exceptions.values():
        if day.sequence <= since:
            continue
        if not day.overlaps(*window):
            yield _removed(day)
        elif not is_changed:
            yield day


def _whole(event: Event, since: int, window: Seen) -> Iterator[Entry]:
    """A series comes with its occurrences."""
    seen = event.seen_within(*window)
    if event.recurrence is not None and seen:
        yield event
    yield from seen
    if not seen and since:
        yield _removed(event)


def _is_told(tombstone: Tombstone, window: Seen, *, told: bool) -> bool:
    """Microsoft does not always tell of an occurrence that was taken out of its series."""
    return tombstone.at is None or (told and window[0] <= tombstone.at < window[1])


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
