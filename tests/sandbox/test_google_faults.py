"""What can be made to go wrong with Google, and what the other side can do."""

import time
from typing import Any

import pytest
import requests
from googleapiclient.errors import HttpError

from tests.sandbox.google import ACCOUNT, Google, event, refused


def answered(google: Google) -> requests.Response:
    return requests.get(
        f"{google.url}/calendar/v3/users/me/calendarList",
        headers={"authorization": f"Bearer {google.credentials.token}"},
        timeout=10,
    )


@pytest.mark.parametrize(("seconds", "header"), [(7, "7"), (0, None)])
def test_too_many_requests_with_and_without_a_time(
    google: Google, seconds: int, header: str | None
) -> None:
    google.faults(rate_limit={"retry_after": seconds})
    answer = answered(google)

    assert answer.status_code == 429
    assert answer.headers.get("retry-after") == header
    assert answer.json()["error"]["errors"][0]["reason"] == "rateLimitExceeded"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (403, "rateLimitExceeded"),
        (403, "userRateLimitExceeded"),
        (403, "quotaExceeded"),
        (503, "backendError"),
    ],
)
def test_any_status_for_any_reason(google: Google, status: int, reason: str) -> None:
    google.faults(status={"status": status, "name": reason, "count": 1})

    assert refused(google.calendar.calendarList().list()) == (status, reason)


@pytest.mark.parametrize(("mode", "made"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("fault", ["status", "drop_connection"])
def test_an_error_before_or_after_the_commit(
    google: Google, fault: str, mode: str, made: int
) -> None:
    google.list()
    google.faults(**{fault: {"mode": mode, "only": ["POST /calendar"]}})
    body = event(id="abcde", extendedProperties={"private": {"wedsync": "7"}})

    with pytest.raises((HttpError, OSError)):
        google.events.insert(calendarId="primary", body=body).execute()
    keys = google.control("GET", "/stats?tag=wedsync")["keys"]
    assert keys.get("7", 0) == made


def test_an_etag_can_be_refused_although_it_is_the_present_one(google: Google) -> None:
    made = google.insert()
    google.faults(etag_conflict={"count": 1})
    request = google.events.patch(calendarId="primary", eventId=made["id"], body={})
    request.headers["If-Match"] = made["etag"]

    assert refused(request) == (412, "conditionNotMet")
    request.execute()


def test_free_busy_can_be_unknown(google: Google) -> None:
    google.faults(free_busy_error={"reason": "internalError"})
    day = {"timeMin": "2027-03-05T00:00:00Z", "timeMax": "2027-03-06T00:00:00Z"}
    request = google.calendar.freebusy().query(body={**day, "items": [{"id": ACCOUNT}]})

    (found,) = request.execute()["calendars"].values()
    assert found["errors"][0]["reason"] == "internalError"


def test_a_pace_can_be_set(google: Google) -> None:
    google.control("PATCH", "", {"rate_per_second": 1})
    # Whatever was asked before counts, for a second.
    time.sleep(1.1)
    google.list()

    assert refused(google.events.list(calendarId="primary")) == (403, "rateLimitExceeded")


@pytest.mark.parametrize("zone", ["Europe/Paris", None])
def test_the_other_side_makes_moves_and_cancels_events(google: Google, zone: str | None) -> None:
    """Without a zone, of whole days."""
    all_day = zone is None
    cursor = google.list()["nextSyncToken"]
    given: dict[str, Any] = {
        "calendar": ACCOUNT,
        "title": "Rehearsal",
        "start": "2027-06-01" if all_day else "2027-06-01T15:00",
        "end": "2027-06-02" if all_day else "2027-06-01T16:00",
        "all_day": all_day,
        "attendees": [{"email": "a@example.com", "name": "Ada"}],
    }
    made = google.control("POST", "/events", given | ({"zone": zone} if zone else {}))
    assert made["zone"] == (zone or "Europe/London")
    assert made["attendees"] == [{"email": "a@example.com", "name": "Ada", "answer": "needed"}]

    times = {"start": "2027-06-03", "end": "2027-06-04"} if all_day else {"end": "2027-06-01T18:00"}
    moved = google.control("PATCH", f"/events/{made['id']}", {**times, "place": "The barn"})
    assert (moved["place"], moved["end"]) == ("The barn", times["end"])

    google.control("DELETE", f"/events/{made['id']}")
    (event,) = google.list(syncToken=cursor)["items"]
    assert (event["id"], event["status"]) == (made["id"], "cancelled")
    shown = google.control("GET", "/calendars")["calendars"][0]["events"]
    assert [event["cancelled"] for event in shown if event["id"] == made["id"]] == [True]


def test_moved_without_an_end_it_takes_as_long_as_before(google: Google) -> None:
    series = google.insert(recurrence=["RRULE:FREQ=WEEKLY;COUNT=3"])
    made = google.control(
        "POST", "/events", {"start": "2027-06-01", "end": "2027-06-03", "all_day": True, "key": "7"}
    )
    assert made["key"] == "7"

    moved = google.control("PATCH", f"/events/{made['id']}", {"start": "2027-07-01"})
    later = google.control("PATCH", f"/events/{series['id']}", {"start": "2027-03-08T12:00"})

    assert moved["end"] == "2027-07-03"
    assert (later["start"], later["end"]) == ("2027-03-08T12:00", "2027-03-08T13:00")


def test_consents_outlive_a_reset(google: Google) -> None:
    google.list()
    google.sandbox.control("POST", "/reset")

    assert len(google.list()["items"]) == 4


def test_a_timed_event_can_become_one_of_a_whole_day(google: Google) -> None:
    made = google.insert()
    change = {"all_day": True, "start": "2027-03-05", "end": "2027-03-06"}

    google.control("PATCH", f"/events/{made['id']}", change)

    after = google.events.get(calendarId="primary", eventId=made["id"]).execute()
    assert (after["start"], after["end"]) == ({"date": "2027-03-05"}, {"date": "2027-03-06"})


def test_an_occurrence_can_be_cancelled_by_the_other_side(google: Google) -> None:
    made = google.insert(recurrence=["RRULE:FREQ=DAILY;COUNT=2"])

    google.control("DELETE", f"/events/{made['id']}_20270306T090000Z")

    found = google.events.instances(calendarId="primary", eventId=made["id"]).execute()["items"]
    assert len(found) == 1


def test_the_other_side_keeps_contacts(google: Google) -> None:
    cursor = google.contacts()["nextSyncToken"]
    given = {
        "name": "Mary Jane Watson",
        "emails": ["mj@example.com"],
        "phones": ["07700 900111"],
        "company": "Blooms",
        "notes": "Peonies",
        "groups": ["Suppliers"],
    }

    made = google.control("POST", "/people", given)
    assert made | given == made
    assert (made["given_name"], made["family_name"]) == ("Mary Jane", "Watson")
    changed = google.control("PATCH", f"/people/{made['id']}", {"family_name": "Parker"})
    assert changed["name"] == "Mary Jane Parker"
    google.control("DELETE", f"/people/{made['id']}")

    (contact,) = google.contacts(syncToken=cursor)["connections"]
    assert contact["metadata"]["deleted"] is True


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/events", {"calendar": "none"}, 422),
        ("POST", "/events", {"calendar": ACCOUNT, "title": "No time"}, 422),
        ("PATCH", "/events/none", {}, 404),
        ("POST", "/people", {"count": 0}, 422),
        ("POST", "/people", {"account": "nobody@example.com"}, 422),
        ("PATCH", "/people/none", {}, 404),
        ("POST", "/clock", {"seconds": "soon"}, 422),
        ("POST", "/accounts/nobody@example.com/revoke", {}, 404),
    ],
)
def test_the_control_api_says_what_is_wrong(
    google: Google, method: str, path: str, body: dict[str, Any], status: int
) -> None:
    url = f"{google.sandbox.url}/control/google{path}"
    answer = requests.request(method, url, json=body, timeout=10)

    assert answer.status_code == status
    assert answer.json()["error"]


def test_answers_and_merges_that_make_no_sense_are_refused(google: Google) -> None:
    made = google.insert(attendees=[{"email": "a@example.com"}])
    contact = google.control("GET", "/people")["people"][0]["id"]
    base = f"{google.sandbox.url}/control/google"
    wrong: list[tuple[str, dict[str, str]]] = [
        (f"/events/{made['id']}/answers", {"email": "a@example.com", "answer": "perhaps"}),
        (f"/events/{made['id']}/answers", {"email": "b@example.com", "answer": "accepted"}),
        ("/people/merge", {"keep": contact, "drop": contact}),
    ]

    for path, body in wrong:
        assert requests.post(base + path, json=body, timeout=10).status_code == 422


def test_accounts_and_their_grants_can_be_seen(google: Google) -> None:
    google.list()

    first, second = google.control("GET", "/accounts")["accounts"]
    assert (first["email"], len(first["grants"]), first["people"]) == (ACCOUNT, 1, 6)
    assert second["grants"] == []
