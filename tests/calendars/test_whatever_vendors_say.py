"""Nothing that a vendor may say stops a calendar: each entry by itself, and the rest goes on."""
# ruff: noqa: ARG001 (fixtures that only have to be there)

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pytest_django import Settings

from calendars.appointments import conflicts
from calendars.appointments.booking import book_appointment
from calendars.appointments.conflicts import SyncPreferences
from calendars.appointments.participants import Invitee
from calendars.models import Account, Appointment, BusyBlock, Calendar
from calendars.models.accounts import Policy
from calendars.providers.event_times import event_times
from calendars.providers.google.events import read_google_event
from calendars.providers.microsoft.events import read_graph_event
from calendars.sync import apply, pull
from calendars.vocabulary.events import Moment, RemoteEvent, Removed
from calendars.vocabulary.zones import at_wall
from communications.models import Organization
from tests.calendars.fake_vendor import FakeVendor
from tests.calendars.schemas import as_told, google_events, graph_events
from tests.calendars.test_booking import booking_request, theirs
from tests.calendars.test_restorations import START
from tests.calendars.workers import write_due
from wedsync_comms.lib.outside_json import MAX_DEPTH, read_json

WEBHOOK = "/api/webhooks/communications/calendar"
MICROSOFT, GOOGLE = "calendars.providers.microsoft.Microsoft", "calendars.providers.google.Google"
CLIENT = {"client_id": "a", "client_secret": "b"}
DEEP = "[" * 100_000 + "]" * 100_000
GOOGLE_EVENTS, GRAPH_EVENTS = google_events(), graph_events()


@st.composite
def told_events(draw: st.DrawFn) -> RemoteEvent | Removed:
    if draw(st.booleans()):
        return read_google_event(as_told(draw(GOOGLE_EVENTS) | {"id": "x"}), "Europe/Berlin")
    return read_graph_event(as_told(draw(GRAPH_EVENTS) | {"id": "x"}), "Europe/Berlin")


@pytest.fixture
def booked(organization: Organization, calendar: Calendar, fake_vendor: FakeVendor) -> Appointment:
    request = booking_request(START, participants=[Invitee(email="amelia@example.com")])
    made = book_appointment(organization, request)
    write_due()
    pull.pull_calendar(calendar.pk)
    return made


@examples(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(own=told_events(), other=told_events(), number=st.integers(0, 10**9))
def test_whatever_the_vendors_descriptions_allow_never_stops_a_calendar(
    booked: Appointment,
    calendar: Calendar,
    fake_vendor: FakeVendor,
    own: Any,
    other: Any,
    number: int,
) -> None:
    name = booked.links.get().remote_id
    if isinstance(own, RemoteEvent):
        fake_vendor.put("main", replace(own, id=name, is_cancelled=False, key=booked.key))
    if isinstance(other, RemoteEvent):
        fake_vendor.put("main", replace(other, id=f"other-{number}", is_cancelled=False))
    fake_vendor.put("main", theirs(START + timedelta(days=3), f"plain-{number}"))

    pull.pull_calendar(calendar.pk)

    calendar.refresh_from_db()
    booked.refresh_from_db()
    assert calendar.error == ""
    assert calendar.blocks.filter(remote_id=f"plain-{number}").exists()
    assert booked.ends_at >= booked.starts_at


def test_what_has_no_time_is_shown_with_its_reason_and_asked_for_again(
    booked: Appointment, calendar: Calendar, fake_vendor: FakeVendor
) -> None:
    item = {"id": "x", "summary": "Dentist", "end": {"date": "2027-01-01"}}
    timeless = read_google_event(item, "UTC")
    assert isinstance(timeless, RemoteEvent)
    fake_vendor.put("main", timeless)
    pull.pull_calendar(calendar.pk)
    calendar.refresh_from_db()
    assert calendar.unapplied["x"]["title"] == "Dentist"
    assert "no start" in calendar.unapplied["x"]["reason"]
    # It is mended there, and nothing announces it.
    fake_vendor.events["main"]["x"] = replace(theirs(START, "x"), etag="other")
    pull.pull_calendar(calendar.pk)
    calendar.refresh_from_db()
    assert (calendar.unapplied, BusyBlock.objects.get().remote_id) == ({}, "x")


def test_titles_that_are_not_shown_are_not_kept_of_what_cannot_be_applied_either(
    account: Account, calendar: Calendar, fake_vendor: FakeVendor
) -> None:
    timeless = replace(theirs(START, "x"), is_timeless=True, time_problem="It has no start.")
    fake_vendor.put("main", timeless)
    pull.pull_calendar(calendar.pk)
    hidden = {calendar.pk: SyncPreferences(shows_titles=False, buffer_minutes=0)}
    conflicts.save_preferences(account, Policy.ASK, hidden)
    for _ in range(2):
        calendar.refresh_from_db()
        assert calendar.unapplied == {"x": {"title": "", "reason": "It has no start."}}
        pull.pull_calendar(calendar.pk)


def test_what_is_asked_for_one_by_one_makes_no_empty_answer_full(
    calendar: Calendar, fake_vendor: FakeVendor
) -> None:
    for number in range(3):
        fake_vendor.put("main", theirs(START + timedelta(hours=number), f"block-{number}"))
    timeless = replace(theirs(START, "x"), is_timeless=True, time_problem="It has no start.")
    fake_vendor.put("main", timeless)
    pull.pull_calendar(calendar.pk)
    calendar.refresh_from_db()
    assert list(calendar.unapplied) == ["x"]
    fake_vendor.forgets = fake_vendor.empty = True
    pull.pull_calendar(calendar.pk)
    calendar.refresh_from_db()
    assert (calendar.blocks.count(), "came back empty" in calendar.held_reason) == (3, True)


def test_of_ours_the_rest_is_taken_over_and_a_person_is_asked_to_look(
    booked: Appointment, calendar: Calendar, fake_vendor: FakeVendor
) -> None:
    name = booked.links.get().remote_id
    event = fake_vendor.events["main"][name]
    text = replace(event.text, title="Cake")
    fake_vendor.put("main", replace(event, text=text, time_problem="It has no end."))
    pull.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    assert (booked.title, booked.wall_start) == ("Cake", START)
    assert "It has no end." in booked.trouble


def test_an_entry_that_no_database_takes_keeps_nobody_else_out(
    booked: Appointment,
    calendar: Calendar,
    fake_vendor: FakeVendor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_vendor.put("main", theirs(START, "bad"))
    fake_vendor.put("main", theirs(START, "good"))
    usual = apply.store_blocks

    def store_blocks(calendar: Calendar, events: list[RemoteEvent]) -> bool:
        if any(event.id == "bad" for event in events):
            raise DataError("value too long for type character varying(1024)")
        return usual(calendar, events)

    monkeypatch.setattr(apply, "store_blocks", store_blocks)
    pull.pull_calendar(calendar.pk)
    calendar.refresh_from_db()
    assert list(calendar.blocks.values_list("remote_id", flat=True)) == ["good"]
    assert "too long" in calendar.unapplied["bad"]["reason"]


def test_times_that_cannot_be_are_the_nearest_that_can() -> None:
    start, end = (at_wall(START + timedelta(hours=n), "UTC") for n in (2, 1))
    backwards = event_times(lambda: start, lambda: end, is_all_day=False)
    assert (backwards.start, backwards.end) == (start, start)
    assert backwards.problem == "It ends before it starts."
    day = Moment.midnight(START.date(), "Europe/Vienna")
    found = event_times(lambda: day, lambda: day, is_all_day=True)
    assert (found.end.wall - day.wall, found.problem) == (timedelta(days=1), "")


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ('"a\\u0000b"', "ab"),
        ('"\\ud83d"', ""),
        ('{"\\ud83d\\u0000k": ["\\udc00x"]}', {"k": ["x"]}),
        ("[NaN, Infinity, 1e999, 1]", [None, None, None, 1]),
    ],
)
def test_what_comes_in_can_be_stored(told: str, kept: Any) -> None:
    assert read_json(told) == read_json(told.encode()) == kept


def test_what_is_too_deep_is_left_out_or_refused() -> None:
    value = read_json('{"a": ' + "[" * 200 + "]" * 200 + "}")
    depth = 0
    while value is not None:
        value, depth = (value["a"] if isinstance(value, dict) else value[0]), depth + 1
    assert depth == MAX_DEPTH
    with pytest.raises(ValueError, match="deeply"):
        read_json(DEEP)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (DEEP, 400),
        ('{"value": ' + DEEP + "}", 400),
        ('{"value": [{"subscriptionId": "\\ud83d", "clientState": "\\ud83d"}]}', 202),
        ('{"value": [{"subscriptionId": "a\\u0000b", "clientState": "x"}]}', 202),
        (
            json.dumps(
                {
                    "value": [
                        {
                            "subscriptionId": "x" * 5000,
                            "clientState": "y",
                            "subscriptionExpirationDateTime": "0001-01-01T00:00:00+14:00",
                        }
                    ]
                }
            ),
            202,
        ),
        ('{"value": [{"subscriptionId": 1}, null, [], "x"]}', 202),
    ],
)
def test_a_push_is_never_a_500(client: Client, settings: Settings, body: str, status: int) -> None:
    settings.CALENDARS = {"microsoft": {"BACKEND": MICROSOFT, "OPTIONS": CLIENT}}
    found = client.post(WEBHOOK, body, content_type="application/json")
    assert found.status_code == status


@pytest.mark.django_db
@pytest.mark.parametrize(
    "expiration", ["Tue, 19 Nov 99999 01:13:52 GMT", "Mon, 01 Jan 0001 00:00:00 +1400", "\xff"]
)
def test_nor_is_one_of_googles(client: Client, settings: Settings, expiration: str) -> None:
    settings.CALENDARS = {"google": {"BACKEND": GOOGLE, "OPTIONS": CLIENT}}
    headers = {"X-Goog-Channel-ID": "c", "X-Goog-Channel-Expiration": expiration}
    assert client.post(WEBHOOK, headers=headers).status_code == 202


def test_what_was_not_believed_is_asked_for_within_a_minute_and_its_push_stays_unread(
    booked: Appointment, calendar: Calendar, fake_vendor: FakeVendor
) -> None:
    Calendar.objects.filter(pk=calendar.pk).update(dirty=1)
    fake_vendor.forgets = fake_vendor.empty = True
    pull.pull_calendar(calendar.pk)
    calendar.refresh_from_db()
    assert calendar.held_at
    assert calendar.dirty > calendar.pulled
    assert calendar.pull_after
    # The workers look for what is scheduled every half a minute.
    assert timedelta(0) < calendar.pull_after - timezone.now() < timedelta(seconds=25)
    again = Schedule.objects.get(func="calendars.tasks.pull")
    assert (again.next_run, again.args) == (calendar.pull_after, f"({calendar.pk},)")
    assert pull.pulls_due() == []
    Calendar.objects.update(pull_after=timezone.now())
    fake_vendor.empty = False
    assert pull.pulls_due() == [calendar.pk]
    pull.pull_calendar(calendar.pk)
    calendar.refresh_from_db()
    assert calendar.held_reason == ""
    assert calendar.dirty == calendar.pulled


def test_a_full_answer_that_lacks_many_others_is_believed_when_it_is_said_again(
    calendar: Calendar, fake_vendor: FakeVendor
) -> None:
    for number in range(10):
        fake_vendor.put("main", theirs(START + timedelta(hours=number), f"block-{number}"))
    pull.pull_calendar(calendar.pk)
    kept = dict(fake_vendor.events["main"])
    for number in range(6):
        del fake_vendor.events["main"][f"block-{number}"]
    fake_vendor.forgets = True
    pull.pull_calendar(calendar.pk)
    calendar.refresh_from_db()
    assert (calendar.blocks.count(), calendar.held_reason[:7]) == (10, "6 of 10")
    fake_vendor.events["main"], cut = kept, fake_vendor.events["main"]
    pull.pull_calendar(calendar.pk)
    calendar.refresh_from_db()
    assert (calendar.blocks.count(), calendar.held_reason) == (10, "")
    fake_vendor.events["main"] = cut
    pull.pull_calendar(calendar.pk)
    pull.pull_calendar(calendar.pk)
    calendar.refresh_from_db()
    assert (calendar.blocks.count(), calendar.held_reason) == (4, "")
