"""claimed -> a place in the provider's rate comes -> made ready -> sent right then -> answered."""

import time
from itertools import count
from queue import PriorityQueue, SimpleQueue
from typing import NamedTuple

from communications.models import Priority
from communications.providers import registry
from communications.sending import provider_call
from communications.sending.claims import Claim
from communications.sending.outcomes import Answer
from wedsync_comms.lib import http
from wedsync_comms.lib.errors import RateLimited
from wedsync_comms.lib.rate_limit.latency import Journeys
from wedsync_comms.lib.rate_limit.limiter import (
    Arrival,
    Place,
)

# How long before it leaves a request is made ready.
READY_SECONDS = 0.06
# The provider asked to be left alone just when this was claimed: better given back than held.
LONGEST_WAIT_SECONDS = 2.0


class Leaving(NamedTuple):
    """Compared in this order, so that two are never compared by their claims."""

    priority: int
    order: int
    claimed: Claim


def priority(claimed: Claim) -> int:
    """A call that is repeated goes first: it has waited before."""
    return claimed.attempts[0].message.priority if claimed.call.tries == 1 else Priority.URGENT


class Departures:
    """What this process claimed for one provider and has not sent yet, the most urgent first.

    As many threads call `leave` as there are claims added.
    """

    def __init__(self, slug: str) -> None:
        self.slug = slug
        self.waiting: PriorityQueue[Leaving] = PriorityQueue()
        self.order = count()
        self.journeys = Journeys()
        # What may have arrived too close to what leaves a second later.
        self.late: SimpleQueue[Arrival] = SimpleQueue()
        # Until when what is claimed is given back: the provider said that it is too much.
        self.left_alone_until = 0.0

    def add(self, claimed: Claim) -> None:
        self.waiting.put(Leaving(priority(claimed), next(self.order), claimed))

    def leave(self, place: Place) -> Answer:
        """Waits for the place. It is nobody's: the most urgent claim takes it."""
        ready_at = place.at - READY_SECONDS
        time.sleep(min(max(0.0, ready_at - time.monotonic()), LONGEST_WAIT_SECONDS))
        claimed = self.waiting.get_nowait().claimed
        left_alone_for = max(ready_at, self.left_alone_until) - time.monotonic()
        if left_alone_for > 0:
            return provider_call.put_off(
                claimed, "The provider wants to be left alone.", left_alone_for
            )
        with http.leaving_at(place.at) as departure:
            answer = provider_call.ask(claimed)
        if departure.answered:
            self.arrived(place, departure)
        stop = provider_call.stop_in(answer.results)
        if isinstance(stop, RateLimited):
            self.left_alone_until = time.monotonic() + stop.retry_after.total_seconds()
        return answer

    def arrived(self, place: Place, departure: http.Departure) -> None:
        moment = departure.left + self.journeys.doubt(departure.answered - departure.left)
        if place.is_missed(moment):
            self.late.put(Arrival(place.number, moment))

    def postpone(self) -> None:
        """Tells all processes what arrived late."""
        if late := [self.late.get() for _ in range(self.late.qsize())]:
            registry.bucket(self.slug).postpone(late)
