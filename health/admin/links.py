"""From a number on the page to the rows behind it."""

from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from communications.providers import registry
from communications.vocabulary.statuses import Status
from health.vocabulary.readings import (
    FailureGroup,
    Linked,
    ProviderHealth,
    Some,
)

WEBHOOKS = {"unapplied": "waiting", "stuck": "failed"}


def listed(name: str, **query: object) -> str:
    url = reverse(f"admin:{name}_changelist")
    return f"{url}?{urlencode(query, doseq=True)}" if query else url


def messages(**query: object) -> str:
    return listed("communications_message", **query)


def deliveries(**query: object) -> str:
    return listed("communications_webhookdelivery", **query)


def of_provider(slug: str) -> dict[str, str]:
    return {
        "page": reverse("health-provider", args=[slug]),
        "sent": messages(through=slug, outcome="accepted", created="two_hours"),
        "failed": messages(through=slug, outcome="failed", created="two_hours"),
        "deliveries": deliveries(provider=webhook(slug)),
        "incidents": listed("health_incident", provider=slug),
    }


def of_accounts(health: ProviderHealth) -> dict[str, str]:
    """Each number to the first account that it is about."""
    slug, found = health.provider, health.accounts or Linked(vendor=health.provider)
    return {
        "page": reverse("health-provider", args=[slug]),
        "incidents": listed("health_incident", provider=slug),
        "accounts": listed("calendars_account"),
        "reconnect": account(found.reconnect),
        "failing": account(found.failing),
        "late": account(found.late),
        "silent": account(found.silent),
        "unannounced": account(found.unannounced),
        "held": account(found.held if found.held.count else found.held_books),
        "unwritten": account(found.unwritten),
    }


def account(some: Some) -> str:
    return reverse("admin:calendars_account_change", args=[some.account]) if some.account else ""


def webhook(slug: str) -> str:
    """Under which name its deliveries are kept: several of a vendor's share a path."""
    return registry.provider(slug).webhook if slug in settings.PROVIDERS else slug


def failed(group: FailureGroup) -> str:
    return messages(
        through=group.provider,
        outcome="failed",
        code=group.error_code or group.error_class,
        created="day",
    )


def failure(group: FailureGroup) -> str:
    """With what was said, where an example is kept."""
    return reverse("admin:health_failure_change", args=[group.id]) if group.id else ""


def queue(key: str) -> str:
    if key in WEBHOOKS:
        return deliveries(state=WEBHOOKS[key])
    if key == "unknown":
        return messages(status__exact=Status.UNKNOWN.value)
    return messages(outbox=key)


def incident(number: int) -> str:
    return reverse("admin:health_incident_change", args=[number])


def anchor(url: str, text: str) -> SafeString:
    return format_html('<a class="ws-anchor" href="{}">{}</a>', url, text)


def code(text: str) -> SafeString:
    return format_html('<pre class="ws-code" tabindex="0">{}</pre>', text)
