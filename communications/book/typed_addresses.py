"""Addresses that a person types: what cannot arrive is refused, with what to do.

What a machine reads (files, address books, messages that come in) is stored as it is, because
nothing of it may be lost.
"""

from collections.abc import Iterable

from communications.book.contacts import AddressEntry, normalise_address, parse_number
from communications.errors import InvalidAddress
from communications.models import Channel, Contact, Organization
from communications.vocabulary import number_checks
from communications.vocabulary.number_checks import REFUSALS, NumberStanding


def check_typed_address(
    channel: str, value: str, *, region: str, allow_unconfirmed: bool = False
) -> str:
    """Returns the normalised address. Raises InvalidAddress.

    Also for a number that no network is known to have, unless the person insists on it
    (`allow_unconfirmed`).
    """
    if channel == Channel.EMAIL:
        return normalise_address(channel, value, region=region)
    check_typing(value, region)
    found = normalise_address(channel, value, region=region)
    if normalise_address(channel, found, region=region) != found:
        # All zeros: each reading takes one off as the prefix of its country.
        raise InvalidAddress(f"“{value}” is no telephone number: check its digits.")
    standing = number_checks.number_standing(found)
    if standing is NumberStanding.POSSIBLE and not allow_unconfirmed:
        raise InvalidAddress(REFUSALS[standing].format(found))
    return found


def check_typing(value: str, region: str) -> None:
    """Raises InvalidAddress for what stands beside a number, or inside of it."""
    number = parse_number(value, region)
    if number.extension:
        raise InvalidAddress(
            f"“{value}” has an extension, which no message reaches: give the number alone."
        )
    if number_checks.has_letters(value):
        raise InvalidAddress(f"“{value}” has letters in it: write the number in digits.")


def typed_entries(
    organization: Organization,
    given: Iterable[AddressEntry],
    *,
    contact: Contact | None = None,
    allow_unconfirmed: bool = False,
) -> list[AddressEntry]:
    """Returns the addresses of a contact, normalised. Raises InvalidAddress.

    What the contact has already stays as it is. `allow_unconfirmed` insists on all numbers, an
    entry's own `is_confirmed` on its own.
    """
    had = set(contact.addresses.values_list("channel", "value")) if contact else set()
    found = []
    for entry in given:
        is_confirmed = True if allow_unconfirmed else entry.is_confirmed
        if (entry.channel, entry.value) in had:
            found.append(entry._replace(is_confirmed=is_confirmed))
            continue
        value = check_typed_address(
            entry.channel,
            entry.value,
            region=organization.region,
            allow_unconfirmed=bool(is_confirmed),
        )
        found.append(entry._replace(value=value, is_confirmed=is_confirmed))
    return found
