"""Much changes over there, and many of its announcements are lost, doubled or late."""
# ruff: noqa: ARG001 (fixtures that only have to be there)

import random
import sys
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import connection

from calendars.appointments import booking
from calendars.models import Appointment, Calendar, Participant
from calendars.subscriptions import lifecycle
from calendars.sync import pull
from tests.calendars import rows
from tests.calendars.providers.vendor_harness import VendorHarness
from tests.calendars.whole.comparison import (
    HOUR,
    OTHER,
    START,
    differences,
    write,
)
from tests.communications.edges.servers import Live
from tests.processes.running import eventually, running

PUSHES = {
    "webhook_drop": {"chance": 0.2},
    "webhook_duplicate": {"copies": 2, "chance": 0.2},
    # Whatever is announced meanwhile overtakes it.
    "webhook_delay": {"seconds": 1.0, "chance": 0.2},
}
# Edits, and announcements under way.
AT_ONCE = 20
GUEST = "guest-{}@example.com"
# Few deletions: many at once are not believed, which is shown elsewhere.
KINDS = {
    "title": 25,
    "place": 20,
    "move": 20,
    "answer": 20,
    "add_other": 5,
    "move_other": 6,
    "delete_other": 3.7,
    "delete": 0.3,
}


class Storm:
    """The other side's people, who edit whatever they find."""

    def __init__(self, harness: VendorHarness, appointments: list[Appointment], seed: int) -> None:
        self.harness = harness
        self.own = {row.links.get().remote_id: GUEST.format(row.pk) for row in appointments}
        self.others: list[str] = []
        self.dice = random.Random(seed)  # noqa: S311 (not a secret)

    def edit(self, number: int) -> None:
        (kind,) = self.dice.choices(list(KINDS), list(KINDS.values()))
        if kind == "add_other" or ("other" in kind and not self.others):
            self.others.append(self.harness.adds(title=f"{OTHER} {number}", **self.time()))
        elif kind == "move_other":
            self.harness.changes(self.dice.choice(self.others), **self.time())
        elif kind == "delete_other":
            self.harness.deletes(self.taken(self.others))
        else:
            self.edit_own(kind, number)

    def edit_own(self, kind: str, number: int) -> None:
        name = self.dice.choice(list(self.own))
        if kind == "move":
            self.harness.changes(name, **self.time(self.dice.randrange(3)))
        elif kind == "answer":
            answer = self.dice.choice(["accepted", "declined", "tentative"])
            self.harness.answers(name, self.own[name], answer)
        elif kind == "delete":
            self.harness.deletes(name)
            del self.own[name]
        else:
            # Of few words and times many are said again, and taken back.
            self.harness.changes(name, **{kind: f"{kind} {number % 3}"})

    def time(self, days: int | None = None) -> dict[str, str]:
        days = self.dice.randrange(60) if days is None else days
        hours = self.dice.randrange(8)
        start = START + timedelta(days=days, hours=hours)
        return {"start": start.isoformat(), "end": (start + HOUR).isoformat()}

    def taken(self, names: list[str]) -> str:
        return names.pop(self.dice.randrange(len(names)))


def booked(calendar: Calendar, count: int) -> list[Appointment]:
    """Written there, each with a guest."""
    made = [rows.appointment(calendar, wall=START + n * HOUR) for n in range(count)]
    for row in made:
        email = GUEST.format(row.pk)
        Participant.objects.create(appointment=row, email=email, name="Guest")
        booking.queue_push(row)
    write()
    return made


def waiting(harness: VendorHarness) -> int:
    """How many of its announcements have not arrived yet."""
    found: int = harness.sandbox.control("GET", "/")[harness.slug]["webhooks_waiting"]
    return found


def asked(harness: VendorHarness) -> int:
    found: int = harness.sandbox.control("GET", "/")[harness.slug]["counters"]["requests"]
    return found


def storm(
    harness: VendorHarness,
    calendar: Calendar,
    env: dict[str, str],
    log: Path,
    *,
    edits: int,
    appointments: int,
) -> None:
    made = booked(calendar, appointments)
    pull.pull_calendar(calendar.pk)
    lifecycle.maintain_subscriptions(calendar.account_id)
    assert calendar.subscriptions.live().exists()
    began = time.monotonic()
    with running(["worker"], env, log):
        harness.changes(made[0].links.get().remote_id, title="First")
        eventually(Appointment.objects.filter(title="First").exists)
        harness.fault(**PUSHES)
        world, before = Storm(harness, made, seed=edits), asked(harness)
        for number in range(edits):
            world.edit(number)
            if number % AT_ONCE == 0:
                # Or they would all arrive when it is over.
                eventually(lambda: waiting(harness) < AT_ONCE, 60)
        edited, calls = time.monotonic() - began, asked(harness) - before
        eventually(lambda: waiting(harness) == 0, 60)
        behind = len(differences(harness, calendar))
        # Not while the worker reads: the safety poll.
        eventually(partial(pull.pull_calendar, calendar.pk), 300)
    harness.no_faults()
    calendar.refresh_from_db()
    sys.stdout.write(
        f"\n{harness.slug} on {connection.vendor}: {edits} edits in {edited:.0f} s, "
        f"{calendar.dirty} pushes arrived, {calls} calls; "
        f"{behind} differences before the safety poll\n",
    )
    assert calendar.held_reason == ""
    assert differences(harness, calendar) == []


def test_one_reading_makes_up_for_all_that_was_not_announced(
    harness: VendorHarness,
    calendar: Calendar,
    ours: Live,
    our_env: dict[str, str],
    tmp_path: Path,
) -> None:
    storm(harness, calendar, our_env, tmp_path / "log", edits=200, appointments=20)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_also_of_ten_thousand_edits(
    harness: VendorHarness,
    calendar: Calendar,
    ours: Live,
    our_env: dict[str, str],
    tmp_path: Path,
) -> None:
    storm(harness, calendar, our_env, tmp_path / "log", edits=10_000, appointments=200)
