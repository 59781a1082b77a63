"""Misconfiguration of alerts, said at the start and not when the first one is lost."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 (Django's name)

from health.incidents import alert_channels


@register(Tags.security, deploy=True)
def check_alert_recipients(**_: Any) -> list[CheckMessage]:
    if alert_channels.configured_channels():
        return []
    return [
        Warning(
            "Nobody is told when something goes wrong.",
            hint="Set ALERT_URLS (Apprise addresses), or ADMINS and EMAIL_URL.",
            id="health.W001",
        ),
    ]


@register(Tags.security, deploy=True)
def check_alert_urls(**_: Any) -> list[CheckMessage]:
    return [
        Warning(
            f"An entry of ALERT_URLS is no address: {alert_channels.redacted_url(url)}",
            hint="They look like mailto://user:password@example.com or slack://…",
            id="health.W002",
        )
        for url in settings.ALERT_URLS
        if "://" not in url
    ]
