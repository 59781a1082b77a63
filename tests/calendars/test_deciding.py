"""What a person is asked about an appointment: both sides changed it, or it was not understood."""
# ruff: noqa: ARG001 (fixtures that only have to be there)

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from calendars.appointments import (
    conflicts,
    rescheduling,
)
from calendars.appointments.booking import book_appointment
from calendars.appointments.participants import Invitee
from calendars.appointments.rescheduling import AppointmentEdit
from calendars.errors import NotFree
from calendars.models import Account, Appointment, Calendar
from calendars.sync import pull
from calendars.vocabulary.events import (
    Attendee,
    Moment,
    ResponseStatus,
)
from communications.errors import NotPossible
from communications.models import Organization
from tests import factories
from tests.calendars.fake_vendor import FakeVendor
from tests.calendars.test_booking import HOUR, booking_request
from tests.calendars.workers import write_due

# Within what is read.
TEN = (datetime.now() + timedelta(days=30)).replace(hour=10, minute=0, second=0, microsecond=0)  # noqa: DTZ005
UNKNOWN = "“Mars/Base” is no time zone that is known here."


@pytest.fixture
def booked(organization: Organization, calendar: Calendar, fake_vendor: FakeVendor) -> Appointment:
    Account.objects.update(conflicts="ask")
    made = book_appointment(
        organization, booking_request(TEN, participants=[Invitee(email="amelia@e.com")])
    )
    write_due()
    pull.pull_calendar(calendar.pk)
    return made


@pytest.fixture
def staff(organization: Organization) -> Client:
    client = Client()
    client.force_login(factories.member(organization))
    return client


def changes_there(
    fake_vendor: FakeVendor, item: Appointment, problem: str = "", **text: Any
) -> None:
    name = item.links.get().remote_id
    event = fake_vendor.events["main"][name]
    fake_vendor.put("main", replace(event, text=replace(event.text, **text), problem=problem))


def moved_there(
    fake_vendor: FakeVendor, item: Appointment, start: datetime, zone: str = "Europe/London"
) -> None:
    span = (start, start + HOUR)
    begins, ends = (Moment(wall=each, zone=zone) for each in span)
    changes_there(fake_vendor, item, start=begins, end=ends)


def read(calendar: Calendar) -> None:
    pull.pull_calendar(calendar.pk)
    write_due()


def page(item: Appointment, name: str = "change") -> str:
    return reverse(f"admin:calendars_appointment_{name}", args=[item.pk])


def both_change_the_title(booked: Appointment, fake_vendor: FakeVendor, calendar: Calendar) -> None:
    changes_there(fake_vendor, booked, title="Theirs")
    rescheduling.change_appointment(booked, AppointmentEdit(title="Ours"))
    read(calendar)
    booked.refresh_from_db()
    assert booked.title == "Ours"


def test_theirs_is_taken_written_again_and_in_the_history(
    booked: Appointment,
    calendar: Calendar,
    fake_vendor: FakeVendor,
    staff: Client,
) -> None:
    both_change_the_title(booked, fake_vendor, calendar)
    text = staff.get(page(booked)).content.decode()
    for word in ("Changed here and in the calendar: title.", "Which one is right?", "Theirs"):
        assert word in text, word
    assert "here “Ours”, in the calendar “Theirs”" in text
    assert staff.get(page(booked, "take")).status_code == 405
    assert "Taken over" in staff.post(page(booked, "take"), follow=True).content.decode()
    booked.refresh_from_db()
    assert (booked.title, booked.trouble) == ("Theirs", "")
    write_due()
    assert [event.text.title for event in fake_vendor.live("main")] == ["Theirs"]
    last = booked.changes.latest("pk")
    assert (last.source, last.before, last.after) == (
        "here",
        {"title": "Ours"},
        {"title": "Theirs"},
    )
    assert last.by
    assert "Took what the calendar said" in LogEntry.objects.latest("pk").get_change_message()
    again = staff.post(page(booked, "take"), follow=True).content.decode()
    assert "Nothing is to be decided any more." in again


def test_ours_stays_where_a_person_says_so(
    booked: Appointment,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    both_change_the_title(booked, fake_vendor, calendar)
    conflicts.accept_as_is(booked)
    assert (Appointment.objects.get().title, Appointment.objects.get().trouble) == ("Ours", "")
    with pytest.raises(NotPossible):
        conflicts.accept_remote(booked)
    with pytest.raises(NotPossible):
        conflicts.accept_as_is(booked)


def test_only_what_was_in_conflict_is_taken(
    booked: Appointment,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    both_change_the_title(booked, fake_vendor, calendar)
    rescheduling.change_appointment(Appointment.objects.get(), AppointmentEdit(place="Orangery"))
    assert "title" in Appointment.objects.get().trouble
    taken = conflicts.accept_remote(Appointment.objects.get())
    assert (taken.title, taken.place) == ("Theirs", "Orangery")


def test_their_time_has_to_be_free_and_the_question_stays_open(
    booked: Appointment,
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
    staff: Client,
) -> None:
    moved_there(fake_vendor, booked, TEN + 5 * HOUR)
    rescheduling.change_appointment(booked, AppointmentEdit(start=TEN + 2 * HOUR))
    read(calendar)
    other = book_appointment(organization, booking_request(TEN + 5 * HOUR, title="Fitting"))
    with pytest.raises(NotFree, match="taken"):
        conflicts.accept_remote(Appointment.objects.get(pk=booked.pk))
    told = staff.post(page(booked, "take"), follow=True).content.decode()
    assert "This time is taken." in told
    assert "Which one is right?" in told
    rescheduling.cancel_appointment(other)
    write_due()
    taken = conflicts.accept_remote(Appointment.objects.get(pk=booked.pk))
    assert taken.wall_start == TEN + 5 * HOUR
    conflict = booked.changes.get(what="conflict")
    assert set(conflict.before) == {"start", "end"}


def test_an_answer_in_conflict_is_taken_too(
    booked: Appointment,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    booked.participants.update(answer=ResponseStatus.DECLINED)
    people = (Attendee(email="amelia@e.com", answer=ResponseStatus.ACCEPTED),)
    changes_there(fake_vendor, booked, attendees=people)
    read(calendar)
    assert booked.participants.get().answer == ResponseStatus.DECLINED
    conflicts.accept_remote(Appointment.objects.get())
    assert booked.participants.get().answer == ResponseStatus.ACCEPTED


def test_a_zone_that_is_not_known_is_shown_with_what_to_do(
    booked: Appointment,
    calendar: Calendar,
    fake_vendor: FakeVendor,
    staff: Client,
) -> None:
    begins, ends = (Moment(wall=TEN + n * HOUR, zone="UTC") for n in (3, 4))
    changes_there(fake_vendor, booked, UNKNOWN, start=begins, end=ends)
    read(calendar)
    row = Appointment.objects.get()
    assert (row.starts_at, row.zone) == (begins.instant, "Europe/London")
    week = reverse("admin:calendars_appointment_feed")
    span = {"start": f"{TEN:%F}T00:00:00", "end": f"{TEN + 24 * HOUR:%F}T00:00:00"}
    (entry,) = [element for element in staff.get(week, span).json() if element["id"] == str(row.pk)]
    assert "ws-troubled" in entry["classNames"]
    listed = reverse("admin:calendars_appointment_changelist")
    assert str(row.pk) in staff.get(f"{listed}?trouble=yes").content.decode()
    assert str(row.pk) not in staff.get(f"{listed}?trouble=no").content.decode()
    for told in (staff.get(page(row)).content.decode(), entry["extendedProps"]["problem"]):
        assert "Mars/Base" in told
        assert "choose a usual time zone there" in told


def test_it_is_well_again_when_the_calendar_says_something_known(
    booked: Appointment,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    changes_there(fake_vendor, booked, UNKNOWN, place="Orangery")
    read(calendar)
    assert "Mars/Base" in Appointment.objects.get().trouble
    changes_there(fake_vendor, booked, "", place="Barn")
    read(calendar)
    assert Appointment.objects.get().trouble == ""


def test_what_is_cancelled_is_not_looked_at_any_more(
    booked: Appointment,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    both_change_the_title(booked, fake_vendor, calendar)
    rescheduling.cancel_appointment(Appointment.objects.get())
    write_due()
    assert Appointment.objects.get().trouble == ""
