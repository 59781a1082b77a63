"""What an appointment's page tells."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.safestring import SafeString

from calendars.admin.status_badges import (
    ANSWER_LOOKS,
    CHANGE_ICONS,
    NOTIFICATION_LOOKS,
    appointment_badge,
    look_badge,
    source_label,
    vendor_display_name,
)
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

MAX_ROWS = 100
MOMENT_FIELDS = ("start", "end")
FIELD_LABELS = {"start": "Start", "end": "End", "zone": "Time zone", "is_all_day": "Whole day"}


@dataclass(frozen=True)
class Difference:
    name: str
    before: str
    after: str


def appointment_context(appointment: Appointment) -> dict[str, Any]:
    return {
        "appointment": appointment,
        "badge": appointment_badge(appointment),
        "when": span_text(appointment),
        "people": [
            participant_context(participant)
            for participant in appointment.participants.select_related("contact")
        ],
        "history": [
            history_context(change) for change in appointment.changes.order_by("-pk")[:MAX_ROWS]
        ],
        "notifications": [
            notification_context(notification) for notification in latest_notifications(appointment)
        ],
        "links": [
            link_context(link) for link in appointment.links.select_related("calendar__account")
        ],
        "is_booked": appointment.status == AppointmentStatus.BOOKED,
        "question": unresolved_differences(appointment),
        "others": overlapping_appointments(appointment) if appointment.overlaps else [],
    }


def form_zone(scope: Scope, appointment: Appointment | None) -> ZoneInfo:
    return ZoneInfo(appointment.zone) if appointment else scope.time_zone


# --- when ---


def day_and_time(appointment: Appointment) -> str:
    start = appointment.wall_start
    day = date_format(start, "D j M Y")
    return day if appointment.is_all_day else f"{day}, {start:%H:%M}"


def span_text(appointment: Appointment) -> str:
    start, end = appointment.wall_start, appointment.wall_end
    day = date_format(start, "l j F Y")
    if appointment.is_all_day:
        days = (end - start).days
        return day if days == 1 else f"{day}, {days} days"
    if end.date() == start.date():
        return f"{day}, {start:%H:%M} to {end:%H:%M}"
    return f"{day}, {start:%H:%M} to {date_format(end, 'l j F')}, {end:%H:%M}"


def overlapping_appointments(appointment: Appointment) -> Iterable[Appointment]:
    rows = Appointment.objects.overlapping(appointment.starts_at, appointment.ends_at)
    same = rows.filter(calendar=appointment.calendar_id, status=AppointmentStatus.BOOKED)
    return same.exclude(pk=appointment.pk)[:5]


# --- who ---


def participant_context(participant: Participant) -> dict[str, Any]:
    return {
        "participant": participant,
        "role": ParticipantRole(participant.role).label,
        "badge": look_badge(participant.get_answer_display(), ANSWER_LOOKS[participant.answer]),
    }


# --- what happened ---


def history_context(change: AppointmentChange) -> dict[str, Any]:
    return {
        "change": change,
        "icon": CHANGE_ICONS[change.what],
        "source": source_label(change.source),
        "differences": change_differences(change),
    }


def change_differences(change: AppointmentChange) -> list[Difference]:
    return differing_fields(change.before, change.after)


def differing_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    return [
        Difference(
            field_label(name), value_text(name, before.get(name)), value_text(name, after.get(name))
        )
        for name in dict.fromkeys([*before, *after])
    ]


def unresolved_differences(appointment: Appointment) -> list[Difference]:
    """Returns where both sides changed it and ours was kept: ours, and what the calendar said."""
    link = next((link for link in appointment.links.all() if link.theirs), None)
    if link is None or appointment.status != AppointmentStatus.BOOKED:
        return []
    ours = conversion.content_of_appointment(appointment)
    return differing_fields(
        *three_way_merge.content_differences(ours, conflicts.content_with_remote(appointment, link))
    )


def field_label(name: str) -> str:
    if name.startswith("with "):
        return name.removeprefix("with ")
    return FIELD_LABELS.get(name, name.replace("_", " ").capitalize())


def value_text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in MOMENT_FIELDS:
        return moment_text(str(value))
    if name.startswith("with ") and value in ResponseStatus:
        return ResponseStatus(value).label.lower()
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def moment_text(text: str) -> str:
    try:
        wall: datetime = conversion.parse_wall(text)
    except ValueError:
        return text
    again = " (the second time)" if wall.fold else ""
    return f"{date_format(wall, 'D j M')}, {wall:%H:%M}{again}"


# --- what was said about it ---


def latest_notifications(appointment: Appointment) -> Iterable[Notice]:
    rows = appointment.notices.order_by("-pk")
    return rows.select_related("rule", "participant", "message")[:MAX_ROWS]


def notification_context(notification: Notice) -> dict[str, Any]:
    message = notification.message
    waits = notification.state == NotificationState.WAITING
    return {
        "notification": notification,
        "badge": message_badges.status_badge(message.status)
        if message
        else look_badge(notification.get_state_display(), NOTIFICATION_LOOKS[notification.state]),
        "channel": message_badges.channel_badge(message.leg_channel) if message else "",
        "until": notification.tell_after if waits else None,
    }


# --- where it stands ---


def link_context(link: EventLink) -> dict[str, Any]:
    return {
        "link": link,
        "badge": link_badge(link),
        "vendor": vendor_display_name(vendor_of(link)),
    }


def vendor_of(link: EventLink) -> str:
    return link.calendar.account.vendor


def link_badge(link: EventLink) -> SafeString:
    if link.error:
        return look_badge("not written", ("danger", "sync_problem"))
    if link.write_after is not None:
        return look_badge("being written", ("info", "hourglass_top"))
    if link.is_removed:
        return look_badge("taken out", ("default", "event_busy"))
    if not conversion.is_written(link.appointment, link):
        return look_badge("waits for an answer", ("warning", "help"))
    return look_badge("in the calendar", ("success", "check"))
