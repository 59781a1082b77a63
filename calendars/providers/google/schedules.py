"""When calendars are taken.

https://developers.google.com/workspace/calendar/api/v3/reference/freebusy/query
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from calendars.providers.base import Mailbox
from calendars.providers.google.calls import GoogleCalls
from calendars.providers.responses import parse_instant
from calendars.vocabulary.events import (
    FreeBusy,
    Span,
)
from wedsync_comms.lib.errors import TransientError
from wedsync_comms.lib.shapes import as_dict, as_dicts, as_text

# Longer ranges are refused as timeRangeTooLong, and so are more calendars at a time.
LONGEST, MOST = timedelta(days=90), 50


class GoogleFreeBusy(Mailbox):
    calls: GoogleCalls

    def free_busy(self, calendars: Sequence[str], start: datetime, end: datetime) -> list[FreeBusy]:
        answers: dict[str, list[FreeBusy]] = {calendar: [] for calendar in calendars}
        for since, until in query_windows(start, end, LONGEST):
            for some in query_lots(calendars, MOST):
                answer = as_dict(self.query_busy(some, since, until).get("calendars"))
                for calendar in some:
                    answers[calendar].append(google_busy(calendar, answer.get(calendar)))
        return [joined_busy(calendar, answers[calendar]) for calendar in calendars]

    def query_busy(
        self, calendars: Sequence[str], start: datetime, end: datetime
    ) -> dict[str, Any]:
        body = {
            "timeMin": start.isoformat(),
            "timeMax": end.isoformat(),
            "calendarExpansionMax": MOST,
            "items": [{"id": calendar} for calendar in calendars],
        }
        return self.calls.run(self.calls.calendar.freebusy().query(body=body))


def query_windows(
    start: datetime,
    end: datetime,
    length: timedelta,
) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        yield start, min(start + length, end)
        start += length


def query_lots(calendars: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for first in range(0, len(calendars), size):
        yield calendars[first : first + size]


def google_busy(calendar: str, said: Any) -> FreeBusy:
    """Reads an answer. Kinds of error "may be added in the future": any of them means unknown."""
    errors = as_dicts(as_dict(said).get("errors"))
    if errors:
        problem = ", ".join(as_text(error.get("reason")) or "unknown" for error in errors)
        return FreeBusy(calendar=calendar, problem=problem)
    spans = as_dict(said).get("busy")
    if not isinstance(spans, list):
        return FreeBusy(calendar=calendar, problem="no answer")
    try:
        return FreeBusy(
            calendar=calendar, spans=tuple(google_span(as_dict(span)) for span in spans)
        )
    except TransientError as error:
        return FreeBusy(calendar=calendar, problem=str(error))


def google_span(period: Mapping[str, Any]) -> Span:
    return Span(start=parse_instant(period.get("start")), end=parse_instant(period.get("end")))


def joined_busy(calendar: str, parts: Iterable[FreeBusy]) -> FreeBusy:
    """Joins the pieces; one piece that is not known makes all of it unknown."""
    known = list(parts)
    if problem := next((answer.problem for answer in known if answer.problem), ""):
        return FreeBusy(calendar=calendar, problem=problem)
    return FreeBusy(
        calendar=calendar, spans=tuple(span for answer in known for span in answer.spans)
    )
