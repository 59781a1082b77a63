"""Both vendors over real HTTP: what is promised about appointments, from end to end."""
# ruff: noqa: ARG001 (fixtures that only have to be there)

import random
import time
from datetime import timedelta

import pytest

from calendars.appointments import rescheduling
from calendars.appointments.booking import book_appointment
from calendars.appointments.participants import Invitee
from calendars.appointments.rescheduling import AppointmentEdit
from calendars.errors import NotFree
from calendars.linking import accounts
from calendars.models import Account, Appointment, BusyBlock, Calendar, EventLink, Subscription
from calendars.subscriptions import lifecycle
from calendars.sync import pull
from communications.models import Organization
from tests.calendars.providers.vendor_harness import VendorHarness
from tests.calendars.whole.comparison import (
    HOUR,
    START,
    booking_request,
    differences,
    events,
    write,
)
from tests.calendars.workers import pull_due
from tests.communications.edges.servers import Live

# Deletions come last, or soon nothing would be left to edit.
LATE = 30


def test_book_move_there_answer_there_cancel_here(
    harness: VendorHarness,
    organization: Organization,
    calendar: Calendar,
) -> None:
    pull.pull_calendar(calendar.pk)
    made = book_appointment(
        organization, booking_request(participants=[Invitee(email="amelia@example.com")])
    )
    write()
    link = made.links.get()
    (event,) = events(harness, calendar)
    assert event["title"] == "Tasting"
    assert harness.mails()
    harness.changes(
        link.remote_id,
        start=(START + HOUR).isoformat(),
        end=(START + 2 * HOUR).isoformat(),
    )
    harness.answers(link.remote_id, "amelia@example.com", "declined")
    pull.pull_calendar(calendar.pk)
    made.refresh_from_db()
    assert made.wall_start == START + HOUR
    assert made.participants.get().answer == "declined"
    assert {"moved", "answered"} <= {change.what for change in made.changes.all()}
    rescheduling.cancel_appointment(made)
    write()
    assert events(harness, calendar) == []
    pull.pull_calendar(calendar.pk)
    made.refresh_from_db()
    assert [change.what for change in made.changes.all()].count("cancelled") == 1


def said(title: str, place: str, hours: int) -> dict[str, str]:
    start = START + hours * HOUR
    times = {"start": start.isoformat(), "end": (start + HOUR).isoformat()}
    return {"title": title, "place": place, **times}


def test_what_is_taken_back_there_is_taken_back_here_and_stays_so(
    harness: VendorHarness,
    organization: Organization,
    calendar: Calendar,
) -> None:
    pull.pull_calendar(calendar.pk)
    made = book_appointment(organization, booking_request(place="Barn"))
    write()
    link = made.links.get()
    first, then = said("Tasting", "Barn", 0), said("Cake", "Tent", 1)
    for words in (then, first, then, first):
        harness.changes(link.remote_id, **words)
        pull.pull_calendar(calendar.pk)
        made.refresh_from_db()
        told = (made.title, made.place, made.wall_start.isoformat())
        assert told == (words["title"], words["place"], words["start"])
    rescheduling.change_appointment(made, AppointmentEdit(description="Bring forks"))
    write()
    assert differences(harness, calendar) == []
    assert events(harness, calendar)[0]["start"][:16] == START.isoformat()[:16]


def test_what_the_vendor_alone_knows_is_not_offered(
    harness: VendorHarness,
    organization: Organization,
    calendar: Calendar,
) -> None:
    harness.adds(title="Dentist", start=START.isoformat())
    with pytest.raises(NotFree, match="taken"):
        book_appointment(organization, booking_request(zone=calendar.zone))
    harness.fault(status={"status": 503})
    with pytest.raises(NotFree, match="Nobody can tell"):
        book_appointment(organization, booking_request(5))
    assert not Appointment.objects.exists()


def test_thirty_percent_of_creations_are_cut_and_each_is_there_once(
    harness: VendorHarness,
    organization: Organization,
    calendar: Calendar,
) -> None:
    made = [book_appointment(organization, booking_request(number)) for number in range(12)]
    Account.objects.update(retry_at=None)
    harness.fault(
        drop_connection={"mode": "after", "only": ["POST"], "chance": 0.2},
        status={"status": 503, "mode": "before", "only": ["POST"], "chance": 0.1},
    )
    for _ in range(3):
        write()
    harness.no_faults()
    write()
    found = events(harness, calendar)
    assert sorted(item["key"] for item in found) == sorted(appointment.key for appointment in made)
    assert not EventLink.objects.filter(remote_id="").exists()


def test_a_refused_token_costs_no_try_and_no_second_event(
    harness: VendorHarness,
    organization: Organization,
    calendar: Calendar,
) -> None:
    made = book_appointment(organization, booking_request(0))
    granted = Account.objects.get().grant
    harness.fault(token_expired={"count": 1})
    write()
    link = made.links.get()
    assert (link.write_after, link.tries, link.error) == (None, 0, "")
    assert [event["key"] for event in events(harness, calendar)] == [made.key]
    account = Account.objects.get()
    assert account.grant != granted
    assert (account.failures, account.retry_at) == (0, None)


def test_every_way_a_cursor_expires_ends_in_the_same_state(
    harness: VendorHarness,
    organization: Organization,
    calendar: Calendar,
) -> None:
    kept, gone = (book_appointment(organization, booking_request(number)) for number in range(2))
    write()
    pull.pull_calendar(calendar.pk)
    for number, fault in enumerate(harness.expiries):
        name = harness.adds(
            title=f"Dentist {number}", start=(START + (5 + number) * HOUR).isoformat()
        )
        if number == 0:
            harness.deletes(gone.links.get().remote_id)
        harness.fault(**{key: {**value, "count": 1} for key, value in fault.items()})
        pull.pull_calendar(calendar.pk)
        harness.no_faults()
        pull.pull_calendar(calendar.pk)
        assert BusyBlock.objects.filter(title=f"Dentist {number}").exists(), name
    assert [account.status for account in (refreshed(kept), refreshed(gone))] == [
        "booked",
        "cancelled",
    ]


def refreshed(row: Appointment) -> Appointment:
    row.refresh_from_db()
    return row


def test_a_push_leads_to_a_reading_and_a_forged_one_to_nothing(
    harness: VendorHarness,
    organization: Organization,
    calendar: Calendar,
    ours: Live,
) -> None:
    made = book_appointment(organization, booking_request())
    write()
    lifecycle.maintain_subscriptions(calendar.account_id)
    assert Subscription.objects.filter(calendar=calendar, state="live").exists()
    pull.pull_calendar(calendar.pk)
    calendar.refresh_from_db()
    harness.fault(webhook_forge={})
    before = calendar.dirty
    harness.changes(made.links.get().remote_id, title="Cake")
    deadline = time.monotonic() + 10
    while calendar.dirty == before and time.monotonic() < deadline:
        time.sleep(0.05)
        calendar.refresh_from_db()
    assert calendar.dirty > calendar.pulled
    assert ours.is_up
    pull_due()
    assert refreshed(made).title == "Cake"


def test_disconnecting_leaves_no_subscription(
    harness: VendorHarness,
    calendar: Calendar,
    ours: Live,
) -> None:
    lifecycle.maintain_subscriptions(calendar.account_id)
    assert ours.is_up
    accounts.disconnect_account(calendar.account)
    assert not Subscription.objects.exists()
    calendar.account.refresh_from_db()
    assert calendar.account.status == "disconnected"


def test_random_edits_on_both_sides_end_equal_after_one_reading(
    harness: VendorHarness,
    organization: Organization,
    calendar: Calendar,
) -> None:
    made = [book_appointment(organization, booking_request(number * 3)) for number in range(6)]
    write()
    pull.pull_calendar(calendar.pk)
    dice = random.Random(20271126)  # noqa: S311 (not a secret)
    for number in range(40):
        edit(harness, dice, dice.choice(made), number)
        if dice.random() < 0.2:
            pull.pull_calendar(calendar.pk)
        if dice.random() < 0.2:
            write()
    pull.pull_calendar(calendar.pk)
    write()
    pull.pull_calendar(calendar.pk)
    assert differences(harness, calendar) == []


def edit(harness: VendorHarness, dice: random.Random, row: Appointment, number: int) -> None:
    row.refresh_from_db()
    name = row.links.get().remote_id
    what = dice.choice(["title", "place", "move", "here", *(["delete"] if number > LATE else [])])
    if row.status == "cancelled":
        return
    if what == "here":
        rescheduling.change_appointment(row, AppointmentEdit(description=f"here {number}"))
    elif what == "delete":
        harness.deletes(name)
    elif what == "move":
        start = START + timedelta(days=dice.randrange(20), hours=dice.randrange(8))
        harness.changes(name, start=start.isoformat(), end=(start + HOUR).isoformat())
    else:
        harness.changes(name, **{what: f"there {number}"})
