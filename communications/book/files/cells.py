"""One cell of a file -> the addresses in it, and why something in it is none.

Nothing is guessed: what could be read in two ways is listed for a person, and the rest of the row
is taken.
"""

import re
from dataclasses import dataclass, field

import phonenumbers

from communications.book import contacts, found_addresses
from communications.book.contacts import AddressEntry
from communications.errors import InvalidAddress
from communications.models import Channel
from communications.vocabulary import number_checks, written_numbers
from communications.vocabulary.number_checks import NumberStanding
from communications.vocabulary.written_numbers import shortened

# Google joins several values with three colons; people use semicolons and new lines.
SEVERAL = re.compile(r":::|;(?!\s*(?:ext|isub|phone-context)=)|\n")
COMMAS = re.compile(r":::|[;,\n]")
# Only where each part is a number of its own: “030/123456” is one.
BETWEEN_NUMBERS = re.compile(r"[,|]|\s/\s|/(?=\s?\+)")
ANGLES = re.compile(r"<([^<>]*)>")
# Marks of direction and zero-width characters that come along with numbers out of chats.
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
SCHEME = re.compile(r"(?:mailto|tel|sms|callto):", re.IGNORECASE)
# Longer cells are letters that somebody wrote, and nothing is looked for in them.
LONGEST_ADDRESS = 320
# A person has a handful; more in one row or card are somebody's experiment.
MOST_READ = 100


@dataclass
class CellReading:
    """What a cell holds. `problems`: what of it could not be taken, with the reason."""

    entries: list[AddressEntry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    # Numbers with an extension: no message reaches them, but a person wants to know.
    extensions: list[str] = field(default_factory=list)
    # How many addresses were looked at.
    looked_at: int = 0


def read_addresses(entry: AddressEntry, reading: CellReading, *, region: str) -> None:
    """Adds all addresses of a cell (the entry's value), which may hold several, to a reading."""
    value = entry.value
    parts = split_emails(value) if entry.channel == Channel.EMAIL else split_numbers(value)
    for part in parts:
        read_address(entry._replace(value=part), reading, region=region)


def split_emails(cell: str) -> list[str]:
    """Returns the addresses of a cell; of “Jane <jane@hart.example>” what is in the brackets."""
    found: list[str] = []
    for part in SEVERAL.split(cell):
        inside = [address for address in ANGLES.findall(part) if address.strip()]
        found += inside or COMMAS.split(part)
    return [part for part in found if part.strip()]


def split_numbers(cell: str) -> list[str]:
    found: list[str] = []
    for part in SEVERAL.split(cell):
        numbers = [number for number in BETWEEN_NUMBERS.split(part) if number]
        is_list = all(
            written_numbers.count_digits(number) >= written_numbers.FEWEST_DIGITS
            for number in numbers
        )
        found += numbers if is_list else [part]
    return [part for part in found if part.strip()]


def read_address(entry: AddressEntry, reading: CellReading, *, region: str) -> None:
    """Adds one address to a reading, or why it is none."""
    reading.looked_at += 1
    if reading.looked_at > MOST_READ:
        return
    if reading.looked_at == MOST_READ:
        reading.problems.append(f"It has {MOST_READ} addresses and more: the others are left out.")
        return
    shown = " ".join(INVISIBLE.sub("", entry.value).split())
    value = SCHEME.sub("", shown, count=1) if SCHEME.match(shown) else shown
    try:
        if entry.channel == Channel.EMAIL:
            found = read_email(value.partition("?")[0] if value != shown else value)
        else:
            found = read_number(value, reading, region=region)
    except InvalidAddress as error:
        reading.problems.append(str(error))
        return
    if found:
        reading.entries.append(entry._replace(value=found))


def leave_out_fax(value: str, reading: CellReading) -> None:
    """Lists a number that reads no SMS: that of a fax machine or a pager."""
    if shown := shortened(value.strip()):
        reading.problems.append(f"“{shown}” is a fax or a pager, which no message reaches.")


def read_email(value: str) -> str:
    """Returns an addr-spec in lower case. Raises InvalidAddress."""
    if len(value) > LONGEST_ADDRESS:
        raise InvalidAddress(f"“{shortened(value)}” is not an e-mail address: it is too long.")
    return contacts.normalise_email(value)


def read_number(value: str, reading: CellReading, *, region: str) -> str:
    """Returns a number in E.164; blank for one with an extension, which is kept apart.

    Raises InvalidAddress for what is not surely a number.
    """
    plain, extension = written_numbers.split_extension(value)
    if extension:
        number = found_addresses.normalise_found_number(plain, region=region)
        reading.extensions.append(f"{shown_number(number)} ext. {extension}")
        reading.problems.append(
            f"“{shortened(value)}” has an extension, which no message reaches: it is kept as a "
            "custom field."
        )
        return ""
    number = found_addresses.normalise_found_number(value, region=region)
    if number_checks.number_standing(number) is NumberStanding.POSSIBLE:
        reading.problems.append(
            f"No network is known to have the number {number}: nothing is sent to it before you "
            "say that it is right."
        )
    elif prefix := number_checks.missing_prefix(value, region):
        reading.problems.append(
            f"“{shortened(value)}” lacks the {prefix} that numbers of {region} begin with: it is "
            f"taken for {number}. Write one of another country with its code."
        )
    return number


def shown_number(value: str) -> str:
    return phonenumbers.format_number(
        phonenumbers.parse(value), phonenumbers.PhoneNumberFormat.INTERNATIONAL
    )
