"""From a number on the page to the rows behind it."""

from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from communications.providers import registry
from communications.vocabulary.statuses import Status
from health.vocabulary.readings import (
    CalendarHealth,
    CountWithExample,
    FailureGroup,
    ProviderHealth,
)

WEBHOOKS = {"unapplied": "waiting", "stuck": "failed"}


def changelist_url(name: str, **query: object) -> str:
    url = reverse(f"admin:{name}_changelist")
    return f"{url}?{urlencode(query, doseq=True)}" if query else url


def messages_url(**query: object) -> str:
    return changelist_url("communications_message", **query)


def deliveries_url(**query: object) -> str:
    return changelist_url("communications_webhookdelivery", **query)


def provider_links(slug: str) -> dict[str, str]:
    return {
        "page": reverse("health-provider", args=[slug]),
        "sent": messages_url(through=slug, outcome="accepted", created="two_hours"),
        "failed": messages_url(through=slug, outcome="failed", created="two_hours"),
        "deliveries": deliveries_url(provider=delivery_slug(slug)),
        "incidents": changelist_url("health_incident", provider=slug),
    }


def calendar_links(health: ProviderHealth) -> dict[str, str]:
    """Each number to the first account that it is about."""
    slug, found = health.provider, health.accounts or CalendarHealth(vendor=health.provider)
    return {
        "page": reverse("health-provider", args=[slug]),
        "incidents": changelist_url("health_incident", provider=slug),
        "accounts": changelist_url("calendars_account"),
        "reconnect": account_url(found.reconnect),
        "failing": account_url(found.failing),
        "late": account_url(found.late),
        "silent": account_url(found.silent),
        "unannounced": account_url(found.unannounced),
        "held": account_url(found.held if found.held.count else found.held_books),
        "unwritten": account_url(found.unwritten),
    }


def account_url(some: CountWithExample) -> str:
    return reverse("admin:calendars_account_change", args=[some.account]) if some.account else ""


def delivery_slug(slug: str) -> str:
    """Under which name its deliveries are kept: several of a vendor's share a path."""
    return registry.provider_for(slug).webhook if slug in settings.PROVIDERS else slug


def failed_messages_url(group: FailureGroup) -> str:
    return messages_url(
        through=group.provider,
        outcome="failed",
        code=group.error_code or group.error_class,
        created="day",
    )


def failure_url(group: FailureGroup) -> str:
    """With what was said, where an example is kept."""
    return reverse("admin:health_failure_change", args=[group.id]) if group.id else ""


def queue_url(key: str) -> str:
    if key in WEBHOOKS:
        return deliveries_url(state=WEBHOOKS[key])
    if key == "unknown":
        return messages_url(status__exact=Status.UNKNOWN.value)
    return messages_url(outbox=key)


def incident_url(number: int) -> str:
    return reverse("admin:health_incident_change", args=[number])


def text_link(url: str, text: str) -> SafeString:
    return format_html('<a class="ws-anchor" href="{}">{}</a>', url, text)


def code_block(text: str) -> SafeString:
    return format_html('<pre class="ws-code" tabindex="0">{}</pre>', text)
