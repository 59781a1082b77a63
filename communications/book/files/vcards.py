"""vCard 3 and 4 (and what telephones still write as 2.1)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import vobject
from vobject.base import ParseError

from communications.book.contacts import AddressEntry
from communications.book.files import records
from communications.book.files.records import ContactRecord, Rejected
from communications.models import Channel, Contact, Organization

MAX_CARDS = 10_000
CARD = re.compile(r"^BEGIN:VCARD\s*$.*?^END:VCARD\s*$", re.IGNORECASE | re.MULTILINE | re.DOTALL)
# Pictures are most of a card, and nothing of it to us.
PICTURE = re.compile(
    r"^(?:item\d+\.)?(?:PHOTO|LOGO|SOUND|KEY)[;:].*\n(?:[ \t].*\n)*",
    re.IGNORECASE | re.MULTILINE,
)
LABELS = {"cell", "home", "work", "main", "other"}


def split_cards(content: str) -> list[str]:
    """Raises Rejected for what holds none, or too many."""
    plain = PICTURE.sub("", content.replace("\r\n", "\n"))
    found = [match[0] for match in CARD.finditer(plain)]
    if not found:
        raise Rejected(["There is no vCard in this file."])
    if len(found) > MAX_CARDS:
        raise Rejected([f"At most {MAX_CARDS:,} people at a time."])
    return found


def record_from_card(organization: Organization, number: int, card: str) -> ContactRecord:
    """Raises Rejected."""
    try:
        parsed = vobject.readOne(card, validate=False, allowQP=True)
    except (ParseError, ValueError, UnicodeError, IndexError, AttributeError) as error:
        # What the library raises for cards that are none.
        raise Rejected([f"This is no vCard: {error}"]) from error
    contents = parsed.contents
    given = {name: value for name, value in card_facts(contents) if value}
    return records.build_record(organization, number, given, list(card_entries(contents)))


def card_facts(contents: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "name", first_value(contents, "fn")
    name = contents["n"][0].value if contents.get("n") else None
    if name is not None and not isinstance(name, str):
        yield "given_name", spaced_text(name.given)
        yield "family_name", spaced_text(name.family)
    company = contents["org"][0].value if contents.get("org") else ""
    yield "company", company if isinstance(company, str) else spaced_text(company[:1])
    yield "notes", first_value(contents, "note")
    yield "language", first_value(contents, "lang")
    yield (
        "weddings",
        [tag for category in contents.get("categories", []) for tag in value_list(category.value)],
    )


def first_value(contents: dict[str, Any], name: str) -> str:
    """Returns the first value of a property, without double spaces; blank if there is none."""
    return spaced_text(contents[name][0].value) if contents.get(name) else ""


def spaced_text(value: Any) -> str:
    return value if isinstance(value, str) else " ".join(map(str, value))


def value_list(value: Any) -> list[str]:
    return value.split(",") if isinstance(value, str) else [str(part) for part in value]


def card_entries(contents: dict[str, Any]) -> Iterator[AddressEntry]:
    for line in contents.get("email", []):
        yield card_entry(Channel.EMAIL, line.value.removeprefix("mailto:"), line)
    for line in contents.get("tel", []):
        # A fax machine reads no SMS.
        if "fax" not in line_types(line):
            yield card_entry(
                Channel.SMS, re.sub("^tel:", "", line.value, flags=re.IGNORECASE), line
            )


def card_entry(channel: str, value: str, line: Any) -> AddressEntry:
    kinds = line_types(line)
    label = next((kind for kind in kinds if kind in LABELS), "")
    return AddressEntry(channel, value, label, "pref" in kinds or bool(line.params.get("PREF")))


def line_types(line: Any) -> list[str]:
    return [kind.lower() for kinds in line.params.get("TYPE", []) for kind in kinds.split(",")]


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
