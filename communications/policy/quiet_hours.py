"""Quiet hours: phones stay silent at night, by the organization's clock. Urgent messages ring.

E-mail makes no noise and is never held.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone

from communications.messages.transitions import Change, SendPlan, record
from communications.models import Channel, Message, Organization, Priority
from communications.vocabulary.events import Kind

CHANNELS = {Channel.SMS, Channel.WHATSAPP}


def hold_in_quiet_hours(messages: Sequence[Message]) -> set[UUID]:
    """Puts off what would ring in quiet hours, and returns its ids. Call it in the claim's
    transaction, which has the rows locked."""
    now = timezone.now()
    ends = {message.pk: end for message in messages if (end := held_until(message, now))}
    held = [message for message in messages if message.pk in ends]
    record([held_change(message, ends[message.pk]) for message in held])
    for message in held:
        if message.escalate_at:
            # The next step of its plan waits as long: this one has not been tried yet.
            later = message.escalate_at + (ends[message.pk] - now)
            Message.objects.filter(pk=message.pk).update(escalate_at=later)
    return set(ends)


def held_until(message: Message, now: datetime) -> datetime | None:
    """Returns when the quiet hours that hold a message end; None if it may go now."""
    if message.priority == Priority.URGENT or message.leg_channel not in CHANNELS:
        return None
    return quiet_hours_end(message.organization, now)


def quiet_hours_end(organization: Organization, now: datetime) -> datetime | None:
    """Returns the end of the quiet hours that `now` lies in; None if it lies in none."""
    start, end = organization.quiet_from, organization.quiet_until
    if start is None or end is None:
        return None
    return end_of_hours(start, end, organization.time_zone, now)


def end_of_hours(start: time, end: time, zone: str, now: datetime) -> datetime | None:
    """Returns when hours by the clock of a zone end; None outside of them."""
    local = now.astimezone(ZoneInfo(zone))
    if not is_within_hours(local.time(), start, end):
        return None
    days = 1 if local.time() >= end else 0
    return datetime.combine(local.date() + timedelta(days=days), end, local.tzinfo)


def is_within_hours(moment: time, start: time, end: time) -> bool:
    """Whether a time of day lies between two others, also across midnight."""
    if start <= end:
        return start <= moment < end
    return moment >= start or moment < end


def held_change(message: Message, end: datetime) -> Change:
    return Change(
        message=message.pk,
        kind=Kind.HELD,
        plan=SendPlan(end, via=message.via),
        detail=f"Quiet hours: waits until {end:%H:%M on %d %B} ({message.organization.time_zone}).",
    )
