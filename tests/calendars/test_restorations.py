"""What is taken back over there is taken back here: the last word wins."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calendars.appointments import rescheduling
from calendars.appointments.booking import book_appointment
from calendars.appointments.participants import Invitee
from calendars.appointments.rescheduling import AppointmentEdit
from calendars.errors import NotFree
from calendars.models import (
    Account,
    Appointment,
    AppointmentChange,
    Calendar,
    EventLink,
    ParticipantRole,
)
from calendars.sync import pull
from calendars.vocabulary.events import Attendee, Moment
from communications.models import Organization
from tests.calendars.fake_vendor import FakeVendor
from tests.calendars.test_booking import HOUR, TEN, booking_request
from tests.calendars.workers import write_due

pytestmark = pytest.mark.usefixtures("fake_vendor")

START = TEN.replace(year=datetime.now(UTC).year + 1, month=1)
AMELIA, NOAH = "amelia@example.com", "noah@example.com"
WORDS = st.sampled_from(["A", "B", "C"])


def booked(organization: Organization, calendar: Calendar) -> Appointment:
    request = booking_request(START, title="A", place="A", participants=[Invitee(email=AMELIA)])
    made = book_appointment(organization, request)
    write_due()
    pull.pull_calendar(calendar.pk)
    return made


def there(hours: int) -> dict[str, Any]:
    start = START + hours * HOUR
    moments = (Moment(wall=at, zone="Europe/London") for at in (start, start + HOUR))
    return dict(zip(("start", "end"), moments, strict=True))


def told_here(appointment: Appointment) -> Any:
    appointment.refresh_from_db()
    guests = appointment.participants.values_list("email", flat=True)
    return (appointment.title, appointment.place, appointment.wall_start, set(guests))


def told_there(fake_vendor: FakeVendor) -> Any:
    (event,) = fake_vendor.live("main")
    guests = {attendee.email for attendee in event.text.attendees}
    return (event.text.title, event.text.place, event.text.start.wall, guests)


@pytest.mark.parametrize(
    ("away", "back"),
    [
        (there(5), there(0)),
        ({"title": "B"}, {"title": "A"}),
        ({"place": "B"}, {"place": "A"}),
        (
            {"attendees": (Attendee(email=AMELIA), Attendee(email=NOAH))},
            {"attendees": (Attendee(email=AMELIA),)},
        ),
    ],
    ids=["time", "title", "place", "guests"],
)
def test_a_change_that_is_taken_back_there_is_taken_back_here(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
    away: dict[str, Any],
    back: dict[str, Any],
) -> None:
    made = booked(organization, calendar)
    before = told_here(made)
    for _ in range(2):
        fake_vendor.edit("main", made.links.get().remote_id, **away)
        pull.pull_calendar(calendar.pk)
        assert told_here(made) != before
        fake_vendor.edit("main", made.links.get().remote_id, **back)
        pull.pull_calendar(calendar.pk)
        assert told_here(made) == before
    rescheduling.change_appointment(made, AppointmentEdit(description="Bring forks"))
    write_due()
    assert told_there(fake_vendor) == told_here(made) == before


def test_who_is_taken_off_there_and_put_back_is_again_what_they_were(
    organization: Organization, calendar: Calendar, fake_vendor: FakeVendor
) -> None:
    made = booked(organization, calendar)
    made.participants.update(role=ParticipantRole.COUPLE)
    name = made.links.get().remote_id
    for guests in ((), (Attendee(email=AMELIA),)):
        fake_vendor.edit("main", name, attendees=guests)
        pull.pull_calendar(calendar.pk)
    assert made.participants.get().role == ParticipantRole.COUPLE


def test_however_many_guests_are_added_the_history_is_read_once(
    organization: Organization, calendar: Calendar, fake_vendor: FakeVendor
) -> None:
    made = booked(organization, calendar)
    guests = tuple(Attendee(email=f"guest-{number}@example.com") for number in range(5))
    fake_vendor.edit("main", made.links.get().remote_id, attendees=guests)
    with CaptureQueriesContext(connection) as queries:
        pull.pull_calendar(calendar.pk)
    table = AppointmentChange._meta.db_table
    read = [query for query in queries if f'FROM "{table}"' in query["sql"]]
    assert (made.participants.count(), len(read)) == (5, 1)


def test_a_time_to_which_its_own_event_was_moved_unread_is_no_reason_not_to_move_there(
    organization: Organization, calendar: Calendar, fake_vendor: FakeVendor
) -> None:
    made = booked(organization, calendar)
    fake_vendor.edit("main", made.links.get().remote_id, **there(5))
    start = START + 5 * HOUR
    rescheduling.change_appointment(made, AppointmentEdit(start=start, end=start + HOUR))
    write_all()
    assert told_here(made) == told_there(fake_vendor)


def test_a_write_without_an_answer_that_is_taken_back_there_stays_taken_back(
    organization: Organization, calendar: Calendar, fake_vendor: FakeVendor
) -> None:
    made = booked(organization, calendar)
    rescheduling.change_appointment(made, AppointmentEdit(title="B"))
    write_losing_answers(fake_vendor, 1.0)
    fake_vendor.edit("main", made.links.get().remote_id, title="A")
    pull.pull_calendar(calendar.pk)
    write_all()
    assert told_here(made)[0] == told_there(fake_vendor)[0] == "A"


def write_losing_answers(fake_vendor: FakeVendor, share: float) -> None:
    fake_vendor.lost_after = share
    write_due()
    fake_vendor.lost_after = 0.0
    Account.objects.update(retry_at=None)


def write_all() -> None:
    EventLink.objects.exclude(write_after=None).update(write_after=datetime.now(UTC))
    write_due()


EDITS = st.one_of(
    st.tuples(st.just("title there"), WORDS),
    st.tuples(st.just("title here"), WORDS),
    st.tuples(st.just("place there"), WORDS),
    st.tuples(st.just("place here"), WORDS),
    st.tuples(st.just("move there"), st.integers(0, 2)),
    st.tuples(st.just("move here"), st.integers(0, 2)),
    st.tuples(st.just("guests there"), st.booleans()),
    st.tuples(st.just("pull"), st.none()),
    st.tuples(st.just("write"), st.sampled_from([0.0, 1.0])),
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(edits=st.lists(EDITS, max_size=14))
def test_any_edits_on_both_sides_end_equal(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
    edits: Sequence[tuple[str, Any]],
) -> None:
    """With repeats, restorations and lost answers; what is edited there alone is never written."""
    Appointment.objects.all().delete()
    fake_vendor.events.clear()
    fake_vendor.calls.clear()
    Calendar.objects.update(cursor="", pulling_until=None)
    made = booked(organization, calendar)
    name = made.links.get().remote_id
    for what, value in edits:
        edit(fake_vendor, calendar, made, name, what, value)
    for _ in range(3):
        pull.pull_calendar(calendar.pk)
        write_all()
    assert told_here(made) == told_there(fake_vendor)
    if not any(what.endswith("here") and not what.endswith("there") for what, _ in edits):
        assert fake_vendor.calls.count("update") == 0


def edit(
    fake_vendor: FakeVendor,
    calendar: Calendar,
    made: Appointment,
    name: str,
    what: str,
    value: Any,
) -> None:
    made.refresh_from_db()
    kind, _, side = what.partition(" ")
    if what == "pull":
        pull.pull_calendar(calendar.pk)
    elif what == "write":
        EventLink.objects.exclude(write_after=None).update(write_after=datetime.now(UTC))
        write_losing_answers(fake_vendor, value)
    elif side == "there":
        edit_there(fake_vendor, name, kind, value)
    else:
        start = START + timedelta(hours=value) if kind == "move" else None
        fields = {"start": start, "end": start + HOUR} if start else {kind: value}
        # It may stand there already, unread: a time that is taken.
        with suppress(NotFree):
            rescheduling.change_appointment(made, AppointmentEdit(**fields))


def edit_there(fake_vendor: FakeVendor, name: str, kind: str, value: Any) -> None:
    guests = (Attendee(email=AMELIA), *([Attendee(email=NOAH)] if value else []))
    texts: dict[str, dict[str, Any]] = {
        "move": there(value) if kind == "move" else {},
        "guests": {"attendees": guests},
    }
    wanted = texts.get(kind, {kind: value})
    now = fake_vendor.events["main"][name].text
    if any(getattr(now, field) != wanted[field] for field in wanted):
        fake_vendor.edit("main", name, **wanted)
