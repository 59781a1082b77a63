"""Texts of inbound messages that a webhook only announced: fetched, on a ladder with an end.

announced -> (fetched) | asked again after each of FETCH_PAUSES -> given up, with the reason shown

A key that may not read is refused for every message alike: one of them tries it now and then.
"""

import time
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from communications.models import Message
from communications.providers import registry
from communications.receiving import mail_threads
from wedsync_comms.lib.breaker import Breaker, BreakerPolicy
from wedsync_comms.lib.errors import PermanentError, ProviderError, ProviderPaused, RateLimited
from wedsync_comms.lib.leases.row_lease import acquire_batch
from wedsync_comms.lib.text import sanitise
from wedsync_comms.lib.turns.rows import in_turns

log = structlog.get_logger(__name__)

BODIES_AT_ONCE = 200
# How long one round may take, in equal parts for all providers.
ROUND_S = 5.0
# How long the process that took a message may need for it.
FETCH_LEASE = timedelta(seconds=60)
# The pauses after failures. The first is none: the next round may find it.
FETCH_PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 5, 30, 120, 600, 3_600, 3 * 3_600, 6 * 3_600, 12 * 3_600, 24 * 3_600)
)
# A provider that says it has no such message may only be slow to have it.
MISSING_PAUSES = FETCH_PAUSES[:4]
# So long a text is waited for while the key is refused, and after that no longer.
REFUSED_FOR = timedelta(days=3)
# How often a refused key is tried again.
REFUSED_POLICY = BreakerPolicy(paused_cool_down=timedelta(minutes=5))
# On messages whose text the key may not read.
REFUSED_CODE = "not_readable"
# What a provider that could not be asked now is given.
POSTPONED = timedelta(seconds=5)


def reading_breaker(slug: str) -> Breaker:
    """Returns what tells all processes that a provider's key may not read: it says why."""
    return Breaker(f"{slug}:reading", policy=REFUSED_POLICY)


def fetch_bodies() -> int:
    """Fetches the missing texts from their providers, and returns how many those were.

    What fails is asked for again later, and the reason is shown at the message meanwhile. Each
    provider has its part of the time, and organizations take turns.
    """
    by_provider: dict[str, list[Message]] = {}
    for message in claim_bodies():
        by_provider.setdefault(message.provider, []).append(message)
    return sum(
        fetch_from(slug, messages, time.monotonic() + ROUND_S / len(by_provider))
        for slug, messages in by_provider.items()
    )


def claim_bodies() -> list[Message]:
    """Takes messages whose texts are to be fetched now, in the order in which they are."""
    due = due_bodies(timezone.now())
    if not due.exists():
        return []
    # What has failed before lets what is new go first.
    first = (F("fetch_tries").asc(), F("created_at").asc())
    turns = in_turns(due, "provider", "organization", first=first).values_list("pk", flat=True)
    places = {pk: place for place, pk in enumerate(turns[:BODIES_AT_ONCE])}
    taken = acquire_batch(due.filter(pk__in=places), "fetch_after", FETCH_LEASE, BODIES_AT_ONCE)
    return sorted(taken, key=lambda message: places[message.pk])


def due_bodies(now: datetime) -> QuerySet[Message]:
    return Message.objects.filter(
        Q(fetch_after=None, fetch_tries=0) | Q(fetch_after__lte=now), is_complete=False
    )


def fetch_from(slug: str, messages: list[Message], ends_at: float) -> int:
    """Fetches what one provider has, at its rate; returns how many texts that were."""
    if slug not in settings.PROVIDERS:
        # Until it is configured again.
        postpone(messages, FETCH_LEASE)
        return 0
    fetched = 0
    for place, message in enumerate(messages):
        left = messages[place:]
        if time.monotonic() > ends_at or not registry.bucket_for(slug).wait_for_slot():
            postpone(left, POSTPONED)
            break
        had = ask_for_body(slug, message, left)
        if had is None:
            break
        fetched += had
    return fetched


def ask_for_body(slug: str, message: Message, left: list[Message]) -> bool | None:
    """Returns whether the text was had; None if nobody else of those left is to be asked for."""
    if not reading_breaker(slug).allow(str(message.pk)):
        wait_for_key(slug, left)
        return None
    try:
        whole = registry.provider_for(slug).fetch_received(message.provider_id)
        with transaction.atomic():
            mail_threads.complete_mail(message, whole)
    except RateLimited as error:
        registry.bucket_for(slug).hold(error.retry_after.total_seconds())
        postpone(left, error.retry_after)
        return None
    except ProviderPaused as error:
        reading_breaker(slug).pause(str(error))
        wait_for_key(slug, left)
        return None
    except (ProviderError, LookupError) as error:
        fail_fetch(message, error)
        return False
    except Exception as error:
        # One mail that cannot be read or stored keeps no other waiting.
        log.exception("body_not_stored", message=str(message.pk))
        fail_fetch(message, error)
        return False
    Message.objects.filter(pk=message.pk).update(error="", error_code="", fetch_after=None)
    note_readable(slug, message)
    return True


def note_readable(slug: str, message: Message) -> None:
    """Notes that the key may read: what was waited for in vain may be had now."""
    breaker = reading_breaker(slug)
    if breaker.state().state != "closed":
        breaker.record([(str(message.pk), True)])
        refused_messages(slug).update(fetch_after=timezone.now(), fetch_tries=0)


def refused_messages(slug: str) -> QuerySet[Message]:
    """Returns the messages whose texts a provider's key may not read."""
    return Message.objects.filter(provider=slug, is_complete=False, error_code=REFUSED_CODE)


def postpone(messages: Iterable[Message], pause: timedelta) -> None:
    """Gives back what nobody was asked about."""
    later = timezone.now() + pause
    pks = [message.pk for message in messages]
    Message.objects.filter(pk__in=pks, is_complete=False).update(fetch_after=later)


def wait_for_key(slug: str, messages: Iterable[Message]) -> None:
    """Has messages wait until the key is exchanged; in the end they wait no longer."""
    now, state = timezone.now(), reading_breaker(slug).state()
    rows = Message.objects.filter(pk__in=[message.pk for message in messages], is_complete=False)
    why = sanitise(f"{slug} does not let us read it: {state.reason}")
    rows.update(error=why, error_code=REFUSED_CODE, fetch_tries=F("fetch_tries") + 1)
    next_at = max(state.retry_at or now, now + POSTPONED)
    rows.filter(created_at__gt=now - REFUSED_FOR).update(fetch_after=next_at)
    rows.filter(created_at__lte=now - REFUSED_FOR).update(fetch_after=None)


def fail_fetch(message: Message, error: Exception) -> None:
    """Notes a failure at the message; it is asked for again, unless that was the last time."""
    pauses = MISSING_PAUSES if isinstance(error, PermanentError | LookupError) else FETCH_PAUSES
    left = pauses[message.fetch_tries : message.fetch_tries + 1]
    Message.objects.filter(pk=message.pk).update(
        error=sanitise(str(error)),
        error_code=failure_code(error)[:80],
        fetch_tries=F("fetch_tries") + 1,
        fetch_after=timezone.now() + left[0] if left else None,
    )
    log.warning("fetch_failed", message=str(message.pk), error=str(error), final=not left)


def failure_code(error: Exception) -> str:
    if isinstance(error, ProviderError):
        return error.code
    return "not_there" if isinstance(error, LookupError) else "not_stored"
