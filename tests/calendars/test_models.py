"""What the database itself promises about appointments."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from calendars.models import Appointment
from calendars.models.appointments import AppointmentStatus
from tests.calendars import rows

pytestmark = pytest.mark.django_db

NOON = datetime(2027, 6, 5, 12, tzinfo=UTC)


def overlapping(**columns: Any) -> bool:
    """Whether the database lets a second one in."""
    calendar = rows.calendar()
    rows.appointment(calendar, NOON)
    try:
        with transaction.atomic():
            rows.appointment(calendar, NOON + timedelta(minutes=30), **columns)
    except IntegrityError:
        return False
    return True


def test_postgresql_lets_no_two_appointments_of_a_calendar_overlap() -> None:
    assert overlapping() == (connection.vendor != "postgresql")
    assert overlapping(status=AppointmentStatus.HELD) == (connection.vendor != "postgresql")


def test_what_is_cancelled_or_known_to_overlap_takes_no_time() -> None:
    assert overlapping(status=AppointmentStatus.CANCELLED)
    assert overlapping(overlaps=True)


def test_one_may_begin_when_another_ends() -> None:
    calendar = rows.calendar()
    rows.appointment(calendar, NOON)
    rows.appointment(calendar, NOON + timedelta(hours=1))


def test_other_calendars_are_other_calendars() -> None:
    rows.appointment(rows.calendar(), NOON)
    rows.appointment(rows.calendar(), NOON)


def test_it_may_take_no_time_and_never_ends_before_it_starts() -> None:
    rows.appointment(rows.calendar(), NOON, minutes=0)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.appointment(rows.calendar(), NOON, minutes=-1)


def test_a_repeated_hour_keeps_which_one_it_was() -> None:
    second = datetime.fromisoformat("2027-10-31T01:30").replace(fold=1)
    made = rows.appointment(rows.calendar(), wall=second, zone="Europe/London")
    found = Appointment.objects.get(pk=made.pk)
    assert found.wall_start.fold == 1
    assert found.start.instant == datetime(2027, 10, 31, 1, 30, tzinfo=UTC) == found.starts_at


def test_a_wall_time_has_no_offset() -> None:
    with pytest.raises(ValueError, match="no offset"):
        Appointment.objects.filter(wall_start=NOON).exists()
