"""A row of a file, or a card -> a person with checked facts and addresses, or why not."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from communications.book import contacts, facts
from communications.book.contacts import AddressEntry
from communications.errors import InvalidAddress, Refused
from communications.models import Channel, Organization
from wedsync_comms.lib.text import sanitise

# What a column may be. Of those that hold addresses there may be several.
TARGETS = {
    "name": "Name",
    "given_name": "Given name",
    "family_name": "Family name",
    "company": "Company",
    "email": "E-mail address",
    "sms": "Telephone number",
    "whatsapp": "WhatsApp number",
    "roles": "Roles",
    "weddings": "Weddings",
    "language": "Language",
    "time_zone": "Time zone",
    "preferred_channel": "Preferred channel",
    "notes": "Notes",
    "custom": "A custom field of this name",
}
# Google joins several values with three colons; people use semicolons and new lines.
SEVERAL = re.compile(r"\s*(?::::|;|\n)\s*")
COMMAS = re.compile(r"\s*(?::::|[;,]|\n)\s*")
LISTS = {"roles": COMMAS, "weddings": SEVERAL}
# Put before a cell that a spreadsheet would take for a formula, by us and by others.
GUARDED = re.compile(r"'(?=[=+\-@\t\r])")


class Rejected(ValueError):
    """Says to a person, for each thing that is wrong with a row, what it is."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = list(reasons)


@dataclass
class ContactRecord:
    """One person as a file tells it."""

    # The line or card it stands in.
    number: int
    facts: dict[str, Any]
    entries: list[AddressEntry] = field(default_factory=list)


def record_from_cells(
    organization: Organization,
    number: int,
    cells: Mapping[str, str],
    mapping: Mapping[str, str],
) -> ContactRecord:
    """Raises Rejected, with everything that is wrong."""
    given: dict[str, Any] = {}
    addresses: list[AddressEntry] = []
    for column, cell in cells.items():
        target, value = mapping.get(column, ""), sanitise(GUARDED.sub("", cell)).strip()
        if not (target and value):
            continue
        if target in Channel.values:
            separator = COMMAS if target == Channel.EMAIL else SEVERAL
            addresses += [AddressEntry(target, part) for part in separator.split(value) if part]
        elif target == "custom":
            given.setdefault("custom", {})[column] = value
        else:
            given[target] = split_values(target, value)
    return build_record(organization, number, given, addresses)


def split_values(target: str, value: str) -> Any:
    """Returns the values of a cell: a wedding may have a comma in its name; a role has none."""
    if target not in LISTS:
        return value
    return [part for part in LISTS[target].split(value) if part]


def build_record(
    organization: Organization,
    number: int,
    given: dict[str, Any],
    addresses: Sequence[AddressEntry],
) -> ContactRecord:
    """Raises Rejected."""
    reasons: list[str] = []
    entries: dict[tuple[str, str], AddressEntry] = {}
    for address in addresses[: contacts.MAX_ADDRESSES]:
        try:
            value = contacts.normalise_address(
                address.channel, address.value, region=organization.region
            )
        except InvalidAddress as error:
            reasons.append(str(error))
        else:
            entries.setdefault((address.channel, value), address._replace(value=value))
    checked = check_record(lowered(given), list(entries.values()), reasons)
    if reasons:
        raise Rejected(reasons)
    return ContactRecord(number, checked, list(entries.values()))


def check_record(
    given: dict[str, Any], entries: Sequence[AddressEntry], reasons: list[str]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in given.items():
        try:
            found |= facts.checked_facts({name: value})
        except Refused as error:
            reasons.append(f"{TARGETS.get(name, name)}: {error}")
    try:
        return facts.with_full_name(found)
    except Refused:
        if entries:
            return found | {"name": entries[0].value}
        if not reasons:
            reasons.append("It has neither a name nor an address.")
        return found


def lowered(given: dict[str, Any]) -> dict[str, Any]:
    """Roles and channels are words of ours, in whatever case they are written."""
    for name in ("roles", "preferred_channel"):
        if name in given:
            value = given[name]
            given[name] = (
                value.lower() if isinstance(value, str) else [part.lower() for part in value]
            )
    return given
