"""The week: our appointments, and the time that others take, as the widget wants them.

Times are written without an offset, in the organization's time zone: the widget shows them as they
are, and so the clock on the page is the organization's wherever its reader sits.
"""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.urls import reverse

from calendars.admin.choices import calendar_label, followed_calendars
from calendars.models import Appointment, BusyBlock, Calendar
from calendars.vocabulary.events import ResponseStatus
from wedsync_comms.lib.admin_kit.scope import Scope

MAX_SPAN = timedelta(days=62)
MAX_EVENTS = 2_000
COLOUR_COUNT = 6


class InvalidSpan(ValueError):
    """What was asked for is no span of time, or too long."""


def requested_span(request: HttpRequest, zone: ZoneInfo) -> tuple[datetime, datetime]:
    try:
        start, end = (parse_in_zone(request.GET.get(name, ""), zone) for name in ("start", "end"))
    except ValueError as error:
        raise InvalidSpan(str(error)) from error
    if not timedelta() < end - start <= MAX_SPAN:
        raise InvalidSpan("It has to end after it starts, within two months.")
    return start, end


def parse_in_zone(text: str, zone: ZoneInfo) -> datetime:
    """Parses the widget's times: of the zone's clock, whatever offset it adds."""
    return datetime.fromisoformat(text.removesuffix("Z")[:19]).replace(tzinfo=zone)


def week_events(scope: Scope, start: datetime, end: datetime) -> list[dict[str, Any]]:
    zone = scope.time_zone
    colours = {
        calendar.pk: number % COLOUR_COUNT for number, calendar in enumerate(shown_calendars(scope))
    }
    return [
        *(appointment_event(row, zone, colours) for row in appointments_between(scope, start, end)),
        *(block_event(block, zone) for block in blocks_between(scope, start, end)),
    ]


def shown_calendars(scope: Scope) -> list[Calendar]:
    return list(followed_calendars(scope).order_by("pk"))


def calendar_legend(scope: Scope) -> list[dict[str, Any]]:
    calendars = enumerate(shown_calendars(scope))
    return [
        {"name": calendar_label(calendar), "colour": number % COLOUR_COUNT}
        for number, calendar in calendars
    ]


def appointments_between(scope: Scope, start: datetime, end: datetime) -> list[Appointment]:
    rows = scope.rows(Appointment.objects.known())
    rows = rows.filter(starts_at__lt=end, ends_at__gt=start).select_related("calendar")
    return list(rows.prefetch_related("participants", "links")[:MAX_EVENTS])


def blocks_between(scope: Scope, start: datetime, end: datetime) -> list[BusyBlock]:
    rows = BusyBlock.objects.filter(starts_at__lt=end, ends_at__gt=start, is_busy=True)
    rows = rows.filter(calendar__in=followed_calendars(scope).values("pk")).select_related(
        "calendar"
    )
    return list(rows[:MAX_EVENTS])


def appointment_event(
    appointment: Appointment, zone: ZoneInfo, colours: dict[int, int]
) -> dict[str, Any]:
    names = [
        "ws-appointment",
        f"ws-colour-{colours.get(appointment.calendar_id, 0)}",
        f"ws-{appointment.status}",
    ]
    return {
        "id": str(appointment.pk),
        "title": appointment.title,
        **event_times(appointment, zone),
        "url": reverse("admin:calendars_appointment_change", args=[appointment.pk]),
        "classNames": names + (["ws-troubled"] if appointment.trouble else []),
        "extendedProps": {
            "calendar": appointment.calendar.name,
            "place": appointment.place,
            "people": participants_text(appointment),
            "problem": appointment.trouble,
            "state": appointment.status,
        },
    }


def block_event(block: BusyBlock, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "id": f"block-{block.pk}",
        "title": block.title or "Busy",
        **event_times(block, zone),
        "classNames": ["ws-busy"],
        "extendedProps": {"calendar": block.calendar.name, "state": "busy"},
    }


def event_times(entry: Appointment | BusyBlock, zone: ZoneInfo) -> dict[str, Any]:
    if entry.is_all_day:
        # Whole days are the same days everywhere.
        own = ZoneInfo(entry.zone) if isinstance(entry, Appointment) else block_zone(entry, zone)
        start, end = (moment.astimezone(own).date() for moment in (entry.starts_at, entry.ends_at))
        return {"start": start.isoformat(), "end": end.isoformat(), "allDay": True}
    start_at, end_at = (moment.astimezone(zone) for moment in (entry.starts_at, entry.ends_at))
    return {"start": start_at.strftime("%FT%T"), "end": end_at.strftime("%FT%T")}


def block_zone(block: BusyBlock, zone: ZoneInfo) -> ZoneInfo:
    return ZoneInfo(block.calendar.zone) if block.calendar.zone else zone


def participants_text(appointment: Appointment) -> str:
    """Returns who comes, in a few words."""
    marks = {
        ResponseStatus.ACCEPTED: "✓ ",
        ResponseStatus.DECLINED: "✗ ",
        ResponseStatus.TENTATIVE: "? ",
    }
    people = appointment.participants.all()
    return ", ".join(
        f"{marks.get(ResponseStatus(participant.answer), '')}{participant}"
        for participant in people
    )
