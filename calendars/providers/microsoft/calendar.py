"""Calendars and events. https://learn.microsoft.com/en-us/graph/api/resources/calendar-overview"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from calendars.events import (
    Busy,
    Changes,
    EventText,
    Notify,
    RemoteCalendar,
    RemoteEvent,
    Removed,
    Span,
)
from calendars.providers.asking import items, listed, malformed, text
from calendars.providers.base import Changed, Gone, Mailbox
from calendars.providers.cursors import Cursor, continued
from calendars.providers.microsoft import events, schedules
from calendars.providers.microsoft.calls import Calls, path
from calendars.providers.microsoft.errors import Taken
from calendars.providers.microsoft.properties import (
    EXPAND,
    FIELD,
    holding,
    with_properties,
)
from wedsync_comms.lib.errors import PermanentError

# Raise it whenever the question or the headers of it are changed: a link continues one only.
SHAPE = "microsoft-events-1"
NEXT, DELTA = "@odata.nextLink", "@odata.deltaLink"
# Of more events than this our properties are read with the whole window, and not one by one.
FEW = 10


class Calendars(Mailbox):
    calls: Calls

    def calendars(self) -> list[RemoteCalendar]:
        return [
            RemoteCalendar(
                id=text(one.get("id")),
                name=text(one.get("name")),
                may_write=one.get("canEdit") is True,
                is_primary=one.get("isDefaultCalendar") is True,
            )
            for page in self.pages("/me/calendars")
            for one in items(page, "value")
        ]

    def pages(self, start: str, **params: str) -> Iterator[dict[str, Any]]:
        return self.onward(self.calls.run("GET", start, params=params))

    def onward(self, page: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield page
        seen = set()
        while link := text(page.get(NEXT)):
            if link in seen:
                raise malformed("The pages go round in a circle.")
            seen.add(link)
            page = self.calls.follow(link)
            yield page

    # --- reading --------------------------------------------------------------------------------

    def changes(self, calendar: str, cursor: str, *, start: datetime, end: datetime) -> Changes:
        """Series come as their occurrences. The window is frozen in Graph's links, and what moves
        out of it is removed. A removed occurrence is not always told of before the next full round.
        https://github.com/microsoftgraph/microsoft-graph-docs/issues/11728"""
        since = continued(cursor, SHAPE, end) if cursor else None
        found, link = self.round(calendar, since.token if since else "", start, end)
        onward = Cursor(
            shape=SHAPE,
            token=link,
            start=since.start if since else start,
            end=since.end if since else end,
        )
        return Changes(
            items=tuple(self.understood(calendar, found, onward, is_full=since is None)),
            cursor=str(onward),
            is_full=since is None,
        )

    def round(
        self, calendar: str, token: str, start: datetime, end: datetime
    ) -> tuple[dict[str, dict[str, Any]], str]:
        """By id, because one may come twice; the last word counts. With the link for the next."""
        page = (
            self.calls.follow(token)
            if token
            else self.calls.run(
                "GET",
                f"{path('me', 'calendars', calendar, 'calendarView')}/delta",
                params=window(start, end),
            )
        )
        found: dict[str, dict[str, Any]] = {}
        link = ""
        for each in self.onward(page):
            link = text(each.get(DELTA))
            for one in items(each, "value"):
                found.pop(identified(one), None)
                found[identified(one)] = one
        if not link:
            raise malformed("The last page has no link for the next time.")
        return found, link

    def understood(
        self, calendar: str, found: dict[str, dict[str, Any]], cursor: Cursor, *, is_full: bool
    ) -> Iterator[RemoteEvent | Removed]:
        marked = self.marked(calendar, found, cursor, is_full=is_full)
        masters = {id_: one for id_, one in found.items() if one.get("type") == events.MASTER}
        for id_, one in found.items():
            if "@removed" in one:
                yield Removed(id=id_)
            elif one.get("type") == events.OCCURRENCE:
                yield self.occurrence(one, masters)
            elif one.get("type") != events.MASTER:
                yield events.read({**one, FIELD: marked.get(id_, [])})

    def occurrence(
        self, one: Mapping[str, Any], masters: dict[str, dict[str, Any]]
    ) -> RemoteEvent | Removed:
        series = text(one.get("seriesMasterId"))
        try:
            if series not in masters:
                masters[series] = self.item(series)
        except Gone:
            return Removed(id=text(one.get("id")))
        return events.read(events.completed(one, masters[series]))

    def marked(
        self, calendar: str, found: dict[str, dict[str, Any]], cursor: Cursor, *, is_full: bool
    ) -> dict[str, list[dict[str, Any]]]:
        """Our properties of what we created, which a delta leaves out and cannot be asked for."""
        ours = [id_ for id_, one in found.items() if events.key_of(one)]
        if is_full and len(ours) > FEW and cursor.start and cursor.end:
            view = self.view(calendar, cursor.start, cursor.end, "id", expand=EXPAND)
            return {text(one.get("id")): listed(one.get(FIELD)) for one in view}
        return {id_: listed(one.get(FIELD)) for id_ in ours for one in self.if_there(id_)}

    def if_there(self, event: str) -> list[dict[str, Any]]:
        try:
            return [self.item(event)]
        except Gone:
            # Since the round was decided: the next one tells of it.
            return []

    def view(
        self, calendar: str, start: datetime, end: datetime, select: str, *, expand: str = ""
    ) -> Iterator[dict[str, Any]]:
        wanted = {"$select": select, **({"$expand": expand} if expand else {})}
        start_of = path("me", "calendars", calendar, "calendarView")
        for page in self.pages(start_of, **window(start, end), **wanted):
            yield from items(page, "value")

    def event(self, calendar: str, event: str) -> RemoteEvent:  # noqa: ARG002
        return events.read(self.item(event))

    def item(self, event: str) -> dict[str, Any]:
        return self.calls.run("GET", path("me", "events", event), params={"$expand": EXPAND})

    # --- writing --------------------------------------------------------------------------------

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
        """Looked for first: how long Graph remembers a transaction is not published.

        Raises Gone if it was created once and deleted since. Graph always writes to the guests.
        """
        if found := self.with_key(calendar, key):
            return found
        values = events.marks(text, key, written_hash)
        body = events.created(text, values)
        body["transactionId"] = events.transaction(key, calendar, generation)
        try:
            item = self.calls.run("POST", path("me", "calendars", calendar, "events"), json=body)
        except Taken as error:
            if found := self.with_key(calendar, key):
                return found
            raise Gone("The event was deleted.", code="deleted") from error
        return events.read(with_properties(item, values))

    def with_key(self, calendar: str, key: str) -> RemoteEvent | None:
        start = path("me", "calendars", calendar, "events")
        for page in self.pages(start, **holding(key)):
            for one in items(page, "value"):
                return events.read(one)
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
    ) -> RemoteEvent:
        """Graph writes to the guests of whatever they can see, and cannot be asked not to."""
        present = self.event(calendar, event)
        if present.etag != etag:
            raise Changed("Somebody changed it meanwhile.", code="etag")
        values = events.marks(text, present.key, written_hash)
        body = events.changed(text, present, values)
        item = self.calls.run("PATCH", path("me", "events", event), json=body, etag=etag)
        return events.read(with_properties(item, values))

    def cancel(self, calendar: str, event: str, *, notify: Notify) -> None:  # noqa: ARG002
        """An organizer's deleting is a cancellation, and a guest's takes it out of the calendar."""
        try:
            self.calls.run("DELETE", path("me", "events", event))
        except Gone:
            return

    # --- free and busy --------------------------------------------------------------------------

    def free_busy(self, calendars: Sequence[str], start: datetime, end: datetime) -> list[Busy]:
        """Own calendars are read as they are: getSchedule knows no calendars but the main one of
        an address, and is closed to personal accounts. It is asked about addresses."""
        return [
            self.schedule(one, start, end)
            if schedules.is_address(one)
            else self.taken(one, start, end)
            for one in calendars
        ]

    def taken(self, calendar: str, start: datetime, end: datetime) -> Busy:
        try:
            seen = list(self.view(calendar, start, end, schedules.SELECT))
        except PermanentError as error:
            return Busy(calendar=calendar, problem=str(error))
        found = [schedules.span(one) for one in seen if events.is_busy(one)]
        return Busy(calendar=calendar, spans=tuple(found))

    def schedule(self, address: str, start: datetime, end: datetime) -> Busy:
        spans: list[Span] = []
        for since, until in schedules.pieces(start, end):
            question = schedules.question(address, since, until)
            try:
                answer = self.calls.run("POST", "/me/calendar/getSchedule", json=question)
            except PermanentError as error:
                return Busy(calendar=address, problem=str(error))
            part = schedules.busy(address, answer)
            if part.problem:
                return part
            spans += part.spans
        return Busy(calendar=address, spans=tuple(spans))


def window(start: datetime, end: datetime) -> dict[str, str]:
    return {"startDateTime": start.isoformat(), "endDateTime": end.isoformat()}


def identified(one: Mapping[str, Any]) -> str:
    found = text(one.get("id"))
    if not found:
        raise malformed("An event without an id.")
    return found
