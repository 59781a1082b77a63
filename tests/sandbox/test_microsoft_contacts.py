"""Contacts of Graph, and what is told of their changes."""

from typing import Any

import pytest

from tests.sandbox.graph import KEY, GraphApi, code_of, keyed
from tests.sandbox_server import SandboxServer

Json = dict[str, Any]
PERSON: Json = {
    "givenName": "Zoë",
    "surname": "Lindqvist",
    "emailAddresses": [{"name": "Zoë", "address": "zoe@example.com"}],
    "mobilePhone": "+44 7700 900123",
    "businessPhones": ["020 7946 0123"],
}


def folder(graph: GraphApi, name: str = "Suppliers") -> str:
    found = graph("GET", "/me/contactFolders").json()["value"]
    return str(next(contact["id"] for contact in found if contact["displayName"] == name))


def test_a_contact_is_created_read_changed_and_deleted(graph: GraphApi) -> None:
    answer = graph("POST", "/me/contacts", PERSON)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["displayName"], made["homePhones"]) == ("Zoë Lindqvist", [])
    path, old = f"/me/contacts/{made['id']}", made["@odata.etag"]
    changed = graph("PATCH", path, {"businessPhones": []}, headers={"if-match": old})
    assert (changed.json()["businessPhones"], changed.json()["surname"]) == ([], "Lindqvist")
    assert graph("PATCH", path, {"surname": "x"}, headers={"if-match": old}).status_code == 412
    assert graph("DELETE", path, headers={"if-match": old}).status_code == 412
    assert graph("DELETE", path).status_code == 204
    assert graph("GET", path).status_code == 404


def test_a_contact_is_found_by_its_extended_property(graph: GraphApi) -> None:
    graph("POST", "/me/contacts", PERSON)
    made = graph("POST", "/me/contacts", {**PERSON, "singleValueExtendedProperties": keyed("c1")})
    asked = {
        "$filter": f"singleValueExtendedProperties/any(ep:ep/id eq '{KEY}' and ep/value eq 'c1')",
        "$expand": f"singleValueExtendedProperties($filter=id eq '{KEY}')",
    }
    found = graph("GET", "/me/contacts", params=asked).json()["value"]
    assert [contact["id"] for contact in found] == [made.json()["id"]]
    assert found[0]["singleValueExtendedProperties"] == [{"id": KEY, "value": "c1"}]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"emailAddresses": [{"address": f"a{n}@example.com"} for n in range(4)]},
         "ErrorInvalidProperty"),
        ({"emailAddresses": [{"address": "nobody"}]}, "ErrorInvalidProperty"),
        ({"homePhones": ["1", "2", "3"]}, "ErrorInvalidProperty"),
        ({"givenName": 1}, "BadRequest"),
        ({"firstName": "Zoë"}, "RequestBodyRead"),
    ],
)  # fmt: skip
def test_contacts_that_are_refused(graph: GraphApi, fields: Json, code: str) -> None:
    assert code_of(graph("POST", "/me/contacts", {**PERSON, **fields})) == (400, code)
    assert graph("GET", "/me/contacts").json()["value"] == []


def test_folders_have_contacts_of_their_own(graph: GraphApi) -> None:
    suppliers = folder(graph)
    path = f"/me/contactFolders/{suppliers}/contacts"
    made = graph("POST", path, PERSON).json()
    assert made["parentFolderId"] == suppliers
    assert [contact["id"] for contact in graph("GET", path).json()["value"]] == [made["id"]]
    assert graph("GET", "/me/contacts").json()["value"] == []
    assert graph("GET", "/me/contactFolders/contacts").json()["displayName"] == "Contacts"
    fresh = graph("POST", "/me/contactFolders", {"displayName": "Couples"})
    assert fresh.json()["id"] == folder(graph, "Couples")
    again = graph("POST", "/me/contactFolders", {"displayName": "Couples"})
    assert code_of(again) == (409, "ErrorFolderExists")


@pytest.mark.parametrize("name", ["", "Suppliers"])
def test_changes_are_tracked_per_folder(graph: GraphApi, name: str) -> None:
    base = f"/me/contactFolders/{folder(graph)}/contacts" if name else "/me/contacts"
    made = [graph("POST", base, {**PERSON, "givenName": f"Z{n}"}).json() for n in range(12)]
    contacts, link = graph.round(base + "/delta?$select=givenName")
    assert [contact["givenName"] for contact in contacts] == [f"Z{n}" for n in range(12)]
    assert "surname" not in contacts[0]
    graph("PATCH", f"/me/contacts/{made[4]['id']}", {"givenName": "Other"})
    graph("DELETE", f"/me/contacts/{made[5]['id']}")
    changed, following = graph.round(link)
    assert [contact.get("givenName") for contact in changed] == ["Other", None]
    assert changed[1]["@removed"] == {"reason": "deleted"}
    assert changed[1]["id"] == made[5]["id"]
    assert graph.round(following)[0] == []
    assert graph("GET", base + "/delta", params={"$filter": "x eq 1"}).status_code == 400


def test_many_people_are_seeded_and_edited_at_the_other_side(
    graph: GraphApi, sandbox: SandboxServer
) -> None:
    sandbox.control("POST", "/microsoft/people", {"count": 200})
    contacts, link = graph.round("/me/contacts/delta", headers={"prefer": "odata.maxpagesize=100"})
    assert len(contacts) == 200
    people = sandbox.control("GET", "/microsoft/people")["people"]
    assert set(people[0]) >= {"id", "name", "given_name", "family_name", "emails", "phones",
                              "company", "notes", "groups"}  # fmt: skip
    wanted = {"phones": ["+44 7700 900999"], "notes": "Allergic to lilies", "company": "Foxglove"}
    path = f"/microsoft/people/{people[3]['id']}"
    edited = sandbox.control("PATCH", path, wanted)
    assert edited | wanted == edited
    sandbox.control("DELETE", f"/microsoft/people/{people[4]['id']}")
    changed = graph.round(link)[0]
    assert [contact.get("personalNotes") for contact in changed] == ["Allergic to lilies", None]
    assert changed[0]["mobilePhone"] == "+44 7700 900999"


def test_the_people_of_the_seed_are_always_the_same(sandbox: SandboxServer) -> None:
    def seeded() -> list[Any]:
        sandbox.control("POST", "/microsoft/people", {"count": 30})
        return [
            contact["emails"] for contact in sandbox.control("GET", "/microsoft/people")["people"]
        ]

    first = seeded()
    sandbox.control("POST", "/reset")
    assert seeded() == first
    assert len({str(contact) for contact in first}) == 30
