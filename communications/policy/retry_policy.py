"""What to do after a call: a pure function of what happened before."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from wedsync_comms.lib.errors import (
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    ProviderPaused,
    RateLimited,
)

STEPS = (1.0, 2.0, 4.0, 8.0, 16.0)
# How long until a paused provider is asked again about a call that it may have carried out.
PAUSED = timedelta(minutes=5)
# Attempts that ended so are steps up the ladder; throttling and a paused account are not.
COUNTED = {"TransientError", "OutcomeUnknown", "ServerFailed"}


class Then(Enum):
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
class Step:
    then: Then
    delay: timedelta = timedelta(0)


def after(
    error: ProviderError,
    *,
    climbed: int,
    idempotent: bool,
    repeated: bool = False,
    jitter: Callable[[], float] = random.random,
) -> Step:
    """`climbed` says how many steps of the ladder this provider has used up for the message.

    `repeated` says that the call was made before and had no answer. Whatever is answered now, it
    may have been carried out then: only the same call may follow, never another one.
    """
    if isinstance(error, PermanentError):
        return Step(Then.FAIL)
    at_risk = repeated or isinstance(error, OutcomeUnknown)
    if at_risk and not idempotent:
        return Step(Then.ASK)
    again = Then.REPEAT if at_risk else Then.RETRY
    if isinstance(error, RateLimited):
        return Step(again, error.retry_after)
    if isinstance(error, ProviderPaused):
        return Step(again, PAUSED) if at_risk else Step(Then.FAIL_OVER)
    if climbed < len(STEPS):
        # Up to a tenth more, so that a thousand failed calls do not come back in one instant.
        return Step(again, timedelta(seconds=STEPS[climbed] * (1 + 0.1 * jitter())))
    return exhausted(error, at_risk=at_risk)


def exhausted(error: ProviderError, *, at_risk: bool) -> Step:
    """The ladder is climbed. A provider that carried out the first of several calls with one key
    would have said so by the last of them; one that stayed silent may still have it."""
    answered = isinstance(error, OutcomeUnknown) and error.answered
    return Step(Then.ASK) if at_risk and not answered else Step(Then.FAIL_OVER)


def next_provider(
    route: Sequence[str],
    *,
    used_up: Iterable[str],
    usable: Iterable[str],
) -> str | None:
    """The provider to try; "" if one may work later; None if the route is exhausted."""
    left = [slug for slug in route if slug not in set(used_up)]
    if not left:
        return None
    open_now = set(usable)
    return next((slug for slug in left if slug in open_now), "")
