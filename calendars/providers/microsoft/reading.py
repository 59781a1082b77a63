"""Lists in pages, and single events."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from calendars.providers.base import Mailbox
from calendars.providers.microsoft.calls import GraphCalls, graph_path
from calendars.providers.microsoft.properties import EXPAND
from calendars.providers.responses import (
    malformed_answer,
    page_items,
)
from wedsync_comms.lib.shapes import text

NEXT, DELTA = "@odata.nextLink", "@odata.deltaLink"


class Reading(Mailbox):
    calls: GraphCalls

    def pages(self, start: str, **params: str) -> Iterator[dict[str, Any]]:
        return self.onward(self.calls.run("GET", start, params=params))

    def onward(self, page: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield page
        seen = set()
        while link := text(page.get(NEXT)):
            if link in seen:
                raise malformed_answer("The pages go round in a circle.")
            seen.add(link)
            page = self.calls.follow(link)
            yield page

    def item(self, event: str) -> dict[str, Any]:
        return self.calls.run("GET", graph_path("me", "events", event), params={"$expand": EXPAND})

    def view(
        self, calendar: str, start: datetime, end: datetime, select: str, *, expand: str = ""
    ) -> Iterator[dict[str, Any]]:
        wanted = {"$select": select, **({"$expand": expand} if expand else {})}
        start_of = graph_path("me", "calendars", calendar, "calendarView")
        for page in self.pages(start_of, **window(start, end), **wanted):
            yield from page_items(page, "value")


def window(start: datetime, end: datetime) -> dict[str, str]:
    return {"startDateTime": start.isoformat(), "endDateTime": end.isoformat()}
