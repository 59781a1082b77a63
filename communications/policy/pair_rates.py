"""How often a sender may write to one recipient, where a provider limits that."""

from collections.abc import Sequence
from datetime import timedelta
from operator import attrgetter

from django.utils import timezone

from communications.models import Message
from communications.policy import provider_selection, senders
from communications.providers import registry
from wedsync_comms.lib.rate_limit.limiter import TokenBucket


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
    for message in messages:
        if pause_s := pauses.get(message.pk):
            later = timezone.now() + timedelta(seconds=pause_s)
            provider_selection.reroute_messages([message.pk], via=message.via, send_after=later)
    return [message for message in messages if not pauses.get(message.pk)]


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
