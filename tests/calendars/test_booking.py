"""hold -> ask -> commit -> written: appointments that are made, moved and cancelled here."""
# ruff: noqa: ARG001 (fixtures that only have to be there)

from datetime import UTC, datetime, timedelta

import pytest

from calendars.appointments import rescheduling
from calendars.appointments.booking import (
    BookingRequest,
    book_appointment,
)
from calendars.appointments.participants import Invitee
from calendars.appointments.rescheduling import AppointmentEdit
from calendars.errors import NotFree
from calendars.models import Account, Appointment, Calendar
from calendars.models.appointments import AppointmentStatus
from calendars.sync import pull
from calendars.vocabulary.events import (
    EventText,
    Moment,
    RemoteEvent,
    ResponseStatus,
)
from communications.errors import NotPossible, Refused, Stale
from communications.models import Organization
from tests import factories
from tests.calendars.fake_vendor import FakeVendor
from tests.calendars.workers import write_due
from wedsync_comms.lib.errors import TransientError

TEN = datetime.fromisoformat("2027-06-05T10:00")
HOUR = timedelta(hours=1)


def booking_request(start: datetime = TEN, minutes: int = 60, **fields: object) -> BookingRequest:
    values = {"title": "Tasting", "zone": "Europe/London", **fields}
    return BookingRequest(start=start, end=start + timedelta(minutes=minutes), **values)  # type: ignore[arg-type]


def theirs(start: datetime = TEN, name: str = "theirs", zone: str = "Europe/London") -> RemoteEvent:
    text = EventText(
        title="Dentist",
        start=Moment(wall=start, zone=zone),
        end=Moment(wall=start + HOUR, zone=zone),
    )
    return RemoteEvent(id=name, etag="", text=text)


def test_it_is_ours_at_once_and_written_right_after(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    amelia = factories.contact(organization, email="amelia@example.com")
    made = book_appointment(
        organization,
        booking_request(
            participants=[Invitee(contact=amelia.pk, role="couple"), Invitee(email="dj@e.com")]
        ),
    )
    assert made.starts_at == datetime(2027, 6, 5, 9, tzinfo=UTC)
    assert fake_vendor.live("main") == []
    assert write_due() == 1
    (event,) = fake_vendor.live("main")
    assert event.key == made.key
    assert event.text.title == "Tasting"
    assert [attendee.email for attendee in event.text.attendees] == [
        "amelia@example.com",
        "dj@e.com",
    ]
    link = made.links.get()
    assert (link.remote_id, link.etag, link.write_after) == (event.id, event.etag, None)
    assert [change.what for change in made.changes.all()] == ["booked"]


def test_a_taken_time_is_refused_and_nothing_is_left(
    organization: Organization,
    calendar: Calendar,
) -> None:
    book_appointment(organization, booking_request())
    for start in (TEN, TEN + HOUR / 2, TEN - HOUR / 2):
        with pytest.raises(NotFree, match="taken"):
            book_appointment(organization, booking_request(start))
    book_appointment(organization, booking_request(TEN + HOUR))
    assert Appointment.objects.count() == 2


def test_what_the_vendor_alone_knows_counts(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    fake_vendor.put("main", theirs())
    with pytest.raises(NotFree, match="Consultations is taken"):
        book_appointment(organization, booking_request())
    assert not Appointment.objects.exists()


@pytest.mark.parametrize("how", ["problem", "down", "unlinked"])
def test_unknown_is_never_free(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
    how: str,
) -> None:
    if how == "problem":
        fake_vendor.problem = "internalError"
    elif how == "down":
        fake_vendor.down = TransientError("no answer")
    else:
        fake_vendor.revoked = True
        account = calendar.account
        account.grant = ""
        account.save()
    with pytest.raises(NotFree, match="Nobody can tell"):
        book_appointment(organization, booking_request())
    assert not Appointment.objects.exists()


def test_times_that_do_not_exist_are_refused_with_the_reason(
    organization: Organization,
    calendar: Calendar,
) -> None:
    with pytest.raises(Refused, match="does not exist on 28 March 2027") as refusal:
        book_appointment(organization, booking_request(datetime.fromisoformat("2027-03-28T01:30")))
    assert refusal.value.field == "start"
    with pytest.raises(Refused, match="no time zone called"):
        book_appointment(organization, booking_request(zone="Mars/Base"))
    with pytest.raises(Refused, match="end after it starts"):
        book_appointment(organization, booking_request(minutes=0))


def test_the_second_pass_through_a_repeated_hour_is_kept(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    second = datetime.fromisoformat("2027-10-31T01:00").replace(fold=1)
    made = book_appointment(organization, booking_request(second, minutes=30))
    assert made.starts_at == datetime(2027, 10, 31, 1, tzinfo=UTC)
    write_due()
    assert fake_vendor.live("main")[0].text.start.instant == made.starts_at


def test_it_is_moved_also_onto_part_of_itself(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    made = book_appointment(organization, booking_request())
    write_due()
    moved = rescheduling.change_appointment(made, AppointmentEdit(start=TEN + HOUR / 2))
    assert moved.ends_at - moved.starts_at == HOUR
    assert moved.version == 2
    write_due()
    (event,) = fake_vendor.live("main")
    assert event.text.start.wall == TEN + HOUR / 2
    assert [change.what for change in made.changes.all()] == ["booked", "moved"]
    assert Appointment.objects.count() == 1


def test_it_is_not_moved_onto_another(organization: Organization, calendar: Calendar) -> None:
    made = book_appointment(organization, booking_request())
    book_appointment(organization, booking_request(TEN + HOUR))
    with pytest.raises(NotFree):
        rescheduling.change_appointment(made, AppointmentEdit(start=TEN + HOUR / 2))
    made.refresh_from_db()
    assert made.wall_start == TEN
    assert Appointment.objects.count() == 2


def test_people_are_changed_and_keep_their_answers(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    made = book_appointment(
        organization,
        booking_request(participants=[Invitee(email="a@e.com"), Invitee(email="b@e.com")]),
    )
    made.participants.filter(email="a@e.com").update(answer=ResponseStatus.ACCEPTED)
    made = rescheduling.change_appointment(
        made,
        AppointmentEdit(
            participants=[Invitee(email="A@e.com"), Invitee(email="c@e.com", role="supplier")]
        ),
    )
    found = {participant.email: participant for participant in made.participants.all()}
    assert set(found) == {"a@e.com", "c@e.com"}
    assert found["a@e.com"].answer == ResponseStatus.ACCEPTED
    assert found["c@e.com"].role == "supplier"
    write_due()
    assert len(fake_vendor.live("main")[0].text.attendees) == 2


def test_a_cancelled_one_is_cancelled_there_and_its_time_is_free(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    made = book_appointment(organization, booking_request())
    write_due()
    rescheduling.cancel_appointment(made)
    write_due()
    assert fake_vendor.live("main") == []
    book_appointment(organization, booking_request(title="Another"))
    made.refresh_from_db()
    with pytest.raises(NotPossible):
        rescheduling.change_appointment(made, AppointmentEdit(title="x"))


def test_what_changed_since_it_was_looked_at_is_not_overwritten(
    organization: Organization,
    calendar: Calendar,
) -> None:
    made = book_appointment(organization, booking_request())
    rescheduling.change_appointment(made, AppointmentEdit(title="First"), version=1)
    made.refresh_from_db()
    with pytest.raises(Stale):
        rescheduling.change_appointment(made, AppointmentEdit(title="Second"), version=1)
    with pytest.raises(Stale):
        rescheduling.cancel_appointment(made, version=1)


def test_a_dead_hold_gives_its_time_back(organization: Organization, calendar: Calendar) -> None:
    made = book_appointment(organization, booking_request())
    Appointment.objects.filter(pk=made.pk).update(
        status=AppointmentStatus.HELD,
        held_until=datetime(2020, 1, 1, tzinfo=UTC),
    )
    book_appointment(organization, booking_request())
    assert Appointment.objects.count() == 1


def test_another_organizations_calendar_cannot_be_booked(
    organization: Organization,
    calendar: Calendar,
) -> None:
    other_organization = factories.organization()
    for key in (calendar.pk, None):
        with pytest.raises(Refused, match="Choose a calendar"):
            book_appointment(other_organization, booking_request(calendar=key))
    with pytest.raises(Refused, match="no such calendar"):
        book_appointment(organization, booking_request(also_free=[calendar.pk + 1000]))


def test_created_exactly_once_though_answers_get_lost(
    organization: Organization,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    fake_vendor.lost_before, fake_vendor.lost_after = 0.15, 0.15
    made: list[Appointment] = []
    while len(made) < 30:
        try:
            made.append(book_appointment(organization, booking_request(TEN + HOUR * len(made))))
        except NotFree:
            continue
    for _ in range(40):
        Account.objects.update(retry_at=None)
        for link in [appointment.links.get() for appointment in made]:
            type(link).objects.filter(pk=link.pk, write_after__isnull=False).update(
                write_after=datetime(2020, 1, 1, tzinfo=UTC),
            )
        write_due()
    fake_vendor.lost_before = fake_vendor.lost_after = 0
    assert len(fake_vendor.live("main")) == 30
    assert {event.key for event in fake_vendor.live("main")} == {
        appointment.key for appointment in made
    }
    Account.objects.update(retry_at=None)
    pull.pull_calendar(calendar.pk)
    assert Appointment.objects.filter(status="booked").count() == 30
