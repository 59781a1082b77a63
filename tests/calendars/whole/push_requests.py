"""Announcements as the vendors post them, for whoever wants to post one of their own."""

from typing import Any

from tests.calendars.providers.vendor_harness import (
    GoogleHarness,
    VendorHarness,
)

PATH = "/api/webhooks/communications/calendar"
RESOURCE = "resource"


def announcement(harness: VendorHarness, name: str, secret: str) -> dict[str, Any]:
    """What `requests.post` takes."""
    if isinstance(harness, GoogleHarness):
        return {"headers": google(name, secret)}
    return {"json": {"value": [graph(name, secret)]}}


def google(name: str, secret: str) -> dict[str, str]:
    return {
        "X-Goog-Channel-ID": name,
        "X-Goog-Channel-Token": secret,
        "X-Goog-Resource-ID": RESOURCE,
        "X-Goog-Resource-State": "exists",
        "X-Goog-Message-Number": "7",
    }


def graph(name: str, secret: str) -> dict[str, str]:
    return {
        "subscriptionId": name,
        "clientState": secret,
        "changeType": "updated",
        "resource": "me/events/1",
        "subscriptionExpirationDateTime": "2030-01-01T00:00:00Z",
    }
