import subprocess
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule

from tests.processes.running import MANAGE
from wedsync_comms.schedules import PREFIX, SCHEDULES, PeriodicTask, declare_schedules

DECLARED = [every for every in SCHEDULES if not every.is_new]
HOURLY = PeriodicTask("look", "builtins.len", minutes=60)


@pytest.mark.parametrize("every", SCHEDULES, ids=lambda every: every.name)
def test_every_declared_task_exists(every: PeriodicTask) -> None:
    assert callable(import_string(every.func))


def test_names_are_unique() -> None:
    assert len({every.name for every in SCHEDULES}) == len(SCHEDULES)


@pytest.mark.django_db
def test_the_table_becomes_what_is_declared(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("schedule")
    assert capsys.readouterr().out.count("added wedsync: ") == len(DECLARED)
    call_command("schedule")
    assert capsys.readouterr().out == "nothing changed\n"
    declared = {(PREFIX + every.name, every.func, every.minutes) for every in DECLARED}
    assert set(Schedule.objects.values_list("name", "func", "minutes")) == declared


@pytest.mark.django_db
def test_what_is_unchanged_keeps_its_next_run() -> None:
    declare_schedules((HOURLY,))
    soon = timezone.now() + timedelta(minutes=7)
    Schedule.objects.update(next_run=soon)
    assert declare_schedules((HOURLY,)) == []
    assert Schedule.objects.get().next_run == soon


@pytest.mark.django_db
def test_what_is_changed_runs_at_once() -> None:
    declare_schedules((HOURLY,))
    Schedule.objects.update(next_run=timezone.now() + timedelta(minutes=55))
    assert declare_schedules((PeriodicTask("look", "builtins.len", minutes=5),)) == [
        "changed wedsync: look"
    ]
    row = Schedule.objects.get()
    assert (row.minutes, row.next_run < timezone.now()) == (5, True)


@pytest.mark.django_db
def test_what_is_no_longer_declared_goes_and_what_staff_added_stays() -> None:
    Schedule.objects.create(name="weekly report", func="builtins.len")
    declare_schedules((HOURLY,))
    assert declare_schedules(()) == ["removed wedsync: look"]
    assert Schedule.objects.get().name == "weekly report"


@pytest.mark.django_db
def test_a_double_is_removed() -> None:
    declare_schedules((HOURLY,))
    Schedule.objects.create(name="wedsync: look", **HOURLY.row)
    assert declare_schedules((HOURLY,)) == ["removed wedsync: look"]


def test_many_at_once_make_one_of_each(process_env: dict[str, str]) -> None:
    started = [
        subprocess.Popen([*MANAGE, "schedule"], env=process_env, cwd=settings.BASE_DIR)
        for _ in range(3)
    ]
    assert [process.wait(180) for process in started] == [0, 0, 0]
    assert Schedule.objects.count() == len(DECLARED)
