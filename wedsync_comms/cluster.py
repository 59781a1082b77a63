"""The inside of a watched django-q2 cluster: it dies as one, and its heartbeat finds it."""

import ctypes
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

from django.db import Error
from django.utils import timezone
from django_q.cluster import Cluster
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signals import post_execute_in_worker, post_spawn, pre_execute

from wedsync_comms.lib import heartbeats
from wedsync_comms.task_queues import ReleaseQueue, Taken

WORKER_PROCESS = "worker"
BEAT_TASK = "wedsync_comms.tasks.beat"


def instance_name(watchdog: int) -> str:
    """What a watchdog and its cluster are called in heartbeats, and the queue of their beats."""
    return f"{socket.gethostname()}:{watchdog}"


def run_cluster(watchdog: int) -> None:
    """Be the cluster of this watchdog, until it asks to stop or is gone."""
    leash = ParentDeathSignal(watchdog)
    leash.fasten()
    os.register_at_fork(before=leash.hand_on, after_in_child=leash.fasten)
    pulse = TaskHeartbeats(instance_name(watchdog))
    post_spawn.connect(pulse.spawns, weak=False)
    pre_execute.connect(pulse.starts, weak=False)
    post_execute_in_worker.connect(pulse.ends, weak=False)
    Cluster(broker=OwnBeatsFirst(instance_name(watchdog))).start()


class ParentDeathSignal:
    """The kernel kills this process as soon as its parent is gone, and likewise what it forks.

    Without it a cluster whose parent was killed goes on executing for ever. A task that is cut
    off so is given to another cluster. Linux only; elsewhere the next watchdog cleans up.
    """

    PR_SET_PDEATHSIG = 1

    def __init__(self, parent: int) -> None:
        self.parent = parent

    def fasten(self) -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(self.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != self.parent:
            os._exit(1)  # it was gone before the kernel knew that we wanted to hear of it

    def hand_on(self) -> None:
        self.parent = os.getpid()


class OwnBeatsFirst(ReleaseQueue):
    """The queue that all clusters share, and before it the one of this cluster's own beats.

    In the shared queue a beat would be taken by any cluster: a stuck one would swallow its
    neighbours' beats, and a healthy one would look dead because others were quicker.
    """

    def __init__(self, own_key: str) -> None:
        self.own_key = own_key
        super().__init__()

    def dequeue(self) -> Taken | None:
        return self.own() or super().dequeue()

    def own(self) -> Taken:
        rows = list(OrmQ.objects.filter(key=self.own_key, lock__lte=timezone.now())[:1])
        for row in rows:
            OrmQ.objects.filter(pk=row.pk).update(lock=self.timeout(row))
        return [(row.pk, row.payload) for row in rows]


class TaskHeartbeats:
    """Every task that starts or ends is a sign of life; the beat is only the one that surely comes.

    While all workers are at long tasks no beat can start, and the last sign was the start of one
    of them: then the silence may last as long as a task may. A worker that was killed at its task
    ends nothing; it is the birth of its successor that takes the allowance back.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def spawns(self, **_: Any) -> None:
        self.sign(busy_seconds=0)

    def starts(self, *, task: dict[str, Any], **_: Any) -> None:
        busy = 0 if task["func"] == BEAT_TASK else Conf.TIMEOUT
        self.sign(task=task["func"], busy_seconds=busy)

    def ends(self, *, task: dict[str, Any], **_: Any) -> None:
        if task["func"] != BEAT_TASK:
            self.sign(busy_seconds=0)

    def sign(self, **detail: object) -> None:
        # The task will find out by itself if something is wrong with the database.
        with suppress(Error):
            heartbeats.record_beat(WORKER_PROCESS, self.name, **detail)
