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
from calendars.vocabulary.events import ResponseStatus

T = TypeVar("T")

# Of a content, all but its people.
CONTENT_FIELDS = ("title", "when", "description", "place")


@dataclass(frozen=True, kw_only=True)
class When:
    """Wall times as text, so that it can be compared, kept and hashed; `fold` is in them."""

    start: str
    end: str
    zone: str
    is_all_day: bool = False


@dataclass(frozen=True, kw_only=True)
class ContentPerson:
    name: str = ""
    is_optional: bool = False
    answer: ResponseStatus = ResponseStatus.NEEDED


@dataclass(frozen=True, kw_only=True)
class Content:
    """All of an appointment that a vendor's event holds too."""

    title: str
    when: When
    description: str = ""
    place: str = ""
    # By address, in lower case.
    people: Mapping[str, ContentPerson] = field(default_factory=dict)


@dataclass(frozen=True)
class MergeConflict:
    """Both changed it, and differently. What lost is here, so that nothing is lost."""

    field: str
    ours: Any
    theirs: Any


@dataclass(frozen=True)
class MergedContent:
    content: Content
    conflicts: tuple[MergeConflict, ...] = ()


class ThreeWayMerge:
    """One merge: who is right where both are, and what came of it."""

    def __init__(self, *, ours_wins: bool) -> None:
        self.ours_wins = ours_wins
        self.conflicts: list[MergeConflict] = []

    def one(self, name: str, base: T, ours: T, theirs: T) -> T:
        if ours in (theirs, base):
            return theirs
        if theirs == base:
            return ours
        self.conflicts.append(MergeConflict(name, ours, theirs))
        return ours if self.ours_wins else theirs

    def people(
        self,
        base: Mapping[str, ContentPerson],
        ours: Mapping[str, ContentPerson],
        theirs: Mapping[str, ContentPerson],
    ) -> dict[str, ContentPerson]:
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
        base: ContentPerson | None,
        ours: ContentPerson | None,
        theirs: ContentPerson | None,
    ) -> ContentPerson | None:
        if not (ours and theirs):
            return self.one(email, base, ours, theirs)
        first = base or ContentPerson()
        return ContentPerson(
            name=self.one(f"{email} name", first.name, ours.name, theirs.name),
            is_optional=self.one(
                f"{email} optional",
                first.is_optional,
                ours.is_optional,
                theirs.is_optional,
            ),
            answer=self.one(f"{email} answer", first.answer, ours.answer, theirs.answer),
        )


def merge_contents(
    base: Content, ours: Content, theirs: Content, *, ours_wins: bool = False
) -> MergedContent:
    sides = ThreeWayMerge(ours_wins=ours_wins)
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
    return MergedContent(content, tuple(sides.conflicts))


def advance_base(base: Content, sent: Content, theirs: Content) -> Content:
    """What both sides know, where `sent` may have been written: what of it stands there, does so
    by our word."""
    # Whom we added is known once they stand there, and whom we took out no more once they do not.
    known = [one for one in base.people if one in theirs.people or one in sent.people]
    added = [one for one in sent.people if one in theirs.people]
    people = {
        email: advance_person(
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
            one: confirmed_value(getattr(base, one), getattr(sent, one), getattr(theirs, one))
            for one in CONTENT_FIELDS
        },
    )


def advance_person(
    base: ContentPerson, sent: ContentPerson | None, theirs: ContentPerson | None
) -> ContentPerson:
    if not (sent and theirs):
        return base
    return ContentPerson(
        name=confirmed_value(base.name, sent.name, theirs.name),
        is_optional=confirmed_value(base.is_optional, sent.is_optional, theirs.is_optional),
        answer=confirmed_value(base.answer, sent.answer, theirs.answer),
    )


def confirmed_value(base: T, sent: T, theirs: T) -> T:
    return theirs if theirs == sent else base


def ours_wins(policy: str, ours_at: datetime, theirs_at: datetime | None) -> bool:
    if policy == Policy.NEWEST:
        return theirs_at is None or ours_at >= theirs_at
    return policy in {Policy.OURS, Policy.ASK}


def content_differences(before: Content, after: Content) -> tuple[dict[str, Any], dict[str, Any]]:
    """Only what is different, on both sides, in words for the history."""
    one, other = flat_content(before), flat_content(after)
    names = [name for name in dict.fromkeys([*one, *other]) if one.get(name) != other.get(name)]
    return {name: one.get(name) for name in names}, {name: other.get(name) for name in names}


def with_remote_fields(ours: Content, theirs: Content, fields: Collection[str]) -> Content:
    """Ours, but for the fields that were in conflict (`Conflict.field`)."""
    people = dict(ours.people)
    for email in {*ours.people, *theirs.people}:
        person = theirs.people.get(email)
        if email in fields and person is None:
            people.pop(email, None)
        elif person and any(one == email or one.startswith(f"{email} ") for one in fields):
            people[email] = person
    names = [one for one in CONTENT_FIELDS if one in fields]
    return replace(ours, people=people, **{one: getattr(theirs, one) for one in names})


def as_history(conflicts: Collection[MergeConflict]) -> tuple[dict[str, Any], dict[str, Any]]:
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
            before[one.field], after[one.field] = history_value(one.ours), history_value(one.theirs)
    return before, after


def history_value(value: Any) -> Any:
    if isinstance(value, ContentPerson):
        return str(value.answer)
    return value if value is None or isinstance(value, bool) else str(value)


def flat_content(content: Content) -> dict[str, Any]:
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
    people = {
        email: replace(one, answer=ResponseStatus.NEEDED) for email, one in content.people.items()
    }
    return replace(content, people=people)
