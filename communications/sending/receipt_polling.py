"""Missing receipts are asked for: each provider by itself, its organizations in turns.

As fast as the provider's rate lets. One that has no receipts, that hangs, or that has a campaign's
worth of them to be asked for keeps no other provider's and no other organization's waiting.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import structlog
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from communications.models import Attempt
from communications.providers import registry
from communications.receiving import receipts
from communications.sending import silent_receipts
from communications.sending.asking_round import ROUND_S, AskingRound, asked_in_turns
from communications.sending.silent_receipts import POLL_UNTIL
from communications.vocabulary.events import Source, StatusChanged
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.database.connections import give_back_connection
from wedsync_comms.lib.errors import (
    CredentialsRejected,
    NoConnection,
    ProviderError,
    QuotaExceeded,
    RateLimited,
)

log = structlog.get_logger(__name__)

# A receipt that is missing is asked for now and then.
POLL_INTERVAL = timedelta(minutes=10)
# How many a provider is asked about before it is looked up again what is due.
POLLED_AT_ONCE = 500
# How many questions one provider is asked at the same time, whatever its rate.
QUESTIONS_AT_ONCE = 8
# What the next question would come to as well. `ConfigurationRejected` is none of them: it may be
# about one message that the provider does not know any more.
ASKING_ENDS = (NoConnection, CredentialsRejected, QuotaExceeded)


def poll_overdue_receipts() -> int:
    """Asks all providers about what was sent and has no receipt for longer than usual.

    Returns how many were asked about.
    """
    slugs = [slug for slug in settings.PROVIDERS if has_receipts(slug)]
    return sum(poll_provider(slug, ROUND_S / len(slugs)) for slug in slugs)


def has_receipts(slug: str) -> bool:
    """Returns whether a configured provider tells of deliveries."""
    return slug in settings.PROVIDERS and registry.provider_for(slug).has_receipts


def poll_provider(slug: str, seconds: float = ROUND_S) -> int:
    """Asks one provider about what is due there, within its rate and for so many seconds.

    Returns how many it asked about.
    """
    asking, asked, begun = AskingRound(seconds), 0, 0
    waiting: deque[tuple[Attempt, Future[StatusChanged | None]]] = deque()
    with ThreadPoolExecutor(QUESTIONS_AT_ONCE, thread_name_prefix="ask") as pool:
        for attempt in due_attempts(slug):
            if asking.is_over_for(slug) or not asking.has_slot(slug):
                break
            Attempt.objects.filter(pk=attempt.pk).update(polled_at=timezone.now())
            waiting.append((attempt, pool.submit(ask_about, attempt)))
            begun += 1
            # The first one alone shows whether the provider wants to be asked at all.
            most = QUESTIONS_AT_ONCE if begun > 1 else 1
            while waiting and (len(waiting) >= most or waiting[0][1].done()):
                asked += heed_answer(*waiting.popleft(), asking)
        while waiting:
            asked += heed_answer(*waiting.popleft(), asking)
    return asked


def ask_about(attempt: Attempt) -> StatusChanged | None:
    """Asks an attempt's provider where the message stands. Raises ProviderError.

    Needs no database: many of these wait at once.
    """
    return registry.provider_for(attempt.provider).fetch_status(attempt.provider_id)


def heed_answer(
    attempt: Attempt, answer: Future[StatusChanged | None], asking: AskingRound
) -> bool:
    """Waits for what a provider says about an attempt, and records it.

    Returns whether it was asked about this attempt: it was not where there is no connection, or
    where the provider answers no question at all, and then nobody asks it more in this round.
    """
    slug = attempt.provider
    give_back_connection()
    try:
        event = answer.result()
    except RateLimited as error:
        registry.bucket_for(slug).hold(error.retry_after.total_seconds())
        asking.busy.add(slug)
    except ASKING_ENDS as error:
        end_asking(attempt, error, asking)
        return False
    except ProviderError as error:
        log.warning("poll_failed", attempt=attempt.pk, provider=slug, error=str(error))
    else:
        if event is not None:
            event_id = f"poll:{attempt.provider_id}:{event.kind}"
            webhook = registry.provider_for(slug).webhook
            receipts.apply_status(webhook, event, event_id, Source.POLL)
    return True


def end_asking(attempt: Attempt, why: ProviderError, asking: AskingRound) -> None:
    """Ends a round in which no question is answered; the one about an attempt was never asked."""
    Attempt.objects.filter(pk=attempt.pk).update(polled_at=attempt.polled_at)
    if attempt.provider not in asking.busy:
        log.warning("polling_stopped", provider=attempt.provider, error=str(why))
    asking.busy.add(attempt.provider)


def due_attempts(slug: str) -> Iterator[Attempt]:
    """Yields what a provider is to be asked about now: while its webhooks are silent, first what
    came since; and what has no final receipt for longer than usual."""
    for due in (silent_receipts.hurried_attempts, overdue_attempts):
        # The second are looked up when the first were asked about: none is asked about twice.
        yield from asked_in_turns(due(slug))[:POLLED_AT_ONCE]


def overdue_attempts(slug: str) -> QuerySet[Attempt]:
    now = timezone.now()
    return Attempt.objects.filter(
        Q(polled_at=None) | Q(polled_at__lte=now - POLL_INTERVAL),
        provider=slug,
        status=Status.SENT,
        # Of what was written with the vendor's own app there may be no receipts at all.
        message__is_echo=False,
        started_at__lte=now - timedelta(seconds=settings.RECEIPT_OVERDUE_SECONDS),
        started_at__gt=now - POLL_UNTIL,
    )
