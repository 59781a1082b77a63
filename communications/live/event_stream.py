"""Event row -> frame -> every browser it concerns.

The Event table is the truth and the stream is its tail: writers only wake whoever reads it.
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from django.db.models import Max, Min, QuerySet

from communications.models import Event, Organization
from wedsync_comms.lib import wakeup

GROUP = "events"
OUTBOX = "outbox"

# A transaction may commit a lower id after a higher one: what stays missing for this long was
# rolled back. Our transactions last milliseconds.
GAP_SECONDS = 10.0
# The most that one reconnecting browser is sent; beyond it, reloading the list is cheaper.
REPLAY_LIMIT = 2_000


def announce_events() -> None:
    """Wakes the readers of the stream once the current transaction is committed.

    Robust: what is committed stays committed, whether or not Redis is there to say so.
    """
    transaction.on_commit(_notify_group, robust=True)


def _notify_group() -> None:
    layer = get_channel_layer()
    if layer is not None:
        async_to_sync(layer.group_send)(GROUP, {"type": "events"})


def wake_dispatchers() -> None:
    """Wakes the dispatchers once the current transaction is committed."""
    transaction.on_commit(lambda: wakeup.wake(OUTBOX))


def event_rows() -> QuerySet[Event, Any]:
    """Returns the events with what a frame needs, oldest first."""
    return Event.objects.order_by("id").values(
        "id",
        "organization_id",
        "message_id",
        "kind",
        "message_status",
        "provider",
        "error_code",
        "detail",
        "occurred_at",
        "recorded_at",
        "message__channel",
        "message__to",
        "message__subject",
        "message__direction",
    )


def encode_frame(row: dict[str, Any]) -> str:
    """Returns the frame that tells browsers of one event, as JSON text."""
    return json.dumps(
        {
            "type": "status",
            "id": row["id"],
            "message": str(row["message_id"]),
            "status": row["message_status"],
            "channel": row["message__channel"],
            "provider": row["provider"],
            "error": row["error_code"],
            "at": row["recorded_at"].isoformat(),
            "event": row["kind"],
            "detail": row["detail"],
            "to": row["message__to"],
            "subject": row["message__subject"],
            "direction": row["message__direction"],
        },
    )


def last_event_id() -> int:
    """Returns the highest id of an event; 0 before the first."""
    return Event.objects.aggregate(last=Max("id"))["last"] or 0


def replay_frames(organization: int, since: int) -> list[str] | None:
    """Returns the frames an organization missed; None if they are too many or too old."""
    rows = event_rows().filter(organization_id=organization)
    missed = list(rows.filter(id__gt=since)[: REPLAY_LIMIT + 1])
    # Asked afterwards: what was removed before they were read is told of by now.
    if len(missed) > REPLAY_LIMIT or not is_replayable(organization, since):
        return None
    return [encode_frame(row) for row in [*overlapping_rows(rows, since), *missed]]


def overlapping_rows(rows: QuerySet[Event, Any], since: int) -> Iterable[dict[str, Any]]:
    """Returns events up to `since` that may hide one committed after `since` was seen.

    It is all of them, so that a page that takes them in order ends where it was.
    """
    seen_at = Event.objects.filter(pk=since).values_list("recorded_at", flat=True).first()
    if seen_at is None:
        return []
    return rows.filter(
        id__lte=since,
        id__gt=since - REPLAY_LIMIT,
        recorded_at__gte=seen_at - timedelta(seconds=GAP_SECONDS),
    )


def is_replayable(organization: int, since: int) -> bool:
    """Whether everything after this id is still there; 0 asks for whatever there is."""
    if since == 0:
        return True
    first = Event.objects.aggregate(first=Min("id"))["first"] or 1
    # Old events of messages under way stay, so the oldest one does not tell what was removed.
    removed = Organization.objects.filter(pk=organization, events_removed_to__gt=since)
    return first - 1 <= since <= last_event_id() and not removed.exists()


@dataclass
class StreamCursor:
    """A tail of the stream that loses nothing to transactions that commit out of order.

    Ids that were skipped are asked for again until they turn up or are given up.
    """

    last: int
    missing: dict[int, float] = field(default_factory=dict)

    @classmethod
    def at_end(cls) -> Self:
        """Returns a cursor behind the newest row; lower ids not there yet count as skipped."""
        last = last_event_id()
        first = max(1, last - REPLAY_LIMIT)
        there = set(Event.objects.filter(id__gte=first).values_list("id", flat=True))
        now = time.monotonic()
        return cls(last, {skipped: now for skipped in range(first, last) if skipped not in there})

    def read(self, limit: int = 1_000) -> Iterator[dict[str, Any]]:
        """Returns what is new, each row once."""
        now = time.monotonic()
        if self.missing:
            yield from self._late(now)
        for row in event_rows().filter(id__gt=self.last)[:limit]:
            for skipped in range(max(self.last + 1, row["id"] - REPLAY_LIMIT), row["id"]):
                self.missing[skipped] = now
            self.last = row["id"]
            yield row

    def _late(self, now: float) -> Iterator[dict[str, Any]]:
        # The newest first: they are the ones that may still be committed.
        for row in event_rows().filter(id__in=list(self.missing)[-REPLAY_LIMIT:]):
            del self.missing[row["id"]]
            yield row
        for skipped, since in list(self.missing.items()):
            if now - since > GAP_SECONDS:
                del self.missing[skipped]
