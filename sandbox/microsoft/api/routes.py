"""Which path of Graph v1.0 is which call, and what permission it needs."""

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

from starlette.responses import Response

from sandbox.microsoft.errors import RefusedError

from .call import Call
from .contacts import ContactsApi
from .events import EventsApi
from .events_delta import EventsDelta
from .schedule import ScheduleApi
from .subscriptions import SubscriptionsApi

Endpoint = Callable[..., Any]
# Method, path below the version, what answers, the permission it needs.
Route = tuple[str, str, Endpoint, str]

CALENDAR = r"me/calendars/(?P<calendar>[^/]+)"
OWN = r"me(?:/calendar)?"
EVENT = r"me/(?:calendars/[^/]+/|calendar/)?events/(?P<event>[^/]+)"
FOLDER = r"me/contactFolders/(?P<folder>[^/]+)"
CONTACT = r"me/(?:contactFolders/[^/]+/)?contacts/(?P<contact>[^/]+)"
SUBSCRIPTION = r"subscriptions/(?P<subscription>[^/]+)"
DELTA = r"delta(?:\(\))?"
# Outlook's own limit; subscriptions are another service.
MAILBOX = re.compile(r"me/.+")


class Api:
    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [
            (method, re.compile(pattern), endpoint, scope)
            for method, pattern, endpoint, scope in (("GET", "me", show_me, "User"), *routes)
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


def calendar_routes(events: EventsApi, delta: EventsDelta, schedule: ScheduleApi) -> list[Route]:
    on, answer = "Calendars", r"(?P<answer>accept|decline|tentativelyAccept)"
    return [
        ("GET", "me/calendars", events.list_calendars, on),
        ("GET", "me/calendar", events.show_calendar, on),
        ("GET", CALENDAR, events.show_calendar, on),
        ("GET", rf"{OWN}/events", events.list_events, on),
        ("POST", rf"{OWN}/events", events.create, on),
        ("GET", rf"{CALENDAR}/events", events.list_events, on),
        ("POST", rf"{CALENDAR}/events", events.create, on),
        ("GET", rf"{OWN}/calendarView", events.view, on),
        ("GET", rf"{CALENDAR}/calendarView", events.view, on),
        ("GET", rf"{OWN}/calendarView/{DELTA}", delta.answer, on),
        ("GET", rf"{CALENDAR}/calendarView/{DELTA}", delta.answer, on),
        ("POST", "me/calendar/getSchedule", schedule.answer, on),
        ("GET", EVENT, events.show, on),
        ("PATCH", EVENT, events.change, on),
        ("DELETE", EVENT, events.delete, on),
        ("GET", rf"{EVENT}/instances", events.instances, on),
        ("GET", rf"{EVENT}/calendar", events.calendar_of, on),
        ("POST", rf"{EVENT}/cancel", events.cancel, on),
        ("POST", rf"{EVENT}/{answer}", events.respond, on),
    ]


def contact_routes(contacts: ContactsApi) -> list[Route]:
    on = "Contacts"
    return [
        ("GET", "me/contactFolders", contacts.list_folders, on),
        ("POST", "me/contactFolders", contacts.create_folder, on),
        ("GET", FOLDER, contacts.show_folder, on),
        ("GET", "me/contacts", contacts.list, on),
        ("POST", "me/contacts", contacts.create, on),
        ("GET", f"me/contacts/{DELTA}", contacts.delta, on),
        ("GET", f"{FOLDER}/contacts", contacts.list, on),
        ("POST", f"{FOLDER}/contacts", contacts.create, on),
        ("GET", f"{FOLDER}/contacts/{DELTA}", contacts.delta, on),
        ("GET", CONTACT, contacts.show, on),
        ("PATCH", CONTACT, contacts.change, on),
        ("DELETE", CONTACT, contacts.delete, on),
    ]


def subscription_routes(subscriptions: SubscriptionsApi) -> list[Route]:
    """Returns the routes; which permission they need depends on what is watched."""
    return [
        ("GET", "subscriptions", subscriptions.list, ""),
        ("POST", "subscriptions", subscriptions.create, ""),
        ("GET", SUBSCRIPTION, subscriptions.show, ""),
        ("PATCH", SUBSCRIPTION, subscriptions.change, ""),
        ("DELETE", SUBSCRIPTION, subscriptions.delete, ""),
        ("POST", f"{SUBSCRIPTION}/reauthorize", subscriptions.reauthorize, ""),
    ]


def demand_scope(call: Call, scope: str) -> None:
    """Demands Read for reading; ReadWrite allows both."""
    if not scope:
        return
    wanted = [f"{scope}.ReadWrite"]
    if call.request.method == "GET" or scope == "User":
        wanted.append(f"{scope}.Read")
    if not any(call.access.allows(scope) for scope in wanted):
        raise RefusedError(403)


def show_me(call: Call) -> Response:
    context = {"@odata.context": f"{call.base}/$metadata#users/$entity"}
    return call.answer({**context, **call.mailbox.user.as_graph()})
