"""Contacts. https://learn.microsoft.com/en-us/graph/api/resources/contact"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from calendars.providers.base import Changed, Gone, Mailbox
from calendars.providers.cursors import VendorCursor
from calendars.providers.microsoft.calls import GraphCalls, graph_path
from calendars.providers.microsoft.properties import (
    EXPAND,
    KEY,
    own_properties,
    property_list,
    query_by_key,
    with_properties,
)
from calendars.providers.microsoft.reading import DELTA, NEXT
from calendars.providers.responses import (
    instant_or_none,
    malformed_answer,
    page_items,
)
from calendars.vocabulary.events import (
    PeopleGroup,
    PeoplePage,
    RemotePerson,
    Removed,
)
from wedsync_comms.lib.shapes import listed, text

SHAPE = "microsoft-people-1"
# In the order in which they are filled: how many numbers each takes.
PHONES = {"mobilePhone": 1, "businessPhones": 2, "homePhones": 2}


class GraphContacts(Mailbox):
    calls: GraphCalls

    def people(self, cursor: str, page: str = "", group: str = "") -> PeoplePage:
        """Their keys are blank: Graph leaves out extended properties where it tracks changes."""
        since = VendorCursor.read(cursor, SHAPE).token if cursor else ""
        link = page or since
        answer = (
            self.calls.follow(link)
            if link
            else self.calls.run("GET", f"{contact_folder(group)}/delta")
        )
        following, last = text(answer.get(NEXT)), text(answer.get(DELTA))
        if not following and not last:
            raise malformed_answer("The last page has no link for the next time.")
        return PeoplePage(
            items=tuple(read_graph_contact(one) for one in page_items(answer, "value")),
            cursor="" if following else str(VendorCursor(shape=SHAPE, token=last)),
            next_page=following,
        )

    def people_groups(self) -> list[PeopleGroup]:
        """Folders, but for the one in which everything is at first."""
        answer = self.calls.run("GET", "/me/contactFolders")
        found = page_items(answer, "value")
        while link := text(answer.get(NEXT)):
            answer = self.calls.follow(link)
            found += page_items(answer, "value")
        return [
            PeopleGroup(id=text(one.get("id")), name=text(one.get("displayName"))) for one in found
        ]

    def create_person(self, person: RemotePerson) -> RemotePerson:
        """Looked for first, under our key: Graph has nothing else that makes it once only."""
        group = next(iter(person.groups), "")
        if found := self.person_with_key(person.key, group):
            return found
        values = {KEY: person.key}
        body = graph_contact_fields(person, {}) | {
            "singleValueExtendedProperties": property_list(values)
        }
        made = self.calls.run("POST", contact_folder(group), json=body)
        return undeleted_contact(read_graph_contact(with_properties(made, values)))

    def person_with_key(self, key: str, group: str) -> RemotePerson | None:
        answer = self.calls.run("GET", contact_folder(group), params=query_by_key(key))
        found = page_items(answer, "value")
        return undeleted_contact(read_graph_contact(found[0])) if found else None

    def person(self, id: str) -> RemotePerson:  # noqa: A002
        return undeleted_contact(read_graph_contact(self.kept(id)))

    def kept(self, id: str) -> dict[str, Any]:  # noqa: A002
        return self.calls.run("GET", graph_path("me", "contacts", id), params={"$expand": EXPAND})

    def update_person(self, person: RemotePerson) -> RemotePerson:
        there = graph_path("me", "contacts", person.id)
        item = self.kept(person.id)
        present = undeleted_contact(read_graph_contact(item))
        if present.etag != person.etag:
            raise Changed("Somebody changed the contact meanwhile.", code="etag")
        before, after = graph_contact_fields(present, item), graph_contact_fields(person, item)
        body = {name: value for name, value in after.items() if value != before[name]}
        if not body:
            return present
        written = self.calls.run("PATCH", there, json=body, etag=person.etag)
        return undeleted_contact(read_graph_contact(with_properties(written, own_properties(item))))

    def delete_person(self, id: str) -> None:  # noqa: A002
        try:
            self.calls.run("DELETE", graph_path("me", "contacts", id))
        except Gone:
            return


def contact_folder(group: str) -> str:
    return graph_path("me", "contactFolders", group, "contacts") if group else "/me/contacts"


# --- theirs into ours ---------------------------------------------------------------------------


def read_graph_contact(one: Mapping[str, Any]) -> RemotePerson | Removed:
    """Raises TransientError for a contact without an id."""
    found = text(one.get("id"))
    if not found:
        raise malformed_answer("A contact without an id.")
    if "@removed" in one:
        return Removed(id=found)
    in_folder = text(one.get("parentFolderId"))
    return RemotePerson(
        id=found,
        etag=text(one.get("@odata.etag")),
        name=text(one.get("displayName")),
        given_name=text(one.get("givenName")),
        family_name=text(one.get("surname")),
        emails=tuple(filter(None, (text(e.get("address")) for e in graph_emails(one)))),
        phones=tuple(number for numbers in graph_phones(one).values() for number in numbers),
        company=text(one.get("companyName")),
        notes=text(one.get("personalNotes")).replace("\r\n", "\n").strip(),
        groups=(in_folder,) if in_folder else (),
        key=own_properties(one)[KEY],
        updated_at=instant_or_none(one.get("lastModifiedDateTime")),
        raw=dict(one),
    )


def undeleted_contact(person: RemotePerson | Removed) -> RemotePerson:
    if isinstance(person, Removed):
        raise Gone("The contact was deleted.", code="deleted")
    return person


def graph_emails(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    return listed(one.get("emailAddresses"))


def graph_phones(one: Mapping[str, Any]) -> dict[str, list[str]]:
    """By the field they are in; the mobile one is no list."""
    found = {}
    for field in PHONES:
        value = one.get(field)
        given = value if isinstance(value, list) else [value]
        found[field] = [number for number in given if isinstance(number, str) and number]
    return found


# --- ours into theirs ---------------------------------------------------------------------------


def graph_contact_fields(person: RemotePerson, item: Mapping[str, Any]) -> dict[str, Any]:
    """`item`: as Graph has it, so that numbers stay in the fields they are in."""
    names = {text(each.get("address")).lower(): each for each in graph_emails(item)}
    placed = placed_phones(person.phones, graph_phones(item))
    return {
        "displayName": person.name,
        "givenName": person.given_name,
        "surname": person.family_name,
        "companyName": person.company,
        "personalNotes": person.notes,
        "emailAddresses": [
            {"name": text(names.get(one.lower(), {}).get("name")) or person.name, "address": one}
            for one in person.emails
        ],
        "mobilePhone": next(iter(placed["mobilePhone"]), None),
        "businessPhones": placed["businessPhones"],
        "homePhones": placed["homePhones"],
    }


def placed_phones(
    numbers: Sequence[str],
    present: Mapping[str, Sequence[str]],
) -> dict[str, list[str]]:
    """Those that are there stay where they are, new ones go where there is room."""
    placed = {field: [one for one in present[field] if one in numbers] for field in PHONES}
    settled = {one for field in placed.values() for one in field}
    for number in numbers:
        if number not in settled:
            placed[next(with_room(placed))].append(number)
    return placed


def with_room(placed: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Where there is none, Graph says so itself."""
    yield from (field for field, most in PHONES.items() if len(placed[field]) < most)
    yield "businessPhones"
