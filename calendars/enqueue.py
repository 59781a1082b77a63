"""Work that is asked for now and done by the workers right after the commit.

Every one of these is also found by a schedule, so that a lost one costs a minute and nothing else.
"""

from datetime import datetime
from functools import partial

from django.db import transaction
from django_q.models import Schedule
from django_q.tasks import async_task


def enqueue_pull(calendar: int) -> None:
    after_commit("calendars.tasks.pull", calendar)


def schedule_pull(calendar: int, moment: datetime) -> None:
    """Has a calendar pulled once at a moment, half a minute later at most; the last call holds."""
    Schedule.objects.update_or_create(
        name=f"pull calendar {calendar} again",
        defaults={
            "func": "calendars.tasks.pull",
            "args": f"({calendar},)",
            "schedule_type": Schedule.ONCE,
            "next_run": moment,
            # The row goes when it has run.
            "repeats": -1,
        },
    )


def enqueue_push(link: int) -> None:
    after_commit("calendars.tasks.write", link)


def enqueue_maintenance(account: int) -> None:
    after_commit("calendars.tasks.tend", account)


def enqueue_contact_sync(book: int) -> None:
    after_commit("calendars.tasks.sync_people", book)


def after_commit(task: str, key: int) -> None:
    transaction.on_commit(partial(async_task, task, key), robust=True)
