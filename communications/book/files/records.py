"""A row of a file, or a card -> a person with checked facts and addresses, or why not.

A person is lost only where there is neither a name nor an address. Whatever else cannot be taken is
listed with its reason, and the rest is kept.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from communications.book import contacts, facts, reach
from communications.book.contacts import AddressEntry
from communications.book.files import cells, headings
from communications.book.files.cells import CellReading
from communications.errors import Refused
from communications.models import Channel, Organization
from communications.vocabulary.written_numbers import shortened
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
LISTS = {"roles": cells.COMMAS, "weddings": cells.SEVERAL}
# Put before a cell that a spreadsheet would take for a formula, by us and by others.
GUARDED = re.compile(r"\A'(?='*\s*[=+\-@\t\r])")
# What Google calls everybody, its favourites and the groups it suggests; they begin with an
# asterisk in its tables and stand among the categories of its cards.
SYSTEM_GROUP = re.compile(
    r"\*.*|(?:system group: ?)?(?:my ?contacts|starred(?: in android)?|other contacts"
    r"|meine kontakte|mes contacts|mis contactos|i miei contatti|markiert|favorites|favourites"
    r"|favoriten|favoris|favoritos|preferiti|uncategorized|unfiled)",
    re.IGNORECASE,
)
# The custom field with numbers that have an extension. Notes would not do: those of a contact that
# has some already stay as they are.
EXTENSIONS = "Telephone"
FAX = re.compile(r"fax|pager|telex|telecopie|cercapersone", re.IGNORECASE)
# A card or row that has nothing right in it needs no hundred sentences.
MAX_PROBLEMS = 20


class Rejected(ValueError):
    """Says to a person, for each thing that is wrong with a row, what it is."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = list(reasons)


@dataclass
class ContactRecord:
    """One person as a file tells it. `problems`: what of it could not be taken, and why."""

    # The line or card it stands in.
    number: int
    facts: dict[str, Any]
    entries: list[AddressEntry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def record_from_cells(
    organization: Organization,
    number: int,
    row: Mapping[str, str],
    mapping: Mapping[str, str],
    problems: Sequence[str] = (),
) -> ContactRecord:
    """Raises Rejected for a row that says nothing of anybody.

    `problems`: what is known to be wrong with the row already.
    """
    given: dict[str, Any] = {}
    reading = CellReading(problems=list(problems))
    kinds = headings.kind_columns(row)
    for column, cell in row.items():
        target, value = mapping.get(column, ""), sanitise(GUARDED.sub("", cell)).strip()
        if not (target and value):
            continue
        if target in Channel.values:
            kind = row.get(kinds.get(column, ""), "")
            read_address_cell(organization, target, column, value, kind, reading)
        elif target == "custom":
            given.setdefault("custom", {})[column] = value
        else:
            add_value(given, target, split_values(target, value))
    return build_record(number, given, reading)


def read_address_cell(
    organization: Organization,
    channel: str,
    column: str,
    value: str,
    kind: str,
    reading: CellReading,
) -> None:
    """Adds the addresses of a cell; `kind` is what the column beside it calls them."""
    if channel != Channel.EMAIL and FAX.search(kind):
        cells.leave_out_fax(value, reading)
        return
    label = headings.label_of_heading(headings.fold_heading(kind)) or headings.label_of_heading(
        headings.fold_heading(column)
    )
    # The asterisk is Google's mark of the one to use.
    entry = AddressEntry(channel, value, label, is_primary=kind.startswith("*"))
    cells.read_addresses(entry, reading, region=organization.region)


def add_value(given: dict[str, Any], target: str, value: Any) -> None:
    """Adds what one column says; of two columns of notes both count, of two names the first."""
    known = given.get(target)
    if not known:
        given[target] = value
    elif isinstance(value, list):
        given[target] = [*known, *value]
    elif target == "notes":
        given[target] = f"{known}\n{value}"


def split_values(target: str, value: str) -> Any:
    """Returns the values of a cell: a wedding may have a comma in its name; a role has none."""
    if target not in LISTS:
        return value
    return [part for whole in LISTS[target].split(value) if (part := whole.strip())]


def build_record(number: int, given: dict[str, Any], reading: CellReading) -> ContactRecord:
    """Raises Rejected for a record that says nothing of anybody."""
    problems = list(reading.problems)
    entries: dict[tuple[str, str], AddressEntry] = {}
    for entry in reading.entries:
        entries.setdefault((entry.channel, entry.value), entry)
    taken = reach.reachable_first(entries.values())[: contacts.MAX_ADDRESSES]
    if len(entries) > len(taken):
        problems.append(f"Of its {len(entries)} addresses the first {len(taken)} are taken.")
    if reading.extensions:
        custom = given.setdefault("custom", {})
        kept = [str(custom.get(EXTENSIONS, "")), *reading.extensions]
        custom[EXTENSIONS] = "; ".join(dict.fromkeys(filter(None, kept)))
    checked = check_record(given, taken, problems)
    listed = [problem for problem in dict.fromkeys(problems) if problem]
    if len(listed) > MAX_PROBLEMS:
        more = len(listed) - MAX_PROBLEMS
        listed = [*listed[:MAX_PROBLEMS], f"And {more} more cells that cannot be taken."]
    if not checked.get("name"):
        raise Rejected(listed or ["It has neither a name nor an address."])
    return ContactRecord(number, checked, taken, listed)


def check_record(
    given: Mapping[str, Any], entries: Sequence[AddressEntry], problems: list[str]
) -> dict[str, Any]:
    """Returns what of the facts can be taken. Adds to `problems` why the others cannot."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        fitting = fit_value(name, value, problems)
        try:
            found |= facts.checked_facts({name: fitting})
        except Refused as error:
            problems.append(f"{TARGETS.get(name, name)}: {error}")
    try:
        return facts.with_full_name(found)
    except Refused:
        return found | {"name": entries[0].value} if entries else found


def fit_value(name: str, value: Any, problems: list[str]) -> Any:
    """Returns as much of a value as we can hold. Adds to `problems` what is left out."""
    fit: Callable[[str, Any, list[str]], Any] | None = FITTING.get(name)
    return fit(name, value, problems) if fit else value


def fit_text(name: str, value: str, problems: list[str]) -> str:
    widest = facts.TEXTS[name]
    # No name has a line break.
    text = value if name == "notes" else " ".join(value.split())
    if len(text) > widest:
        problems.append(f"{TARGETS[name]}: only its first {widest:,} characters are taken.")
    return text[:widest]


def fit_roles(name: str, value: list[str], problems: list[str]) -> list[str]:
    """Roles are words of ours, in whatever case they are written."""
    found = []
    for role in dict.fromkeys(role.lower() for role in value):
        try:
            found += facts.clean_roles(name, [role])
        except Refused as error:
            problems.append(f"{TARGETS[name]}: {error}")
    return found


def fit_weddings(name: str, value: list[str], problems: list[str]) -> list[str]:
    """Returns the tags without the groups that every address book has."""
    tags = [tag for tag in value if not SYSTEM_GROUP.fullmatch(tag.strip())]
    short = [tag for tag in dict.fromkeys(tags) if len(tag) <= facts.MAX_TAG]
    problems.extend(
        f"{TARGETS[name]}: “{shortened(tag)}” is longer than {facts.MAX_TAG} characters."
        for tag in tags
        if len(tag) > facts.MAX_TAG
    )
    if len(short) > facts.MAX_TAGS:
        problems.append(f"{TARGETS[name]}: only the first {facts.MAX_TAGS} are taken.")
    return short[: facts.MAX_TAGS]


def fit_custom_fields(_name: str, value: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column, text in value.items():
        why = facts.wrong(column, text)
        if not why and len(found) >= facts.MAX_CUSTOM:
            why = f"At most {facts.MAX_CUSTOM} custom fields."
        if why:
            problems.append(f"“{shortened(column)}”: {why}")
        else:
            found[column] = text
    return found


def fit_channel(_name: str, value: str, _problems: list[str]) -> str:
    return value.lower()


FITTING: dict[str, Callable[[str, Any, list[str]], Any]] = {
    **dict.fromkeys(facts.TEXTS, fit_text),
    "roles": fit_roles,
    "weddings": fit_weddings,
    "custom": fit_custom_fields,
    "preferred_channel": fit_channel,
}
