"""wake-up -> what is due -> rate limit and circuit breaker -> claim -> slots -> a thread sends it.

Any number of these processes run. One thread decides and claims, a pool of threads talks to
providers, one records what they answered, as many results at once as there are, and one more
applies webhooks.
"""

import os
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from communications.live import event_stream
from communications.models import Call, Priority
from communications.policy import detours, provider_selection, senders, unavailability
from communications.policy.unreached_channels import PlanWalk
from communications.providers import registry
from communications.receiving.worker import WebhookWorker
from communications.sending import claims, reconciliation, unsent
from communications.sending.claims import Claim
from communications.sending.fairness import OrganizationTurns
from communications.sending.outcome_writer import OutcomeWriter
from communications.sending.outcomes import CallResult
from communications.sending.paced_queue import PacedQueue
from communications.sending.reachability import Reachability
from wedsync_comms.lib import background_loops, heartbeats, shared_state
from wedsync_comms.lib.rate_limit.algorithm import RESERVATION_HORIZON_S
from wedsync_comms.lib.wakeup import WakeupListener

log = structlog.get_logger(__name__)

# The safety net under the wake-ups; a partial index makes an idle look free.
POLL_SECONDS = 0.1
SWEEP_SECONDS = 1.0
BEAT_SECONDS = 5.0
# How long a provider whose rate is used up is left alone at most.
FULL_SECONDS = 0.5
# An urgent message is claimed although the next slots are taken by campaigns: it leaves in the
# first slot that this process holds.
URGENT_HORIZON_S = 1.0
# The provider asked to be left alone just when this was claimed: better given back than kept.
MAX_SLOT_DELAY_S = 5.0
# A campaign at a slow provider leaves these threads to urgent messages.
URGENT_THREADS = 2
# How long a database that is away is left alone.
OUTAGE_SECONDS = 1.0
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def is_batching(slug: str) -> bool:
    return registry.provider_for(slug).batch_limit > 1


def is_available(slug: str) -> bool:
    return registry.breaker_for(slug).state().state != "open"


class Dispatcher:
    """Runs until `stop()`. What it claimed is finished first; what it cannot finish, another
    process takes over when the lease ends."""

    def __init__(self, *, threads: int = 48) -> None:
        self.instance = f"{socket.gethostname()}:{os.getpid()}"
        self.threads = threads
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="send")
        self.in_flight: set[Future[CallResult]] = set()
        self.turns = OrganizationTurns()
        # By provider.
        self.queues: dict[str, PacedQueue] = {}
        self.writer = OutcomeWriter(lambda: len(self.in_flight))
        self.reachability = Reachability()
        # Whether something waits for a thread.
        self.is_starved = False
        self.stopping = threading.Event()
        self.listener = WakeupListener(event_stream.OUTBOX)
        # On `time.monotonic`, by provider: nothing is due before then, or its rate is used up.
        self.next_poll_at: dict[str, float] = {}
        # The providers whose circuit breakers let calls through, as of the last look.
        self.available: list[str] = []
        # Those of them that want to be left alone for a while.
        self.held: set[str] = set()
        # By channel on which nothing leaves now: what was due before then knows why it waits.
        self.told_until: dict[str, datetime] = {}
        # By channel that is closed: how far its planned messages were looked through.
        self.walks: dict[str, PlanWalk] = {}
        self.refreshed_at = self.swept_at = self.beaten_at = 0.0

    def stop(self) -> None:
        self.stopping.set()
        self.listener.interrupt()

    def run(self) -> None:
        webhooks = WebhookWorker()
        webhooks.start()
        self.writer.start()
        loops = background_loops.start()
        with self.listener:
            while not self.stopping.is_set():
                pause = self.guarded_tick()
                if pause and self.listener.wait(pause):
                    self.wake()
        loops.stop()
        self.pool.shutdown(wait=True)
        self.writer.stop()
        webhooks.stop()

    def wake(self) -> None:
        """Has the next round begin at once: there is something new, maybe urgent."""
        self.next_poll_at.clear()
        self.refreshed_at = 0.0

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
        self.in_flight = {future for future in self.in_flight if not future.done()}
        self.run_periodic()
        if time.monotonic() - self.refreshed_at >= POLL_SECONDS:
            self.refresh_availability()
        pauses = [self.dispatch_channel(channel) for channel in registry.routed_channels()]
        return min([POLL_SECONDS, *pauses])

    def refresh_availability(self) -> None:
        """Looks at what need not be known at every tick, of which there are many while messages
        leave: which providers are available, and which calls have no answer."""
        self.refreshed_at = time.monotonic()
        before = set(self.available) - self.held
        self.reachability.watch()
        self.available = [slug for slug in settings.PROVIDERS if self.is_open(slug)]
        self.held = {slug for slug in self.available if detours.seconds_held(slug)}
        for slug in set(self.available) - self.held - before:
            unavailability.release_waiting(registry.provider_for(slug).channel)
        unanswered = Call.objects.due(timezone.now()).values_list("provider", flat=True)
        for slug in set(unanswered.distinct()).intersection(settings.PROVIDERS):
            if slug not in self.available:
                # So long nobody asks what has expired meanwhile.
                for call in claims.expired_calls(slug):
                    claims.withdraw_expired(call.pk)
            self.repeat_calls(slug)

    def is_open(self, slug: str) -> bool:
        """Returns whether calls to a provider are made: its circuit breaker lets them through, and
        there is a connection to it, as far as this process knows."""
        return is_available(slug) and self.reachability.is_reached(slug)

    def idle_threads(self) -> int:
        """Returns the threads to spare; a result not recorded yet counts as a thread in use.

        A call that is over counts once, by its result. None are to spare where more results wait
        than there are threads: what is given back at once comes from no thread.
        """
        unrecorded = self.writer.waiting()
        running = sum(not future.done() for future in self.in_flight)
        return max(0, self.threads - running - unrecorded)

    def run_periodic(self) -> None:
        now = time.monotonic()
        if now - self.beaten_at > BEAT_SECONDS:
            self.beaten_at = now
            heartbeats.record_beat("dispatcher", self.instance)
        if now - self.swept_at > SWEEP_SECONDS:
            self.swept_at = now
            reconciliation.expire_overdue()
            reconciliation.escalate_overdue()
            senders.release_corrected()
            self.tell_waiting()

    def tell_waiting(self) -> None:
        """Says why what is due waits on the channels on which no provider takes anything now."""
        for channel in registry.routed_channels():
            if not all(map(unavailability.takes_nothing, registry.route_slugs(channel))):
                self.told_until.pop(channel, None)
                self.walks.pop(channel, None)
                continue
            self.walks.setdefault(channel, PlanWalk(channel)).leave_unreached()
            since, now = self.told_until.get(channel, LONG_AGO), timezone.now()
            if unavailability.tell_waiting(channel, since) < unavailability.TOLD_AT_ONCE:
                # What was stored meanwhile may have been due for a moment.
                self.told_until[channel] = now - timedelta(seconds=OUTAGE_SECONDS * 10)

    def repeat_calls(self, slug: str) -> None:
        """Asks again about calls that have no answer, as far as the provider may be asked."""
        calls = self.repeatable_calls(slug).order_by("repeat_after")
        for call in calls[: self.idle_threads()]:
            if self.seconds_until_slot(slug, Priority.URGENT):
                break
            if slug in self.available and not registry.breaker_for(slug).allow():
                break
            claim = claims.claim_repeat(call.pk)
            if claim is not None:
                self.submit(slug, [claim])

    def repeatable_calls(self, slug: str) -> QuerySet[Call]:
        """Returns the calls to make again now; once more where the breaker has just opened.

        There the second failure opens the other way, which nobody should wait for.
        """
        calls = Call.objects.due(timezone.now()).filter(provider=slug)
        if slug in self.available:
            return calls
        return calls.filter(tries=1) if self.has_detour(slug) else calls.none()

    def has_detour(self, slug: str) -> bool:
        """Returns whether a provider whose breaker has opened by itself has another beside it."""
        if registry.breaker_for(slug).state().paused or not self.reachability.is_reached(slug):
            return False
        route = registry.route_slugs(registry.provider_for(slug).channel)
        return slug in route and any(other in self.available for other in route)

    def dispatch_channel(self, channel: str) -> float:
        """Claims once for each provider of the channel; returns the seconds until the next time."""
        route = registry.route_slugs(channel)
        working = [slug for slug in route if slug in self.available]
        # Where all are held, they are waited for.
        usable = [slug for slug in working if slug not in self.held] or working
        for slug in route:
            if slug not in usable and usable:
                provider_selection.unbind_from(slug, channel)
        pauses = [self.dispatch_provider(channel, slug, usable) for slug in usable]
        return min(pauses, default=POLL_SECONDS)

    def dispatch_provider(self, channel: str, slug: str, usable: list[str]) -> float:
        pause = self.next_poll_at.get(slug, 0.0) - time.monotonic()
        if pause > 0:
            return pause
        due = claims.peek_priorities(channel, slug, usable, self.max_claim(slug))
        if not due:
            return self.back_off(slug, POLL_SECONDS)
        room = self.idle_threads() - (0 if due[0] == Priority.URGENT else URGENT_THREADS)
        if room <= 0:
            self.is_starved = True
            return POLL_SECONDS
        if pause := self.seconds_until_open(slug, due[0]):
            return pause
        limit = self.claim_limit(slug, due, room)
        claimed = claims.claim_due(channel, slug, usable=usable, limit=limit, turns=self.turns)
        if claimed:
            self.submit(slug, claimed)
        return 0.0

    def max_claim(self, slug: str) -> int:
        """Returns how many messages one claim may take at most."""
        return registry.provider_for(slug).batch_limit if is_batching(slug) else self.threads

    def claim_limit(self, slug: str, due: Sequence[int], room: int) -> int:
        """Returns how many messages to claim: for one batch, or as many calls as leave soon."""
        if registry.breaker_for(slug).state().state != "closed":
            # On trial.
            return 1
        if is_batching(slug):
            return len(due)
        soon = max(1, int(registry.bucket_for(slug).rate.per_second * RESERVATION_HORIZON_S))
        return min(room, soon, due.count(Priority.URGENT) or len(due))

    def seconds_until_open(self, slug: str, priority: int) -> float:
        """Returns 0.0 if the rate limit and the circuit breaker let a call through soon, else when
        to look again."""
        if pause := self.seconds_until_slot(slug, priority):
            return pause
        return 0.0 if registry.breaker_for(slug).allow() else POLL_SECONDS

    def seconds_until_slot(self, slug: str, priority: int) -> float:
        """Returns 0.0 if there is a slot in the rate limit soon, else when to look again."""
        urgent = priority == Priority.URGENT
        horizon_s = URGENT_HORIZON_S if urgent else RESERVATION_HORIZON_S
        full_for_s = registry.bucket_for(slug).time_to_next_slot() - horizon_s
        return self.back_off(slug, min(full_for_s, FULL_SECONDS)) if full_for_s > 0 else 0.0

    def back_off(self, slug: str, pause_s: float) -> float:
        self.next_poll_at[slug] = time.monotonic() + pause_s
        return pause_s

    def submit(self, slug: str, claimed: Sequence[Claim]) -> None:
        """Reserves slots in the provider's rate limit only now: claiming takes its time."""
        try:
            slots = registry.bucket_for(slug).reserve(len(claimed))
        except shared_state.Unavailable as error:
            for claim in claimed:
                self.writer.add(unsent.defer(claim, str(error), OUTAGE_SECONDS))
            return
        queue = self.queues.setdefault(slug, PacedQueue())
        for claim, slot in zip(claimed, slots, strict=True):
            delay_s = slot - time.monotonic()
            if delay_s > MAX_SLOT_DELAY_S:
                why = "The provider wants to be left alone."
                self.writer.add(unsent.defer(claim, why, delay_s))
                continue
            queue.add_call(claim)
            future = self.pool.submit(self.send, queue, slot)
            future.add_done_callback(self.on_done)
            self.in_flight.add(future)

    def send(self, queue: PacedQueue, slot: float) -> CallResult:
        try:
            return queue.send_at_slot(slot)
        finally:
            # A thread whose connection broke gets a new one for its next call.
            connection.close_if_unusable_or_obsolete()

    def on_done(self, future: Future[CallResult]) -> None:
        if error := future.exception():
            # The lease brings the call back; here only the reason is known.
            log.error("outcome_not_recorded", error=repr(error), exc_info=error)
        else:
            self.reachability.note(future.result())
            self.writer.add(future.result())
        if self.is_starved:
            self.is_starved = False
            self.listener.interrupt()
