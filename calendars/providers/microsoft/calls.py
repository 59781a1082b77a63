"""Graph over HTTP. https://learn.microsoft.com/en-us/graph/use-the-api"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from calendars.providers import responses
from calendars.providers.base import CursorExpired
from calendars.providers.microsoft.errors import graph_error
from calendars.providers.microsoft.properties import EXPAND
from calendars.providers.responses import (
    REDIRECT,
    decode_object,
    malformed_answer,
    page_items,
)
from calendars.providers.token import AccessToken
from wedsync_comms.lib.http import Client
from wedsync_comms.lib.shapes import as_dict, as_text

# The same in every request: an id of one kind is none of the other, a cursor continues one form.
PREFER = (
    'IdType="ImmutableId"',
    'outlook.timezone="UTC"',
    'outlook.body-content-type="text"',
)
PREFER_HTML = (*PREFER[:2], 'outlook.body-content-type="html"')
PAGE = 200
NO_CONTENT = 204
NEXT, DELTA = "@odata.nextLink", "@odata.deltaLink"


class GraphCalls:
    """Requests with one person's access token."""

    def __init__(self, client: Client, graph_url: str, token: AccessToken) -> None:
        self.client = client
        self.token = token
        self.base = graph_url.rstrip("/")

    def run(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        etag: str = "",
        is_safe: bool = True,
        prefer: tuple[str, ...] = PREFER,
    ) -> dict[str, Any]:
        """Carries it out. `is_safe`: repeating does no harm, lost answers are TransientErrors."""
        answer = self.token.ask(
            self.client,
            method,
            f"{self.base}{path}",
            is_safe=is_safe,
            headers={"prefer": prefer_header(prefer), **({"if-match": etag} if etag else {})},
            params=params,
            json=json,
        )
        if answer.status >= REDIRECT:
            raise graph_error(answer, is_safe=is_safe)
        # What is deleted is answered with nothing.
        return {} if answer.status == NO_CONTENT else decode_object(answer.content, is_safe=is_safe)

    def follow(self, link: str) -> dict[str, Any]:
        """Follows a link as Graph gave it, and shows the token to nobody else."""
        if not link.startswith(f"{self.base}/"):
            raise malformed_answer("Graph's link leads elsewhere.")
        return self.run("GET", link.removeprefix(self.base))

    def pages(self, start: str, **params: str) -> Iterator[dict[str, Any]]:
        """Yields a list's pages. Raises TransientError where they go round in a circle."""
        return self.onward(self.run("GET", start, params=params))

    def onward(self, page: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields the page, and those that its links lead to. Raises CursorExpired where there is no
        end to them."""
        yield page
        seen: set[str] = set()
        while link := as_text(page.get(NEXT)):
            if len(seen) >= responses.MAX_PAGES:
                raise CursorExpired("The pages have no end.", code="endless")
            if link in seen:
                raise malformed_answer("The pages go round in a circle.")
            seen.add(link)
            page = self.follow(link)
            yield page

    def event_item(self, event: str) -> dict[str, Any]:
        """Returns one event with our properties. Raises Gone."""
        return self.run("GET", graph_path("me", "events", event), params={"$expand": EXPAND})

    def body_html(self, event: str) -> str:
        """Returns an event's body as Outlook has it. Raises Gone."""
        path = graph_path("me", "events", event)
        item = self.run("GET", path, params={"$select": "body"}, prefer=PREFER_HTML)
        return as_text(as_dict(item.get("body")).get("content"))

    def calendar_view(
        self, calendar: str, start: datetime, end: datetime, select: str, *, expand: str = ""
    ) -> Iterator[dict[str, Any]]:
        """Yields the entries between start and end, series as their occurrences."""
        wanted = {"$select": select, **({"$expand": expand} if expand else {})}
        start_of = graph_path("me", "calendars", calendar, "calendarView")
        for page in self.pages(start_of, **view_window(start, end), **wanted):
            yield from page_items(page, "value")


def prefer_header(prefer: tuple[str, ...]) -> str:
    return ", ".join((*prefer, f"odata.maxpagesize={PAGE}"))


def graph_path(*parts: str) -> str:
    """Ids have slashes and equals signs in them."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def view_window(start: datetime, end: datetime) -> dict[str, str]:
    return {"startDateTime": start.isoformat(), "endDateTime": end.isoformat()}
