"""A person has another number since: the same contact gets it."""

from communications.book import contacts, learning
from communications.models import Channel, Contact, Organization
from communications.policy import suppressions
from communications.receiving.identities import owners_of
from communications.receiving.writers import contact_by_both, has_number, kept_value, unite
from communications.vocabulary.events import ContactMoved
from wedsync_comms.lib.text import sanitise

FORMER = "former number"


def apply_contact_moved(webhook: str, event: ContactMoved) -> int | None:
    """Gives a contact the number, and the id, that the person has since. Their refusals go along.

    Returns the id of the last organization that knows them by our number; None if none does.

    The number they had stays with them as their former one, until somebody removes it.
    """
    found = None
    for organization in owners_of(webhook, event.channel, event.to):
        found = organization.pk
        move_contact(organization, event)
    return found


def move_contact(organization: Organization, event: ContactMoved) -> None:
    old = kept_value(event.channel, sanitise(event.old_value)) or ""
    new = kept_value(event.channel, sanitise(event.new_value)) or ""
    old_handle, new_handle = sanitise(event.old_handle)[:200], sanitise(event.new_handle)[:200]
    if not (new or old_handle):
        link_known(organization, event.channel, old, new_handle)
        return
    contact = contacts.contact_by_handle(organization, old_handle) or contacts.contact_by_address(
        organization, channel=event.channel, value=old
    )
    if contact is None:
        return
    give_handle(contact, new_handle)
    whatsapp = [value for value in (old, new, old_handle, new_handle) if value]
    # WhatsApp's ids are nothing that an SMS could go to.
    sms = [value for value in whatsapp if value.startswith("+")]
    # A telephone that has another number has it for everything.
    for channel, values in ((Channel.WHATSAPP, whatsapp), (Channel.SMS, sms)):
        give_number(contact, channel, old, new)
        suppressions.share_refusals(organization, channel, values)


def link_known(organization: Organization, channel: str, value: str, handle: str) -> None:
    """Makes one contact of a number and an id that belong together, if either is somebody's.

    Every receipt says it again, so what is known already changes nothing.
    """
    shown = contacts.contact_by_address(organization, channel=channel, value=value)
    hidden = contacts.contact_by_handle(organization, handle)
    if not (value and handle) or shown == hidden:
        return
    if shown is not None and hidden is not None and has_number(hidden):
        # Somebody of ours has said whose they are; what the person refused is meant for both.
        suppressions.share_refusals(organization, channel, [value, handle])
        return
    contact_by_both(organization, channel, value, handle, "")


def give_handle(contact: Contact, handle: str) -> None:
    owner = contacts.contact_by_handle(contact.organization, handle)
    if owner is not None and owner.pk != contact.pk and owner.to_review:
        # They wrote under the new id before WhatsApp said whose it is.
        unite(contact, owner)
    elif handle:
        contacts.remember_handle(contact, handle)


def give_number(contact: Contact, channel: str, old: str, new: str) -> None:
    has_old = old and learning.has_address(contact, channel=channel, value=old)
    if not new or not (has_old or channel == Channel.WHATSAPP):
        return
    owner = contacts.contact_by_address(contact.organization, channel=channel, value=new)
    if owner is not None and owner.pk != contact.pk:
        if not owner.to_review:
            # Somebody of ours has said whose it is: they decide, and the two are proposed to them.
            return
        # They wrote from it before WhatsApp said whose it is.
        unite(contact, owner)
    learning.add_number(contact, channel=channel, value=new, replaces=old, label=FORMER)
