"""Events that are found in another calendar than the one they were written into."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calendars.appointments import rescheduling, transitions
from calendars.appointments.booking import book_appointment
from calendars.appointments.rescheduling import AppointmentEdit
from calendars.mailbox import grants
from calendars.mailbox.mailbox import open_mailbox
from calendars.models import Account, Appointment, Calendar, EventLink
from calendars.models.accounts import AccountStatus
from calendars.sync import apply, pull
from calendars.sync import plan as plans
from calendars.sync.moves import MovedEvent
from calendars.sync.plan import SyncPlan
from communications.models import Organization
from tests.calendars import rows
from tests.calendars.fake_vendor import FakeVendor
from tests.calendars.test_booking import TEN, booking_request, theirs
from tests.calendars.workers import write_due

START = TEN.replace(year=datetime.now(UTC).year + 1, month=1)


@pytest.fixture
def booked(organization: Organization, calendar: Calendar) -> Appointment:
    made = book_appointment(organization, booking_request(START))
    write_due()
    pull.pull_calendar(calendar.pk)
    return made


@pytest.fixture
def other_account(organization: Organization, fake_vendor: FakeVendor) -> Account:
    grant = fake_vendor.grant()
    return rows.account(
        organization, vendor="fake", grant=grants.seal_grant(grant), scopes=list(grant.scopes)
    )


def test_a_calendar_that_two_accounts_share_is_one(
    calendar: Calendar, booked: Appointment, other_account: Account, fake_vendor: FakeVendor
) -> None:
    shared = rows.calendar(other_account, remote_id=calendar.remote_id, zone="UTC")
    for title in ("Cake", "Flowers"):
        fake_vendor.edit("main", booked.links.get().remote_id, title=title)
        for row in (shared, calendar, shared):
            pull.pull_calendar(row.pk)
    booked.refresh_from_db()
    assert (booked.title, booked.calendar, booked.links.get().calendar) == (
        "Flowers", calendar, calendar,
    )  # fmt: skip
    assert not [change for change in booked.changes.all() if "calendar" in change.after]
    assert "find_event" not in fake_vendor.calls


def test_the_calendars_are_listed_once_for_all_that_is_gone(
    organization: Organization, calendar: Calendar, booked: Appointment, fake_vendor: FakeVendor
) -> None:
    other = book_appointment(organization, booking_request(START + timedelta(hours=5)))
    write_due()
    pull.pull_calendar(calendar.pk)
    for made in (booked, other):
        fake_vendor.delete("main", made.links.get().remote_id)
    pull.pull_calendar(calendar.pk)
    assert {made.status for made in Appointment.objects.all()} == {"cancelled"}
    assert fake_vendor.calls.count("calendars") == 1


@pytest.mark.usefixtures("booked")
def test_a_reading_that_brings_nothing_loads_no_links(calendar: Calendar) -> None:
    with CaptureQueriesContext(connection) as queries:
        pull.pull_calendar(calendar.pk)
    table = EventLink._meta.db_table
    assert not [query for query in queries if f'"{table}"."base"' in query["sql"]]


def test_a_move_between_accounts_is_followed(
    calendar: Calendar, booked: Appointment, other_account: Account, fake_vendor: FakeVendor
) -> None:
    target = rows.calendar(other_account, remote_id="other", zone="UTC")
    fake_vendor.move("main", booked.links.get().remote_id, "other")
    pull.pull_calendar(target.pk)
    pull.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    assert (booked.status, booked.calendar) == ("booked", target)


def test_what_is_wrong_with_the_other_account_is_not_wrong_with_this_one(
    account: Account, booked: Appointment, other_account: Account, fake_vendor: FakeVendor
) -> None:
    target = rows.calendar(other_account, remote_id="other", zone="UTC")
    fake_vendor.move("main", booked.links.get().remote_id, "other")
    Account.objects.filter(pk=account.pk).update(grant="", error="")
    pull.pull_calendar(target.pk)
    for row in (account, other_account, target):
        row.refresh_from_db()
    assert (account.status, other_account.status, target.error) == (
        AccountStatus.RECONNECT, AccountStatus.LINKED, "",
    )  # fmt: skip
    assert booked.links.get().calendar != target


def test_calendars_are_locked_in_one_order_whichever_is_pulled(
    account: Account, booked: Appointment, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = rows.calendar(account, remote_id="other")
    locked: list[int] = []
    usual = transitions.lock_calendar

    def lock_calendar(key: int) -> Calendar:
        locked.append(key)
        return usual(key)

    monkeypatch.setattr(transitions, "lock_calendar", lock_calendar)
    link = booked.links.get()
    for pulled, target in ((link.calendar, second), (second, second)):
        moved = MovedEvent(
            link=link.pk, event=theirs(), calendar=target, left=link.calendar_id, etag=link.etag
        )
        plan = SyncPlan(own=(), others=(), own_gone=(), others_gone=(), moved=(moved,))
        locked.clear()
        assert apply.lock_all(pulled, plan) == pulled
        assert locked == sorted({link.calendar_id, second.pk})


def test_what_was_changed_here_after_a_move_was_read_is_not_undone_by_it(
    account: Account, booked: Appointment, fake_vendor: FakeVendor
) -> None:
    target = rows.calendar(account, remote_id="other", zone="UTC")
    fake_vendor.move("main", booked.links.get().remote_id, "other")
    with open_mailbox(account) as box:
        reading, changes = pull.fetch_changes(box, target)
        plan = plans.plan_changes(changes, pull.known_events(target, reading, changes))
        plan = pull.find_arrivals(box, target, plan)
    assert plan.moved
    rescheduling.change_appointment(booked, AppointmentEdit(title="Cake tasting"))
    write_due()
    apply.apply_changes(reading, changes, plan)
    booked.refresh_from_db()
    assert (booked.title, booked.calendar) == ("Cake tasting", target)
    assert not [change for change in booked.changes.all() if change.after.get("title") == "Tasting"]


@pytest.mark.parametrize("edits", [0, 1])
def test_put_back_there_and_then_deleted_it_is_cancelled(
    calendar: Calendar, booked: Appointment, fake_vendor: FakeVendor, edits: int
) -> None:
    name = booked.links.get().remote_id
    fake_vendor.edit("main", name, title="Cake")
    pull.pull_calendar(calendar.pk)
    for _ in range(1 + edits):
        fake_vendor.edit("main", name, title="Tasting")
    fake_vendor.delete("main", name)
    pull.pull_calendar(calendar.pk)
    booked.refresh_from_db()
    assert booked.status == "cancelled"
