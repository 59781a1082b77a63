"""Which provider of a channel's route takes a message: failover, circuit breakers, pair rates.

A route names providers in the order in which they are tried. A message goes to the first that
works and has retries left for it; `Message.via` binds it to one of them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from django.db import transaction
from django.utils import timezone

from communications.messages.transitions import Change, SendPlan, record
from communications.models import Event, Message
from communications.policy import channel_fallback, retry_policy
from communications.providers import registry
from communications.vocabulary.events import Kind
from wedsync_comms.lib.rate_limit.limiter import TokenBucket
from wedsync_comms.lib.text import as_sentence

# How long a message waits whose providers are all unavailable, before it is looked at again.
UNAVAILABLE_DELAY = timedelta(seconds=2)


def next_provider(
    route: Sequence[str],
    *,
    used_up: Iterable[str],
    usable: Iterable[str],
) -> str | None:
    """Returns the provider to try; "" if one may work later; None if the route is exhausted."""
    left = [slug for slug in route if slug not in set(used_up)]
    if not left:
        return None
    available = set(usable)
    return next((slug for slug in left if slug in available), "")


def claimable_vias(slug: str, usable: Sequence[str]) -> list[str]:
    """Returns the values of `via` whose messages this provider takes.

    Its own, and if it is the first of the route that works, those of nobody in particular.
    """
    return ["", slug] if usable[0] == slug else [slug]


def select_or_reroute(message: Message, channel: str, slug: str, usable: Sequence[str]) -> bool:
    """Returns whether a message goes through this provider now; if not, sends it on its way."""
    chosen = next_provider(
        registry.route_slugs(channel),
        used_up=exhausted_providers(message),
        usable=usable,
    )
    if chosen == slug:
        return True
    if chosen is None:
        fall_back_or_fail(message)
    elif chosen:
        reroute_messages([message.pk], via=chosen, send_after=timezone.now())
    else:
        reroute_messages([message.pk], via="", send_after=timezone.now() + UNAVAILABLE_DELAY)
    return False


def failover_events(
    messages: Sequence[Message],
    channel: str,
    slug: str,
    usable: Sequence[str],
) -> list[Change]:
    """Returns the events that say, once a message, why an earlier provider is skipped."""
    route = registry.route_slugs(channel)
    skipped = [earlier for earlier in route[: route.index(slug)] if earlier not in usable]
    if not skipped:
        return []
    recorded = set(
        Event.objects.filter(
            message__in=messages,
            kind=Kind.FAILOVER,
            provider__in=skipped,
        ).values_list("message", "provider"),
    )
    return [
        skipped_provider_event(message, earlier, slug)
        for message in messages
        for earlier in skipped
        if earlier not in exhausted_providers(message) and (message.pk, earlier) not in recorded
    ]


def skipped_provider_event(message: Message, skipped: str, slug: str) -> Change:
    why = as_sentence(registry.breaker_for(skipped).state().reason or "it is closed")
    return Change(
        message=message.pk,
        kind=Kind.FAILOVER,
        provider=skipped,
        error_code="breaker_open",
        detail=f"Not through {skipped}: {why} Through {slug} instead.",
    )


def within_pair_rate(messages: Sequence[Message], slug: str) -> list[Message]:
    """Returns those whose recipient may be written to again already; the others wait."""
    rate = registry.provider_for(slug).pair_rate
    if rate is None:
        return list(messages)
    # Without Redis each bucket is a row, held until the claim is committed. Two claims that take
    # the same ones in one order never wait for each other in a circle.
    pauses = {
        message.pk: TokenBucket(f"{slug}:{message.leg_to}", rate).acquire()
        for message in sorted(messages, key=attrgetter("leg_to"))
    }
    for message in messages:
        if pause_s := pauses[message.pk]:
            later = timezone.now() + timedelta(seconds=pause_s)
            reroute_messages([message.pk], via=message.via, send_after=later)
    return [message for message in messages if not pauses[message.pk]]


def exhausted_providers(message: Message) -> set[str]:
    """Returns the providers that have used up their retries for this message."""
    limit = len(retry_policy.BACKOFF)
    return {slug for slug, count in retries_used(message).items() if count > limit}


def retries_used(message: Message) -> Counter[str]:
    """Counts by provider the attempts that used up a retry, since the last retry by hand."""
    return Counter(
        attempt.provider
        for attempt in message.attempts.all()
        if attempt.number >= message.ladder_start
        and attempt.error_class in retry_policy.RETRY_COUNTED
    )


def fall_back_or_fail(message: Message) -> None:
    why = f"Every provider of {channel_fallback.channel_label(message.leg_channel)} was tried."
    end = Change(message=message.pk, kind=Kind.GIVEN_UP, plan=SendPlan(None), detail=why)
    record([channel_fallback.next_leg(message, why) or end])


def reroute_messages(messages: Iterable[Any], *, via: str, send_after: datetime) -> None:
    Message.objects.filter(pk__in=messages, send_after__isnull=False).update(
        via=via,
        send_after=send_after,
    )


def unbind_from(slug: str, channel: str) -> int:
    """Gives what was bound to a provider that is unavailable now to whichever works.

    Returns how many messages that were.
    """
    rows = Message.objects.waiting().filter(leg_channel=channel, via=slug)
    if not rows.exists():
        return 0
    with transaction.atomic():
        # Those that somebody is at are left for the next look: waiting for many of them, in
        # whatever order they lie, could end in a circle.
        unlocked = rows.select_for_update(skip_locked=True).values("pk")
        return Message.objects.filter(pk__in=unlocked).update(via="")
