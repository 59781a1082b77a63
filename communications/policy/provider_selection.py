"""Which provider of a channel's route takes a message now, and what becomes of it elsewise."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from django.db import transaction
from django.utils import timezone

from communications.messages.transitions import (
    Change,
    Plan,
    record,
)
from communications.models import Event, Message
from communications.policy import (
    channel_fallback,
    retry_policy,
)
from communications.providers import registry
from communications.vocabulary.events import Kind
from wedsync_comms.lib.rate_limit.limiter import TokenBucket
from wedsync_comms.lib.text import as_sentence

# How long a message waits whose providers are all closed, before it is looked at again.
CLOSED_PAUSE = timedelta(seconds=2)


def routed(message: Message, channel: str, slug: str, usable: Sequence[str]) -> bool:
    """Whether it goes through this provider now; if not, it is sent on its way."""
    chosen = retry_policy.next_provider(
        registry.route(channel),
        used_up=used_up(message),
        usable=usable,
    )
    if chosen == slug:
        return True
    if chosen is None:
        give_up(message)
    elif chosen:
        reroute([message.pk], via=chosen, send_after=timezone.now())
    else:
        reroute([message.pk], via="", send_after=timezone.now() + CLOSED_PAUSE)
    return False


def detours(
    messages: Sequence[Message],
    channel: str,
    slug: str,
    usable: Sequence[str],
) -> list[Change]:
    """Says, once for each message, why an earlier provider of the route is passed by."""
    route = registry.route(channel)
    closed = [one for one in route[: route.index(slug)] if one not in usable]
    if not closed:
        return []
    told = set(
        Event.objects.filter(
            message__in=messages,
            kind=Kind.FAILOVER,
            provider__in=closed,
        ).values_list("message", "provider"),
    )
    return [
        passed_by(message, one, slug)
        for message in messages
        for one in closed
        if one not in used_up(message) and (message.pk, one) not in told
    ]


def passed_by(message: Message, closed: str, slug: str) -> Change:
    why = as_sentence(registry.breaker(closed).state().reason or "it is closed")
    return Change(
        message=message.pk,
        kind=Kind.FAILOVER,
        provider=closed,
        error_code="breaker_open",
        detail=f"Not through {closed}: {why} Through {slug} instead.",
    )


def in_pace(messages: Sequence[Message], slug: str) -> list[Message]:
    """Those whose recipient may be written to again already; the others wait."""
    rate = registry.provider(slug).pair_rate
    if rate is None:
        return list(messages)
    # Without Redis each bucket is a row, held until the claim is committed. Two claims that take
    # the same ones in one order never wait for each other in a circle.
    pauses = {
        one.pk: TokenBucket(f"{slug}:{one.leg_to}", rate).acquire()
        for one in sorted(messages, key=attrgetter("leg_to"))
    }
    for one in messages:
        if pause := pauses[one.pk]:
            later = timezone.now() + timedelta(seconds=pause)
            reroute([one.pk], via=one.via, send_after=later)
    return [one for one in messages if not pauses[one.pk]]


def used_up(message: Message) -> set[str]:
    """The providers that have had their whole ladder for this message."""
    return {slug for slug, count in climbed(message).items() if count > len(retry_policy.STEPS)}


def give_up(message: Message) -> None:
    why = f"Every provider of {channel_fallback.label(message.leg_channel)} was tried."
    end = Change(message=message.pk, kind=Kind.GIVEN_UP, plan=Plan(None), detail=why)
    record([channel_fallback.onward(message, why) or end])


def reroute(messages: Iterable[Any], *, via: str, send_after: datetime) -> None:
    Message.objects.filter(pk__in=messages, send_after__isnull=False).update(
        via=via,
        send_after=send_after,
    )


def free_from(slug: str, channel: str) -> int:
    """What was bound to a provider that is closed now goes to whichever works."""
    rows = Message.objects.waiting().filter(leg_channel=channel, via=slug)
    if not rows.exists():
        return 0
    with transaction.atomic():
        # Those that somebody is at are left for the next look: waiting for many of them, in
        # whatever order they lie, could end in a circle.
        free = rows.select_for_update(skip_locked=True).values("pk")
        return Message.objects.filter(pk__in=free).update(via="")


def climbed(message: Message) -> Counter[str]:
    """How many steps of the ladder it has used with each provider."""
    return Counter(
        one.provider
        for one in message.attempts.all()
        if one.number >= message.ladder_start and one.error_class in retry_policy.COUNTED
    )
