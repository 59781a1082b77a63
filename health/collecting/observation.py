"""The facts of this moment that the rules judge, gathered with a few cheap queries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min
from django_q.models import Schedule

from communications.models import Attempt, Call, WebhookDelivery
from communications.providers import registry
from communications.receiving import bodies
from communications.vocabulary.statuses import Status
from health.collecting import (
    forged_webhooks,
    host,
    linked_accounts,
    missing_webhooks,
    queue,
    traffic,
)
from health.collecting.closed_senders import ClosedSender, collect_closed_senders
from health.collecting.missing_webhooks import AwaitedReceipts
from health.collecting.outcome_counts import (
    OutcomeCounts,
    count_outcomes,
)
from health.collecting.probes import CALENDAR
from health.collecting.traffic import Traffic
from health.models import Alert, Incident, Probe
from health.vocabulary import histogram
from health.vocabulary.readings import (
    CalendarHealth,
    Host,
    QueueReading,
)
from wedsync_comms.lib import heartbeats
from wedsync_comms.lib.breaker import BreakerState

# What "now" means for traffic: the shortest of these times that has enough calls in it to judge
# by. And for forged webhooks, in minutes.
TRAFFIC_WINDOWS = tuple(timedelta(seconds=seconds) for seconds in (8, 20, 35))
ENOUGH_CALLS = 3
FORGED_MINUTES = 3
# Much longer than any provider takes, and half of what is waited for.
HANGING_AFTER = timedelta(seconds=5)
# django-q2 looks at its schedules every half minute.
SCHEDULE_OVERDUE_AFTER = timedelta(minutes=3)


@dataclass(frozen=True, kw_only=True)
class ProviderObservation:
    slug: str
    channel: str
    webhook: str
    breaker: BreakerState = field(default_factory=lambda: BreakerState("closed"))
    held_for: float = 0.0
    # Of the last seconds, or of the last minute where there was little.
    accepted: int = 0
    failed: int = 0
    throttled: int = 0
    # Messages that have been waiting for an answer for long.
    hanging: int = 0
    p50_ms: float | None = None
    # What a quick call took in the last day.
    usual_ms: float | None = None
    reasons: Mapping[str, int] = field(default_factory=dict)
    last_accepted_at: datetime | None = None
    last_failed_at: datetime | None = None
    # Why it does not hand out the texts of received messages, while some are waited for.
    unreadable: str = ""
    probe: Probe | None = None
    endpoint: Probe | None = None
    awaited: AwaitedReceipts = field(default_factory=lambda: AwaitedReceipts(0, None, timedelta(0)))
    last_receipt_at: datetime | None = None
    forged: int = 0


@dataclass(frozen=True, kw_only=True)
class OpenIncident:
    kind: str
    last_seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class Observation:
    at: datetime
    providers: tuple[ProviderObservation, ...] = ()
    closed_senders: tuple[ClosedSender, ...] = ()
    # By vendor and organization.
    calendars: tuple[CalendarHealth, ...] = ()
    # Of the address that calendars push to.
    calendar_endpoint: Probe | None = None
    queue: QueueReading = field(default_factory=QueueReading)
    host: Host = field(default_factory=Host)
    # How often the storage of files failed lately.
    storage_failures: int = 0
    # When each kind of process was last heard of; missing: never.
    beats: Mapping[str, datetime] = field(default_factory=dict)
    oldest_unknown: datetime | None = None
    oldest_unapplied: datetime | None = None
    # The schedule that should have run for the longest time.
    overdue: str = ""
    # Channel -> how often it failed in a row.
    failing_alerts: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    # By cause.
    open: Mapping[str, OpenIncident] = field(default_factory=dict)


def collect_observation(now: datetime) -> Observation:
    """Returns what the rules judge at this moment: a few cheap queries."""
    recent, unanswered = recent_outcomes(now), count_hanging(now)
    lately = traffic.collect_traffic(None, now)
    probes = {(probe.kind, probe.subject): probe for probe in Probe.objects.all()}
    return Observation(
        at=now,
        providers=tuple(
            observe_provider(
                slug,
                recent,
                lately.get(slug) or traffic.no_traffic(now),
                probes,
                unanswered.get(slug, 0),
                now,
            )
            for slug in settings.PROVIDERS
        ),
        closed_senders=collect_closed_senders(),
        calendars=linked_accounts.collect_calendar_health(None, now),
        calendar_endpoint=probes.get((Probe.Kind.ENDPOINT, CALENDAR))
        if settings.CALENDARS
        else None,
        queue=queue.collect_queue(None, now),
        host=host.collect_host(),
        storage_failures=host.storage_failures(),
        beats=last_heartbeats(),
        oldest_unknown=Attempt.objects.filter(status=Status.UNKNOWN).aggregate(
            at=Min("started_at")
        )["at"],
        oldest_unapplied=WebhookDelivery.objects.unapplied().aggregate(at=Min("received_at"))["at"],
        overdue=overdue_schedule(now),
        failing_alerts=failing_alert_channels(),
        open={
            incident.cause: OpenIncident(kind=incident.kind, last_seen_at=incident.last_seen_at)
            for incident in Incident.objects.open()
        },
    )


def recent_outcomes(now: datetime) -> dict[str, OutcomeCounts]:
    """Returns the calls each provider is judged by: of the shortest window with enough of them."""
    found: dict[str, OutcomeCounts] = {}
    for window in TRAFFIC_WINDOWS:
        for (slug, organization), outcomes in count_outcomes(now - window, now + window).items():
            if organization is None and not has_enough_calls(found.get(slug)):
                found[slug] = outcomes
    return found


def count_hanging(now: datetime) -> dict[str, int]:
    """Returns how many messages of each provider wait long for an answer. Calls without an
    outcome are few, and have an index of their own."""
    calls = Call.objects.filter(
        repeat_after__isnull=False,
        attempts__finished_at=None,
        attempts__started_at__lte=now - HANGING_AFTER,
    )
    return dict(calls.values_list("provider").annotate(count=Count("attempts")))


def has_enough_calls(outcomes: OutcomeCounts | None) -> bool:
    if outcomes is None:
        return False
    return outcomes.accepted + outcomes.failed + outcomes.throttled >= ENOUGH_CALLS


def observe_provider(
    slug: str,
    recent: Mapping[str, OutcomeCounts],
    lately: Traffic,
    probes: Mapping[tuple[str, str], Probe],
    unanswered: int,
    now: datetime,
) -> ProviderObservation:
    behind, outcomes = registry.provider_for(slug), recent.get(slug) or OutcomeCounts()
    limit = host.unless_redis_away(registry.bucket_for(slug).snapshot, None)
    return ProviderObservation(
        slug=slug,
        channel=behind.channel,
        webhook=behind.webhook,
        breaker=host.unless_redis_away(registry.breaker_for(slug).state, BreakerState("closed")),
        held_for=limit.held_for if limit else 0.0,
        accepted=outcomes.accepted,
        failed=outcomes.failed,
        throttled=outcomes.throttled,
        hanging=unanswered,
        p50_ms=histogram.percentile_ms(outcomes.latency, 0.5),
        usual_ms=lately.usual_ms,
        reasons=dict(outcomes.reasons),
        last_accepted_at=outcomes.last_accepted_at or lately.last_success_at,
        last_failed_at=outcomes.last_failed_at or lately.last_failure_at,
        unreadable=unreadable_reason(slug),
        probe=probes.get((Probe.Kind.ACCOUNT, slug)),
        endpoint=probes.get((Probe.Kind.ENDPOINT, behind.webhook)),
        awaited=missing_webhooks.awaited_receipts(slug, None, lately, now),
        last_receipt_at=outcomes.last_receipt_at or lately.last_receipt_at,
        forged=forged_webhooks.forged_recently(behind.webhook, FORGED_MINUTES),
    )


def unreadable_reason(slug: str) -> str:
    """Returns what a provider says that does not let us read what came in; blank if it does."""
    state = host.unless_redis_away(bodies.reading_breaker(slug).state, BreakerState("closed"))
    if state.state == "closed" or not bodies.refused_messages(slug).exists():
        return ""
    return state.reason


def last_heartbeats() -> dict[str, datetime]:
    found = {name: heartbeats.latest_beat(name) for name in host.PROCESSES}
    return {name: beat.beat_at for name, beat in found.items() if beat is not None}


def overdue_schedule(now: datetime) -> str:
    """Returns the name of the schedule that is late for the longest time; empty if none is."""
    late = Schedule.objects.filter(next_run__lt=now - SCHEDULE_OVERDUE_AFTER).exclude(repeats=0)
    return late.order_by("next_run").values_list("name", flat=True).first() or ""


def failing_alert_channels() -> dict[str, tuple[int, str]]:
    """Returns how often each channel failed in a row, and its last error."""
    rows = Alert.objects.failing().order_by("tries").values_list("channel", "tries", "error")
    return {channel: (tries, error) for channel, tries, error in rows}
