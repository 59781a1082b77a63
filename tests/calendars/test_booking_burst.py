"""However many want one slot at once, one of them gets it."""

import json
import subprocess
import sys
import threading

import pytest
from django.conf import settings
from django.db import connection

from calendars.appointments.booking import book_appointment
from calendars.errors import NotFree
from calendars.mailbox import grants
from calendars.models import Appointment, Calendar
from communications.models import Organization
from tests import factories
from tests.calendars import rows
from tests.calendars.fake_vendor import FakeVendor
from tests.calendars.test_booking import booking_request


def run_burst(env: dict[str, str], times: int, rounds: int) -> list[int]:
    account = rows.account(vendor="fake")
    calendar = rows.calendar(account, remote_id="main", zone="UTC")
    command = [sys.executable, "-m", "tests.calendars.booking_burst"]
    done = subprocess.run(
        [*command, str(calendar.pk), str(times), str(rounds)],
        cwd=settings.BASE_DIR,
        env=env | {"DJANGO_SETTINGS_MODULE": "wedsync_comms.settings"},
        capture_output=True,
        text=True,
        check=False,
        timeout=1700,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[int] = json.loads(done.stdout.splitlines()[-1])
    assert Appointment.objects.filter(calendar=calendar, status="booked").count() == sum(found)
    return found


def test_processes(process_env: dict[str, str]) -> None:
    assert run_burst(process_env, times=40, rounds=2) == [1, 1]


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_a_thousand_twenty_times(process_env: dict[str, str]) -> None:
    assert run_burst(process_env, times=1000, rounds=20) == [1] * 20


@pytest.mark.django_db(transaction=True)
def test_threads(fake_vendor: FakeVendor) -> None:
    organization: Organization = factories.organization()
    grant = grants.seal_grant(fake_vendor.grant())
    calendar: Calendar = rows.calendar(
        rows.account(organization, vendor="fake", grant=grant),
        remote_id="main",
    )
    outcomes: list[str] = []

    def book_once_each() -> None:
        try:
            book_appointment(organization, booking_request(calendar=calendar.pk))
            outcomes.append("booked")
        except NotFree:
            outcomes.append("taken")
        finally:
            connection.close()

    threads = [threading.Thread(target=book_once_each) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["booked"] + ["taken"] * 11
