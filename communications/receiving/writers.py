"""Who wrote: the contact behind an address, a number, or WhatsApp's id of a person."""

from communications.book import contacts, learning, merging
from communications.errors import NotPossible
from communications.models import Channel, Contact, Organization
from communications.policy import suppressions
from communications.vocabulary import email_addresses, phone_numbers
from communications.vocabulary.events import MessageReceived
from wedsync_comms.lib.text import sanitise


def sender_value(event: MessageReceived) -> str | None:
    """Returns the address somebody wrote from as we keep it, also one that nobody could answer.

    None for what is no person's: a mail server, a short code, a hidden number.
    """
    return kept_value(event.channel, sanitise(event.sender))


def kept_value(channel: str, value: str) -> str | None:
    if channel == Channel.EMAIL:
        address = email_addresses.received_address(value)
        return None if email_addresses.is_mail_system(address) else address
    return phone_numbers.received_number(value)


def find_sender(organization: Organization, event: MessageReceived) -> Contact | None:
    """Returns who wrote; None for what is nobody, like a mail server."""
    value, handle = sender_value(event), sanitise(event.handle)[:200]
    name = sanitise(event.sender_name)[:200]
    if value is None:
        return hidden_contact(organization, handle, name) if handle else None
    if handle:
        return contact_by_both(organization, event.channel, value, handle, name)
    contact = contacts.find_or_create_contact(
        organization, channel=event.channel, value=value, name=name
    )
    learning.name_unnamed(contact, name)
    return contact


def hidden_contact(organization: Organization, handle: str, name: str) -> Contact:
    """Returns the contact of somebody who hides the number.

    Once they show it, their handle leads to the same contact.
    """
    found = contacts.contact_by_handle(organization, handle)
    if found is None:
        made = contacts.create_contact(
            organization,
            name=name or handle,
            addresses=[],
            to_review=True,
            cause=contacts.INBOUND,
        )
        found = contacts.remember_handle(made, handle)
        if found != made:
            # Another process was quicker.
            made.delete()
    learning.name_unnamed(found, name)
    return found


def contact_by_both(
    organization: Organization, channel: str, value: str, handle: str, name: str
) -> Contact:
    """Returns the one contact of a number and a handle that were seen together.

    Who hid the number until now becomes one with whoever has it, and what they refused stays.
    """
    hidden = contacts.contact_by_handle(organization, handle)
    shown = contacts.contact_by_address(organization, channel=channel, value=value)
    contact = shown or hidden
    if contact is None:
        contact = contacts.find_or_create_contact(
            organization, channel=channel, value=value, name=name
        )
    elif shown is None:
        learning.add_number(contact, channel=channel, value=value)
    elif hidden is not None and hidden.pk != shown.pk and not has_number(hidden):
        unite(shown, hidden)
    learning.name_unnamed(contact, name)
    if shown is None or hidden is None or hidden.pk != contact.pk:
        contacts.remember_handle(contact, handle)
        suppressions.share_refusals(organization, channel, [value, handle])
    return contact


def has_number(contact: Contact) -> bool:
    return contact.addresses.filter(channel=Channel.WHATSAPP).exists()


def unite(kept: Contact, gone: Contact) -> None:
    try:
        merging.merge_contacts(kept, gone, reasons=["the same WhatsApp account"], is_automatic=True)
    except NotPossible:
        # Somebody merged one of them this moment: a person decides about the rest.
        return
