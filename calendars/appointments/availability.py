"""When an appointment could be: free in all of the calendars, within their hours, with some room.

What cannot be told is named, and nothing is offered then: an unknown is never free.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from calendars.appointments import freebusy
from calendars.models import Appointment, Calendar
from calendars.models.accounts import AccountStatus
from calendars.vocabulary.events import Span
from communications.errors import Refused
from communications.models import Organization

# Hours of a calendar that has none of its own: Monday to Saturday.
DEFAULT_HOURS = tuple((weekday, time(9), time(18)) for weekday in range(6))
LONGEST_RANGE = timedelta(days=62)
SLOT_STEP = timedelta(minutes=15)
SHORTEST_SLOT = timedelta(minutes=5)
MAX_SLOTS = 500


@dataclass(frozen=True)
class UnknownCalendar:
    calendar: int
    name: str
    problem: str


@dataclass(frozen=True, kw_only=True)
class Availability:
    slots: list[Span] = field(default_factory=list)
    # When each calendar is taken, by its key, as far as that is known.
    busy: dict[int, list[Span]] = field(default_factory=dict)
    unknown: list[UnknownCalendar] = field(default_factory=list)


def offer_slots(
    organization: Organization,
    start: datetime,
    end: datetime,
    duration: timedelta,
    calendars: Sequence[int] = (),
    *,
    moving: Appointment | None = None,
) -> Availability:
    """Asks the vendors, and returns the slots that are free in all the calendars. Raises Refused.

    Without `calendars`: all that are followed. `moving` may keep its own time.
    """
    check_range(start, end, duration)
    chosen = calendars_asked_for(organization, calendars)
    answers = freebusy.ask_free_busy(chosen, start, end)
    busy, unknown, free = {}, [], [Span(start=start, end=end)]
    for calendar in chosen:
        answer = answers[calendar.pk]
        if answer.problem:
            unknown.append(UnknownCalendar(calendar.pk, calendar.name, answer.problem))
        spans = freebusy.subtract_spans(answer.spans, freebusy.own_spans(moving))
        spans += freebusy.spans_taken_here(calendar, start, end, but=moving)
        busy[calendar.pk] = merged_spans(spans)
        room = timedelta(minutes=calendar.buffer_minutes)
        taken = merged_spans([freebusy.widened_span(span, room) for span in spans])
        free = common_spans(
            free, freebusy.subtract_spans(opening_spans(calendar, organization, start, end), taken)
        )
    slots = [] if unknown else cut_slots(free, duration)
    return Availability(slots=slots, busy=busy, unknown=unknown)


def check_range(start: datetime, end: datetime, duration: timedelta) -> None:
    if end <= start:
        raise Refused("to", "It has to be after “from”.")
    if end - start > LONGEST_RANGE:
        raise Refused("to", f"At most {LONGEST_RANGE.days} days at once.")
    if duration < SHORTEST_SLOT:
        raise Refused("duration", f"At least {SHORTEST_SLOT.seconds // 60} minutes.")


def calendars_asked_for(organization: Organization, keys: Sequence[int]) -> list[Calendar]:
    """Returns the calendars, also those not connected just now: they are unknown, not left out."""
    own = Calendar.objects.filter(account__organization=organization, is_followed=True)
    own = own.exclude(account__status=AccountStatus.DISCONNECTED)
    own = own.prefetch_related("hours")
    calendars = list(own.filter(pk__in=keys) if keys else own)
    if not calendars or len(calendars) < len(set(keys)):
        raise Refused("calendars", "Choose calendars that are connected and followed.")
    return calendars


def opening_spans(
    calendar: Calendar,
    organization: Organization,
    start: datetime,
    end: datetime,
) -> list[Span]:
    """Returns its hours as instants; each day by its own clock, also when the clocks change."""
    zone = ZoneInfo(calendar.zone or organization.time_zone)
    day, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    spans = []
    while day <= last:
        spans += [
            Span(start=instant_at(day, opens, zone), end=instant_at(day, closes, zone))
            for weekday, opens, closes in hours_of(calendar)
            if weekday == day.weekday()
        ]
        day += timedelta(days=1)
    return merged_spans(spans)


def hours_of(calendar: Calendar) -> Sequence[tuple[int, time, time]]:
    own = [(hours.weekday, hours.opens, hours.closes) for hours in calendar.hours.all()]
    return own or DEFAULT_HOURS


def instant_at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, tzinfo=zone).astimezone(ZoneInfo("UTC"))


def merged_spans(spans: Sequence[Span]) -> list[Span]:
    """Returns the spans in order, with those that touch joined."""
    merged: list[Span] = []
    for piece in sorted(spans, key=lambda span: (span.start, span.end)):
        if merged and piece.start <= merged[-1].end:
            merged[-1] = Span(start=merged[-1].start, end=max(merged[-1].end, piece.end))
        else:
            merged.append(piece)
    return merged


def common_spans(spans: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    return [
        Span(start=max(a.start, b.start), end=min(a.end, b.end))
        for a in spans
        for b in other
        if freebusy.spans_overlap(a, b)
    ]


def cut_slots(free: Sequence[Span], duration: timedelta) -> list[Span]:
    """Returns slots that begin at round quarters of an hour."""
    slots: list[Span] = []
    for span in free:
        begins = rounded_up(span.start)
        while begins + duration <= span.end and len(slots) < MAX_SLOTS:
            slots.append(Span(start=begins, end=begins + duration))
            begins += SLOT_STEP
    return slots


def rounded_up(moment: datetime) -> datetime:
    over = (moment - datetime(2000, 1, 1, tzinfo=moment.tzinfo)) % SLOT_STEP
    return moment + (SLOT_STEP - over) if over else moment
