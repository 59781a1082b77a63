"""Workers are killed in the middle of it, again and again; afterwards somebody counts."""
# ruff: noqa: ARG001 (fixtures that only have to be there)

import multiprocessing
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from multiprocessing.process import BaseProcess
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, connections
from django.utils import timezone

from calendars.appointments import rescheduling
from calendars.appointments.booking import book_appointment
from calendars.appointments.participants import Invitee
from calendars.appointments.rescheduling import AppointmentEdit
from calendars.errors import NotFree
from calendars.linking import default_texts
from calendars.mailbox import concurrency
from calendars.models import Account, Appointment, AppointmentChange, Calendar, Notice, Rule
from calendars.notifications import send
from calendars.providers import registry
from calendars.subscriptions import lifecycle
from calendars.sync import (
    pull,
    push,
)
from communications.errors import NotPossible, Stale
from communications.models import Contact, Message, Organization
from tests import factories
from tests.calendars.providers.vendor_harness import VendorHarness
from tests.calendars.whole.comparison import (
    LONG_AGO,
    START,
    booking_request,
    differences,
    events,
    write,
)
from tests.calendars.workers import pull_due, write_due
from tests.communications.edges.servers import Live
from tests.processes.running import eventually
from wedsync_comms.lib import shared_state
from wedsync_comms.lib.rate_limit.algorithm import Rate

WORKERS = 2
# What the dead leave behind is free again after so long; in production it takes minutes.
LEASE = timedelta(seconds=1)
LIVES = (0.0, 0.3)
# Some answers are lost, and all take a while, so that death comes between call and answer.
WEATHER: dict[str, dict[str, Any]] = {
    "drop_connection": {"mode": "after", "only": ["POST", "PATCH"], "chance": 0.05},
    "latency": {"seconds": 0.05},
}
GUEST = "amelia@example.com"
QUARTER = timedelta(minutes=15)
# From here on nobody books: moved there, they lie over nothing that is booked here.
MOVED = START + timedelta(days=60)


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, "PULL_LEASE", LEASE)
    monkeypatch.setattr(push, "PUSH_LEASE", LEASE)
    monkeypatch.setattr(concurrency, "SLOT_LEASE_S", LEASE.total_seconds())
    # How many calls a minute may have is shown elsewhere.
    monkeypatch.setattr(concurrency, "MAILBOX_RATE", Rate(per_second=10_000, burst=10_000))


def work() -> None:
    """A worker's life. Forked, so that it begins at once."""
    registry.configured_vendor.cache_clear()
    while True:
        Account.objects.update(retry_at=None)
        write_due()
        pull_due()
        send.send_due_notifications()


def born() -> BaseProcess:
    connections.close_all()
    process = multiprocessing.get_context("fork").Process(target=work, daemon=True)
    process.start()
    return process


@contextmanager
def working() -> Iterator[None]:
    """Killed together when the block ends, as when the power fails."""
    processes = [born() for _ in range(WORKERS)]
    try:
        yield
    finally:
        assert [process.exitcode for process in processes] == [None] * WORKERS
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [-signal.SIGKILL] * WORKERS


class World:
    """People at both sides, each of whose words is said only once."""

    def __init__(
        self, harness: VendorHarness, calendar: Calendar, guest: Contact, seed: int
    ) -> None:
        self.harness, self.calendar, self.guest = harness, calendar, guest
        self.organization = calendar.account.organization
        self.dice = random.Random(seed)  # noqa: S311 (not a secret)
        self.number = 0
        # What was said here about each, in order.
        self.said: defaultdict[UUID, list[str]] = defaultdict(list)

    def edit(self) -> None:
        self.number += 1
        kinds = ["title", "place", "move", "answer", "describe", "describe", "book", "book"]
        kind = self.dice.choice([*kinds, "cancel"])
        if kind == "book":
            self.book()
            return
        rows = list(Appointment.objects.filter(status="booked"))
        if not rows:
            return
        row = self.dice.choice(rows)
        if kind == "describe":
            self.describe(row)
        elif kind == "cancel":
            rescheduling.cancel_appointment(row)
        else:
            self.edit_there(kind, row)

    def book(self) -> None:
        people = [Invitee(contact=self.guest.pk)]
        # The dead keep the mailbox's lanes for a moment, and the owner has entries of their own.
        with suppress(NotFree):
            book_appointment(self.organization, booking_request(self.number, participants=people))

    def describe(self, row: Appointment) -> None:
        said = f"here {self.number}"
        try:
            rescheduling.change_appointment(row, AppointmentEdit(description=said))
        except (Stale, NotPossible):
            return
        self.said[row.pk].append(said)

    def edit_there(self, kind: str, row: Appointment) -> None:
        there = {event["key"]: event["id"] for event in events(self.harness, self.calendar)}
        if row.key not in there:
            return
        name = there[row.key]
        if kind == "answer":
            answer = self.dice.choice(["accepted", "declined", "tentative"])
            self.harness.answers(name, GUEST, answer)
        elif kind == "move":
            start = MOVED + self.number * QUARTER
            end = start + QUARTER
            self.harness.changes(name, start=start.isoformat(), end=end.isoformat())
        else:
            self.harness.changes(name, **{kind: f"there {self.number}"})


def lanes_held(account: Account) -> int:
    """Calls that somebody is at, or was when they died."""
    found, now = shared_state.peek(concurrency.slots_key(account))
    return sum(until > now for until in (found or {}).values())


def settle(calendar: Calendar) -> None:
    """What a minute of the schedules does, after the leases have ended."""
    time.sleep(LEASE.total_seconds())
    for _ in range(2):
        write()
        Account.objects.update(retry_at=None)
        eventually(lambda: pull.pull_calendar(calendar.pk))
    Notice.objects.waiting().update(tell_after=LONG_AGO)
    while Notice.objects.due(timezone.now()).exists():
        send.send_due_notifications()


def killed(harness: VendorHarness, calendar: Calendar, *, kills: int) -> None:
    organization = calendar.account.organization
    default_texts.seed_default_texts(organization)
    Rule.objects.update(quiet_seconds=0, is_urgent=True)
    world = World(harness, calendar, factories.contact(organization, GUEST), seed=kills)
    pull.pull_calendar(calendar.pk)
    lifecycle.maintain_subscriptions(calendar.account_id)
    assert calendar.subscriptions.live().exists()
    harness.fault(**WEATHER)
    began, amid = time.monotonic(), 0
    for _ in range(kills):
        with working():
            for _ in range(world.dice.randrange(1, 4)):
                world.edit()
            time.sleep(world.dice.uniform(*LIVES))
        amid += lanes_held(calendar.account) > 0
    harness.no_faults()
    settle(calendar)
    sys.stdout.write(
        f"\n{harness.slug} on {connection.vendor}: {kills} kills of {WORKERS} workers, {amid} amid "
        f"a call; {world.number} edits, {Appointment.objects.count()} appointments, "
        f"{Message.objects.count()} messages, in {time.monotonic() - began:.0f} s\n",
    )
    nothing_is_lost(world)
    nothing_happened_twice(world)
    everybody_was_told_once(organization)


def nothing_is_lost(world: World) -> None:
    assert differences(world.harness, world.calendar) == []
    for row in Appointment.objects.all():
        told = row.changes.filter(what="changed", source="here")
        assert [content.after["description"] for content in told] == world.said[row.pk]
        # Nobody over there says anything about it.
        assert row.description == (world.said[row.pk] or [""])[-1]


def nothing_happened_twice(world: World) -> None:
    assert world.harness.repeated() == {}
    happened = Counter(
        (change.appointment_id, name, value)
        for change in AppointmentChange.objects.filter(what__in=["changed", "moved"])
        for name, value in change.after.items()
        if name in {"title", "place", "start", "description"}
    )
    ends = Counter(
        AppointmentChange.objects.filter(what__in=["booked", "cancelled"]).values_list(
            "appointment",
            "what",
        ),
    )
    assert {item: times for item, times in (happened + ends).items() if times > 1} == {}


def everybody_was_told_once(organization: Organization) -> None:
    told = Notice.objects.filter(state="told").values_list("message", flat=True)
    messages = Message.objects.filter(organization=organization).values_list("pk", flat=True)
    assert sorted(told) == sorted(messages)
    assert not Notice.objects.waiting().exists()
    booked = AppointmentChange.objects.filter(what="booked")
    assert Notice.objects.filter(rule__occasion="booked").count() == booked.count()


def test_whoever_dies_and_whenever_nothing_is_lost_or_done_twice(
    harness: VendorHarness,
    calendar: Calendar,
    ours: Live,
) -> None:
    killed(harness, calendar, kills=8)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_also_two_hundred_times(harness: VendorHarness, calendar: Calendar, ours: Live) -> None:
    killed(harness, calendar, kills=200)
