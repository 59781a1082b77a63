"""result -> accept | retry | repeat | fail over | fail: how calls end, in one transaction."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from communications.messages.transitions import Change, SendPlan, record
from communications.models import Attempt, Call
from communications.policy import (
    channel_fallback,
    detours,
    senders,
    suppressions,
    unavailability,
)
from communications.policy.retry_policy import Action, Decision
from communications.providers import registry
from communications.providers.base import Accepted
from communications.receiving import template_catalogue
from communications.sending.claims import Claim
from communications.sending.decisions import History, decide_call, read_history
from communications.vocabulary.events import Kind, Reason, Source
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.errors import (
    NoConnection,
    OptedOut,
    OptedOutOfMarketing,
    ProviderError,
    TemplateRejected,
)
from wedsync_comms.lib.text import as_delay, as_sentence

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class CallResult:
    """What came of a claim: a result for each of its attempts, in their order."""

    claim: Claim
    results: Sequence[Accepted | ProviderError]

    def pairs(self) -> Iterator[tuple[Attempt, Accepted | ProviderError]]:
        return zip(self.claim.attempts, self.results, strict=True)


def record_outcomes(results: Sequence[CallResult]) -> None:
    """Records the outcomes of calls, all in one transaction."""
    history = read_history([pair for result in results for pair in result.pairs()])
    outcomes = [outcome_of(result, history) for result in results]
    with transaction.atomic():
        held = release_leases(outcomes)
        record([change for outcome in outcomes for change in outcome.changes_if_held(held)])
        for result in results:
            suppress_opted_out(result)
            pause_refused_templates(result)
        senders.note_accepted(accepted_senders(results))


def accepted_senders(results: Sequence[CallResult]) -> Iterator[tuple[int, str, str, str]]:
    """Yields whose sender was taken, by which provider, the sender as it was told it, and for whom
    the message was."""
    for called in results:
        for attempt, result in called.pairs():
            if isinstance(result, Accepted):
                sender = senders.sender_of(attempt)
                yield attempt.message.organization_id, attempt.provider, sender, attempt.to


@dataclass(frozen=True)
class CallOutcome:
    """What is to be recorded of a call. `repeat_after` is set where it has to be made again."""

    call: Call
    repeat_after: datetime | None
    changes: Sequence[Change]

    def changes_if_held(self, held: Collection[Any]) -> Sequence[Change]:
        """Returns the changes that may be recorded, given the calls that are still ours.

        Where the lease ran out meanwhile, whoever took the call over decides what follows; that it
        was accepted is a fact all the same.
        """
        if self.call.pk in held:
            return self.changes
        return [change for change in self.changes if change.status == Status.SENT]


def outcome_of(called: CallResult, history: History) -> CallOutcome:
    """Decides what follows from a call for each of its messages."""
    call = called.claim.call
    changes: list[Change] = []
    repeat_after = None
    for attempt, error, decision, via in decide_call(call, called.pairs(), history):
        if decision.action is Action.REPEAT:
            repeat_after = timezone.now() + decision.delay
        changes += failure_changes(attempt, error, decision, via)
        if decision.action is Action.FAIL and (next_leg := leg_after(attempt, error)):
            changes.append(next_leg)
    for attempt, result in called.pairs():
        log_attempt(attempt, result)
        if isinstance(result, Accepted):
            changes.append(acceptance(attempt, result))
    return CallOutcome(call, repeat_after, changes)


def release_leases(outcomes: Sequence[CallOutcome]) -> set[Any]:
    """Ends the leases, and returns the calls that were still ours."""
    calls = Call.objects.filter(pk__in=[outcome.call.pk for outcome in outcomes]).order_by("pk")
    tries = dict(calls.select_for_update().values_list("pk", "tries"))
    ours = [outcome for outcome in outcomes if tries.get(outcome.call.pk) == outcome.call.tries]
    done = [outcome.call.pk for outcome in ours if outcome.repeat_after is None]
    Call.objects.filter(pk__in=done).update(repeat_after=None)
    for outcome in ours:
        if outcome.repeat_after is not None:
            Call.objects.filter(pk=outcome.call.pk).update(repeat_after=outcome.repeat_after)
    return {outcome.call.pk for outcome in ours}


def leg_after(attempt: Attempt, error: ProviderError) -> Change | None:
    """Returns the next leg of the plan, unless it is the person who refuses."""
    if isinstance(error, OptedOut):
        return None
    return channel_fallback.next_leg(attempt.message, str(error))


def acceptance(attempt: Attempt, result: Accepted) -> Change:
    return Change(
        message=attempt.message_id,
        attempt=attempt.pk,
        kind=Kind.ACCEPTED,
        source=Source.RESPONSE,
        status=Status.SENT,
        provider=attempt.provider,
        provider_id=result.provider_id,
        detail=detours.choice_sentence(attempt),
        outcome={"finished_at": timezone.now(), "response": result.response},
    )


def failure_changes(
    attempt: Attempt, error: ProviderError, decision: Decision, via: str
) -> list[Change]:
    """Returns the end of an attempt, and what was decided."""
    unanswered = decision.action in {Action.REPEAT, Action.ASK}
    end = Change(
        message=attempt.message_id,
        attempt=attempt.pk,
        kind=Kind.UNANSWERED if unanswered else Kind.FAILED,
        source=Source.RESPONSE,
        status=Status.UNKNOWN if unanswered else Status.FAILED,
        provider=attempt.provider,
        error_code=error.code,
        detail=str(error),
        plan=plan_of(decision, via),
        outcome={
            "finished_at": timezone.now(),
            "error_class": type(error).__name__,
            "response": error.response,
        },
    )
    return [end, *decision_events(attempt, error, decision, via)]


def plan_of(decision: Decision, via: str) -> SendPlan | None:
    """Returns when and through which provider the message is sent anew, if it is."""
    if decision.action in {Action.RETRY, Action.FAIL_OVER}:
        return SendPlan(timezone.now() + decision.delay, via=via)
    return None


def decision_events(
    attempt: Attempt, error: ProviderError, decision: Decision, via: str
) -> list[Change]:
    """Returns a line in the timeline for a decision that a person would wonder about."""
    if isinstance(error, NoConnection) and decision.action is Action.RETRY:
        why = unavailability.unreached_clause(attempt.provider, error.why)
        return [unavailability.waiting_change(attempt.message, {attempt.provider: why}, None)]
    delay = as_delay(decision.delay)
    if decision.action is Action.RETRY:
        detail = f"Next try in {delay}."
    elif decision.action is Action.REPEAT:
        detail = f"Asking again in {delay}, with the same key: it cannot arrive twice."
    elif decision.action is Action.FAIL_OVER:
        when = f" in {delay}" if decision.delay else ""
        next_way = f" Next through {via}{when}." if via else ""
        detail = f"Not through {attempt.provider}: {as_sentence(str(error))}{next_way}"
    elif decision.action is Action.ASK:
        detail = "Not sent again, it might arrive twice: waiting for a receipt."
    else:
        return []
    kind = Kind.FAILOVER if decision.action is Action.FAIL_OVER else Kind.RETRY
    return [Change(message=attempt.message_id, kind=kind, provider=attempt.provider, detail=detail)]


def suppress_opted_out(called: CallResult) -> None:
    """Suppresses the addresses of people who opted out at the provider."""
    for attempt, result in called.pairs():
        if isinstance(result, OptedOut):
            suppressions.suppress_address(
                attempt.message.organization,
                channel=registry.provider_for(attempt.provider).channel,
                value=attempt.to,
                sender=senders.own_sender_of(attempt),
                marketing_only=isinstance(result, OptedOutOfMarketing),
                reason=Reason.OPT_OUT,
                detail=str(result),
                message=attempt.message,
            )


def pause_refused_templates(called: CallResult) -> None:
    """Has nobody of the organization send what the provider has just refused as a text."""
    for attempt, result in called.pairs():
        if isinstance(result, TemplateRejected):
            template_catalogue.pause_refused(attempt.message)


def log_attempt(attempt: Attempt, result: Accepted | ProviderError) -> None:
    log.info(
        "attempt",
        message=str(attempt.message_id),
        attempt=attempt.pk,
        number=attempt.number,
        call=str(attempt.call_id),
        provider=attempt.provider,
        organization=attempt.message.organization_id,
        outcome="accepted" if isinstance(result, Accepted) else type(result).__name__,
        code="" if isinstance(result, Accepted) else result.code,
        provider_id=result.provider_id if isinstance(result, Accepted) else "",
    )
