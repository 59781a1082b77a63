"""receipt -> the attempt it is about -> record -> what follows from a failure."""

from dataclasses import replace
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from communications.errors import Unmatched
from communications.messages.transitions import Change, SendPlan, record
from communications.models import Attempt, Message
from communications.policy import channel_fallback, retry_policy, suppressions
from communications.providers import registry
from communications.vocabulary.events import Kind, Reason, Source, StatusChanged
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.errors import OptedOutOfMarketing
from wedsync_comms.lib.text import as_sentence, sanitise

FAILED_STATUSES = {Status.FAILED, Status.BOUNCED}


def apply_status(webhook: str, event: StatusChanged, event_id: str, source: Source) -> int:
    """Records what a receipt says about an attempt; returns the id of its organization.

    Raises Unmatched where no attempt is known by the receipt's ids, or not yet.
    """
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
    """Closes the address: after a bounce for all senders, after an opt-out for this one."""
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
    """Plans what follows where a provider took the message and gave it up later.

    That is the same channel again, if it is safe, or the next leg of the message's plan.
    """
    message = Message.objects.select_related("organization").get(pk=attempt.message_id)
    if message.leg != attempt.leg or message.send_after is not None:
        return
    if message.status in {Status.DELIVERED, Status.READ}:
        return
    next_step = retry_or_failover(attempt, event)
    if next_step is None and event.closes not in suppressions.PERSONAL:
        next_step = channel_fallback.next_leg(
            message, sanitise(event.detail) or "It did not arrive."
        )
    if next_step is not None:
        record([next_step])


def retry_or_failover(attempt: Attempt, event: StatusChanged) -> Change | None:
    """Returns another attempt while retries are left, then another provider, None after that."""
    failures = Attempt.objects.filter(
        message=attempt.message_id,
        provider=attempt.provider,
        number__gte=attempt.message.ladder_start,
        error_class__in=retry_policy.RETRY_COUNTED_RECEIPTS,
    ).count()
    decision = retry_policy.decide_after_receipt(
        event.remedy, retries_used=failures - 1, retry_after=event.retry_after
    )
    if decision.action is retry_policy.Action.FAIL:
        return None
    seconds = decision.delay.total_seconds()
    change = Change(
        message=attempt.message_id,
        kind=Kind.RETRY,
        provider=attempt.provider,
        plan=SendPlan(timezone.now() + decision.delay),
        detail=f"It never left the provider: next try in {seconds:.0f} s.",
    )
    if decision.action is retry_policy.Action.RETRY:
        return change
    why = f"Not through {attempt.provider}: {as_sentence(sanitise(event.detail) or 'it gave up')}"
    return replace(change, kind=Kind.FAILOVER, detail=why)


def find_attempt(webhook: str, event: StatusChanged) -> Attempt | None:
    """Returns the newest attempt with the provider's id for the message, or with our own.

    Ours is echoed in the receipt; it is what there is where the receipt beat the answer.
    """
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
