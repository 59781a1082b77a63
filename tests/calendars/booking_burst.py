"""Many processes that book one slot at once: python -m tests.calendars.booking_burst CALENDAR TIMES

Prints, as JSON, how many of them got it. Forked after Django is set up, as servers are.
"""

import json
import multiprocessing
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import django
from django.apps import apps

if not apps.ready:
    django.setup()

from django.conf import settings
from django.db import connection, connections

from calendars.appointments.booking import (
    BookingRequest,
    book_appointment,
)
from calendars.errors import NotFree
from calendars.mailbox import grants
from calendars.models import Account, Calendar
from calendars.providers import registry
from tests.calendars.fake_vendor import FakeVendor

HOUR = timedelta(hours=1)
START = datetime(2027, 6, 5, 10)  # noqa: DTZ001 (a wall time)
PROCESSES = 4


def use_fake_vendor() -> FakeVendor:
    settings.CALENDARS = {
        "fake": {"BACKEND": "tests.calendars.fake_vendor.FakeVendor", "OPTIONS": {}}
    }
    registry.configured_vendor.cache_clear()
    found = registry.configured_vendor("fake")
    assert isinstance(found, FakeVendor)
    return found


def book_in_burst(calendar: int, times: int, round_: int) -> int:
    """How often one process got the slot of a round."""
    use_fake_vendor()
    organization = Calendar.objects.get(pk=calendar).account.organization
    start = START + round_ * 2 * HOUR
    won = 0
    for number in range(times):
        # Also those that only overlap it.
        begins = start + timedelta(minutes=15 * (number % 3))
        booking_request = BookingRequest(
            title="Rush", start=begins, end=begins + HOUR, zone="UTC", calendar=calendar
        )
        try:
            book_appointment(organization, booking_request)
        except NotFree:
            continue
        won += 1
    connection.close()
    return won


def prepare(calendar: int) -> None:
    """A grant that this process's vendor knows."""
    fake_vendor = use_fake_vendor()
    account = Calendar.objects.get(pk=calendar).account
    grant = fake_vendor.grant(expires_at=datetime.now(UTC) + timedelta(days=1))
    Account.objects.filter(pk=account.pk).update(grant=grants.seal_grant(grant))


def main(calendar: int, times: int, rounds: int) -> list[int]:
    prepare(calendar)
    connections.close_all()
    context: Any = multiprocessing.get_context("fork")
    won = []
    with context.Pool(PROCESSES) as pool:
        for number in range(rounds):
            slots_per_process = max(1, times // PROCESSES)
            jobs = [(calendar, slots_per_process, number)] * PROCESSES
            won.append(sum(pool.starmap(book_in_burst, jobs)))
    return won


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*(int(argument) for argument in sys.argv[1:]))) + "\n")
