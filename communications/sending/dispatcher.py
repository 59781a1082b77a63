"""wake-up -> what is due -> pace -> claim -> a thread asks the provider -> settle.

Any number of these processes run. One thread decides and claims, a pool of threads talks to
providers, one writes down what they answered, as many answers at once as there are, and one more
applies webhooks.
"""

import gc
import os
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from communications.live import event_stream
from communications.models import Call, Priority
from communications.policy import provider_selection
from communications.providers import registry
from communications.receiving.worker import WebhookWorker
from communications.sending import (
    claims as claim,
)
from communications.sending import (
    provider_call,
    reconciliation,
)
from communications.sending.claims import Claim
from communications.sending.outcome_writer import Settling
from communications.sending.outcomes import Answer
from communications.sending.paced_queue import Departures
from wedsync_comms.lib import (
    background_loops,
    heartbeats,
    shared_state,
)
from wedsync_comms.lib.rate_limit import algorithm
from wedsync_comms.lib.rate_limit.limiter import Place
from wedsync_comms.lib.wakeup import WakeupListener

log = structlog.get_logger(__name__)

# The safety net under the wake-ups; a partial index makes an idle look free.
POLL_SECONDS = 0.1
SWEEP_SECONDS = 1.0
# How long a provider whose rate is used up is left alone at most.
FULL_SECONDS = 0.5
BEAT_SECONDS = 5.0
# How often garbage is looked for while nothing leaves, and while there is always something.
TIDY_IDLE_SECONDS, TIDY_SECONDS = 0.5, 5.0
# A campaign at a slow provider leaves these threads to urgent messages.
URGENT_THREADS = 2
# How long a database that is away is left alone.
OUTAGE_SECONDS = 1.0


def is_batching(slug: str) -> bool:
    return registry.provider(slug).batch_limit > 1


def is_usable(slug: str) -> bool:
    return registry.breaker(slug).state().state != "open"


class Dispatcher:
    """Runs until `stop()`. What it claimed is finished first; what it cannot finish, another
    process takes over when the lease ends."""

    def __init__(self, *, threads: int = 48) -> None:
        self.instance = f"{socket.gethostname()}:{os.getpid()}"
        self.threads = threads
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="send")
        self.flying: set[Future[Answer]] = set()
        # By provider.
        self.departures: dict[str, Departures] = {}
        self.settling = Settling(lambda: len(self.flying))
        # Whether something waits for a thread.
        self.is_starved = False
        self.stopping = threading.Event()
        self.listener = WakeupListener(event_stream.OUTBOX)
        # Until when there is nothing to do for a provider: nothing is due, or its rate is used up.
        self.rests_until: dict[str, float] = {}
        # The providers that work, as of the last look.
        self.usable: list[str] = []
        self.looked = self.swept = self.beaten = self.tidied = 0.0

    def stop(self) -> None:
        self.stopping.set()
        self.listener.interrupt()

    def run(self) -> None:
        webhooks = WebhookWorker()
        webhooks.start()
        self.settling.start()
        crew = background_loops.start()
        with self.listener:
            while not self.stopping.is_set():
                pause = self.guarded_tick()
                if pause and self.listener.wait(pause):
                    self.rouse()
        crew.stop()
        self.pool.shutdown(wait=True)
        self.settling.stop()
        webhooks.stop()

    def rouse(self) -> None:
        """Something new, maybe urgent: worth a look at once."""
        self.rests_until.clear()
        self.looked = 0.0

    def guarded_tick(self) -> float:
        try:
            return self.tick()
        except Exception:
            # The database, Redis, or a bug of ours: what is stored stays safe, and the next tick
            # may do better. Ending the process would stop everything else as well.
            log.exception("tick_failed")
            connection.close()
            return OUTAGE_SECONDS

    def tick(self) -> float:
        """Does what can be done now, and returns for how many seconds there is nothing more."""
        self.flying = {one for one in self.flying if not one.done()}
        self.tidy()
        self.sweep()
        for one in self.departures.values():
            one.postpone()
        if time.monotonic() - self.looked >= POLL_SECONDS:
            self.look()
        pauses = [self.drain(channel) for channel in registry.channels()]
        return min([POLL_SECONDS, *pauses])

    def look(self) -> None:
        """At what need not be known at every tick, of which there are many while messages leave:
        which providers work, and which calls have no answer."""
        self.looked = time.monotonic()
        self.usable = [slug for slug in settings.PROVIDERS if is_usable(slug)]
        unanswered = Call.objects.due(timezone.now()).values_list("provider", flat=True)
        for slug in set(unanswered.distinct()).intersection(self.usable):
            self.repeat(slug)

    def idle(self) -> int:
        """Threads to spare; an answer that is not written down yet counts as one in use."""
        return self.threads - len(self.flying) - self.settling.waiting()

    def tidy(self) -> None:
        """Looks for garbage where nothing is about to leave: that takes as long as several places
        in a rate."""
        since = time.monotonic() - self.tidied
        if since > (TIDY_SECONDS if self.flying else TIDY_IDLE_SECONDS):
            gc.collect()
            self.tidied = time.monotonic()

    def sweep(self) -> None:
        now = time.monotonic()
        if now - self.beaten > BEAT_SECONDS:
            self.beaten = now
            heartbeats.record_beat("dispatcher", self.instance)
        if now - self.swept > SWEEP_SECONDS:
            self.swept = now
            reconciliation.expire()
            reconciliation.escalate()

    def repeat(self, slug: str) -> None:
        """Asks again about calls that have no answer, as far as the provider may be asked."""
        calls = Call.objects.due(timezone.now()).filter(provider=slug).order_by("repeat_after")
        for call in calls[: self.idle()]:
            if self.closed_for(slug, 1):
                break
            claimed = claim.claim_repeat(call.pk)
            if claimed is not None:
                self.launch(slug, [claimed])

    def drain(self, channel: str) -> float:
        """Claims one call for each provider of the channel; returns the pause until the next."""
        route = registry.route(channel)
        usable = [slug for slug in route if slug in self.usable]
        for slug in route:
            if slug not in usable and usable:
                provider_selection.free_from(slug, channel)
        pauses = [self.claim(channel, slug, usable) for slug in usable]
        return min(pauses, default=POLL_SECONDS)

    def claim(self, channel: str, slug: str, usable: list[str]) -> float:
        rests_for = self.rests_until.get(slug, 0.0) - time.monotonic()
        if rests_for > 0:
            return rests_for
        ahead = claim.ahead(channel, slug, usable, self.most(slug))
        if not ahead:
            return self.rest(slug, POLL_SECONDS)
        room = self.idle() - (0 if ahead[0] == Priority.URGENT else URGENT_THREADS)
        if room <= 0:
            self.is_starved = True
            return POLL_SECONDS
        calls = self.calls(slug, ahead, room)
        pause = self.closed_for(slug, calls)
        if pause:
            return pause
        limit = self.limit(slug, ahead, calls)
        if claims := claim.claim(channel, slug, usable=usable, limit=limit):
            self.launch(slug, claims)
        return 0.0

    def most(self, slug: str) -> int:
        """How many messages one claim may take."""
        return registry.provider(slug).batch_limit if is_batching(slug) else self.threads

    def calls(self, slug: str, ahead: Sequence[int], room: int) -> int:
        """How many calls to make: one of many messages, or as many as may leave soon."""
        if is_batching(slug):
            return 1
        soon = max(1, int(registry.bucket(slug).rate.per_second * algorithm.AHEAD))
        return min(room, soon, ahead.count(Priority.URGENT) or len(ahead))

    def limit(self, slug: str, ahead: Sequence[int], calls: int) -> int:
        """How many messages to claim for them."""
        if registry.breaker(slug).state().state != "closed":
            # On trial.
            return 1
        return len(ahead) if is_batching(slug) else calls

    def closed_for(self, slug: str, calls: int) -> float:
        """0.0 if so many may leave soon, and the breaker lets them; else when to look again."""
        if wait := registry.bucket(slug).turn(calls):
            # Short enough for an urgent one that nobody announced.
            return self.rest(slug, min(wait, FULL_SECONDS))
        return 0.0 if registry.breaker(slug).allow() else POLL_SECONDS

    def rest(self, slug: str, seconds: float) -> float:
        self.rests_until[slug] = time.monotonic() + seconds
        return seconds

    def launch(self, slug: str, claims: Sequence[Claim]) -> None:
        """The places in the provider's rate are taken only now: claiming takes its time, and what
        leaves later than it should comes too close to the next."""
        try:
            places = registry.bucket(slug).reserve(len(claims))
        except shared_state.Unavailable as error:
            for one in claims:
                self.settling.add(provider_call.put_off(one, str(error), OUTAGE_SECONDS))
            return
        departures = self.departing(slug)
        for claimed, place in zip(claims, places, strict=True):
            departures.add(claimed)
            future = self.pool.submit(self.ask, departures, place)
            future.add_done_callback(self.landed)
            self.flying.add(future)

    def departing(self, slug: str) -> Departures:
        if slug not in self.departures:
            self.departures[slug] = Departures(slug)
        return self.departures[slug]

    def ask(self, departures: Departures, place: Place) -> Answer:
        try:
            return departures.leave(place)
        finally:
            # A thread whose connection broke gets a new one for its next call.
            connection.close_if_unusable_or_obsolete()

    def landed(self, future: Future[Answer]) -> None:
        if error := future.exception():
            # The lease brings the call back; here only the reason is known.
            log.error("outcome_not_recorded", error=repr(error), exc_info=error)
        else:
            self.settling.add(future.result())
        if self.is_starved:
            self.is_starved = False
            self.listener.interrupt()
