"""What an appointment's page tells."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.safestring import SafeString

from calendars.admin import looks
from calendars.appointments import conflicts
from calendars.content import (
    conversion,
    three_way_merge,
)
from calendars.models import (
    Appointment,
    AppointmentChange,
    EventLink,
    Notice,
    Participant,
    ParticipantRole,
)
from calendars.models.appointments import AppointmentStatus
from calendars.models.notices import NotificationState
from calendars.vocabulary.events import ResponseStatus
from communications.admin import message_badges
from wedsync_comms.lib.admin_kit.scope import Scope

NEWEST = 100
WHEN = ("start", "end")
NAMES = {"start": "Start", "end": "End", "zone": "Time zone", "is_all_day": "Whole day"}


@dataclass(frozen=True)
class Difference:
    name: str
    before: str
    after: str


def about(appointment: Appointment) -> dict[str, Any]:
    return {
        "appointment": appointment,
        "badge": looks.of_appointment(appointment),
        "when": span(appointment),
        "people": [person(one) for one in appointment.participants.select_related("contact")],
        "history": [entry(one) for one in appointment.changes.order_by("-pk")[:NEWEST]],
        "told": [told(one) for one in notices(appointment)],
        "links": [written(one) for one in appointment.links.select_related("calendar__account")],
        "is_booked": appointment.status == AppointmentStatus.BOOKED,
        "question": question(appointment),
        "others": overlapping(appointment) if appointment.overlaps else [],
    }


def zone_of(scope: Scope, appointment: Appointment | None) -> ZoneInfo:
    return ZoneInfo(appointment.zone) if appointment else scope.time_zone


# --- when ---


def day_and_time(appointment: Appointment) -> str:
    start = appointment.wall_start
    day = date_format(start, "D j M Y")
    return day if appointment.is_all_day else f"{day}, {start:%H:%M}"


def span(appointment: Appointment) -> str:
    start, end = appointment.wall_start, appointment.wall_end
    day = date_format(start, "l j F Y")
    if appointment.is_all_day:
        days = (end - start).days
        return day if days == 1 else f"{day}, {days} days"
    if end.date() == start.date():
        return f"{day}, {start:%H:%M} to {end:%H:%M}"
    return f"{day}, {start:%H:%M} to {date_format(end, 'l j F')}, {end:%H:%M}"


def overlapping(appointment: Appointment) -> Iterable[Appointment]:
    rows = Appointment.objects.overlapping(appointment.starts_at, appointment.ends_at)
    same = rows.filter(calendar=appointment.calendar_id, status=AppointmentStatus.BOOKED)
    return same.exclude(pk=appointment.pk)[:5]


# --- who ---


def person(one: Participant) -> dict[str, Any]:
    return {
        "participant": one,
        "role": ParticipantRole(one.role).label,
        "badge": looks.badge(one.get_answer_display(), looks.ANSWERS[one.answer]),
    }


# --- what happened ---


def entry(change: AppointmentChange) -> dict[str, Any]:
    return {
        "change": change,
        "icon": looks.CHANGES[change.what],
        "source": looks.source(change.source),
        "differences": differences(change),
    }


def differences(change: AppointmentChange) -> list[Difference]:
    return between(change.before, change.after)


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    return [
        Difference(named(name), worded(name, before.get(name)), worded(name, after.get(name)))
        for name in dict.fromkeys([*before, *after])
    ]


def question(appointment: Appointment) -> list[Difference]:
    """Where both sides changed it and ours was kept: ours, and what the calendar said."""
    link = next((one for one in appointment.links.all() if one.theirs), None)
    if link is None or appointment.status != AppointmentStatus.BOOKED:
        return []
    ours = conversion.content_of_appointment(appointment)
    return between(
        *three_way_merge.content_differences(ours, conflicts.content_with_remote(appointment, link))
    )


def named(name: str) -> str:
    if name.startswith("with "):
        return name.removeprefix("with ")
    return NAMES.get(name, name.replace("_", " ").capitalize())


def worded(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in WHEN:
        return moment(str(value))
    if name.startswith("with ") and value in ResponseStatus:
        return ResponseStatus(value).label.lower()
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def moment(text: str) -> str:
    try:
        wall: datetime = conversion.parse_wall(text)
    except ValueError:
        return text
    again = " (the second time)" if wall.fold else ""
    return f"{date_format(wall, 'D j M')}, {wall:%H:%M}{again}"


# --- what was said about it ---


def notices(appointment: Appointment) -> Iterable[Notice]:
    rows = appointment.notices.order_by("-pk")
    return rows.select_related("rule", "participant", "message")[:NEWEST]


def told(notice: Notice) -> dict[str, Any]:
    message = notice.message
    waits = notice.state == NotificationState.WAITING
    return {
        "notice": notice,
        "badge": message_badges.status_badge(message.status)
        if message
        else looks.badge(notice.get_state_display(), looks.NOTICES[notice.state]),
        "way": message_badges.channel_badge(message.leg_channel) if message else "",
        "until": notice.tell_after if waits else None,
    }


# --- where it stands ---


def written(link: EventLink) -> dict[str, Any]:
    return {"link": link, "badge": standing(link), "vendor": looks.vendor(vendor_of(link))}


def vendor_of(link: EventLink) -> str:
    return link.calendar.account.vendor


def standing(link: EventLink) -> SafeString:
    if link.error:
        return looks.badge("not written", ("danger", "sync_problem"))
    if link.write_after is not None:
        return looks.badge("being written", ("info", "hourglass_top"))
    if link.is_removed:
        return looks.badge("taken out", ("default", "event_busy"))
    return looks.badge("in the calendar", ("success", "check"))
