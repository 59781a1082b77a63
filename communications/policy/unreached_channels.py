"""No connection to any provider of a channel for long -> the next channel of the plan that is open.

A walk goes past the planned messages of the channel, each once: the urgent ones first, and of one
priority the organizations in turns. What cannot leave by another channel keeps nobody waiting who
can, and is looked at again in the next walk.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from communications.messages.transitions import record
from communications.models import Message, Organization, Priority
from communications.policy import channel_fallback, detours, retry_policy
from communications.policy.unavailability import takes_nothing
from communications.providers import registry
from wedsync_comms.lib.breaker import UNREACHABLE
from wedsync_comms.lib.fair_share import FairQueue
from wedsync_comms.lib.text import as_sentence

# After so long without a connection a message takes the next channel of its plan: as long as its
# retries would have taken.
PATIENCE = sum(retry_policy.BACKOFF, timedelta(0))
# How long the walk rests where nothing could leave, or where it has come to its end.
REST_S = 5.0
# One step: so many rows are read, and so many of them judged, each with several queries.
READ_AT_ONCE = 200
JUDGED_AT_ONCE = 20
# What one look takes at most, in the thread that claims: steps, rows read, messages judged.
STEPS_A_LOOK = 40
READ_A_LOOK = 2000
JUDGED_A_LOOK = 200
# Before all ids.
FIRST = UUID(int=0)


@dataclass
class Lane:
    """How far the walk has come among the messages of an organization, of one priority."""

    organization: int
    weight: float
    priority: int
    after: UUID = FIRST


@dataclass
class Looked:
    """What a look has come to so far."""

    steps: int = 0
    read: int = 0
    judged: int = 0
    moved: int = 0

    def is_over(self) -> bool:
        return (
            self.steps >= STEPS_A_LOOK or self.read >= READ_A_LOOK or self.judged >= JUDGED_A_LOOK
        )


class PlanWalk:
    """The walk past the planned messages of one channel. For one thread.

    Other processes have walks of their own: what one has moved on is gone for the others.
    """

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.lanes = {priority: FairQueue[int, Lane]() for priority in Priority.values}
        # On `time.monotonic`.
        self.rests_until = 0.0

    def leave_unreached(self) -> int:
        """Goes on for a while, and moves on what has another channel in its plan that is open.

        Returns how many messages that were. Does nothing unless this channel has not been reached
        for long.
        """
        if time.monotonic() < self.rests_until or not is_unreached_for_long(self.channel):
            return 0
        open_channels = {other for other in registry.routed_channels() if is_open_channel(other)}
        if not open_channels:
            # Nothing is reached: everything waits.
            return 0
        looked = self.look(open_channels)
        if not looked.moved or self.is_at_end():
            self.rests_until = time.monotonic() + REST_S
        return looked.moved

    def look(self, open_channels: Collection[str]) -> Looked:
        looked = Looked()
        if self.is_at_end():
            self.begin()
        while not self.is_at_end() and not looked.is_over():
            self.step(open_channels, looked)
        return looked

    def is_at_end(self) -> bool:
        return not any(self.lanes.values())

    def begin(self) -> None:
        for priority, lanes in self.lanes.items():
            theirs = self.planned(priority).filter(organization=OuterRef("pk"))
            waiting = Organization.objects.filter(Exists(theirs))
            for pk, weight in waiting.values_list("pk", "sending_weight"):
                lanes.put(pk, Lane(pk, weight, priority), weight)

    def step(self, open_channels: Collection[str], looked: Looked) -> None:
        """Looks at the next messages of the lane whose turn it is."""
        lanes = next(lanes for lanes in self.lanes.values() if lanes)
        lane = lanes.get()
        planned = self.planned(lane.priority).filter(organization=lane.organization)
        # Without a lock, and also what is not due: by its index, however much that is.
        rows = list(
            planned.filter(pk__gt=lane.after)
            .order_by("pk")
            .values_list("pk", "leg", "fallback")[:READ_AT_ONCE]
        )
        able = [
            pk
            for pk, leg, plan in rows
            if any(later["channel"] in open_channels for later in plan[leg:])
        ]
        judged = able[:JUDGED_AT_ONCE]
        looked.steps += 1
        looked.read += len(rows)
        looked.judged += len(judged)
        looked.moved += self.move_on(judged, open_channels)
        if len(able) > len(judged) or len(rows) == READ_AT_ONCE:
            lane.after = judged[-1] if len(able) > len(judged) else rows[-1][0]
            lanes.put(lane.organization, lane, lane.weight)

    def planned(self, priority: int) -> QuerySet[Message]:
        """Returns what waits on the channel and has a plan: as in the index `message_planned`."""
        waiting = Message.objects.waiting().filter(leg_channel=self.channel, priority=priority)
        return waiting.exclude(fallback=[])

    def move_on(self, pks: Collection[UUID], open_channels: Collection[str]) -> int:
        if not pks:
            return 0
        why = as_sentence(detours.why_skipped(registry.route_slugs(self.channel)[0]))
        with transaction.atomic():
            due = Message.objects.due(timezone.now()).filter(pk__in=pks, leg_channel=self.channel)
            unlocked = due.order_by("send_after").select_for_update(skip_locked=True, of=("self",))
            legs = [
                channel_fallback.next_leg(message, why, open_channels)
                for message in unlocked.select_related("organization", "contact")
            ]
            moved = [leg for leg in legs if leg is not None]
            record(moved)
        return len(moved)


def is_unreached_for_long(channel: str) -> bool:
    """Returns whether no provider of a channel's route is reached; one that is closed for another
    reason may be."""
    states = [registry.breaker_for(slug).state() for slug in registry.route_slugs(channel)]
    since = [state.opened_at for state in states if state.cause == UNREACHABLE and state.opened_at]
    if not since or len(since) < len(states):
        return False
    return timezone.now() - max(since) >= PATIENCE


def is_open_channel(channel: str) -> bool:
    return not all(map(takes_nothing, registry.route_slugs(channel)))
