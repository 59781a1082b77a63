"""When and how a message is retried after its call or its receipt failed: pure functions."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from wedsync_comms.lib.errors import (
    FilesGone,
    NoConnection,
    NotReady,
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    ProviderPaused,
    RateLimited,
    RecipientUnreachable,
    RefusedTogether,
    SenderRejected,
    TransientError,
)

# The delay before each retry, through whichever provider.
BACKOFF = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 16))
# Where another provider is open, a call that its key protects is made again within this.
REPEAT_WITHIN = timedelta(seconds=4)
URGENT_REPEAT_WITHIN = timedelta(seconds=0.5)
# How long until a paused provider is asked again about a call that it may have carried out.
PAUSED_DELAY = timedelta(minutes=5)
# The delays before what could not be handed over is sent again: a phone that is off or out of reach
# comes back in minutes.
REACH_BACKOFF = (timedelta(minutes=3), timedelta(minutes=10))
# How soon what nothing of has left is looked at again, while there may be a connection.
NO_CONNECTION_DELAY = timedelta(seconds=1)
# Attempts that ended so use up a retry; throttling, a paused account and no connection do not.
RETRY_COUNTED = {"TransientError", "OutcomeUnknown", "ServerFailed"}
# Where a receipt tells of it, throttling uses up a retry too.
RETRY_COUNTED_RECEIPTS = {*RETRY_COUNTED, "RateLimited", "ExpiredUnsent", "RecipientUnreachable"}


class Action(Enum):
    """What follows a refused or unanswered call."""

    # A new attempt through the same provider.
    RETRY = "retry"
    # The same call again: same key, same bytes.
    REPEAT = "repeat"
    # The next provider of the route, now.
    FAIL_OVER = "fail over"
    # Nothing but asking and waiting for a receipt.
    ASK = "ask"
    FAIL = "fail"


@dataclass(frozen=True)
class Decision:
    action: Action
    delay: timedelta = timedelta(0)


@dataclass(frozen=True)
class Detour:
    """Whether another provider of the route is open for the message now.

    `is_fresh` says that it has not been tried with this message; a provider that has been has its
    turn again after a pause.
    """

    is_open: bool = False
    is_fresh: bool = False


NO_DETOUR = Detour()


def decide_after(
    error: ProviderError,
    *,
    retries_used: int,
    idempotent: bool,
    repeated: bool = False,
    failed_before: bool = False,
    detour: Detour = NO_DETOUR,
    urgent: bool = False,
    jitter: Callable[[], float] = random.random,
) -> Decision:
    """Decides what follows an error. `retries_used` counts this message's, with all providers.

    `repeated` says that the call was made before and had no answer. Whatever is answered now, it
    may have been carried out then: only the same call may follow, never another one, until the
    provider has answered it twice with a failure of its own. `failed_before` says that it has done
    so before, and that each try of the call had an answer: a try without one may still arrive.
    """
    at_risk = repeated or isinstance(error, OutcomeUnknown)
    if isinstance(error, PermanentError):
        # Without its files the same call cannot be made again: what became of it is found out.
        return Decision(Action.ASK if at_risk and isinstance(error, FilesGone) else Action.FAIL)
    if at_risk and not idempotent:
        return Decision(Action.ASK)
    if isinstance(error, RateLimited | NoConnection | NotReady):
        return after_hindrance(error, at_risk=at_risk, detour=detour)
    if isinstance(error, ProviderPaused | SenderRejected):
        return Decision(Action.REPEAT, PAUSED_DELAY) if at_risk else Decision(Action.FAIL_OVER)
    delay = backoff_delay(retries_used, jitter)
    answered = isinstance(error, OutcomeUnknown) and error.answered
    # Had an earlier call with the key been carried out, this one would have returned its result.
    disproved = answered and failed_before
    if at_risk and not disproved:
        soon = URGENT_REPEAT_WITHIN if urgent else REPEAT_WITHIN
        once_more = answered and not repeated
        return after_doubt(delay, soon, once_more=once_more, detour=detour)
    stays = isinstance(error, RefusedTogether)
    again = Action.REPEAT if at_risk else Action.RETRY
    return after_failure_for_sure(delay, NO_DETOUR if stays else detour, again)


def backoff_delay(retries_used: int, jitter: Callable[[], float]) -> timedelta | None:
    """Returns how long to wait for the next retry; None if none is left."""
    if retries_used >= len(BACKOFF):
        return None
    # Up to a tenth more, so that a thousand failed calls do not come back in one instant.
    return BACKOFF[retries_used] * (1 + 0.1 * jitter())


def after_doubt(
    delay: timedelta | None, soon: timedelta, *, once_more: bool, detour: Detour
) -> Decision:
    """Decides what follows a call that may have been carried out, and that its key protects."""
    if delay is not None:
        return Decision(Action.REPEAT, min(delay, soon) if detour.is_open else delay)
    # A first failure is asked about in any case; silence would stay silence.
    return Decision(Action.REPEAT, soon) if once_more else Decision(Action.ASK)


def after_failure_for_sure(delay: timedelta | None, detour: Detour, again: Action) -> Decision:
    """Decides what follows a call that surely was not carried out.

    The last retry stays with its provider: another one would need a second call to be sure.
    """
    if delay is None or detour.is_fresh:
        return Decision(Action.FAIL_OVER)
    has_turn = detour.is_open and delay < BACKOFF[-1]
    return Decision(Action.FAIL_OVER if has_turn else again, delay)


def after_hindrance(
    error: RateLimited | NoConnection | NotReady, *, at_risk: bool, detour: Detour
) -> Decision:
    """Decides what follows what says nothing about the message, and uses up no retry."""
    if isinstance(error, RateLimited):
        return after_throttling(error, at_risk=at_risk, detour=detour)
    if isinstance(error, NotReady):
        # What is missing here is missing for every provider.
        return Decision(Action.REPEAT if at_risk else Action.RETRY, error.retry_after)
    return after_no_connection(at_risk=at_risk, detour=detour)


def after_throttling(error: RateLimited, *, at_risk: bool, detour: Detour) -> Decision:
    """Decides what follows a 429: nothing waits where another way is open.

    A limit for one recipient is waited for: it is short, and another provider has another number,
    from which the person does not know us.
    """
    if at_risk:
        return Decision(Action.REPEAT, error.retry_after)
    if detour.is_open and not error.for_recipient:
        return Decision(Action.FAIL_OVER)
    return Decision(Action.RETRY, error.retry_after)


def after_no_connection(*, at_risk: bool, detour: Detour) -> Decision:
    """Decides what follows where nothing left: another provider at once, else it waits for either.

    The dispatcher claims nothing more for a provider that it does not reach.
    """
    if at_risk:
        return Decision(Action.REPEAT, NO_CONNECTION_DELAY)
    if detour.is_open:
        return Decision(Action.FAIL_OVER, timedelta(0) if detour.is_fresh else NO_CONNECTION_DELAY)
    return Decision(Action.RETRY, NO_CONNECTION_DELAY)


def decide_after_receipt(
    remedy: type[ProviderError] | None,
    *,
    retries_used: int,
    retry_after: timedelta,
) -> Decision:
    """Decides what follows a receipt that says that a message failed.

    Only what the provider took and then did not even try is safe to send again, and what reached
    a phone that was off: everything else, and a failure without a remedy, ends here. A provider
    or a sender that is closed now leaves the others. `retry_after` is how long the provider wants
    to wait.
    """
    if remedy is None:
        return Decision(Action.FAIL)
    if issubclass(remedy, ProviderPaused | SenderRejected):
        return Decision(Action.FAIL_OVER)
    if not issubclass(remedy, TransientError | RateLimited | RecipientUnreachable):
        return Decision(Action.FAIL)
    delays = REACH_BACKOFF if remedy is RecipientUnreachable else BACKOFF
    if retries_used < len(delays):
        return Decision(Action.RETRY, max(delays[retries_used], retry_after))
    # Neither a limit nor a phone that stays off is the provider's fault: what may follow is the
    # next channel.
    gives_up = issubclass(remedy, RateLimited | RecipientUnreachable)
    return Decision(Action.FAIL if gives_up else Action.FAIL_OVER)
