"""https://developers.google.com/workspace/calendar/api/v3/reference/events"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from starlette.responses import Response

from sandbox.google.errors import CalendarRefusedError
from sandbox.google.model.accounts import Account, World
from sandbox.google.model.calendar import Calendar
from sandbox.google.model.event import Event, instant
from sandbox.google.model.writing import Writer

from .calls import Call, Line, answer, line, nothing
from .listing import Listing
from .showing import show_event

Json = dict[str, Any]

EVENTS = "/calendar/v3/calendars/{calendar}/events"


class EventsApi:
    def __init__(self, world: World) -> None:
        self._world = world

    def lines(self) -> list[Line]:
        return [
            line("GET", EVENTS, "events.read", self.list_all),
            line("POST", EVENTS, "events.write", self.insert),
            line("POST", f"{EVENTS}/watch", "events.read", self.watch),
            line("POST", f"{EVENTS}/import", "events.write", self.take_over),
            line("GET", EVENTS + "/{event}", "events.read", self.get),
            line("PATCH", EVENTS + "/{event}", "events.write", self.patch),
            line("PUT", EVENTS + "/{event}", "events.write", self.update),
            line("DELETE", EVENTS + "/{event}", "events.write", self.delete),
            line("GET", EVENTS + "/{event}/instances", "events.read", self.instances),
            line("POST", EVENTS + "/{event}/move", "events.write", self.move),
        ]

    def list_all(self, call: Call, calendar: str) -> Response:
        world = self._world
        found = world.calendar(call.account, calendar)
        if call.query.get("syncToken") and (fault := world.draw("cursor_expired", call.subject)):
            raise CalendarRefusedError(fault["reason"], location="syncToken")
        listing = Listing(found, call.query, world.clock, world.cursor_days)
        cut = world.draw("cut_list", call.subject)
        return answer(listing.answer(cut["items"] if cut else None))

    def get(self, call: Call, calendar: str, event: str) -> Response:
        found = self._world.calendar(call.account, calendar)
        present = _find(found, event)
        if call.headers.get("if-none-match") == present.etag:
            return Response(status_code=304, headers={"etag": present.etag})
        return self._show(call, found, present)

    def insert(self, call: Call, calendar: str) -> Response:
        given = call.json()
        found = self._world.calendar(call.account, calendar, writes=True)
        writer = self._writer(call.account, found)
        made = writer.insert(given, call.how())
        return self._show(call, found, made)

    def take_over(self, call: Call, calendar: str) -> Response:
        """Imports a private copy of somebody else's event: nobody gets a mail."""
        given = call.json()
        if not given.get("iCalUID"):
            raise CalendarRefusedError("required", location="iCalUID")
        found = self._world.calendar(call.account, calendar, writes=True)
        writer = self._writer(call.account, found)
        made = writer.insert(given, replace(call.how(), updates="none"))
        return self._show(call, found, made)

    def patch(self, call: Call, calendar: str, event: str) -> Response:
        given = call.json()
        found, present = self._to_change(call, calendar, event)
        changed = self._writer(call.account, found).patch(present, given, call.how())
        return self._show(call, found, changed)

    def update(self, call: Call, calendar: str, event: str) -> Response:
        given = call.json()
        found, present = self._to_change(call, calendar, event)
        changed = self._writer(call.account, found).update(present, given, call.how())
        return self._show(call, found, changed)

    def delete(self, call: Call, calendar: str, event: str) -> Response:
        found = self._world.calendar(call.account, calendar, writes=True)
        present = _find(found, event)
        if present.deleted:
            raise CalendarRefusedError("deleted")
        self._check_etag(call, present)
        self._writer(call.account, found).delete(present, call.how().updates)
        return nothing()

    def instances(self, call: Call, calendar: str, event: str) -> Response:
        found = self._world.calendar(call.account, calendar)
        series = _find(found, event)
        window = call.query.moment("timeMin"), call.query.moment("timeMax")
        every = list(found.expand(series, *window)) if series.is_series else []
        if not call.query.switch("showDeleted"):
            every = [instance for instance in every if not instance.deleted]
        if original := call.query.get("originalStart"):
            every = [
                instance
                for instance in every
                if _began(instance, found) == instant({"dateTime": original}, found.zone)
            ]
        size = call.query.number("maxResults", 250, 1, 2500)
        start = int(call.query.get("pageToken") or 0)
        shown = [show_event(instance, found) for instance in every[start : start + size]]
        more = {"nextPageToken": str(start + size)} if every[start + size :] else {}
        kind = {"kind": "calendar#events", "summary": found.name, "timeZone": found.zone}
        return answer({**kind, "items": shown, **more})

    def move(self, call: Call, calendar: str, event: str) -> Response:
        """Moves it; it keeps its id and is deleted in the old calendar."""
        found, present = self._to_change(call, calendar, event)
        target = self._world.calendar(
            call.account, call.query.get("destination") or "", writes=True
        )
        there = target.events.get(event)
        if present.series or (there and not there.deleted):
            raise CalendarRefusedError("invalid", "Cannot change the organizer of an instance.")
        moved = move_event(found, present, target, self._world.clock.now())
        return self._show(call, target, moved)

    def watch(self, call: Call, calendar: str) -> Response:
        found = self._world.calendar(call.account, calendar)
        given = call.json()
        if not found.pushes:
            raise CalendarRefusedError("pushNotSupportedForRequestedResource")
        uri = f"{call.base}/calendars/{found.id}/events?alt=json"
        channel = self._world.channels.watch(
            given, account=call.account.email, resource=found.id, uri=uri
        )
        return answer(channel.as_json())

    def _to_change(self, call: Call, calendar: str, event: str) -> tuple[Calendar, Event]:
        found = self._world.calendar(call.account, calendar, writes=True)
        present = _find(found, event)
        self._check_etag(call, present)
        if present.deleted:
            raise CalendarRefusedError("forbidden")
        return found, present

    def _check_etag(self, call: Call, event: Event) -> None:
        wanted = call.headers.get("if-match")
        conflict = wanted is not None and self._world.strikes("etag_conflict", call.subject)
        if conflict or wanted not in (None, "*", event.etag):
            raise CalendarRefusedError("conditionNotMet", location="If-Match")

    def _writer(self, account: Account, calendar: Calendar) -> Writer:
        return writer(self._world, calendar, account.email)

    def _show(self, call: Call, calendar: Calendar, event: Event) -> Response:
        shown = show_event(event, calendar, shown_in=call.query.zone("timeZone"))
        return answer(shown, etag=event.etag)


def writer(world: World, calendar: Calendar, creator: str) -> Writer:
    return Writer(
        calendar,
        organizer(calendar),
        creator=creator,
        clock=world.clock,
        invitations=world.invitations,
    )


def move_event(calendar: Calendar, event: Event, to: Calendar, at: datetime) -> Event:
    """Moves it under the same id: organized by the other calendar, and cancelled in this one."""
    content = {**event.content, "organizer": organizer(to)}
    moved = replace(event, content=content, updated=at)
    to.put(moved)
    calendar.put(replace(event, deleted=True, updated=at))
    return moved


def organizer(calendar: Calendar) -> Json:
    """Returns the organizer of what is made in it: a secondary calendar organizes its own."""
    if calendar.primary:
        return {"email": calendar.owner}
    return {"email": calendar.id, "displayName": calendar.name}


def _find(calendar: Calendar, wanted: str) -> Event:
    found = calendar.find(wanted)
    if found is None:
        raise CalendarRefusedError("notFound")
    return found


def _began(event: Event, calendar: Calendar) -> Any:
    return instant(event.content["originalStartTime"], calendar.zone)
