"""Events as people and programs really leave them in calendars: moved, odd, half described."""

import json
from datetime import UTC, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from calendars.admin.appointments.appointment_page import link_badge
from calendars.api.serializers import AppointmentSerializer
from calendars.appointments import rescheduling
from calendars.appointments.booking import BookingRequest, book_appointment
from calendars.appointments.participants import Invitee
from calendars.appointments.rescheduling import AppointmentEdit
from calendars.linking import accounts
from calendars.models import Account, Appointment, BusyBlock, Calendar, Notice
from calendars.sync import pull
from communications.errors import NotPossible
from communications.models import Channel, Organization
from tests import factories
from tests.calendars.providers.vendor_harness import VendorHarness
from tests.calendars.whole.comparison import HOUR, START, booking_request, events, write

AMELIA = "amelia@example.com"


@pytest.fixture
def other(account: Account, calendar: Calendar) -> Calendar:
    """Another calendar of the same account, which may be written to."""
    found = account.calendars.filter(may_write=True).exclude(pk=calendar.pk).first()
    assert found is not None
    return found


def follow(account: Account, *calendars: Calendar) -> None:
    chosen = [calendar.pk for calendar in calendars]
    accounts.choose_calendars(account, chosen, chosen[0])
    for key in chosen:
        pull.pull_calendar(key)


@pytest.fixture
def booked(organization: Organization, calendar: Calendar) -> Appointment:
    """With somebody who is told of what happens."""
    factories.contact(organization, **{Channel.EMAIL: AMELIA})
    pull.pull_calendar(calendar.pk)
    made = book_appointment(organization, booking_request(participants=[Invitee(email=AMELIA)]))
    write()
    pull.pull_calendar(calendar.pk)
    return made


def occasions(appointment: Appointment) -> set[str]:
    return set(
        Notice.objects.filter(appointment=appointment).values_list("rule__occasion", flat=True)
    )


@pytest.mark.parametrize("arrives_first", [True, False])
def test_an_event_that_is_moved_into_another_followed_calendar_is_followed(
    harness: VendorHarness,
    account: Account,
    calendar: Calendar,
    other: Calendar,
    booked: Appointment,
    *,
    arrives_first: bool,
) -> None:
    follow(account, calendar, other)
    name = booked.links.get().remote_id
    harness.changes(name, calendar=other.remote_id)
    for row in (other, calendar) if arrives_first else (calendar, other):
        pull.pull_calendar(row.pk)
    booked.refresh_from_db()
    assert (booked.status, booked.calendar) == ("booked", other)
    assert booked.links.get().calendar == other
    assert not BusyBlock.objects.filter(remote_id=name).exists()
    assert "cancelled" not in occasions(booked)

    # What happens to it there afterwards is seen, and what is changed here is written there.
    harness.changes(name, start=(START + HOUR).isoformat(), end=(START + 2 * HOUR).isoformat())
    pull.pull_calendar(other.pk)
    booked.refresh_from_db()
    assert booked.wall_start == START + HOUR
    rescheduling.change_appointment(booked, AppointmentEdit(place="The barn"))
    write()
    assert [event["place"] for event in events(harness, other)] == ["The barn"]
    harness.deletes(name)
    pull.pull_calendar(other.pk)
    booked.refresh_from_db()
    assert booked.status == "cancelled"


def test_back_again_it_is_back_again(
    harness: VendorHarness,
    account: Account,
    calendar: Calendar,
    other: Calendar,
    booked: Appointment,
) -> None:
    follow(account, calendar, other)
    name = booked.links.get().remote_id
    for target in (other, calendar):
        harness.changes(name, calendar=target.remote_id)
        pull.pull_calendar(calendar.pk)
        pull.pull_calendar(other.pk)
        booked.refresh_from_db()
        assert (booked.status, booked.calendar) == ("booked", target)


def test_an_edit_here_leaves_the_question_where_its_event_is(
    harness: VendorHarness,
    account: Account,
    calendar: Calendar,
    other: Calendar,
    booked: Appointment,
) -> None:
    follow(account, calendar)
    name = booked.links.get().remote_id
    harness.changes(name, calendar=other.remote_id)
    pull.pull_calendar(calendar.pk)
    question = booked.trouble
    assert "is not followed here" in question
    rescheduling.change_appointment(booked, AppointmentEdit(place="The barn"))
    write()
    # Neither answered by the edit, nor written where nobody looks.
    booked = Appointment.objects.get(pk=booked.pk)
    assert (booked.trouble, AppointmentSerializer(booked).data["is_written"]) == (question, False)
    assert "waits for an answer" in link_badge(booked.links.get())
    assert [event["place"] for event in events(harness, other)] != ["The barn"]

    harness.changes(name, calendar=calendar.remote_id)
    pull.pull_calendar(calendar.pk)
    write()
    booked = Appointment.objects.get(pk=booked.pk)
    assert (booked.trouble, AppointmentSerializer(booked).data["is_written"]) == ("", True)
    assert "in the calendar" in link_badge(booked.links.get())
    assert [event["place"] for event in events(harness, calendar)] == ["The barn"]


def test_moved_into_one_that_is_not_followed_it_is_asked_about(
    harness: VendorHarness,
    account: Account,
    calendar: Calendar,
    other: Calendar,
    booked: Appointment,
) -> None:
    harness.changes(booked.links.get().remote_id, calendar=other.remote_id)
    pull.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    assert booked.status == "booked"
    assert str(other) in booked.trouble
    assert "not followed" in booked.trouble
    assert "cancelled" not in occasions(booked)

    follow(account, calendar, other)
    booked.refresh_from_db()
    assert (booked.calendar, booked.trouble) == (other, "")


def test_changed_here_before_the_move_is_read_it_is_followed_and_not_cancelled(
    harness: VendorHarness,
    account: Account,
    calendar: Calendar,
    other: Calendar,
    booked: Appointment,
) -> None:
    follow(account, calendar, other)
    harness.changes(booked.links.get().remote_id, calendar=other.remote_id)
    rescheduling.change_appointment(booked, AppointmentEdit(place="The barn"))
    write()
    pull.pull_calendar(calendar.pk)
    pull.pull_calendar(other.pk)
    booked.refresh_from_db()
    assert (booked.status, booked.calendar) == ("booked", other)
    assert [event["place"] for event in events(harness, other)] == ["The barn"]


def test_cancelled_here_before_the_move_is_read_it_is_cancelled_where_it_is(
    harness: VendorHarness,
    account: Account,
    calendar: Calendar,
    other: Calendar,
    booked: Appointment,
) -> None:
    follow(account, calendar, other)
    harness.changes(booked.links.get().remote_id, calendar=other.remote_id)
    rescheduling.cancel_appointment(booked)
    write()
    for row in (other, calendar):
        pull.pull_calendar(row.pk)
        assert events(harness, row) == []
    booked.refresh_from_db()
    assert booked.status == "cancelled"


WEEKLY: dict[str, Any] = {
    "google": ["RRULE:FREQ=WEEKLY;COUNT=4"],
    "microsoft": {
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": [f"{START:%A}".lower()]},
        "range": {"type": "numbered", "numberOfOccurrences": 4, "startDate": f"{START:%Y-%m-%d}"},
    },
}


def test_made_a_series_it_stays_linked_and_says_so(
    harness: VendorHarness, calendar: Calendar, booked: Appointment
) -> None:
    name = booked.links.get().remote_id
    harness.changes(name, recurrence=WEEKLY[harness.slug])
    pull.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    link = booked.links.get()
    assert (booked.status, booked.wall_start, link.is_series) == ("booked", START, True)
    assert "series" in booked.trouble
    later = [
        block.starts_at - booked.starts_at for block in BusyBlock.objects.filter(series_id=name)
    ]
    assert timedelta(days=7) in later
    assert timedelta(0) not in later
    with pytest.raises(NotPossible, match="move it there"):
        rescheduling.change_appointment(booked, AppointmentEdit(start=START + HOUR))
    harness.changes(name, title="Weekly tasting")
    pull.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    assert booked.title == "Weekly tasting"


def test_a_series_of_ours_that_is_deleted_is_cancelled_and_an_occurrence_is_not(
    harness: VendorHarness, calendar: Calendar, booked: Appointment
) -> None:
    name = booked.links.get().remote_id
    harness.changes(name, recurrence=WEEKLY[harness.slug])
    pull.pull_calendar(calendar.pk)
    harness.deletes(BusyBlock.objects.filter(series_id=name).order_by("-starts_at")[0].remote_id)
    for status in ("booked", "cancelled"):
        pull.pull_calendar(calendar.pk)
        booked.refresh_from_db()
        assert booked.status == status
        if status == "booked":
            harness.deletes(name)
    assert not BusyBlock.objects.filter(series_id=name).exists()


def test_an_end_at_the_start_is_taken_and_nothing_else_stops(
    harness: VendorHarness, calendar: Calendar, booked: Appointment
) -> None:
    name = booked.links.get().remote_id
    harness.changes(name, start=START.isoformat(), end=START.isoformat())
    harness.adds(title="Other", start=(START + 5 * HOUR).isoformat())
    pull.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    calendar.refresh_from_db()
    assert booked.wall_end == booked.wall_start == START
    assert BusyBlock.objects.filter(title="Other").exists()
    assert (calendar.error, calendar.unapplied) == ("", {})
    rescheduling.change_appointment(booked, AppointmentEdit(title="Short"))
    write()
    (event,) = events(harness, calendar)
    assert (event["title"], event["start"], event["end"]) == (
        "Short", START.isoformat()[:16], START.isoformat()[:16],
    )  # fmt: skip


LONG = {"title": "T" * 250 + "é", "place": "Zoom " + "p" * 300 + " password: 4711"}


def test_what_is_long_there_is_never_written_back_shorter(
    harness: VendorHarness, calendar: Calendar, booked: Appointment
) -> None:
    place = LONG["place"] + "x" * 5000
    harness.changes(booked.links.get().remote_id, title=LONG["title"], place=place)
    pull.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    assert booked.place.startswith(LONG["place"])
    rescheduling.change_appointment(booked, AppointmentEdit(description="Bring forks"))
    write()
    (event,) = events(harness, calendar)
    assert (event["title"], event["place"]) == (LONG["title"], place)


def test_a_title_that_is_cut_there_stays_whole_here_until_somebody_changes_it_there(
    harness: VendorHarness, calendar: Calendar, booked: Appointment
) -> None:
    title = f"{'Tasting and ' * 24}flowers"
    rescheduling.change_appointment(booked, AppointmentEdit(title=title))
    write()
    name = booked.links.get().remote_id
    harness.changes(name, place="The barn")
    pull.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    assert (booked.title, booked.place) == (title, "The barn")
    assert booked.links.get().write_after is None
    harness.changes(name, title=title[:20])
    pull.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    assert booked.title == title[:20]


def test_guests_whom_we_cannot_hold_stay_when_others_are_changed(
    harness: VendorHarness, calendar: Calendar, booked: Appointment
) -> None:
    wide = f"{'w' * 330}@example.com"
    name = "N" * 260
    guests = [{"email": AMELIA, "name": name}, {"email": wide}]
    harness.changes(booked.links.get().remote_id, attendees=guests)
    pull.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    people = [Invitee(email=AMELIA, name="N" * 200), Invitee(email="noah@example.com")]
    rescheduling.change_appointment(booked, AppointmentEdit(participants=people))
    write()
    (event,) = events(harness, calendar)
    found = {attendee["email"]: attendee["name"] for attendee in event["attendees"]}
    assert set(found) == {AMELIA, wide, "noah@example.com"}
    assert found[AMELIA] == name


UTC_THERE = {"google": "UTC", "microsoft": "tzone://Microsoft/Utc"}


def test_a_program_that_writes_utc_changes_the_moment_and_not_the_clock_people_are_told_by(
    harness: VendorHarness, calendar: Calendar, booked: Appointment
) -> None:
    summer = START.replace(year=START.year + (START.month > 6), month=7)
    zone = UTC_THERE[harness.slug]
    times = {"start": summer.isoformat(), "end": (summer + HOUR).isoformat(), "zone": zone}
    harness.changes(booked.links.get().remote_id, **times)
    pull.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    assert (booked.zone, booked.wall_start) == ("Europe/London", summer + HOUR)
    assert booked.starts_at.replace(tzinfo=None) == summer


def test_a_whole_day_in_utc_is_a_day_where_the_organization_is(
    harness: VendorHarness, organization: Organization, calendar: Calendar
) -> None:
    Organization.objects.filter(pk=organization.pk).update(time_zone="Europe/Berlin")
    zone = UTC_THERE[harness.slug]
    day = START.replace(hour=0)
    harness.adds(
        title="Away",
        start=day.isoformat(),
        end=(day + timedelta(days=1)).isoformat(),
        all_day=True,
        zone=zone,
    )
    pull.pull_calendar(calendar.pk)
    block = BusyBlock.objects.get(title="Away", starts_at__gte=day.replace(tzinfo=UTC) - HOUR * 3)
    home = ZoneInfo(calendar.zone or "Europe/Berlin")
    assert block.starts_at == day.replace(tzinfo=home)
    assert block.ends_at == (day + timedelta(days=1)).replace(tzinfo=home)


@pytest.fixture
def online(organization: Organization, calendar: Calendar) -> Appointment:
    pull.pull_calendar(calendar.pk)
    made = book_appointment(organization, booking_request(description="Old", wants_conference=True))
    write()
    made.refresh_from_db()
    assert made.conference_url
    assert made.description == "Old"
    return made


def test_a_new_description_leaves_the_meeting_on_line_where_it_is(
    harness: VendorHarness, calendar: Calendar, online: Appointment
) -> None:
    rescheduling.change_appointment(online, AppointmentEdit(description="New <1>"))
    write()
    pull.pull_calendar(calendar.pk)
    online.refresh_from_db()
    event = harness.mailbox().event(calendar.remote_id, online.links.get().remote_id)
    assert event.conference_url == online.conference_url
    assert (event.text.description, online.description) == ("New <1>", "New <1>")


def test_a_conference_that_was_removed_there_is_not_made_again(
    harness: VendorHarness, calendar: Calendar, online: Appointment
) -> None:
    box: Any = harness.mailbox()
    name = online.links.get().remote_id
    if harness.slug == "google":
        body: dict[str, Any] = {"conferenceData": None}
        patch = box.calls.calendar.events().patch(
            calendarId=calendar.remote_id, eventId=name, body=body, conferenceDataVersion=1
        )
        box.calls.run(patch)
    else:
        body = {"body": {"contentType": "text", "content": "Old"}}
        box.calls.run("PATCH", f"/me/events/{name}", json=body)
    pull.pull_calendar(calendar.pk)
    online.refresh_from_db()
    assert online.conference_url == ""
    rescheduling.change_appointment(online, AppointmentEdit(place="The barn"))
    write()
    assert box.event(calendar.remote_id, name).conference_url == ""


def test_html_there_is_text_here_and_stays_html_there(
    harness: VendorHarness, calendar: Calendar, booked: Appointment
) -> None:
    if harness.slug != "google":
        pytest.skip("Graph is asked for text.")
    html = "<b>Bring</b> forks<br>Fish &amp; chips"
    harness.changes(booked.links.get().remote_id, description=html)
    pull.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    assert booked.description == "Bring forks\nFish & chips"
    rescheduling.change_appointment(booked, AppointmentEdit(place="The barn"))
    write()
    box: Any = harness.mailbox()
    found = box.event(calendar.remote_id, booked.links.get().remote_id)
    assert found.raw["description"] == html
    assert found.text.place == "The barn"


@pytest.mark.parametrize("zone", ["Asia/Almaty", "America/Scoresbysund", "Antarctica/Troll"])
def test_a_zone_that_windows_does_not_know_is_written_and_kept(
    harness: VendorHarness, organization: Organization, calendar: Calendar, zone: str
) -> None:
    pull.pull_calendar(calendar.pk)
    made = book_appointment(organization, booking_request(zone=zone))
    # A weekend, when nothing of the sandbox's own is in the way.
    midnight = (START + timedelta(days=(5 - START.weekday()) % 7 or 7)).replace(hour=0)
    days = BookingRequest(
        title="Away", start=midnight, end=midnight + timedelta(days=2), zone=zone, is_all_day=True
    )
    away = book_appointment(organization, days)
    write()
    pull.pull_calendar(calendar.pk)
    made.refresh_from_db()
    link = made.links.get()
    assert (made.zone, made.wall_start, link.error, made.trouble) == (zone, START, "", "")
    event = harness.mailbox().event(calendar.remote_id, link.remote_id)
    assert event.text.start.instant == made.starts_at
    away.refresh_from_db()
    assert (away.zone, away.wall_start, away.links.get().error) == (zone, midnight, "")


# What is odd about it -> the field and its value, in our words.
ODD: dict[str, tuple[str, Any]] = {
    "without a start": ("start", None),
    "without an end": ("end", None),
    "in the year 1": ("start", "0001-01-01T00:00:00"),
    "in the year 9999": ("end", "9999-12-31T23:59:59"),
    "ends before it starts": ("end", "2026-01-01T00:00:00"),
    "a lone surrogate": ("title", "Cake \ud83d"),
    "a NUL": ("title", "Cake\0"),
    "deep": ("extra", json.loads("[" * 300 + "]" * 300)),
    "a wide uid": ("uid", "u" * 3000),
}
WORDS = {
    "google": {"title": "summary", "uid": "iCalUID"},
    "microsoft": {"title": "subject", "uid": "iCalUId"},
}


def told_there(slug: str, field: str, value: Any) -> dict[str, Any]:
    if field in ("start", "end") and value is not None:
        offset = "Z" if slug == "google" else ""
        value = {"dateTime": f"{value}{offset}", "timeZone": "UTC"}
    return {WORDS[slug].get(field, field): value}


@pytest.mark.parametrize("odd", ODD)
def test_one_odd_event_stops_neither_its_calendar_nor_its_account(
    harness: VendorHarness, calendar: Calendar, booked: Appointment, odd: str
) -> None:
    told = json.dumps(told_there(harness.slug, *ODD[odd]))
    theirs = harness.adds(title="Odd", start=(START + 3 * HOUR).isoformat())
    for name in (theirs, booked.links.get().remote_id):
        harness.changes(name, told=told, place="The barn")
    harness.adds(title="Other", start=(START + 5 * HOUR).isoformat())

    pull.pull_calendar(calendar.pk)

    calendar.refresh_from_db()
    booked.refresh_from_db()
    assert (calendar.error, calendar.account.failures, calendar.account.retry_at) == ("", 0, None)
    assert BusyBlock.objects.filter(title="Other").exists()
    # Of ours the rest is taken over, and its time is not touched.
    assert (booked.place, booked.wall_start) == ("The barn", START)
    if "without" in odd:
        assert calendar.unapplied[theirs]["reason"]
        assert "cannot be taken over" in booked.trouble
