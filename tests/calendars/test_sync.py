"""What changes over there becomes true here; once, with its history, and never by mistake."""
# ruff: noqa: ARG001 (fixtures that only have to be there)

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calendars.appointments import rescheduling
from calendars.appointments.booking import book_appointment
from calendars.appointments.participants import Invitee
from calendars.appointments.rescheduling import AppointmentEdit
from calendars.content import conversion
from calendars.models import Account, Appointment, BusyBlock, Calendar, EventLink
from calendars.models.appointments import AppointmentStatus
from calendars.sync import pull as sync
from calendars.vocabulary.events import (
    Attendee,
    Moment,
    ResponseStatus,
)
from communications.models import Organization
from tests.calendars.fake_vendor import FakeVendor
from tests.calendars.test_booking import HOUR, TEN, booking_request, theirs
from tests.calendars.workers import write_due
from wedsync_comms.lib.errors import RateLimited, TransientError

pytestmark = pytest.mark.usefixtures("fake_vendor")


def soon(start: datetime = TEN) -> datetime:
    """Within the window that is read."""
    return start.replace(year=datetime.now(UTC).year + 1, month=1)


@pytest.fixture
def booked(organization: Organization, calendar: Calendar, fake_vendor: FakeVendor) -> Appointment:
    """Written, and read once."""
    made = book_appointment(
        organization, booking_request(soon(), participants=[Invitee(email="amelia@e.com")])
    )
    write_due()
    sync.pull_calendar(calendar.pk)
    return made


def remote(booked: Appointment) -> str:
    return booked.links.get().remote_id


def whats(booked: Appointment) -> list[str]:
    return [f"{change.what} {change.source}" for change in booked.changes.all()]


def test_our_own_writes_are_no_news(booked: Appointment, calendar: Calendar) -> None:
    rescheduling.change_appointment(booked, AppointmentEdit(title="Cake tasting"))
    write_due()
    sync.pull_calendar(calendar.pk)
    assert whats(booked) == ["booked here", "changed here"]
    calendar.refresh_from_db()
    assert calendar.misses_total == 0


def test_moved_there_is_moved_here(
    booked: Appointment, calendar: Calendar, fake_vendor: FakeVendor
) -> None:
    start, end = soon() + HOUR, soon() + 3 * HOUR
    fake_vendor.edit(
        "main",
        remote(booked),
        start=Moment(wall=start, zone="Europe/London"),
        end=Moment(wall=end, zone="Europe/London"),
    )
    sync.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    assert (booked.wall_start, booked.wall_end) == (start, end)
    assert whats(booked) == ["booked here", "moved fake"]
    write_due()
    assert fake_vendor.calls.count("update") == 0


def test_an_answer_is_kept_with_its_history(
    booked: Appointment,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    person = Attendee(email="Amelia@e.com", answer=ResponseStatus.DECLINED)
    fake_vendor.edit("main", remote(booked), attendees=(person,))
    sync.pull_calendar(calendar.pk)
    found = booked.participants.get()
    assert (found.answer, found.answered_at is not None) == (ResponseStatus.DECLINED, True)
    change = booked.changes.last()
    assert change is not None
    assert (change.what, change.before, change.after) == (
        "answered",
        {"with amelia@e.com": "needed"},
        {"with amelia@e.com": "declined"},
    )


@pytest.mark.parametrize("minutes", [0, 1])
def test_deleted_there_is_cancelled_here(
    booked: Appointment,
    calendar: Calendar,
    fake_vendor: FakeVendor,
    minutes: int,
) -> None:
    for _ in range(minutes):
        fake_vendor.edit("main", remote(booked), title="x")
    fake_vendor.delete("main", remote(booked))
    sync.pull_calendar(calendar.pk)
    sync.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    assert booked.status == AppointmentStatus.CANCELLED
    assert whats(booked)[-1] == "cancelled fake"
    assert write_due() == 0


def test_both_sides_changed_different_things(
    booked: Appointment,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    rescheduling.change_appointment(booked, AppointmentEdit(place="The Barn"))
    fake_vendor.edit("main", remote(booked), title="Cake")
    sync.pull_calendar(calendar.pk)
    write_due()
    sync.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    (event,) = fake_vendor.live("main")
    assert (booked.title, booked.place) == ("Cake", "The Barn")
    assert (event.text.title, event.text.place) == ("Cake", "The Barn")
    assert "conflict fake" not in whats(booked)


def test_a_write_over_a_change_nobody_told_us_merges(
    booked: Appointment,
    fake_vendor: FakeVendor,
) -> None:
    fake_vendor.edit("main", remote(booked), title="Cake")
    rescheduling.change_appointment(booked, AppointmentEdit(place="The Barn"))
    write_due()
    booked.refresh_from_db()
    (event,) = fake_vendor.live("main")
    assert (event.text.title, event.text.place) == ("Cake", "The Barn")
    assert booked.title == "Cake"


def test_the_same_thing_changed_differently_is_a_conflict_in_the_history(
    booked: Appointment,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    rescheduling.change_appointment(booked, AppointmentEdit(title="Ours"))
    fake_vendor.edit("main", remote(booked), title="Theirs")
    sync.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    assert booked.title == "Theirs"
    conflict = booked.changes.get(what="conflict")
    assert (conflict.before, conflict.after) == ({"title": "Ours"}, {"title": "Theirs"})


def test_moved_onto_another_it_is_true_and_to_be_looked_at(
    booked: Appointment,
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    other = book_appointment(organization, booking_request(soon() + 3 * HOUR, title="Florist"))
    moment = Moment(wall=soon() + 3 * HOUR, zone="Europe/London")
    later = Moment(wall=soon() + 4 * HOUR, zone="Europe/London")
    fake_vendor.edit("main", remote(booked), start=moment, end=later)
    sync.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    assert booked.starts_at == other.starts_at
    assert booked.overlaps
    assert booked.problem == "At the same time as “Florist”."


def test_others_entries_take_time_and_go(calendar: Calendar, fake_vendor: FakeVendor) -> None:
    fake_vendor.put("main", theirs(soon()))
    sync.pull_calendar(calendar.pk)
    assert BusyBlock.objects.get().title == "Dentist"
    fake_vendor.delete("main", "theirs")
    sync.pull_calendar(calendar.pk)
    assert not BusyBlock.objects.exists()


def test_an_expired_cursor_ends_in_the_same_state(
    booked: Appointment,
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    kept = book_appointment(organization, booking_request(soon() + 2 * HOUR, title="Kept"))
    write_due()
    fake_vendor.put("main", theirs(soon()))
    sync.pull_calendar(calendar.pk)
    fake_vendor.delete("main", remote(booked))
    fake_vendor.delete("main", "theirs")
    fake_vendor.put("main", theirs(soon() + 5 * HOUR, "another"))
    fake_vendor.forgets = True
    sync.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    kept.refresh_from_db()
    assert (booked.status, kept.status) == ("cancelled", "booked")
    assert [row.remote_id for row in BusyBlock.objects.all()] == ["another"]


def test_an_empty_answer_deletes_nothing_and_alarms(
    booked: Appointment,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    fake_vendor.put("main", theirs(soon()))
    sync.pull_calendar(calendar.pk)
    fake_vendor.forgets = fake_vendor.empty = True
    sync.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    calendar.refresh_from_db()
    assert booked.status == AppointmentStatus.BOOKED
    assert BusyBlock.objects.count() == 1
    assert calendar.held_at
    assert "came back empty" in calendar.held_reason
    fake_vendor.empty = False
    sync.pull_calendar(calendar.pk)
    calendar.refresh_from_db()
    assert calendar.held_at is None


@pytest.fixture
def many(
    organization: Organization, calendar: Calendar, fake_vendor: FakeVendor
) -> list[Appointment]:
    made = [book_appointment(organization, booking_request(soon() + n * HOUR)) for n in range(8)]
    write_due()
    sync.pull_calendar(calendar.pk)
    return made


def delete_most(many: list[Appointment], fake_vendor: FakeVendor) -> None:
    for appointment in many[:6]:
        fake_vendor.delete("main", remote(appointment))


def statuses() -> list[str]:
    return list(Appointment.objects.order_by("starts_at").values_list("status", flat=True))


def test_many_gone_at_once_wait_for_a_person(
    many: list[Appointment],
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    delete_most(many, fake_vendor)
    fake_vendor.put("main", theirs(soon() + 12 * HOUR))
    sync.pull_calendar(calendar.pk)
    assert statuses() == ["booked"] * 8
    assert BusyBlock.objects.count() == 1
    calendar.refresh_from_db()
    gone = EventLink.objects.filter(appointment__in=many[:6]).values_list("pk", flat=True)
    assert calendar.held_links == sorted(gone)
    Calendar.objects.filter(pk=calendar.pk).update(held_decision="delete")
    sync.pull_calendar(calendar.pk)
    assert statuses() == ["cancelled"] * 6 + ["booked"] * 2
    calendar.refresh_from_db()
    assert (calendar.held_at, calendar.held_decision) == (None, "")
    assert calendar.held_links == []


def test_or_are_written_again(
    many: list[Appointment], calendar: Calendar, fake_vendor: FakeVendor
) -> None:
    delete_most(many, fake_vendor)
    sync.pull_calendar(calendar.pk)
    Calendar.objects.filter(pk=calendar.pk).update(held_decision="restore")
    sync.pull_calendar(calendar.pk)
    write_due()
    sync.pull_calendar(calendar.pk)
    assert statuses() == ["booked"] * 8
    assert {event.key for event in fake_vendor.live("main")} == {
        appointment.key for appointment in many
    }


def test_many_cancelled_here_alarm_nobody(
    many: list[Appointment],
    calendar: Calendar,
) -> None:
    for appointment in many[:6]:
        rescheduling.cancel_appointment(appointment)
    write_due()
    sync.pull_calendar(calendar.pk)
    calendar.refresh_from_db()
    assert calendar.held_at is None


def test_a_push_during_a_reading_causes_another(
    calendar: Calendar, fake_vendor: FakeVendor
) -> None:
    Calendar.objects.filter(pk=calendar.pk).update(dirty=1)
    claimed = sync.claim_calendar(calendar.pk)
    assert claimed is not None
    assert sync.claim_calendar(calendar.pk) is None
    Calendar.objects.filter(pk=calendar.pk).update(dirty=2)
    sync.pull_once(claimed)
    calendar.refresh_from_db()
    assert (calendar.dirty, calendar.pulled) == (2, 1)
    assert Calendar.objects.due(datetime.now(UTC)).filter(pk=calendar.pk).exists()


def test_two_readings_of_one_cursor_are_applied_once(
    booked: Appointment, calendar: Calendar, fake_vendor: FakeVendor
) -> None:
    fake_vendor.edit("main", remote(booked), title="Cake")
    first = sync.claim_calendar(calendar.pk)
    Calendar.objects.filter(pk=calendar.pk).update(pulling_until=None)
    second = sync.claim_calendar(calendar.pk)
    assert first
    assert second
    sync.pull_once(second)
    sync.pull_once(first)
    assert whats(booked) == ["booked here", "changed fake"]


def test_a_vendor_that_says_later_is_left_alone(
    calendar: Calendar, fake_vendor: FakeVendor
) -> None:
    fake_vendor.down = RateLimited("429", retry_after=timedelta(minutes=7))
    sync.pull_calendar(calendar.pk)
    calendar.refresh_from_db()
    assert calendar.account.retry_at
    left = calendar.account.retry_at - datetime.now(UTC)
    assert timedelta(minutes=6) < left <= timedelta(minutes=7)
    assert not Calendar.objects.due(datetime.now(UTC)).exists()
    assert "RateLimited" in calendar.error
    fake_vendor.down = None
    assert not sync.pull_calendar(calendar.pk)
    Account.objects.update(retry_at=datetime.now(UTC))
    assert sync.pull_calendar(calendar.pk)
    calendar.account.refresh_from_db()
    assert calendar.account.failures == 0
    assert not calendar.account.retry_at


THERE = {"title", "move", "delete", "answer"}


def lose_the_answer(fake_vendor: FakeVendor) -> None:
    """It is written, and nobody here learns of it."""
    fake_vendor.lost_after = 1.0
    write_due()
    fake_vendor.lost_after = 0.0
    Account.objects.update(retry_at=None)
    EventLink.objects.update(write_after=datetime.now(UTC))


@pytest.mark.parametrize("reads_first", [True, False])
def test_what_is_said_here_after_a_lost_answer_is_not_undone_by_what_was_said_before(
    booked: Appointment,
    calendar: Calendar,
    fake_vendor: FakeVendor,
    *,
    reads_first: bool,
) -> None:
    changed = rescheduling.change_appointment(booked, AppointmentEdit(place="The barn"))
    lose_the_answer(fake_vendor)
    rescheduling.change_appointment(changed, AppointmentEdit(place="The tent"))
    fake_vendor.edit("main", remote(booked), title="Cake")
    if reads_first:
        sync.pull_calendar(calendar.pk)
    write_due()
    booked.refresh_from_db()
    assert (booked.title, booked.place) == ("Cake", "The tent")
    assert whats(booked) == ["booked here", "changed here", "changed here", "changed fake"]
    event = fake_vendor.events["main"][remote(booked)].text
    assert (event.title, event.place) == ("Cake", "The tent")


@pytest.mark.parametrize("reads_first", [True, False])
def test_nor_after_a_lost_creation_whose_event_was_moved_meanwhile(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
    *,
    reads_first: bool,
) -> None:
    sync.pull_calendar(calendar.pk)
    made = book_appointment(organization, booking_request(soon()))
    lose_the_answer(fake_vendor)
    rescheduling.change_appointment(made, AppointmentEdit(place="The tent"))
    (event,) = fake_vendor.live("main")
    start, end = (Moment(wall=soon() + hours * HOUR, zone="Europe/London") for hours in (4, 5))
    fake_vendor.edit("main", event.id, start=start, end=end)
    if reads_first:
        sync.pull_calendar(calendar.pk)
    write_due()
    made.refresh_from_db()
    assert (made.wall_start, made.place) == (soon() + 4 * HOUR, "The tent")
    assert whats(made) == ["booked here", "changed here", "moved fake"]
    assert [entry.text.place for entry in fake_vendor.live("main")] == ["The tent"]


def test_a_creation_tried_again_is_not_told_to_the_guests_again(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    made = book_appointment(organization, booking_request(soon()))
    lose_the_answer(fake_vendor)
    write_due()
    link = made.links.get()
    assert (link.write_after, link.written_version, link.sent) == (None, made.version, [])
    assert fake_vendor.calls.count("update") == 0


def test_where_a_move_whose_answer_was_lost_may_stand_is_no_reason_not_to_move(
    booked: Appointment,
    fake_vendor: FakeVendor,
) -> None:
    later = rescheduling.change_appointment(booked, AppointmentEdit(start=soon() + 5 * HOUR))
    lose_the_answer(fake_vendor)
    away = rescheduling.change_appointment(later, AppointmentEdit(start=soon() + 8 * HOUR))
    moved = rescheduling.change_appointment(
        away, AppointmentEdit(start=soon() + 5 * HOUR + timedelta(minutes=30))
    )
    write_due()
    assert fake_vendor.events["main"][remote(booked)].text.start.wall == moved.wall_start


EDITS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "title",
                "move",
                "delete",
                "answer",
                "new",
                "here",
                "here place",
                "write",
                "pull",
                "expire",
                "lose_a_write",
                "cancel here",
            ],
        ),
        st.integers(0, 5),
        st.integers(0, 9),
    ),
    max_size=25,
)


class Round:
    """Both sides at work, at random."""

    def __init__(
        self, organization: Organization, calendar: Calendar, fake_vendor: FakeVendor
    ) -> None:
        self.organization, self.calendar, self.fake_vendor = organization, calendar, fake_vendor
        self.places: dict[Any, str] = {}
        self.made = [
            book_appointment(organization, booking_request(soon() + n * 12 * HOUR))
            for n in range(6)
        ]
        self.write()
        self.pull()

    def write(self) -> None:
        Account.objects.update(retry_at=None)
        EventLink.objects.filter(write_after__isnull=False).update(
            write_after=datetime(2020, 1, 1, tzinfo=UTC),
        )
        write_due()

    def pull(self) -> None:
        Account.objects.update(retry_at=None)
        sync.pull_calendar(self.calendar.pk)

    def do(self, what: str, which: int, number: int) -> None:
        row = Appointment.objects.get(pk=self.made[which].pk)
        name = row.links.get().remote_id
        live = name in {event.id for event in self.fake_vendor.live("main")}
        if hasattr(self, what):
            getattr(self, what)()
        elif what == "new":
            self.fake_vendor.put("main", theirs(soon() + number * HOUR, f"theirs-{which}"))
        elif what.startswith(("here", "cancel")) and row.status == "booked":
            self.change_here(what, row, number)
        elif what in THERE and live:
            self.change_there(what, name, number)

    def expire(self) -> None:
        self.fake_vendor.forgets = True
        self.pull()
        self.fake_vendor.forgets = False

    def lose_a_write(self) -> None:
        self.fake_vendor.lost_after = 1.0
        self.write()
        self.fake_vendor.lost_after = 0.0

    def change_here(self, what: str, row: Appointment, number: int) -> None:
        if what == "cancel here":
            rescheduling.cancel_appointment(row)
            return
        if what == "here":
            rescheduling.change_appointment(row, AppointmentEdit(title=f"here {number}"))
            return
        self.places[row.pk] = f"place {number}"
        rescheduling.change_appointment(row, AppointmentEdit(place=self.places[row.pk]))

    def change_there(self, what: str, name: str, number: int) -> None:
        if what == "title":
            self.fake_vendor.edit("main", name, title=f"there {number}")
        elif what == "delete":
            self.fake_vendor.delete("main", name)
        elif what == "answer":
            people = (Attendee(email=f"p{number}@e.com", answer=ResponseStatus.ACCEPTED),)
            self.fake_vendor.edit("main", name, attendees=people)
        else:
            event = self.fake_vendor.events["main"][name].text.start.wall
            start = event.replace(hour=number, minute=random.Random(number).randrange(60))  # noqa: S311
            self.fake_vendor.edit(
                "main",
                name,
                start=Moment(wall=start, zone="Europe/London"),
                end=Moment(wall=start + HOUR, zone="Europe/London"),
            )

    def differences(self) -> list[Any]:
        there = {
            event.id: conversion.content_of_event(event.text)
            for event in self.fake_vendor.live("main")
            if event.key
        }
        rows = Appointment.objects.filter(status="booked")
        here = {row.links.get().remote_id: conversion.content_of_appointment(row) for row in rows}
        blocks = set(BusyBlock.objects.values_list("remote_id", flat=True))
        others = {event.id for event in self.fake_vendor.live("main") if not event.key}
        wrong: list[Any] = [key for key in {*there, *here} if there.get(key) != here.get(key)]
        # Nobody over there says anything about places.
        lost = [row for row in rows if row.place != self.places.get(row.pk, "")]
        return wrong + lost + sorted(blocks ^ others)


def converge(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
    edits: list[tuple[str, int, int]],
) -> None:
    Appointment.objects.all().delete()
    BusyBlock.objects.all().delete()
    Calendar.objects.filter(pk=calendar.pk).update(cursor="", last_pulled_at=None)
    fake_vendor.events.clear()
    world = Round(organization, calendar, fake_vendor)
    for edit in edits:
        world.do(*edit)
    # One safety poll; what it causes is written, and noted.
    world.pull()
    world.write()
    world.pull()
    assert world.differences() == []


quickly = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@quickly
@given(edits=EDITS)
def test_whatever_happens_in_whatever_order_both_sides_end_equal(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
    edits: list[tuple[str, int, int]],
) -> None:
    converge(organization, calendar, fake_vendor, edits)


@pytest.mark.chaos
@pytest.mark.timeout(3600)
@settings(parent=quickly, max_examples=400)
@given(edits=EDITS)
def test_ten_thousand_edits(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
    edits: list[tuple[str, int, int]],
) -> None:
    converge(organization, calendar, fake_vendor, edits)


def test_a_dead_line_is_tried_again_later(calendar: Calendar, fake_vendor: FakeVendor) -> None:
    fake_vendor.down = TransientError("no answer")
    sync.pull_calendar(calendar.pk)
    Account.objects.update(retry_at=datetime.now(UTC))
    sync.pull_calendar(calendar.pk)
    calendar.account.refresh_from_db()
    assert calendar.account.failures == 2
    assert calendar.account.retry_at
    assert calendar.account.retry_at > datetime.now(UTC)
