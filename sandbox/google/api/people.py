"""https://developers.google.com/people/api/rest"""

from datetime import timedelta
from typing import Any

from starlette.responses import Response

from sandbox.google.errors import PeopleRefusedError
from sandbox.google.model.accounts import World
from sandbox.google.model.book import SYSTEM_GROUPS, Book, Snapshot, groups_of
from sandbox.google.oauth.endpoints import userinfo

from .calls import Call, Line, answer, line
from .connections import Connections, expired
from .person import FIELDS, READ_ONLY, etags, mask, show, written

Json = dict[str, Any]

BASE = "/v1"
READABLE = FIELDS | READ_ONLY
MAX_CREATED, MAX_DELETED = 200, 500


class PeopleApi:
    def __init__(self, world: World) -> None:
        self._world = world

    def lines(self) -> list[Line]:
        return [
            line("GET", f"{BASE}/people/me/connections", "people.read", self.list_all),
            line("GET", f"{BASE}/people/me", "", self.me),
            line("POST", f"{BASE}/people:createContact", "people.write", self.create),
            line("POST", f"{BASE}/people:batchCreateContacts", "people.write", self.create_many),
            line("POST", f"{BASE}/people:batchDeleteContacts", "people.write", self.delete_many),
            line("GET", f"{BASE}/people:batchGet", "people.read", self.get_many),
            line("GET", f"{BASE}/people:searchContacts", "people.read", self.search),
            line("PATCH", BASE + "/people/{person}:updateContact", "people.write", self.update),
            line("DELETE", BASE + "/people/{person}:deleteContact", "people.write", self.delete),
            line("GET", BASE + "/people/{person}", "people.read", self.get),
            line("GET", f"{BASE}/contactGroups", "people.read", self.groups),
            line("GET", BASE + "/contactGroups/{group}", "people.read", self.group),
        ]

    def list_all(self, call: Call) -> Response:
        book, world = call.account.book, self._world
        if call.query.get("syncToken") and world.strikes("cursor_expired", call.subject):
            raise expired()
        connections = Connections(book, call.query, world.clock, self._visible(call))
        cut = world.draw("cut_list", call.subject)
        return answer(connections.answer(cut["items"] if cut else None))

    def me(self, call: Call) -> Response:
        about = userinfo(call.account, "")
        shown = {
            "resourceName": f"people/{call.account.subject}",
            "etag": "%EgUBAgMJLg==",
            "names": [{"displayName": about["name"]}],
            "emailAddresses": [{"value": about["email"]}],
        }
        return answer(shown)

    def get(self, call: Call, person: str) -> Response:
        wanted = mask(call.query.get("personFields"), "personFields", READABLE)
        return answer(show(_find(call.account.book, person, self._visible(call)), wanted))

    def get_many(self, call: Call) -> Response:
        wanted = mask(call.query.get("personFields"), "personFields", READABLE)
        names = call.query.all("resourceNames")
        found = {
            name: call.account.book.find(name.removeprefix("people/"), self._visible(call))
            for name in names
        }
        responses = [
            {"requestedResourceName": name, "person": show(contact, wanted), "httpStatusCode": 200}
            if contact
            else {"requestedResourceName": name, "httpStatusCode": 404, "status": {"code": 5}}
            for name, contact in found.items()
        ]
        return answer({"responses": responses})

    def search(self, call: Call) -> Response:
        """Finds beginnings of words in names, addresses, numbers and companies."""
        wanted = mask(call.query.get("readMask"), "readMask", READABLE)
        words = (call.query.get("query") or "").lower()
        size = call.query.number("pageSize", 10, 0, 30)
        found = [
            show(contact, wanted)
            for contact in call.account.book.every(self._visible(call))
            if words and _has(contact, words)
        ]
        return answer({"results": [{"person": person} for person in found[:size]]} if found else {})

    def create(self, call: Call) -> Response:
        made = call.account.book.add(written(call.json(), FIELDS))
        asked = call.query.get("personFields")
        wanted = mask(asked, "personFields", READABLE) if asked else READABLE
        return answer(show(made, wanted))

    def create_many(self, call: Call) -> Response:
        given = call.json()
        contacts = given.get("contacts") or []
        if not 1 <= len(contacts) <= MAX_CREATED:
            message = f"Between 1 and {MAX_CREATED} contacts can be created at once."
            raise PeopleRefusedError("INVALID_ARGUMENT", message)
        wanted = mask(given.get("readMask"), "readMask", READABLE)
        fields = [written(contact.get("contactPerson") or {}, FIELDS) for contact in contacts]
        made = [call.account.book.add(person) for person in fields]
        people = [{"httpStatusCode": 200, "person": show(contact, wanted)} for contact in made]
        return answer({"createdPeople": people})

    def update(self, call: Call, person: str) -> Response:
        given = call.json()
        book = call.account.book
        names = mask(call.query.get("updatePersonFields"), "updatePersonFields", FIELDS)
        present = _find(book, person)
        self._check_etag(call, given, present)
        fields = {name: value for name, value in present.fields.items() if name not in names}
        changed = book.put(present.id, fields | written(given, names))
        asked = call.query.get("personFields")
        return answer(show(changed, mask(asked, "personFields", READABLE) if asked else READABLE))

    def delete(self, call: Call, person: str) -> Response:
        call.account.book.delete(_find(call.account.book, person))
        return answer({})

    def delete_many(self, call: Call) -> Response:
        names = call.json().get("resourceNames") or []
        if not 1 <= len(names) <= MAX_DELETED:
            message = f"Between 1 and {MAX_DELETED} contacts can be deleted at once."
            raise PeopleRefusedError("INVALID_ARGUMENT", message)
        book = call.account.book
        for contact in [_find(book, str(name).removeprefix("people/")) for name in names]:
            book.delete(contact)
        return answer({})

    def groups(self, call: Call) -> Response:
        shown = [_show_group(call.account.book, group) for group in call.account.book.groups]
        return answer({"contactGroups": shown, "totalItems": len(shown)})

    def group(self, call: Call, group: str) -> Response:
        if group not in call.account.book.groups:
            raise PeopleRefusedError("NOT_FOUND", "Requested entity was not found.")
        most = call.query.number("maxMembers", 0, 0, 100_000)
        members = [contact.resource for contact in call.account.book.members(group)][:most]
        shown = _show_group(call.account.book, group)
        return answer(shown | ({"memberResourceNames": members} if members else {}))

    def _visible(self, call: Call) -> int:
        """The newest revision that reads show: writes may take minutes to arrive there."""
        fault = self._world.draw("stale_reads", call.subject)
        if fault is None:
            return call.account.book.revision
        past = self._world.clock.now() - timedelta(seconds=fault["seconds"])
        return call.account.book.revision_at(past)

    def _check_etag(self, call: Call, given: Json, present: Snapshot) -> None:
        sources = (given.get("metadata") or {}).get("sources") or []
        sent = {given.get("etag"), *(source.get("etag") for source in sources)} - {None, ""}
        if not sent:
            message = (
                "Request must set person.etag or person.metadata.sources.etag for the source "
                "that is being updated."
            )
            raise PeopleRefusedError("INVALID_ARGUMENT", message)
        if self._world.strikes("etag_conflict", call.subject) or not sent & etags(present):
            message = (
                "Request person.etag is different than the current person.etag. "
                "Clear local cache and get the latest person."
            )
            raise PeopleRefusedError("FAILED_PRECONDITION", message)


def _find(book: Book, person: str, revision: int | None = None) -> Snapshot:
    found = book.find(person, revision)
    if found is None:
        raise PeopleRefusedError("NOT_FOUND", "Requested entity was not found.")
    return found


def _has(contact: Snapshot, words: str) -> bool:
    seen = ("names", "nicknames", "emailAddresses", "phoneNumbers", "organizations")
    texts = (
        str(text).lower()
        for name in seen
        for entry in contact.fields.get(name, [])
        for text in entry.values()
    )
    return any(text.startswith(words) or f" {words}" in text for text in texts)


def _show_group(book: Book, group: str) -> Json:
    count = sum(group in groups_of(contact.fields) for contact in book.every())
    system = group in SYSTEM_GROUPS
    return {
        "resourceName": f"contactGroups/{group}",
        "etag": f"g{book.revision}",
        "groupType": "SYSTEM_CONTACT_GROUP" if system else "USER_CONTACT_GROUP",
        "name": group if system else book.groups[group],
        "formattedName": book.groups[group],
        **({"memberCount": count} if count else {}),
    }
