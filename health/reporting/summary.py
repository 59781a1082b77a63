"""Everything that is known, for one organization or for the platform: what the page, the API and
the metrics show. Reads only rows that are few, however much was ever sent."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from communications.models import Organization
from communications.providers import registry
from health.collecting import (
    failure_groups,
    forged_webhooks,
    host,
    missing_webhooks,
    queue,
    traffic,
)
from health.collecting.traffic import Traffic
from health.models import Incident, Probe
from health.reporting import calendar_status
from health.reporting.provider_status import (
    check_of_probe,
    derive_status,
)
from health.vocabulary.readings import (
    BreakerReading,
    Host,
    IncidentView,
    ProbeReading,
    ProviderHealth,
    RateLimitReading,
    Severity,
    State,
    Summary,
)
from wedsync_comms.lib import heartbeats
from wedsync_comms.lib.breaker import UNREACHABLE, BreakerState

RESOLVED_WITHIN = timedelta(days=1)
MAX_RESOLVED = 20
# The rules are applied every few seconds by whichever process has the lease.
WATCHED_WITHIN = timedelta(seconds=30)
EVALUATOR = "evaluator"


def build_summary(organization: Organization | None, now: datetime | None = None) -> Summary:
    """Returns what one organization may see, or the platform (`organization` None)."""
    at, scope = now or timezone.now(), organization.pk if organization else None
    incidents = visible_views(Incident.objects.open().worst_first(), scope)
    providers = collect_providers(scope, incidents, at)
    beat = heartbeats.latest_beat(EVALUATOR)
    return Summary(
        organization=scope,
        at=at,
        status=worst_state(health.status for health in providers),
        providers=providers,
        queue=queue.collect_queue(scope, at),
        workers=host.collect_processes(at),
        host=Host() if scope else host.collect_host(),
        incidents=incidents,
        resolved=recently_resolved(scope, at),
        failures=failure_groups.collect_failure_groups(scope, at),
        evaluated_at=beat.beat_at if beat else None,
        watched=beat is not None and beat.beat_at >= at - WATCHED_WITHIN,
    )


def worst_state(states: Iterable[State]) -> State:
    return max(states, key=lambda state: state.rank, default=State.UNCONFIGURED)


# --- incidents ----------------------------------------------------------------------------------


def visible_views(incidents: Iterable[Incident], scope: int | None) -> tuple[IncidentView, ...]:
    return tuple(
        incident_view(incident, scope) for incident in incidents if is_visible_to(incident, scope)
    )


def is_visible_to(incident: Incident, scope: int | None) -> bool:
    """An organization is shown its own, and those of the providers that carry its messages."""
    if scope is None or incident.organization_id == scope:
        return True
    return incident.organization_id is None and bool(incident.provider)


def incident_view(incident: Incident, scope: int | None) -> IncidentView:
    # What is everybody's is shown without the numbers, which are everybody's as well.
    is_theirs = scope is None or incident.organization_id == scope
    return IncidentView(
        id=incident.pk,
        cause=incident.cause,
        kind=incident.kind,
        severity=Severity(incident.severity),
        title=incident.title,
        provider=incident.provider,
        opened_at=incident.opened_at or incident.suspected_at,
        resolved_at=incident.resolved_at,
        acknowledged_at=incident.acknowledged_at,
        acknowledged_by=incident.acknowledged_by if is_theirs else "",
        evidence=incident.evidence if is_theirs else {},
        did=incident.did,
        advice=incident.advice if is_theirs else "",
        link=incident.link,
    )


def recently_resolved(scope: int | None, now: datetime) -> tuple[IncidentView, ...]:
    rows = Incident.objects.filter(resolved_at__gt=now - RESOLVED_WITHIN)
    return visible_views(rows.order_by("-resolved_at")[:MAX_RESOLVED], scope)


# --- providers ----------------------------------------------------------------------------------


def collect_providers(
    scope: int | None,
    incidents: Sequence[IncidentView],
    now: datetime,
) -> tuple[ProviderHealth, ...]:
    found = traffic.collect_traffic(scope, now)
    checks = {
        (probe.kind, probe.subject): check_of_probe(probe, scope) for probe in Probe.objects.all()
    }
    configured = [
        provider_health(
            slug,
            scope,
            found.get(slug) or traffic.no_traffic(now),
            [incident for incident in incidents if incident.provider == slug],
            checks,
            now,
        )
        for slug in settings.PROVIDERS
    ]
    return (
        *configured,
        *unconfigured_providers(),
        *calendar_status.collect_vendors(scope, incidents, checks, now),
    )


def unconfigured_providers() -> list[ProviderHealth]:
    """Those there is a place for in a route, and no account."""
    return [
        ProviderHealth(provider=slug, channel=channel, status=State.UNCONFIGURED)
        for channel, order in settings.ROUTE_ORDER.items()
        for slug in order
        if slug not in settings.PROVIDERS
    ]


def provider_health(
    slug: str,
    scope: int | None,
    lately: Traffic,
    incidents: Sequence[IncidentView],
    checks: dict[tuple[str, str], ProbeReading],
    now: datetime,
) -> ProviderHealth:
    behind, state = registry.provider_for(slug), breaker_reading(slug, scope)
    status, reason = derive_status(state, incidents)
    return ProviderHealth(
        provider=slug,
        channel=behind.channel,
        status=status,
        reason=reason,
        breaker=state,
        success_rate=lately.success_rate,
        latency_p50_ms=lately.p50,
        latency_p95_ms=lately.p95,
        last_success_at=lately.last_success_at,
        last_failure_at=lately.last_failure_at,
        last_webhook_at=lately.last_receipt_at,
        webhook_expected_by=missing_webhooks.webhook_expected_by(slug, scope, lately, now),
        rate_limit=rate_limit_reading(slug),
        webhook_endpoint=checks.get((Probe.Kind.ENDPOINT, behind.webhook), ProbeReading()),
        probe=checks.get((Probe.Kind.ACCOUNT, slug), ProbeReading()),
        hourly=lately.hourly,
        five_minutes=lately.five_minutes,
        forged=0 if scope else forged_webhooks.forged_recently(behind.webhook),
    )


def breaker_reading(slug: str, scope: int | None) -> BreakerReading:
    found = host.unless_redis_away(registry.breaker_for(slug).state, BreakerState("closed"))
    return BreakerReading(
        state=found.state,
        # It counts everybody's attempts, or quotes what the provider says to the platform. That it
        # is not reached is everybody's business.
        reason=found.reason if scope is None or found.cause == UNREACHABLE else "",
        opened_at=found.opened_at,
        retry_at=found.retry_at,
        paused=found.paused,
        held=found.held,
        unreachable=found.cause == UNREACHABLE,
    )


def rate_limit_reading(slug: str) -> RateLimitReading | None:
    found = host.unless_redis_away(registry.bucket_for(slug).snapshot, None)
    if found is None:
        return None
    return RateLimitReading(
        per_second=found.per_second,
        headroom=max(0.0, 1.0 - found.used / found.per_second),
        held_for=found.held_for,
        learned=found.learned,
        said=found.said,
        found=found.found,
    )
