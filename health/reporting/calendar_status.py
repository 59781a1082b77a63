"""The cards of calendar vendors: what linked accounts say, where messages have their traffic."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.conf import settings

from health.collecting import linked_accounts
from health.collecting.probes import CALENDAR
from health.models import Probe
from health.reporting.provider_status import judged
from health.vocabulary.readings import (
    Check,
    IncidentView,
    Linked,
    ProviderHealth,
    State,
)

CHANNEL = "calendar"
# The ones there is a place for, with or without an account of ours.
KNOWN = ("google", "microsoft")


def look(
    scope: int | None,
    incidents: Sequence[IncidentView],
    checks: Mapping[tuple[str, str], Check],
    now: datetime,
) -> list[ProviderHealth]:
    found = linked_accounts.look(scope, now)
    missing = [slug for slug in KNOWN if slug not in settings.CALENDARS]
    return [
        *(
            vendor(
                linked_accounts.total(slug, found),
                [one for one in incidents if one.provider == slug],
                checks,
            )
            for slug in settings.CALENDARS
        ),
        *(
            ProviderHealth(provider=slug, channel=CHANNEL, status=State.UNCONFIGURED, breaker=None)
            for slug in missing
        ),
    ]


def vendor(
    accounts: Linked,
    incidents: Sequence[IncidentView],
    checks: Mapping[tuple[str, str], Check],
) -> ProviderHealth:
    status, reason = standing(incidents, accounts)
    return ProviderHealth(
        provider=accounts.vendor,
        channel=CHANNEL,
        status=status,
        reason=reason,
        breaker=None,
        last_success_at=accounts.last_poll_at,
        last_failure_at=accounts.last_failure_at,
        last_webhook_at=accounts.last_push_at,
        webhook_endpoint=checks.get((Probe.Kind.ENDPOINT, CALENDAR), Check()),
        probe=checks.get((Probe.Kind.ACCOUNT, accounts.vendor), Check()),
        accounts=accounts,
    )


def standing(incidents: Sequence[IncidentView], accounts: Linked) -> tuple[State, str]:
    """One account's trouble only degrades its vendor: no rule about accounts is critical."""
    status, reason = judged(None, incidents)
    if status == State.OPERATIONAL and not accounts.accounts:
        return status, "No account is linked yet."
    return status, reason
