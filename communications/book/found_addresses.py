"""Addresses that a file or another address book has: taken where they are surely one.

What could be read in two ways is not guessed. Whoever reads it lists it, or leaves it where it is.
"""

import re

from communications.book import contacts
from communications.errors import InvalidAddress
from communications.vocabulary import number_checks, written_numbers
from communications.vocabulary.number_checks import REFUSALS, NumberStanding

# What stands before a number in links: https://www.rfc-editor.org/rfc/rfc3966
SCHEME = re.compile(r"(?:tel|sms|callto):", re.IGNORECASE)


def normalise_found_number(value: str, *, region: str) -> str:
    """Returns the number in E.164.

    Also one that no network is known to have. Raises InvalidAddress for what is not surely a
    number, and for one with an extension, which no message reaches.
    """
    without_scheme = SCHEME.sub("", value.strip(), count=1)
    plain, extension = written_numbers.split_extension(without_scheme)
    if why := written_numbers.number_obstacle(plain):
        raise InvalidAddress(why)
    if extension or contacts.parse_number(without_scheme, region).extension:
        raise InvalidAddress(f"“{value}” has an extension, which no message reaches.")
    found = contacts.normalise_number(without_scheme, region=region)
    is_short = written_numbers.count_digits(value) < written_numbers.FEWEST_DIGITS
    if is_short and "+" not in value:
        standing = number_checks.number_standing(found)
        if standing is not NumberStanding.CONFIRMED:
            raise InvalidAddress(REFUSALS[NumberStanding.LOCAL].format(value))
    return found
