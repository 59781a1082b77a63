"""claimed -> its slot in the provider's rate limit comes -> the provider is asked."""

import threading
import time

from communications.models import Priority
from communications.sending import provider_call, unsent
from communications.sending.claims import Claim
from communications.sending.outcomes import CallResult
from wedsync_comms.lib.errors import RateLimited
from wedsync_comms.lib.fair_share import FairQueue


class PacedQueue:
    """What this process claimed for one provider and has not sent yet: the most urgent first, and
    of one priority the organizations in turn.

    As many threads call `send_at_slot` as there are claims added.
    """

    def __init__(self) -> None:
        self.calls = {priority: FairQueue[int, Claim]() for priority in Priority.values}
        self.lock = threading.Lock()
        # On `time.monotonic`: until when what is claimed is given back, because the provider said
        # that it is too much.
        self.held_until = 0.0

    def add_call(self, claim: Claim) -> None:
        organization = claim.attempts[0].message.organization
        with self.lock:
            self.calls[call_priority(claim)].put(
                organization.pk, claim, organization.sending_weight
            )

    def take_call(self) -> Claim:
        with self.lock:
            return next(calls for calls in self.calls.values() if calls).get()

    def send_at_slot(self, slot: float) -> CallResult:
        """Sleeps until the slot, a moment of `time.monotonic`, and sends the call that is next."""
        time.sleep(max(0.0, slot - time.monotonic()))
        claim = self.take_call()
        held_for_s = self.held_until - time.monotonic()
        if held_for_s > 0:
            return unsent.defer(claim, "The provider wants to be left alone.", held_for_s)
        result = provider_call.call_provider(claim)
        stop = provider_call.stop_signal(result.results)
        if isinstance(stop, RateLimited):
            self.held_until = time.monotonic() + stop.retry_after.total_seconds()
        return result


def call_priority(claim: Claim) -> int:
    """Returns the message's priority; the highest for a repeated call, which has waited before."""
    return claim.attempts[0].message.priority if claim.call.tries == 1 else Priority.URGENT
