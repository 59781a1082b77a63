"""What people say about being written to, by a word, a button or the provider's own switch."""

from communications.book import contacts
from communications.models import Address, Channel, Contact, Organization
from communications.policy import suppressions, whatsapp_window
from communications.receiving.identities import owners_of
from communications.receiving.writers import kept_value, sender_value
from communications.vocabulary.consent import consent_keywords
from communications.vocabulary.consent.consent_keywords import Consent
from communications.vocabulary.events import (
    AddressClosed,
    ConsentChanged,
    ConsentKeyword,
    MessageReceived,
    Reason,
)
from wedsync_comms.lib.text import sanitise

# A vendor that keeps a list of its own acts on its own words, whatever we would make of them.
VENDORS_WORD = {
    ConsentKeyword.STOP: Consent.OPT_OUT,
    ConsentKeyword.START: Consent.OPT_IN,
}

# The stop of a bus, and somebody called Stop, ask for nothing.
NOT_SAID = {"contacts", "flow", "location", "order", "unsupported"}


def apply_consent(webhook: str, event: ConsentChanged) -> int | None:
    """Applies what a person allowed or refused with the provider's own switch."""
    found = None
    for organization in owners_of(webhook, event.channel, event.to):
        found = organization.pk
        apply_preference(organization, event)
    return found


def apply_preference(organization: Organization, event: ConsentChanged) -> None:
    person = sanitise(event.value)
    value = kept_value(event.channel, person)
    if value is None:
        contact = contacts.contact_by_handle(organization, person)
    else:
        contact = contacts.contact_by_address(organization, channel=event.channel, value=value)
    for known in suppressions.values_of_sender(event.channel, value or person, contact):
        if event.keyword == ConsentKeyword.START:
            suppressions.opt_in(
                organization,
                channel=event.channel,
                value=known,
                sender=event.to,
                by="the recipient",
                marketing_only=event.marketing_only,
                detail=sanitise(event.detail),
            )
        else:
            suppressions.suppress_address(
                organization,
                channel=event.channel,
                value=known,
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


def consent_of(organization: Organization, event: MessageReceived) -> Consent:
    """Returns what a message says about being written to: by the vendor's word, by the button of
    a template, or by what was typed. A mail says it by its link for unsubscribing; what is said in
    a group is said to others, and a place or a card says nothing."""
    if event.keyword in VENDORS_WORD:
        return VENDORS_WORD[event.keyword]
    if event.channel == Channel.EMAIL or event.group or event.content.get("kind") in NOT_SAID:
        return Consent.NONE
    if any(consent_keywords.is_opt_out_button(text) for text in event.template_button):
        return Consent.OPT_OUT
    if event.channel == Channel.SMS and consent_keywords.is_sms_opt_in(event.text):
        return Consent.OPT_IN
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
    """Applies what a message means for what we may write."""
    if event.group:
        return
    sender = sender_value(event) or (sanitise(event.handle)[:200] if contact else "")
    for value in suppressions.values_of_sender(event.channel, sender, contact):
        if event.opens_service_window:
            whatsapp_window.open_service_window(organization.pk, value, event.occurred_at)
        apply_keyword(organization, event, value, consent)


def apply_keyword(
    organization: Organization,
    event: MessageReceived,
    value: str,
    consent: Consent,
) -> None:
    """Closes an address whose owner said stop, for the sender it was said to; opens it again for
    who asks for messages. The button of a template refuses templates of its kind only."""
    sender = event.to[0] if event.to else ""
    words = f"They wrote “{sanitise(event.text)[:80]}”."
    if consent is Consent.OPT_OUT:
        suppressions.suppress_address(
            organization,
            channel=event.channel,
            value=value,
            sender=sender,
            marketing_only=bool(event.template_button),
            reason=Reason.OPT_OUT,
            detail=words,
        )
    elif consent is Consent.OPT_IN:
        suppressions.opt_in(
            organization,
            channel=event.channel,
            value=value,
            sender=sender,
            by="the recipient",
            detail=words,
        )
