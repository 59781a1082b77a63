"""Booked, moved and cancelled by the form, and what it says when that cannot be."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from calendars.models import Appointment, Calendar
from communications.models import Contact, Organization, Role
from tests import factories
from tests.calendars import rows
from tests.calendars.fake_vendor import FakeVendor
from tests.communications.admin_pages import listed, logged_in, page_messages, plain_static, url
from wedsync_comms.lib.errors import TransientError

__all__ = ["plain_static"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "fake_vendor")]

BOOK = listed(Appointment, "add")
OFFERS = reverse("admin:calendars_appointment_offers")
# A Monday to come, whatever today is; its clocks are UTC's.
MONDAY = timezone.now().date() + timedelta(days=7 - timezone.now().weekday() + 7)


@pytest.fixture
def staff(organization: Organization) -> Client:
    Organization.objects.update(time_zone="UTC")
    return logged_in(factories.member(organization, Role.STAFF))


@pytest.fixture
def couple(organization: Organization) -> Contact:
    return factories.contact(organization, "amelia@example.com")


def filled(calendar: Calendar, **fields: Any) -> dict[str, Any]:
    return {
        "title": "Tasting",
        "calendar": calendar.pk,
        "day": f"{MONDAY}",
        "at": "10:00",
        "duration": "60",
        "place": "",
        "description": "",
        "addresses": "",
        **fields,
    }


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"{MONDAY}T{clock}")


def test_a_couple_is_booked(staff: Client, calendar: Calendar, couple: Contact) -> None:
    data = filled(calendar, couple=[couple.pk], addresses="cook@example.com, mum@example.com")
    response = staff.post(BOOK, data, follow=True)
    made = Appointment.objects.get()
    assert "Booked." in page_messages(response)
    assert response.redirect_chain[-1][0] == url(made)
    assert (made.wall_start, made.wall_end, made.zone) == (at("10:00"), at("11:00"), "UTC")
    found = {person.email: (person.role, person.contact) for person in made.participants.all()}
    assert found["amelia@example.com"] == ("couple", couple)
    assert set(found) == {"amelia@example.com", "cook@example.com", "mum@example.com"}
    assert made.created_by is not None


def test_the_whole_day_is_booked(staff: Client, calendar: Calendar) -> None:
    staff.post(BOOK, filled(calendar, duration="0", at=""))
    made = Appointment.objects.get()
    assert made.is_all_day
    assert made.wall_end - made.wall_start == timedelta(days=1)
    page = staff.get(url(made, "edit"))
    assert "at" not in page.context["form"].fields
    later = MONDAY + timedelta(days=1)
    initial = page.context["form"].initial
    staff.post(url(made, "edit"), initial | {"day": f"{later}"})
    made.refresh_from_db()
    assert made.wall_start.date() == later


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"title": " "}, "This field is required."),
        ({"at": ""}, "Say when it starts."),
        ({"at": "25:00"}, "Enter a valid time."),
        ({"addresses": "nobody"}, "nobody"),
        ({"couple": ["0"]}, "Select a valid choice."),
    ],
)
def test_what_is_wrong_is_said(
    staff: Client,
    calendar: Calendar,
    fields: dict[str, Any],
    why: str,
) -> None:
    response = staff.post(BOOK, filled(calendar, **fields))
    assert why in str(response.context["form"].errors)
    assert not Appointment.objects.exists()


def test_a_time_that_clocks_skip_is_refused_with_the_reason(
    staff: Client,
    calendar: Calendar,
) -> None:
    Organization.objects.update(time_zone="Europe/London")
    response = staff.post(BOOK, filled(calendar, day="2027-03-28", at="01:30"))
    errors = str(response.context["form"]["at"].errors)
    assert "01:30 does not exist on 28 March 2027" in errors
    assert "clocks are put forward" in errors


def test_a_taken_time_and_a_silent_calendar_are_refused_with_the_reason(
    staff: Client,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    rows.appointment(calendar, wall=at("10:30"), zone="UTC")
    taken = staff.post(BOOK, filled(calendar))
    assert "This time is taken." in taken.content.decode()
    fake_vendor.down = TransientError("Nothing came back.")
    silent = staff.post(BOOK, filled(calendar, at="15:00"))
    assert "Nobody can tell whether Consultations is free" in silent.content.decode()
    assert Appointment.objects.count() == 1


def test_free_times_are_offered_and_unknown_ones_never(
    staff: Client,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    rows.appointment(calendar, wall=at("10:00"), zone="UTC")
    query = {"day": f"{MONDAY}", "duration": "60", "calendar": str(calendar.pk)}
    first = staff.get(OFFERS, query).json()["days"][0]
    assert first["day"] == f"{MONDAY}"
    assert first["times"][:2] == ["09:00", "11:00"]
    fake_vendor.problem = "It does not say."
    told_nothing = staff.get(OFFERS, query).json()
    assert told_nothing["days"] == []
    assert told_nothing["unknown"] == ["Consultations: It does not say."]
    past = staff.get(OFFERS, query | {"day": "2020-01-01"}).json()
    assert past["problem"]
    assert staff.get(OFFERS, query | {"duration": "x"}).status_code == 400


def test_its_own_time_is_free_for_what_is_moved(staff: Client, calendar: Calendar) -> None:
    made = rows.appointment(calendar, wall=at("10:00"), zone="UTC")
    query = {"day": f"{MONDAY}", "duration": "60", "calendar": str(calendar.pk)}
    query["moving"] = str(made.pk)
    assert "10:30" in staff.get(OFFERS, query).json()["days"][0]["times"]


def test_it_is_moved_and_keeps_its_people(
    staff: Client,
    calendar: Calendar,
    couple: Contact,
) -> None:
    staff.post(BOOK, filled(calendar, couple=[couple.pk], addresses="mum@example.com"))
    made = Appointment.objects.get()
    made.participants.filter(contact=couple).update(answer="accepted")
    initial = staff.get(url(made, "edit")).context["form"].initial
    response = staff.post(url(made, "edit"), initial | {"at": "10:30"}, follow=True)
    assert "Changed." in page_messages(response)
    made.refresh_from_db()
    assert (made.wall_start, made.version) == (at("10:30"), 2)
    assert [person.answer for person in made.participants.order_by("email")] == [
        "accepted",
        "needed",
    ]
    stale = staff.post(url(made, "edit"), initial | {"at": "12:00"})
    assert "It was changed meanwhile" in stale.content.decode()


def test_it_is_not_moved_onto_another_and_odd_lengths_stay(
    staff: Client,
    calendar: Calendar,
) -> None:
    made = rows.appointment(calendar, wall=at("10:00"), zone="UTC", minutes=50)
    rows.appointment(calendar, wall=at("14:00"), zone="UTC")
    form = staff.get(url(made, "edit")).context["form"]
    assert (50, "50 minutes, as now") in form.fields["duration"].choices
    taken = staff.post(url(made, "edit"), form.initial | {"at": "14:30"})
    assert "This time is taken." in taken.content.decode()
    staff.post(url(made, "edit"), form.initial | {"title": "Fitting"})
    made.refresh_from_db()
    assert (made.title, made.wall_end) == ("Fitting", at("10:50"))


def test_a_repeated_hour_stays_the_one_it_is(staff: Client, calendar: Calendar) -> None:
    wall = datetime.fromisoformat("2027-10-31T01:30").replace(fold=1)
    made = rows.appointment(calendar, wall=wall, zone="Europe/London", minutes=90)
    initial = staff.get(url(made, "edit")).context["form"].initial
    staff.post(url(made, "edit"), initial | {"title": "Late"})
    made.refresh_from_db()
    assert (made.title, made.wall_start.fold) == ("Late", 1)


def test_it_is_cancelled_once(staff: Client, calendar: Calendar) -> None:
    made = rows.appointment(calendar, wall=at("10:00"), zone="UTC")
    assert "Cancelled." in page_messages(staff.post(url(made, "cancel"), follow=True))
    made.refresh_from_db()
    assert made.status == "cancelled"
    assert "It is cancelled" in page_messages(staff.post(url(made, "cancel"), follow=True))
    assert "It is cancelled" in page_messages(staff.get(url(made, "edit"), follow=True))


@pytest.mark.usefixtures("calendar")
def test_links_fill_the_form_in(staff: Client, couple: Contact) -> None:
    query = {"day": f"{MONDAY}", "at": "10:00", "duration": "0", "couple": str(couple.pk)}
    text = staff.get(BOOK, query).content.decode()
    assert f'value="{MONDAY}"' in text
    assert "Amelia Hart" in text
    assert staff.get(BOOK, {"couple": "x", "calendar": "9" * 40}).status_code == 200


def test_without_a_calendar_it_says_how_to_get_one(staff: Client, settings: Settings) -> None:
    settings.CALENDARS = {}
    assert "There is no calendar to book into." in staff.get(BOOK).content.decode()


def test_lists_are_filtered(staff: Client, calendar: Calendar) -> None:
    rows.appointment(calendar, wall=at("10:00"), zone="UTC", title="Coming up", problem="Look!")
    long_ago = datetime.fromisoformat("2020-01-01T10:00")
    rows.appointment(calendar, wall=long_ago, zone="UTC", title="Long ago")
    for query, shown, hidden in (
        ("when=coming", "Coming up", "Long ago"),
        ("when=past", "Long ago", "Coming up"),
        ("trouble=yes", "Coming up", "Long ago"),
        ("trouble=no", "Long ago", "Coming up"),
        (f"calendar={calendar.pk}", "Coming up", "Nobody"),
        ("q=coming", "Coming up", "Long ago"),
    ):
        text = staff.get(f"{listed(Appointment)}?{query}").content.decode()
        assert shown in text, query
        assert hidden not in text, query
