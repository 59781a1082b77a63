"""The time that somebody asks for: whether clocks show it, and what instants it means."""

from datetime import datetime, timedelta

from calendars.content import conversion
from calendars.content.three_way_merge import (
    Content,
    When,
)
from calendars.vocabulary import zones
from calendars.vocabulary.events import (
    Moment,
    Span,
)
from communications.errors import Refused

LONGEST_APPOINTMENT = timedelta(days=31)
# Of what is asked for here. At both ends of the calendar there are zones without a time.
FIRST_YEAR, LAST_YEAR = 1970, 2999


def requested_when(start: datetime, end: datetime, zone: str, *, is_all_day: bool) -> When:
    begins, ends = existing_moment("start", start, zone), existing_moment("end", end, zone)
    if ends.instant <= begins.instant:
        # The clocks go back over it: of two such times, it is the one that comes after the start.
        ends = existing_moment("end", end.replace(fold=1), zone)
    if ends.instant <= begins.instant:
        raise Refused("end", "It has to end after it starts.")
    if ends.instant - begins.instant > LONGEST_APPOINTMENT:
        raise Refused("end", f"At most {LONGEST_APPOINTMENT.days} days.")
    if is_all_day and any(moment.wall.time() != datetime.min.time() for moment in (begins, ends)):
        raise Refused("start", "Whole days begin and end at midnight.")
    return When(
        start=conversion.format_wall(begins.wall),
        end=conversion.format_wall(ends.wall),
        zone=begins.zone,
        is_all_day=is_all_day,
    )


def existing_moment(field: str, wall: datetime, zone: str) -> Moment:
    if not FIRST_YEAR <= wall.year <= LAST_YEAR:
        raise Refused(field, f"Give a year between {FIRST_YEAR} and {LAST_YEAR}.")
    try:
        return zones.at_wall(wall, zone)
    except zones.UnknownZone as error:
        raise Refused("zone", str(error)) from error
    except zones.SkippedTime as error:
        raise Refused(field, str(error)) from error


def span_of_content(content: Content) -> Span:
    start, end = conversion.instants_of(content.when)
    return Span(start=start, end=end)
