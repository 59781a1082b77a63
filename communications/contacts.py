"""People and their addresses: normalise, find, create."""

from collections.abc import Iterable
from email.utils import parseaddr

import phonenumbers
from django.db import IntegrityError, transaction
from email_validator import EmailNotValidError, validate_email

from communications.models import Address, Channel, Contact, Organization


class InvalidAddress(ValueError):
    """Says to a person what is wrong with an address."""


def normalise(channel: str, value: str, *, region: str) -> str:
    """An addr-spec in lower case, or a number in E.164. Raises InvalidAddress."""
    if channel == Channel.EMAIL:
        return normalise_email(value)
    return normalise_number(value, region=region)


def normalise_email(value: str) -> str:
    try:
        # A non-ASCII local part is legal, but no e-mail provider of ours carries it.
        found = validate_email(
            value.strip(),
            check_deliverability=False,
            allow_smtputf8=False,
            # Names reserved for tests and local networks are fine as far as we are concerned.
            test_environment=True,
        )
    except EmailNotValidError as error:
        raise InvalidAddress(f"“{value}” is not an e-mail address: {error}") from error
    # The local part could tell cases apart, but no server does; an opt-out must not depend on it.
    return (found.ascii_email or found.normalized).lower()


def normalise_number(value: str, *, region: str) -> str:
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException as error:
        raise InvalidAddress(
            f"“{value}” is not a telephone number: write it like +447700900123.",
        ) from error
    if not phonenumbers.is_possible_number(number):
        raise InvalidAddress(f"“{value}” has too few or too many digits for a telephone number.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def create(
    organization: Organization,
    *,
    name: str,
    addresses: Iterable[tuple[str, str]],
    notes: str = "",
) -> Contact:
    """`addresses` are pairs of channel and value. Raises InvalidAddress, also for a taken one."""
    with transaction.atomic():
        contact = Contact.objects.create(organization=organization, name=name, notes=notes)
        for channel, value in addresses:
            add_address(contact, channel=channel, value=value)
    return contact


def change(
    contact: Contact,
    *,
    addresses: Iterable[tuple[str, str]] | None = None,
    **columns: str,
) -> Contact:
    """Replaces what is given; the addresses as a whole. Raises InvalidAddress."""
    with transaction.atomic():
        for column, value in columns.items():
            setattr(contact, column, value)
        contact.save(update_fields=list(columns))
        if addresses is not None:
            contact.addresses.all().delete()
            for channel, value in addresses:
                add_address(contact, channel=channel, value=value)
    return contact


def add_address(contact: Contact, *, channel: str, value: str) -> Address:
    value = normalise(channel, value, region=contact.organization.region)
    try:
        with transaction.atomic():
            return Address.objects.create(
                organization=contact.organization,
                contact=contact,
                channel=channel,
                value=value,
            )
    except IntegrityError as error:
        raise InvalidAddress(f"{value} belongs to another contact already.") from error


def known(organization: Organization, *, channel: str, value: str) -> Contact | None:
    """The contact with this normalised address."""
    found = (
        Address.objects.select_related("contact")
        .filter(organization=organization, channel=channel, value=value)
        .first()
    )
    return found.contact if found else None


def resolve(organization: Organization, *, channel: str, value: str, name: str = "") -> Contact:
    """The contact with this normalised address, made if there is none. Safe to call at once."""
    if found := known(organization, channel=channel, value=value):
        return found
    try:
        return create(organization, name=name or value, addresses=[(channel, value)])
    except InvalidAddress:
        # Another process was quicker, or it is an address we would not write to.
        found = known(organization, channel=channel, value=value)
        if found is None:
            raise
        return found


def bare(value: str) -> str:
    """The address in “Ever After <hello@everafter.example>”."""
    return parseaddr(value)[1]
