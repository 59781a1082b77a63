"""A vendor's contacts in this process, with faults the test chooses."""

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
from wedsync_comms.lib.errors import PermanentError, TransientError

PAGE = 50


@dataclass
class FakeContactsVendor(FakeVendor):
    people: dict[str, RemotePerson] = field(default_factory=dict)
    journal: list[str] = field(default_factory=list)
    # Cut off after so many, as if there were no more.
    truncated: int | None = None
    # What a reader sees of what was just written: the version before.
    late: bool = False
    before: dict[str, RemotePerson | None] = field(default_factory=dict)
    writes: int = 0
    # A person takes so many e-mail addresses; the vendor leaves out the others.
    room: int = 99
    # Refuses to store whom it likes not.
    refuses: Callable[[RemotePerson], bool] = lambda _person: False
    # Called before every page, to do something in the middle.
    before_page: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ids = itertools.count(1)

    def mailbox(
        self,
        access_token: str,  # noqa: ARG002
        renew: Renew | None = None,  # noqa: ARG002
        zone: str = "UTC",  # noqa: ARG002
    ) -> "FakeContactsMailbox":
        return FakeContactsMailbox(self)

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

    def merge_people(self, kept: str, gone: str) -> RemotePerson:
        """A merge over there: one of them goes, and the other remembers its name."""
        first, second = self.people[kept], self.people[gone]
        self.drop(gone)
        return self.store(
            replace(
                first,
                emails=tuple(dict.fromkeys([*first.emails, *second.emails])),
                phones=tuple(dict.fromkeys([*first.phones, *second.phones])),
                previous_ids=(gone,),
            ),
        )


class FakeContactsMailbox(FakeMailbox):
    fake_vendor: FakeContactsVendor

    def people(self, cursor: str, page: str = "", group: str = "") -> PeoplePage:
        self.asked("people")
        vendor = self.fake_vendor
        if vendor.before_page:
            vendor.before_page()
        with vendor.lock:
            if cursor and vendor.forgets:
                raise CursorExpired("EXPIRED_SYNC_TOKEN")
            if vendor.empty:
                return PeoplePage(items=(), cursor=str(len(vendor.journal)))
            items = self.listed(cursor)
            if group:
                items = [
                    item for item in items if isinstance(item, Removed) or group in item.groups
                ]
            items = items[: vendor.truncated] if vendor.truncated is not None else items
            start = int(page or 0)
            is_last = start + PAGE >= len(items)
            return PeoplePage(
                items=tuple(items[start : start + PAGE]),
                cursor=str(len(vendor.journal)) if is_last else "",
                next_page="" if is_last else str(start + PAGE),
                total=len(items) if not cursor else None,
            )

    def listed(self, cursor: str) -> list[RemotePerson | Removed]:
        vendor = self.fake_vendor
        names = dict.fromkeys(vendor.journal[int(cursor) :]) if cursor else list(vendor.people)
        found: list[RemotePerson | Removed] = []
        for name in names:
            shown = vendor.before.get(name) if vendor.late else vendor.people.get(name)
            if shown is not None:
                found.append(shown)
            elif cursor:
                found.append(Removed(id=name))
        return found

    def people_groups(self) -> list[PeopleGroup]:
        return [PeopleGroup(id="friends", name="Friends"), PeopleGroup(id="vips", name="VIPs")]

    def person(self, id: str) -> RemotePerson:  # noqa: A002
        self.asked("person")
        if id not in self.fake_vendor.people:
            raise Gone("404")
        return self.fake_vendor.people[id]

    def create_person(self, person: RemotePerson) -> RemotePerson:
        self.asked("create_person")
        vendor = self.fake_vendor
        with vendor.lock:
            there = next(
                (known for known in vendor.people.values() if known.key == person.key), None
            )
            if vendor.refuses(person):
                raise PermanentError("400 invalid")
            if there is None:
                vendor.writes += 1
                emails = person.emails[: vendor.room]
                there = vendor.store(replace(person, id=f"p{next(vendor.ids)}", emails=emails))
        return self.replied(there)

    def update_person(self, person: RemotePerson) -> RemotePerson:
        self.asked("update_person")
        vendor = self.fake_vendor
        with vendor.lock:
            there = vendor.people.get(person.id)
            if there is None:
                raise Gone("404")
            if there.etag != person.etag:
                raise Changed("FAILED_PRECONDITION")
            vendor.writes += 1
            values = {name: getattr(person, name) for name in WRITTEN}
            values["emails"] = person.emails[: vendor.room]
            made = vendor.store(replace(there, **values))
        return self.replied(made)

    def delete_person(self, id: str) -> None:  # noqa: A002
        self.asked("delete_person")
        if id in self.fake_vendor.people:
            self.fake_vendor.writes += 1
            self.fake_vendor.drop(id)

    def replied(self, person: RemotePerson) -> RemotePerson:
        if self.fake_vendor.chance.random() < self.fake_vendor.lost_after:
            raise TransientError("cut after commit")
        return person


WRITTEN = ("name", "given_name", "family_name", "emails", "phones", "company", "notes")
