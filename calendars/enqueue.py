"""Work that is asked for now and done by the workers right after the commit.

Every one of these is also found by a schedule, so that a lost one costs a minute and nothing else.
"""

from functools import partial

from django.db import transaction
from django_q.tasks import async_task


def enqueue_pull(calendar: int) -> None:
    after_commit("calendars.tasks.pull", calendar)


def enqueue_push(link: int) -> None:
    after_commit("calendars.tasks.write", link)


def enqueue_maintenance(account: int) -> None:
    after_commit("calendars.tasks.tend", account)


def enqueue_contact_sync(book: int) -> None:
    after_commit("calendars.tasks.sync_people", book)


def after_commit(task: str, key: int) -> None:
    transaction.on_commit(partial(async_task, task, key), robust=True)
