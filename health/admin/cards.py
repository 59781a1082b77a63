"""One provider, as its card says it."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from communications.admin.message_badges import CHANNEL_ICONS
from communications.models import Channel
from health.admin import charts, links
from health.admin.looks import STATES, Look, breaker, checked, limit, milliseconds, percent
from health.collecting import linked_accounts
from health.reporting import calendar_status
from health.vocabulary.readings import ProviderHealth

BREAK = format_html("_{}", SafeString("<wbr>"))


@dataclass(frozen=True)
class Card:
    """One provider."""

    health: ProviderHealth
    # May be broken over lines where a person would.
    name: SafeString
    look: Look
    channel: str
    channel_icon: str
    breaker: Look | None
    probe: Look
    endpoint: Look
    success: str
    latency: str
    limit: str
    headroom: int | None
    charts: tuple[charts.Chart, ...]
    links: Mapping[str, str]
    lately: Mapping[str, int]


def card(health: ProviderHealth) -> Card:
    is_vendor = health.channel == calendar_status.CHANNEL
    channel, icon = vendor(health) if is_vendor else carried(Channel(health.channel))
    return Card(
        health=health,
        name=format_html_join(BREAK, "{}", ((part,) for part in health.provider.split("_"))),
        look=STATES[health.status],
        channel=channel,
        channel_icon=icon,
        breaker=breaker(health.breaker) if health.breaker else None,
        probe=checked(health.probe),
        endpoint=checked(health.webhook_endpoint),
        success=percent(health.success_rate),
        latency=milliseconds(health.latency_p95_ms),
        limit=limit(health.rate_limit),
        headroom=round(health.rate_limit.headroom * 100) if health.rate_limit else None,
        charts=(charts.calls(health.five_minutes), charts.latency(health.five_minutes)),
        links=links.of_accounts(health) if is_vendor else links.of_provider(health.provider),
        lately={
            name: sum(getattr(point, name) for point in health.five_minutes)
            for name in ("sent", "failed", "refused", "throttled", "retries", "failovers")
        },
    )


def vendor(health: ProviderHealth) -> tuple[str, str]:
    return f"{linked_accounts.label(health.provider)} calendars and contacts", "calendar_month"


def carried(channel: Channel) -> tuple[str, str]:
    return str(channel.label), CHANNEL_ICONS[channel]
