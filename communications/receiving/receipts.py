"""receipt -> the attempt it is about -> record -> what follows from a failure."""

from dataclasses import replace
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from communications.errors import Unmatched
from communications.messages.transitions import (
    Change,
    SendPlan,
    record,
)
from communications.models import (
    Attempt,
    Message,
)
from communications.policy import (
    channel_fallback,
    retry_policy,
    suppressions,
)
from communications.providers import registry
from communications.vocabulary.events import (
    Kind,
    Reason,
    Source,
    StatusChanged,
)
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.errors import OptedOutOfMarketing, RateLimited, TransientError
from wedsync_comms.lib.text import as_sentence, sanitise

FAILED_STATUSES = {Status.FAILED, Status.BOUNCED}
# What the provider took and then did not even try: safe to send again.
RETRIED_ERRORS = (TransientError, RateLimited)
COUNTED_RECEIPTS = {*retry_policy.RETRY_COUNTED, RateLimited.__name__}


def apply_status(webhook: str, event: StatusChanged, event_id: str, source: Source) -> int:
    attempt = find_attempt(webhook, event)
    if attempt is None:
        raise Unmatched(f"No attempt has the id {event.provider_id} at {webhook}.")
    with transaction.atomic():
        new = record([receipt_change(attempt, event, event_id, source)])
        # Applied again, it must not close what a person has opened since.
        if new and event.closes:
            close_address(attempt, event, event.closes)
        if new and ended_last_attempt(attempt, event):
            after_failure(attempt, event)
    return attempt.message.organization_id


def receipt_change(attempt: Attempt, event: StatusChanged, event_id: str, source: Source) -> Change:
    return Change(
        message=attempt.message_id,
        attempt=attempt.pk,
        kind=event.kind,
        source=source,
        status=event.status,
        provider=attempt.provider,
        provider_id=event.provider_id,
        event_id=event_id,
        occurred_at=event.occurred_at,
        error_code=sanitise(event.code),
        detail=sanitise(event.detail),
        outcome={"error_class": event.remedy.__name__} if event.remedy else {},
    )


def close_address(attempt: Attempt, event: StatusChanged, reason: Reason) -> None:
    """A bounce closes the address for everybody of the organization; an opt-out for one sender."""
    suppressions.suppress_address(
        attempt.message.organization,
        channel=registry.provider_for(attempt.provider).channel,
        value=attempt.to,
        sender=attempt.sender if reason == Reason.OPT_OUT else "",
        marketing_only=event.remedy is OptedOutOfMarketing,
        reason=reason,
        detail=sanitise(event.detail),
        message=attempt.message,
    )


def ended_last_attempt(before: Attempt, event: StatusChanged) -> bool:
    """Whether this receipt, and no earlier one, ended what was the message's last attempt."""
    if event.status not in FAILED_STATUSES or before.status in FAILED_STATUSES:
        return False
    newest = Attempt.objects.filter(message=before.message_id).order_by("-number").first()
    return newest is not None and (newest.pk, newest.status) == (before.pk, event.status)


def after_failure(attempt: Attempt, event: StatusChanged) -> None:
    """A provider took it and gave it up later: again, if that is safe, or the next step."""
    message = Message.objects.select_related("organization").get(pk=attempt.message_id)
    if message.leg != attempt.leg or message.send_after is not None:
        return
    if message.status in {Status.DELIVERED, Status.READ}:
        return
    next_step = None
    if event.remedy is not None and issubclass(event.remedy, RETRIED_ERRORS):
        next_step = retry_or_failover(attempt, event)
    if next_step is None and event.closes not in suppressions.PERSONAL:
        next_step = channel_fallback.next_leg(
            message, sanitise(event.detail) or "It did not arrive."
        )
    if next_step is not None:
        record([next_step])


def retry_or_failover(attempt: Attempt, event: StatusChanged) -> Change | None:
    """Another attempt, while there are retries left; then another provider."""
    climbed = Attempt.objects.filter(
        message=attempt.message_id,
        provider=attempt.provider,
        number__gte=attempt.message.ladder_start,
        error_class__in=COUNTED_RECEIPTS,
    ).count()
    pause = retry_policy.BACKOFF[min(climbed, len(retry_policy.BACKOFF)) - 1]
    wait = max(pause, event.retry_after)
    step = Change(
        message=attempt.message_id,
        kind=Kind.RETRY,
        provider=attempt.provider,
        plan=SendPlan(timezone.now() + wait),
        detail=f"It never left the provider: next try in {wait.total_seconds():.0f} s.",
    )
    if climbed <= len(retry_policy.BACKOFF):
        return step
    if event.remedy is RateLimited:
        return None
    why = f"Not through {attempt.provider}: {as_sentence(sanitise(event.detail) or 'it gave up')}"
    return replace(step, kind=Kind.FAILOVER, plan=SendPlan(timezone.now()), detail=why)


def find_attempt(webhook: str, event: StatusChanged) -> Attempt | None:
    """By their id for the message; by ours, echoed, where the receipt beat the answer."""
    attempts = Attempt.objects.filter(provider__in=registry.for_webhook(webhook))
    attempts = attempts.select_related("message__organization")
    attempts = attempts.order_by("-number")
    if event.provider_id and (found := attempts.filter(provider_id=event.provider_id).first()):
        return found
    try:
        call, message = UUID(event.call), UUID(event.message)
    except ValueError:
        return None
    return attempts.filter(call_id=call, message_id=message).first()
