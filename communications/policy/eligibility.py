"""May it go there now? Asked when a message is composed, and again at the moment of sending."""

from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from communications.messages.transitions import Change
from communications.models import Channel, Message, Suppression
from communications.policy import (
    capability,
    channel_fallback,
    suppressions,
    template_state,
    whatsapp_window,
)
from communications.vocabulary.events import Kind
from communications.vocabulary.statuses import Status


def refuse_unsendable(messages: Sequence[Message]) -> dict[UUID, Change]:
    """Returns, by message id, what becomes of those whose time is over or that may not go there.

    Asked before every call, the first and each repetition. The messages are of one channel.
    """
    now = timezone.now()
    late = {
        message.pk: expiry_of(message)
        for message in messages
        if message.expires_at and message.expires_at <= now
    }
    return late | refuse_ineligible([message for message in messages if message.pk not in late])


def expiry_of(message: Message) -> Change:
    """Returns the change that ends a message that was not sent in time."""
    return Change(
        message=message.pk,
        kind=Kind.EXPIRED,
        decision=Status.EXPIRED,
        error_code="expired",
        detail=f"Not sent by {message.expires_at:%d %B %Y %H:%M} UTC.",
    )


def refuse_ineligible(messages: Sequence[Message]) -> dict[UUID, Change]:
    """Returns, by message id, what becomes of those that may not go where they would go now.

    Asked when a message is composed and again at the moment of sending.
    """
    found = suppressions.find_refusals(messages[0].leg_channel, messages) if messages else {}
    changes = {
        message.pk: change_for_suppression(message, found[message.pk])
        for message in messages
        if message.pk in found
    }
    for message in messages:
        if message.pk not in changes and is_window_closed(message):
            changes[message.pk] = fallback_or_suppressed(
                message, f"Not by WhatsApp: {whatsapp_window.WINDOW_CLOSED}", "window"
            )
    by_whatsapp = {
        message.pk: message for message in messages if message.leg_channel == Channel.WHATSAPP
    }
    for pk, why in template_state.template_refusals(by_whatsapp.values()).items():
        changes.setdefault(pk, fallback_or_suppressed(by_whatsapp[pk], why, "template"))
    for message in messages:
        if message.pk not in changes and (why := unable_reason(message)):
            changes[message.pk] = channel_fallback.next_leg(message, why) or failed_change(
                message, why
            )
    return changes


def unable_reason(message: Message) -> str:
    return capability.route_inability(message, message.leg_channel, message.leg_to)


def failed_change(message: Message, why: str) -> Change:
    """Returns the end of a message that no provider of its channel can ever send."""
    return Change(
        message=message.pk,
        kind=Kind.FAILED,
        decision=Status.FAILED,
        error_code=capability.UNABLE_CODE,
        detail=why,
    )


def is_window_closed(message: Message) -> bool:
    return (
        message.leg_channel == Channel.WHATSAPP
        and not message.template_ref
        and not whatsapp_window.is_window_open(message, message.leg_to)
    )


def change_for_suppression(message: Message, row: Suppression) -> Change:
    """Returns the end of the message, or its next leg around a dead address.

    A person who refused is left alone.
    """
    if row.reason in suppressions.PERSONAL:
        return suppressed_change(message, suppressions.refusal_sentence(row), "suppressed")
    return fallback_or_suppressed(message, suppressions.refusal_sentence(row), "suppressed")


def fallback_or_suppressed(message: Message, why: str, code: str) -> Change:
    return channel_fallback.next_leg(message, why) or suppressed_change(message, why, code)


def suppressed_change(message: Message, why: str, code: str) -> Change:
    return Change(
        message=message.pk,
        kind=Kind.SUPPRESSED,
        decision=Status.SUPPRESSED,
        error_code=code,
        detail=why,
    )
