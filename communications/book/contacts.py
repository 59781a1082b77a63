"""People and their addresses: normalise, find, create, change."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import phonenumbers
from django.db import IntegrityError, transaction
from email_validator import EmailNotValidError

from communications.book import facts, history
from communications.book.history import Cause
from communications.errors import InvalidAddress
from communications.models import Address, Channel, Contact, Handle, Organization, Origin
from communications.vocabulary import (
    email_addresses,
    number_checks,
    personal_names,
    phone_numbers,
    renumberings,
    search_keys,
)
from communications.vocabulary.number_checks import REFUSALS, NumberStanding

INBOUND = Cause(Origin.INBOUND)
# A person has a handful.
MAX_ADDRESSES = 50


class AddressEntry(NamedTuple):
    """An address as somebody gives it. A pair of channel and value will do instead."""

    channel: str
    value: str
    label: str = ""
    is_primary: bool = False
    # Whether a person insists on a number that no network is known to have; None: nobody asked.
    is_confirmed: bool | None = None


Given = AddressEntry | tuple[str, str]


def normalise_address(channel: str, value: str, *, region: str) -> str:
    """Returns an addr-spec in lower case, or a number in E.164. Raises InvalidAddress."""
    if channel == Channel.EMAIL:
        return normalise_email(value)
    return normalise_number(value, region=region)


def normalise_email(value: str) -> str:
    """Returns the addr-spec in lower case. Raises InvalidAddress."""
    try:
        return email_addresses.deliverable_address(value)
    except EmailNotValidError as error:
        raise InvalidAddress(f"“{value}” is not an e-mail address: {error}") from error


def normalise_number(value: str, *, region: str) -> str:
    """Returns a number of the right length in E.164. Raises InvalidAddress."""
    number = parse_number(value, region)
    found = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    length = number_checks.standing_by_length(number)
    if length is NumberStanding.POSSIBLE:
        return found
    # Perhaps a form that is out of use, but still written.
    present = renumberings.present_number(found)
    if present == found:
        raise InvalidAddress(REFUSALS[length].format(value))
    return present


def parse_number(value: str, region: str) -> phonenumbers.PhoneNumber:
    """Raises InvalidAddress."""
    try:
        return phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException as error:
        raise InvalidAddress(
            f"“{value}” is not a telephone number: write it like +447700900123.",
        ) from error


# --- finding ---


def contact_by_address(organization: Organization, *, channel: str, value: str) -> Contact | None:
    """Returns the contact with this normalised address, in whatever form of the number."""
    forms = phone_numbers.number_variants(value)
    found = sorted(
        Address.objects.select_related("contact").filter(
            organization=organization,
            channel=channel,
            value__in=forms,
        ),
        key=lambda address: address.value != value,
    )
    return found[0].contact if found else None


def contact_by_handle(organization: Organization, value: str) -> Contact | None:
    """Returns whom WhatsApp calls so; None if that is nobody."""
    found = Handle.objects.select_related("contact").filter(organization=organization, value=value)
    row = found.first()
    return row.contact if row else None


# --- writing ---


def create_contact(
    organization: Organization,
    *,
    addresses: Iterable[Given],
    cause: Cause = history.SYSTEM,
    **given: Any,
) -> Contact:
    """Raises InvalidAddress, also for a taken one, and Refused."""
    given = facts.with_full_name(facts.checked_facts(given))
    with transaction.atomic():
        contact = Contact.objects.create(organization=organization, **given)
        replace_addresses(contact, list(addresses))
        save_with_history(contact, {}, cause)
    return contact


def change_contact(
    contact: Contact,
    *,
    addresses: Iterable[Given] | None = None,
    cause: Cause = history.SYSTEM,
    **given: Any,
) -> Contact:
    """Replaces what is given; the addresses as a whole. Raises InvalidAddress and Refused."""
    given = facts.checked_facts(given)
    with transaction.atomic():
        # No key: whoever writes to them meanwhile need not wait for a long import to end.
        stored = Contact.everyone.select_for_update(no_key=True).get(pk=contact.pk)
        before = history.snapshot_contact(stored)
        for column, value in facts.with_full_name(given, stored).items():
            setattr(contact, column, value)
            setattr(stored, column, value)
        if addresses is not None:
            replace_addresses(stored, list(addresses))
        save_with_history(stored, before, cause)
    contact.updated_at = stored.updated_at
    return contact


def save_with_history(contact: Contact, before: dict[str, Any], cause: Cause) -> None:
    """Saves a contact together with what follows from it: its search keys and its history."""
    rows = list(contact.addresses.all())
    set_search_keys(contact, rows)
    contact.save()
    history.record_changes(contact, before, history.snapshot_contact(contact, rows), cause)


def set_search_keys(contact: Contact, addresses: Iterable[Address]) -> None:
    """Sets what a contact is found by, and has it compared anew. Does not save."""
    texts = [contact.name, contact.given_name, contact.family_name, contact.company]
    contact.search = search_keys.search_key(
        [*texts, *contact.weddings], [address.value for address in addresses]
    )
    contact.sounds = personal_names.name_sounds(contact.name)
    contact.compared_at = None


def replace_addresses(contact: Contact, given: Sequence[Given]) -> None:
    """Makes the contact's addresses these. What stays keeps its row, and so what hangs on it."""
    if len(given) > MAX_ADDRESSES:
        raise InvalidAddress(f"A contact has at most {MAX_ADDRESSES} addresses.")
    had = {(address.channel, address.value): address for address in contact.addresses.all()}
    entries = [AddressEntry(*given_entry) for given_entry in given]
    wanted = [
        # What is there already stays, whatever would be said of it today.
        entry if (entry.channel, entry.value) in had else normalised_entry(contact, entry)
        for entry in entries
    ]
    chosen = primary_positions(wanted)
    contact.addresses.exclude(
        pk__in=[had[pair].pk for entry in wanted if (pair := (entry.channel, entry.value)) in had],
    ).delete()
    for number, entry in enumerate(wanted):
        row = had.pop((entry.channel, entry.value), None) or insert_address(contact, entry)
        is_confirmed = row.is_confirmed if entry.is_confirmed is None else entry.is_confirmed
        wanted_columns = (entry.label, number in chosen, is_confirmed)
        if (row.label, row.is_primary, row.is_confirmed) != wanted_columns:
            row.label, row.is_primary, row.is_confirmed = wanted_columns
            row.save(update_fields=["label", "is_primary", "is_confirmed"])


def normalised_entry(contact: Contact, entry: AddressEntry) -> AddressEntry:
    value = normalise_address(entry.channel, entry.value, region=contact.organization.region)
    return entry._replace(value=value, label=entry.label.strip()[:40])


def primary_positions(entries: Sequence[AddressEntry]) -> set[int]:
    """Returns the positions of primary entries: one a channel, the first where none says so."""
    found: dict[str, int] = {}
    for number, entry in enumerate(entries):
        if entry.channel not in found or (
            entry.is_primary and not entries[found[entry.channel]].is_primary
        ):
            found[entry.channel] = number
    return set(found.values())


def add_address(contact: Contact, *, channel: str, value: str) -> Address:
    """Adds one more address, as given. Raises InvalidAddress."""
    with transaction.atomic():
        return insert_address(contact, normalised_entry(contact, AddressEntry(channel, value)))


def insert_address(contact: Contact, entry: AddressEntry) -> Address:
    """Inserts an address. Raises InvalidAddress where another contact has it."""
    taken = InvalidAddress(f"{entry.value} belongs to another contact already.")
    owner = contact_by_address(contact.organization, channel=entry.channel, value=entry.value)
    if owner is not None and owner.pk != contact.pk:
        raise taken
    try:
        with transaction.atomic():
            return Address.objects.create(
                organization=contact.organization,
                contact=contact,
                channel=entry.channel,
                value=entry.value,
                hint=search_keys.address_hint(entry.value),
                is_confirmed=bool(entry.is_confirmed),
            )
    except IntegrityError as error:
        raise taken from error


def find_or_create_contact(
    organization: Organization,
    *,
    channel: str,
    value: str,
    name: str = "",
    cause: Cause = INBOUND,
) -> Contact:
    """Returns the contact with this normalised address, made if there is none.

    It is safe to call at once for one address.
    """
    if found := contact_by_address(organization, channel=channel, value=value):
        return found
    try:
        return create_at_address(organization, AddressEntry(channel, value), name or value, cause)
    except InvalidAddress:
        # Another process was quicker.
        found = contact_by_address(organization, channel=channel, value=value)
        if found is None:
            raise
        return found


def create_at_address(
    organization: Organization, entry: AddressEntry, name: str, cause: Cause
) -> Contact:
    """Creates the contact of somebody who wrote, with the address as it is.

    Nobody might take it as an address, and they have it all the same. Raises InvalidAddress where
    somebody else has it.
    """
    given = facts.with_full_name(facts.checked_facts({"name": name, "to_review": True}))
    with transaction.atomic():
        contact = Contact.objects.create(organization=organization, **given)
        row = insert_address(contact, entry)
        row.is_primary = True
        row.save(update_fields=["is_primary"])
        save_with_history(contact, {}, cause)
    return contact


def remember_handle(contact: Contact, handle: str) -> Contact:
    """Has WhatsApp's name for the person lead to this contact, unless it leads to one already.

    Returns the contact that it leads to.
    """
    row, _ = Handle.objects.select_related("contact").get_or_create(
        organization=contact.organization,
        value=handle[:200],
        defaults={"contact": contact},
    )
    return row.contact


def bare_address(value: str) -> str:
    """Returns the address in “Ever After <hello@everafter.example>”."""
    return email_addresses.parse_mailbox(value).address
