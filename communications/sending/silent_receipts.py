"""Receipts fall silent -> their provider is asked for what is overdue, until they are back.

Silence is judged by what came for any message of the provider: one receipt may be missing for a
reason of its own, and a campaign that waits at the carrier is no silence.
"""

from datetime import datetime, timedelta

from django.db.models import DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet
from django.utils import timezone

from communications.models import Attempt, Event, WebhookDelivery
from communications.providers import registry
from communications.vocabulary.events import Source
from communications.vocabulary.statuses import Status

# The first receipt of a message usually takes seconds.
RECEIPT_EXPECTED = timedelta(seconds=20)
# What is older is no sign of a silence that lasts.
SILENCE_HORIZON = timedelta(hours=1)
# How often one message is asked about: a quarter of its age, and not more often than this.
HURRIED_INTERVAL = timedelta(seconds=15)
HURRIED_AGE_SHARE = 0.25
# After this long nobody asks about a receipt any more.
POLL_UNTIL = timedelta(days=3)


def is_silent(slug: str, now: datetime) -> bool:
    """Returns whether nothing was heard of a provider since it took a message without a receipt."""
    newest = (
        unheard_attempts(slug, now)
        .filter(started_at__gt=now - SILENCE_HORIZON)
        .order_by("-started_at")
        .first()
    )
    return newest is not None and not was_heard(slug, newest.started_at)


def unheard_attempts(slug: str, now: datetime) -> QuerySet[Attempt]:
    """Returns what a provider took, no webhook was about, and is overdue for that."""
    return Attempt.objects.filter(
        ~Exists(Event.objects.filter(attempt=OuterRef("pk"), source=Source.WEBHOOK)),
        provider=slug,
        status=Status.SENT,
        started_at__lte=now - RECEIPT_EXPECTED,
        started_at__gt=now - POLL_UNTIL,
    )


def was_heard(slug: str, since: datetime) -> bool:
    """Returns whether a receipt of a provider came since then, also one not applied yet."""
    heard = Event.objects.filter(provider=slug, source=Source.WEBHOOK, recorded_at__gt=since)
    webhook = registry.provider_for(slug).webhook
    waiting = WebhookDelivery.objects.unapplied().filter(
        provider=webhook, received_at__gt=since, tries=0
    )
    return heard.exists() or waiting.exists()


def hurried_attempts(slug: str) -> QuerySet[Attempt]:
    """Returns what a silent provider is to be asked about now; nothing of one that is not silent.

    The older a message is, the more seldom.
    """
    now = timezone.now()
    if not is_silent(slug, now):
        return Attempt.objects.none()
    age, since_asked = now - F("started_at"), now - F("polled_at")
    rested = Q(polled_at__lte=now - HURRIED_INTERVAL, since_asked__gte=F("least_pause"))
    return (
        unheard_attempts(slug, now)
        .annotate(
            since_asked=ExpressionWrapper(since_asked, DurationField()),
            least_pause=ExpressionWrapper(age * HURRIED_AGE_SHARE, DurationField()),
        )
        .filter(Q(polled_at=None) | rested)
    )
