"""An address book on paper, for what needs many rounds: with faults in the test's hand."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils import timezone

from calendars.providers.base import Changed, CursorExpired, Gone
from calendars.providers.token import Renew
from calendars.vocabulary.events import (
    PeopleGroup,
    PeoplePage,
    RemotePerson,
    Removed,
)
from tests.calendars.fake_vendor import (
    FakeMailbox,
    FakeVendor,
)
from wedsync_comms.lib.errors import TransientError

PAGE = 50


@dataclass
class PaperBook(FakeVendor):
    people: dict[str, RemotePerson] = field(default_factory=dict)
    journal: list[str] = field(default_factory=list)
    # Cut off after so many, as if there were no more.
    truncated: int | None = None
    # What a reader sees of what was just written: the version before.
    late: bool = False
    before: dict[str, RemotePerson | None] = field(default_factory=dict)
    writes: int = 0
    # Called before every page, to do something in the middle.
    meanwhile: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ids = itertools.count(1)

    def mailbox(self, access_token: str, renew: Renew | None = None) -> "Pages":  # noqa: ARG002
        return Pages(self)

    # What the other side does

    def add(self, name: str, **fields: Any) -> RemotePerson:
        return self.store(RemotePerson(id=f"p{next(self.ids)}", name=name, **fields))

    def store(self, person: RemotePerson) -> RemotePerson:
        with self.lock:
            made = replace(person, etag=f"v{next(self.numbers)}", updated_at=timezone.now())
            self.before[made.id] = self.people.get(made.id)
            self.people[made.id] = made
            self.journal.append(made.id)
            return made

    def change(self, name: str, **fields: Any) -> RemotePerson:
        return self.store(replace(self.people[name], **fields))

    def drop(self, name: str) -> None:
        with self.lock:
            self.people.pop(name)
            self.journal.append(name)

    def fuse(self, kept: str, gone: str) -> RemotePerson:
        """A merge over there: one of them goes, and the other remembers its name."""
        one, other = self.people[kept], self.people[gone]
        self.drop(gone)
        return self.store(
            replace(
                one,
                emails=tuple(dict.fromkeys([*one.emails, *other.emails])),
                phones=tuple(dict.fromkeys([*one.phones, *other.phones])),
                previous_ids=(gone,),
            ),
        )


class Pages(FakeMailbox):
    paper: PaperBook

    def people(self, cursor: str, page: str = "", group: str = "") -> PeoplePage:
        self.asked("people")
        paper = self.paper
        if paper.meanwhile:
            paper.meanwhile()
        with paper.lock:
            if cursor and paper.forgets:
                raise CursorExpired("EXPIRED_SYNC_TOKEN")
            if paper.empty:
                return PeoplePage(items=(), cursor=str(len(paper.journal)))
            items = self.listed(cursor)
            if group:
                items = [one for one in items if isinstance(one, Removed) or group in one.groups]
            items = items[: paper.truncated] if paper.truncated is not None else items
            start = int(page or 0)
            is_last = start + PAGE >= len(items)
            return PeoplePage(
                items=tuple(items[start : start + PAGE]),
                cursor=str(len(paper.journal)) if is_last else "",
                next_page="" if is_last else str(start + PAGE),
                total=len(items) if not cursor else None,
            )

    def listed(self, cursor: str) -> list[RemotePerson | Removed]:
        paper = self.paper
        names = dict.fromkeys(paper.journal[int(cursor) :]) if cursor else list(paper.people)
        found: list[RemotePerson | Removed] = []
        for name in names:
            shown = paper.before.get(name) if paper.late else paper.people.get(name)
            if shown is not None:
                found.append(shown)
            elif cursor:
                found.append(Removed(id=name))
        return found

    def people_groups(self) -> list[PeopleGroup]:
        return [PeopleGroup(id="friends", name="Friends"), PeopleGroup(id="vips", name="VIPs")]

    def person(self, id: str) -> RemotePerson:  # noqa: A002
        self.asked("person")
        if id not in self.paper.people:
            raise Gone("404")
        return self.paper.people[id]

    def create_person(self, person: RemotePerson) -> RemotePerson:
        self.asked("create_person")
        paper = self.paper
        with paper.lock:
            there = next((one for one in paper.people.values() if one.key == person.key), None)
            if there is None:
                paper.writes += 1
                there = paper.store(replace(person, id=f"p{next(paper.ids)}"))
        return self.replied(there)

    def update_person(self, person: RemotePerson) -> RemotePerson:
        self.asked("update_person")
        paper = self.paper
        with paper.lock:
            there = paper.people.get(person.id)
            if there is None:
                raise Gone("404")
            if there.etag != person.etag:
                raise Changed("FAILED_PRECONDITION")
            paper.writes += 1
            made = paper.store(replace(there, **{name: getattr(person, name) for name in WRITTEN}))
        return self.replied(made)

    def delete_person(self, id: str) -> None:  # noqa: A002
        self.asked("delete_person")
        if id in self.paper.people:
            self.paper.writes += 1
            self.paper.drop(id)

    def replied(self, person: RemotePerson) -> RemotePerson:
        if self.paper.chance.random() < self.paper.lost_after:
            raise TransientError("cut after commit")
        return person


WRITTEN = ("name", "given_name", "family_name", "emails", "phones", "company", "notes")
