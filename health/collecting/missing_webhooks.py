"""Webhooks that do not come although our own traffic says they should."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, Max, OuterRef, Q

from communications.models import Event, WebhookDelivery
from communications.providers import registry
from communications.vocabulary.events import (
    Kind,
    Source,
)
from health.collecting.rollups import bucket_start
from health.collecting.traffic import Traffic
from health.models import Rollup
from health.vocabulary.readings import FIVE_MINUTES

# What a receipt takes where nothing is known yet, and the least that is called usual: networks
# and clocks have their own seconds.
DEFAULT_RECEIPT_DELAY = timedelta(seconds=60)
MIN_RECEIPT_DELAY = timedelta(seconds=8)
# Twice the usual delay is what is promised; this leaves the rest of it for noticing.
DELAY_TOLERANCE = 1.5
# One receipt may be missing for a reason of its own; that of several, sent one after the other,
# is a silence.
RECEIPTS_FOR_SILENCE = 3
# Further back nobody waits for anything.
RECEIPT_HORIZON = timedelta(hours=24)


@dataclass(frozen=True)
class AwaitedReceipts:
    """Calls accepted since the last receipt, none of which has one."""

    count: int
    oldest: datetime | None
    usual: timedelta

    def overdue_at(self) -> datetime | None:
        """When it is a silence; None while too few are waiting for that."""
        if self.oldest is None:
            return None
        if self.count >= RECEIPTS_FOR_SILENCE:
            return self.oldest + DELAY_TOLERANCE * self.usual
        grace = timedelta(seconds=settings.RECEIPT_OVERDUE_SECONDS)
        return self.oldest + max(grace, 2 * self.usual)


def webhook_expected_by(
    slug: str, scope: int | None, lately: Traffic, now: datetime
) -> datetime | None:
    """Returns when the next webhook is expected; None while nothing is awaited."""
    found = awaited_receipts(slug, scope, lately, now)
    return found.oldest + found.usual if found.oldest else None


def awaited_receipts(
    slug: str, scope: int | None, lately: Traffic, now: datetime
) -> AwaitedReceipts:
    """Returns the calls since the last receipt of a provider that no webhook was about."""
    usual = max(lately.usual_delay or DEFAULT_RECEIPT_DELAY, MIN_RECEIPT_DELAY)
    provider = registry.provider_for(slug)
    if not (provider.has_receipts and provider.takes_webhooks):
        return AwaitedReceipts(0, None, usual)
    heard = max(
        filter(None, (lately.last_receipt_at, newest_unapplied_at(provider.webhook))), default=None
    )
    accepted = calls_without_receipt(
        slug, scope, max(filter(None, (heard, now - RECEIPT_HORIZON))), now
    )
    return AwaitedReceipts(len(accepted), accepted[0] if accepted else None, usual)


def newest_unapplied_at(webhook: str) -> datetime | None:
    """A delivery that waits to be applied was heard as well."""
    rows = WebhookDelivery.objects.unapplied().filter(provider=webhook)
    found: datetime | None = rows.aggregate(at=Max("received_at"))["at"]
    return found


def calls_without_receipt(
    slug: str, scope: int | None, since: datetime, now: datetime
) -> list[datetime]:
    """When the first few calls were accepted since then whose attempts no webhook was about."""
    events = Event.objects.filter(
        ~Exists(Event.objects.filter(attempt=OuterRef("attempt"), source=Source.WEBHOOK)),
        in_busy_buckets(slug, scope, since, now),
        kind=Kind.ACCEPTED,
        provider=slug,
        recorded_at__gt=since,
    )
    if scope is not None:
        events = events.filter(organization=scope)
    return list(
        events.order_by("recorded_at").values_list("recorded_at", flat=True)[:RECEIPTS_FOR_SILENCE]
    )


def in_busy_buckets(slug: str, scope: int | None, since: datetime, now: datetime) -> Q:
    """Where to look: in the last minutes, whose sums may not be there yet, and before them only
    where the sums say that there is something. The rest of a day is not searched."""
    found = Q(recorded_at__gte=now - FIVE_MINUTES)
    rows = Rollup.objects.filter(organization=scope, provider=slug, at__gte=bucket_start(since))
    first = (
        rows.filter(accepted__gt=0)
        .order_by("at")
        .values_list("at", flat=True)[:RECEIPTS_FOR_SILENCE]
    )
    for at in first:
        found |= Q(recorded_at__gte=at, recorded_at__lt=at + FIVE_MINUTES)
    return found
