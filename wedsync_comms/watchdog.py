"""start -> ask for beats -> replace what exits or falls silent: keeps a django-q2 cluster alive.

django-q2 does not notice the worst of its own accidents: when an idle worker is killed, the dead
process keeps the lock of the task queue and the cluster executes nothing any more. When its monitor
is killed, the same happens to the results: what was executed stays queued, and is executed again.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType

import structlog
from django.conf import settings
from django.db import Error, connections
from django_q.models import OrmQ
from django_q.tasks import async_task

from wedsync_comms import cluster
from wedsync_comms.lib import background_loops
from wedsync_comms.lib.models import Heartbeat
from wedsync_comms.process_group import GroupRecords, ProcessGroup
from wedsync_comms.schedules import declare_schedules, queue_new_tasks

log = structlog.get_logger(__name__)

WATCH_EVERY_S = 0.5
NEW_TASKS_EVERY_S = 15.0
STEADY_AFTER = timedelta(minutes=1)
START_ALLOWANCE = timedelta(seconds=30)
LONGEST_RESTART_PAUSE = timedelta(seconds=30)


@dataclass(frozen=True)
class Patience:
    stuck_after: timedelta = timedelta(seconds=30)
    grace: timedelta = timedelta(seconds=5)

    @property
    def beat_every(self) -> timedelta:
        """Often enough that some may be late before the silence is too long."""
        return min(timedelta(seconds=5), self.stuck_after / 4)


class Watchdog:
    def __init__(self, patience: Patience, records: GroupRecords) -> None:
        self.patience = patience
        self.records = records
        self.pid = os.getpid()
        self.instance = cluster.instance_name(self.pid)
        self.outage = DatabaseOutage()
        self.stopping = False

    def run(self) -> None:
        """Until it is told to stop by SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        for leader in self.records.clean_up():
            log.warning("orphaned_cluster_killed", pid=leader)
        background_loops.register("new tasks", lambda: queue_now_and_then)
        loops = background_loops.start()
        failures = 0
        while not self.stopping:
            self.prepare()
            began = time.monotonic()
            reason = "" if self.stopping else self.watch_one()
            lasted = elapsed_since(began)
            if reason:
                failures = 0 if lasted > STEADY_AFTER else failures + 1
                log.error("cluster_replaced", reason=reason, after=str(lasted))
                self.sleep(restart_pause(failures))
        loops.stop()
        with suppress(Error):
            self.clear_beats()

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        # Only a note: the code that the signal interrupts may hold any lock.
        self.stopping = True

    def sleep(self, duration: timedelta) -> None:
        until = time.monotonic() + duration.total_seconds()
        while not self.stopping and time.monotonic() < until:
            time.sleep(WATCH_EVERY_S)

    def prepare(self) -> None:
        """Waits for the database: a cluster that starts without one exits for good."""
        while not self.stopping:
            with self.outage.noted():
                self.clear_beats()
                for change in declare_schedules():
                    log.info("schedule", change=change)
                return
            self.sleep(timedelta(seconds=1))

    def watch_one(self) -> str:
        """Runs a cluster until there is a reason to replace it, or none: we are to stop."""
        # It forks, and the threads of a pool stay behind: a connection for each process instead.
        group = ProcessGroup(cluster_command(self.pid), DATABASE_POOL="off")
        self.records.write(self.pid, group.pid)
        log.info("cluster_started", pid=group.pid)
        try:
            return self.watch(group)
        finally:
            group.stop(self.patience.grace)
            self.records.forget(self.pid)
            log.info("cluster_stopped", pid=group.pid)

    def watch(self, group: ProcessGroup) -> str:
        listener = BeatListener(self.instance, self.patience)
        while not self.stopping:
            if (code := group.exit_code()) is not None:
                return f"it exited with code {code}"
            with self.outage.noted():
                if complaint := listener.complaint():
                    return complaint
            if self.outage.lasts:
                listener.start_over()
            time.sleep(WATCH_EVERY_S)
        return ""

    def clear_beats(self) -> None:
        OrmQ.objects.filter(key=self.instance).delete()


def queue_now_and_then() -> float:
    queue_new_tasks()
    return NEW_TASKS_EVERY_S


class DatabaseOutage:
    """The database is away: said when it goes and when it is back, not twice a second."""

    def __init__(self) -> None:
        self.lasts = False

    @contextmanager
    def noted(self) -> Iterator[None]:
        try:
            yield
        except Error as error:
            connections.close_all()
            if not self.lasts:
                log.warning("waiting_for_database", error=str(error))
            self.lasts = True
        else:
            if self.lasts:
                log.info("database_is_back")
            self.lasts = False


class BeatListener:
    """Asks for beats and hears them. Only this machine's monotonic clock measures the silence."""

    def __init__(self, instance: str, patience: Patience) -> None:
        self.instance = instance
        self.patience = patience
        self.asked_at = -patience.stuck_after.total_seconds()
        self.heard: object = None
        self.start_over()

    def start_over(self) -> None:
        """A new cluster needs time to start; while the database was away nobody could beat."""
        self.heard_at = time.monotonic()
        self.limit = self.patience.stuck_after + START_ALLOWANCE
        self.beaten = False
        self.unconfirmed = 0

    def complaint(self) -> str:
        """Why the cluster has to be replaced; empty while it works."""
        self.ask()
        self.listen()
        silent = elapsed_since(self.heard_at)
        if silent > self.limit:
            return f"no task has started for {silent.total_seconds():.0f} seconds"
        if self.unconfirmed > 1:
            return "tasks are executed and not taken from the queue"
        return ""

    def listen(self) -> None:
        row = Heartbeat.objects.filter(
            process=cluster.WORKER_PROCESS, instance=self.instance
        ).first()
        if row and row.beat_at != self.heard:
            self.heard = row.beat_at
            self.heard_at = time.monotonic()
            self.limit = self.patience.stuck_after + timedelta(
                seconds=row.detail.get("busy_seconds", 0),
            )
            self.beaten = self.beaten or row.detail.get("task") == cluster.BEAT_TASK

    def ask(self) -> None:
        """One beat at a time is in the queue. One that a killed process took along is replaced."""
        waited = elapsed_since(self.asked_at)
        if waited < self.patience.beat_every:
            return
        queued = OrmQ.objects.filter(key=self.instance)
        if not queued.exists():
            self.unconfirmed = 0
        elif waited < self.patience.stuck_after / 2:
            return
        else:
            # Executed, and half the patience later still there: the process that should have
            # taken it away is the one that is stuck. Twice, because it may just have been killed.
            self.unconfirmed += self.beaten
            queued.delete()
        async_task(cluster.BEAT_TASK, cluster=self.instance)
        self.asked_at = time.monotonic()
        self.beaten = False


def elapsed_since(moment: float) -> timedelta:
    return timedelta(seconds=time.monotonic() - moment)


def restart_pause(failures: int) -> timedelta:
    """After the first failure none, then 1, 2, 4 … seconds."""
    return min(timedelta(seconds=2 ** min(failures, 10) // 4), LONGEST_RESTART_PAUSE)


def cluster_command(watchdog: int) -> list[str]:
    manage = str(settings.BASE_DIR / "manage.py")
    return [sys.executable, manage, "worker", "--skip-checks", "--cluster-of", str(watchdog)]
