"""Channel fallback: channel failed, or too slow -> the next leg of the message's plan."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from communications.messages.transitions import Change, Leg, SendPlan
from communications.models import Channel, Message
from communications.policy import (
    capability,
    number_confirmation,
    suppressions,
    template_state,
    whatsapp_window,
)
from communications.providers import registry
from communications.vocabulary import email_addresses
from communications.vocabulary.events import Kind
from wedsync_comms.lib.text import as_sentence

NOTHING_TAKEN = "no provider takes anything there now."


def next_leg(
    message: Message, why: str, open_channels: Collection[str] = Channel.values
) -> Change | None:
    """Returns what moves a message to the next leg that can work, or None if there is none.

    One of a channel that is not open is passed over.
    """
    skipped: list[str] = []
    for number in range(message.leg + 1, len(message.fallback) + 1):
        channel = message.fallback[number - 1]["channel"]
        to = contact_address(message, channel)
        is_open = channel in open_channels
        obstacle = leg_obstacle(message, channel, to) if is_open else NOTHING_TAKEN
        if obstacle:
            skipped.append(f"Not by {channel_label(channel)}: {obstacle}")
            continue
        now = timezone.now()
        leg = Leg(number, channel, to, escalation_deadline(message.fallback, number, now))
        return Change(
            message=message.pk,
            kind=Kind.FAILOVER,
            plan=SendPlan(now, leg=leg),
            detail=" ".join(
                [as_sentence(why), *skipped, f"Next by {channel_label(channel)} to {to}."]
            ),
        )
    return None


def escalation_deadline(plan: list[dict[str, Any]], leg: int, start: datetime) -> datetime | None:
    """Returns when the leg after this one is due, if its plan names a time."""
    after = plan[leg].get("after_seconds") if leg < len(plan) else None
    return None if after is None else start + timedelta(seconds=after)


def contact_address(message: Message, channel: str) -> str:
    """Returns where the message's contact is reached on a channel; blank if nowhere."""
    if channel == message.channel:
        return message.to
    return message.contact.reachable_at(channel) if message.contact else ""


def leg_obstacle(message: Message, channel: str, to: str) -> str:
    """Returns why a message cannot go this way; blank if it can."""
    if not to:
        return "the contact has no address there."
    if not registry.route_slugs(channel):
        return "no provider is configured."
    if why := address_refusal(message.organization_id, channel, to):
        return why
    if why := capability.route_inability(message, channel, to):
        return why
    if refusal := suppressions.refusal_for(message, channel, to):
        return refusal
    return whatsapp_obstacle(message, to) if channel == Channel.WHATSAPP else ""


def address_refusal(organization: int, channel: str, to: str) -> str:
    """Returns why nothing that is written to an address arrives; blank if it may."""
    if channel == Channel.EMAIL:
        return email_addresses.delivery_refusal(to)
    return number_confirmation.number_refusal(organization, channel, to)


def whatsapp_obstacle(message: Message, to: str) -> str:
    """Returns why WhatsApp would not take a message now; blank if it would."""
    if not message.template_ref and not whatsapp_window.is_window_open(message, to):
        return whatsapp_window.WINDOW_CLOSED
    return template_state.template_refusals([message]).get(message.pk, "")


def channel_label(channel: str) -> str:
    """Returns a channel's name as people read it in a sentence."""
    return str(Channel(channel).label)
