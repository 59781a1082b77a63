"""tick -> keep the sums -> observe -> judge -> apply: every few seconds, in one process of many.

Carried along by dispatchers and workers (`lib.companions`): whichever is left takes over when the
other is gone, and says so. django-q2's scheduler would look only every half minute, and would be
silent about its own end.
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
from health.rules import (
    provider_conditions,
    provider_rules,
)
from wedsync_comms.lib import heartbeats, lease

log = structlog.get_logger(__name__)

TICK = 3.0
# Four ticks: then another process takes over.
LEASE = 12.0
ROLL_EVERY = 10.0
# What takes long is done seldom: it may cost a twentieth of the time.
SHARE = 20
ALERT_EVERY = 1.0
# A provider in trouble is asked so often whether it is back, in seconds.
ASK_EVERY = 15.0


class Evaluator:
    def __init__(self) -> None:
        self.holder = f"{socket.gethostname()}:{os.getpid()}"
        self.roll_at = 0.0
        self.asked: dict[str, float] = {}

    def __call__(self) -> float:
        if lease.take(EVALUATOR, self.holder, LEASE):
            self.evaluate()
        return TICK

    def evaluate(self) -> None:
        self.roll()
        now = timezone.now()
        seen = observation.look(now)
        lifecycle.apply(provider_rules.judge(seen), now)
        self.ask_again(seen)
        heartbeats.beat(EVALUATOR, self.holder)

    def roll(self) -> None:
        began = time.monotonic()
        if began >= self.roll_at:
            rollups.keep()
            took = time.monotonic() - began
            self.roll_at = time.monotonic() + max(ROLL_EVERY, SHARE * took)

    def ask_again(self, seen: Observation) -> None:
        """Has a worker probe what is in trouble: its recovery is noticed also without traffic."""
        now = time.monotonic()
        for one in seen.providers:
            known = seen.open.get(f"sending:{one.slug}")
            in_trouble = known is not None and known.kind in provider_conditions.PROVEN_BY_SUCCESS
            if in_trouble and now >= self.asked.get(one.slug, 0.0):
                self.asked[one.slug] = now + ASK_EVERY
                async_task("health.tasks.probe", one.slug)


class Messenger:
    """Sends alerts. Any number of them may run: each alert is claimed."""

    def __call__(self) -> float:
        alerts.send_due()
        return ALERT_EVERY
