"""channel failed, or too slow -> the next step of the message's plan. One of them wins."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from communications.messages.transitions import (
    Change,
    Leg,
    Plan,
)
from communications.models import Address, Channel, Message
from communications.policy import (
    suppressions,
    whatsapp_window,
)
from communications.providers import registry
from communications.vocabulary import phone_numbers
from communications.vocabulary.events import Kind
from wedsync_comms.lib.text import as_sentence


def onward(message: Message, why: str) -> Change | None:
    """What moves a message to the next step that can work, or None if its plan is at its end."""
    passed: list[str] = []
    for number in range(message.leg + 1, len(message.fallback) + 1):
        channel = message.fallback[number - 1]["channel"]
        to = address(message, channel)
        obstacle = in_the_way(message, channel, to)
        if obstacle:
            passed.append(f"Not by {label(channel)}: {obstacle}")
            continue
        now = timezone.now()
        leg = Leg(number, channel, to, deadline(message.fallback, number, now))
        return Change(
            message=message.pk,
            kind=Kind.FAILOVER,
            plan=Plan(now, leg=leg),
            detail=" ".join([as_sentence(why), *passed, f"Next by {label(channel)} to {to}."]),
        )
    return None


def deadline(plan: list[dict[str, Any]], leg: int, start: datetime) -> datetime | None:
    """When the step after this one is due, if its plan names a time."""
    after = plan[leg].get("after_seconds") if leg < len(plan) else None
    return None if after is None else start + timedelta(seconds=after)


def address(message: Message, channel: str) -> str:
    """Where the message's contact is reached on a channel; blank if nowhere."""
    if channel == message.channel:
        return message.to
    if message.contact_id is None:
        return ""
    found = Address.objects.filter(contact=message.contact_id, channel=channel).first()
    return found.value if found else ""


def in_the_way(message: Message, channel: str, to: str) -> str:
    """Why a message cannot go this way; blank if it can."""
    if not to:
        return "the contact has no address there."
    if not registry.route(channel):
        return "no provider is configured."
    if channel == Channel.SMS and (why := phone_numbers.landline(to)):
        return why
    if refusal := suppressions.refusal_for(message, channel, to):
        return refusal
    if (
        channel == Channel.WHATSAPP
        and not message.template_ref
        and not whatsapp_window.is_open(message, to)
    ):
        return whatsapp_window.CLOSED
    return ""


def label(channel: str) -> str:
    return str(Channel(channel).label)
