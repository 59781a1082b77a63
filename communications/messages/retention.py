"""What is kept for a time only goes, the oldest first, in small batches: each organization in turn.

How many days what is kept says the installation (`RETENTION_DAYS`); an organization may keep less.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from communications.messages import row_removal, text_removal
from communications.models import Organization
from communications.models.organizations import MAX_KEEP_DAYS
from wedsync_comms.lib import heartbeats, shared_state
from wedsync_comms.lib.leases import process_lease

log = structlog.get_logger(__name__)

# Below the time after which django-q2 ends a task.
BUDGET_S = 40.0
# A batch is followed by as long a rest, so that half of what it costs is left to whoever sends.
REST = 1.0
# One process does it at a time; one that was killed gives way to the next run.
LEASE, LEASE_S = "retention", 90.0

# Removes a batch of what an organization has from before then, and returns how many rows.
Remover = Callable[[int | None, datetime], int]
REMOVERS: dict[str, Remover] = {
    "delivery": row_removal.remove_deliveries,
    "event": row_removal.remove_events,
    "text": text_removal.remove_texts,
    "attempt": row_removal.remove_attempts,
    "message": row_removal.remove_messages,
}


@dataclass(frozen=True)
class Expiry:
    """What an organization does not keep any more; of None: what belongs to nobody."""

    kind: str
    organization: int | None
    before: datetime


def remove_expired() -> int:
    """Removes what nobody keeps any more, for as long as a task may last; returns how many rows."""
    heartbeats.forget_silent(timedelta(days=1))
    shared_state.forget_stale()
    holder = f"{random.getrandbits(64):x}"
    if not process_lease.acquire(LEASE, holder, LEASE_S):
        return 0
    try:
        return remove_in_turns(list(expiries(timezone.now())))
    finally:
        process_lease.release(LEASE, holder)


def remove_in_turns(found: list[Expiry]) -> int:
    """Takes a batch of each in turn, so that who has the most keeps nobody else's from going."""
    # Where the time is too short for all, it is not always the same who come last.
    random.shuffle(found)
    turns, ends, removed = deque(found), time.monotonic() + BUDGET_S, 0
    while turns and time.monotonic() < ends:
        expiry, began = turns.popleft(), time.monotonic()
        if count := remove_batch(expiry):
            removed += count
            turns.append(expiry)
            time.sleep(REST * (time.monotonic() - began))
    if turns:
        log.info("retention_goes_on", removed=removed, left=len(turns))
    return removed


def remove_batch(expiry: Expiry) -> int:
    """Returns 0 as well for what cannot be removed: it keeps the others from nothing."""
    try:
        return REMOVERS[expiry.kind](expiry.organization, expiry.before)
    except DatabaseError:
        log.exception("retention_failed", kind=expiry.kind, organization=expiry.organization)
        return 0


def expiries(now: datetime) -> Iterator[Expiry]:
    for organization in Organization.objects.all():
        for kind in REMOVERS:
            if days := kept_days(kind, organization):
                yield Expiry(kind, organization.pk, now - timedelta(days=days))
    # Webhooks that nobody was found for.
    if days := kept_days("delivery", None):
        yield Expiry("delivery", None, now - timedelta(days=days))


def kept_days(kind: str, organization: Organization | None) -> int:
    """Returns for how many days an organization's rows of a kind are kept; 0: for ever.

    The shortest of what is said counts. A webhook holds the text it tells of, so it is kept no
    longer than that.
    """
    kinds = ("delivery", "text", "message") if kind == "delivery" else (kind,)
    said = [settings.RETENTION_DAYS[name] for name in kinds]
    if organization is not None:
        said += [getattr(organization, f"keep_{name}_days") or 0 for name in kinds]
    # Rows saved without the form may say any number.
    return min((min(days, MAX_KEEP_DAYS) for days in said if days), default=0)
