"""tick -> keep the sums -> observe -> judge -> apply: every few seconds, in one process of many.

Carried along by dispatchers and workers (`lib.background_loops`): whichever is left takes over when
the other is gone, and says so. django-q2's scheduler would look only every half minute, and would
be silent about its own end.
"""

import os
import socket
import time

import structlog
from django.utils import timezone
from django_q.tasks import async_task

from health.collecting import (
    observation,
    rollups,
)
from health.collecting.observation import Observation
from health.incidents import (
    alerts,
    lifecycle,
)
from health.reporting.summary import EVALUATOR
from health.rules.evaluation import evaluate_rules
from health.rules.providers import PROVEN_BY_SUCCESS
from wedsync_comms.lib import heartbeats
from wedsync_comms.lib.leases import process_lease

log = structlog.get_logger(__name__)

EVALUATE_EVERY_S = 3.0
# Four ticks: then another process takes over.
EVALUATOR_LEASE_S = 12.0
ROLLUP_EVERY_S = 10.0
# What takes long is done seldom: it may cost a twentieth of the time.
ROLLUP_TIME_SHARE = 20
ALERT_EVERY_S = 1.0
# A provider in trouble is asked so often whether it is back, in seconds.
PROBE_TROUBLED_EVERY_S = 15.0


class Evaluator:
    def __init__(self) -> None:
        self.holder = f"{socket.gethostname()}:{os.getpid()}"
        self.rollup_at = 0.0
        self.probe_at: dict[str, float] = {}

    def __call__(self) -> float:
        if process_lease.acquire(EVALUATOR, self.holder, EVALUATOR_LEASE_S):
            self.evaluate()
        return EVALUATE_EVERY_S

    def evaluate(self) -> None:
        self.update_rollups()
        now = timezone.now()
        observed = observation.collect_observation(now)
        lifecycle.apply_matches(evaluate_rules(observed), now)
        self.probe_troubled(observed)
        heartbeats.record_beat(EVALUATOR, self.holder)

    def update_rollups(self) -> None:
        began = time.monotonic()
        if began >= self.rollup_at:
            rollups.update_rollups()
            took = time.monotonic() - began
            self.rollup_at = time.monotonic() + max(ROLLUP_EVERY_S, ROLLUP_TIME_SHARE * took)

    def probe_troubled(self, observed: Observation) -> None:
        """Has a worker probe what is in trouble: its recovery is noticed also without traffic."""
        now = time.monotonic()
        for provider in observed.providers:
            known = observed.open.get(f"sending:{provider.slug}")
            in_trouble = known is not None and known.kind in PROVEN_BY_SUCCESS
            if in_trouble and now >= self.probe_at.get(provider.slug, 0.0):
                self.probe_at[provider.slug] = now + PROBE_TROUBLED_EVERY_S
                async_task("health.tasks.probe", provider.slug)


class AlertSender:
    """Sends alerts. Any number of them may run: each alert is claimed."""

    def __call__(self) -> float:
        alerts.send_due_alerts()
        return ALERT_EVERY_S
