"""Which stored deliveries are applied next: what is new before what failed, and everybody in turns.

A delivery is stored with whom it is about, as far as that can be told at a glance: the
organization of the message, or of who is written to, or else the vendor's account alone. They take
turns in what is claimed, each in the order in which it came. So a flood for one of them, or of
receipts that match nothing, holds up nobody else.
"""

from collections import Counter, deque
from datetime import timedelta

import structlog
from django.db.models import Count
from django.utils import timezone

from communications.models import Address, Attempt, Message, Organization, WebhookDelivery
from communications.models.webhooks import WebhookDeliveryQuerySet
from communications.providers import registry
from communications.providers.base import Provider
from communications.receiving.identities import sender_identity
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
from wedsync_comms.lib.leases.row_lease import acquire_batch
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
# Whose organization cannot be told.
NOBODY = "nobody"


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
        due = WebhookDelivery.objects.due(timezone.now())
        new = claim_in_turns(
            self.new, due.filter(tries=0).order_by("apply_after", "id"), DELIVERY_BATCH
        )
        failed = due.filter(tries__gt=0).order_by("tries", "apply_after", "id")
        return new + claim_in_turns(self.retried, failed, RETRIED_BATCH)


def claim_in_turns(
    turns: FairShare[str], due: WebhookDeliveryQuerySet, limit: int
) -> list[WebhookDelivery]:
    """Takes the first ones if there are no more than may be taken; else each key's in its turn."""
    waiting = dict(due.order_by().values_list("fairness_key").annotate(Count("pk")))
    if not waiting:
        return []
    if len(waiting) == 1 or sum(waiting.values()) <= limit:
        return acquire_batch(due, "apply_after", DELIVERY_LEASE, limit)
    turns.enter(dict.fromkeys(waiting, 1.0))
    planned = turns.plan(waiting, limit)
    taken = {
        key: deque(
            acquire_batch(due.filter(fairness_key=key), "apply_after", DELIVERY_LEASE, share)
        )
        for key, share in Counter(planned).items()
    }
    # Another process may have been quicker with some of them.
    claimed = [taken[key].popleft() for key in planned if taken[key]]
    turns.serve([delivery.fairness_key for delivery in claimed], cost=len(claimed))
    return claimed


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
            return receiving_party(event)
        case MessageEchoed() | MessageEdited() | ReactionChanged():
            return receiving_party(event.message)
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


def receiving_party(event: MessageReceived) -> str:
    """Returns the organization that owns the address written to; where several share it, the first
    that knows who wrote. What one person writes stays in its order, so it is always the same."""
    written_to = sender_identity(event.channel, event.to[0]) if event.to else ""
    known = Address.objects.filter(channel=event.channel, value=sender_value(event) or "")
    found = (
        owner_of_identity(event.channel, written_to)
        or known.order_by("pk").values_list("organization", flat=True).first()
    )
    return str(found) if found else f"to {written_to}"


def owner_of_identity(channel: str, identity: str) -> int | None:
    """Returns the first organization that has an address as its own; None for a shared one."""
    if not identity:
        return None
    own = Organization.objects.filter(**{f"{channel}_from__icontains": identity})
    return own.order_by("pk").values_list("pk", flat=True).first()
