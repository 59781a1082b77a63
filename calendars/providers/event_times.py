"""When an event is, whatever a vendor may tell: without an end, backwards, in the year 9999."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from calendars.vocabulary.events import Moment
from calendars.vocabulary.zones import EARLIEST, LATEST, at_instant
from wedsync_comms.lib.errors import TransientError

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class EventTimes:
    """`problem`: why it cannot be kept as it is told; start and end are the nearest that can."""

    start: Moment
    end: Moment
    is_all_day: bool = False
    problem: str = ""
    # There is no start, or no end.
    is_unknown: bool = False


def event_times(
    read_start: Callable[[], Moment],
    read_end: Callable[[], Moment],
    is_all_day: bool,  # noqa: FBT001 (a parser's third part)
) -> EventTimes:
    """Reads an event's times. A whole day that ends where it starts is that day; raises nothing."""
    try:
        start, end = read_start(), read_end()
    except TransientError:
        nowhere = at_instant(EARLIEST, "UTC")
        problem = "It has no start or no end that can be read."
        return EventTimes(start=nowhere, end=nowhere, problem=problem, is_unknown=True)
    if is_all_day and end.wall <= start.wall:
        end = Moment(wall=start.wall + ONE_DAY, zone=start.zone)
    problem = ""
    if end.instant < start.instant:
        end, problem = start, "It ends before it starts."
    if start.instant.year <= EARLIEST.year or end.instant.year >= LATEST.year:
        problem = f"It lies outside of the years {EARLIEST.year} to {LATEST.year}."
    return EventTimes(start=start, end=end, is_all_day=is_all_day, problem=problem)


def keepable_day(day: date) -> date:
    """Returns the day; the first or last that can be kept for what lies beyond."""
    return min(max(day, EARLIEST.date()), LATEST.date())
