"""When somebody is taken.

https://learn.microsoft.com/en-us/graph/api/calendar-getschedule
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from calendars.providers.base import Mailbox
from calendars.providers.microsoft.calls import GraphCalls
from calendars.providers.microsoft.events import (
    IDLE,
    graph_moment,
    graph_zone,
    in_utc,
    shows_as_busy,
)
from calendars.vocabulary.events import (
    FreeBusy,
    Span,
)
from wedsync_comms.lib.errors import PermanentError, TransientError
from wedsync_comms.lib.shapes import as_dict, as_dicts, as_text

# Exchange refuses more than 62 days.
LONGEST = timedelta(days=60)
# In minutes. Only the entries are looked at, so the coarsest view will do.
INTERVAL = 1440
SELECT = "start,end,isAllDay,showAs,isCancelled,responseStatus,originalStartTimeZone"


class GraphFreeBusy(Mailbox):
    calls: GraphCalls
    # A day that is told in UTC is a day here.
    zone: str

    def free_busy(self, calendars: Sequence[str], start: datetime, end: datetime) -> list[FreeBusy]:
        """Reads own calendars as they are: getSchedule knows no calendars but the main one of
        an address, and is closed to personal accounts. It is asked about addresses."""
        return [
            self.schedule(calendar, start, end)
            if is_mail_address(calendar)
            else self.busy_in_view(calendar, start, end)
            for calendar in calendars
        ]

    def busy_in_view(self, calendar: str, start: datetime, end: datetime) -> FreeBusy:
        try:
            entries = list(self.calls.calendar_view(calendar, start, end, SELECT))
        except PermanentError as error:
            return FreeBusy(calendar=calendar, problem=str(error))
        spans = [graph_span(entry, self.zone) for entry in entries if shows_as_busy(entry)]
        return FreeBusy(calendar=calendar, spans=tuple(spans))

    def schedule(self, address: str, start: datetime, end: datetime) -> FreeBusy:
        spans: list[Span] = []
        for since, until in schedule_windows(start, end):
            asked = schedule_query(address, since, until)
            try:
                answer = self.calls.run("POST", "/me/calendar/getSchedule", json=asked)
            except PermanentError as error:
                return FreeBusy(calendar=address, problem=str(error))
            part = graph_busy(address, answer, self.zone)
            if part.problem:
                return part
            spans += part.spans
        return FreeBusy(calendar=address, spans=tuple(spans))


def is_mail_address(calendar: str) -> bool:
    """Returns whether it is an address: no id of Graph's has its sign in it."""
    return "@" in calendar


def schedule_windows(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        yield start, min(start + LONGEST, end)
        start += LONGEST


def schedule_query(address: str, start: datetime, end: datetime) -> dict[str, Any]:
    return {
        "schedules": [address],
        "startTime": in_utc(start),
        "endTime": in_utc(end),
        "availabilityViewInterval": INTERVAL,
    }


def graph_busy(address: str, answer: Mapping[str, Any], home: str = "UTC") -> FreeBusy:
    """Reads an answer; whatever is not told in so many words is not known."""
    schedule = next(iter(as_dicts(answer.get("value"))), {})
    error = as_dict(schedule.get("error"))
    entries = schedule.get("scheduleItems")
    if error or not isinstance(entries, list):
        problem = as_text(error.get("message")) or as_text(error.get("responseCode")) or "no answer"
        return FreeBusy(calendar=address, problem=problem)
    try:
        taken = [item for item in as_dicts(entries) if item.get("status") not in IDLE]
        spans = [graph_span(item, home) for item in taken]
    except TransientError as error_:
        return FreeBusy(calendar=address, problem=str(error_))
    return FreeBusy(calendar=address, spans=tuple(spans))


def graph_span(item: Mapping[str, Any], home: str) -> Span:
    """Returns when it is; a day is one in the zone it was written in."""
    is_all_day = item.get("isAllDay") is True
    zone, _ = graph_zone(item, "", home)
    start, end = (
        graph_moment(item.get(name), zone, is_all_day=is_all_day) for name in ("start", "end")
    )
    return Span(start=start.instant, end=end.instant)
