"""vCard 3 and 4 (and what telephones still write as 2.1)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import vobject

from communications.book.contacts import AddressEntry
from communications.book.files import cells, records, vcard_lines
from communications.book.files.cells import CellReading
from communications.book.files.records import ContactRecord, Rejected
from communications.book.files.vcard_lines import Card, CardProperty
from communications.models import Channel, Contact, Organization

MAX_CARDS = 10_000
VCARD = re.compile(r"^\s*\ufeff?BEGIN[ \t]*:[ \t]*VCARD", re.IGNORECASE | re.MULTILINE)
LABELS = {"cell", "home", "work", "main", "other"}
MOBILE = {"cell", "iphone", "mobile"}
# They read no SMS.
NO_TELEPHONE = {"fax", "pager", "modem", "bbs", "tlx"}
# vCard 4, https://www.rfc-editor.org/rfc/rfc6350#section-6.1.4; Apple writes the same in vCard 3.
KIND = ("kind", "x-addressbookserver-kind")
MEMBER = ("member", "x-addressbookserver-member")
# 1 is the most preferred, 100 the least: https://www.rfc-editor.org/rfc/rfc6350#section-5.3
NOT_PREFERRED = 101


def is_vcard(content: str) -> bool:
    return bool(VCARD.search(content[:2000]))


def split_cards(content: str) -> list[Card]:
    """Returns the cards of people, with the groups that they are in as their categories.

    Raises Rejected for what holds none, or too many.
    """
    found = list(vcard_lines.read_cards(content))
    people = [card for card in found if not is_group(card)]
    if not people:
        raise Rejected(["There is no vCard in this file."])
    if len(people) > MAX_CARDS:
        raise Rejected([f"At most {MAX_CARDS:,} people at a time."])
    add_groups(people, [card for card in found if is_group(card)])
    return people


def is_group(card: Card) -> bool:
    return any(card.first(name).strip().lower() == "group" for name in KIND)


def add_groups(people: Sequence[Card], groups: Iterable[Card]) -> None:
    """Makes the name of a group a category of its members, as it is in other files."""
    by_uid = {identity(card.first("uid")): card for card in people if card.first("uid")}
    for group in groups:
        name = CardProperty("categories", {}, group.first("fn").replace(",", "\\,"))
        for member in [prop for key in MEMBER for prop in group.all(key)]:
            card = by_uid.get(identity(member.value))
            if card and name.value:
                card.properties.append(name)


def identity(uid: str) -> str:
    return uid.strip().lower().removeprefix("urn:uuid:")


def record_from_card(organization: Organization, number: int, card: Card) -> ContactRecord:
    """Raises Rejected for a card that says nothing of anybody."""
    reading = CellReading(problems=list(card.problems))
    for entry in card_entries(card):
        cells.read_address(entry, reading, region=organization.region)
    for prop in card.all("tel"):
        if not is_telephone(card, prop):
            cells.leave_out_fax(vcard_lines.plain(prop.value), reading)
    given = {name: value for name, value in card_facts(card) if value}
    return records.build_record(number, given, reading)


def card_facts(card: Card) -> Iterator[tuple[str, Any]]:
    """Yields what a card says of its person, under our names for it."""
    parts = [spaced_text(part) for part in vcard_lines.split_value(card.first("n"), ";")]
    family, given = [*parts, "", ""][:2]
    # Some know their people by a nickname alone.
    full_name = card.first("fn") or ("" if given or family else card.first("nickname"))
    yield "name", spaced_text(vcard_lines.plain(full_name))
    yield "given_name", given
    yield "family_name", family
    yield "company", spaced_text(vcard_lines.split_value(card.first("org"), ";")[0])
    notes = [vcard_lines.plain(prop.value).strip() for prop in card.all("note")]
    yield "notes", "\n".join(dict.fromkeys(filter(None, notes)))
    yield "language", vcard_lines.plain(card.first("lang"))
    yield (
        "weddings",
        [
            tag.strip()
            for prop in card.all("categories")
            for tag in vcard_lines.split_value(prop.value, ",")
            if tag.strip()
        ],
    )


def spaced_text(value: str) -> str:
    """Returns a text in one line, without double spaces."""
    return " ".join(value.split())


def is_telephone(card: Card, prop: CardProperty) -> bool:
    """Returns whether a number is one that may be written to, by its types and its label."""
    named = records.FAX.search(card.label_of_group(prop.group))
    return not (NO_TELEPHONE & set(prop.types) or named)


def card_entries(card: Card) -> Iterator[AddressEntry]:
    """Yields the addresses of a card as they are written."""
    emails = card.all("email")
    numbers = [prop for prop in card.all("tel") if is_telephone(card, prop)]
    for channel, properties in ((Channel.EMAIL, emails), (Channel.SMS, numbers)):
        best = min(map(preference, properties), default=NOT_PREFERRED)
        for prop in properties:
            value = vcard_lines.plain(prop.value).strip()
            is_primary = preference(prop) == best < NOT_PREFERRED
            if value:
                yield AddressEntry(
                    channel, inside_brackets(value), label_of_property(prop), is_primary
                )


def inside_brackets(value: str) -> str:
    """Returns the address in “Jane <jane@hart.example>”."""
    found = cells.ANGLES.search(value)
    return found[1] if found and found[1].strip() else value


def label_of_property(prop: CardProperty) -> str:
    if MOBILE & set(prop.types):
        return "cell"
    return next((kind for kind in prop.types if kind in LABELS), "")


def preference(prop: CardProperty) -> int:
    """Returns how much a card prefers a property, 1 the most."""
    for value in prop.parameters.get("pref", []):
        if value.isdecimal():
            return min(int(value[:3]), NOT_PREFERRED - 1)
    return 1 if "pref" in prop.types else NOT_PREFERRED


# --- writing ---


def write_cards(contacts: Iterable[Contact], version: str = "3.0") -> str:
    return "".join(card_of(contact, version) for contact in contacts)


def card_of(contact: Contact, version: str) -> str:
    card = vobject.vCard()
    card.add("version").value = version
    card.add("fn").value = contact.name
    given, family = contact.given_name, contact.family_name
    card.add("n").value = vobject.vcard.Name(family=family, given=given or contact.name)
    for name, value in {
        "org": [contact.company] if contact.company else None,
        "note": contact.notes,
        "categories": list(contact.weddings),
        "lang": contact.language,
    }.items():
        if value:
            card.add(name).value = value
    for name, value, label, is_primary in reachable_lines(contact):
        line = card.add(name)
        line.value = value
        line.params["TYPE"] = [label] if label else []
        if is_primary:
            mark_preferred(line, version)
    return str(card.serialize(validate=False))


def mark_preferred(line: Any, version: str) -> None:
    """Marks a line as the preferred one."""
    if version == "4.0":
        line.params["PREF"] = ["1"]
    else:
        line.params["TYPE"] = [*line.params["TYPE"], "pref"]


def reachable_lines(contact: Contact) -> Sequence[tuple[str, str, str, bool]]:
    """Returns each number once, whichever channels it is for."""
    found: dict[str, tuple[str, str, str, bool]] = {}
    for address in contact.addresses.all():
        name = "email" if address.channel == Channel.EMAIL else "tel"
        found.setdefault(address.value, (name, address.value, address.label, address.is_primary))
    return list(found.values())
