"""claimed -> its slot in the provider's rate limit comes -> the provider is asked."""

import time
from itertools import count
from queue import PriorityQueue
from typing import NamedTuple

from communications.models import Priority
from communications.sending import provider_call
from communications.sending.claims import Claim
from communications.sending.outcomes import CallResult
from wedsync_comms.lib.errors import RateLimited


class QueuedCall(NamedTuple):
    """Compared in this order, so that two are never compared by their claims."""

    priority: int
    order: int
    claim: Claim


class PacedQueue:
    """What this process claimed for one provider and has not sent yet, the most urgent first.

    As many threads call `send_at_slot` as there are claims added.
    """

    def __init__(self) -> None:
        self.calls: PriorityQueue[QueuedCall] = PriorityQueue()
        self.order = count()
        # On `time.monotonic`: until when what is claimed is given back, because the provider said
        # that it is too much.
        self.held_until = 0.0

    def add_call(self, claim: Claim) -> None:
        self.calls.put(QueuedCall(call_priority(claim), next(self.order), claim))

    def send_at_slot(self, slot: float) -> CallResult:
        """Sleeps until the slot, a moment of `time.monotonic`, and sends the most urgent call."""
        time.sleep(max(0.0, slot - time.monotonic()))
        claim = self.calls.get_nowait().claim
        held_for_s = self.held_until - time.monotonic()
        if held_for_s > 0:
            return provider_call.defer(claim, "The provider wants to be left alone.", held_for_s)
        result = provider_call.call_provider(claim)
        stop = provider_call.stop_signal(result.results)
        if isinstance(stop, RateLimited):
            self.held_until = time.monotonic() + stop.retry_after.total_seconds()
        return result


def call_priority(claim: Claim) -> int:
    """Returns the message's priority; the highest for a repeated call, which has waited before."""
    return claim.attempts[0].message.priority if claim.call.tries == 1 else Priority.URGENT
