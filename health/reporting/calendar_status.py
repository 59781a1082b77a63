"""The cards of calendar vendors: what linked accounts say, where messages have their traffic."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.conf import settings

from health.collecting import linked_accounts
from health.collecting.probes import CALENDAR
from health.models import Probe
from health.reporting.provider_status import derive_status
from health.vocabulary.readings import (
    CalendarHealth,
    IncidentView,
    ProbeReading,
    ProviderHealth,
    State,
)

CALENDAR_CHANNEL = "calendar"
# The ones there is a place for, with or without an account of ours.
KNOWN_VENDORS = ("google", "microsoft")


def collect_vendors(
    scope: int | None,
    incidents: Sequence[IncidentView],
    checks: Mapping[tuple[str, str], ProbeReading],
    now: datetime,
) -> list[ProviderHealth]:
    """Returns one card for each calendar vendor, also for those that are not configured."""
    found = linked_accounts.collect_calendar_health(scope, now)
    missing = [slug for slug in KNOWN_VENDORS if slug not in settings.CALENDARS]
    return [
        *(
            vendor_health(
                linked_accounts.vendor_total(slug, found),
                [incident for incident in incidents if incident.provider == slug],
                checks,
            )
            for slug in settings.CALENDARS
        ),
        *(
            ProviderHealth(
                provider=slug, channel=CALENDAR_CHANNEL, status=State.UNCONFIGURED, breaker=None
            )
            for slug in missing
        ),
    ]


def vendor_health(
    accounts: CalendarHealth,
    incidents: Sequence[IncidentView],
    checks: Mapping[tuple[str, str], ProbeReading],
) -> ProviderHealth:
    status, reason = vendor_status(incidents, accounts)
    return ProviderHealth(
        provider=accounts.vendor,
        channel=CALENDAR_CHANNEL,
        status=status,
        reason=reason,
        breaker=None,
        last_success_at=accounts.last_poll_at,
        last_failure_at=accounts.last_failure_at,
        last_webhook_at=accounts.last_push_at,
        webhook_endpoint=checks.get((Probe.Kind.ENDPOINT, CALENDAR), ProbeReading()),
        probe=checks.get((Probe.Kind.ACCOUNT, accounts.vendor), ProbeReading()),
        accounts=accounts,
    )


def vendor_status(incidents: Sequence[IncidentView], accounts: CalendarHealth) -> tuple[State, str]:
    """One account's trouble only degrades its vendor: no rule about accounts is critical."""
    status, reason = derive_status(None, incidents)
    if status == State.OPERATIONAL and not accounts.accounts:
        return status, "No account is linked yet."
    return status, reason
