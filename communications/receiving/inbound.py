"""Somebody wrote, or said whether we may write: message, thread, window, consent."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from communications.book import contacts
from communications.errors import InvalidAddress, Unmatched
from communications.live import event_stream
from communications.models import Address, Channel, Contact, Direction, Message, Organization
from communications.models import Event as Row
from communications.policy import suppressions, whatsapp_window
from communications.providers import registry
from communications.vocabulary import consent_keywords
from communications.vocabulary.consent_keywords import Consent
from communications.vocabulary.events import (
    AddressClosed,
    ConsentChanged,
    ConsentKeyword,
    Kind,
    MessageReceived,
    Reason,
    Source,
)
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.text import sanitise

# A vendor that keeps a list of its own acts on its own words, whatever we would make of them.
VENDORS_WORD = {
    ConsentKeyword.STOP: Consent.OPT_OUT,
    ConsentKeyword.START: Consent.OPT_IN,
}


def apply_consent(webhook: str, event: ConsentChanged) -> int | None:
    """Applies what a person allowed or refused with the provider's own switch."""
    found = None
    for organization in Organization.objects.all():
        if owns_sender(organization, webhook, event.channel, (event.to,)):
            found = organization.pk
            apply_preference(organization, event)
    return found


def apply_preference(organization: Organization, event: ConsentChanged) -> None:
    if event.keyword == ConsentKeyword.START:
        suppressions.opt_in(
            organization,
            channel=event.channel,
            value=event.value,
            sender=event.to,
            by="the recipient",
            marketing_only=event.marketing_only,
        )
        return
    suppressions.suppress_address(
        organization,
        channel=event.channel,
        value=event.value,
        sender=event.to,
        marketing_only=event.marketing_only,
        reason=Reason.OPT_OUT,
        detail=sanitise(event.detail),
    )


def close_everywhere(channel: str, event: AddressClosed) -> None:
    """Closes an address that the provider's account refuses, for everyone who knows it."""
    known = Address.objects.filter(channel=channel, value__iexact=event.value)
    for address in known.select_related("organization"):
        suppressions.suppress_address(
            address.organization,
            channel=channel,
            value=address.value,
            reason=event.reason,
            detail=event.detail,
        )


def receive_message(webhook: str, event: MessageReceived, event_id: str) -> int:
    """Puts the message into its contact's thread; returns the id of the organization.

    Raises Unmatched if it is written to nobody here.
    """
    organization = receiving_organization(webhook, event)
    consent = consent_of(organization, event)
    with transaction.atomic():
        contact = find_sender(organization, event)
        message, is_new = Message.objects.get_or_create(
            organization=organization,
            provider=carrying_provider(webhook, event.channel),
            provider_id=event.provider_id,
            direction=Direction.INBOUND,
            defaults=message_columns(contact, event) | {"consent": consent},
        )
        if is_new:
            Row.objects.create(**event_columns(message, event, event_id))
            apply_side_effects(organization, event, contact, consent)
            event_stream.announce_events()
    return organization.pk


def carrying_provider(webhook: str, channel: str) -> str:
    """Returns the slug of the provider behind a webhook that carries this channel."""
    slugs = registry.for_webhook(webhook)
    return next(
        (slug for slug in slugs if registry.provider_for(slug).channel == channel), slugs[0]
    )


def consent_of(organization: Organization, event: MessageReceived) -> Consent:
    """Returns what a message says about being written to: by the vendor's word, by the button of
    a template, or by what was typed. A mail says it by its link for unsubscribing."""
    if event.keyword in VENDORS_WORD:
        return VENDORS_WORD[event.keyword]
    if event.channel == Channel.EMAIL:
        return Consent.NONE
    if any(consent_keywords.is_opt_out_button(text) for text in event.template_button):
        return Consent.OPT_OUT
    return consent_keywords.classify_reply(
        event.text,
        opt_out_words=organization.opt_out_words.splitlines(),
        opt_in_words=organization.opt_in_words.splitlines(),
    )


def apply_side_effects(
    organization: Organization,
    event: MessageReceived,
    contact: Contact | None,
    consent: Consent,
) -> None:
    """Applies what the message means for what we may write."""
    for value in sender_addresses(organization, event, contact):
        if event.opens_service_window:
            whatsapp_window.open_service_window(organization.pk, value, event.occurred_at)
        apply_keyword(organization, event, value, consent)


def sender_addresses(
    organization: Organization,
    event: MessageReceived,
    contact: Contact | None,
) -> list[str]:
    """Returns the address it came from; of a person who hides it, those that we know."""
    if value := sender_address(organization, event):
        return [value]
    if not (contact and event.handle):
        return []
    return [address.value for address in contact.addresses.filter(channel=event.channel)]


def apply_keyword(
    organization: Organization,
    event: MessageReceived,
    value: str,
    consent: Consent,
) -> None:
    """Closes an address whose owner said stop, for the sender it was said to; opens it again for
    who asks for messages. The button of a template refuses templates of its kind only."""
    sender = event.to[0] if event.to else ""
    if consent is Consent.OPT_OUT:
        suppressions.suppress_address(
            organization,
            channel=event.channel,
            value=value,
            sender=sender,
            marketing_only=bool(event.template_button),
            reason=Reason.OPT_OUT,
            detail=f"They wrote “{sanitise(event.text)[:80]}”.",
        )
    elif consent is Consent.OPT_IN:
        suppressions.opt_in(
            organization,
            channel=event.channel,
            value=value,
            sender=sender,
            by="the recipient",
        )


def sender_address(organization: Organization, event: MessageReceived) -> str | None:
    """Returns their address as we keep it; None for a sender nobody could answer."""
    if event.channel != Channel.EMAIL and not event.sender.startswith("+"):
        # A short code, or a person who hides the number: digits in it are no number of theirs.
        return None
    try:
        return contacts.normalise_address(
            event.channel,
            sanitise(event.sender),
            region=organization.region,
        )
    except InvalidAddress:
        return None


def find_sender(organization: Organization, event: MessageReceived) -> Contact | None:
    """Returns who wrote; None for a sender nobody could answer, like a mail server's own."""
    value, handle = sender_address(organization, event), sanitise(event.handle)
    name = sanitise(event.sender_name)[:200]
    if value is None:
        return anonymous_contact(organization, handle, name) if handle else None
    contact = contacts.find_or_create_contact(
        organization, channel=event.channel, value=value, name=name
    )
    if handle:
        contacts.remember_handle(contact, handle)
    return contact


def anonymous_contact(organization: Organization, handle: str, name: str) -> Contact:
    """Returns the contact of somebody who hides the number.

    Once they show it, their handle leads to the same contact.
    """
    if found := contacts.contact_by_handle(organization, handle):
        return found
    contact = contacts.create_contact(
        organization,
        name=name or handle,
        addresses=[],
        to_review=True,
        cause=contacts.INBOUND,
    )
    contacts.remember_handle(contact, handle)
    return contact


def message_columns(contact: Contact | None, event: MessageReceived) -> dict[str, Any]:
    return {
        "channel": event.channel,
        "leg_channel": event.channel,
        "contact": contact,
        "sender": sanitise(event.sender)[:320],
        "to": sanitise(event.to[0])[:320] if event.to else "",
        "subject": sanitise(event.subject)[:998],
        "body": sanitise(event.text),
        "html": sanitise(event.html),
        "media": [vars(item) for item in event.media],
        "status": Status.DELIVERED,
        "is_complete": event.complete,
    }


def event_columns(message: Message, event: MessageReceived, event_id: str) -> dict[str, Any]:
    return {
        "organization_id": message.organization_id,
        "message": message,
        "kind": Kind.RECEIVED,
        "source": Source.WEBHOOK,
        "status": Status.DELIVERED,
        "message_status": Status.DELIVERED,
        "changed": True,
        "provider": message.provider,
        "event_id": event_id,
        "occurred_at": event.occurred_at,
        "recorded_at": timezone.now(),
    }


def receiving_organization(webhook: str, event: MessageReceived) -> Organization:
    """Returns the organization that writes from an address the message was sent to.

    Where several share one, it is the one that wrote to the sender last. Raises Unmatched.
    """
    everybody = Organization.objects.order_by("pk")
    found = [
        organization
        for organization in everybody
        if owns_sender(organization, webhook, event.channel, event.to)
    ]
    if len(found) > 1:
        wrote = Message.objects.outbound().filter(
            organization__in=found,
            leg_channel=event.channel,
            leg_to=sender_address(found[0], event) or "",
        )
        last = wrote.order_by("-created_at").first()
        found = [last.organization] if last else []
    if not found:
        raise Unmatched(f"No organization writes from {', '.join(event.to)}.")
    return found[0]


def owns_sender(
    organization: Organization,
    webhook: str,
    channel: str,
    addresses: tuple[str, ...],
) -> bool:
    """Whether one of the addresses is the organization's identity on a channel."""
    wanted = {value.casefold() for value in addresses}
    own = organization.sender(channel)
    if own:
        return sender_identity(channel, own) in wanted
    providers = [registry.provider_for(slug) for slug in registry.for_webhook(webhook)]
    here = [provider for provider in providers if provider.channel == channel]
    return any(
        provider.uses_sender_pool or sender_identity(channel, provider.sender) in wanted
        for provider in here
    )


def sender_identity(channel: str, sender: str) -> str:
    return (contacts.bare_address(sender) if channel == Channel.EMAIL else sender).casefold()
