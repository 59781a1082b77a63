"""outcome -> accept | retry | repeat | fail over | fail: the end of a call, in one transaction."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from communications import consent, fallback, ladder
from communications.claim import Claim, is_repeatable
from communications.events import Kind, Reason, Source
from communications.ladder import Then
from communications.models import Attempt, Call
from communications.providers import registry
from communications.providers.base import Accepted
from communications.record import Change, Plan, record
from communications.statuses import Status
from wedsync_comms.lib.errors import (
    OptedOut,
    OptedOutOfMarketing,
    ProviderError,
)

log = structlog.get_logger(__name__)


def settle(claimed: Claim, results: Sequence[Accepted | ProviderError]) -> None:
    """Writes the outcomes of a call, all in one transaction."""
    call = claimed.call
    idempotent = is_repeatable(call)
    climbed = climbed_before(claimed)
    changes: list[Change] = []
    repeat_after = None
    for one, result in zip(claimed.attempts, results, strict=True):
        log_attempt(one, result)
        if isinstance(result, Accepted):
            changes.append(accepted(one, result))
            continue
        step = ladder.after(
            result,
            climbed=climbed[one.message_id],
            idempotent=idempotent,
            repeated=call.tries > 1,
        )
        if step.then is Then.REPEAT:
            repeat_after = timezone.now() + step.delay
        changes += refused(one, result, step)
        if step.then is Then.FAIL and (next_step := elsewhere(one, result)):
            changes.append(next_step)
    with transaction.atomic():
        held = Call.objects.filter(pk=call.pk, tries=call.tries)
        if not held.update(repeat_after=repeat_after):
            # The lease ran out meanwhile. Whoever took the call over decides what follows; that it
            # was accepted is a fact all the same.
            changes = [one for one in changes if one.status == Status.SENT]
        record(changes)
        close_addresses(claimed.attempts, results)


def elsewhere(one: Attempt, error: ProviderError) -> Change | None:
    """The next step of the plan, unless it is the person who refuses."""
    if isinstance(error, OptedOut):
        return None
    return fallback.onward(one.message, str(error))


def climbed_before(claimed: Claim) -> Counter[Any]:
    """How many steps of the ladder each message has used with this provider, before this call."""
    rows = Attempt.objects.filter(
        message__in=[one.message_id for one in claimed.attempts],
        provider=claimed.call.provider,
        number__gte=F("message__ladder_start"),
        error_class__in=ladder.COUNTED,
    ).exclude(pk__in=[one.pk for one in claimed.attempts])
    return Counter(rows.values_list("message_id", flat=True))


def accepted(one: Attempt, result: Accepted) -> Change:
    return Change(
        message=one.message_id,
        attempt=one.pk,
        kind=Kind.ACCEPTED,
        source=Source.RESPONSE,
        status=Status.SENT,
        provider=one.provider,
        provider_id=result.provider_id,
        outcome={"finished_at": timezone.now(), "response": result.response},
    )


def refused(one: Attempt, error: ProviderError, step: ladder.Step) -> list[Change]:
    """The end of an attempt, and what follows from it."""
    unanswered = step.then in {Then.REPEAT, Then.ASK}
    end = Change(
        message=one.message_id,
        attempt=one.pk,
        kind=Kind.UNANSWERED if unanswered else Kind.FAILED,
        source=Source.RESPONSE,
        status=Status.UNKNOWN if unanswered else Status.FAILED,
        provider=one.provider,
        error_code=error.code,
        detail=str(error),
        plan=plan(step),
        outcome={
            "finished_at": timezone.now(),
            "error_class": type(error).__name__,
            "response": error.response,
        },
    )
    return [end, *announcement(one, step)]


def plan(step: ladder.Step) -> Plan | None:
    if step.then in {Then.RETRY, Then.FAIL_OVER}:
        return Plan(timezone.now() + step.delay)
    return None


def announcement(one: Attempt, step: ladder.Step) -> list[Change]:
    """A line in the timeline for a decision that a person would wonder about."""
    seconds = step.delay.total_seconds()
    if step.then is Then.RETRY:
        detail = f"Next try in {seconds:.0f} s."
    elif step.then is Then.REPEAT:
        detail = f"Asking again in {seconds:.0f} s, with the same key: it cannot arrive twice."
    elif step.then is Then.FAIL_OVER:
        detail = f"Not through {one.provider} any more."
    elif step.then is Then.ASK:
        detail = "Not sent again, it might arrive twice: waiting for a receipt."
    else:
        return []
    kind = Kind.FAILOVER if step.then is Then.FAIL_OVER else Kind.RETRY
    return [Change(message=one.message_id, kind=kind, provider=one.provider, detail=detail)]


def close_addresses(
    attempts: Sequence[Attempt],
    results: Sequence[Accepted | ProviderError],
) -> None:
    for one, result in zip(attempts, results, strict=True):
        if isinstance(result, OptedOut):
            consent.suppress(
                one.message.organization,
                channel=registry.provider(one.provider).channel,
                value=one.to,
                sender=one.sender,
                marketing_only=isinstance(result, OptedOutOfMarketing),
                reason=Reason.OPT_OUT,
                detail=str(result),
                message=one.message,
            )


def log_attempt(one: Attempt, result: Accepted | ProviderError) -> None:
    log.info(
        "attempt",
        message=str(one.message_id),
        attempt=one.pk,
        number=one.number,
        call=str(one.call_id),
        provider=one.provider,
        organization=one.message.organization_id,
        outcome="accepted" if isinstance(result, Accepted) else type(result).__name__,
        code="" if isinstance(result, Accepted) else result.code,
        provider_id=result.provider_id if isinstance(result, Accepted) else "",
    )
