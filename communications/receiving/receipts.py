"""receipt -> the attempt it is about -> record -> what follows from a failure."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from communications.errors import Unmatched
from communications.messages.transitions import Change, SendPlan, record
from communications.models import Attempt, Message
from communications.policy import channel_fallback, retry_policy, senders, suppressions
from communications.policy.rates import throttling
from communications.providers import registry
from communications.receiving import template_catalogue
from communications.vocabulary.events import Kind, Reason, Source, StatusChanged
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.breaker import QUOTA
from wedsync_comms.lib.errors import (
    ExpiredUnsent,
    OptedOutOfMarketing,
    ProviderError,
    ProviderPaused,
    QuotaExceeded,
    RateLimited,
    SenderRejected,
    TemplateRejected,
)
from wedsync_comms.lib.text import as_delay, as_sentence, sanitise

log = structlog.get_logger(__name__)

# So close to its expiry a message is left alone: it would be too late when it left.
ENDING = timedelta(seconds=1)
FAILED_STATUSES = {Status.FAILED, Status.BOUNCED}


def apply_status(webhook: str, event: StatusChanged, event_id: str, source: Source) -> int | None:
    """Records what a receipt says about an attempt; returns the id of its organization.

    Returns None for a message of another program that uses the same account: what we send carries
    our ids. Raises Unmatched where ours are not known, or not yet.
    """
    attempt = find_attempt(webhook, event)
    if attempt is None:
        refuse_unmatched(webhook, event)
        return None
    event = narrowed_to_sender(attempt, event)
    with transaction.atomic():
        new = record([receipt_change(attempt, event, event_id, source)])
        learn_internet_id(attempt, event.internet_message_id)
        # Applied again, it must not close what a person has opened since.
        if new and event.closes:
            close_address(attempt, event, event.closes)
        if new and event.remedy:
            close_refused(attempt, event, event.remedy)
        if new and ended_last_attempt(attempt, event):
            after_failure(attempt, event)
    if new and event.remedy:
        # Now, because without Redis it is a row that many wait for, locked until the commit.
        heed_provider(attempt, event, event.remedy)
    return attempt.message.organization_id


def refuse_unmatched(webhook: str, event: StatusChanged) -> None:
    if echoed_ids(event) is not None:
        raise Unmatched(f"No attempt has the id {event.provider_id} at {webhook}.")
    log.info("receipt_not_ours", webhook=webhook, provider_id=event.provider_id)


def narrowed_to_sender(attempt: Attempt, event: StatusChanged) -> StatusChanged:
    """Returns the receipt with what it calls for, given who the attempt was made as."""
    if event.remedy is None:
        return event
    provider = registry.provider_for(attempt.provider)
    return replace(event, remedy=provider.narrowed(event.remedy, event.code, attempt.sender))


def close_refused(attempt: Attempt, event: StatusChanged, remedy: type[ProviderError]) -> None:
    """Closes what a receipt says is refused of an organization: a sender, a template."""
    if issubclass(remedy, SenderRejected):
        refusal = remedy(why_of(event), code=event.code, retry_after=event.retry_after or None)
        organization = attempt.message.organization
        sender = senders.sender_of(attempt)
        senders.close_sender(organization, attempt.provider, sender, refusal, to=attempt.to)
    elif issubclass(remedy, TemplateRejected):
        template_catalogue.pause_refused(attempt.message)


def heed_provider(attempt: Attempt, event: StatusChanged, remedy: type[ProviderError]) -> None:
    """Sends less where it was too much, and pauses an account that is refused."""
    if issubclass(remedy, RateLimited):
        throttling.learn_from_receipt(
            attempt.provider,
            senders.sender_of(attempt),
            attempt.to,
            for_recipient=event.for_recipient,
        )
    elif issubclass(remedy, QuotaExceeded):
        # A receipt may be late: the quota may be another day's.
        left = event.occurred_at + event.retry_after - timezone.now()
        if left > timedelta(0):
            registry.breaker_for(attempt.provider).pause(why_of(event), cause=QUOTA, lasts=left)
    elif issubclass(remedy, ProviderPaused):
        registry.breaker_for(attempt.provider).pause(why_of(event))


def why_of(event: StatusChanged) -> str:
    return sanitise(event.detail) or event.code


def learn_internet_id(attempt: Attempt, value: str) -> None:
    """Keeps the id in a mail's header, which answers refer to: of the last copy, if there are more.

    The provider makes it up, so a receipt is the first to tell.
    """
    if value in {"", attempt.message.internet_message_id}:
        return
    is_last = not Attempt.objects.filter(
        message=attempt.message_id, number__gt=attempt.number
    ).exists()
    if is_last:
        Message.objects.filter(pk=attempt.message_id).update(
            internet_message_id=sanitise(value)[:998]
        )


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
        sender=senders.own_sender_of(attempt) if reason == Reason.OPT_OUT else "",
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
    step = next_step_after(attempt, message, event)
    if message.trimmed and step is not None and step.plan is not None:
        step = ended_without_text(message, event)
    record([step] if step is not None else [])


def next_step_after(attempt: Attempt, message: Message, event: StatusChanged) -> Change | None:
    """Returns another try, the next leg, or the end of a message that would come too late."""
    if is_too_late(message, ENDING):
        return expired_unsent(message) if event.remedy is ExpiredUnsent else None
    why = sanitise(event.detail) or "It did not arrive."
    may_go_on = event.closes not in suppressions.PERSONAL
    if event.remedy is ExpiredUnsent and (leg := channel_fallback.next_leg(message, why)):
        # The time it was given is the time until the next step of its plan.
        return leg
    next_step = retry_or_failover(attempt, message, event)
    if next_step is None and may_go_on:
        next_step = channel_fallback.next_leg(message, why)
    return next_step


def is_too_late(message: Message, delay: timedelta) -> bool:
    """Whether a message is of no use any more when the delay is over."""
    return message.expires_at is not None and message.expires_at <= timezone.now() + delay


def expired_unsent(message: Message) -> Change:
    return Change(
        message=message.pk,
        kind=Kind.EXPIRED,
        decision=Status.EXPIRED,
        error_code="expired",
        detail=f"It never left the provider, and was of use until "
        f"{message.expires_at:%d %B %Y %H:%M} UTC only.",
    )


def ended_without_text(message: Message, event: StatusChanged) -> Change:
    why = as_sentence(sanitise(event.detail) or "It did not arrive")
    return Change(
        message=message.pk,
        kind=Kind.FAILED,
        decision=Status.FAILED,
        error_code="text_removed",
        detail=f"{why} The retention rule has removed its text: write it anew.",
    )


def retry_or_failover(attempt: Attempt, message: Message, event: StatusChanged) -> Change | None:
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
    if decision.action is retry_policy.Action.FAIL or is_too_late(message, decision.delay):
        return None
    what = as_sentence(sanitise(event.detail) or "It gave up")
    change = Change(
        message=attempt.message_id,
        kind=Kind.RETRY,
        provider=attempt.provider,
        plan=SendPlan(timezone.now() + decision.delay),
        detail=f"{what} Next try in {as_delay(decision.delay)}.",
    )
    if decision.action is retry_policy.Action.RETRY:
        return change
    return replace(change, kind=Kind.FAILOVER, detail=f"Not through {attempt.provider}: {what}")


def find_attempt(webhook: str, event: StatusChanged) -> Attempt | None:
    """Returns the newest attempt with the provider's id for the message, or with our own.

    Ours is echoed in the receipt; it is what there is where the receipt beat the answer.
    """
    attempts = Attempt.objects.filter(provider__in=registry.for_webhook(webhook))
    attempts = attempts.select_related("message__organization")
    attempts = attempts.order_by("-number")
    if event.provider_id and (found := attempts.filter(provider_id=event.provider_id).first()):
        return found
    if (ours := echoed_ids(event)) is None:
        return None
    call, message = ours
    return attempts.filter(call_id=call, message_id=message).first()


def echoed_ids(event: StatusChanged) -> tuple[UUID, UUID] | None:
    """Returns our ids of the call and the message; None where the receipt carries none of ours."""
    try:
        return UUID(event.call), UUID(event.message)
    except ValueError:
        return None
