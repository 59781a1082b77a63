"""What a server loads before it listens, so that its first request is answered like any other.

The vendors' libraries alone take longer to load than a webhook may take to be answered.
"""

from importlib import import_module

from django.conf import settings

from calendars.providers import registry as calendars
from communications.providers import registry as providers


def preload_code() -> None:
    """Raises where a setting is wrong: a server that does not start is noticed at once."""
    import_module(settings.ROOT_URLCONF)
    for slug in settings.PROVIDERS:
        providers.provider_for(slug)
    for slug in settings.CALENDARS:
        calendars.configured_vendor(slug)
