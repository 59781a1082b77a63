"""Three-way merge of an appointment that two sides changed. Pure; `tests/calendars/test_merge.py`
says what always holds.

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
    """One merge: who wins a conflict, and the conflicts that were found."""

    def __init__(self, *, ours_wins: bool) -> None:
        self.ours_wins = ours_wins
        self.conflicts: list[MergeConflict] = []

    def merge_field(self, name: str, base: T, ours: T, theirs: T) -> T:
        """Returns the value of whoever changed it; of the winner, where both did so differently."""
        if ours in (theirs, base):
            return theirs
        if theirs == base:
            return ours
        self.conflicts.append(MergeConflict(name, ours, theirs))
        return ours if self.ours_wins else theirs

    def merge_people(
        self,
        base: Mapping[str, ContentPerson],
        ours: Mapping[str, ContentPerson],
        theirs: Mapping[str, ContentPerson],
    ) -> dict[str, ContentPerson]:
        merged = {}
        # Theirs first, in their order: a list that only we reordered is no change.
        for email in dict.fromkeys([*theirs, *ours]):
            person = self.merge_person(email, base.get(email), ours.get(email), theirs.get(email))
            if person:
                merged[email] = person
        return merged

    def merge_person(
        self,
        email: str,
        base: ContentPerson | None,
        ours: ContentPerson | None,
        theirs: ContentPerson | None,
    ) -> ContentPerson | None:
        if not (ours and theirs):
            return self.merge_field(email, base, ours, theirs)
        first = base or ContentPerson()
        return ContentPerson(
            name=self.merge_field(f"{email} name", first.name, ours.name, theirs.name),
            is_optional=self.merge_field(
                f"{email} optional",
                first.is_optional,
                ours.is_optional,
                theirs.is_optional,
            ),
            answer=self.merge_field(f"{email} answer", first.answer, ours.answer, theirs.answer),
        )


def merge_contents(
    base: Content, ours: Content, theirs: Content, *, ours_wins: bool = False
) -> MergedContent:
    merging = ThreeWayMerge(ours_wins=ours_wins)
    content = Content(
        title=merging.merge_field("title", base.title, ours.title, theirs.title),
        when=merging.merge_field("when", base.when, ours.when, theirs.when),
        description=merging.merge_field(
            "description",
            base.description,
            ours.description,
            theirs.description,
        ),
        place=merging.merge_field("place", base.place, ours.place, theirs.place),
        people=merging.merge_people(base.people, ours.people, theirs.people),
    )
    return MergedContent(content, tuple(merging.conflicts))


def advance_content_base(base: Content, sent: Content, theirs: Content) -> Content:
    """Returns the base of the next merge where `sent` may have been written and was not confirmed.

    Each field that stands there as it was sent, does so by our word: both sides know it, so it is
    no news of theirs. All other fields stay as they were agreed on before.
    """
    # Whom we added is known once they stand there, and whom we took out no more once they do not.
    known = [email for email in base.people if email in theirs.people or email in sent.people]
    added = [email for email in sent.people if email in theirs.people]
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
            name: confirmed_value(getattr(base, name), getattr(sent, name), getattr(theirs, name))
            for name in CONTENT_FIELDS
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
    """Returns whether the account's policy keeps ours where both sides changed the same field."""
    if policy == Policy.NEWEST:
        return theirs_at is None or ours_at >= theirs_at
    return policy in {Policy.OURS, Policy.ASK}


def content_differences(before: Content, after: Content) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns what is different, before and after, in words for the history."""
    old, new = flat_content(before), flat_content(after)
    names = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
    return {name: old.get(name) for name in names}, {name: new.get(name) for name in names}


def with_remote_fields(ours: Content, theirs: Content, fields: Collection[str]) -> Content:
    """Returns ours, but for the fields that were in conflict (`Conflict.field`)."""
    people = dict(ours.people)
    for email in {*ours.people, *theirs.people}:
        person = theirs.people.get(email)
        if email in fields and person is None:
            people.pop(email, None)
        elif person and any(name == email or name.startswith(f"{email} ") for name in fields):
            people[email] = person
    names = [name for name in CONTENT_FIELDS if name in fields]
    return replace(ours, people=people, **{name: getattr(theirs, name) for name in names})


def as_history(conflicts: Collection[MergeConflict]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns both sides of the conflicts, in words for the history."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for conflict in conflicts:
        if isinstance(conflict.ours, When) and isinstance(conflict.theirs, When):
            ours, theirs = vars(conflict.ours), vars(conflict.theirs)
            names = [name for name in ours if ours[name] != theirs[name]]
            before |= {name: ours[name] for name in names}
            after |= {name: theirs[name] for name in names}
        else:
            before[conflict.field], after[conflict.field] = (
                history_value(conflict.ours),
                history_value(conflict.theirs),
            )
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
        **{f"with {email}": str(person.answer) for email, person in content.people.items()},
    }


def without_answers(content: Content) -> Content:
    people = {
        email: replace(person, answer=ResponseStatus.NEEDED)
        for email, person in content.people.items()
    }
    return replace(content, people=people)
