"""outcome -> accept | retry | repeat | fail over | fail: how calls end, in one transaction."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from communications.messages.transitions import (
    Change,
    Plan,
    record,
)
from communications.models import Attempt, Call
from communications.policy import (
    channel_fallback,
    retry_policy,
    suppressions,
)
from communications.policy.retry_policy import Then
from communications.providers import registry
from communications.providers.base import Accepted
from communications.sending.claims import (
    Claim,
    is_repeatable,
)
from communications.vocabulary.events import (
    Kind,
    Reason,
    Source,
)
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.errors import (
    OptedOut,
    OptedOutOfMarketing,
    ProviderError,
)
from wedsync_comms.lib.text import as_sentence

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Answer:
    """What came of a claim: a result for each of its attempts, in their order."""

    claimed: Claim
    results: Sequence[Accepted | ProviderError]

    def pairs(self) -> Iterator[tuple[Attempt, Accepted | ProviderError]]:
        return zip(self.claimed.attempts, self.results, strict=True)


def settle(answers: Sequence[Answer]) -> None:
    """Writes the outcomes of calls, all in one transaction."""
    climbed = climbed_before(answers)
    ends = [end(one, climbed) for one in answers]
    with transaction.atomic():
        held = release(ends)
        changes = [change for one in ends for change in one.changes_if(held=one.call.pk in held)]
        record(changes)
        for one in answers:
            close_addresses(one)


@dataclass(frozen=True)
class End:
    """A call's outcome, to be written. `repeat_after` is set where it has to be made again."""

    call: Call
    repeat_after: datetime | None
    changes: Sequence[Change]

    def changes_if(self, *, held: bool) -> Sequence[Change]:
        """Where the lease ran out meanwhile, whoever took the call over decides what follows; that
        it was accepted is a fact all the same."""
        return self.changes if held else [one for one in self.changes if one.status == Status.SENT]


def end(answer: Answer, climbed: Counter[Any]) -> End:
    call = answer.claimed.call
    idempotent = is_repeatable(call)
    changes: list[Change] = []
    repeat_after = None
    for one, result in answer.pairs():
        log_attempt(one, result)
        if isinstance(result, Accepted):
            changes.append(accepted(one, result))
            continue
        step = retry_policy.after(
            result,
            climbed=climbed[one.message_id, one.provider],
            idempotent=idempotent,
            repeated=call.tries > 1,
        )
        if step.then is Then.REPEAT:
            repeat_after = timezone.now() + step.delay
        changes += refused(one, result, step)
        if step.then is Then.FAIL and (next_step := elsewhere(one, result)):
            changes.append(next_step)
    return End(call, repeat_after, changes)


def release(ends: Sequence[End]) -> set[Any]:
    """Ends the leases, and returns the calls that were still ours."""
    calls = Call.objects.filter(pk__in=[one.call.pk for one in ends]).order_by("pk")
    tries = dict(calls.select_for_update().values_list("pk", "tries"))
    ours = [one for one in ends if tries.get(one.call.pk) == one.call.tries]
    done = [one.call.pk for one in ours if one.repeat_after is None]
    Call.objects.filter(pk__in=done).update(repeat_after=None)
    for one in ours:
        if one.repeat_after is not None:
            Call.objects.filter(pk=one.call.pk).update(repeat_after=one.repeat_after)
    return {one.call.pk for one in ours}


def elsewhere(one: Attempt, error: ProviderError) -> Change | None:
    """The next step of the plan, unless it is the person who refuses."""
    if isinstance(error, OptedOut):
        return None
    return channel_fallback.onward(one.message, str(error))


def climbed_before(answers: Sequence[Answer]) -> Counter[Any]:
    """How many steps of the ladder each message has used with a provider, before these calls."""
    now = [one for answer in answers for one in answer.claimed.attempts]
    rows = Attempt.objects.filter(
        message__in={one.message_id for one in now},
        number__gte=F("message__ladder_start"),
        error_class__in=retry_policy.COUNTED,
    ).exclude(pk__in=[one.pk for one in now])
    return Counter(rows.values_list("message_id", "provider"))


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


def refused(one: Attempt, error: ProviderError, step: retry_policy.Step) -> list[Change]:
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
    return [end, *announcement(one, error, step)]


def plan(step: retry_policy.Step) -> Plan | None:
    if step.then in {Then.RETRY, Then.FAIL_OVER}:
        return Plan(timezone.now() + step.delay)
    return None


def announcement(one: Attempt, error: ProviderError, step: retry_policy.Step) -> list[Change]:
    """A line in the timeline for a decision that a person would wonder about."""
    seconds = step.delay.total_seconds()
    if step.then is Then.RETRY:
        detail = f"Next try in {seconds:.0f} s."
    elif step.then is Then.REPEAT:
        detail = f"Asking again in {seconds:.0f} s, with the same key: it cannot arrive twice."
    elif step.then is Then.FAIL_OVER:
        detail = f"Not through {one.provider}: {as_sentence(str(error))}"
    elif step.then is Then.ASK:
        detail = "Not sent again, it might arrive twice: waiting for a receipt."
    else:
        return []
    kind = Kind.FAILOVER if step.then is Then.FAIL_OVER else Kind.RETRY
    return [Change(message=one.message_id, kind=kind, provider=one.provider, detail=detail)]


def close_addresses(answer: Answer) -> None:
    for one, result in answer.pairs():
        if isinstance(result, OptedOut):
            suppressions.suppress(
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
