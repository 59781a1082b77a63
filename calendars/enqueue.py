"""Work that is asked for now and done by the workers right after the commit.

Every one of these is also found by a schedule, so that a lost one costs a minute and nothing else.
Organizations take turns in it (`lib.turns.tasks`); of one, what people have changed here is first.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Model
from django_q.models import Schedule

from calendars.models import Account, Calendar, ContactBook, EventLink
from wedsync_comms.lib.turns.tasks import request_tasks


@dataclass(frozen=True)
class SlowTask:
    """A task with the rows that it is about, and the way from there to their organization."""

    func: str
    rows: type[Model]
    organization: str
    urgency: int


WRITE = SlowTask("calendars.tasks.write", EventLink, "calendar__account__organization", 1)
PULL = SlowTask("calendars.tasks.pull", Calendar, "account__organization", 2)
TEND = SlowTask("calendars.tasks.tend", Account, "organization", 3)
SYNC_PEOPLE = SlowTask("calendars.tasks.sync_people", ContactBook, "account__organization", 4)


def enqueue_pull(calendar: int) -> None:
    after_commit(PULL, [calendar])


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
    after_commit(WRITE, [link])


def enqueue_maintenance(account: int) -> None:
    after_commit(TEND, [account])


def enqueue_contact_sync(book: int) -> None:
    after_commit(SYNC_PEOPLE, [book])


def after_commit(task: SlowTask, keys: Collection[int]) -> None:
    """Has a task done for each key, once what was changed for it is there for everybody."""
    if keys:
        transaction.on_commit(partial(request_for_owners, task, keys), robust=True)


def request_for_owners(task: SlowTask, keys: Collection[int]) -> None:
    rows = task.rows._base_manager.filter(pk__in=keys)  # noqa: SLF001 (documented)
    owners = dict(rows.order_by("pk").values_list("pk", task.organization))
    request_tasks(task.func, owners, urgency=task.urgency)
