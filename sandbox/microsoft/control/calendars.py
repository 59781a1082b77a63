"""Calendars as their owner has them in Outlook: add, move, delete; and guests who answer."""

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.control.routes import guarded, json_object
from sandbox.lib.json_answer import EscapedJSON
from sandbox.lib.reading import read_told
from sandbox.microsoft.api import event_rules, events
from sandbox.microsoft.api.event_rules import address_of
from sandbox.microsoft.api.event_view import NEVER
from sandbox.microsoft.errors import RefusedError
from sandbox.microsoft.model.event import Event
from sandbox.microsoft.model.mailbox import Folder, Json, Mailbox
from sandbox.microsoft.model.stamps import stamp
from sandbox.microsoft.world import World

from . import (
    requested_fields,
    showing,
)

# Ours -> Graph's.
ANSWERS = {"accepted": "accepted", "tentative": "tentativelyAccepted", "declined": "declined"}


class CalendarsControl:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/calendars", guarded(self.calendars)),
            Route("/events", guarded(self.add), methods=["POST"]),
            Route("/events/{id}", guarded(self.event), methods=["GET", "PATCH", "DELETE"]),
            Route("/events/{id}/answers", guarded(self.answer), methods=["POST"]),
        ]

    async def calendars(self, request: Request) -> Response:
        wanted = request.query_params.get("account")
        shown = [
            showing.calendar(folder, mailbox)
            for address, mailbox in self._world.mailboxes.items()
            if wanted in {None, address}
            for folder in mailbox.calendars.values()
        ]
        return EscapedJSON({"calendars": shown})

    async def add(self, request: Request) -> Response:
        """Adds an event; it is somebody else's invitation if it names an organizer."""
        given = await json_object(request)
        mailbox, folder = self._place(given.get("calendar"))
        wanted = requested_fields.event(given, mailbox)
        at, user = mailbox.clock.now(), mailbox.user
        try:
            event = event_rules.read_new(wanted, calendar=folder.id, user=user, at=at)
        except RefusedError as refused:
            raise HTTPException(422, refused.message) from refused
        if organizer := given.get("organizer"):
            event.organizer = {"name": organizer, "address": organizer}
            event.fields["responseStatus"] = {"response": "notResponded", "time": NEVER}
        mailbox.add(event)
        if event.organizer is None:
            self._world.mails.created(event, user)
        return EscapedJSON(showing.event(event, mailbox), status_code=201)

    async def event(self, request: Request) -> Response:
        mailbox, event = self._find(request)
        if request.method == "DELETE":
            mailbox.remove(event)
            self._world.mails.cancelled(event, mailbox.user)
            return Response(status_code=204)
        if request.method == "PATCH":
            self._change(mailbox, event, await json_object(request))
        return EscapedJSON(showing.event(event, mailbox))

    async def answer(self, request: Request) -> Response:
        mailbox, event = self._find(request)
        given = await json_object(request)
        email, answer = str(given.get("email", "")).casefold(), given.get("answer")
        if answer not in ANSWERS:
            raise HTTPException(422, f"answer is one of {', '.join(ANSWERS)}.")
        status = {"response": ANSWERS[answer], "time": stamp(mailbox.clock.now())}
        is_own = email == mailbox.user.address.casefold() and event.organizer is not None
        if not is_own and email not in [address_of(attendee) for attendee in event.attendees]:
            raise HTTPException(422, f"{email} is not invited.")
        event.fields = {
            **event.fields,
            "attendees": [
                {**guest, "status": status} if address_of(guest) == email else guest
                for guest in event.attendees
            ],
        }
        if is_own:
            event.fields["responseStatus"] = status
        mailbox.stored(event)
        return EscapedJSON(showing.event(event, mailbox))

    def _change(self, mailbox: Mailbox, event: Event, given: Json) -> None:
        if calendar := given.get("calendar"):
            mailbox.move(event, self._place(calendar)[1].id)
        if "told" in given:
            event.told = read_told(given["told"])
            mailbox.stored(event)
        if given.get("cancelled"):
            event.fields = {**event.fields, "isCancelled": True, "showAs": "free"}
            event.fields["subject"] = f"Canceled: {event.title}"
            mailbox.stored(event)
        wanted = requested_fields.event(given, mailbox, event)
        if not wanted:
            return
        try:
            events.change(mailbox, self._world.mails, event, wanted)
        except RefusedError as refused:
            raise HTTPException(422, refused.message) from refused

    def _place(self, calendar: object) -> tuple[Mailbox, Folder]:
        """The first mailbox's own calendar if none is named; a name or an address will do."""
        if calendar is None:
            return self._world.first, self._world.first.calendar
        for address, mailbox in self._world.mailboxes.items():
            for folder in mailbox.calendars.values():
                if calendar == folder.id or (calendar == address and folder.is_default):
                    return mailbox, folder
        raise HTTPException(422, "There is no such calendar.")

    def _find(self, request: Request) -> tuple[Mailbox, Event]:
        for mailbox in self._world.mailboxes.values():
            try:
                return mailbox, mailbox.event(request.path_params["id"])
            except RefusedError:
                continue
        raise HTTPException(404, "There is no such event.")
