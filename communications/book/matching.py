"""Are two records one person? Pure: values in, a judgement with its reasons out."""

from collections.abc import Iterable
from dataclasses import dataclass

from communications.vocabulary import personal_names, phone_numbers, search_keys

# Below, two names are not alike enough for anybody to look at.
ALIKE = 0.88
# A full name: one word alone is shared by many.
FULL = 2


@dataclass(frozen=True)
class ComparedPerson:
    """What is compared, of a contact or of a record that is about to become one."""

    key: int
    name: str
    # Numbers in their present form and e-mail addresses: proof.
    values: frozenset[str]
    # What only makes them worth comparing.
    hints: frozenset[str]
    # Weddings and companies.
    circles: frozenset[str]
    # Alike for similar names; blank where there is no full name.
    sounds: str

    @property
    def said_name(self) -> str:
        """Returns the name, blank where it is only an address, as with strangers who wrote."""
        return "" if personal_names.looks_like_address(self.name) else self.name


@dataclass(frozen=True)
class Judgement:
    is_same: bool
    # From 1 to 100, how much speaks for one person; 0: nothing worth a look.
    score: int
    reasons: tuple[str, ...] = ()


NOTHING = Judgement(is_same=False, score=0)


def compared_person(
    key: int,
    name: str,
    values: Iterable[str],
    *,
    company: str = "",
    weddings: Iterable[str] = (),
) -> ComparedPerson:
    """Returns what of a person is compared, with numbers, words and sounds in their one form."""
    values = list(values)
    return ComparedPerson(
        key=key,
        name=name,
        values=frozenset(phone_numbers.canonical_number(value) for value in values),
        hints=frozenset(search_keys.address_hint(value) for value in values),
        circles=frozenset(
            personal_names.fold_text(circle) for circle in (company, *weddings) if circle
        ),
        sounds=personal_names.name_sounds(name)
        if len(personal_names.name_words(name)) >= FULL and "@" not in name
        else "",
    )


def judge_pair(first: ComparedPerson, second: ComparedPerson, *, is_rare: bool = True) -> Judgement:
    """Returns whether two are one person, and why: by addresses first, then by names.

    `is_rare` says whether few people have such a name, so that it says something by itself.
    """
    shared = sorted(first.values & second.values)
    agree = personal_names.names_agree(first.said_name, second.said_name)
    if shared and agree:
        return Judgement(is_same=True, score=100, reasons=(f"Both have {shared[0]}.",))
    alike = full_name_likeness(first, second)
    if shared:
        differ = (f"Both have {shared[0]}.", "The names differ.")
        return Judgement(is_same=False, score=60 + round(35 * alike), reasons=differ)
    if hints := sorted(first.hints & second.hints):
        why = f"Their addresses are alike: {hints[0]}."
        return Judgement(is_same=False, score=55 + round(40 * alike), reasons=(why,))
    return judge_by_name(first, second, alike, is_rare=is_rare)


def judge_by_name(
    first: ComparedPerson, second: ComparedPerson, alike: float, *, is_rare: bool
) -> Judgement:
    circles = sorted(first.circles & second.circles)
    if alike < ALIKE or not (circles or (is_rare and complement_each_other(first, second))):
        return NOTHING
    reasons: tuple[str, ...] = ("Same name." if alike == 1 else "The names are alike.",)
    if circles:
        reasons += (f"Both belong to {circles[0]}.",)
    return Judgement(is_same=False, score=round(alike * (90 if circles else 70)), reasons=reasons)


def complement_each_other(first: ComparedPerson, second: ComparedPerson) -> bool:
    """Returns whether no kind of address, e-mail or number, is known of both.

    Where one is, they differ, as two people of one name do.
    """
    kinds = [{"@" in value for value in each.values} for each in (first, second)]
    return not kinds[0] & kinds[1]


def full_name_likeness(first: ComparedPerson, second: ComparedPerson) -> float:
    """Returns from 0 to 1 how alike two full names are; 0 for one word, which is like too many."""
    mine, theirs = (
        personal_names.name_words(first.said_name),
        personal_names.name_words(second.said_name),
    )
    if min(len(mine), len(theirs)) < FULL:
        return 0.0
    return personal_names.name_likeness(first.said_name, second.said_name)
