"""Which stored deliveries are applied next: what is new before what failed, and everybody in turns.

A delivery is stored with whom it is about, as far as that can be told at a glance: the
organization of the message, or of who is written to, or else the vendor's account alone. They take
turns in what is claimed, each in the order in which it came. So a flood for one of them, or of
receipts that match nothing, holds up nobody else.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.utils import timezone

from communications.models import Address, Attempt, Message, WebhookDelivery
from communications.providers import registry
from communications.providers.base import Provider
from communications.receiving.identities import reached_owners
from communications.receiving.receipts import echoed_ids
from communications.receiving.writers import sender_value
from communications.vocabulary.events import (
    Event,
    MessageEchoed,
    MessageEdited,
    MessageReceived,
    ReactionChanged,
    StatusChanged,
)
from wedsync_comms.lib.fair_share import FairShare
from wedsync_comms.lib.web.webhook_request import WebhookRequest

log = structlog.get_logger(__name__)

# How long the process that took a delivery may need for it.
DELIVERY_LEASE = timedelta(seconds=60)
# How many are taken at once: what comes meanwhile, from whomever, waits for no more than these. A
# claim costs about as much as half a delivery.
DELIVERY_BATCH = 10
# How many of those that failed before are tried again after each batch of new ones.
RETRIED_BATCH = 2
KEY_LENGTH = 120
# Whose organization cannot be told, and who writes for the first time to an address that several
# organizations share: a party each, for who sends made-up mail shall have one turn.
NOBODY = "nobody"
STRANGER = "stranger"


# From one number of tries and one key to the next by the index `delivery_turns`, whatever lies
# between them: as many steps as parties wait, however many deliveries do.
# https://wiki.postgresql.org/wiki/Loose_indexscan
WAITING = """
WITH RECURSIVE waiting(tries, fairness_key) AS (
    SELECT * FROM (
        SELECT tries, fairness_key FROM communications_webhookdelivery
        WHERE apply_after IS NOT NULL
        ORDER BY tries, fairness_key LIMIT 1
    ) first
    UNION ALL
    SELECT delivery.tries, delivery.fairness_key
    FROM waiting JOIN communications_webhookdelivery delivery ON delivery.id = (
        SELECT id FROM communications_webhookdelivery
        WHERE apply_after IS NOT NULL
          AND (tries, fairness_key) > (waiting.tries, waiting.fairness_key)
        ORDER BY tries, fairness_key LIMIT 1
    )
)
SELECT first.due_at, first.tries, first.fairness_key
FROM (
    SELECT waiting.tries, waiting.fairness_key, (
        SELECT apply_after FROM communications_webhookdelivery
        WHERE apply_after IS NOT NULL
          AND tries = waiting.tries AND fairness_key = waiting.fairness_key
        ORDER BY apply_after LIMIT 1
    ) AS due_at
    FROM waiting
) first
WHERE first.due_at <= %(now)s
"""


class Inbox:
    """Claims deliveries, and remembers whose turn it is. Not for several threads at once.

    Each process has its own: a fair share of each is a fair share of all.
    """

    def __init__(self) -> None:
        self.new = FairShare[str]()
        self.retried = FairShare[str]()

    def claim(self) -> list[WebhookDelivery]:
        """Takes what is new, and after it a few of those that could not be applied before.

        Those may be many and match nothing ever: whatever has failed holds up nothing new, and what
        is new never keeps it waiting for good.
        """
        now = timezone.now()
        waiting = waiting_parties(now)
        new = {key: [0] for key, tries in waiting if tries == 0}
        failed = defaultdict[str, list[int]](list)
        for key, tries in waiting:
            if tries:
                failed[key].append(tries)
        taken = claim_in_turns(self.new, new, now, DELIVERY_BATCH)
        return taken + claim_in_turns(self.retried, failed, now, RETRIED_BATCH)


def waiting_parties(now: datetime) -> list[tuple[str, int]]:
    """Returns who has something due that was tried how often, whoever waited longest first."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING, {"now": connection.ops.adapt_datetimefield_value(now)})
        return [(key, tries) for _, tries, key in sorted(cursor.fetchall())]


def claim_in_turns(
    turns: FairShare[str], waiting: Mapping[str, Sequence[int]], now: datetime, limit: int
) -> list[WebhookDelivery]:
    """Takes up to so many deliveries of those who wait, each party's in its turn.

    `waiting` says by party how often what it has due was tried.
    """
    turns.enter(dict.fromkeys(waiting, 1.0))
    with transaction.atomic():
        claimed = lock_in_turns(turns, waiting, now, limit)
        taken = WebhookDelivery.objects.filter(pk__in=[delivery.pk for delivery in claimed])
        if claimed:
            taken.update(apply_after=timezone.now() + DELIVERY_LEASE)
    turns.serve([delivery.fairness_key for delivery in claimed], cost=len(claimed))
    return claimed


def lock_in_turns(
    turns: FairShare[str], waiting: Mapping[str, Sequence[int]], now: datetime, limit: int
) -> list[WebhookDelivery]:
    """Locks deliveries, and returns them in the order of turns."""
    # Everybody is believed to have enough. Whoever turns out to have less, or to be served by
    # another process at this moment, leaves the rest of its turns to the others.
    available = dict.fromkeys(waiting, limit)
    locked = {key: list[WebhookDelivery]() for key in waiting}
    while True:
        planned = turns.plan(available, limit)
        missing = {
            key: count for key, count in Counter(planned).items() if count > len(locked[key])
        }
        if not missing:
            break
        for key, count in missing.items():
            locked[key] = lock_first(key, waiting[key], now, count)
            if len(locked[key]) < count:
                available[key] = len(locked[key])
    next_of = {key: iter(deliveries) for key, deliveries in locked.items()}
    return [next(next_of[key]) for key in planned]


def lock_first(key: str, tries: Sequence[int], now: datetime, count: int) -> list[WebhookDelivery]:
    """Locks the first so many due of a party: what failed least often, then by time."""
    locked = list[WebhookDelivery]()
    for number in sorted(tries):
        due = WebhookDelivery.objects.due(now).filter(tries=number, fairness_key=key)
        rows = due.order_by("apply_after", "id").select_for_update(skip_locked=True)
        locked += rows[: count - len(locked)]
    return locked


def fairness_key(webhook: str, provider: Provider, request: WebhookRequest) -> str:
    """Returns who a delivery takes turns as: an organization, if it can be told, at an account.

    A guess for the order and for nothing else, so it never raises: what cannot be read is stored
    all the same, and says so when it is applied. Receipts and messages of an organization take
    turns as well: its campaign's receipts do not hold up an opt-out.
    """
    try:
        event = next(iter(provider.parse(request)), None)
        party = party_of(webhook, event) if event else NOBODY
    except Exception as error:  # noqa: BLE001 (a bug of ours must not keep it from being stored)
        log.info("fairness_unknown", provider=webhook, error=str(error))
        party = NOBODY
    return f"{webhook}:{party}"[:KEY_LENGTH]


def party_of(webhook: str, event: Event) -> str:
    """Returns whom an event is about; of a delivery with several, the first one is asked."""
    match event:
        case StatusChanged():
            found = owner_of_receipt(webhook, event)
            return "unmatched" if found is None else f"{found}:receipts"
        case MessageReceived():
            return receiving_party(webhook, event)
        case MessageEchoed() | MessageEdited() | ReactionChanged():
            return receiving_party(webhook, event.message)
        case _:
            return NOBODY


def owner_of_receipt(webhook: str, event: StatusChanged) -> int | None:
    """Returns the organization of the message that a receipt is about, as `find_attempt` finds it.

    Of the rows it reads nothing else: each webhook waits for it.
    """
    attempts = Attempt.objects.filter(
        provider__in=registry.for_webhook(webhook), provider_id=event.provider_id
    )
    if event.provider_id:
        for owner in attempts.order_by().values_list("message__organization", flat=True)[:1]:
            return owner
    ours = echoed_ids(event)
    messages = Message.objects.filter(pk=ours[1]) if ours else Message.objects.none()
    return messages.values_list("organization", flat=True).first()


def receiving_party(webhook: str, event: MessageReceived) -> str:
    """Returns the organization that is written to; where several share the address, the first that
    knows who wrote. What one person writes stays in its order, so it is always the same.

    What is written to nobody here is one party's, however many addresses somebody makes up.
    """
    reached = (owners for way in reached_owners(webhook, event) for owners in way.values())
    owners = next((found for found in reached if found), [])
    if len(owners) < 2:  # noqa: PLR2004 (shared)
        return str(owners[0]) if owners else NOBODY
    known = Address.objects.filter(channel=event.channel, value=sender_value(event) or "")
    found = known.order_by("pk").values_list("organization", flat=True).first()
    return str(found) if found else STRANGER
