import json
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError
from django.utils import timezone
from django_q.models import OrmQ
from structlog.testing import capture_logs

from wedsync_comms.cluster import BEAT_TASK, OwnBeatsFirst
from wedsync_comms.lib import heartbeats
from wedsync_comms.lib.models import Heartbeat
from wedsync_comms.process_group import GroupRecords, Identity, ProcessGroup
from wedsync_comms.watchdog import (
    LONGEST_RESTART_PAUSE,
    BeatListener,
    DatabaseOutage,
    Patience,
    restart_pause,
)

USUAL = Patience()
GONE = {"pid": 2**22 + 1, "started": "never"}


@pytest.fixture
def group() -> Iterator[ProcessGroup]:
    sleeper = ProcessGroup([sys.executable, "-c", "import time; time.sleep(60)"])
    yield sleeper
    sleeper.stop(timedelta(seconds=1))


@pytest.fixture
def records(tmp_path: Path) -> GroupRecords:
    return GroupRecords(tmp_path / "workers")


def watched_by_the_dead(records: GroupRecords, **leader: object) -> None:
    records.folder.mkdir()
    records.path(1).write_text(json.dumps({"watcher": GONE, "leader": leader}))


def test_a_group_whose_watchdog_is_gone_is_killed(
    group: ProcessGroup, records: GroupRecords
) -> None:
    identity = Identity.of(group.pid)
    assert identity
    watched_by_the_dead(records, pid=identity.pid, started=identity.started)
    assert records.clean_up() == [group.pid]
    assert group.leader.wait(30) == -9
    assert not list(records.folder.iterdir())


def test_another_process_with_the_same_id_is_left_alone(
    group: ProcessGroup, records: GroupRecords
) -> None:
    watched_by_the_dead(records, pid=group.pid, started="at another time")
    assert records.clean_up() == []
    assert group.exit_code() is None


def test_the_group_of_a_living_watchdog_is_left_alone(
    group: ProcessGroup, records: GroupRecords
) -> None:
    records.write(os.getpid(), group.pid)
    assert records.clean_up() == []
    assert group.exit_code() is None
    records.forget(os.getpid())
    assert not list(records.folder.iterdir())


def test_a_group_that_does_not_listen_is_killed_after_the_grace() -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(); time.sleep(60)"
    group = ProcessGroup([sys.executable, "-c", deaf])
    group.stop(timedelta(seconds=0.2))
    assert group.exit_code() in {-9, -15}


@pytest.mark.django_db
def test_beats_do_not_pile_up() -> None:
    listener = BeatListener("here:1", USUAL)
    for _ in range(10):
        listener.ask()
        listener.asked_at -= 6
    assert OrmQ.objects.filter(key="here:1").count() == 1


@pytest.mark.django_db
def test_a_beat_that_was_lost_is_replaced() -> None:
    listener = BeatListener("here:1", USUAL)
    listener.ask()
    first = OrmQ.objects.get().pk
    listener.asked_at -= 20
    listener.ask()
    assert OrmQ.objects.get().pk != first


@pytest.mark.django_db
def test_a_beat_goes_to_its_own_cluster_only() -> None:
    BeatListener("here:1", USUAL).ask()
    assert OwnBeatsFirst("here:2").dequeue() is None
    mine = OwnBeatsFirst("here:1")
    assert [pk for pk, _ in mine.dequeue() or []] == [OrmQ.objects.get().pk]
    assert mine.dequeue() is None


@pytest.mark.django_db
def test_silence_is_a_reason_to_complain_and_a_sign_of_life_is_not() -> None:
    listener = BeatListener("here:1", USUAL)
    listener.heard_at -= 100
    assert listener.complaint() == "no task has started for 100 seconds"
    heartbeats.record_beat("worker", "here:1")
    assert not listener.complaint()


@pytest.mark.django_db
def test_long_tasks_are_given_time_until_they_end() -> None:
    listener = BeatListener("here:1", USUAL)
    heartbeats.record_beat("worker", "here:1", busy_seconds=60)
    assert not listener.complaint()
    listener.heard_at -= 80
    assert not listener.complaint()
    heartbeats.record_beat("worker", "here:1", busy_seconds=0)
    assert not listener.complaint()
    listener.heard_at -= 80
    assert listener.complaint()


@pytest.mark.django_db
def test_beats_that_are_executed_and_never_taken_away_are_a_reason_to_complain() -> None:
    listener = BeatListener("here:1", USUAL)
    complaints = []
    for _ in range(3):
        listener.asked_at -= 20
        complaints.append(listener.complaint())
        heartbeats.record_beat("worker", "here:1", task=BEAT_TASK)
        listener.listen()
    assert complaints[:2] == ["", ""]
    assert complaints[2] == "tasks are executed and not taken from the queue"


@pytest.mark.django_db
def test_the_wall_clock_does_not_matter() -> None:
    listener = BeatListener("here:1", USUAL)
    heartbeats.record_beat("worker", "here:1")
    Heartbeat.objects.update(beat_at=timezone.now() - timedelta(days=1))
    assert not listener.complaint()


def test_an_outage_is_said_once() -> None:
    outage = DatabaseOutage()
    with capture_logs() as log:
        for _ in range(3):
            with outage.noted():
                raise OperationalError("server closed the connection")
        assert outage.lasts
        with outage.noted():
            pass
        assert not outage.lasts
    assert [entry["event"] for entry in log] == ["waiting_for_database", "database_is_back"]


def test_the_pauses_grow_up_to_a_limit() -> None:
    assert [restart_pause(n).total_seconds() for n in range(5)] == [0, 0, 1, 2, 4]
    assert restart_pause(50) == LONGEST_RESTART_PAUSE
