"""Repeated events: masters, occurrences and their exceptions."""

from tests.sandbox.google import Google, event, refused

WEEKLY = ["RRULE:FREQ=WEEKLY;COUNT=4"]
YEAR = {"timeMin": "2027-01-01T00:00:00Z", "timeMax": "2028-01-01T00:00:00Z"}


def starts(google: Google, series: str) -> list[str]:
    found = google.list(singleEvents=True, orderBy="startTime", **YEAR)["items"]
    return [event["start"]["dateTime"] for event in found if event["recurringEventId"] == series]


def test_occurrences_keep_their_wall_time_over_a_change_of_the_clocks(google: Google) -> None:
    made = google.insert(recurrence=WEEKLY)

    assert starts(google, made["id"]) == [
        "2027-03-05T09:00:00Z",
        "2027-03-12T09:00:00Z",
        "2027-03-19T09:00:00Z",
        "2027-03-26T09:00:00Z",
    ]
    longer = {"recurrence": ["RRULE:FREQ=WEEKLY;UNTIL=20270402T080000Z"]}
    google.events.patch(calendarId="primary", eventId=made["id"], body=longer).execute()
    assert starts(google, made["id"])[-1] == "2027-04-02T09:00:00+01:00"


def test_an_occurrence_can_be_moved_and_cancelled_by_itself(google: Google) -> None:
    made = google.insert(recurrence=WEEKLY)
    first, second = f"{made['id']}_20270305T090000Z", f"{made['id']}_20270312T090000Z"
    later = {
        "start": {"dateTime": "2027-03-05T15:00:00+01:00"},
        "end": {"dateTime": "2027-03-05T16:00:00+01:00"},
    }

    google.events.patch(calendarId="primary", eventId=first, body=later).execute()
    google.events.delete(calendarId="primary", eventId=second).execute()

    assert starts(google, made["id"]) == [
        "2027-03-05T14:00:00Z",
        "2027-03-19T09:00:00Z",
        "2027-03-26T09:00:00Z",
    ]
    kept = {event["id"]: event for event in google.list()["items"]}
    assert kept[made["id"]]["recurrence"] == WEEKLY
    assert kept[first]["originalStartTime"]["dateTime"] == "2027-03-05T09:00:00Z"
    assert set(kept[second]) == {
        "kind",
        "etag",
        "id",
        "status",
        "recurringEventId",
        "originalStartTime",
    }


def test_instances_of_a_series_come_in_pages(google: Google) -> None:
    made = google.insert(recurrence=WEEKLY)
    asked = {"calendarId": "primary", "eventId": made["id"], "maxResults": 3}

    first = google.events.instances(**asked).execute()
    rest = google.events.instances(**asked, pageToken=first["nextPageToken"]).execute()

    assert (len(first["items"]), len(rest["items"])) == (3, 1)


def test_a_moved_series_cancels_the_occurrences_it_had(google: Google) -> None:
    made = google.insert(recurrence=WEEKLY)
    cursor = google.list(singleEvents=True, **YEAR)["nextSyncToken"]
    later = {
        "start": {"dateTime": "2027-03-06T10:00:00"},
        "end": {"dateTime": "2027-03-06T11:00:00"},
    }

    google.events.patch(calendarId="primary", eventId=made["id"], body=later).execute()

    found = google.list(singleEvents=True, syncToken=cursor)["items"]
    assert sorted(event["status"] for event in found) == ["cancelled"] * 4 + ["confirmed"] * 4
    assert len({event["id"] for event in found}) == 8


def test_a_deleted_series_cancels_every_occurrence(google: Google) -> None:
    made = google.insert(recurrence=WEEKLY)
    cursor = google.list(singleEvents=True, **YEAR)["nextSyncToken"]
    plain = google.list()["nextSyncToken"]

    google.events.delete(calendarId="primary", eventId=made["id"]).execute()

    found = google.list(singleEvents=True, syncToken=cursor)["items"]
    assert [event["status"] for event in found] == ["cancelled"] * 4
    assert [event["id"] for event in google.list(syncToken=plain)["items"]] == [made["id"]]


def test_days_are_repeated_as_days(google: Google) -> None:
    made = google.insert(
        start={"date": "2027-05-01"},
        end={"date": "2027-05-03"},
        recurrence=["RRULE:FREQ=MONTHLY;COUNT=2", "EXDATE;VALUE=DATE:20270501"],
    )

    found = google.events.instances(calendarId="primary", eventId=made["id"]).execute()["items"]

    assert [(event["start"]["date"], event["end"]["date"]) for event in found] == [
        ("2027-06-01", "2027-06-03")
    ]


def test_a_series_needs_a_zone(google: Google) -> None:
    bare = event(
        start={"dateTime": "2027-03-05T10:00:00Z"},
        end={"dateTime": "2027-03-05T11:00:00Z"},
        recurrence=WEEKLY,
    )

    assert refused(google.events.insert(calendarId="primary", body=bare)) == (400, "required")
