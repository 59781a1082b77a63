"""What is kept for a time only goes in small batches, so that nobody waits for it."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from communications.models import Event, WebhookDelivery
from wedsync_comms.lib import heartbeats, shared_state

PRUNE_BATCH = 500
MAX_PRUNE_BATCHES = 40


def remove_expired() -> int:
    """Removes old events and applied deliveries, and returns how many."""
    before = timezone.now() - timedelta(days=settings.KEEP_DAYS)
    events = Event.objects.filter(recorded_at__lt=before).order_by("id")
    # What was never applied stays, however old: it may still be wanted.
    deliveries = WebhookDelivery.objects.filter(
        received_at__lt=before, applied_at__isnull=False
    ).order_by("received_at")
    heartbeats.forget_silent(timedelta(days=1))
    shared_state.forget_stale()
    return remove_in_batches(events) + remove_in_batches(deliveries)


def remove_in_batches(rows: QuerySet[Any]) -> int:
    removed = 0
    for _ in range(MAX_PRUNE_BATCHES):
        ids = list(rows.values_list("pk", flat=True)[:PRUNE_BATCH])
        if not ids:
            break
        removed += rows.model.objects.filter(pk__in=ids).delete()[0]
    return removed
