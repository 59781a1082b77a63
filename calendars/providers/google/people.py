"""Contacts. https://developers.google.com/people/api/rest"""

from functools import cached_property
from typing import Any

from calendars.providers.base import Changed, Gone, Mailbox
from calendars.providers.cursors import VendorCursor
from calendars.providers.google.calls import GoogleCalls
from calendars.providers.google.persons import (
    google_person_changes,
    google_person_fields,
    people_in_group,
    read_google_person,
    undeleted_person,
)
from calendars.providers.google.properties import KEY
from calendars.providers.responses import (
    malformed_answer,
    page_items,
    token_pages,
)
from calendars.vocabulary.events import (
    PeopleGroup,
    PeoplePage,
    RemotePerson,
)
from calendars.vocabulary.people import with_wider_texts
from wedsync_comms.lib.shapes import as_text

# Raise it whenever what is asked for is changed: a sync token continues one question only.
SHAPE = "google-people-1"
PAGE = 1000
# What is read; and of that, what is written.
FIELDS = (
    "names,emailAddresses,phoneNumbers,organizations,biographies,memberships,clientData,metadata"
)
ME = "people/me"
ONWARD, CURSOR = "nextPageToken", "nextSyncToken"


class GoogleContacts(Mailbox):
    calls: GoogleCalls

    @property
    def book(self) -> Any:
        return self.calls.people.people()

    def people(self, cursor: str, page: str = "", group: str = "") -> PeoplePage:
        since = VendorCursor.read(cursor, SHAPE) if cursor else VendorCursor(shape=SHAPE, token="")
        answer = self.connections(since.token, page)
        token, following = as_text(answer.get(CURSOR)), as_text(answer.get(ONWARD))
        if not token and not following:
            raise malformed_answer("The last page has no sync token.")
        total = answer.get("totalItems")
        people = map(read_google_person, page_items(answer, "connections", may_miss=True))
        return PeoplePage(
            items=people_in_group(group, people, is_full=not cursor),
            cursor="" if following else str(VendorCursor(shape=SHAPE, token=token)),
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
        pages = token_pages(
            lambda token: self.calls.run(groups.list(pageSize=PAGE, pageToken=token or None)),
            ONWARD,
        )
        return [
            PeopleGroup(
                id=as_text(item.get("resourceName")),
                name=as_text(item.get("formattedName")) or as_text(item.get("name")),
            )
            for page in pages
            for item in page_items(page, "contactGroups", may_miss=True)
        ]

    def create_person(self, person: RemotePerson) -> RemotePerson:
        """Google knows no key of ours and cannot search for one: all contacts are listed, once for
        every mailbox that creates any.

        Raises OutcomeUnknown where the answer was lost. What Google made of it appears in its lists
        after minutes, with its key; until then it must not be created again.
        """
        if person.key in self.keys:
            return self.person(self.keys[person.key])
        body = google_person_fields(person) | {"clientData": [{"key": KEY, "value": person.key}]}
        if person.groups:
            body["memberships"] = [
                {"contactGroupMembership": {"contactGroupResourceName": group}}
                for group in person.groups
            ]
        insert = self.book.createContact(body=body, personFields=FIELDS)
        made = undeleted_person(read_google_person(self.calls.run(insert, is_safe=False)))
        self.keys[person.key] = made.id
        return made

    @cached_property
    def keys(self) -> dict[str, str]:
        """Returns the contact of each key of ours that Google shows by now."""
        pages = token_pages(lambda page: self.connections("", page), ONWARD)
        people = [
            read_google_person(item)
            for page in pages
            for item in page_items(page, "connections", may_miss=True)
        ]
        return {
            person.key: person.id
            for person in people
            if isinstance(person, RemotePerson) and person.key
        }

    def person(self, id: str) -> RemotePerson:  # noqa: A002
        return undeleted_person(
            read_google_person(self.calls.run(self.book.get(resourceName=id, personFields=FIELDS)))
        )

    def update_person(self, person: RemotePerson) -> RemotePerson:
        present = self.person(person.id)
        if present.etag != person.etag:
            raise Changed("Somebody changed the contact meanwhile.", code="etag")
        fields = google_person_changes(with_wider_texts(person, present), present)
        if not fields:
            return present
        patch = self.book.updateContact(
            resourceName=person.id,
            body={**fields, "etag": person.etag},
            updatePersonFields=",".join(fields),
            personFields=FIELDS,
        )
        return undeleted_person(read_google_person(self.calls.run(patch)))

    def delete_person(self, id: str) -> None:  # noqa: A002
        try:
            self.calls.do(self.book.deleteContact(resourceName=id))
        except Gone:
            return
