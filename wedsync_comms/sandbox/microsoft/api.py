"""Which path of Graph v1.0 is which call, and what permission it needs."""

import inspect
import re
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from .call import Call
from .contacts_api import ContactsApi
from .errors import RefusedError
from .events_api import EventsApi
from .events_delta import EventsDelta
from .schedule import ScheduleApi
from .subscriptions_api import SubscriptionsApi

Endpoint = Callable[..., Any]

CALENDAR = r"me/calendars/(?P<calendar>[^/]+)"
OWN = r"me(?:/calendar)?"
EVENT = r"me/(?:calendars/[^/]+/|calendar/)?events/(?P<event>[^/]+)"
FOLDER = r"me/contactFolders/(?P<folder>[^/]+)"
CONTACT = r"me/(?:contactFolders/[^/]+/)?contacts/(?P<contact>[^/]+)"
SUBSCRIPTION = r"subscriptions/(?P<subscription>[^/]+)"
# Outlook's own limit; subscriptions are another service.
MAILBOX = re.compile(r"me/.+")


class Api:
    def __init__(
        self,
        events: EventsApi,
        delta: EventsDelta,
        schedule: ScheduleApi,
        contacts: ContactsApi,
        subscriptions: SubscriptionsApi,
    ) -> None:
        calendars, people = "Calendars", "Contacts"
        self._routes: list[tuple[str, re.Pattern[str], Endpoint, str]] = [
            (method, re.compile(pattern), endpoint, scope)
            for method, pattern, endpoint, scope in (
                ("GET", "me", show_me, "User"),
                ("GET", "me/calendars", events.list_calendars, calendars),
                ("GET", "me/calendar", events.show_calendar, calendars),
                ("GET", CALENDAR, events.show_calendar, calendars),
                ("GET", rf"{OWN}/events", events.list_events, calendars),
                ("POST", rf"{OWN}/events", events.create, calendars),
                ("GET", rf"{CALENDAR}/events", events.list_events, calendars),
                ("POST", rf"{CALENDAR}/events", events.create, calendars),
                ("GET", rf"{OWN}/calendarView", events.view, calendars),
                ("GET", rf"{CALENDAR}/calendarView", events.view, calendars),
                ("GET", rf"{OWN}/calendarView/delta(?:\(\))?", delta.answer, calendars),
                ("GET", rf"{CALENDAR}/calendarView/delta(?:\(\))?", delta.answer, calendars),
                ("POST", r"me/calendar/getSchedule", schedule.answer, calendars),
                ("GET", EVENT, events.show, calendars),
                ("PATCH", EVENT, events.change, calendars),
                ("DELETE", EVENT, events.delete, calendars),
                ("GET", rf"{EVENT}/instances", events.instances, calendars),
                ("POST", rf"{EVENT}/cancel", events.cancel, calendars),
                (
                    "POST",
                    rf"{EVENT}/(?P<answer>accept|decline|tentativelyAccept)",
                    events.respond,
                    calendars,
                ),
                ("GET", r"me/contactFolders", contacts.list_folders, people),
                ("POST", r"me/contactFolders", contacts.create_folder, people),
                ("GET", FOLDER, contacts.show_folder, people),
                ("GET", r"me/contacts", contacts.list, people),
                ("POST", r"me/contacts", contacts.create, people),
                ("GET", r"me/contacts/delta(?:\(\))?", contacts.delta, people),
                ("GET", rf"{FOLDER}/contacts", contacts.list, people),
                ("POST", rf"{FOLDER}/contacts", contacts.create, people),
                ("GET", rf"{FOLDER}/contacts/delta(?:\(\))?", contacts.delta, people),
                ("GET", CONTACT, contacts.show, people),
                ("PATCH", CONTACT, contacts.change, people),
                ("DELETE", CONTACT, contacts.delete, people),
                ("GET", "subscriptions", subscriptions.list, ""),
                ("POST", "subscriptions", subscriptions.create, ""),
                ("GET", SUBSCRIPTION, subscriptions.show, ""),
                ("PATCH", SUBSCRIPTION, subscriptions.change, ""),
                ("DELETE", SUBSCRIPTION, subscriptions.delete, ""),
                ("POST", rf"{SUBSCRIPTION}/reauthorize", subscriptions.reauthorize, ""),
            )
        ]

    async def answer(self, call: Call, path: str) -> Response:
        method = call.request.method
        for verb, pattern, endpoint, scope in self._routes:
            if verb == method and (found := pattern.fullmatch(path)):
                demand_scope(call, scope)
                answer = endpoint(call, **found.groupdict())
                response: Response = await answer if inspect.isawaitable(answer) else answer
                return response
        raise RefusedError(
            404, "BadRequest", f"Resource not found for the segment '{path.partition('/')[0]}'."
        )


def demand_scope(call: Call, scope: str) -> None:
    """Read for reading; ReadWrite allows both."""
    if not scope:
        return
    wanted = [f"{scope}.ReadWrite"]
    if call.request.method == "GET" or scope == "User":
        wanted.append(f"{scope}.Read")
    if not any(call.access.allows(one) for one in wanted):
        raise RefusedError(403)


def show_me(call: Call) -> Response:
    context = {"@odata.context": f"{call.base}/$metadata#users/$entity"}
    return call.answer({**context, **call.mailbox.user.as_graph()})
