"""A planned notification -> a message, exactly once: both rows are written in one transaction."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from calendars.content import conversion
from calendars.models import Appointment, EventLink, Notice, Occasion, Rule
from calendars.models.appointments import AppointmentStatus
from calendars.models.notices import NotificationState
from calendars.notifications import ics, plan
from calendars.vocabulary import zones
from communications.composing import placeholders, template_values
from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.composing.template_choice import choose_template
from communications.errors import Refused, StorageAway
from communications.files import contents
from communications.models import Channel, Contact, Priority, Template
from communications.policy import number_confirmation, quiet_hours
from communications.providers import registry

log = structlog.get_logger(__name__)

NOTIFICATIONS_AT_ONCE = 50
# One file that cannot be stored says nothing of the others.
STORAGE_TRIES = 2
# The vendor's invitation and our file become one entry if ours comes second.
WAIT_FOR_VENDOR = timedelta(minutes=10)
VENDOR_RECHECK = timedelta(seconds=30)
# Of the longest SMS.
MAX_SMS_CHARACTERS = 1_600


def send_due_notifications() -> int:
    """Sends what is due, called by the schedule. Returns how many were dealt with.

    Those whose file cannot be stored now stay due, and keep no other waiting.
    """
    due = Notice.objects.due(timezone.now())
    done, is_storage_away = send_first(due)
    if is_storage_away:
        done += send_first(due.filter(rule__attaches_ics=False))[0]
    return done


def send_first(due: QuerySet[Notice]) -> tuple[int, bool]:
    """Deals with the first of those that are due. Returns how many, and whether the storage of
    files is away: each that asks it may wait long for nothing."""
    done = failures = 0
    for key in list(due.values_list("pk", flat=True)[:NOTIFICATIONS_AT_ONCE]):
        try:
            store_file(key)
            send_notification(key)
            done += 1
        except StorageAway as error:
            log.warning("notification_waits", notification=key, reason=str(error))
            failures += 1
            if failures == STORAGE_TRIES:
                return done, True
    return done, False


def store_file(key: int) -> None:
    """Stores the file that a notification takes along, before the transaction that composes it.

    Raises StorageAway.
    """
    found = Notice.objects.due(timezone.now()).filter(pk=key, rule__attaches_ics=True)
    if notification := found.select_related("appointment").first():
        contents.store_contents([ics.ics_file(notification.appointment)])


@transaction.atomic
def send_notification(key: int) -> None:
    """Sends, drops or postpones a notification, if it is due. Raises StorageAway."""
    rows = Notice.objects.select_for_update(of=("self",)).select_related("rule", "appointment")
    notification = rows.get(pk=key)
    now = timezone.now()
    if notification.tell_after is None or notification.tell_after > now:
        return
    if reason := obsolete_reason(notification, now):
        plan.drop_notification(notification, reason)
    elif (later := postponed_until(notification, now)) is not None:
        plan.postpone_notification(notification, later)
    else:
        compose_notification(notification)


def obsolete_reason(notification: Notice, now: datetime) -> str:
    """Returns why nobody needs the notification any more; blank: it is needed."""
    appointment, occasion = notification.appointment, notification.rule.occasion
    is_booked = appointment.status == AppointmentStatus.BOOKED
    if appointment.ends_at <= now:
        return "It is over."
    if is_booked == (occasion == Occasion.CANCELLED):
        return f"It is {appointment.status}."
    if occasion == Occasion.DUE and appointment.starts_at <= now:
        return "It has begun."
    if (
        occasion == Occasion.DUE
        and notification.occasion_key != f"{appointment.starts_at:%Y-%m-%dT%H:%MZ}"
    ):
        return "It was moved."
    return ""


def postponed_until(notification: Notice, now: datetime) -> datetime | None:
    """Returns the end of the person's quiet hours, or when to ask again whether the vendor has the
    change; None: it may be sent now."""
    zone = recipient_zone(notification.participant.contact, notification.appointment)
    rule = notification.rule
    night = quiet_hours.end_of_hours(rule.quiet_from, rule.quiet_until, zone, now)
    if night and not rule.is_urgent:
        return night
    unwritten = EventLink.objects.filter(
        appointment=notification.appointment,
        write_after__isnull=False,
    )
    if now < notification.created_at + WAIT_FOR_VENDOR and unwritten.exists():
        return now + VENDOR_RECHECK
    return None


def recipient_zone(contact: Contact | None, appointment: Appointment) -> str:
    """Returns the person's own time zone; the appointment's where that is unknown, and where that
    is no place's either, the organization's."""
    if contact and contact.time_zone:
        return contact.time_zone
    zone, home = appointment.zone, appointment.organization.time_zone
    return home if zones.is_utc(zone) else zone


@dataclass(frozen=True)
class DeliveryOption:
    """A channel the person can be reached on, with the rule's text for it."""

    channel: str
    template: Template


def delivery_options(notification: Notice) -> list[DeliveryOption]:
    """Returns the rule's templates for channels the person can be reached on, the preferred channel
    first, in the person's language where there is such a text."""
    contact = notification.participant.contact
    if contact is None:
        return []
    reachable = reachable_channels(contact)
    named = [(notification.rule.template.channel, notification.rule.template.name)]
    named += [(step["channel"], step["template"]) for step in notification.rule.fallback]
    options = [
        DeliveryOption(channel, template)
        for channel, name in named
        if channel in reachable
        and registry.route_slugs(channel)
        and (template := template_for(notification.rule, channel, name, contact))
    ]
    return sorted(options, key=lambda option: option.channel != contact.preferred_channel)


def reachable_channels(contact: Contact) -> set[str]:
    """Returns the channels with an address that a message can arrive at."""
    addresses: dict[str, str] = {}
    for channel, value in contact.addresses.values_list("channel", "value"):
        addresses.setdefault(channel, value)
    return {
        channel
        for channel, value in addresses.items()
        if not number_confirmation.number_refusal(contact.organization_id, channel, value)
    }


def template_for(rule: Rule, channel: str, name: str, contact: Contact) -> Template | None:
    try:
        return choose_template(rule.organization, channel, name, contact=contact).template
    except Refused:
        return None


def compose_notification(notification: Notice) -> None:
    options = delivery_options(notification)
    if not options:
        error = "No address on any channel of the rule."
        close_notification(notification, NotificationState.REFUSED, error=error)
        return
    try:
        draft = draft_message(notification, options)
        # In a transaction of its own: a refusal must not end ours.
        with transaction.atomic():
            composed = compose_message(
                notification.appointment.organization,
                draft,
                idempotency_key=f"notice:{notification.pk}",
            )
    except Refused as error:
        close_notification(notification, NotificationState.REFUSED, error=f"{error.field}: {error}")
        return
    close_notification(notification, NotificationState.TOLD, message=composed.message)
    log.info("notified", notification=notification.pk, occasion=notification.rule.occasion)


def close_notification(notification: Notice, state: NotificationState, **columns: Any) -> None:
    Notice.objects.filter(pk=notification.pk).update(state=state, tell_after=None, **columns)


def values_for(template: Template, values: Mapping[str, str]) -> dict[str, str]:
    """Returns those of the values that an approved text asks for, because it takes no others."""
    asked = {variable.name for variable in template_values.template_variables(template)}
    return {name: value for name, value in values.items() if name in asked}


def draft_message(notification: Notice, options: Sequence[DeliveryOption]) -> Draft:
    first, contact, rule = options[0], notification.participant.contact, notification.rule
    values = appointment_values(notification)
    common: dict[str, Any] = {
        "channel": first.channel,
        "contact": contact.pk if contact else None,
        "priority": Priority.URGENT if rule.is_urgent else Priority.NORMAL,
        "expires_at": notification.appointment.ends_at,
        "metadata": {"appointment": str(notification.appointment_id), "occasion": rule.occasion},
        "attachments": ics_attachments(notification, first.channel),
    }
    if first.template.approval:
        return Draft(
            template=first.template.name,
            language=first.template.language,
            variables=values_for(first.template, values),
            **common,
        )
    body = placeholders.fill_placeholders(first.template.body, values)
    others = [{"channel": option.channel} for option in options[1:] if not option.template.approval]
    return Draft(
        subject=placeholders.fill_placeholders(first.template.subject, values),
        body=body,
        html=placeholders.fill_placeholders(first.template.html, values),
        language=first.template.language,
        is_filled=True,
        fallback=others if len(body) <= MAX_SMS_CHARACTERS else (),
        **common,
    )


def ics_attachments(notification: Notice, channel: str) -> list[dict[str, str]]:
    if channel != Channel.EMAIL or not notification.rule.attaches_ics:
        return []
    content = base64.b64encode(ics.ics_file(notification.appointment)).decode()
    method = ics.ics_method(notification.appointment)
    return [
        {
            "filename": "appointment.ics",
            "content": content,
            "content_type": f"text/calendar; method={method}; charset=utf-8",
        },
    ]


# What an appointment fills in; a template of a rule has no other placeholders.
APPOINTMENT_VARIABLES = (
    *("name", "title", "date", "time", "until", "zone", "place", "link", "before", "declined"),
    "organization",
)


def unfilled_placeholders(template: Template) -> list[str]:
    """Returns the placeholders of a template that no appointment fills in."""
    asked = (variable.name for variable in template_values.template_variables(template))
    return [name for name in asked if name and name not in APPOINTMENT_VARIABLES]


def appointment_values(notification: Notice) -> dict[str, str]:
    """Returns what a template may say; times are of the person's own clock."""
    appointment = notification.appointment
    zone = recipient_zone(notification.participant.contact, appointment)
    start = zones.at_instant(appointment.starts_at, zone).wall
    end = zones.at_instant(appointment.ends_at, zone).wall
    before = notification.before
    was = conversion.parse_wall(before["start"]) if before.get("start") else start
    return {
        "name": notification.participant.name,
        "title": appointment.title,
        "date": f"{start:%A} {start.day} {start:%B %Y}",
        "time": "all day" if appointment.is_all_day else f"{start:%H:%M}",
        "until": f"{end:%H:%M}",
        "zone": zone,
        "place": appointment.place or "to be agreed",
        "link": appointment.conference_url,
        "before": f"{was:%A} {was.day} {was:%B}, {was:%H:%M}",
        "declined": str(before.get("declined", "")),
        "organization": appointment.organization.name,
    }
