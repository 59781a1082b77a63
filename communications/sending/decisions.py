"""What follows from a call for each of its messages, given its past and the ways that are open."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.db.models import F

from communications.models import Attempt, Call, Priority
from communications.policy import capability, detours, retry_policy, senders
from communications.policy.retry_policy import Action, Decision, Detour
from communications.providers import registry
from communications.providers.base import Accepted
from communications.sending.claims import is_repeatable
from wedsync_comms.lib.errors import (
    NoConnection,
    NotReady,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    ServerFailed,
)

# An attempt, and what came of it.
Pair = tuple[Attempt, Accepted | ProviderError]


@dataclass(frozen=True)
class History:
    """What came before these calls, and which ways are open now."""

    # The retries a message has used, by message and provider.
    used: Counter[tuple[Any, str]]
    # Those in which no provider took it, by message.
    calls: Counter[Any]
    # The calls that the provider has answered with a failure of its own before, and each time.
    failed: AbstractSet[Any]
    # By channel: the providers that work, and for how many seconds each is held.
    ways: Mapping[str, Mapping[str, float]]
    senders: senders.RouteSenders

    def used_of(self, attempt: Attempt) -> Counter[str]:
        slugs = {attempt.provider, *registry.route_slugs(attempt.channel)}
        return Counter({slug: self.used[attempt.message_id, slug] for slug in slugs})


def read_history(pairs: Sequence[Pair]) -> History:
    """Reads what the messages of these calls have behind them, and which ways are open."""
    now = [attempt for attempt, _ in pairs]
    rows = Attempt.objects.filter(
        message__in={attempt.message_id for attempt in now},
        number__gte=F("message__ladder_start"),
        error_class__in=retry_policy.RETRY_COUNTED,
    ).exclude(pk__in=[attempt.pk for attempt in now])
    earlier = list(rows)
    failed = {attempt.channel for attempt, result in pairs if not isinstance(result, Accepted)}
    return History(
        used=Counter((attempt.message_id, attempt.provider) for attempt in earlier),
        calls=Counter(attempt.message_id for attempt in earlier if not attempt.provider_id),
        failed=calls_ended_by(ServerFailed, earlier) - calls_ended_by(OutcomeUnknown, earlier),
        ways={
            channel: detours.open_ways(channel)
            for channel in failed
            if len(registry.route_slugs(channel)) > 1
        },
        senders=senders.RouteSenders(
            [attempt.message for attempt in now] if failed else [],
            list({slug for channel in failed for slug in registry.route_slugs(channel)}),
        ),
    )


def calls_ended_by(error: type[ProviderError], attempts: Iterable[Attempt]) -> set[Any]:
    return {attempt.call_id for attempt in attempts if attempt.error_class == error.__name__}


Decided = tuple[Attempt, ProviderError, Decision, str]


def decide_call(call: Call, pairs: Iterable[Pair], history: History) -> list[Decided]:
    """Returns what follows for each message that was not accepted.

    A call is repeated for all that it may have carried out, or for none: where one of them is given
    to another provider, the others leave by a new call.
    """
    decided = [
        (attempt, result, *decide(attempt, result, call, history))
        for attempt, result in pairs
        if not isinstance(result, Accepted)
    ]
    if not any(is_given_away(error, decision) for _, error, decision, _ in decided):
        return decided
    return [
        (attempt, error, replace(decision, action=Action.RETRY), attempt.provider)
        if decision.action is Action.REPEAT
        else (attempt, error, decision, via)
        for attempt, error, decision, via in decided
    ]


def is_given_away(error: ProviderError, decision: Decision) -> bool:
    """Whether another provider gets what this one, as is known now, has not carried out."""
    return isinstance(error, ServerFailed) and decision.action is Action.FAIL_OVER


def decide(
    attempt: Attempt, error: ProviderError, call: Call, history: History
) -> tuple[Decision, str]:
    """Returns what follows a failed attempt, and through which provider; blank: whichever works."""
    used, ways = history.used_of(attempt), history.ways.get(attempt.channel, {})
    calls = history.calls[attempt.message_id]
    # This one counts among them, unless nothing of it has left.
    made = calls + (not isinstance(error, NoConnection | NotReady))
    other = detours.detour_provider(attempt, used, made, ways, history.senders)
    decision = retry_policy.decide_after(
        error,
        retries_used=max(calls, used[attempt.provider]),
        idempotent=is_repeatable(call),
        repeated=call.tries > 1,
        failed_before=call.pk in history.failed,
        detour=Detour(is_open=bool(other), is_fresh=bool(other) and not used[other]),
        urgent=attempt.message.priority == Priority.URGENT,
    )
    if decision.action is Action.FAIL_OVER:
        return decision, other
    if decision.action is Action.RETRY and isinstance(error, RateLimited):
        # The first that is free again.
        return replace(decision, delay=soonest(decision.delay, attempt, ways, error)), ""
    if decision.action is Action.RETRY and isinstance(error, NoConnection | NotReady):
        # Whichever there is a connection to.
        return decision, ""
    if decision.action is Action.RETRY and len(registry.route_slugs(attempt.channel)) > 1:
        return decision, attempt.provider
    return decision, ""


def soonest(
    delay: timedelta, attempt: Attempt, ways: Mapping[str, float], error: RateLimited
) -> timedelta:
    """Returns when one of the providers that are all held is free again."""
    if error.for_recipient:
        return delay
    others = [
        timedelta(seconds=held_s)
        for slug, held_s in ways.items()
        # One that takes calls now is no way for this message, or it would have it.
        if slug != attempt.provider
        and held_s
        and not capability.provider_inability(attempt.message, slug, attempt.to)
    ]
    return min([delay, *others])
