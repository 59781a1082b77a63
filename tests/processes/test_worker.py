import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from django.db import connection
from django_q.models import Failure, OrmQ
from django_q.tasks import async_task

from tests.processes.running import Running, eventually, lives, running
from wedsync_comms.cluster import instance_name
from wedsync_comms.lib.models import Heartbeat, WaitingTask
from wedsync_comms.lib.turns.tasks import request_tasks

# On an idle machine it is one or two seconds.
STOPPED_WITHIN = 20


@pytest.fixture
def env(process_env: dict[str, str]) -> dict[str, str]:
    return process_env | {"LOG_LEVEL": "INFO", "LOG_FORMAT": "json"}


@pytest.fixture
def worker(env: dict[str, str], tmp_path: Path) -> Iterator[Running]:
    """Impatient, so that the tests are not long; it has executed a first task."""
    arguments = ["worker", "--stuck-after", "6", "--grace", "1"]
    with running(arguments, env, tmp_path / "log") as process:
        assert_executes_tasks()
        yield process


def assert_executes_tasks(seconds: float = 60) -> float:
    marker = uuid.uuid4().hex
    async_task("wedsync_comms.lib.heartbeats.record_beat", "test", marker)
    return eventually(lambda: Heartbeat.objects.filter(instance=marker).exists(), seconds)


def test_it_takes_turns_until_no_slow_task_waits(worker: Running) -> None:
    request_tasks("calendars.tasks.pull", dict.fromkeys(range(-12, 0), "a venue"))
    eventually(lambda: not WaitingTask.objects.exists())
    eventually(lambda: not OrmQ.objects.exists())
    assert lives(psutil.Process(worker.pid))
    assert not Failure.objects.exists()


def cluster(worker: Running) -> psutil.Process:
    (leader,) = psutil.Process(worker.pid).children()
    return leader


def forked(worker: Running) -> list[psutil.Process]:
    """What a new cluster's guard has forked: two workers, the monitor, the pusher. All idle."""
    eventually(lambda: not OrmQ.objects.exists())
    (guard,) = cluster(worker).children()
    return sorted(guard.children(), key=lambda process: process.pid)


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.kill()


def eventually_gone(processes: list[psutil.Process], seconds: float = 15) -> float:
    return eventually(lambda: not any(lives(process) for process in processes), seconds)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_a_cluster_whose_parent_was_killed_leaves_nothing_behind_and_is_replaced(
    worker: Running,
) -> None:
    old = worker.descendants()
    cluster(worker).kill()
    eventually_gone(old)
    assert_executes_tasks()
    assert "it exited with code -9" in worker.output


def test_a_cluster_that_the_death_of_idle_workers_has_stuck_is_replaced(worker: Running) -> None:
    old = worker.descendants()
    kill(forked(worker)[:2])
    # What the stuck cluster has fetched comes back later: only new tasks are a fair question.
    eventually(lambda: "no task has started" in worker.output)
    eventually_gone(old)
    assert_executes_tasks()


def test_a_cluster_whose_monitor_was_killed_is_replaced(worker: Running) -> None:
    old = worker.descendants()
    kill(forked(worker)[2:3])
    eventually(lambda: "not taken from the queue" in worker.output)
    eventually_gone(old)
    assert_executes_tasks()


def test_a_cluster_whose_workers_are_all_busy_is_not_a_stuck_one(worker: Running) -> None:
    leader = cluster(worker)
    for _ in range(2):
        async_task("time.sleep", 10)
    assert_executes_tasks()
    assert cluster(worker) == leader


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_nothing_outlives_a_killed_watchdog(worker: Running) -> None:
    everybody = worker.descendants()
    assert len(everybody) >= 6
    worker.process.kill()
    eventually_gone(everybody)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told_to_and_leaves_nothing_behind(
    worker: Running,
    number: signal.Signals,
) -> None:
    everybody = worker.descendants()
    worker.process.send_signal(number)
    assert worker.process.wait(STOPPED_WITHIN) == 0
    assert not [process for process in everybody if lives(process)]
    assert "Traceback" not in worker.output
    assert not OrmQ.objects.filter(key=instance_name(worker.pid)).exists()


def test_it_stops_in_time_while_a_task_runs(worker: Running) -> None:
    async_task("time.sleep", 60)
    eventually(lambda: Heartbeat.objects.filter(detail__busy_seconds__gt=0).exists())
    everybody = worker.descendants()
    worker.process.terminate()
    assert worker.process.wait(STOPPED_WITHIN) == 0
    assert not [process for process in everybody if lives(process)]


def test_two_workers_hear_each_their_own_cluster(
    worker: Running,
    env: dict[str, str],
    tmp_path: Path,
) -> None:
    with running(["worker", "--stuck-after", "6"], env, tmp_path / "second") as second:
        for process in (worker, second):
            beats = Heartbeat.objects.filter(instance=instance_name(process.pid))
            eventually(lambda beats=beats: beats.exists())  # type: ignore[misc]
        assert "cluster_replaced" not in worker.output + second.output


def test_it_waits_for_a_database_that_is_down(env: dict[str, str], tmp_path: Path) -> None:
    env |= {"DATABASE_URL": "postgres://nobody@127.0.0.1:9/nothing"}
    with running(["worker"], env, tmp_path / "log") as process:
        eventually(lambda: "waiting_for_database" in process.output)
        assert not process.descendants()
        process.process.terminate()
        assert process.process.wait(STOPPED_WITHIN) == 0
        assert "Traceback" not in process.output


def test_a_missing_table_is_waited_for_like_a_missing_database(
    env: dict[str, str],
    tmp_path: Path,
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("an empty database costs nothing only on SQLite")
    env |= {"DATABASE_URL": f"sqlite:///{tmp_path / 'empty.sqlite3'}"}
    with running(["worker"], env, tmp_path / "log") as process:
        eventually(lambda: "waiting_for_database" in process.output)
        assert process.process.poll() is None
