"""Lists, pages and sync tokens of the Calendar API."""

from typing import Any

import pytest
from google.auth.transport.requests import Request

from tests.sandbox.google import Google, event, refused


def ids(found: dict[str, Any]) -> set[str]:
    return {event["id"] for event in found["items"]}


def test_only_the_last_page_has_a_cursor(google: Google) -> None:
    first = google.list(maxResults=3)
    last = google.list(maxResults=3, pageToken=first["nextPageToken"])

    assert len(first["items"]) == 3
    assert "nextSyncToken" not in first
    assert "nextPageToken" not in last
    assert google.list(syncToken=last["nextSyncToken"])["items"] == []


def test_what_changes_while_the_pages_are_read_comes_with_the_next_list(google: Google) -> None:
    first = google.list(maxResults=3)
    changed = google.events.patch(
        calendarId="primary", eventId=first["items"][0]["id"], body={"summary": "Other"}
    ).execute()
    made = google.insert()

    last = google.list(maxResults=250, pageToken=first["nextPageToken"])

    assert {changed["id"], made["id"]} <= ids(google.list(syncToken=last["nextSyncToken"]))


def test_a_delta_has_what_changed_and_what_is_gone(google: Google) -> None:
    kept, gone = google.insert(), google.insert()
    cursor = google.list()["nextSyncToken"]
    google.events.patch(calendarId="primary", eventId=kept["id"], body={"summary": "B"}).execute()
    google.events.delete(calendarId="primary", eventId=gone["id"]).execute()

    delta = google.list(syncToken=cursor)

    assert {event["id"]: event["status"] for event in delta["items"]} == {
        kept["id"]: "confirmed",
        gone["id"]: "cancelled",
    }
    assert "start" not in next(event for event in delta["items"] if event["id"] == gone["id"])
    assert gone["id"] not in ids(google.list())
    assert gone["id"] in ids(google.list(showDeleted=True))


@pytest.mark.parametrize(
    "forbidden",
    [
        {"iCalUID": "a@google.com"},
        {"orderBy": "updated"},
        {"privateExtendedProperty": "wedsync=1"},
        {"sharedExtendedProperty": "wedsync=1"},
        {"q": "viewing"},
        {"timeMin": "2027-01-01T00:00:00Z"},
        {"timeMax": "2027-01-01T00:00:00Z"},
        {"updatedMin": "2027-01-01T00:00:00Z"},
        {"showDeleted": False},
    ],
)
def test_some_parameters_may_not_stand_beside_a_cursor(
    google: Google, forbidden: dict[str, Any]
) -> None:
    cursor = google.list()["nextSyncToken"]
    request = google.events.list(calendarId="primary", syncToken=cursor, **forbidden)

    assert refused(request) == (400, "badRequest")


def test_a_cursor_belongs_to_the_parameters_it_was_given_for(google: Google) -> None:
    cursor = google.list(singleEvents=True)["nextSyncToken"]

    assert refused(google.events.list(calendarId="primary", syncToken=cursor)) == (400, "invalid")
    assert google.list(syncToken=cursor, singleEvents=True, maxResults=1)["items"] == []


def test_a_window_of_the_first_list_stays_for_series_only(google: Google) -> None:
    window = {"timeMin": "2027-03-01T00:00:00Z", "timeMax": "2027-04-01T00:00:00Z"}
    inside = google.insert()
    found = google.list(**window, singleEvents=True)
    later = {
        "start": {"dateTime": "2027-05-01T10:00:00"},
        "end": {"dateTime": "2027-05-01T11:00:00"},
    }
    google.events.patch(calendarId="primary", eventId=inside["id"], body=later).execute()

    delta = google.list(syncToken=found["nextSyncToken"], singleEvents=True)

    assert ids(found) == ids(delta) == {inside["id"]}


@pytest.mark.parametrize("token", ["not a token", "e30", "ünicode"])
def test_a_token_of_nobody_means_starting_again(google: Google, token: str) -> None:
    request = google.events.list(calendarId="primary", syncToken=token)

    assert refused(request) == (410, "fullSyncRequired")


def test_every_way_a_cursor_can_expire(google: Google) -> None:
    request = google.events.list(calendarId="primary", syncToken=google.list()["nextSyncToken"])
    google.faults(cursor_expired={"reason": "updatedMinTooLongAgo", "count": 1})
    assert refused(request) == (410, "updatedMinTooLongAgo")

    assert request.execute()["items"] == []
    google.control("POST", "/cursors/expire")
    assert refused(request) == (410, "fullSyncRequired")

    cursor = google.list()["nextSyncToken"]
    google.control("PATCH", "", {"token_seconds": 90 * 86_400})
    google.credentials.refresh(Request())
    google.control("POST", "/clock", {"seconds": 31 * 86_400})
    request = google.events.list(calendarId="primary", syncToken=cursor)
    assert refused(request) == (410, "fullSyncRequired")


def test_filters_find_by_property_by_words_and_by_time(google: Google) -> None:
    made = google.insert(
        summary="Cake tasting", extendedProperties={"private": {"wedsync": "7", "hash": "x"}}
    )
    google.insert()

    wanted = {made["id"]}
    assert ids(google.list(privateExtendedProperty=["wedsync=7", "hash=x"])) == wanted
    assert ids(google.list(privateExtendedProperty=["wedsync=8"])) == set()
    assert ids(google.list(q="cake tast", timeMin="2027-01-01T00:00:00Z")) == wanted
    assert ids(google.list(iCalUID=made["iCalUID"])) == wanted
    assert ids(google.list(timeMin="2027-03-05T10:00:00Z", singleEvents=True)) == set()


def test_an_order_by_start_needs_single_events_and_gives_no_cursor(google: Google) -> None:
    request = google.events.list(calendarId="primary", orderBy="startTime")
    assert refused(request) == (400, "badRequest")

    found = google.list(orderBy="startTime", singleEvents=True)
    starts = [event["start"]["dateTime"] for event in found["items"]]
    assert starts == sorted(starts)
    assert "nextSyncToken" not in found


def test_a_change_too_long_ago_cannot_be_asked_for(google: Google) -> None:
    request = google.events.list(calendarId="primary", updatedMin="2020-01-01T00:00:00Z")

    assert refused(request) == (410, "updatedMinTooLongAgo")


def test_a_deletion_is_told_once_per_cursor_for_ever(google: Google) -> None:
    made = google.insert(id="abcde777")
    start = google.list()["nextSyncToken"]
    google.events.delete(calendarId="primary", eventId=made["id"]).execute()

    assert ids(google.list(syncToken=start)) == {made["id"]}
    after = google.list(syncToken=start)["nextSyncToken"]
    assert ids(google.list(syncToken=after)) == set()


def test_the_list_of_calendars_has_a_cursor_of_its_own(google: Google) -> None:
    entries = google.calendar.calendarList()
    cursor = entries.list().execute()["nextSyncToken"]
    made = google.calendar.calendars().insert(body={"summary": "Tastings"}).execute()
    google.events.insert(calendarId=made["id"], body=event()).execute()

    delta = entries.list(syncToken=cursor).execute()
    assert [event["id"] for event in delta["items"]] == [made["id"]]

    google.calendar.calendars().delete(calendarId=made["id"]).execute()
    gone = entries.list(syncToken=delta["nextSyncToken"]).execute()["items"]
    assert gone[0]["deleted"] is True
    assert refused(google.events.list(calendarId=made["id"])) == (404, "notFound")
