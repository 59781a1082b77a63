"""How often a sender may write to one recipient, where a provider limits that."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from uuid import UUID

from django.utils import timezone

from communications.messages.transitions import Change, SendPlan, record
from communications.models import Message
from communications.policy import provider_selection, senders, unavailability
from communications.providers import registry
from communications.vocabulary.events import Kind
from wedsync_comms.lib.rate_limit.limiter import TokenBucket

# On the events of messages whose recipients were written to too often just now.
WAIT_CODE = "pair_rate"


def within_pair_rate(messages: Sequence[Message], slug: str) -> list[Message]:
    """Returns those whose recipient may be written to again already; the others wait."""
    # Without Redis each bucket is a row, held until the claim is committed. Two claims that take
    # the same ones in one order never wait for each other in a circle.
    buckets = {
        message.pk: bucket
        for message in sorted(messages, key=attrgetter("leg_to"))
        if (bucket := message_bucket(message, slug))
    }
    pauses = {pk: bucket.acquire() for pk, bucket in buckets.items()}
    defer_for_pair_rate([message for message in messages if pauses.get(message.pk)], slug, pauses)
    return [message for message in messages if not pauses.get(message.pk)]


def defer_for_pair_rate(
    messages: Sequence[Message], slug: str, pauses: Mapping[UUID, float]
) -> None:
    """Has each message wait for so many seconds, and says so in its timeline once."""
    if not messages:
        return
    now = timezone.now()
    told = unavailability.told_since(messages, now - unavailability.TOLD_FOR, WAIT_CODE)
    changes = []
    for message in messages:
        until = now + timedelta(seconds=pauses[message.pk])
        if message.pk in told:
            provider_selection.reroute_messages([message.pk], via=message.via, send_after=until)
        else:
            changes.append(wait_change(message, slug, until))
    record(changes)


def wait_change(message: Message, slug: str, until: datetime) -> Change:
    return Change(
        message=message.pk,
        kind=Kind.HELD,
        provider=slug,
        error_code=WAIT_CODE,
        plan=SendPlan(until, via=message.via),
        detail=f"{slug} takes only so many messages to one person: it waits until "
        f"{until:%H:%M:%S} UTC.",
    )


def message_bucket(message: Message, slug: str) -> TokenBucket | None:
    return pair_bucket(slug, senders.sender_at(message.organization, slug), message.leg_to)


def pair_bucket(slug: str, sender: str, to: str, *, refused: bool = False) -> TokenBucket | None:
    """Returns the rate limit of a sender and a recipient; None where there is none to keep to.

    `refused` says that the provider has just refused a message between them as too many.
    """
    provider = registry.provider_for(slug)
    pair = to if sender == provider.sender else f"{sender}:{to}"
    if provider.pair_rate:
        return TokenBucket(f"{slug}:{pair}", provider.pair_rate)
    if provider.pair_rate_once_refused is None:
        return None
    bucket = TokenBucket(f"{slug}:{pair}", provider.pair_rate_once_refused)
    return bucket if refused or bucket.is_known() else None
