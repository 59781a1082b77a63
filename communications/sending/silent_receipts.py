"""Receipts fall silent -> their provider is asked for what is overdue, until they are back.

Silence is judged by what came for any message of the provider: one receipt may be missing for a
reason of its own, and a campaign that waits at the carrier is no silence.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from communications.models import Attempt, Event, WebhookDelivery
from communications.providers import registry
from communications.sending import reconciliation
from communications.vocabulary.events import Source
from communications.vocabulary.statuses import Status

# The first receipt of a message usually takes seconds.
RECEIPT_EXPECTED = timedelta(seconds=20)
# What is older is no sign of a silence that lasts.
SILENCE_HORIZON = timedelta(hours=1)
# How often one message is asked about: a quarter of its age, and not more often than this.
HURRIED_INTERVAL = timedelta(seconds=15)
HURRIED_AGE_SHARE = 0.25
# How many messages of a provider are asked about before the next provider has its turn.
ASKED_IN_TURN = 20


def ask_silent_providers() -> int:
    """Asks the providers whose receipts have fallen silent, in turns. Returns how many questions.

    Within each provider's rate: it stops where no slot is near, or at a 429.
    """
    return sum(ask_provider(slug) for slug in silent_providers())


def silent_providers() -> Iterator[str]:
    for slug in settings.PROVIDERS:
        if reconciliation.has_receipts(slug) and is_silent(slug, timezone.now()):
            yield slug


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
        started_at__gt=now - reconciliation.POLL_UNTIL,
    )


def was_heard(slug: str, since: datetime) -> bool:
    """Returns whether a receipt of a provider came since then, also one not applied yet."""
    heard = Event.objects.filter(provider=slug, source=Source.WEBHOOK, recorded_at__gt=since)
    webhook = registry.provider_for(slug).webhook
    waiting = WebhookDelivery.objects.unapplied().filter(
        provider=webhook, received_at__gt=since, tries=0
    )
    return heard.exists() or waiting.exists()


def ask_provider(slug: str) -> int:
    """Asks about what is overdue, the longest not asked about first; returns how many questions."""
    return reconciliation.poll_receipts(list(islice(due_attempts(slug), ASKED_IN_TURN)))


def due_attempts(slug: str) -> Iterator[Attempt]:
    """Yields what is to be asked about now; first what nobody has asked about."""
    now = timezone.now()
    rested = Q(polled_at=None) | Q(polled_at__lte=now - HURRIED_INTERVAL)
    overdue = unheard_attempts(slug, now).filter(rested)
    longest_first = overdue.order_by(F("polled_at").asc(nulls_first=True))
    # Not cut before it is asked which of them are due: old ones would keep the new ones out.
    return (attempt for attempt in longest_first.iterator() if is_due(attempt, now))


def is_due(attempt: Attempt, now: datetime) -> bool:
    """Returns whether a message is to be asked about again: the older it is, the more seldom."""
    pause = HURRIED_AGE_SHARE * (now - attempt.started_at)
    return attempt.polled_at is None or attempt.polled_at <= now - pause
