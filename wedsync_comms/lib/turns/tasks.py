"""request -> a row and a turn -> take_turn -> the fairest task runs: slow work of many parties.

django-q2 runs what was asked for first, so a thousand tasks of one party would keep everybody's one
waiting. What it is given here names no task: it is a turn, and whoever has one takes the task of
the party that is furthest behind (`lib.fair_share`). A few turns are out at a time, and each brings
the next: nothing else that django-q2 runs waits behind a thousand either.

A row is there once for each task and key, however often it is asked for. It goes before the task
runs, so that what is asked for meanwhile is done afterwards. A process that dies loses a task, and
maybe a turn: a schedule finds all that is to be done, and `restore_turns` hands out turns again.
"""

import random
import time
from collections.abc import Mapping
from itertools import islice

import structlog
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.module_loading import import_string
from django_q.models import OrmQ
from django_q.tasks import async_task

from wedsync_comms.lib.fair_share import FairShare
from wedsync_comms.lib.models import WaitingTask

log = structlog.get_logger(__name__)

TURN = "wedsync_comms.lib.turns.tasks.take_turn"
# How many turns are out while more tasks than that wait.
TURNS_AT_ONCE = 8
# What a task costs at least, in seconds: also of what is done at once, everybody has a turn.
LEAST_COST_S = 0.05

# Of this process: its tasks run one after the other.
shares = FairShare[str]()


def request_tasks(func: str, parties: Mapping[int, object], *, urgency: int = 0) -> None:
    """Has `func` run for each key, in the turn of its party; the urgent ones of a party first.

    Call it after the commit of what is to be found: a task that waits already counts as asked for.
    """
    last = WaitingTask.objects.aggregate(last=Max("pk"))["last"] or 0
    WaitingTask.objects.bulk_create(
        (
            WaitingTask(func=func, key=key, party=str(party), urgency=urgency)
            for key, party in parties.items()
        ),
        ignore_conflicts=True,
        batch_size=500,
    )
    # Those that wait now have their turns. Counted before, they might have been done meanwhile, and
    # nobody would bring the next turn.
    earlier = count_waiting(WaitingTask.objects.filter(pk__lte=last))
    hand_out_turns(min(len(parties), TURNS_AT_ONCE - earlier))


def count_waiting(tasks: QuerySet[WaitingTask] | None = None) -> int:
    """Returns how many tasks wait; no more than there may be turns."""
    rows = WaitingTask.objects.all() if tasks is None else tasks
    return len(rows.values_list("pk")[:TURNS_AT_ONCE])


def count_turns() -> int:
    """Returns how many turns are out, whatever else django-q2 has to run; no more than may be."""
    queued = OrmQ.objects.order_by("pk").iterator(chunk_size=500)
    return len([*islice((row for row in queued if row.task.get("func") == TURN), TURNS_AT_ONCE)])


def hand_out_turns(count: int) -> None:
    for _ in range(count):
        async_task(TURN)


def restore_turns() -> None:
    """Hands out turns where those that were out are lost, so that nothing waits for good."""
    if waiting := count_waiting():
        hand_out_turns(waiting - count_turns())


def take_turn() -> bool:
    """Runs the task whose turn it is. Returns False if none waits."""
    task = claim_task()
    if task is None:
        return False
    if count_waiting() == TURNS_AT_ONCE:
        # Before it runs: whatever becomes of it, the next one has its turn.
        hand_out_turns(1)
    began = time.monotonic()
    try:
        import_string(task.func)(task.key)
    except Exception:
        log.exception("task_failed", func=task.func, key=task.key, party=task.party)
        raise
    finally:
        shares.serve([task.party], max(LEAST_COST_S, time.monotonic() - began))
    return True


def claim_task() -> WaitingTask | None:
    """Takes the most urgent task of the party whose turn it is, or of the next one's where another
    process was quicker."""
    waiting = list(WaitingTask.objects.order_by().values_list("party", flat=True).distinct())
    # Among equals by chance. A task that runs out of time ends its process, and what it cost with
    # it: were the same party first in each new one, nobody else would ever have a turn.
    random.shuffle(waiting)
    shares.enter(dict.fromkeys(waiting, 1.0))
    for party in shares.plan(dict.fromkeys(waiting, 1), len(waiting)):
        own = WaitingTask.objects.filter(party=party).order_by("urgency", "pk")
        with transaction.atomic():
            task = own.select_for_update(skip_locked=True).first()
            if task is not None:
                WaitingTask.objects.filter(pk=task.pk).delete()
                return task
    return None
