"""Records from outside -> what each would do to the address book. Writes nothing.

An address that is known leads to its contact when the names do not contradict; then only what is
blank is filled. Where they do, the record becomes a contact of its own without that address, and a
person decides.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db.models import Q

from communications.book import contacts, facts, matching, reach
from communications.book.contacts import AddressEntry
from communications.book.facts import FACTS
from communications.book.files.records import ContactRecord
from communications.book.matching import ComparedPerson, Judgement
from communications.models import Address, Contact, Organization
from communications.vocabulary import personal_names, phone_numbers, search_keys, written_numbers

# With so many of one name, another is nobody's earlier record.
MAX_ALIKE = 200
# The custom field with addresses that another contact has: each belongs to one.
TAKEN = "Shared address"


class PlannedAction(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    NOTHING = "nothing"
    REVIEW = "review"
    ERROR = "error"


@dataclass(eq=False)
class ContactDraft:
    """A contact as it would be: one there is already, or a new one."""

    key: int
    contact: Contact | None
    facts: dict[str, Any]
    entries: list[AddressEntry] = field(default_factory=list)
    is_changed: bool = False

    def person(self) -> ComparedPerson:
        return matching.compared_person(
            self.key,
            self.facts["name"],
            [entry.value for entry in self.entries],
            company=self.facts.get("company", ""),
            weddings=self.facts.get("weddings", ()),
        )


@dataclass(frozen=True)
class PlannedRow:
    """What becomes of one record.

    `reasons`: why it is an error, or what a person has to judge. `problems`: which of its cells
    cannot be taken, and why.
    """

    number: int
    action: PlannedAction
    name: str = ""
    draft: ContactDraft | None = None
    reasons: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def is_incomplete(self) -> bool:
        """Whether something of it is left out."""
        return self.action is PlannedAction.ERROR or bool(self.problems)


@dataclass
class ImportPlan:
    rows: list[PlannedRow] = field(default_factory=list)
    drafts: list[ContactDraft] = field(default_factory=list)
    # Who may be one person: the drafts, and why.
    pairs: list[tuple[ContactDraft, ContactDraft, Judgement]] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Returns how many rows become what, and how many `cells` of those taken do not."""
        found = dict.fromkeys(map(str, PlannedAction), 0)
        for row in self.rows:
            found[row.action] += 1
        return found | {"cells": sum(len(row.problems) for row in self.rows)}

    def fail(self, failed: Mapping[ContactDraft, str]) -> list[PlannedRow]:
        """Makes errors of the rows of drafts that could not be stored, and returns them."""
        costs = {
            position: PlannedRow(row.number, PlannedAction.ERROR, row.name, reasons=(reason,))
            for position, row in enumerate(self.rows)
            if row.draft and (reason := failed.get(row.draft))
        }
        for position, row in costs.items():
            self.rows[position] = row
        return list(costs.values())


class Planner:
    """Takes record after record; each sees what the ones before it would have done."""

    def __init__(
        self, organization: Organization, expected: Sequence[ContactRecord] | None = None
    ) -> None:
        """Loads the address book; where all records are known before, only who may be in them."""
        self.plan = ImportPlan()
        self.owners: dict[tuple[str, str], ContactDraft] = {}
        self.sharing: dict[str, list[ContactDraft]] = defaultdict(list)
        self.named: dict[str, list[ContactDraft]] = defaultdict(list)
        known = Contact.objects.filter(organization=organization)
        if expected is not None:
            known = known.filter(may_be_in(organization, expected))
        for contact in known.prefetch_related("addresses"):
            self.remember(draft_of_contact(contact))

    def remember(self, draft: ContactDraft) -> None:
        alike = self.named[personal_names.fold_text(draft.facts["name"])]
        if len(alike) < MAX_ALIKE and draft not in alike:
            alike.append(draft)
        for entry in draft.entries:
            value = phone_numbers.canonical_number(entry.value)
            self.owners.setdefault((entry.channel, value), draft)
            if draft not in self.sharing[value]:
                self.sharing[value].append(draft)

    def reject(self, number: int, reasons: Iterable[str]) -> None:
        self.plan.rows.append(PlannedRow(number, PlannedAction.ERROR, reasons=tuple(reasons)))

    def add(self, record: ContactRecord) -> None:
        mine = ContactDraft(-record.number, None, record.facts, record.entries)
        judged = [
            (other, matching.judge_pair(other.person(), mine.person()))
            for other in self.like(record)
        ]
        same = [other for other, judgement in judged if judgement.is_same] or self.again(mine)
        draft = same[0] if same else mine
        problems = list(record.problems)
        is_changed = self.unite(draft, record, problems)
        doubts = self.doubts(draft, judged)
        reasons = tuple(reason for _, judgement in doubts for reason in judgement.reasons)
        self.plan.pairs += [(draft, other, judgement) for other, judgement in doubts]
        action = PlannedAction.REVIEW if doubts else PlannedAction.CREATE
        if same:
            action = PlannedAction.UPDATE if is_changed else PlannedAction.NOTHING
        self.plan.rows.append(
            PlannedRow(record.number, action, record.facts["name"], draft, reasons, tuple(problems))
        )

    def like(self, record: ContactRecord) -> list[ContactDraft]:
        """Returns whoever has one of its addresses."""
        found: list[ContactDraft] = []
        for entry in record.entries:
            for draft in self.sharing.get(phone_numbers.canonical_number(entry.value), ()):
                if draft not in found:
                    found.append(draft)
        return found

    def again(self, mine: ContactDraft) -> list[ContactDraft]:
        """Returns what an earlier import made of the same record, which has no address."""
        free, circles = self.free(mine.entries), mine.person().circles
        wanted = {(draft.channel, draft.value) for draft in free}
        return [
            draft
            for draft in self.named.get(personal_names.fold_text(mine.facts["name"]), ())
            if {(entry.channel, entry.value) for entry in draft.entries} == wanted
            and circles <= draft.person().circles
        ]

    def free(self, entries: Iterable[AddressEntry]) -> list[AddressEntry]:
        """Returns the addresses that nobody has."""
        return [
            entry
            for entry in entries
            if (entry.channel, phone_numbers.canonical_number(entry.value)) not in self.owners
        ]

    def unite(self, draft: ContactDraft, record: ContactRecord, problems: list[str]) -> bool:
        """Adds what the draft lacks, and says whether that was anything.

        Adds to `problems` what there is no room for.
        """
        united = filled_gaps(draft.facts, record.facts, problems)
        is_new = draft.facts is record.facts
        room = contacts.MAX_ADDRESSES - (0 if is_new else len(draft.entries))
        free = self.free(record.entries)
        if len(free) > room:
            problems.append(f"A contact has at most {contacts.MAX_ADDRESSES} addresses.")
            free = free[:room]
        self.keep_taken(draft, united, record.entries, problems)
        is_changed = is_new or united != draft.facts or bool(free)
        draft.facts = united
        draft.entries = free if is_new else reach.joined_entries(draft.entries, free)
        if is_changed and not draft.is_changed:
            self.plan.drafts.append(draft)
        draft.is_changed = draft.is_changed or is_changed
        self.remember(draft)
        return is_changed

    def keep_taken(
        self,
        draft: ContactDraft,
        united: dict[str, Any],
        entries: Iterable[AddressEntry],
        problems: list[str],
    ) -> None:
        """Keeps what is somebody else's address as a custom field, and says so in `problems`."""
        for entry in entries:
            owner = self.owners.get((entry.channel, phone_numbers.canonical_number(entry.value)))
            if owner is None or owner is draft:
                continue
            custom = united.get("custom") or {}
            kept = [part for part in str(custom.get(TAKEN, "")).split("; ") if part]
            text = "; ".join(dict.fromkeys([*kept, entry.value]))
            is_full = TAKEN not in custom and len(custom) >= facts.MAX_CUSTOM
            fate = "left out"
            if not (is_full or len(text) > facts.MAX_CUSTOM_TEXT):
                united["custom"] = custom | {TAKEN: text}
                fate = f"kept as the custom field “{TAKEN}”"
            name = written_numbers.shortened(owner.facts["name"])
            problems.append(f"{entry.value} is the address of {name}: it is {fate}.")

    def doubts(
        self,
        draft: ContactDraft,
        judged: list[tuple[ContactDraft, Judgement]],
    ) -> list[tuple[ContactDraft, Judgement]]:
        """Others that have one of its addresses and were not recognised as the same."""
        return [(other, judgement) for other, judgement in judged if other is not draft]


def may_be_in(organization: Organization, expected: Sequence[ContactRecord]) -> Q:
    """Returns the condition for everybody who has an address or a name of the records.

    And for some who have neither: by the indexes of what is alike.
    """
    hints = {
        search_keys.address_hint(entry.value) for record in expected for entry in record.entries
    }
    sounds = {personal_names.name_sounds(record.facts["name"]) for record in expected}
    alike = Address.objects.filter(organization=organization, hint__in=hints)
    return Q(sounds__in=sounds) | Q(pk__in=alike.values("contact"))


def draft_of_contact(contact: Contact) -> ContactDraft:
    entries = [
        AddressEntry(address.channel, address.value, address.label, address.is_primary)
        for address in contact.addresses.all()
    ]
    known = {name: getattr(contact, name) for name in FACTS}
    return ContactDraft(contact.pk, contact, known, entries)


def filled_gaps(
    ours: dict[str, Any], theirs: dict[str, Any], problems: list[str]
) -> dict[str, Any]:
    """Returns our facts with their gaps filled from the other; lists and custom fields grow.

    Adds to `problems` what there is no room for.
    """
    found = dict(ours)
    for name, value in theirs.items():
        mine = found.get(name)
        if isinstance(value, list):
            found[name] = list(dict.fromkeys([*(mine or []), *value]))
            cut(found, name, facts.MAX_TAGS, problems)
        elif isinstance(value, dict):
            found[name] = (mine or {}) | {
                key: entry for key, entry in value.items() if key not in (mine or {})
            }
            cut(found, name, facts.MAX_CUSTOM, problems)
        else:
            found[name] = mine or value
    return found | personal_names.better_name(ours, theirs)


def cut(found: dict[str, Any], name: str, most: int, problems: list[str]) -> None:
    if len(found[name]) > most:
        problems.append(f"A contact has at most {most} {name.replace('custom', 'custom fields')}.")
        kept = list(found[name])[:most]
        is_list = isinstance(found[name], list)
        found[name] = kept if is_list else {key: found[name][key] for key in kept}
