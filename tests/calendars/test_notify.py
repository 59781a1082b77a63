"""What people are told: once, the newest, at a decent hour, in their own time."""
# ruff: noqa: ARG001 (fixtures that only have to be there)

import time
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from icalendar import Calendar as ICalendar
from pytest_django import Settings

from calendars.appointments import rescheduling
from calendars.appointments.booking import book_appointment
from calendars.appointments.participants import Invitee
from calendars.appointments.rescheduling import AppointmentEdit
from calendars.linking import default_texts
from calendars.models import Appointment, Calendar, Notice, Rule
from calendars.notifications import ics, plan, send
from calendars.sync import pull
from calendars.vocabulary.events import (
    Attendee,
    ResponseStatus,
)
from communications.book import contacts
from communications.files.contents import attachment_content
from communications.models import Contact, Message, Organization, Template
from tests import factories
from tests.calendars import rows
from tests.calendars.fake_vendor import FakeVendor
from tests.calendars.test_booking import HOUR, booking_request
from tests.calendars.workers import write_due
from tests.connections import Closing
from wedsync_comms.lib.storage.storage_settings import storage_settings

# A Tuesday at noon.
NOON = datetime(2027, 5, 4, 12, tzinfo=UTC)
TEN = datetime.fromisoformat("2027-05-20T10:00")


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(timezone, "now", found)
    return found


@pytest.fixture
def amelia(organization: Organization) -> Contact:
    return factories.contact(organization, email="amelia@example.com", name="Amelia")


@pytest.fixture
def booked(
    clock: Clock,
    organization: Organization,
    calendar: Calendar,
    amelia: Contact,
    fake_vendor: FakeVendor,
) -> Appointment:
    """Written, told, and read for the first time."""
    assert fake_vendor.calls == []
    default_texts.seed_default_texts(organization)
    made = book_appointment(
        organization, booking_request(TEN, participants=[Invitee(contact=amelia.pk, role="couple")])
    )
    write_due()
    pull.pull_calendar(calendar.pk)
    assert new_subjects(clock) == ["Tasting on Thursday 20 May 2027"]
    return made


def new_subjects(clock: Clock, after: timedelta = timedelta(minutes=3)) -> list[str]:
    """The subjects of what is new after a while."""
    clock.now += after
    before = set(Message.objects.values_list("pk", flat=True))
    plan.plan_reminders()
    send.send_due_notifications()
    send.send_due_notifications()
    return list(
        Message.objects.exclude(pk__in=before)
        .order_by("created_at")
        .values_list("subject", flat=True)
    )


def test_who_was_told_of_nothing_new_hears_nothing(booked: Appointment, clock: Clock) -> None:
    rescheduling.change_appointment(booked, AppointmentEdit(description="Bring shoes."))
    write_due()
    assert new_subjects(clock) == []


def test_the_mail_carries_the_appointment(booked: Appointment, fake_vendor: FakeVendor) -> None:
    message = Message.objects.get()
    assert message.to == "amelia@example.com"
    assert "at 10:00 (Europe/London)" in message.body
    file = message.attachments.get()
    assert file.content_type == "text/calendar; method=REQUEST; charset=utf-8"
    parsed: Any = ICalendar.from_ical(attachment_content(file))
    (event,) = parsed.walk("VEVENT")
    assert parsed["METHOD"] == "REQUEST"
    assert event["DTSTART"].dt == booked.starts_at
    assert event["SEQUENCE"] == 1
    assert parsed.walk("VTIMEZONE")


def test_edits_in_a_row_are_one_message_about_the_newest(
    booked: Appointment,
    clock: Clock,
) -> None:
    for hours in (1, 2, 3):
        booked = rescheduling.change_appointment(booked, AppointmentEdit(start=TEN + hours * HOUR))
        clock.now += timedelta(seconds=30)
    write_due()
    assert new_subjects(clock) == ["New time: Tasting on Thursday 20 May 2027"]
    message = Message.objects.latest("created_at")
    assert "from Thursday 20 May, 10:00 to Thursday 20 May 2027 at 13:00" in message.body
    assert new_subjects(clock) == []


@pytest.mark.django_db(transaction=True)
def test_who_is_being_told_of_it_just_now_hears_of_its_end_too(
    organization: Organization,
    calendar: Calendar,
    amelia: Contact,
    fake_vendor: FakeVendor,
) -> None:
    default_texts.seed_default_texts(organization)
    Rule.objects.update(quiet_seconds=0, is_urgent=True)
    made = book_appointment(
        organization, booking_request(TEN, participants=[Invitee(contact=amelia.pk)])
    )
    write_due()

    with Closing(1) as pool:
        with transaction.atomic():
            notification = Notice.objects.select_for_update().get()
            cancelling = pool.submit(rescheduling.cancel_appointment, made)
            # Time to read what waits, if it does not wait for it to be told.
            time.sleep(0.5)
            send.send_notification(notification.pk)
        cancelling.result(timeout=20)
    found = Notice.objects.values_list("rule__occasion", "state")
    assert sorted(found) == [("booked", "told"), ("cancelled", "waiting")]


def test_there_and_back_again_is_no_news(booked: Appointment, clock: Clock) -> None:
    moved = rescheduling.change_appointment(booked, AppointmentEdit(start=TEN + HOUR))
    rescheduling.change_appointment(moved, AppointmentEdit(start=TEN))
    write_due()
    assert new_subjects(clock) == []


def test_cancelled_before_anybody_was_told(
    clock: Clock,
    booked: Appointment,
    organization: Organization,
    amelia: Contact,
) -> None:
    other = book_appointment(
        organization, booking_request(TEN + 24 * HOUR, participants=[Invitee(contact=amelia.pk)])
    )
    rescheduling.cancel_appointment(other)
    write_due()
    assert new_subjects(clock) == []


def test_cancelled_is_told_with_a_file_that_removes_it(booked: Appointment, clock: Clock) -> None:
    uid = ics.ics_uid(booked)
    rescheduling.change_appointment(booked, AppointmentEdit(start=TEN + HOUR))
    rescheduling.cancel_appointment(Appointment.objects.get())
    write_due()
    assert new_subjects(clock) == ["Cancelled: Tasting on Thursday 20 May 2027"]
    file = Message.objects.latest("created_at").attachments.get()
    (event,) = ICalendar.from_ical(attachment_content(file)).walk("VEVENT")
    assert (event["STATUS"], event["UID"], event["SEQUENCE"]) == ("CANCELLED", uid, 3)


def test_moved_by_the_other_side_is_told_once(
    booked: Appointment,
    clock: Clock,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    name = booked.links.get().remote_id
    start, end = (
        fake_vendor.events["main"][name].text.start,
        fake_vendor.events["main"][name].text.end,
    )
    fake_vendor.edit(
        "main",
        name,
        start=type(start)(wall=start.wall + HOUR, zone=start.zone),
        end=type(end)(wall=end.wall + HOUR, zone=end.zone),
    )
    pull.pull_calendar(calendar.pk)
    pull.pull_calendar(calendar.pk)
    assert new_subjects(clock) == ["New time: Tasting on Thursday 20 May 2027"]


def test_the_first_reading_tells_nobody(
    booked: Appointment,
    clock: Clock,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    Calendar.objects.update(last_pulled_at=None, cursor="")
    name = booked.links.get().remote_id
    start = fake_vendor.events["main"][name].text.start
    fake_vendor.edit("main", name, start=type(start)(wall=start.wall - HOUR, zone=start.zone))
    pull.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    assert booked.wall_start == TEN - HOUR
    assert new_subjects(clock) == []


def test_a_declined_invitation_is_told_to_colleagues_only(
    booked: Appointment,
    clock: Clock,
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    noah = factories.contact(organization, email="noah@example.com", name="Noah")
    people = [
        Invitee(contact=noah.pk, role="colleague"),
        Invitee(email="amelia@example.com", role="couple"),
    ]
    rescheduling.change_appointment(booked, AppointmentEdit(participants=people))
    write_due()
    assert new_subjects(clock) == ["Tasting on Thursday 20 May 2027"]
    answers = (
        Attendee(email="noah@example.com"),
        Attendee(email="amelia@example.com", answer=ResponseStatus.DECLINED),
    )
    fake_vendor.edit("main", booked.links.get().remote_id, attendees=answers)
    pull.pull_calendar(calendar.pk)
    assert new_subjects(clock) == ["Declined: Tasting on Thursday 20 May 2027"]
    assert Message.objects.latest("created_at").to == "noah@example.com"


def test_nobody_is_woken(booked: Appointment, clock: Clock) -> None:
    clock.now = datetime(2027, 5, 5, 21, 30, tzinfo=UTC)
    rescheduling.change_appointment(booked, AppointmentEdit(start=TEN + HOUR))
    write_due()
    assert new_subjects(clock) == []
    assert new_subjects(clock, timedelta(hours=8)) == []
    assert Notice.objects.waiting().get().tell_after == datetime(2027, 5, 6, 7, tzinfo=UTC)
    assert len(new_subjects(clock, timedelta(hours=2))) == 1


def test_reminded_once_and_again_after_a_move(booked: Appointment, clock: Clock) -> None:
    clock.now = datetime(2027, 5, 19, 10, tzinfo=UTC)
    assert new_subjects(clock) == ["A reminder: Tasting on Thursday 20 May 2027"]
    assert new_subjects(clock) == []
    rescheduling.change_appointment(
        Appointment.objects.get(), AppointmentEdit(start=TEN + 24 * HOUR)
    )
    write_due()
    assert new_subjects(clock) == ["New time: Tasting on Friday 21 May 2027"]
    assert new_subjects(clock, timedelta(hours=24)) == ["A reminder: Tasting on Friday 21 May 2027"]


def test_a_reminder_that_the_lost_rows_may_have_had_is_asked_for_and_not_sent(
    booked: Appointment, clock: Clock
) -> None:
    dumped_at, clock.now = clock.now, datetime(2027, 5, 19, 10, tzinfo=UTC)

    call_command("after_restore", "--dumped-at", dumped_at.isoformat())

    assert new_subjects(clock) == []
    reminder = Message.objects.get(subject="A reminder: Tasting on Thursday 20 May 2027")
    assert (reminder.status, reminder.send_after) == ("unknown", None)


@pytest.fixture
def storage_away(booked: Appointment, settings: Settings, tmp_path: Path) -> None:
    """Nothing can be written: a file stands where the folder should be."""
    # So that what is sent is no file that is there already.
    Appointment.objects.update(place="The old barn")
    (tmp_path / "stone").touch()
    gone = storage_settings(str(tmp_path / "stone" / "files"))
    settings.STORAGES = {**settings.STORAGES, "files": gone}


def test_after_a_restore_a_storage_that_is_away_ends_it_with_what_to_do(
    booked: Appointment, clock: Clock, storage_away: None
) -> None:
    clock.now = booked.starts_at - timedelta(hours=24)
    with pytest.raises(CommandError, match=r"FILES_URL.* --dumped-at 2026-05-01T10:30:00Z"):
        call_command("after_restore", "--dumped-at", "2026-05-01T10:30Z")
    assert Notice.objects.due(clock.now).exists()


def test_while_the_storage_is_away_who_needs_no_file_is_told(
    booked: Appointment,
    clock: Clock,
    storage_away: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(send, "NOTIFICATIONS_AT_ONCE", 2)
    notification = Notice.objects.get()
    clock.now = booked.starts_at - timedelta(hours=24)
    plain = clone(notification.rule, name="In passing", attaches_ics=False)
    heavy = [clone(notification.rule, name=f"With a file {number}") for number in range(3)]
    for number, rule in enumerate([*heavy, plain]):
        at = {"occasion_key": f"{number}", "tell_after": clock.now, "state": "waiting"}
        clone(notification, rule=rule, message=None, **at)

    assert send.send_due_notifications() == 1
    assert set(Notice.objects.due(clock.now).values_list("rule", flat=True)) == {
        rule.pk for rule in heavy
    }
    assert send.send_due_notifications() == 0


def clone(row: Any, **columns: Any) -> Any:
    made = copy(row)
    made.pk, made._state.adding = None, True
    for name, value in columns.items():
        setattr(made, name, value)
    made.save()
    return made


def test_by_the_way_there_is(
    booked: Appointment,
    clock: Clock,
    organization: Organization,
) -> None:
    phone = Contact.objects.create(organization=organization, name="No address")
    rescheduling.change_appointment(
        booked,
        AppointmentEdit(
            participants=[Invitee(contact=phone.pk), Invitee(email="amelia@example.com")]
        ),
    )
    write_due()
    rescheduling.change_appointment(Appointment.objects.get(), AppointmentEdit(start=TEN + HOUR))
    write_due()
    assert len(new_subjects(clock)) == 1
    refused = Notice.objects.get(state="refused")
    assert refused.error == "No address on any channel of the rule."


@pytest.mark.parametrize(
    ("number", "channels"),
    [
        ("+447700900123", {"email", "sms"}),
        # No network has it; and no SMS reaches a landline.
        ("+449460018", {"email"}),
        ("+442079460018", {"email"}),
    ],
)
def test_a_number_that_nothing_arrives_at_leaves_the_other_channels(
    amelia: Contact, number: str, channels: set[str]
) -> None:
    contacts.add_address(amelia, channel="sms", value=number)
    assert send.reachable_channels(amelia) == channels


def test_what_may_be_said_in_a_text_is_what_is_filled_in(booked: Appointment) -> None:
    notification = Notice.objects.filter(appointment=booked)[0]
    assert tuple(send.appointment_values(notification)) == send.APPOINTMENT_VARIABLES


def test_a_text_that_lacks_a_value_is_refused_with_the_reason(
    booked: Appointment,
    clock: Clock,
) -> None:
    Template.objects.filter(name="appointment-moved").update(body="{{ nonsense }}")
    rescheduling.change_appointment(booked, AppointmentEdit(start=TEN + HOUR))
    write_due()
    assert new_subjects(clock) == []
    assert "nonsense" in Notice.objects.get(state="refused").error


def test_told_again_after_a_crash_it_is_one_message(
    booked: Appointment,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rescheduling.change_appointment(booked, AppointmentEdit(start=TEN + HOUR))
    write_due()

    def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    clock.now += timedelta(minutes=3)
    with monkeypatch.context() as patched:
        patched.setattr(send, "close_notification", crash)
        with pytest.raises(RuntimeError):
            send.send_due_notifications()
    assert Message.objects.count() == 1
    assert len(new_subjects(clock)) == 1


def test_rules_are_seeded_once(organization: Organization, db: None) -> None:
    assert default_texts.seed_default_texts(organization) == 5
    assert default_texts.seed_default_texts(organization) == 0
    assert Rule.objects.filter(organization=organization).count() == 5


def test_nobody_is_told_a_time_by_no_places_clock(calendar: Calendar) -> None:
    made = rows.appointment(calendar, zone="UTC")
    made.organization.time_zone = "Europe/Vienna"
    assert send.recipient_zone(None, made) == "Europe/Vienna"
    made.zone = "Asia/Tokyo"
    assert send.recipient_zone(None, made) == "Asia/Tokyo"
