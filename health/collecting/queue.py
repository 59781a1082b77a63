"""What waits, and for how long. Counting ends at `MANY`, and every query has its index."""

from datetime import datetime
from typing import Any

from django.db.models import Min, QuerySet

from communications.models import Attempt, Channel, Message, Priority, WebhookDelivery
from communications.vocabulary.statuses import Status
from health.vocabulary.readings import Queue

MANY = 10_000


def look(organization: int | None, now: datetime) -> Queue:
    messages = of(Message.objects.waiting(), organization)
    deliveries = of(WebhookDelivery.objects.all(), organization)
    attempts = of(Attempt.objects.all(), organization, "message__organization")
    flying = attempts.filter(status=Status.QUEUED, call__repeat_after__isnull=False)
    return Queue(
        due=capped(messages.filter(send_after__lte=now)),
        scheduled=capped(messages.filter(send_after__gt=now)),
        in_flight=capped(flying),
        unknown=capped(attempts.filter(status=Status.UNKNOWN)),
        unapplied=capped(deliveries.filter(apply_after__isnull=False)),
        stuck_deliveries=capped(deliveries.filter(applied_at=None, apply_after=None)),
        oldest_age=ages(messages, now),
        counted_up_to=MANY,
    )


def of(rows: QuerySet[Any], organization: int | None, lookup: str = "organization") -> Any:
    return rows if organization is None else rows.filter(**{lookup: organization})


def capped(rows: QuerySet[Any]) -> int:
    return rows.order_by()[:MANY].count()


def ages(waiting: QuerySet[Message], now: datetime) -> dict[str, float]:
    """Asked channel by channel, because that is how the outbox's index begins."""
    found = {}
    for priority in Priority:
        oldest = [
            waiting.filter(leg_channel=channel, priority=priority).aggregate(at=Min("send_after"))
            for channel in Channel.values
        ]
        due = [one["at"] for one in oldest if one["at"] is not None and one["at"] <= now]
        if due:
            found[priority.name.lower()] = (now - min(due)).total_seconds()
    return found
