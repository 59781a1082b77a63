"""A booking asked for again with its key is the same appointment, and never a second one."""
# ruff: noqa: ARG001 (fixtures that only have to be there)

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from calendars.appointments import idempotency
from calendars.appointments.booking import BookingRequest
from calendars.errors import NotFree
from calendars.mailbox import grants
from calendars.models import Appointment, Calendar
from calendars.models.appointments import AppointmentStatus
from communications.errors import KeyReused
from communications.models import Organization
from tests import factories
from tests.calendars import rows
from tests.calendars.fake_vendor import FakeVendor
from tests.calendars.test_booking import HOUR, TEN, booking_request
from wedsync_comms.lib.errors import TransientError

KEY = "form-17"
AT_ONCE = 8


def test_the_same_request_again_is_the_same_appointment(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    made = idempotency.book_once(organization, booking_request(), key=KEY)
    assert idempotency.book_once(organization, booking_request(), key=KEY) == made
    assert fake_vendor.calls == ["free_busy"]
    assert Appointment.objects.count() == 1


def test_also_after_it_was_moved_or_cancelled(
    organization: Organization,
    calendar: Calendar,
) -> None:
    made = idempotency.book_once(organization, booking_request(), key=KEY)
    Appointment.objects.update(status=AppointmentStatus.CANCELLED)
    assert idempotency.book_once(organization, booking_request(), key=KEY) == made


@pytest.mark.parametrize(
    "other",
    [
        booking_request(title="Cake"),
        booking_request(TEN + HOUR),
        booking_request(TEN.replace(fold=1)),
        booking_request(also_free=[7]),
    ],
)
def test_another_request_needs_another_key(
    organization: Organization,
    calendar: Calendar,
    other: BookingRequest,
) -> None:
    idempotency.book_once(organization, booking_request(), key=KEY)
    with pytest.raises(KeyReused, match="choose a new one"):
        idempotency.book_once(organization, other, key=KEY)


def test_keys_are_an_organizations_own(organization: Organization, calendar: Calendar) -> None:
    idempotency.book_once(organization, booking_request(), key=KEY)
    other = factories.organization()
    account = rows.account(other, vendor="fake", grant=calendar.account.grant)
    theirs = rows.calendar(account, remote_id="other", zone="UTC")
    idempotency.book_once(other, booking_request(title="Cake", calendar=theirs.pk), key=KEY)
    assert Appointment.objects.count() == 2


def test_without_a_key_every_request_is_a_new_one(
    organization: Organization,
    calendar: Calendar,
) -> None:
    idempotency.book_once(organization, booking_request())
    with pytest.raises(NotFree, match="taken"):
        idempotency.book_once(organization, booking_request())
    idempotency.book_once(organization, booking_request(TEN + HOUR))
    assert Appointment.objects.count() == 2


def test_what_was_refused_may_be_tried_again_with_its_key(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    fake_vendor.down = TransientError("503")
    with pytest.raises(NotFree, match="Nobody can tell"):
        idempotency.book_once(organization, booking_request(), key=KEY)
    fake_vendor.down = None
    assert (
        idempotency.book_once(organization, booking_request(), key=KEY).status
        == AppointmentStatus.BOOKED
    )


def test_a_process_that_died_in_it_does_not_keep_the_key(
    organization: Organization,
    calendar: Calendar,
) -> None:
    died = idempotency.book_once(organization, booking_request(), key=KEY)
    Appointment.objects.update(status=AppointmentStatus.HELD, held_until=timezone.now())
    made = idempotency.book_once(organization, booking_request(), key=KEY)
    assert made != died
    assert Appointment.objects.get() == made


def test_a_repeat_does_not_wait_for_the_first_one_forever(
    organization: Organization,
    calendar: Calendar,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    idempotency.book_once(organization, booking_request(), key=KEY)
    until = timezone.now() + timedelta(minutes=1)
    Appointment.objects.update(status=AppointmentStatus.HELD, held_until=until)
    monkeypatch.setattr(idempotency, "REPEAT_WAIT_S", 0.2)
    with pytest.raises(NotFree, match="still being worked on"):
        idempotency.book_once(organization, booking_request(), key=KEY)


def together(item: Callable[[int], None]) -> None:
    gate = threading.Barrier(AT_ONCE)

    def run(number: int) -> None:
        gate.wait()
        try:
            item(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture
def open_calendar(transactional_db: None, fake_vendor: FakeVendor) -> Calendar:
    """What other threads see."""
    account = rows.account(
        factories.organization(),
        vendor="fake",
        grant=grants.seal_grant(fake_vendor.grant()),
    )
    return rows.calendar(account, remote_id="main", zone="UTC")


def test_many_at_once_get_one_appointment(open_calendar: Calendar) -> None:
    organization = open_calendar.account.organization
    found: list[str] = []
    together(
        lambda _: found.append(idempotency.book_once(organization, booking_request(), key=KEY).key)
    )
    assert len(found) == AT_ONCE
    assert set(found) == {Appointment.objects.get().key}


def test_of_many_different_ones_with_one_key_only_one_is_booked(open_calendar: Calendar) -> None:
    organization = open_calendar.account.organization
    outcomes: list[str] = []

    def book_and_retry(number: int) -> None:
        try:
            idempotency.book_once(organization, booking_request(TEN + HOUR * number), key=KEY)
            outcomes.append("booked")
        except KeyReused:
            outcomes.append("reused")

    together(book_and_retry)
    assert sorted(outcomes) == ["booked"] + ["reused"] * (AT_ONCE - 1)
    assert Appointment.objects.count() == 1
