"""Somebody wrote: message, thread, and what it means for what we may write."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from communications.live import event_stream
from communications.models import Attempt, Contact, Direction, Message, Organization
from communications.models import Event as Row
from communications.providers import registry
from communications.receiving import edits, mail_threads
from communications.receiving.consent import apply_side_effects, consent_of
from communications.receiving.identities import receiving_organizations
from communications.receiving.writers import find_sender
from communications.vocabulary.events import Kind, MessageReceived, Source
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.outside_json import as_storable
from wedsync_comms.lib.text import sanitise


def receive_message(webhook: str, event: MessageReceived, event_id: str) -> int:
    """Puts a message into its contact's thread, at each organization it was sent to.

    Returns the id of the first of them. Raises Unmatched if it is written to nobody here.
    """
    found = receiving_organizations(webhook, event)
    for organization, address in found:
        store_message(organization, webhook, event, event_id, to=address)
    return found[0][0].pk


def store_message(
    organization: Organization, webhook: str, event: MessageReceived, event_id: str, *, to: str
) -> Message:
    """Stores what came in, once for each id that the provider gave it."""
    consent = consent_of(organization, event)
    with transaction.atomic():
        contact = None if event.group else find_sender(organization, event)
        message, is_new = Message.objects.get_or_create(
            organization=organization,
            provider=carrying_provider(webhook, event.channel),
            # Without an id, the delivery's own place tells two messages apart.
            provider_id=sanitise(event.provider_id or event_id)[:255],
            direction=Direction.INBOUND,
            defaults={
                **message_columns(organization, contact, webhook, event, to),
                "consent": consent,
            },
        )
        if not is_new:
            keep_first_text(message, event)
        else:
            Row.objects.create(**event_columns(message, event, event_id))
            apply_side_effects(organization, event, contact, consent)
            event_stream.announce_events()
    return message


def keep_first_text(message: Message, event: MessageReceived) -> None:
    """Adds the text that came after the edits of it to the earlier ones."""
    if edits.FIRST_EDIT in event.content:
        return
    message = Message.objects.select_for_update().get(pk=message.pk)
    edits.put_first_text(message, content_columns(event))
    message.save(update_fields=edits.COLUMNS)


def carrying_provider(webhook: str, channel: str) -> str:
    """Returns the slug of the provider behind a webhook that carries this channel."""
    slugs = registry.for_webhook(webhook)
    return next(
        (slug for slug in slugs if registry.provider_for(slug).channel == channel), slugs[0]
    )


def message_columns(
    organization: Organization,
    contact: Contact | None,
    webhook: str,
    event: MessageReceived,
    to: str,
) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "channel": event.channel,
        "leg_channel": event.channel,
        "contact": contact,
        "sender": sanitise(event.sender)[:320],
        "to": sanitise(to)[:320],
        "subject": sanitise(event.subject)[:998],
        "status": Status.DELIVERED,
        "is_complete": event.complete,
        "group": sanitise(event.group)[:255],
        **content_columns(event),
        **mail_threads.mail_columns(event.mail),
    }
    if event.quotes:
        columns["in_reply_to"] = find_message(organization, webhook, event.quotes)
    elif event.mail.references:
        draft = Message(
            organization=organization, contact=contact, references=columns["references"]
        )
        columns |= mail_threads.thread_columns(draft)
    return columns


def content_columns(event: MessageReceived) -> dict[str, Any]:
    """Returns what somebody said: what is replaced where they edit it."""
    return {
        "body": sanitise(event.text),
        "html": sanitise(event.html),
        "media": [mail_threads.media_item(item) for item in event.media],
        "content": as_storable(dict(event.content)),
    }


def find_message(organization: Organization, webhook: str, provider_id: str) -> Message | None:
    """Returns the organization's message that a provider calls so; None if it is not known."""
    return next(messages_called(provider_id, webhook, [organization]), None)


def messages_called(
    provider_id: str, webhook: str, organizations: Sequence[Organization]
) -> Iterator[Message]:
    """Yields the organizations' messages that a provider has an id for, theirs first, then ours."""
    provider_id = sanitise(provider_id)[:255]
    if not provider_id:
        return
    slugs = registry.for_webhook(webhook)
    yield from Message.objects.filter(
        organization__in=organizations,
        provider__in=slugs,
        provider_id=provider_id,
        direction=Direction.INBOUND,
    ).select_related("organization")
    attempts = Attempt.objects.filter(
        message__organization__in=organizations, provider__in=slugs, provider_id=provider_id
    )
    for attempt in attempts.select_related("message__organization"):
        yield attempt.message


def event_columns(
    message: Message, event: MessageReceived, event_id: str, kind: Kind = Kind.RECEIVED
) -> dict[str, Any]:
    return {
        "organization_id": message.organization_id,
        "message": message,
        "kind": kind,
        "source": Source.WEBHOOK,
        "status": Status.DELIVERED if kind is Kind.RECEIVED else "",
        "message_status": message.status,
        "changed": kind is Kind.RECEIVED,
        "provider": message.provider,
        "event_id": event_id,
        "occurred_at": event.occurred_at,
        "recorded_at": timezone.now(),
    }
