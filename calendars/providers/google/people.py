"""Contacts. https://developers.google.com/people/api/rest"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from calendars.events import People, PeopleGroup, RemotePerson, Removed
from calendars.providers.asking import (
    instant_or_none,
    items,
    listed,
    malformed,
    mapped,
    pages,
    text,
)
from calendars.providers.base import Changed, Gone, Mailbox
from calendars.providers.cursors import Cursor
from calendars.providers.google.calls import Calls

# Raise it whenever what is asked for is changed: a sync token continues one question only.
SHAPE = "google-people-1"
PAGE = 1000
# What is read; and of that, what is written.
FIELDS = (
    "names,emailAddresses,phoneNumbers,organizations,biographies,memberships,clientData,metadata"
)
# Our key in a contact. Client data is shown nowhere, and cannot be searched for either.
KEY = "wedsync"
# One at most: it is replaced as a whole.
SINGLE = {"names", "biographies"}
ME = "people/me"
ONWARD, CURSOR = "nextPageToken", "nextSyncToken"


class AddressBook(Mailbox):
    calls: Calls

    @property
    def book(self) -> Any:
        return self.calls.people.people()

    def people(self, cursor: str, page: str = "", group: str = "") -> People:
        since = Cursor.read(cursor, SHAPE) if cursor else Cursor(shape=SHAPE, token="")
        answer = self.connections(since.token, page)
        token, following = text(answer.get(CURSOR)), text(answer.get(ONWARD))
        if not token and not following:
            raise malformed("The last page has no sync token.")
        total = answer.get("totalItems")
        return People(
            items=within(group, map(read, items(answer, "connections")), is_full=not cursor),
            cursor="" if following else str(Cursor(shape=SHAPE, token=token)),
            next_page=following,
            total=total if isinstance(total, int) and not cursor else None,
        )

    def connections(self, token: str, page: str) -> dict[str, Any]:
        query: dict[str, Any] = {
            "resourceName": ME,
            "personFields": FIELDS,
            "pageSize": PAGE,
            "requestSyncToken": True,
        }
        query |= {"syncToken": token} if token else {}
        query |= {"pageToken": page} if page else {}
        return self.calls.run(self.book.connections().list(**query))

    def people_groups(self) -> list[PeopleGroup]:
        groups = self.calls.people.contactGroups()
        found = pages(
            lambda token: self.calls.run(groups.list(pageSize=PAGE, pageToken=token or None)),
            ONWARD,
        )
        return [
            PeopleGroup(
                id=text(one.get("resourceName")),
                name=text(one.get("formattedName")) or text(one.get("name")),
            )
            for page in found
            for one in items(page, "contactGroups")
        ]

    def create_person(self, person: RemotePerson) -> RemotePerson:
        """Google knows no key of ours and cannot search for one: all contacts are listed, once for
        every mailbox that creates any.

        Raises OutcomeUnknown where the answer was lost. What Google made of it appears in its lists
        after minutes, with its key; until then it must not be created again.
        """
        if person.key in self.keys:
            return self.person(self.keys[person.key])
        body = content(person) | {"clientData": [{"key": KEY, "value": person.key}]}
        if person.groups:
            body["memberships"] = [
                {"contactGroupMembership": {"contactGroupResourceName": one}}
                for one in person.groups
            ]
        insert = self.book.createContact(body=body, personFields=FIELDS)
        made = known(read(self.calls.run(insert, is_safe=False)))
        self.keys[person.key] = made.id
        return made

    @cached_property
    def keys(self) -> dict[str, str]:
        """The contact of each key of ours that Google shows by now."""
        found = pages(lambda page: self.connections("", page), ONWARD)
        people = [read(one) for page in found for one in items(page, "connections")]
        return {one.key: one.id for one in people if isinstance(one, RemotePerson) and one.key}

    def person(self, id: str) -> RemotePerson:  # noqa: A002
        return known(read(self.calls.run(self.book.get(resourceName=id, personFields=FIELDS))))

    def update_person(self, person: RemotePerson) -> RemotePerson:
        present = self.person(person.id)
        if present.etag != person.etag:
            raise Changed("Somebody changed the contact meanwhile.", code="etag")
        fields = changed(person, present)
        if not fields:
            return present
        patch = self.book.updateContact(
            resourceName=person.id,
            body={**fields, "etag": person.etag},
            updatePersonFields=",".join(fields),
            personFields=FIELDS,
        )
        return known(read(self.calls.run(patch)))

    def delete_person(self, id: str) -> None:  # noqa: A002
        try:
            self.calls.run(self.book.deleteContact(resourceName=id))
        except Gone:
            return


# --- theirs into ours ---------------------------------------------------------------------------


def read(one: Mapping[str, Any]) -> RemotePerson | Removed:
    """Raises TransientError for a person without an id."""
    found = text(one.get("resourceName"))
    if not found:
        raise malformed("A person without a resource name.")
    metadata = mapped(one.get("metadata"))
    if metadata.get("deleted") is True:
        return Removed(id=found)
    name, works = first(one, "names"), first(one, "organizations")
    sources = listed(metadata.get("sources"))
    return RemotePerson(
        id=found,
        etag=text(one.get("etag")),
        name=text(name.get("displayName")) or text(name.get("unstructuredName")),
        given_name=text(name.get("givenName")),
        family_name=text(name.get("familyName")),
        emails=values(one, "emailAddresses"),
        phones=values(one, "phoneNumbers"),
        company=text(works.get("name")),
        notes=text(first(one, "biographies").get("value")),
        groups=groups_of(one),
        previous_ids=tuple(map(str, metadata.get("previousResourceNames") or ())),
        key=key_of(one),
        updated_at=next(
            filter(None, (instant_or_none(s.get("updateTime")) for s in sources)), None
        ),
        raw=dict(one),
    )


def known(person: RemotePerson | Removed) -> RemotePerson:
    if isinstance(person, Removed):
        raise Gone("The contact was deleted.", code="deleted")
    return person


def first(one: Mapping[str, Any], field: str) -> dict[str, Any]:
    return next(iter(listed(one.get(field))), {})


def values(one: Mapping[str, Any], field: str) -> tuple[str, ...]:
    return tuple(filter(None, (text(each.get("value")) for each in listed(one.get(field)))))


def key_of(one: Mapping[str, Any]) -> str:
    ours = [each for each in listed(one.get("clientData")) if each.get("key") == KEY]
    return text(ours[0].get("value")) if ours else ""


def groups_of(one: Mapping[str, Any]) -> tuple[str, ...]:
    found = [mapped(each.get("contactGroupMembership")) for each in listed(one.get("memberships"))]
    return tuple(filter(None, (text(each.get("contactGroupResourceName")) for each in found)))


def within(
    group: str,
    people: Iterable[RemotePerson | Removed],
    *,
    is_full: bool,
) -> tuple[RemotePerson | Removed, ...]:
    """Google lists all contacts, so the group's are picked here; who left it is gone from it."""
    found = []
    for one in people:
        if isinstance(one, Removed) or not group or group in one.groups:
            found.append(one)
        elif not is_full:
            found.append(Removed(id=one.id))
    return tuple(found)


# --- ours into theirs ---------------------------------------------------------------------------


def content(person: RemotePerson) -> dict[str, list[dict[str, Any]]]:
    """Each field as the list that Google wants."""
    name = named(person)
    return {
        "names": [name] if name else [],
        "emailAddresses": [{"value": one} for one in person.emails],
        "phoneNumbers": [{"value": one} for one in person.phones],
        "organizations": [{"name": person.company}] if person.company else [],
        "biographies": [plain(person.notes)] if person.notes else [],
    }


def named(person: RemotePerson) -> dict[str, Any]:
    parts = {"givenName": person.given_name, "familyName": person.family_name}
    filled = {part: value for part, value in parts.items() if value}
    return filled or ({"unstructuredName": person.name} if person.name else {})


def plain(notes: str) -> dict[str, Any]:
    return {"value": notes, "contentType": "TEXT_PLAIN"}


def changed(person: RemotePerson, present: RemotePerson) -> dict[str, list[dict[str, Any]]]:
    """What differs, and no more; with the labels that Google has and we do not know."""
    before, after = content(present), content(person)
    return {
        field: merged(field, after[field], listed(present.raw.get(field)))
        for field in after
        if after[field] != before[field]
    }


def merged(
    field: str,
    ours: list[dict[str, Any]],
    theirs: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    if field in SINGLE:
        return ours
    if field == "organizations":
        present, others = next(iter(theirs), {}), theirs[1:]
        return [{**present, **one} for one in ours] + others
    labelled = {text(one.get("value")): one for one in theirs}
    return [{**labelled.get(one["value"], {}), **one} for one in ours]
