"""Fills an installation of the previous release: run with its code, in its folder.

    python previous_release.py MESSAGES LATER APPOINTMENTS

Prints the ids of the messages, and the API token of a member, as JSON. Some names here are that
release's own, and so are looked up by their paths of then.
"""
# ruff: noqa: E402 (models can be imported only when Django is set up)

import json
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, str(Path.cwd()))

import django
import requests

django.setup()

from django.utils import timezone
from django_q.tasks import async_task

from communications.models import Organization
from tests import factories
from tests.communications.engine import rows

CALLBACK = "http://localhost/callback"
# How long after the upgrade what is scheduled falls due.
LATER_SECONDS = 30
HOUR = timedelta(hours=1)


def link_google(organization: Organization) -> None:
    linking = import_module("calendars.linking.accounts")
    started = linking.start_linking("google", CALLBACK)
    answer = requests.get(started.url, allow_redirects=False, timeout=10)
    query = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    linking.finish_linking(organization, started.kept, query)


def book_appointments(organization: Organization, count: int) -> None:
    """Ours at once; that Google has to be told waits as tasks in the queue."""
    booking = import_module("calendars.appointments.booking")
    first = (datetime.now(UTC) + timedelta(days=30)).replace(
        hour=8, minute=0, second=0, microsecond=0, tzinfo=None
    )
    for number in range(count):
        start = first + number * HOUR
        wanted = booking.BookingRequest(
            title=f"Tasting {number}", start=start, end=start + HOUR, zone="Europe/London"
        )
        booking.book_appointment(organization, wanted)


def main(messages: int, later: int, appointments: int) -> None:
    organization = factories.organization()
    link_google(organization)
    book_appointments(organization, appointments)
    async_task("communications.tasks.sync_templates")
    async_task("communications.tasks.find_duplicates")
    composed = rows.outbox(organization, messages)
    scheduled = rows.outbox(organization, later)
    due = timezone.now() + timedelta(seconds=LATER_SECONDS)
    for message in scheduled:
        message.send_after = due
        message.save(update_fields=["send_after"])
    ids = [str(message.pk) for message in [*composed, *scheduled]]
    token = factories.token(factories.member(organization))
    sys.stdout.write(json.dumps({"messages": ids, "token": token}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
