"""Which of django-q2's queues a task is put into, and which of them a worker takes from."""

from typing import Any

from django.conf import settings
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ

Taken = list[tuple[int, str]]


class ReleaseQueue(ORM):
    """The queue of this release, and before it what earlier releases left: django-q2's
    `broker_class`.

    The cluster keeps its name in all releases: it is in the signature of each task.
    """

    def __init__(self, list_key: str = "") -> None:
        is_common = list_key in {"", Conf.CLUSTER_NAME}
        super().__init__(list_key=settings.TASK_QUEUES[0] if is_common else list_key)

    def dequeue(self) -> Any:
        return self.left_by_earlier_releases() or super().dequeue()

    def left_by_earlier_releases(self) -> Taken:
        """Takes at most one batch; their own workers may be taking from there as well."""
        waiting = OrmQ.objects.filter(key__in=settings.TASK_QUEUES[1:], lock__lte=timezone.now())
        return [
            (row.pk, row.payload)
            for row in waiting[: Conf.BULK]
            if OrmQ.objects.filter(pk=row.pk, lock=row.lock).update(lock=self.timeout(row))
        ]
