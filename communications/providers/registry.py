"""settings.PROVIDERS and settings.ROUTES, turned into providers. A bad entry raises, loudly."""

from functools import cache

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.module_loading import import_string

from communications.providers.base import Provider
from wedsync_comms.lib.breaker import Breaker
from wedsync_comms.lib.rate_limit.limiter import TokenBucket


@cache
def provider_for(slug: str) -> Provider:
    """Raises KeyError for a slug that is not configured."""
    entry = settings.PROVIDERS[slug]
    built = import_string(entry["BACKEND"])(**entry["OPTIONS"])
    assert isinstance(built, Provider), f"{entry['BACKEND']} is not a Provider"  # noqa: S101
    return built


def route_slugs(channel: str) -> list[str]:
    """Returns the slugs of a channel's providers in the order in which they are tried."""
    return list(settings.ROUTES.get(channel, []))


def for_webhook(webhook: str) -> list[str]:
    """Returns the slugs of the providers whose webhooks come to this path segment.

    They are a vendor's channels, and several accounts at one vendor.
    """
    return [slug for slug in settings.PROVIDERS if webhook in {slug, provider_for(slug).webhook}]


def carriers_of(channel: str) -> list[str]:
    """Returns the slugs of all providers of a channel, also of those on no route."""
    return [slug for slug in settings.PROVIDERS if provider_for(slug).channel == channel]


def routed_channels() -> list[str]:
    """Returns the channels that have a provider."""
    return [channel for channel, slugs in settings.ROUTES.items() if slugs]


def breaker_for(slug: str) -> Breaker:
    """Returns the circuit breaker that all processes share for a provider."""
    return Breaker(slug)


def bucket_for(slug: str) -> TokenBucket:
    """Returns the token bucket that all processes share for a provider, filled at its rate."""
    return TokenBucket(slug, provider_for(slug).rate)


@receiver(setting_changed)
def clear_provider_cache(*, setting: str, **_: object) -> None:
    if setting == "PROVIDERS":
        provider_for.cache_clear()
