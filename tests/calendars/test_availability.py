"""What is offered is free, and what is not known is not offered."""
# ruff: noqa: ARG001 (fixtures that only have to be there)

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calendars.appointments import (
    availability,
    freebusy,
)
from calendars.appointments.availability import offer_slots
from calendars.appointments.booking import book_appointment
from calendars.models import Calendar, Hours
from calendars.vocabulary.events import Span
from communications.errors import Refused
from communications.models import Organization
from tests import factories
from tests.calendars import rows
from tests.calendars.fake_vendor import FakeVendor
from tests.calendars.test_booking import HOUR, booking_request, theirs

# A Saturday; Europe/London is an hour ahead of UTC then.
DAY = datetime(2027, 6, 5, tzinfo=UTC)


def starts(organization: Organization, minutes: int = 60, **options: object) -> list[str]:
    found = offer_slots(organization, DAY, DAY + 24 * HOUR, timedelta(minutes=minutes), **options)  # type: ignore[arg-type]
    return [f"{slot.start:%H:%M}" for slot in found.slots]


def test_within_the_hours_and_around_what_is_taken(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    Hours.objects.create(calendar=calendar, weekday=5, opens=time(9), closes=time(13))
    fake_vendor.put("main", theirs(datetime.fromisoformat("2027-06-05T10:00"), zone="UTC"))
    assert starts(organization) == ["09:00", "11:00", "11:15", "11:30", "11:45", "12:00"]
    Calendar.objects.update(buffer_minutes=15)
    assert starts(organization, 45) == ["09:00", "11:15", "11:30", "11:45", "12:00", "12:15"]


def test_the_usual_hours_by_the_calendars_own_clock(
    organization: Organization,
    calendar: Calendar,
) -> None:
    Calendar.objects.update(zone="Europe/London")
    found = starts(organization)
    assert (found[0], found[-1]) == ("08:00", "16:00")


def test_what_is_booked_here_is_taken_before_the_vendor_has_it(
    organization: Organization,
    calendar: Calendar,
) -> None:
    Hours.objects.create(calendar=calendar, weekday=5, opens=time(9), closes=time(12))
    made = book_appointment(
        organization, booking_request(datetime.fromisoformat("2027-06-05T10:00"), zone="UTC")
    )
    assert starts(organization) == ["09:00", "11:00"]
    assert len(starts(organization, moving=made)) == 9


def test_all_calendars_have_to_be_free(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    other = rows.calendar(calendar.account, remote_id="other", zone="UTC")
    fake_vendor.put("other", theirs(datetime.fromisoformat("2027-06-05T09:00"), zone="UTC"))
    assert starts(organization)[0] == "10:00"
    assert starts(organization, calendars=[calendar.pk])[0] == "09:00"
    assert starts(organization, calendars=[other.pk])[0] == "10:00"


def test_an_unknown_is_never_free(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    fake_vendor.problem = "internalError"
    found = offer_slots(organization, DAY, DAY + 24 * HOUR, HOUR)
    assert found.slots == []
    assert [part.problem for part in found.unknown] == ["internalError"]


def test_a_lost_permission_is_unknown_too(organization: Organization, calendar: Calendar) -> None:
    calendar.account.status = "reconnect"
    calendar.account.save()
    found = offer_slots(organization, DAY, DAY + 24 * HOUR, HOUR)
    assert (found.slots, len(found.unknown)) == ([], 1)


def test_others_calendars_are_not_there(calendar: Calendar) -> None:
    with pytest.raises(Refused, match="connected and followed"):
        offer_slots(factories.organization(), DAY, DAY + HOUR, HOUR, [calendar.pk])


@pytest.mark.parametrize(
    ("end", "duration", "said"),
    [
        (DAY, HOUR, "after"),
        (DAY + timedelta(days=63), HOUR, "62 days"),
        (DAY + HOUR, timedelta(0), "5 minutes"),
    ],
)
def test_what_makes_no_sense_is_refused(
    organization: Organization,
    end: datetime,
    duration: timedelta,
    said: str,
) -> None:
    with pytest.raises(Refused, match=said):
        offer_slots(organization, DAY, end, duration)


minutes = st.integers(0, 600).map(lambda start: DAY + timedelta(minutes=start))
spans = st.lists(
    st.tuples(minutes, st.integers(1, 120)).map(
        lambda pair: Span(start=pair[0], end=pair[0] + timedelta(minutes=pair[1])),
    ),
    max_size=6,
)


@given(spans, spans, st.integers(5, 90))
def test_no_slot_ever_touches_what_is_taken(
    free: list[Span],
    taken: list[Span],
    length: int,
) -> None:
    left = freebusy.subtract_spans(
        availability.merged_spans(free), availability.merged_spans(taken)
    )
    for slot in availability.cut_slots(left, timedelta(minutes=length)):
        assert not any(busy.start < slot.end and slot.start < busy.end for busy in taken)
        assert any(
            span.start <= slot.start and slot.end <= span.end
            for span in availability.merged_spans(free)
        )
