"""What is known about two contacts that become one, field by field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from communications.book.history import FIELDS
from communications.models import Contact
from communications.vocabulary import personal_names

# One of the two is right.
SINGLE = ("name", "company", "language", "time_zone", "preferred_channel")
# Both may be.
SEVERAL = ("roles", "weddings", "notes", "custom")
CHOOSABLE = (*SINGLE, *SEVERAL)
# Both keep theirs; asked is whose primary ones are used.
ADDRESSES = "addresses"
# Field -> the contact whose word counts. What is not in it is decided as ever.
Chosen = Mapping[str, int]
NOBODY: Chosen = {}


@dataclass(frozen=True)
class FieldQuestion:
    """A field about which two contacts disagree."""

    field: str
    # Who is right unless somebody says otherwise; None: both are.
    default: int | None

    @property
    def may_be_both(self) -> bool:
        return self.field in SEVERAL


def merged_facts(kept: Contact, gone: Contact, chosen: Chosen = NOBODY) -> dict[str, Any]:
    """Returns what is known about both; where they disagree, what was chosen.

    Where nothing was chosen, what the kept one says counts.
    """
    fields = joined_lists(kept, gone)
    sides = {kept.pk: kept, gone.pk: gone}
    for field, key in chosen.items():
        if field == ADDRESSES:
            continue
        fields |= {column: getattr(sides[key], column) for column in columns_of_field(field)}
    return fields


def joined_lists(kept: Contact, gone: Contact) -> dict[str, Any]:
    fields = {
        name: getattr(kept, name) or getattr(gone, name)
        for name in FIELDS
        if name not in personal_names.PARTS
    }
    fields |= personal_names.better_name(vars(kept), vars(gone))
    fields["roles"] = ordered_union(kept.roles, gone.roles)
    fields["weddings"] = ordered_union(kept.weddings, gone.weddings)
    fields["custom"] = {**gone.custom, **kept.custom}
    fields["notes"] = "\n\n".join(dict.fromkeys(filter(None, [kept.notes, gone.notes])))
    fields["to_review"] = kept.to_review and gone.to_review
    return fields


def ordered_union(first: list[str], other: list[str]) -> list[str]:
    return list(dict.fromkeys([*first, *other]))


def columns_of_field(field: str) -> tuple[str, ...]:
    """Returns the columns of a field: with a name go its parts."""
    return personal_names.PARTS if field == "name" else (field,)


def field_questions(kept: Contact, gone: Contact) -> Iterator[FieldQuestion]:
    """Yields the fields in which both say something, and not the same."""
    for field in CHOOSABLE:
        ours, theirs = getattr(kept, field), getattr(gone, field)
        if ours and theirs and ours != theirs:
            yield FieldQuestion(
                field, None if field in SEVERAL else suggested_contact(kept, gone, field)
            )


def primary_question(kept: Contact, gone: Contact) -> FieldQuestion | None:
    """Returns the question whose address is used first, where both have one in a channel."""
    both = primary_channels(kept) & primary_channels(gone)
    return FieldQuestion(ADDRESSES, kept.pk) if both else None


def primary_channels(contact: Contact) -> set[str]:
    """Returns the channels in which a contact has an address to be used first."""
    return set(contact.addresses.filter(is_primary=True).values_list("channel", flat=True))


def suggested_contact(kept: Contact, gone: Contact, field: str) -> int:
    return kept.pk if joined_lists(kept, gone)[field] == getattr(kept, field) else gone.pk
