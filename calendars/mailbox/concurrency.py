"""How much may be asked of one mailbox at once, and in a minute. Shared by all processes."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from calendars.models import Account
from wedsync_comms.lib import shared_state
from wedsync_comms.lib.errors import RateLimited
from wedsync_comms.lib.rate_limit.algorithm import Rate
from wedsync_comms.lib.rate_limit.limiter import TokenBucket

# Graph takes four calls at once for one mailbox, and Google is not the poorer for it.
AT_ONCE = 4
# Google allows 600 requests a minute and user, Graph 10,000 in ten minutes; what we count as one
# may be a few pages.
BUDGET = Rate(per_second=8, burst=60)
# Whoever died in it frees the lane after so long: longer than any call with all its pages.
LEASE = 120.0
PATIENCE = 15.0
STEP = 0.05


@contextmanager
def lane(account: Account) -> Iterator[None]:
    """One of the mailbox's lanes. Raises RateLimited when none gets free in time."""
    ticket = uuid.uuid4().hex
    deadline = time.monotonic() + PATIENCE
    pace(account, deadline)
    while not taken(account, ticket):
        if time.monotonic() >= deadline:
            raise RateLimited("The mailbox is busy.", retry_after=timedelta(seconds=5))
        time.sleep(STEP)
    try:
        yield
    finally:
        free(account, ticket)


def pace(account: Account, deadline: float) -> None:
    bucket = TokenBucket(f"calendar:{account.pk}", BUDGET)
    while wait := bucket.acquire():
        if time.monotonic() + wait > deadline:
            raise RateLimited("The minute's budget is spent.", retry_after=timedelta(seconds=wait))
        time.sleep(wait)


def taken(account: Account, ticket: str) -> bool:
    def take(state: shared_state.State | None, now: float) -> tuple[shared_state.State, bool]:
        held = {one: until for one, until in (state or {}).items() if until > now}
        fits = len(held) < AT_ONCE
        return (held | {ticket: now + LEASE} if fits else held), fits

    return shared_state.update(key(account), take)


def free(account: Account, ticket: str) -> None:
    def leave(state: shared_state.State | None, _now: float) -> tuple[shared_state.State, None]:
        return {one: until for one, until in (state or {}).items() if one != ticket}, None

    shared_state.update(key(account), leave)


def key(account: Account) -> str:
    return f"lanes:{account.pk}"
