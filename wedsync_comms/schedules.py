"""Every periodic task, declared once; and how django-q2's table of schedules is made equal to it.

A task that runs late, twice or not at all must do no harm: django-q2 looks at its schedules only
every half minute, and gives a task that died with its worker to another one.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task

from wedsync_comms.lib import shared_state

# Tells our rows from the ones that staff added in the admin, which are left alone.
PREFIX = "wedsync: "


@dataclass(frozen=True)
class PeriodicTask:
    name: str
    func: str
    minutes: int
    # Until it is in a release: workers of the newest one do not know it, may run beside ours, and
    # look at the same table. So it is not in there, and is queued by `queue_new_tasks`.
    is_new: bool = False

    @property
    def row(self) -> dict[str, object]:
        return {
            "func": self.func,
            "schedule_type": Schedule.MINUTES,
            "minutes": self.minutes,
            "repeats": -1,
            "cluster": None,
        }

    def take_turn(
        self, state: shared_state.State | None, now: float
    ) -> tuple[dict[str, Any], bool]:
        """Returns what is to be remembered, and whether it is to be queued now."""
        last = (state or {}).get("queued_at", 0.0)
        is_due = now - last >= self.minutes * 60
        return {"queued_at": now if is_due else last}, is_due


SCHEDULES = (
    PeriodicTask("replay deliveries", "communications.tasks.replay_deliveries", minutes=1),
    PeriodicTask("poll receipts", "communications.tasks.poll_receipts", minutes=1),
    PeriodicTask("settle unknown", "communications.tasks.settle_unknown", minutes=1),
    PeriodicTask("fetch received", "communications.tasks.fetch_received", minutes=1),
    PeriodicTask("sync templates", "communications.tasks.sync_templates", minutes=1),
    PeriodicTask("probe providers", "health.tasks.probe_all", minutes=1),
    PeriodicTask("forget health", "health.tasks.forget", minutes=60),
    PeriodicTask("read calendars", "calendars.tasks.pull_due", minutes=1),
    PeriodicTask("write appointments", "calendars.tasks.write_due", minutes=1),
    PeriodicTask("tend subscriptions", "calendars.tasks.tend_due", minutes=1),
    PeriodicTask("sync contacts", "calendars.tasks.sync_people_due", minutes=1),
    PeriodicTask("find duplicates", "communications.tasks.find_duplicates", minutes=1),
    PeriodicTask("tell of appointments", "calendars.tasks.tell_due", minutes=1),
    PeriodicTask("remind of appointments", "calendars.tasks.remind", minutes=5),
    PeriodicTask("list calendars", "calendars.tasks.list_calendars", minutes=60),
    PeriodicTask("reseal grants", "calendars.tasks.reseal_grants", minutes=60),
    PeriodicTask("run imports", "communications.tasks.run_imports", minutes=1),
    PeriodicTask("forget imports", "communications.tasks.forget_imports", minutes=60),
    PeriodicTask("sweep files", "communications.tasks.sweep_files", minutes=5, is_new=True),
    PeriodicTask("hand out turns", "wedsync_comms.lib.turns.tasks.restore_turns", 1, is_new=True),
    PeriodicTask("prune", "communications.tasks.prune_history", minutes=2),
)


@transaction.atomic
def declare_schedules(schedules: tuple[PeriodicTask, ...] = SCHEDULES) -> list[str]:
    """Make the table equal to `schedules` and say what changed. Safe to call at the same time
    from many machines, and often: what is unchanged keeps its next run."""
    _one_at_a_time()
    declared = {PREFIX + every.name: every for every in schedules if not every.is_new}
    found: dict[str, Schedule] = {}
    changes = []
    for row in Schedule.objects.filter(name__startswith=PREFIX).order_by("pk"):
        if row.name in declared and row.name not in found:
            found[row.name] = row
        else:
            row.delete()
            changes.append(f"removed {row.name}")
    return changes + [
        change for name, every in declared.items() if (change := _put(name, every, found.get(name)))
    ]


def queue_new_tasks(schedules: tuple[PeriodicTask, ...] = SCHEDULES) -> list[str]:
    """Queues the new ones that are due, one worker for all, and returns their names."""
    due = [
        every
        for every in schedules
        if every.is_new and shared_state.update_row(f"schedule:{every.name}", every.take_turn)
    ]
    for every in due:
        async_task(every.func)
    return [every.name for every in due]


def _one_at_a_time() -> None:
    # django-q2's table has no unique name. On SQLite the transaction has the write lock already.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [PREFIX])


def _put(name: str, every: PeriodicTask, row: Schedule | None) -> str:
    if row is None:
        Schedule.objects.create(name=name, **every.row)
        return f"added {name}"
    if all(getattr(row, field) == value for field, value in every.row.items()):
        return ""
    Schedule.objects.filter(pk=row.pk).update(next_run=timezone.now(), **every.row)
    return f"changed {name}"
