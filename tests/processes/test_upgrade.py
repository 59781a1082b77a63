"""What the previous release left queued goes on after an upgrade."""

import time
from pydoc import locate
from typing import Any

import pytest
from django.conf import settings as project
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule
from django_q.signing import SignedPackage
from django_q.tasks import async_task
from pytest_django import Settings

from tests.releases import released_versions
from wedsync_comms.cluster import OwnBeatsFirst
from wedsync_comms.lib.models import SharedState
from wedsync_comms.schedules import (
    SCHEDULES,
    PeriodicTask,
    declare_schedules,
    queue_new_tasks,
)

# A path once queued is a promise: a task of the release before waits under it in django-q2's
# tables while we are exchanged. Nothing is ever taken off this list; a function that moves leaves
# a name behind where it was. What no release has scheduled yet is not here, and `is_new`.
SCHEDULED = {
    "replay deliveries": "communications.tasks.replay_deliveries",
    "poll receipts": "communications.tasks.poll_receipts",
    "settle unknown": "communications.tasks.settle_unknown",
    "fetch received": "communications.tasks.fetch_received",
    "sync templates": "communications.tasks.sync_templates",
    "find duplicates": "communications.tasks.find_duplicates",
    "run imports": "communications.tasks.run_imports",
    "forget imports": "communications.tasks.forget_imports",
    "prune": "communications.tasks.prune_history",
    "read calendars": "calendars.tasks.pull_due",
    "write appointments": "calendars.tasks.write_due",
    "tend subscriptions": "calendars.tasks.tend_due",
    "sync contacts": "calendars.tasks.sync_people_due",
    "tell of appointments": "calendars.tasks.tell_due",
    "remind of appointments": "calendars.tasks.remind",
    "list calendars": "calendars.tasks.list_calendars",
    "reseal grants": "calendars.tasks.reseal_grants",
    "probe providers": "health.tasks.probe_all",
    "forget health": "health.tasks.forget",
}
# With an id or a name of what has gone meanwhile, as it may while an installation is upgraded.
QUEUED: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("calendars.tasks.pull", (0,)),
    ("calendars.tasks.write", (0,)),
    ("calendars.tasks.tend", (0,)),
    ("calendars.tasks.sync_people", (0,)),
    ("health.tasks.probe", ("gone",)),
    ("communications.tasks.sync_templates", ()),
    ("communications.tasks.run_imports", ()),
    ("wedsync_comms.tasks.beat", ()),
    ("wedsync_comms.lib.turns.tasks.take_turn", ()),
)
EVERYTHING = (*QUEUED, *((path, ()) for path in SCHEDULED.values()))


@pytest.mark.parametrize("path", [path for path, _ in EVERYTHING])
def test_a_path_once_queued_leads_to_a_function(path: str) -> None:
    assert callable(import_string(path))


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "arguments"), EVERYTHING)
def test_a_task_that_was_queued_before_runs_after(
    path: str,
    arguments: tuple[object, ...],
    settings: Settings,
) -> None:
    settings.PROVIDERS, settings.ROUTES, settings.CALENDARS = {}, {}, {}
    async_task(path, *arguments)
    task = SignedPackage.loads(OrmQ.objects.get().payload)
    # As a worker of django-q2 does it.
    function: Any = locate(task["func"])
    function(*task["args"], **task["kwargs"])


@pytest.mark.django_db
def test_schedules_of_the_release_before_are_kept_and_none_is_doubled() -> None:
    declare_schedules(
        tuple(PeriodicTask(name, path, minutes=1) for name, path in SCHEDULED.items())
    )
    assert not [change for change in declare_schedules() if change.startswith("removed")]
    assert Schedule.objects.count() == len([every for every in SCHEDULES if not every.is_new])


def test_what_no_release_has_scheduled_is_new() -> None:
    known = {every.name for every in SCHEDULES if not every.is_new}
    assert known <= set(SCHEDULED), "is_new=True until it is in a release"


def test_each_release_has_a_queue_of_its_own_and_takes_what_earlier_ones_left() -> None:
    queues = {"0.1.0": "wedsync"}
    earlier = [queues.get(version, f"wedsync-{version}") for version in released_versions()]
    own = queues.get(project.VERSION, f"wedsync-{project.VERSION}")
    assert list(project.TASK_QUEUES) == list(dict.fromkeys([own, *reversed(earlier)]))


@pytest.mark.django_db
def test_a_task_of_ours_is_not_taken_by_a_worker_of_the_release_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async_task("wedsync_comms.tasks.beat")
    ours = OrmQ.objects.get()
    monkeypatch.setattr(Conf, "POLL", 0)
    assert ORM(list_key="wedsync").dequeue() is None
    assert [pk for pk, _ in OwnBeatsFirst("here:1").dequeue() or []] == [ours.pk]


@pytest.mark.django_db
def test_a_task_that_the_release_before_left_is_taken_once() -> None:
    payload = SignedPackage.dumps({"func": "wedsync_comms.tasks.beat"})
    left = OrmQ.objects.create(key="wedsync", payload=payload, lock=timezone.now())
    mine, other = OwnBeatsFirst("here:1"), OwnBeatsFirst("here:2")
    assert [pk for pk, _ in mine.left_by_earlier_releases()] == [left.pk]
    assert other.left_by_earlier_releases() == []


def test_all_releases_sign_tasks_alike() -> None:
    assert Conf.PREFIX == Conf.CLUSTER_NAME == "wedsync"


@pytest.mark.django_db
def test_a_new_schedule_is_not_in_the_table_and_is_queued_when_it_is_due() -> None:
    schedules = (
        PeriodicTask("look", "builtins.len", minutes=1, is_new=True),
        PeriodicTask("known", "builtins.len", minutes=1),
    )
    declare_schedules(schedules)
    assert [row.name for row in Schedule.objects.all()] == ["wedsync: known"]
    assert queue_new_tasks(schedules) == ["look"]
    assert queue_new_tasks(schedules) == []
    assert [(row.key, row.func()) for row in OrmQ.objects.all()] == [
        (project.TASK_QUEUES[0], "builtins.len")
    ]
    SharedState.objects.update(value={"queued_at": time.time() - 61})
    assert queue_new_tasks(schedules) == ["look"]
