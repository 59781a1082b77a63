"""What waits, and for how long. Counting ends at `COUNTED_UP_TO`, and every query has its index."""

from datetime import datetime
from typing import Any

from django.db.models import Min, QuerySet

from communications.models import Attempt, Channel, Message, Priority, WebhookDelivery
from communications.vocabulary.statuses import Status
from health.vocabulary.readings import QueueReading

COUNTED_UP_TO = 10_000


def collect_queue(organization: int | None, now: datetime) -> QueueReading:
    """Returns how much waits in each state and how long the oldest does, in seconds."""
    messages = rows_of(Message.objects.waiting(), organization)
    deliveries = rows_of(WebhookDelivery.objects.all(), organization)
    attempts = rows_of(Attempt.objects.all(), organization, "message__organization")
    flying = attempts.filter(status=Status.QUEUED, call__repeat_after__isnull=False)
    return QueueReading(
        due=capped_count(messages.filter(send_after__lte=now)),
        scheduled=capped_count(messages.filter(send_after__gt=now)),
        in_flight=capped_count(flying),
        unknown=capped_count(attempts.filter(status=Status.UNKNOWN)),
        unapplied=capped_count(deliveries.filter(apply_after__isnull=False)),
        stuck_deliveries=capped_count(deliveries.filter(applied_at=None, apply_after=None)),
        oldest_age=oldest_age_by_priority(messages, now),
        counted_up_to=COUNTED_UP_TO,
    )


def rows_of(rows: QuerySet[Any], organization: int | None, lookup: str = "organization") -> Any:
    return rows if organization is None else rows.filter(**{lookup: organization})


def capped_count(rows: QuerySet[Any]) -> int:
    return rows.order_by()[:COUNTED_UP_TO].count()


def oldest_age_by_priority(waiting: QuerySet[Message], now: datetime) -> dict[str, float]:
    """Asked channel by channel, because that is how the outbox's index begins."""
    found = {}
    for priority in Priority:
        oldest = [
            waiting.filter(leg_channel=channel, priority=priority).aggregate(at=Min("send_after"))
            for channel in Channel.values
        ]
        due = [row["at"] for row in oldest if row["at"] is not None and row["at"] <= now]
        if due:
            found[priority.name.lower()] = (now - min(due)).total_seconds()
    return found
