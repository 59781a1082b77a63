"""When and how a message is retried after its call or its receipt failed: pure functions."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from wedsync_comms.lib.errors import (
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    ProviderPaused,
    RateLimited,
    RecipientUnreachable,
    SenderRejected,
    TransientError,
)

# The delay before each retry through one provider.
BACKOFF = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 16))
# How long until a paused provider is asked again about a call that it may have carried out.
PAUSED_DELAY = timedelta(minutes=5)
# The delays before what could not be handed over is sent again: a phone that is off or out of reach
# comes back in minutes.
REACH_BACKOFF = (timedelta(minutes=3), timedelta(minutes=10))
# Attempts that ended so use up a retry; throttling and a paused account do not.
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


def decide_after(
    error: ProviderError,
    *,
    retries_used: int,
    idempotent: bool,
    repeated: bool = False,
    jitter: Callable[[], float] = random.random,
) -> Decision:
    """Decides what follows an error. `retries_used` counts this message's with this provider.

    `repeated` says that the call was made before and had no answer. Whatever is answered now, it
    may have been carried out then: only the same call may follow, never another one.
    """
    if isinstance(error, PermanentError):
        return Decision(Action.FAIL)
    at_risk = repeated or isinstance(error, OutcomeUnknown)
    if at_risk and not idempotent:
        return Decision(Action.ASK)
    again = Action.REPEAT if at_risk else Action.RETRY
    if isinstance(error, RateLimited):
        return Decision(again, error.retry_after)
    if isinstance(error, ProviderPaused | SenderRejected):
        return Decision(again, PAUSED_DELAY) if at_risk else Decision(Action.FAIL_OVER)
    if retries_used < len(BACKOFF):
        # Up to a tenth more, so that a thousand failed calls do not come back in one instant.
        return Decision(again, BACKOFF[retries_used] * (1 + 0.1 * jitter()))
    return retries_exhausted(error, at_risk=at_risk)


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


def retries_exhausted(error: ProviderError, *, at_risk: bool) -> Decision:
    """Decides what follows the last retry.

    A provider that carried out the first of several calls with one key would have said so by the
    last of them; one that stayed silent may still have it.
    """
    answered = isinstance(error, OutcomeUnknown) and error.answered
    return Decision(Action.ASK) if at_risk and not answered else Decision(Action.FAIL_OVER)
