"""A contact as both sides hold it, in one form; and the three-way merge of two. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from calendars.vocabulary.events import RemotePerson
from calendars.vocabulary.people import held_texts
from communications.book import contacts, found_addresses
from communications.book.contacts import AddressEntry
from communications.errors import InvalidAddress
from communications.models import Channel, Contact
from communications.vocabulary.personal_names import looks_like_address

# Changed as a whole: half of a new name with half of an old one is nobody's.
NAME_PARTS = "names"
NAME_COLUMNS = ("name", "given_name", "family_name")
MERGED_FIELDS = (NAME_PARTS, "company", "notes")
ADDRESS_FIELDS = ("emails", "phones")
# A kind of number that no message of ours reaches.
FAX = "fax"


@dataclass(frozen=True, kw_only=True)
class ContactSnapshot:
    """What is compared and merged of a contact, whichever side it was read from."""

    # As shown, given, family.
    names: tuple[str, str, str] = ("", "", "")
    company: str = ""
    notes: str = ""
    # Normalised, so that two spellings of a number are no change.
    emails: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, Any]:
        return {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "ContactSnapshot":
        names = (*kept.get(NAME_PARTS, ()), "", "", "")
        return cls(
            names=(names[0], names[1], names[2]),
            company=kept.get("company", ""),
            notes=kept.get("notes", ""),
            emails=frozenset(kept.get("emails", ())),
            phones=frozenset(kept.get("phones", ())),
        )


def snapshot_of_contact(contact: Contact) -> ContactSnapshot:
    addresses = [row for row in contact.addresses.all() if is_shared(row.channel, row.value)]
    return ContactSnapshot(
        names=(contact.name, contact.given_name, contact.family_name),
        company=contact.company,
        notes=contact.notes,
        emails=frozenset(row.value for row in addresses if row.channel == Channel.EMAIL),
        phones=frozenset(row.value for row in addresses if row.channel != Channel.EMAIL),
    )


def is_shared(channel: str, value: str) -> bool:
    """Whether an address is told to the vendor. What only its owner can use stays with us alone."""
    return any(True for _ in normalised_addresses(channel, [value], "ZZ"))


def snapshot_of_person(person: RemotePerson, region: str) -> ContactSnapshot:
    held = held_texts(person)
    return ContactSnapshot(
        names=(held["name"], held["given_name"], held["family_name"]),
        company=held["company"],
        notes=held["notes"],
        emails=frozenset(normalised_addresses(Channel.EMAIL, person.emails, region)),
        phones=frozenset(entry.value for entry in phone_entries(person, region)),
    )


def entries_of_person(person: RemotePerson, region: str) -> list[AddressEntry]:
    """Returns the addresses that we can read, in the vendor's order."""
    emails = normalised_addresses(Channel.EMAIL, person.emails, region)
    return [
        *(AddressEntry(Channel.EMAIL, value) for value in emails),
        *phone_entries(person, region),
    ]


def phone_entries(person: RemotePerson, region: str) -> Iterable[AddressEntry]:
    """Yields the numbers that a message may reach; those of fax machines stay with the vendor."""
    for number in person.phones:
        kind = person.phone_kinds.get(number, "")
        if kind != FAX:
            for value in normalised_addresses(Channel.SMS, [number], region):
                yield AddressEntry(Channel.SMS, value, kind)


def normalised_addresses(channel: str, values: Iterable[str], region: str) -> Iterable[str]:
    """Yields the values that are addresses; others stay with the vendor, untouched."""
    for value in values:
        try:
            if channel == Channel.EMAIL:
                yield contacts.normalise_email(value)
            else:
                yield found_addresses.normalise_found_number(value, region=region)
        except InvalidAddress:
            continue


def unreadable_values(raw: Mapping[str, Any], region: str) -> list[str]:
    """Returns what a vendor has as an address and we cannot take for one."""
    found = []
    for channel, name in ((Channel.EMAIL, "emails"), (Channel.SMS, "phones")):
        found += [
            value
            for value in raw.get(name, ())
            if value not in raw.get(FAX, ())
            and not any(True for _ in normalised_addresses(channel, [value], region))
        ]
    return found


# --- three-way merge ---


@dataclass(frozen=True, kw_only=True)
class FieldConflict:
    field: str
    ours: Any
    theirs: Any
    # Which of the two is right; blank: staff is asked.
    winner: str


@dataclass(frozen=True, kw_only=True)
class MergedContact:
    """What each side is to be now."""

    ours: ContactSnapshot
    theirs: ContactSnapshot
    conflicts: list[FieldConflict] = field(default_factory=list)


# A field's name -> who is right about it: "ours", "theirs", or blank to ask.
WinnerRule = Callable[[str], str]


def merge_snapshots(
    ours: ContactSnapshot,
    theirs: ContactSnapshot,
    *,
    our_base: ContactSnapshot,
    their_base: ContactSnapshot,
    winner_of: WinnerRule,
) -> MergedContact:
    """Carries each side's changes since its base to the other side.

    `winner_of` is asked only about fields that both changed, differently. Addresses are sets and
    never conflict: additions and removals of both sides hold.
    """
    our_changes: dict[str, Any] = {}
    their_changes: dict[str, Any] = {}
    conflicts = []
    for name in MERGED_FIELDS:
        our_value, their_value = getattr(ours, name), getattr(theirs, name)
        we_changed = our_value != getattr(our_base, name)
        they_changed = their_value != getattr(their_base, name)
        if we_changed and they_changed and our_value != their_value:
            winner = winner_of(name)
            conflicts.append(
                FieldConflict(field=name, ours=our_value, theirs=their_value, winner=winner),
            )
            our_changes |= {name: their_value} if winner == "theirs" else {}
            their_changes |= {name: our_value} if winner == "ours" else {}
        elif they_changed:
            our_changes[name] = their_value
        elif we_changed:
            their_changes[name] = our_value
    for name in ADDRESS_FIELDS:
        our_value, their_value = getattr(ours, name), getattr(theirs, name)
        our_old, their_old = getattr(our_base, name), getattr(their_base, name)
        our_changes[name] = (our_value | (their_value - their_old)) - (their_old - their_value)
        their_changes[name] = (their_value | (our_value - our_old)) - (our_old - our_value)
    return MergedContact(
        ours=replace(ours, **our_changes),
        theirs=replace(theirs, **their_changes),
        conflicts=conflicts,
    )


def complete_snapshots(ours: ContactSnapshot, theirs: ContactSnapshot) -> MergedContact:
    """Gives each side of one person, met for the first time, what it lacks; overwrites nothing."""
    our_changes: dict[str, Any] = {}
    their_changes: dict[str, Any] = {}
    for name in ("company", "notes"):
        our_changes[name] = getattr(ours, name) or getattr(theirs, name)
        their_changes[name] = getattr(theirs, name) or getattr(ours, name)
    if looks_like_address(ours.names[0]) and theirs.names[0]:
        our_changes[NAME_PARTS] = theirs.names
    if not theirs.names[0]:
        their_changes[NAME_PARTS] = ours.names
    for name in ADDRESS_FIELDS:
        our_changes[name] = their_changes[name] = getattr(ours, name) | getattr(theirs, name)
    return MergedContact(
        ours=replace(ours, **our_changes),
        theirs=replace(theirs, **their_changes),
    )


# --- what the vendor is to hold ---


def to_remote_person(
    target: ContactSnapshot,
    *,
    id: str = "",  # noqa: A002 (the contract's word)
    etag: str = "",
    key: str = "",
    group: str = "",
    raw: Mapping[str, Any],
    region: str,
    ours: Iterable[AddressEntry] = (),
) -> RemotePerson:
    """Returns the person to write, with the vendor's spelling of what stays and its raw values
    that we cannot read. What is new comes in the order of `ours`."""
    name, given, family = target.names
    entries = list(ours)
    order = [entry.value for entry in entries]
    return RemotePerson(
        id=id,
        etag=etag,
        key=key,
        name=name,
        given_name=given,
        family_name=family,
        company=target.company,
        notes=target.notes,
        emails=keep_spelling(Channel.EMAIL, target.emails, raw, region, order),
        phones=keep_spelling(Channel.SMS, target.phones, raw, region, order),
        phone_kinds={entry.value: entry.label for entry in entries if entry.label}
        | dict.fromkeys(raw.get(FAX, ()), FAX),
        groups=(group,) if group else (),
    )


def keep_spelling(
    channel: str,
    wanted: frozenset[str],
    raw: Mapping[str, Any],
    region: str,
    order: Sequence[str],
) -> tuple[str, ...]:
    """Returns the wanted values in the vendor's spelling, then those that it does not have yet."""
    kept, missing = [], set(wanted)
    for value in raw.get("emails" if channel == Channel.EMAIL else "phones", ()):
        normal = None if value in raw.get(FAX, ()) else read_value(channel, value, region)
        if normal is None or normal in wanted:
            kept.append(value)
            missing.discard(normal or "")
    return (*kept, *sorted(missing, key=lambda value: place_of(value, order)))


def read_value(channel: str, value: str, region: str) -> str | None:
    return next(iter(normalised_addresses(channel, [value], region)), None)


def place_of(value: str, order: Sequence[str]) -> tuple[int, str]:
    """Returns where a value stands in an order; behind it by the alphabet."""
    return (order.index(value) if value in order else len(order), value)


def raw_addresses(person: RemotePerson) -> dict[str, list[str]]:
    return {
        "emails": list(person.emails),
        "phones": list(person.phones),
        FAX: [number for number, kind in person.phone_kinds.items() if kind == FAX],
    }
