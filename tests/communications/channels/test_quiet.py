"""Quiet hours: phones stay silent at night, by the organization's clock."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from communications.models import Message, Organization, Priority
from communications.policy import quiet_hours
from tests.communications.channels.phones import (
    Phones,
    explanations,
    guest,
    last,
    status,
    timeline,
    write,
)

BERLIN = Organization(time_zone="Europe/Berlin", quiet_from=time(21), quiet_until=time(8))


def at_night(venue: Organization) -> Organization:
    """Its quiet hours began an hour ago and last another hour."""
    now = timezone.now()
    venue.time_zone = "UTC"
    venue.quiet_from = (now - timedelta(hours=1)).time()
    venue.quiet_until = (now + timedelta(hours=1)).time()
    venue.save()
    return venue


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_at_night_a_phone_stays_silent_until_the_morning(
    venue: Organization,
    phones: Phones,
    channel: str,
) -> None:
    message = write(guest(at_night(venue)), channel)
    phones.send(message)
    assert (status(message), timeline(message)) == ("queued", ["composed", "held"])
    assert "Quiet hours: waits until" in explanations(message)
    assert phones.copies(message) == []
    phones.send(message)
    assert timeline(message) == ["composed", "held"]

    Organization.objects.update(quiet_from=None, quiet_until=None)
    phones.pass_time(hours=1)
    assert phones.send(message).status == "sent"
    assert len(phones.copies(message)) == 1


def test_what_is_urgent_rings(venue: Organization, phones: Phones) -> None:
    message = write(guest(at_night(venue)), "sms", priority=Priority.URGENT)
    assert phones.send(message).status == "sent"


def test_a_step_of_a_plan_is_silent_too_and_the_next_one_waits_as_long(
    venue: Organization,
    phones: Phones,
) -> None:
    plan = [{"channel": "email", "after_seconds": 60}]
    message = write(guest(at_night(venue)), "sms", fallback=plan)
    phones.send(message)
    message.refresh_from_db()
    assert message.escalate_at is not None
    assert message.escalate_at > timezone.now() + timedelta(minutes=59)
    assert message.attempts.count() == 0


def test_the_day_after_a_failure_at_night_is_soon_enough(
    venue: Organization,
    phones: Phones,
) -> None:
    message = phones.send(write(guest(venue), "whatsapp", fallback=[{"channel": "sms"}]))
    at_night(venue)
    phones.meta_says(last(message), "failed", 131026)
    phones.send_due()
    assert (status(message), timeline(message)[-1]) == ("queued", "held")


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (datetime(2026, 6, 1, 18, 59, tzinfo=UTC), None),
        (datetime(2026, 6, 1, 19, 0, tzinfo=UTC), datetime(2026, 6, 2, 6, tzinfo=UTC)),
        (datetime(2026, 6, 2, 1, 0, tzinfo=UTC), datetime(2026, 6, 2, 6, tzinfo=UTC)),
        (datetime(2026, 6, 2, 6, 0, tzinfo=UTC), None),
        # The night in which the clocks go forward ends at eight, not at nine.
        (datetime(2026, 3, 28, 22, 0, tzinfo=UTC), datetime(2026, 3, 29, 6, tzinfo=UTC)),
    ],
)
def test_the_end_is_by_the_clock_on_the_organization_s_wall(
    now: datetime,
    end: datetime | None,
) -> None:
    assert quiet_hours.quiet_hours_end(BERLIN, now) == end


@given(
    start=st.times(),
    end=st.times(),
    now=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_whatever_the_hours_silence_ends_within_a_day_and_at_no_quiet_time(
    start: time,
    end: time,
    now: datetime,
) -> None:
    venue = Organization(time_zone="Europe/London", quiet_from=start, quiet_until=end)
    until = quiet_hours.quiet_hours_end(venue, now)
    if until is not None:
        assert now < until <= now + timedelta(hours=25)
        assert quiet_hours.quiet_hours_end(venue, until) is None


@pytest.mark.django_db
def test_a_beginning_needs_an_end(venue: Organization) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Organization.objects.filter(pk=venue.pk).update(quiet_from=time(21))
    assert Message.objects.count() == 0
