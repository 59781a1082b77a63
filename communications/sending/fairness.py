"""Which organizations have something due -> whose turn it is -> their messages, locked.

Organizations that share a provider take turns within a priority (`lib/fair_share`). A turn is worth
a call, because it is calls that a provider limits: the messages of a call share its cost.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef
from django.utils import timezone

from communications.models import Message, Organization, Priority
from communications.models.messages import MessageQuerySet
from communications.providers import registry
from wedsync_comms.lib.database.array_subquery import UuidsOf
from wedsync_comms.lib.fair_share import FairShare

# From one organization to the next by the index `message_turn`, whatever lies between them: as many
# steps as organizations wait, however many messages do.
# https://wiki.postgresql.org/wiki/Loose_indexscan
WAITING = """
WITH RECURSIVE waiting(organization) AS (
    SELECT (
        SELECT organization_id FROM communications_message
        WHERE leg_channel = %(channel)s AND priority = %(priority)s AND via = %(via)s
          AND send_after IS NOT NULL
        ORDER BY organization_id LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT organization_id FROM communications_message
        WHERE leg_channel = %(channel)s AND priority = %(priority)s AND via = %(via)s
          AND send_after IS NOT NULL AND organization_id > waiting.organization
        ORDER BY organization_id LIMIT 1
    )
    FROM waiting WHERE waiting.organization IS NOT NULL
)
SELECT first.due_at, first.organization, communications_organization.sending_weight
FROM (
    SELECT waiting.organization, (
        SELECT send_after FROM communications_message
        WHERE leg_channel = %(channel)s AND priority = %(priority)s AND via = %(via)s
          AND send_after IS NOT NULL AND organization_id = waiting.organization
        ORDER BY send_after LIMIT 1
    ) AS due_at
    FROM waiting
) first JOIN communications_organization ON communications_organization.id = first.organization
WHERE first.due_at <= %(now)s
"""


@dataclass(frozen=True)
class Lane:
    """What is due for a provider at one priority: where organizations take turns."""

    channel: str
    priority: int
    vias: Sequence[str]
    now: datetime

    def waiting(self) -> dict[int, float]:
        """Returns the organizations that have something due with their weights, and first whose
        first message waited longest."""
        now = connection.ops.adapt_datetimefield_value(self.now)
        lane: dict[str, Any] = {"channel": self.channel, "priority": self.priority, "now": now}
        found: list[tuple[Any, int, int]] = []
        with connection.cursor() as cursor:
            for via in self.vias:
                cursor.execute(WAITING, {**lane, "via": via})
                found += cursor.fetchall()
        return {organization: weight for _, organization, weight in sorted(found)}

    def lock_first(self, counts: Mapping[int, int]) -> dict[int, list[Message]]:
        """Locks the first so many due of each organization, by the time at which they were due.

        Fewer where there are no more, or where somebody else has locked them.
        """
        by_count = defaultdict[int, list[int]](list)
        for organization, count in counts.items():
            by_count[count].append(organization)
        locked = [
            pk
            for count, organizations in by_count.items()
            for pk in self.lock_ids(organizations, count)
        ]
        found = {organization: list[Message]() for organization in counts}
        rows = Message.objects.filter(pk__in=locked).order_by("send_after")
        for message in rows.select_related("organization").prefetch_related("attempts"):
            if len(mine := found[message.organization_id]) < counts[message.organization_id]:
                mine.append(message)
        return found

    def lock_ids(self, organizations: Sequence[int], count: int) -> list[UUID]:
        """Locks so many of each `via` and organization that nobody else has locked."""
        firsts = [UuidsOf(self.due(via).values("id")[:count]) for via in self.vias]
        rows = Organization.objects.filter(pk__in=organizations).order_by().values_list(*firsts)
        return [pk for row in rows for pks in row for pk in pks]

    def due(self, via: str) -> MessageQuerySet:
        """Returns what of this lane is due for `OuterRef("pk")`, an organization."""
        # On SQLite the lock says nothing and need not: there is one writer at a time, and
        # transactions here begin as writers.
        return (
            Message.objects.due(self.now)
            .filter(leg_channel=self.channel, priority=self.priority, via=via)
            .filter(organization=OuterRef("pk"))
            .order_by("send_after")
            .select_for_update(skip_locked=True)
        )


class OrganizationTurns:
    """Whose turn it is at each provider and priority, as one dispatcher sees it.

    Other processes have their own and need not agree: each is fair by itself, and so is their sum.
    For one thread.
    """

    def __init__(self) -> None:
        self.shares = defaultdict[tuple[str, int], FairShare[int]](FairShare)

    def lock_due(
        self, channel: str, slug: str, vias: Sequence[str], *, limit: int
    ) -> list[Message]:
        """Locks due rows of the outbox, and returns them in the order in which they are sent."""
        found: list[Message] = []
        for priority in Priority.values:
            lane = Lane(channel, priority, vias, timezone.now())
            share = self.shares[slug, priority]
            found += lock_in_turn(lane, share, limit - len(found), cost=place_cost(slug))
            # An urgent message does not share the fate of a campaign it happens to leave with.
            if len(found) == limit or (found and priority == Priority.URGENT):
                break
        return found

    def charge(
        self, slug: str, calls: Iterable[Sequence[Message]], stopped: Sequence[Message]
    ) -> None:
        """Charges each call to the organizations whose messages it carries, in equal parts.

        `stopped` are those that may not be sent, or not now. Each was looked at, and costs a place
        in a full call; else an organization with many of them would be asked for the next all the
        time. What only waits for a call of its own costs nothing yet.
        """
        for messages in calls:
            self.serve(slug, messages, each=1 / len(messages))
        self.serve(slug, stopped, each=place_cost(slug))

    def serve(self, slug: str, messages: Iterable[Message], *, each: float) -> None:
        by_priority = defaultdict[int, list[int]](list)
        for message in messages:
            by_priority[message.priority].append(message.organization_id)
        for priority, organizations in by_priority.items():
            self.shares[slug, priority].serve(organizations, each * len(organizations))


def place_cost(slug: str) -> float:
    """Returns what a message costs in a full call, of which each costs 1."""
    return 1 / registry.provider_for(slug).batch_limit


def lock_in_turn(lane: Lane, share: FairShare[int], limit: int, *, cost: float) -> list[Message]:
    """Locks up to so many messages of a lane, and returns them in the order of turns."""
    weights = lane.waiting()
    share.enter(weights)
    # Everybody is believed to have enough. Whoever turns out to have less leaves the rest of its
    # turns to the others, until all places are taken or nobody has more.
    available = dict.fromkeys(weights, limit)
    locked = {organization: list[Message]() for organization in weights}
    while True:
        turns = share.plan(available, limit, cost=cost)
        missing = {
            organization: count
            for organization, count in Counter(turns).items()
            if count > len(locked[organization])
        }
        if not missing:
            break
        locked.update(lane.lock_first(missing))
        available |= {
            organization: len(locked[organization])
            for organization, count in missing.items()
            if len(locked[organization]) < count
        }
    next_of = {organization: iter(messages) for organization, messages in locked.items()}
    return [next(next_of[organization]) for organization in turns]
