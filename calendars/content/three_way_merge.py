"""Two sides changed one appointment: what it is then. Pure; `tests/calendars/test_merge.py` says
what always holds.

Each field by itself, against what both last agreed on: who changed it alone, decides it. Start and
end are one field. People are merged one by one.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from calendars.models.accounts import Policy
from calendars.vocabulary.events import Answer

T = TypeVar("T")

# Of a content, all but its people.
FIELDS = ("title", "when", "description", "place")


@dataclass(frozen=True, kw_only=True)
class When:
    """Wall times as text, so that it can be compared, kept and hashed; `fold` is in them."""

    start: str
    end: str
    zone: str
    is_all_day: bool = False


@dataclass(frozen=True, kw_only=True)
class Person:
    name: str = ""
    is_optional: bool = False
    answer: Answer = Answer.NEEDED


@dataclass(frozen=True, kw_only=True)
class Content:
    """All of an appointment that a vendor's event holds too."""

    title: str
    when: When
    description: str = ""
    place: str = ""
    # By address, in lower case.
    people: Mapping[str, Person] = field(default_factory=dict)


@dataclass(frozen=True)
class Conflict:
    """Both changed it, and differently. What lost is here, so that nothing is lost."""

    field: str
    ours: Any
    theirs: Any


@dataclass(frozen=True)
class Merged:
    content: Content
    conflicts: tuple[Conflict, ...] = ()


class Sides:
    """One merge: who is right where both are, and what came of it."""

    def __init__(self, *, ours_wins: bool) -> None:
        self.ours_wins = ours_wins
        self.conflicts: list[Conflict] = []

    def one(self, name: str, base: T, ours: T, theirs: T) -> T:
        if ours in (theirs, base):
            return theirs
        if theirs == base:
            return ours
        self.conflicts.append(Conflict(name, ours, theirs))
        return ours if self.ours_wins else theirs

    def people(
        self,
        base: Mapping[str, Person],
        ours: Mapping[str, Person],
        theirs: Mapping[str, Person],
    ) -> dict[str, Person]:
        merged = {}
        # Theirs first, in their order: a list that only we reordered is no change.
        for email in dict.fromkeys([*theirs, *ours]):
            person = self.person(email, base.get(email), ours.get(email), theirs.get(email))
            if person:
                merged[email] = person
        return merged

    def person(
        self,
        email: str,
        base: Person | None,
        ours: Person | None,
        theirs: Person | None,
    ) -> Person | None:
        if not (ours and theirs):
            return self.one(email, base, ours, theirs)
        first = base or Person()
        return Person(
            name=self.one(f"{email} name", first.name, ours.name, theirs.name),
            is_optional=self.one(
                f"{email} optional",
                first.is_optional,
                ours.is_optional,
                theirs.is_optional,
            ),
            answer=self.one(f"{email} answer", first.answer, ours.answer, theirs.answer),
        )


def merge(base: Content, ours: Content, theirs: Content, *, ours_wins: bool = False) -> Merged:
    sides = Sides(ours_wins=ours_wins)
    content = Content(
        title=sides.one("title", base.title, ours.title, theirs.title),
        when=sides.one("when", base.when, ours.when, theirs.when),
        description=sides.one(
            "description",
            base.description,
            ours.description,
            theirs.description,
        ),
        place=sides.one("place", base.place, ours.place, theirs.place),
        people=sides.people(base.people, ours.people, theirs.people),
    )
    return Merged(content, tuple(sides.conflicts))


def agreed(base: Content, sent: Content, theirs: Content) -> Content:
    """What both sides know, where `sent` may have been written: what of it stands there, does so
    by our word."""
    # Whom we added is known once they stand there, and whom we took out no more once they do not.
    known = [one for one in base.people if one in theirs.people or one in sent.people]
    added = [one for one in sent.people if one in theirs.people]
    people = {
        email: agreed_person(
            base.people.get(email) or sent.people[email],
            sent.people.get(email),
            theirs.people.get(email),
        )
        for email in dict.fromkeys([*known, *added])
    }
    return replace(
        base,
        people=people,
        **{
            one: ours_there(getattr(base, one), getattr(sent, one), getattr(theirs, one))
            for one in FIELDS
        },
    )


def agreed_person(base: Person, sent: Person | None, theirs: Person | None) -> Person:
    if not (sent and theirs):
        return base
    return Person(
        name=ours_there(base.name, sent.name, theirs.name),
        is_optional=ours_there(base.is_optional, sent.is_optional, theirs.is_optional),
        answer=ours_there(base.answer, sent.answer, theirs.answer),
    )


def ours_there(base: T, sent: T, theirs: T) -> T:
    return theirs if theirs == sent else base


def ours_wins(policy: str, ours_at: datetime, theirs_at: datetime | None) -> bool:
    if policy == Policy.NEWEST:
        return theirs_at is None or ours_at >= theirs_at
    return policy in {Policy.OURS, Policy.ASK}


def differences(before: Content, after: Content) -> tuple[dict[str, Any], dict[str, Any]]:
    """Only what is different, on both sides, in words for the history."""
    one, other = flat(before), flat(after)
    names = [name for name in dict.fromkeys([*one, *other]) if one.get(name) != other.get(name)]
    return {name: one.get(name) for name in names}, {name: other.get(name) for name in names}


def with_theirs(ours: Content, theirs: Content, fields: Collection[str]) -> Content:
    """Ours, but for the fields that were in conflict (`Conflict.field`)."""
    people = dict(ours.people)
    for email in {*ours.people, *theirs.people}:
        person = theirs.people.get(email)
        if email in fields and person is None:
            people.pop(email, None)
        elif person and any(one == email or one.startswith(f"{email} ") for one in fields):
            people[email] = person
    names = [one for one in FIELDS if one in fields]
    return replace(ours, people=people, **{one: getattr(theirs, one) for one in names})


def as_told(conflicts: Collection[Conflict]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both sides of them, in words for the history."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for one in conflicts:
        if isinstance(one.ours, When) and isinstance(one.theirs, When):
            ours, theirs = vars(one.ours), vars(one.theirs)
            names = [name for name in ours if ours[name] != theirs[name]]
            before |= {name: ours[name] for name in names}
            after |= {name: theirs[name] for name in names}
        else:
            before[one.field], after[one.field] = plain(one.ours), plain(one.theirs)
    return before, after


def plain(value: Any) -> Any:
    if isinstance(value, Person):
        return str(value.answer)
    return value if value is None or isinstance(value, bool) else str(value)


def flat(content: Content) -> dict[str, Any]:
    when = content.when
    return {
        "title": content.title,
        "start": when.start,
        "end": when.end,
        "zone": when.zone,
        "is_all_day": when.is_all_day,
        "description": content.description,
        "place": content.place,
        **{f"with {email}": str(one.answer) for email, one in content.people.items()},
    }


def without_answers(content: Content) -> Content:
    people = {email: replace(one, answer=Answer.NEEDED) for email, one in content.people.items()}
    return replace(content, people=people)
