"""wake-up -> what is due -> pace -> claim -> a thread sends it. Any number of these processes run.

One thread decides and claims, a pool of threads talks to providers, one more applies webhooks.
"""

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

from communications import broadcast, claim, dispatch, ingest, reconcile
from communications.claim import Claim
from communications.models import Call, Priority
from communications.providers import registry
from wedsync_comms.lib import companions, heartbeats
from wedsync_comms.lib.wakeup import Listener

log = structlog.get_logger(__name__)

# The safety net under the wake-ups; a partial index makes an idle look free.
POLL_SECONDS = 0.1
SWEEP_SECONDS = 1.0
BEAT_SECONDS = 5.0
# A campaign at a slow provider leaves these threads to urgent messages.
URGENT_THREADS = 2
# How long a database that is away is left alone.
OUTAGE_SECONDS = 1.0


def send(claimed: Claim) -> None:
    try:
        dispatch.send(claimed)
    finally:
        # A thread whose connection broke gets a new one for its next call.
        connection.close_if_unusable_or_obsolete()


def is_usable(slug: str) -> bool:
    return registry.breaker(slug).state().state != "open"


class Dispatcher:
    """Runs until `stop()`. What it claimed is finished first; what it cannot finish, another
    process takes over when the lease ends."""

    def __init__(self, *, threads: int = 16) -> None:
        self.instance = f"{socket.gethostname()}:{os.getpid()}"
        self.threads = threads
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="send")
        self.flying: set[Future[None]] = set()
        self.stopping = threading.Event()
        self.listener = Listener(broadcast.OUTBOX)
        self.swept = self.beaten = 0.0

    def stop(self) -> None:
        self.stopping.set()
        self.listener.interrupt()

    def run(self) -> None:
        inbox = threading.Thread(target=self.apply_webhooks, name="inbox")
        inbox.start()
        crew = companions.start()
        with self.listener:
            while not self.stopping.is_set():
                pause = self.guarded_tick()
                if pause:
                    self.listener.wait(pause)
        crew.stop()
        self.pool.shutdown(wait=True)
        inbox.join()

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
        self.sweep()
        self.flying = {one for one in self.flying if not one.done()}
        usable = [slug for slug in settings.PROVIDERS if is_usable(slug)]
        for slug in usable:
            self.repeat(slug)
        pauses = [self.drain(channel, usable) for channel in registry.channels()]
        return min([POLL_SECONDS, *pauses])

    def idle(self) -> int:
        return self.threads - len(self.flying)

    def sweep(self) -> None:
        now = time.monotonic()
        if now - self.beaten > BEAT_SECONDS:
            self.beaten = now
            heartbeats.beat("dispatcher", self.instance)
        if now - self.swept > SWEEP_SECONDS:
            self.swept = now
            reconcile.expire()
            reconcile.escalate()

    def repeat(self, slug: str) -> None:
        """Asks again about calls that have no answer, as far as the provider may be asked."""
        calls = Call.objects.due(timezone.now()).filter(provider=slug).order_by("repeat_after")
        for call in calls[: self.idle()]:
            if self.wait_for(slug, urgent=True):
                break
            claimed = claim.claim_repeat(call.pk)
            if claimed is not None:
                self.launch(claimed)

    def drain(self, channel: str, open_now: Sequence[str]) -> float:
        """Claims one call for each provider of the channel; returns the pause until the next."""
        route = registry.route(channel)
        usable = [slug for slug in route if slug in open_now]
        for slug in route:
            if slug not in usable and usable:
                claim.free_from(slug, channel)
        pauses = [self.claim(channel, slug, usable) for slug in usable]
        return min(pauses, default=POLL_SECONDS)

    def claim(self, channel: str, slug: str, usable: list[str]) -> float:
        first = claim.most_urgent(channel, slug, usable)
        kept = 0 if first == Priority.URGENT else URGENT_THREADS
        if first is None or self.idle() <= kept:
            return POLL_SECONDS
        pause = self.wait_for(slug, urgent=first == Priority.URGENT)
        if pause:
            return min(pause, POLL_SECONDS)
        on_trial = registry.breaker(slug).state().state != "closed"
        limit = 1 if on_trial else registry.provider(slug).batch_limit
        claimed = claim.claim(channel, slug, usable=usable, limit=limit)
        if claimed is not None:
            self.launch(claimed)
        return 0.0

    def wait_for(self, slug: str, *, urgent: bool) -> float:
        """Takes a place in the provider's rate and its breaker, or says how long there is none."""
        pause = registry.bucket(slug).acquire(urgent=urgent)
        if not pause and not registry.breaker(slug).allow():
            return POLL_SECONDS
        return pause

    def launch(self, claimed: Claim) -> None:
        future = self.pool.submit(send, claimed)
        future.add_done_callback(self.landed)
        self.flying.add(future)

    def landed(self, future: Future[None]) -> None:
        if error := future.exception():
            # The lease brings the call back; here only the reason is known.
            log.error("outcome_not_recorded", error=repr(error), exc_info=error)
        self.listener.interrupt()

    def apply_webhooks(self) -> None:
        with Listener(ingest.INBOX) as listener:
            while not self.stopping.is_set():
                if not self.applied():
                    listener.wait(POLL_SECONDS)
        connection.close()

    def applied(self) -> bool:
        try:
            applied = ingest.apply_due()
            if applied:
                # What a webhook only announced is wanted now; the schedule tries again what fails.
                reconcile.fetch_received()
        except Exception:
            # As above: this thread must outlive a database that is away.
            log.exception("inbox_failed")
            connection.close()
            self.stopping.wait(OUTAGE_SECONDS)
            return False
        return applied > 0
