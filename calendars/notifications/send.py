"""A planned notice becomes a message, exactly once: both are rows, written in one transaction."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from calendars.content import conversion
from calendars.models import Appointment, EventLink, Notice, Occasion, Rule
from calendars.models.appointments import AppointmentStatus
from calendars.models.notices import NoticeState
from calendars.notifications import (
    ics,
    plan,
)
from calendars.vocabulary import zones
from communications.composing import drafts
from communications.composing.compose import compose
from communications.composing.drafts import Draft
from communications.errors import Refused
from communications.models import Channel, Contact, Priority, Template
from communications.policy import quiet_hours
from communications.providers import registry

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=1)
BATCH = 50
# An invitation of the vendor's and our file are one entry, if ours comes second.
FOR_THE_VENDOR = timedelta(minutes=10)
AGAIN = timedelta(seconds=30)
# What an SMS takes.
SHORT = 1_600


def tell_due() -> int:
    """The schedule. How many were looked at."""
    keys = list(Notice.objects.due(timezone.now()).values_list("pk", flat=True)[:BATCH])
    for key in keys:
        tell(key)
    return len(keys)


def remind() -> int:
    return plan.remind(timezone.now())


@transaction.atomic
def tell(key: int) -> None:
    rows = Notice.objects.select_for_update(of=("self",)).select_related("rule", "appointment")
    notice = rows.get(pk=key)
    now = timezone.now()
    if notice.tell_after is None or notice.tell_after > now:
        return
    if obstacle := outdated(notice, now):
        plan.drop(notice, obstacle)
    elif (later := postponed(notice, now)) is not None:
        plan.put_off(notice, later)
    else:
        send(notice)


def outdated(notice: Notice, now: datetime) -> str:
    """Why nobody needs to hear it any more; blank: they do."""
    appointment, occasion = notice.appointment, notice.rule.occasion
    is_booked = appointment.status == AppointmentStatus.BOOKED
    if appointment.ends_at <= now:
        return "It is over."
    if is_booked == (occasion == Occasion.CANCELLED):
        return f"It is {appointment.status}."
    if occasion == Occasion.DUE and appointment.starts_at <= now:
        return "It has begun."
    if (
        occasion == Occasion.DUE
        and notice.occasion_key != f"{appointment.starts_at:%Y-%m-%dT%H:%MZ}"
    ):
        return "It was moved."
    return ""


def postponed(notice: Notice, now: datetime) -> datetime | None:
    """Until the end of the quiet hours where the person is; or until the vendor has it."""
    zone = zone_of(notice.participant.contact, notice.appointment)
    rule = notice.rule
    night = quiet_hours.end_of(rule.quiet_from, rule.quiet_until, zone, now)
    if night and not rule.is_urgent:
        return night
    unwritten = EventLink.objects.filter(
        appointment=notice.appointment,
        write_after__isnull=False,
    )
    if now < notice.created_at + FOR_THE_VENDOR and unwritten.exists():
        return now + AGAIN
    return None


def zone_of(contact: Contact | None, appointment: Appointment) -> str:
    """The person's own, where we know it."""
    return (contact.time_zone if contact else "") or appointment.zone


@dataclass(frozen=True)
class Way:
    channel: str
    template: Template


def ways(notice: Notice) -> list[Way]:
    """The rule's templates for channels on which the person can be reached, the preferred one
    first, in the person's language where there is such a text."""
    contact = notice.participant.contact
    if contact is None:
        return []
    reachable = set(contact.addresses.values_list("channel", flat=True))
    named = [(notice.rule.template.channel, notice.rule.template.name)]
    named += [(step["channel"], step["template"]) for step in notice.rule.fallback]
    found = [
        Way(channel, template)
        for channel, name in named
        if channel in reachable
        and registry.route(channel)
        and (template := text_of(notice.rule, channel, name, contact.language))
    ]
    return sorted(found, key=lambda way: way.channel != contact.preferred_channel)


def text_of(rule: Rule, channel: str, name: str, language: str) -> Template | None:
    known = Template.objects.filter(organization=rule.organization_id, channel=channel, name=name)
    exact = known.filter(language=language).first() if language else None
    return exact or known.filter(language="").first() or known.first()


def send(notice: Notice) -> None:
    possible = ways(notice)
    if not possible:
        finish(notice, NoticeState.REFUSED, error="No address on any channel of the rule.")
        return
    try:
        draft = drafted(notice, possible)
        # In a transaction of its own: a refusal must not end ours.
        with transaction.atomic():
            composed = compose(
                notice.appointment.organization,
                draft,
                idempotency_key=f"notice:{notice.pk}",
            )
    except Refused as error:
        finish(notice, NoticeState.REFUSED, error=f"{error.field}: {error}")
        return
    finish(notice, NoticeState.TOLD, message=composed.message)
    log.info("told", notice=notice.pk, occasion=notice.rule.occasion)


def finish(notice: Notice, state: NoticeState, **columns: Any) -> None:
    Notice.objects.filter(pk=notice.pk).update(state=state, tell_after=None, **columns)


def drafted(notice: Notice, possible: Sequence[Way]) -> Draft:
    first, contact = possible[0], notice.participant.contact
    values = variables(notice)
    urgency = Priority.URGENT if notice.rule.is_urgent else Priority.NORMAL
    common: dict[str, Any] = {
        "channel": first.channel,
        "contact": contact.pk if contact else None,
        "priority": urgency,
        "expires_at": notice.appointment.ends_at,
        "metadata": {"appointment": str(notice.appointment_id), "occasion": notice.rule.occasion},
        "attachments": attachments(notice, first.channel),
    }
    if first.template.approval:
        return Draft(template=first.template.name, variables=values, **common)
    body = drafts.fill(first.template.body, values)
    others = [way.channel for way in possible[1:] if not way.template.approval]
    return Draft(
        subject=drafts.fill(first.template.subject, values),
        body=body,
        html=drafts.fill(first.template.html, values),
        fallback=[{"channel": one} for one in others] if len(body) <= SHORT else (),
        **common,
    )


def attachments(notice: Notice, channel: str) -> list[dict[str, str]]:
    if channel != Channel.EMAIL or not notice.rule.attaches_ics:
        return []
    content = base64.b64encode(ics.file(notice.appointment)).decode()
    method = ics.method_of(notice.appointment)
    return [
        {
            "filename": "appointment.ics",
            "content": content,
            "content_type": f"text/calendar; method={method}; charset=utf-8",
        },
    ]


def variables(notice: Notice) -> dict[str, str]:
    """What a template may say. Times are those of the person's own clock."""
    appointment = notice.appointment
    zone = zone_of(notice.participant.contact, appointment)
    start = zones.at_instant(appointment.starts_at, zone).wall
    end = zones.at_instant(appointment.ends_at, zone).wall
    was = conversion.wall(notice.before["start"]) if notice.before.get("start") else start
    return {
        "name": notice.participant.name,
        "title": appointment.title,
        "date": f"{start:%A} {start.day} {start:%B %Y}",
        "time": "all day" if appointment.is_all_day else f"{start:%H:%M}",
        "until": f"{end:%H:%M}",
        "zone": zone,
        "place": appointment.place or "to be agreed",
        "link": appointment.conference_url,
        "before": f"{was:%A} {was.day} {was:%B}, {was:%H:%M}",
        "declined": str(notice.before.get("declined", "")),
        "organization": appointment.organization.name,
    }
