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
MAX_CONCURRENT_CALLS = 4
# Google allows 600 requests a minute and user, Graph 10,000 in ten minutes; what we count as one
# may be a few pages.
MAILBOX_RATE = Rate(per_second=8, burst=60)
# Whoever died in it frees the slot after so long: longer than any call with all its pages.
SLOT_LEASE_S = 120.0
SLOT_WAIT_S = 15.0
SLOT_POLL_S = 0.05


@contextmanager
def mailbox_slot(account: Account) -> Iterator[None]:
    """Holds one of the mailbox's slots. Raises RateLimited when none gets free in SLOT_WAIT_S."""
    ticket = uuid.uuid4().hex
    deadline = time.monotonic() + SLOT_WAIT_S
    spend_budget(account, deadline)
    while not take_slot(account, ticket):
        if time.monotonic() >= deadline:
            raise RateLimited("The mailbox is busy.", retry_after=timedelta(seconds=5))
        time.sleep(SLOT_POLL_S)
    try:
        yield
    finally:
        free_slot(account, ticket)


def spend_budget(account: Account, deadline: float) -> None:
    bucket = TokenBucket(f"calendar:{account.pk}", MAILBOX_RATE)
    while wait := bucket.acquire():
        if time.monotonic() + wait > deadline:
            raise RateLimited("The minute's budget is spent.", retry_after=timedelta(seconds=wait))
        time.sleep(wait)


def take_slot(account: Account, ticket: str) -> bool:
    def take(state: shared_state.State | None, now: float) -> tuple[shared_state.State, bool]:
        held = {holder: until for holder, until in (state or {}).items() if until > now}
        fits = len(held) < MAX_CONCURRENT_CALLS
        return (held | {ticket: now + SLOT_LEASE_S} if fits else held), fits

    return shared_state.update_state(slots_key(account), take)


def free_slot(account: Account, ticket: str) -> None:
    def leave(state: shared_state.State | None, _now: float) -> tuple[shared_state.State, None]:
        return {holder: until for holder, until in (state or {}).items() if holder != ticket}, None

    shared_state.update_state(slots_key(account), leave)


def slots_key(account: Account) -> str:
    return f"lanes:{account.pk}"
