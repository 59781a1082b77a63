"""Events, written by whoever is on the other side."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.control.routes import guarded, json_object
from sandbox.google.api.events import move_event, writer
from sandbox.google.errors import RefusedError
from sandbox.google.model.accounts import World
from sandbox.google.model.calendar import Calendar
from sandbox.google.model.event import Event
from sandbox.google.model.writing import How, Writer
from sandbox.lib.json_answer import EscapedJSON
from sandbox.lib.reading import read_told

from . import showing

Json = dict[str, Any]
T = TypeVar("T")

ANSWERS = ("accepted", "tentative", "declined", "needsAction")
# What a change may name -> what it is called in an event.
PLAIN = {"title": "summary", "place": "location", "description": "description"}


def event_routes(world: World) -> Sequence[BaseRoute]:
    desk = EventDesk(world)
    return [
        Route("/calendars", desk.calendars),
        Route("/events", guarded(desk.create), methods=["POST"]),
        Route("/events/{id}", guarded(desk.event), methods=["GET", "PATCH", "DELETE"]),
        Route("/events/{id}/answers", guarded(desk.answer), methods=["POST"]),
    ]


class EventDesk:
    def __init__(self, world: World) -> None:
        self._world = world

    async def calendars(self, request: Request) -> Response:
        wanted = request.query_params.get("account")
        shown = [
            calendar
            for calendar in showing.calendars(self._world)
            if wanted in (None, calendar["account"])
        ]
        return EscapedJSON({"calendars": shown})

    async def create(self, request: Request) -> Response:
        given = await json_object(request)
        calendar = self._calendar(given.get("calendar"))
        content = _content(given, all_day=given.get("all_day") is True, zone=calendar.zone)
        if given.get("key"):
            private = {self._world.key_property: str(given["key"])}
            content["extendedProperties"] = {"private": private}
        if given.get("organizer"):
            content["organizer"] = {"email": given["organizer"]}
        hand = writer(self._world, calendar, given.get("organizer") or calendar.owner)
        updates = given.get("updates", "none")
        made = _tried(lambda: hand.insert(content, How(updates)))
        return self._shown(made, calendar, 201)

    async def event(self, request: Request) -> Response:
        calendar, event = self._find(request)
        if request.method == "DELETE":
            self._delete(calendar, event)
            return Response(status_code=204)
        if request.method == "PATCH":
            given = await json_object(request)
            if given.get("calendar"):
                calendar, event = self._move(calendar, event, self._calendar(given["calendar"]))
            return self._shown(self._change(calendar, event, given), calendar)
        return self._shown(event, calendar)

    async def answer(self, request: Request) -> Response:
        calendar, event = self._find(request)
        given = await json_object(request)
        if given.get("answer") not in ANSWERS:
            raise HTTPException(422, f"answer is one of {', '.join(ANSWERS)}.")
        guests = [dict(guest) for guest in event.attendees()]
        email = str(given.get("email", "")).casefold()
        mine = [attendee for attendee in guests if attendee["email"].casefold() == email]
        if not mine:
            raise HTTPException(422, "email is that of somebody who was invited.")
        mine[0] |= {"responseStatus": given["answer"]}
        if given.get("comment"):
            mine[0]["comment"] = given["comment"]
        return self._shown(self._put(calendar, event, attendees=guests), calendar, 201)

    def _change(self, calendar: Calendar, event: Event, given: Json) -> Event:
        """By whoever organizes it, so that nothing of it is refused."""
        all_day = given.get("all_day", event.is_all_day) is True
        fields = _content(given, all_day=all_day, zone=event.zone(calendar.zone))
        if "start" in fields and "end" not in fields:
            fields["end"] = _later(event, fields["start"], calendar.zone)
        how = How(given.get("updates", "none"))
        event = replace(event, told=read_told(given.get("told", event.told)))
        return _tried(lambda: self._hand(calendar, event).overwrite(event, fields, how))

    def _move(self, calendar: Calendar, event: Event, to: Calendar) -> tuple[Calendar, Event]:
        if to is calendar:
            return calendar, event
        return to, move_event(calendar, event, to, self._world.clock.now())

    def _delete(self, calendar: Calendar, event: Event) -> None:
        _tried(lambda: self._hand(calendar, event).delete(event, "none"))

    def _hand(self, calendar: Calendar, event: Event) -> Writer:
        hand = writer(self._world, calendar, calendar.owner)
        hand.me = event.content.get("organizer", hand.me)
        return hand

    def _put(self, calendar: Calendar, event: Event, **fields: Any) -> Event:
        """An answer is no edit: the sequence stays."""
        content = {**event.content, **fields}
        after = replace(event, content=content, updated=self._world.clock.now())
        calendar.put(after)
        return after

    def _calendar(self, wanted: Any) -> Calendar:
        """Without an id, the first one."""
        calendars = self._world.calendars
        found = next(iter(calendars.values())) if wanted is None else calendars.get(str(wanted))
        if found is None:
            raise HTTPException(422, "calendar is the id of one that there is.")
        return found

    def _find(self, request: Request) -> tuple[Calendar, Event]:
        wanted = request.query_params.get("calendar")
        found = [
            (calendar, event)
            for calendar in self._world.calendars.values()
            if (event := calendar.find(request.path_params["id"])) and wanted in (None, calendar.id)
        ]
        # What was moved is left behind as deleted.
        for calendar, event in sorted(found, key=lambda pair: pair[1].deleted):
            return calendar, event
        raise HTTPException(404, "There is no such event.")

    def _shown(self, event: Event, calendar: Calendar, status: int = 200) -> Response:
        shown = showing.event(event, calendar, self._world.key_property)
        return EscapedJSON(shown, status_code=status)


def _later(event: Event, start: Json, zone: str) -> Json:
    """The end that leaves it as long as it was."""
    length = event.ends(zone) - event.starts(zone)
    if "date" in start:
        return {"date": (date.fromisoformat(start["date"]) + length).isoformat()}
    end = datetime.fromisoformat(start["dateTime"]) + length
    return {**start, "dateTime": end.isoformat()}


def _content(given: Json, *, all_day: bool, zone: str) -> Json:
    content = {theirs: given[ours] for ours, theirs in PLAIN.items() if ours in given}
    for name in ("start", "end"):
        if name in given:
            text = str(given[name])
            content[name] = (
                {"date": text[:10]}
                if all_day
                else {"dateTime": text, "timeZone": given.get("zone") or zone}
            )
    if "attendees" in given:
        content["attendees"] = [_guest(guest) for guest in given["attendees"]]
    for name in ("recurrence", "transparency", "extendedProperties", "status", "guestsCanModify"):
        if name in given:
            content[name] = given[name]
    return content


def _guest(given: Any) -> Json:
    fields = {"email": given} if isinstance(given, str) else dict(given)
    answer = fields.pop("answer", None)
    name = fields.pop("name", None)
    return {
        **fields,
        **({"displayName": name} if name else {}),
        **({"responseStatus": answer} if answer in ANSWERS else {}),
    }


def _tried(write: Callable[[], T]) -> T:
    try:
        return write()
    except RefusedError as refused:
        raise HTTPException(422, str(refused.body["error"]["message"])) from refused
