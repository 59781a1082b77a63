"""What both sides know about a person, in one form; and how two changed ones become one. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from calendars.vocabulary.events import RemotePerson
from communications.book import contacts
from communications.errors import InvalidAddress
from communications.models import Channel, Contact
from communications.vocabulary.personal_names import is_address

# Changed as a whole: half of a new name with half of an old one is nobody's.
NAMES = "names"
FIELDS = (NAMES, "company", "notes")
ADDRESSES = ("emails", "phones")


@dataclass(frozen=True, kw_only=True)
class Card:
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
    def from_json(cls, kept: Mapping[str, Any]) -> "Card":
        names = (*kept.get(NAMES, ()), "", "", "")
        return cls(
            names=(names[0], names[1], names[2]),
            company=kept.get("company", ""),
            notes=kept.get("notes", ""),
            emails=frozenset(kept.get("emails", ())),
            phones=frozenset(kept.get("phones", ())),
        )


def of_contact(contact: Contact) -> Card:
    addresses = list(contact.addresses.all())
    return Card(
        names=(contact.name, contact.given_name, contact.family_name),
        company=contact.company,
        notes=contact.notes,
        emails=frozenset(one.value for one in addresses if one.channel == Channel.EMAIL),
        phones=frozenset(one.value for one in addresses if one.channel != Channel.EMAIL),
    )


def of_person(person: RemotePerson, region: str) -> Card:
    return Card(
        names=(
            person.name.strip()[:200],
            person.given_name.strip()[:100],
            person.family_name.strip()[:100],
        ),
        company=person.company.strip()[:200],
        notes=person.notes.replace("\r\n", "\n").strip()[:20_000],
        emails=frozenset(readable(Channel.EMAIL, person.emails, region)),
        phones=frozenset(readable(Channel.SMS, person.phones, region)),
    )


def readable(channel: str, values: Iterable[str], region: str) -> Iterable[str]:
    """Those that are addresses; what is not stays with them, untouched."""
    for value in values:
        try:
            yield contacts.normalise(channel, value, region=region)
        except InvalidAddress:
            continue


# --- three-way merge ---


@dataclass(frozen=True, kw_only=True)
class Conflict:
    field: str
    ours: Any
    theirs: Any
    # Which of the two is right; blank: a person is asked.
    winner: str


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What each side should be now."""

    ours: Card
    theirs: Card
    conflicts: list[Conflict] = field(default_factory=list)


# A field, and who is right about it: "ours", "theirs", or blank to ask.
Judge = Callable[[str], str]


def merge(
    ours: Card,
    theirs: Card,
    *,
    our_base: Card,
    their_base: Card,
    judge: Judge,
) -> Merged:
    """Each side's change since they agreed last is carried to the other."""
    mine: dict[str, Any] = {}
    its: dict[str, Any] = {}
    conflicts = []
    for name in FIELDS:
        us, them = getattr(ours, name), getattr(theirs, name)
        we_changed = us != getattr(our_base, name)
        they_changed = them != getattr(their_base, name)
        if we_changed and they_changed and us != them:
            winner = judge(name)
            conflicts.append(Conflict(field=name, ours=us, theirs=them, winner=winner))
            mine |= {name: them} if winner == "theirs" else {}
            its |= {name: us} if winner == "ours" else {}
        elif they_changed:
            mine[name] = them
        elif we_changed:
            its[name] = us
    for name in ADDRESSES:
        us, them = getattr(ours, name), getattr(theirs, name)
        our_old, their_old = getattr(our_base, name), getattr(their_base, name)
        mine[name] = (us | (them - their_old)) - (their_old - them)
        its[name] = (them | (us - our_old)) - (our_old - us)
    return Merged(ours=replace(ours, **mine), theirs=replace(theirs, **its), conflicts=conflicts)


def introduce(ours: Card, theirs: Card) -> Merged:
    """Two that were found to be one person: each gets what it lacks, and nothing is overwritten."""
    mine: dict[str, Any] = {}
    its: dict[str, Any] = {}
    for name in ("company", "notes"):
        mine[name] = getattr(ours, name) or getattr(theirs, name)
        its[name] = getattr(theirs, name) or getattr(ours, name)
    if is_address(ours.names[0]) and theirs.names[0]:
        mine[NAMES] = theirs.names
    if not theirs.names[0]:
        its[NAMES] = ours.names
    for name in ADDRESSES:
        mine[name] = its[name] = getattr(ours, name) | getattr(theirs, name)
    return Merged(ours=replace(ours, **mine), theirs=replace(theirs, **its))


# --- theirs, to be written ---


def as_person(
    card: Card,
    *,
    id: str = "",  # noqa: A002 (the contract's word)
    etag: str = "",
    key: str = "",
    group: str = "",
    raw: Mapping[str, Any],
    region: str,
) -> RemotePerson:
    """With their own spelling of what stays, and whatever they hold that we cannot read."""
    name, given, family = card.names
    return RemotePerson(
        id=id,
        etag=etag,
        key=key,
        name=name,
        given_name=given,
        family_name=family,
        company=card.company,
        notes=card.notes,
        emails=respelled(Channel.EMAIL, card.emails, raw.get("emails", ()), region),
        phones=respelled(Channel.SMS, card.phones, raw.get("phones", ()), region),
        groups=(group,) if group else (),
    )


def respelled(
    channel: str,
    wanted: frozenset[str],
    there: Iterable[str],
    region: str,
) -> tuple[str, ...]:
    kept, missing = [], set(wanted)
    for value in there:
        normal = next(iter(readable(channel, [value], region)), None)
        if normal is None or normal in wanted:
            kept.append(value)
            missing.discard(normal or "")
    return (*kept, *sorted(missing))


def raw_of(person: RemotePerson) -> dict[str, list[str]]:
    return {"emails": list(person.emails), "phones": list(person.phones)}
