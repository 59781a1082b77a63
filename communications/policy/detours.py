"""Which other provider of a route takes a message over, where one fails or wants to be left alone.

Nothing waits where a way is open: what surely did not leave asks the next provider at once, and
what a key protects after its second failure (`retry_policy.decide_after`).
"""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from django.utils import timezone

from communications.models import Attempt
from communications.policy import capability, retry_policy, senders
from communications.providers import registry
from wedsync_comms.lib import shared_state
from wedsync_comms.lib.text import as_sentence


def seconds_held(slug: str) -> float:
    """Returns for how long a provider wants to be left alone; 0.0 if it takes calls."""
    return registry.bucket_for(slug).snapshot().held_for


def open_ways(channel: str) -> dict[str, float]:
    """Returns the providers of the channel's route that work, and for how long each is held.

    Empty where nobody knows, because Redis is away.
    """
    try:
        return {
            slug: seconds_held(slug)
            for slug in registry.route_slugs(channel)
            if registry.breaker_for(slug).state().state == "closed"
        }
    except shared_state.Unavailable:
        return {}


def detour_provider(
    attempt: Attempt,
    used: Counter[str],
    calls: int,
    ways: Mapping[str, float],
    known: senders.RouteSenders,
) -> str:
    """Returns the provider that has its turn after a failed attempt; blank if it is this one's.

    That is the least tried of the others that are open, can send it and take its sender. `used`
    counts by provider the retries used before, `calls` those of all, this one among them.
    """
    others = [
        slug
        for slug, held_s in ways.items()
        if slug != attempt.provider
        and not held_s
        and not is_used_up(used[slug], calls)
        and takes_message(attempt, slug, known)
    ]
    least = min(others, key=lambda slug: used[slug], default="")
    return least if least and used[least] <= used[attempt.provider] else ""


def is_used_up(used: int, calls: int) -> bool:
    """Returns whether a provider has no retry left for a message.

    `used` are its own, `calls` those of all providers that took it in no call. All together stay
    within the backoff; a provider that has not been asked at all is asked once in any case.
    """
    limit = len(retry_policy.BACKOFF)
    return used > limit or (used > 0 and calls > limit)


def takes_message(attempt: Attempt, slug: str, known: senders.RouteSenders) -> bool:
    """Returns whether a provider can send what an attempt was about as who it is from, and has not
    refused that sender."""
    message = attempt.message
    if capability.provider_inability(message, slug, attempt.to):
        return False
    sender = senders.sender_at(message.organization, slug)
    return registry.provider_for(slug).can_send_as(sender) and known.closed(message, slug) is None


# --- words for the timeline -----------------------------------------------------------------------


def why_skipped(slug: str) -> str:
    """Returns, as a sentence, why a provider takes nothing now."""
    breaker = registry.breaker_for(slug).state()
    if breaker.state != "closed":
        return as_sentence(breaker.reason or "it is closed")
    held = timedelta(seconds=seconds_held(slug))
    if not held:
        return "it takes nothing at this moment."
    return f"it wants to be left alone until {timezone.now() + held:%H:%M:%S} UTC."


def choice_sentence(attempt: Attempt) -> str:
    """Returns why an attempt went through its provider, for the timeline."""
    route = registry.route_slugs(attempt.channel)
    if attempt.provider not in route:
        return f"Through {attempt.provider}."
    if len(route) == 1:
        return f"Through {attempt.provider}, the only provider of the route."
    place = route.index(attempt.provider)
    if place == 0:
        return f"Through {attempt.provider}, the first of the route."
    return f"Through {attempt.provider}, after {' and '.join(route[:place])}."
