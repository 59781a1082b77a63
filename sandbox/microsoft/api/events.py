"""Events: create, read, change, cancel, answer.

https://learn.microsoft.com/en-us/graph/api/resources/calendar-overview
"""

from copy import deepcopy
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from sandbox.microsoft.errors import RefusedError, bad
from sandbox.microsoft.model import zones
from sandbox.microsoft.model.event import Event
from sandbox.microsoft.model.item import Item
from sandbox.microsoft.model.mailbox import Folder, Mailbox, Transaction
from sandbox.microsoft.model.mails import Mails
from sandbox.microsoft.model.stamps import stamp

from . import event_rules, event_view, odata
from .call import Call
from .event_rules import address_of

Json = dict[str, Any]

ANSWERS = {"accept": "accepted", "decline": "declined", "tentativelyAccept": "tentativelyAccepted"}


class EventsApi:
    def __init__(self, mails: Mails) -> None:
        # How long a transactionId is remembered; null: for ever. Microsoft does not say.
        self.transaction_seconds: float | None = None
        self._mails = mails

    def list_calendars(self, call: Call) -> Response:
        shown = [
            show_calendar(calendar, call.mailbox) for calendar in call.mailbox.calendars.values()
        ]
        context = f"{call.base}/$metadata#users('{call.mailbox.user.id}')/calendars"
        return call.answer({"@odata.context": context, "value": shown})

    def show_calendar(self, call: Call, calendar: str | None = None) -> Response:
        found = call.mailbox.calendar_of(calendar)
        return call.answer(show_calendar(found, call.mailbox))

    def list_events(self, call: Call, calendar: str | None = None) -> Response:
        folder = call.mailbox.calendar_of(calendar)
        events = sorted(call.mailbox.events_in(folder.id), key=lambda event: event.created_at)
        return odata.collection(call, events, self._shower(call))

    def view(self, call: Call, calendar: str | None = None) -> Response:
        folder = call.mailbox.calendar_of(calendar)
        start = zones.read_instant(call.query.get("startDateTime"), "startDateTime")
        end = zones.read_instant(call.query.get("endDateTime"), "endDateTime")
        return odata.collection(call, call.mailbox.view(folder.id, start, end), self._shower(call))

    def instances(self, call: Call, event: str) -> Response:
        start = zones.read_instant(call.query.get("startDateTime"), "startDateTime")
        end = zones.read_instant(call.query.get("endDateTime"), "endDateTime")
        seen = call.mailbox.event(event).seen_within(start, end)
        return odata.collection(call, seen, self._shower(call))

    def show(self, call: Call, event: str) -> Response:
        return self._one(call, call.mailbox.event(event))

    def calendar_of(self, call: Call, event: str) -> Response:
        """Shows the calendar that contains the event, wherever it was moved to."""
        found = call.mailbox.event(event)
        folder = call.mailbox.calendar_of(found.folder)
        return call.answer(show_calendar(folder, call.mailbox))

    def create(self, call: Call, calendar: str | None = None) -> Response:
        mailbox, given = call.mailbox, call.json()
        folder = mailbox.calendar_of(calendar)
        if repeated := self._repeated(mailbox, given):
            return self._one(call, repeated, 201)
        at = mailbox.clock.now()
        event = event_rules.read_new(given, calendar=folder.id, user=mailbox.user, at=at)
        if id_ := given.get("transactionId"):
            mailbox.transactions[str(id_)] = Transaction(given, event, at)
        mailbox.add(event)
        self._mails.created(event, mailbox.user)
        return self._one(call, event, 201)

    def change(self, call: Call, event: str) -> Response:
        found = call.mailbox.event(event)
        call.demand_match(found)
        change(call.mailbox, self._mails, found, call.json())
        return self._one(call, found)

    def delete(self, call: Call, event: str) -> Response:
        found = call.mailbox.event(event)
        call.demand_match(found)
        call.mailbox.remove(found)
        self._mails.cancelled(found, call.mailbox.user)
        return Response(status_code=204)

    def cancel(self, call: Call, event: str) -> Response:
        found = call.mailbox.event(event)
        if found.organizer is not None:
            raise bad(
                "Your request can't be completed. You need to be an organizer to cancel a meeting."
            )
        call.mailbox.remove(found)
        self._mails.cancelled(found, call.mailbox.user, str(call.json().get("comment") or ""))
        return Response(status_code=202)

    def respond(self, call: Call, event: str, answer: str) -> Response:
        """Answers an invitation; declining takes it out of the calendar."""
        found = call.mailbox.event(event)
        if found.organizer is None:
            raise bad(
                "Your request can't be completed. You can't respond to this meeting because "
                "you're the meeting organizer."
            )
        given = call.json()
        if given.get("sendResponse", True):
            comment = str(given.get("comment") or "")
            self._mails.answered(found, call.mailbox.user, ANSWERS[answer], comment)
        if answer == "decline":
            call.mailbox.remove(found)
        else:
            at = stamp(call.mailbox.clock.now())
            status = {"response": ANSWERS[answer], "time": at}
            found.fields = {**found.fields, "responseStatus": status}
            call.mailbox.stored(found)
        return Response(status_code=202)

    def _repeated(self, mailbox: Mailbox, given: Json) -> Event | None:
        """The event an identical request has made before."""
        known = mailbox.transactions.get(str(given.get("transactionId")))
        if known is None or self._is_forgotten(mailbox, known):
            return None
        if known.asked != given or known.event.removed:
            raise RefusedError(
                409,
                "ErrorDuplicateTransactionId",
                "Your request can't be completed. The TransactionId is already used by another "
                "event.",
            )
        return known.event

    def _is_forgotten(self, mailbox: Mailbox, known: Transaction) -> bool:
        if self.transaction_seconds is None:
            return False
        return mailbox.clock.now() - known.at > timedelta(seconds=self.transaction_seconds)

    def _one(self, call: Call, event: Event, status: int = 200) -> Response:
        return odata.item_response(
            call, event, event_view.show(event, call.mailbox.user, call.prefer), status
        )

    def _shower(self, call: Call) -> Any:
        def show(event: Item) -> Json:
            assert isinstance(event, Event)  # noqa: S101 (for the type checker)
            return event_view.show(event, call.mailbox.user, call.prefer)

        return show


def change(mailbox: Mailbox, mails: Mails, event: Event, given: Json) -> None:
    """Changes it as its owner does, with mails, a new change key and lost occurrences."""
    before = [address_of(guest) for guest in event.attendees]
    present = event.foreseen(mailbox.clock.now())
    if event.kind == "occurrence":
        event.fields = deepcopy(event.fields)
        event.properties = dict(event.properties)
    event_rules.apply(event, given, user=mailbox.user)
    left = event.foreseen(mailbox.clock.now())
    mailbox.forget([occurrence for id_, occurrence in present.items() if id_ not in left])
    mailbox.stored(event)
    mails.changed(event, mailbox.user, given, before)


def show_calendar(folder: Folder, mailbox: Mailbox) -> Json:
    provider = "unknown" if mailbox.user.is_personal else "teamsForBusiness"
    return {
        "id": folder.id,
        "name": folder.name,
        "color": folder.color,
        "hexColor": "",
        "isDefaultCalendar": folder.is_default,
        "changeKey": "AAAA",
        "canShare": True,
        "canViewPrivateItems": True,
        "canEdit": True,
        "isRemovable": not folder.is_default,
        "isTallyingResponses": folder.is_default,
        "allowedOnlineMeetingProviders": [] if mailbox.user.is_personal else [provider],
        "defaultOnlineMeetingProvider": provider,
        "owner": mailbox.user.as_address(),
    }
