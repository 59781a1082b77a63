"""Calendar API v3 through Google's own client: writing and reading events."""

from typing import Any

import pytest

from tests.sandbox.google import Google, event, refused


def mails(google: Google, **wanted: str) -> list[tuple[str, str]]:
    found = google.control("GET", "/invitations")["invitations"]
    kept = [mail for mail in found if all(mail[name] == value for name, value in wanted.items())]
    return [(mail["to"], mail["kind"]) for mail in reversed(kept)]


def test_the_list_says_what_may_be_done_in_which_calendar(google: Google) -> None:
    entries = google.calendar.calendarList().list().execute()["items"]

    assert [entry["accessRole"] for entry in entries] == ["owner", "owner", "reader"]
    assert entries[0]["primary"] is True
    assert entries[0]["id"] == google.account


def test_an_event_comes_back_with_what_google_adds(google: Google) -> None:
    made = google.insert(attendees=[{"email": "amelia@example.com"}])

    got = google.events.get(calendarId="primary", eventId=made["id"]).execute()
    assert got == made
    assert got["iCalUID"] == f"{got['id']}@google.com"
    assert got["organizer"] == {"email": google.account, "self": True}
    assert got["attendees"] == [{"email": "amelia@example.com", "responseStatus": "needsAction"}]


def test_the_offset_is_that_of_the_answer_and_the_zone_that_of_the_event(google: Google) -> None:
    made = google.insert()

    assert made["start"] == {"dateTime": "2027-03-05T09:00:00Z", "timeZone": "Europe/Berlin"}
    asked = {"calendarId": "primary", "eventId": made["id"], "timeZone": "Europe/Berlin"}
    assert google.events.get(**asked).execute()["start"]["dateTime"] == "2027-03-05T10:00:00+01:00"


@pytest.mark.parametrize("wanted", ["abc", "with-dash", "UPPER", "wxyz5", "a" * 1025])
def test_an_own_id_is_base32hex_of_five_characters_or_more(google: Google, wanted: str) -> None:
    request = google.events.insert(calendarId="primary", body=event(id=wanted))

    assert refused(request) == (400, "invalid")


def test_an_own_id_is_taken_once_even_after_the_event_is_gone(google: Google) -> None:
    google.insert(id="abcde12345")
    again = google.events.insert(calendarId="primary", body=event(id="abcde12345"))
    change = google.events.patch(calendarId="primary", eventId="abcde12345", body={})

    assert refused(again) == (409, "duplicate")
    google.events.delete(calendarId="primary", eventId="abcde12345").execute()
    assert refused(again) == (409, "duplicate")
    assert refused(change)[0] == 403
    delete = google.events.delete(calendarId="primary", eventId="abcde12345")
    assert refused(delete) == (410, "deleted")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"start": None}, "required"),
        ({"end": {"date": "2027-03-06"}}, "invalid"),
        ({"end": {"dateTime": "2027-03-05T09:00:00+01:00"}}, "timeRangeEmpty"),
        ({"start": {"dateTime": "2027-03-05T10:00:00"}}, "required"),
        ({"start": {"dateTime": "2027-03-05T10:00:00", "timeZone": "Berlin"}}, "invalid"),
        ({"attendees": [{"displayName": "Amelia"}]}, "required"),
        ({"attendees": [{"email": "amelia"}]}, "invalid"),
        ({"recurrence": ["FREQ=DAILY"]}, "invalid"),
        ({"extendedProperties": {"private": {"k" * 45: "v"}}}, "invalid"),
        ({"summary": ["no", "text"]}, "parseError"),
    ],
)
def test_what_is_no_event_is_refused(google: Google, fields: dict[str, Any], reason: str) -> None:
    request = google.events.insert(calendarId="primary", body=event(**fields))

    assert refused(request) == (400, reason)


def test_a_patch_merges_objects_and_replaces_lists(google: Google) -> None:
    made = google.insert(
        attendees=[{"email": "a@example.com"}, {"email": "b@example.com"}],
        extendedProperties={"private": {"wedsync": "1", "other": "2"}},
    )
    change = {
        "attendees": [{"email": "b@example.com", "responseStatus": "accepted"}],
        "extendedProperties": {"private": {"other": None}},
    }

    after = google.events.patch(calendarId="primary", eventId=made["id"], body=change).execute()

    assert [attendee["email"] for attendee in after["attendees"]] == ["b@example.com"]
    assert after["extendedProperties"] == {"private": {"wedsync": "1"}}
    assert after["summary"] == made["summary"]


def test_a_put_replaces_everything_but_what_google_keeps(google: Google) -> None:
    made = google.insert(description="Bring samples.")

    after = google.events.update(calendarId="primary", eventId=made["id"], body=event()).execute()

    assert "description" not in after
    assert after["iCalUID"] == made["iCalUID"]


def test_a_stale_etag_is_refused(google: Google) -> None:
    made = google.insert()
    google.events.patch(
        calendarId="primary", eventId=made["id"], body={"summary": "Other"}
    ).execute()

    for method in ("patch", "update", "delete"):
        body = {} if method == "delete" else {"body": event()}
        request = getattr(google.events, method)(calendarId="primary", eventId=made["id"], **body)
        request.headers["If-Match"] = made["etag"]
        assert refused(request) == (412, "conditionNotMet")


def test_reminders_alone_do_not_touch_the_time_of_the_change(google: Google) -> None:
    made = google.insert()
    change = {"reminders": {"useDefault": False}}

    after = google.events.patch(calendarId="primary", eventId=made["id"], body=change).execute()

    assert after["updated"] == made["updated"]
    assert after["etag"] != made["etag"]


def test_google_writes_to_the_guests_only_where_it_is_asked_to(google: Google) -> None:
    guests = [{"email": "a@example.com"}, {"email": "b@gmail.com"}]
    made = google.insert(attendees=guests)
    assert mails(google) == []

    where = {"calendarId": "primary", "eventId": made["id"]}
    later = {"start": {"dateTime": "2027-03-05T10:30:00"}}
    google.events.patch(**where, body=later, sendUpdates="externalOnly").execute()
    assert mails(google) == [("a@example.com", "update")]

    other = {"attendees": [{"email": "c@example.com"}]}
    google.events.patch(**where, body=other, sendUpdates="all").execute()
    assert mails(google)[1:] == [
        ("a@example.com", "cancellation"),
        ("b@gmail.com", "cancellation"),
        ("c@example.com", "invitation"),
    ]
    google.events.delete(**where, sendUpdates="all").execute()
    assert mails(google)[-1] == ("c@example.com", "cancellation")


def test_a_conference_is_made_once_per_request_and_only_with_version_one(google: Google) -> None:
    solution = {"type": "hangoutsMeet"}
    wanted = {"createRequest": {"requestId": "r1", "conferenceSolutionKey": solution}}
    body = event(conferenceData=wanted)

    without = google.events.insert(calendarId="primary", body=body).execute()
    with_one = google.events.insert(
        calendarId="primary", body=body, conferenceDataVersion=1
    ).execute()
    again = google.events.patch(
        calendarId="primary", eventId=with_one["id"], body=body, conferenceDataVersion=1
    ).execute()

    assert "conferenceData" not in without
    assert with_one["hangoutLink"].startswith("https://meet.google.com/")
    assert again["hangoutLink"] == with_one["hangoutLink"]


def test_who_was_invited_may_answer_but_not_move(google: Google) -> None:
    invited = google.control(
        "POST",
        "/events",
        {
            "calendar": google.account,
            "title": "Tasting",
            "start": "2027-03-06T10:00",
            "end": "2027-03-06T11:00",
            "organizer": "chef@example.com",
            "attendees": [google.account],
        },
    )
    where = {"calendarId": "primary", "eventId": invited["id"]}
    move = google.events.patch(**where, body={"start": {"dateTime": "2027-03-06T09:00:00Z"}})
    yes = {"attendees": [{"email": google.account, "responseStatus": "accepted"}]}

    assert refused(move) == (403, "forbiddenForNonOrganizer")
    after = google.events.patch(**where, body=yes).execute()
    assert after["attendees"][0] | {"self": True} == after["attendees"][0]
    assert after["attendees"][0]["responseStatus"] == "accepted"


def test_a_holiday_calendar_cannot_be_written_to(google: Google) -> None:
    holidays = "en.uk#holiday@group.v.calendar.google.com"
    request = google.events.insert(calendarId=holidays, body=event())

    assert refused(request) == (403, "requiredAccessLevel")
    assert google.events.list(calendarId=holidays).execute()["items"][0]["start"]["date"]


def test_an_event_moves_to_another_calendar_and_leaves_a_tombstone(google: Google) -> None:
    made = google.insert()
    cursor = google.list()["nextSyncToken"]
    target = "c_5e7a11c0ffee@group.calendar.google.com"

    google.events.move(calendarId="primary", eventId=made["id"], destination=target).execute()

    assert [event["status"] for event in google.list(syncToken=cursor)["items"]] == ["cancelled"]
    there = google.events.get(calendarId=target, eventId=made["id"]).execute()
    assert there["organizer"]["email"] == target


def test_two_accounts_do_not_see_each_other(google: Google) -> None:
    made = google.insert()
    other = Google(google.sandbox, "events@rosewood.example")
    request = other.events.get(calendarId="primary", eventId=made["id"])
    theirs = other.events.list(calendarId=google.account)

    assert refused(request) == (404, "notFound")
    assert refused(theirs) == (404, "notFound")
    other.close()


def test_free_busy_merges_what_overlaps_and_says_what_it_cannot_tell(google: Google) -> None:
    google.insert()
    google.insert(
        start={"dateTime": "2027-03-05T10:30:00+01:00"},
        end={"dateTime": "2027-03-05T12:00:00+01:00"},
    )
    google.insert(transparency="transparent", start={"dateTime": "2027-03-05T06:00:00Z"})
    day = {"timeMin": "2027-03-05T00:00:00Z", "timeMax": "2027-03-06T00:00:00Z"}
    wanted = {**day, "items": [{"id": google.account}, {"id": "nobody@example.com"}]}

    found = google.calendar.freebusy().query(body=wanted).execute()["calendars"]

    assert found[google.account] == {
        "busy": [{"start": "2027-03-05T09:00:00Z", "end": "2027-03-05T11:00:00Z"}]
    }
    assert found["nobody@example.com"]["errors"] == [{"domain": "global", "reason": "notFound"}]


@pytest.mark.parametrize(
    ("end", "reason"),
    [("2027-01-01T00:00:00Z", "timeRangeEmpty"), ("2027-06-01T00:00:00Z", "timeRangeTooLong")],
)
def test_free_busy_refuses_ranges(google: Google, end: str, reason: str) -> None:
    wanted = {"timeMin": "2027-01-01T00:00:00Z", "timeMax": end, "items": [{"id": "primary"}]}

    assert refused(google.calendar.freebusy().query(body=wanted)) == (400, reason)
