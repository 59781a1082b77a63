"""What no webhook told us: overdue receipts, lost answers, things that expired."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from communications.messages.transitions import (
    Change,
    Plan,
    record,
)
from communications.models import Attempt, Message
from communications.policy import channel_fallback
from communications.providers import registry
from communications.receiving import receipts
from communications.sending import (
    claims,
    provider_call,
)
from communications.vocabulary.events import (
    Kind,
    Source,
)
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.errors import ProviderError, RateLimited

log = structlog.get_logger(__name__)

BATCH = 200
# A receipt that is missing is asked for now and then, and after this long not any more.
ASK_AGAIN = timedelta(minutes=10)
ASK_UNTIL = timedelta(days=3)
# A callback with our own id usually tells before we have to ask.
ECHO_WITHIN = timedelta(seconds=30)
# How far a provider's clock may be off.
CLOCKS = timedelta(minutes=1)


def expire() -> int:
    """Ends the waiting of messages whose time is over."""
    overdue = Message.objects.waiting().filter(expires_at__lte=timezone.now())
    if not overdue.exists():
        return 0
    with transaction.atomic():
        rows = list(overdue.select_for_update(skip_locked=True).order_by("pk")[:BATCH])
        record([claims.expired(one) for one in rows])
    return len(rows)


def escalate() -> int:
    """Moves on what was not delivered in the time its plan gives it."""
    overdue = Message.objects.filter(escalate_at__lte=timezone.now())
    if not overdue.exists():
        return 0
    with transaction.atomic():
        rows = overdue.select_related("organization").order_by("pk")
        locked = list(claims.lock(rows)[:BATCH])
        Message.objects.filter(pk__in=[one.pk for one in locked]).update(escalate_at=None)
        steps = [channel_fallback.onward(one, "Not delivered in time.") for one in locked]
        record([step for step in steps if step is not None])
    return len(locked)


def poll_receipts() -> int:
    """Asks about what was sent and has no receipt for longer than usual.

    Returns how many were asked about; stops where the provider says it is too much.
    """
    now = timezone.now()
    overdue = now - timedelta(seconds=settings.RECEIPT_OVERDUE_SECONDS)
    silent = Attempt.objects.filter(
        Q(polled_at=None) | Q(polled_at__lte=now - ASK_AGAIN),
        status=Status.SENT,
        started_at__lte=overdue,
        started_at__gt=now - ASK_UNTIL,
    )
    asked = 0
    for attempt in silent.order_by("started_at")[:BATCH]:
        if not reports(attempt.provider):
            continue
        if not registry.bucket(attempt.provider).wait():
            break
        Attempt.objects.filter(pk=attempt.pk).update(polled_at=now)
        asked += 1
        if not poll(attempt):
            break
    return asked


def reports(slug: str) -> bool:
    return slug in settings.PROVIDERS and registry.provider(slug).has_receipts


def poll(attempt: Attempt) -> bool:
    """Asks about one. False if nobody should ask any more for now."""
    try:
        event = registry.provider(attempt.provider).fetch_status(attempt.provider_id)
    except RateLimited as error:
        registry.bucket(attempt.provider).hold(error.retry_after.total_seconds())
        return False
    except ProviderError as error:
        log.warning("poll_failed", attempt=attempt.pk, provider=attempt.provider, error=str(error))
        return True
    if event is not None:
        event_id = f"poll:{attempt.provider_id}:{event.kind}"
        webhook = registry.provider(attempt.provider).webhook
        receipts.apply_status(webhook, event, event_id, Source.POLL)
    return True


def settle_unknown() -> int:
    """Finds out about lost answers: by asking, and after a time by the message's own policy.

    A late receipt counts all the same: it raises a failed attempt.
    """
    now = timezone.now()
    lost = Attempt.objects.filter(
        status=Status.UNKNOWN,
        started_at__lte=now - ECHO_WITHIN,
        call__repeat_after=None,
    ).select_related("message__organization")
    # One of each message: with its last attempt, the earlier ones of the same call end as well.
    last = {one.message_id: one for one in lost.order_by("started_at")[:BATCH]}
    settled = 0
    for attempt in last.values():
        found = look_up(attempt)
        if found is None and attempt.started_at > now - grace():
            continue
        record(found or policy(attempt))
        settled += 1
    return settled


def grace() -> timedelta:
    return timedelta(seconds=settings.UNKNOWN_GRACE_SECONDS)


def look_up(attempt: Attempt) -> list[Change] | None:
    """What the provider says to our question; None if it cannot be asked, or does not answer."""
    provider = registry.provider(attempt.provider)
    outbound = provider_call.as_outbound(attempt, provider)
    try:
        found = provider.look_up(outbound, attempt.started_at - CLOCKS)
    except LookupError:
        return None
    except ProviderError as error:
        log.warning("look_up_failed", attempt=attempt.pk, error=str(error))
        return None
    known = Attempt.objects.filter(
        provider__in=registry.behind(provider.webhook),
        provider_id__in=found,
    )
    # Somebody may get the same text twice: what is another message's is not this one.
    left = [one for one in found if one not in set(known.values_list("provider_id", flat=True))]
    if not left:
        why = "The provider never got it, so it is safe to send it again."
        return ended(attempt, why, again(attempt, why))
    change = Change(
        message=attempt.message_id,
        attempt=attempt.pk,
        kind=Kind.ACCEPTED,
        source=Source.POLL,
        status=Status.SENT,
        provider=attempt.provider,
        provider_id=left[0],
        detail="The answer was lost; the provider has the message.",
    )
    return [change]


def policy(attempt: Attempt) -> list[Change]:
    """Nobody could tell. Better none than two, unless the message says otherwise."""
    if attempt.message.resend_if_unknown:
        why = "The provider never confirmed it; sent again, as was asked for."
        return ended(attempt, why, again(attempt, why))
    why = "The provider never confirmed it, and sending it again might deliver it twice."
    return ended(attempt, why, channel_fallback.onward(attempt.message, why))


def ended(attempt: Attempt, why: str, next_step: Change | None) -> list[Change]:
    """What follows does so only if the message has not moved on meanwhile."""
    message = attempt.message
    is_here = message.leg == attempt.leg and message.send_after is None
    end = given_up(attempt, why)
    return [end, next_step] if next_step is not None and is_here else [end]


def given_up(attempt: Attempt, why: str) -> Change:
    return Change(
        message=attempt.message_id,
        attempt=attempt.pk,
        kind=Kind.GIVEN_UP,
        status=Status.FAILED,
        provider=attempt.provider,
        error_code=attempt.error_code,
        detail=why,
    )


def again(attempt: Attempt, why: str) -> Change:
    return Change(
        message=attempt.message_id,
        kind=Kind.RETRY,
        provider=attempt.provider,
        plan=Plan(timezone.now()),
        detail=why,
    )
