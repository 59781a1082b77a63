"""Contacts. https://learn.microsoft.com/en-us/graph/api/resources/contact"""

from typing import Any

from calendars.providers.base import Changed, Gone, Mailbox
from calendars.providers.cursors import VendorCursor
from calendars.providers.microsoft.calls import DELTA, NEXT, GraphCalls, graph_path
from calendars.providers.microsoft.persons import (
    graph_contact_fields,
    read_graph_contact,
    undeleted_contact,
)
from calendars.providers.microsoft.properties import (
    EXPAND,
    KEY,
    own_properties,
    property_list,
    query_by_key,
    with_properties,
)
from calendars.providers.responses import (
    malformed_answer,
    page_items,
)
from calendars.vocabulary.events import (
    PeopleGroup,
    PeoplePage,
    RemotePerson,
)
from calendars.vocabulary.people import with_wider_texts
from wedsync_comms.lib.shapes import as_text

SHAPE = "microsoft-people-1"


class GraphContacts(Mailbox):
    calls: GraphCalls

    def people(self, cursor: str, page: str = "", group: str = "") -> PeoplePage:
        """Reads a page, with blank keys: Graph tells no extended properties of what it tracks."""
        since = VendorCursor.read(cursor, SHAPE).token if cursor else ""
        link = page or since
        answer = (
            self.calls.follow(link)
            if link
            else self.calls.run("GET", f"{contact_folder(group)}/delta")
        )
        following, last = as_text(answer.get(NEXT)), as_text(answer.get(DELTA))
        if not following and not last:
            raise malformed_answer("The last page has no link for the next time.")
        return PeoplePage(
            items=tuple(read_graph_contact(item) for item in page_items(answer, "value")),
            cursor="" if following else str(VendorCursor(shape=SHAPE, token=last)),
            next_page=following,
        )

    def people_groups(self) -> list[PeopleGroup]:
        """Returns the folders, but for the one in which everything is at first."""
        return [
            PeopleGroup(id=as_text(folder.get("id")), name=as_text(folder.get("displayName")))
            for page in self.calls.pages("/me/contactFolders")
            for folder in page_items(page, "value")
        ]

    def create_person(self, person: RemotePerson) -> RemotePerson:
        """Looks for it by our key first: Graph has nothing else that makes it once only."""
        group = next(iter(person.groups), "")
        if existing := self.find_person_by_key(person.key, group):
            return existing
        values = {KEY: person.key}
        body = graph_contact_fields(person, {}) | {
            "singleValueExtendedProperties": property_list(values)
        }
        made = self.calls.run("POST", contact_folder(group), json=body)
        return undeleted_contact(read_graph_contact(with_properties(made, values)))

    def find_person_by_key(self, key: str, group: str) -> RemotePerson | None:
        answer = self.calls.run("GET", contact_folder(group), params=query_by_key(key))
        items = page_items(answer, "value")
        return undeleted_contact(read_graph_contact(items[0])) if items else None

    def person(self, id: str) -> RemotePerson:  # noqa: A002
        return undeleted_contact(read_graph_contact(self.fetch_contact(id)))

    def fetch_contact(self, id: str) -> dict[str, Any]:  # noqa: A002
        return self.calls.run("GET", graph_path("me", "contacts", id), params={"$expand": EXPAND})

    def update_person(self, person: RemotePerson) -> RemotePerson:
        there = graph_path("me", "contacts", person.id)
        item = self.fetch_contact(person.id)
        present = undeleted_contact(read_graph_contact(item))
        if present.etag != person.etag:
            raise Changed("Somebody changed the contact meanwhile.", code="etag")
        person = with_wider_texts(person, present)
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
