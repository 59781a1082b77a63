"""settings.CALENDARS, turned into vendors. A bad entry raises, loudly."""

from functools import cache

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.module_loading import import_string

from calendars.providers.base import Vendor


@cache
def configured_vendor(slug: str) -> Vendor:
    """Raises KeyError for a slug that is not configured."""
    entry = settings.CALENDARS[slug]
    built = import_string(entry["BACKEND"])(**entry["OPTIONS"])
    assert isinstance(built, Vendor), f"{entry['BACKEND']} is not a Vendor"  # noqa: S101
    return built


def vendor_slugs() -> list[str]:
    return list(settings.CALENDARS)


@receiver(setting_changed)
def forget_vendors(*, setting: str, **_: object) -> None:
    if setting == "CALENDARS":
        configured_vendor.cache_clear()
