"""What messages tell of who wrote them: a name, another number."""

from django.db import transaction

from communications.book import contacts, facts, history
from communications.book.contacts import INBOUND, AddressEntry
from communications.models import Contact
from communications.vocabulary import phone_numbers


def name_unnamed(contact: Contact, name: str) -> None:
    """Names a contact that was only known by an address until now. Others keep their name."""
    if not name or not contact.to_review or contact.name == name:
        return
    known = {address.value for address in contact.addresses.all()}
    known |= {handle.value for handle in contact.handles.all()}
    if contact.name in known:
        contacts.change_contact(
            contact, cause=INBOUND, **facts.with_full_name({"name": name}, contact)
        )


def add_number(
    contact: Contact, *, channel: str, value: str, replaces: str = "", label: str = ""
) -> None:
    """Adds a number that the contact has, as it is, and makes it the one that is written to.

    The one that it replaces stays, with a label. Raises InvalidAddress if it is somebody else's.
    """
    with transaction.atomic():
        stored = Contact.everyone.select_for_update(no_key=True).get(pk=contact.pk)
        before = history.snapshot_contact(stored)
        if not has_address(stored, channel=channel, value=value):
            contacts.insert_address(stored, AddressEntry(channel, value))
        former = phone_numbers.number_variants(replaces) if replaces else ()
        for row in stored.addresses.filter(channel=channel):
            row.is_primary = row.value in phone_numbers.number_variants(value)
            row.label = label if row.value in former and not row.is_primary else row.label
            row.save(update_fields=["is_primary", "label"])
        contacts.save_with_history(stored, before, INBOUND)


def has_address(contact: Contact, *, channel: str, value: str) -> bool:
    """Whether a contact has an address, in whatever form of the number."""
    forms = phone_numbers.number_variants(value)
    return contact.addresses.filter(channel=channel, value__in=forms).exists()
