"""One provider, as its card says it."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from communications.admin.message_badges import CHANNEL_ICONS
from communications.models import Channel
from health.admin import charts, links
from health.admin.status_badges import (
    STATE_BADGES,
    StatusBadge,
    breaker_badge,
    check_badge,
    milliseconds_text,
    percent_text,
    rate_limit_text,
)
from health.collecting import linked_accounts
from health.reporting import calendar_status
from health.vocabulary.readings import ProviderHealth

BREAK = format_html("_{}", SafeString("<wbr>"))


@dataclass(frozen=True)
class ProviderCard:
    """One provider."""

    health: ProviderHealth
    # May be broken over lines where a person would.
    name: SafeString
    badge: StatusBadge
    channel: str
    channel_icon: str
    breaker: StatusBadge | None
    probe: StatusBadge
    endpoint: StatusBadge
    success: str
    latency: str
    limit: str
    headroom: int | None
    charts: tuple[charts.Chart, ...]
    links: Mapping[str, str]
    lately: Mapping[str, int]


def provider_card(health: ProviderHealth) -> ProviderCard:
    is_vendor = health.channel == calendar_status.CALENDAR_CHANNEL
    channel, icon = (
        vendor_channel(health) if is_vendor else message_channel(Channel(health.channel))
    )
    return ProviderCard(
        health=health,
        name=format_html_join(BREAK, "{}", ((part,) for part in health.provider.split("_"))),
        badge=STATE_BADGES[health.status],
        channel=channel,
        channel_icon=icon,
        breaker=breaker_badge(health.breaker) if health.breaker else None,
        probe=check_badge(health.probe),
        endpoint=check_badge(health.webhook_endpoint),
        success=percent_text(health.success_rate),
        latency=milliseconds_text(health.latency_p95_ms),
        limit=rate_limit_text(health.rate_limit),
        headroom=round(health.rate_limit.headroom * 100) if health.rate_limit else None,
        charts=(charts.calls_chart(health.five_minutes), charts.latency_chart(health.five_minutes)),
        links=links.calendar_links(health) if is_vendor else links.provider_links(health.provider),
        lately={
            name: sum(getattr(point, name) for point in health.five_minutes)
            for name in ("sent", "failed", "refused", "throttled", "retries", "failovers")
        },
    )


def vendor_channel(health: ProviderHealth) -> tuple[str, str]:
    return (
        f"{linked_accounts.vendor_label(health.provider)} calendars and contacts",
        "calendar_month",
    )


def message_channel(channel: Channel) -> tuple[str, str]:
    return str(channel.label), CHANNEL_ICONS[channel]
