"""What no webhook told us: overdue receipts, lost answers, things that expired."""

from collections.abc import Iterable
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from communications.messages.transitions import Change, record
from communications.models import Attempt, Message
from communications.policy import channel_fallback
from communications.policy.eligibility import expiry_of, refuse_unsendable
from communications.providers import registry
from communications.receiving import receipts
from communications.sending import claims, provider_call, repetition
from communications.vocabulary.events import Kind, Source
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.errors import ProviderError, RateLimited

log = structlog.get_logger(__name__)

RECONCILED_AT_ONCE = 200
# A receipt that is missing is asked for now and then, and after this long not any more.
POLL_INTERVAL = timedelta(minutes=10)
POLL_UNTIL = timedelta(days=3)
# How long one question waits for a slot in the provider's rate limit.
ASK_WITHIN_S = 1.0
# A callback with our own id usually tells before we have to ask.
ECHO_WITHIN = timedelta(seconds=30)
# How far a provider's clock may be off.
CLOCK_SKEW = timedelta(minutes=1)


def expire_overdue() -> int:
    """Ends the waiting of messages whose time is over. Returns how many those were."""
    overdue = Message.objects.waiting().filter(expires_at__lte=timezone.now())
    if not overdue.exists():
        return 0
    with transaction.atomic():
        rows = list(overdue.select_for_update(skip_locked=True).order_by("pk")[:RECONCILED_AT_ONCE])
        record([expiry_of(message) for message in rows])
    return len(rows)


def escalate_overdue() -> int:
    """Moves on what was not delivered in the time its plan gives it. Returns how many."""
    overdue = Message.objects.filter(escalate_at__lte=timezone.now())
    if not overdue.exists():
        return 0
    with transaction.atomic():
        rows = overdue.select_related("organization").order_by("pk")
        locked = list(claims.lock_unlocked(rows)[:RECONCILED_AT_ONCE])
        Message.objects.filter(pk__in=[message.pk for message in locked]).update(escalate_at=None)
        legs = [channel_fallback.next_leg(message, "Not delivered in time.") for message in locked]
        record([leg for leg in legs if leg is not None])
    return len(locked)


def poll_overdue_receipts() -> int:
    """Asks about what was sent and has no receipt for longer than usual.

    Returns how many were asked about.
    """
    now = timezone.now()
    overdue = now - timedelta(seconds=settings.RECEIPT_OVERDUE_SECONDS)
    silent = Attempt.objects.filter(
        Q(polled_at=None) | Q(polled_at__lte=now - POLL_INTERVAL),
        status=Status.SENT,
        # Of what was written with the vendor's own app there may be no receipts at all.
        message__is_echo=False,
        started_at__lte=overdue,
        started_at__gt=now - POLL_UNTIL,
    )
    overdue_first = silent.order_by("started_at")[:RECONCILED_AT_ONCE]
    return poll_receipts(attempt for attempt in overdue_first if has_receipts(attempt.provider))


def poll_receipts(attempts: Iterable[Attempt]) -> int:
    """Asks about attempts, within each provider's rate, and returns how many it asked about.

    A provider that has no slot soon, or says that it is too much, stops none of the others.
    """
    asked, busy = 0, set[str]()
    for attempt in attempts:
        slug = attempt.provider
        if slug in busy:
            continue
        if not registry.bucket_for(slug).wait_for_slot(ASK_WITHIN_S):
            busy.add(slug)
            continue
        Attempt.objects.filter(pk=attempt.pk).update(polled_at=timezone.now())
        asked += 1
        if not poll_receipt(attempt):
            busy.add(slug)
    return asked


def has_receipts(slug: str) -> bool:
    """Returns whether a configured provider tells of deliveries."""
    return slug in settings.PROVIDERS and registry.provider_for(slug).has_receipts


def poll_receipt(attempt: Attempt) -> bool:
    """Asks about one attempt. Returns False if nobody should ask any more for now."""
    try:
        event = registry.provider_for(attempt.provider).fetch_status(attempt.provider_id)
    except RateLimited as error:
        registry.bucket_for(attempt.provider).hold(error.retry_after.total_seconds())
        return False
    except ProviderError as error:
        log.warning("poll_failed", attempt=attempt.pk, provider=attempt.provider, error=str(error))
        return True
    if event is not None:
        event_id = f"poll:{attempt.provider_id}:{event.kind}"
        webhook = registry.provider_for(attempt.provider).webhook
        receipts.apply_status(webhook, event, event_id, Source.POLL)
    return True


def resolve_unknown() -> int:
    """Finds out about lost answers: by asking, and after a time by the message's own policy.

    Returns how many were settled. A late receipt counts all the same: it raises a failed attempt.
    """
    now = timezone.now()
    lost = Attempt.objects.filter(
        status=Status.UNKNOWN,
        started_at__lte=now - ECHO_WITHIN,
        call__repeat_after=None,
    ).select_related("message__organization", "call")
    # One of each message: with its last attempt, the earlier ones of the same call end as well.
    last = {
        attempt.message_id: attempt for attempt in lost.order_by("started_at")[:RECONCILED_AT_ONCE]
    }
    return sum(settle_lost(attempt) for attempt in last.values())


def settle_lost(attempt: Attempt) -> bool:
    """Returns whether it is known now what became of an attempt, or given up.

    Harmless where another process does it at the same time: whoever comes second changes nothing.
    """
    found = None
    # One that is not configured any more can tell nothing.
    if attempt.provider in settings.PROVIDERS:
        if not may_ask(attempt.provider):
            return False
        found = find_at_provider(attempt)
    if found is None and attempt.started_at > timezone.now() - unknown_grace():
        return False
    with transaction.atomic():
        # Who holds the message changes it: what was learned of the attempt meanwhile counts.
        message = Message.objects.select_for_update(of=("self",)).select_related("organization")
        attempt.message = message.get(pk=attempt.message_id)
        if not Attempt.objects.filter(pk=attempt.pk, status=Status.UNKNOWN).exists():
            return False
        record(changes_after_asking(attempt, found))
    return True


def may_ask(slug: str) -> bool:
    """Waits for a slot in the rate limit, where asking takes one; False if none is near."""
    takes_slot = registry.provider_for(slug).finds_by_content
    return not takes_slot or registry.bucket_for(slug).wait_for_slot(ASK_WITHIN_S)


def changes_after_asking(attempt: Attempt, found: str | None) -> list[Change]:
    """Returns what follows: the provider has it under an id, has not ("") or cannot say (None)."""
    if found is None:
        return resend_or_give_up(attempt)
    if not found:
        return repetition.settled_unsent(attempt, "The provider never got it.")
    return [lost_acceptance(attempt, found)]


def unknown_grace() -> timedelta:
    return timedelta(seconds=settings.UNKNOWN_GRACE_SECONDS)


def find_at_provider(attempt: Attempt) -> str | None:
    """Asks the provider for the message.

    Returns its id there, "" if the provider surely does not have it, and None if it cannot be
    asked or does not answer.
    """
    provider = registry.provider_for(attempt.provider)
    outbound = provider_call.as_outbound(attempt, provider)
    try:
        found = provider.find_by_content(outbound, attempt.call.created_at - CLOCK_SKEW)
    except LookupError:
        return None
    except RateLimited as error:
        registry.bucket_for(attempt.provider).hold(error.retry_after.total_seconds())
        return None
    except ProviderError as error:
        log.warning("look_up_failed", attempt=attempt.pk, error=str(error))
        return None
    known = Attempt.objects.filter(
        provider__in=registry.for_webhook(provider.webhook),
        provider_id__in=found,
    )
    # Somebody may get the same text twice: what is another message's is not this one.
    taken = set(known.values_list("provider_id", flat=True))
    return next((provider_id for provider_id in found if provider_id not in taken), "")


def lost_acceptance(attempt: Attempt, provider_id: str) -> Change:
    return Change(
        message=attempt.message_id,
        attempt=attempt.pk,
        kind=Kind.ACCEPTED,
        source=Source.POLL,
        status=Status.SENT,
        provider=attempt.provider,
        provider_id=provider_id,
        detail="The answer was lost; the provider has the message.",
    )


def resend_or_give_up(attempt: Attempt) -> list[Change]:
    """Returns what follows where nobody could tell whether it arrived.

    Better none than two, unless the message says otherwise; and nothing where it may not be sent
    any more, or has moved on meanwhile.
    """
    message = attempt.message
    if message.resend_if_unknown:
        why = "The provider never confirmed it; sent again, as was asked for."
        next_step: Change | None = repetition.resend_now(attempt, why)
    else:
        why = "The provider never confirmed it, and sending it again might deliver it twice."
        next_step = channel_fallback.next_leg(message, why)
    end = repetition.attempt_given_up(attempt, why)
    if message.send_after is not None or repetition.decided_meanwhile(attempt):
        return [end]
    next_step = refuse_unsendable([message]).get(message.pk) or next_step
    return [end] if next_step is None else [end, next_step]
