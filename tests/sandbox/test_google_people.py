"""People API v1 through Google's own client."""

from typing import Any

import pytest
from googleapiclient.errors import HttpError

from tests.sandbox.google import Google, refused

EVERYTHING = "names,emailAddresses,phoneNumbers,organizations,biographies,memberships,metadata"


def create(google: Google, **fields: Any) -> dict[str, Any]:
    usual = {"names": [{"givenName": "Ada", "familyName": "Byron"}]}
    request = google.people.people().createContact(body={**usual, **fields})
    made: dict[str, Any] = request.execute()
    return made


def update(google: Google, contact: dict[str, Any], **fields: Any) -> Any:
    return google.people.people().updateContact(
        resourceName=contact["resourceName"],
        updatePersonFields=",".join(fields),
        body={"etag": contact["etag"], **fields},
    )


def names(found: dict[str, Any]) -> set[str]:
    return {person["resourceName"] for person in found.get("connections", [])}


def test_contacts_come_in_pages_with_a_cursor_on_the_last(google: Google) -> None:
    google.control("POST", "/people", {"count": 200})

    first = google.contacts(pageSize=150)
    last = google.contacts(pageSize=150, pageToken=first["nextPageToken"])

    assert len(names(first) | names(last)) == 206
    assert "nextSyncToken" not in first
    assert "connections" not in google.contacts(pageSize=150, syncToken=last["nextSyncToken"])


def test_numbers_have_their_canonical_form(google: Google) -> None:
    made = create(google, phoneNumbers=[{"value": "020 7946 0018"}, {"value": "none"}])

    assert made["phoneNumbers"][0]["canonicalForm"] == "+442079460018"
    assert "canonicalForm" not in made["phoneNumbers"][1]
    assert made["names"][0]["displayName"] == "Ada Byron"


def test_a_change_needs_the_present_etag_and_replaces_only_what_it_names(google: Google) -> None:
    made = create(google, emailAddresses=[{"value": "ada@example.com"}])

    after = update(google, made, names=[{"givenName": "Augusta"}]).execute()

    assert after["names"][0]["displayName"] == "Augusta"
    assert after["emailAddresses"][0]["value"] == "ada@example.com"
    with pytest.raises(HttpError) as stale:
        update(google, made, names=[{"givenName": "Ada"}]).execute()
    assert stale.value.resp.status == 400
    assert b'"FAILED_PRECONDITION"' in stale.value.content
    with pytest.raises(HttpError, match="must set person"):
        update(google, made | {"etag": ""}, names=[]).execute()


def test_the_etag_of_the_source_will_do(google: Google) -> None:
    made = create(google)
    sources = made["metadata"]["sources"]
    request = google.people.people().updateContact(
        resourceName=made["resourceName"],
        updatePersonFields="biographies",
        body={"metadata": {"sources": sources}, "biographies": [{"value": "Mathematician"}]},
    )

    assert request.execute()["biographies"][0]["value"] == "Mathematician"


@pytest.mark.parametrize("field", ["names", "biographies", "birthdays", "genders"])
def test_some_fields_have_one_value(google: Google, field: str) -> None:
    body = {field: [{"value": "a"}, {"value": "b"}]}

    assert refused(google.people.people().createContact(body=body))[0] == 400


def test_a_client_keeps_an_id_of_its_own_with_a_contact(google: Google) -> None:
    made = create(google, clientData=[{"key": "wedsync", "value": "42"}])
    create(google, clientData=[{"key": "wedsync", "value": "42"}])

    shown = google.control("GET", f"/people/{made['resourceName'].removeprefix('people/')}")
    assert shown["key"] == "42"
    assert google.control("GET", "/stats")["people_repeated"] == {"42": 2}


def test_a_delta_has_changes_and_deletions(google: Google) -> None:
    kept, gone = create(google), create(google)
    cursor = google.contacts()["nextSyncToken"]
    update(google, kept, names=[{"givenName": "B"}]).execute()
    google.people.people().deleteContact(resourceName=gone["resourceName"]).execute()

    delta = google.contacts(syncToken=cursor)

    assert names(delta) == {kept["resourceName"], gone["resourceName"]}
    deleted = [person for person in delta["connections"] if person["metadata"].get("deleted")]
    assert [person["resourceName"] for person in deleted] == [gone["resourceName"]]
    assert "names" not in deleted[0]
    get = google.people.people().get(resourceName=gone["resourceName"], personFields="names")
    assert refused(get)[0] == 404


def test_the_parameters_must_be_those_of_the_first_call(google: Google) -> None:
    cursor = google.contacts()["nextSyncToken"]

    with pytest.raises(HttpError, match="must match"):
        google.contacts(syncToken=cursor, personFields="names")
    with pytest.raises(HttpError, match="mask is required"):
        google.people.people().get(resourceName="people/c1", personFields="").execute()


@pytest.mark.parametrize("how", ["seven days", "control", "fault", "garbage"])
def test_an_expired_cursor_is_a_400_with_a_reason(google: Google, how: str) -> None:
    google.control("PATCH", "", {"token_seconds": 30 * 86_400})
    cursor = google.contacts()["nextSyncToken"]
    if how == "seven days":
        google.control("POST", "/clock", {"seconds": 4 * 86_400})
        # Using it does not make it younger.
        cursor = google.contacts(syncToken=cursor)["nextSyncToken"]
        google.control("POST", "/clock", {"seconds": 3 * 86_400 + 60})
    elif how == "control":
        google.control("POST", "/cursors/expire")
    elif how == "fault":
        google.faults(cursor_expired={"count": 1})
    else:
        cursor = "garbage"

    with pytest.raises(HttpError) as caught:
        google.contacts(syncToken=cursor)
    assert caught.value.resp.status == 400
    assert caught.value.error_details[0]["reason"] == "EXPIRED_SYNC_TOKEN"


def test_a_merge_leaves_the_old_name_with_the_contact_that_stayed(google: Google) -> None:
    keep = create(google, emailAddresses=[{"value": "ada@example.com"}])
    drop = create(google, emailAddresses=[{"value": "augusta@example.com"}])
    cursor = google.contacts()["nextSyncToken"]
    both = {"keep": keep["resourceName"], "drop": drop["resourceName"]}

    google.control("POST", "/people/merge", both)

    (merged,) = google.contacts(syncToken=cursor)["connections"]
    assert merged["resourceName"] == keep["resourceName"]
    assert merged["metadata"]["previousResourceNames"] == [drop["resourceName"]]
    assert [email["value"] for email in merged["emailAddresses"]] == [
        "ada@example.com",
        "augusta@example.com",
    ]
    assert drop["resourceName"] not in names(google.contacts())


def test_reads_can_lag_behind_writes(google: Google) -> None:
    cursor = google.contacts()["nextSyncToken"]
    google.faults(stale_reads={"seconds": 120.0})
    made = create(google)

    late = google.contacts(syncToken=google.contacts(syncToken=cursor)["nextSyncToken"])
    assert names(late) == set()
    get = google.people.people().get(resourceName=made["resourceName"], personFields="names")
    assert refused(get)[0] == 404

    google.control("POST", "/clock", {"seconds": 130})
    assert names(google.contacts(syncToken=late["nextSyncToken"])) == {made["resourceName"]}


def test_groups_have_members(google: Google) -> None:
    groups = google.people.contactGroups().list().execute()["contactGroups"]
    suppliers = next(group for group in groups if group["formattedName"] == "Suppliers")
    full = google.people.contactGroups().get(resourceName=suppliers["resourceName"], maxMembers=100)

    assert suppliers["groupType"] == "USER_CONTACT_GROUP"
    assert len(full.execute()["memberResourceNames"]) == suppliers["memberCount"]


def test_many_are_created_found_and_deleted_at_once(google: Google) -> None:
    person = {"names": [{"givenName": "Grace", "familyName": "Hopper"}]}
    body = {"contacts": [{"contactPerson": person}] * 3, "readMask": "names"}
    people = google.people.people()

    made = people.batchCreateContacts(body=body).execute()["createdPeople"]
    found = people.searchContacts(query="hopp", readMask="names").execute()["results"]
    wanted = [created["person"]["resourceName"] for created in made]
    got = people.getBatchGet(resourceNames=wanted, personFields=EVERYTHING).execute()["responses"]
    assert (len(made), len(found), len(got)) == (3, 3, 3)

    people.batchDeleteContacts(body={"resourceNames": wanted}).execute()
    got = people.getBatchGet(resourceNames=wanted, personFields="names").execute()["responses"]
    assert {response["httpStatusCode"] for response in got} == {404}


def test_a_list_can_be_suddenly_empty(google: Google) -> None:
    google.faults(cut_list={"items": 0, "count": 2})

    assert names(google.contacts()) == set()
    assert google.list()["items"] == []
    assert len(names(google.contacts())) == 6


def test_the_person_behind_the_account_can_be_asked_for(google: Google) -> None:
    me = google.people.people().get(resourceName="people/me", personFields="names").execute()

    assert me["emailAddresses"][0]["value"] == google.account
